//! `runtime::stack`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use gort::channel::{Receiver, bounded};

use crate::api_support::{join_thread, limit, on_thread};

#[inline(never)]
fn parks_here(rx: &Receiver<()>) {
    assert!(rx.recv().is_err());
    std::hint::black_box(());
}

#[gort::test]
fn tracebacks_show_the_users_functions() {
    let _limit = limit();
    let (tx, rx) = bounded::<()>(0);
    let b = gort::Builder::new().name("the parked one".into());
    let h = b.spawn(move || parks_here(&rx)).unwrap();
    let id = h.goroutine().id();
    let header = format!("goroutine {id} [chan receive, \"the parked one\"]:\n");
    // It is shown as running until it has parked.
    let all = loop {
        let all = gort::runtime::stack(true);
        if all.contains(&header) {
            break all;
        }
        gort::yield_now();
    };
    let own = format!("goroutine {} [running]:\n", gort::current().id());
    assert!(all.starts_with(&own), "{all}");
    let part = all.split("\n\n").find(|p| p.starts_with(&header)).expect(&all);
    assert!(part.contains("parks_here("), "{part}");
    assert!(part.contains("tests/tests/api_goroutine/traceback.rs:"), "{part}");
    let created = format!(
        "tracebacks_show_the_users_functions in goroutine {}\n\ttests/tests/api_goroutine/traceback.rs:",
        gort::current().id()
    );
    assert!(part.contains(&created), "{part}\ninstead of\n{created}");
    let one = gort::runtime::stack(false);
    assert!(one.starts_with(&own) && !one.contains("parks_here"), "{one}");
    assert_eq!(one.matches("goroutine ").count(), one.matches("in goroutine ").count() + 1, "{one}");
    drop(tx);
    h.join().unwrap();
    assert!(!gort::runtime::stack(true).contains(&header));
    // From a plain thread, and on the system stack.
    let from_thread = join_thread(on_thread(|| gort::runtime::stack(true)));
    assert!(from_thread.contains(&format!("goroutine {} [", gort::current().id())), "{from_thread}");
    assert!(!gort::runtime::callers().is_empty());
}

/// Dumps look at goroutines that park, end and are reused meanwhile.
#[gort::test]
fn tracebacks_while_everything_moves() {
    let _limit = limit();
    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..8u64)
        .map(|i| {
            let stop = stop.clone();
            gort::spawn(move || {
                let mut turns = 0u64;
                while !stop.load(SeqCst) {
                    let (tx, rx) = bounded(0);
                    let h = gort::Builder::new().name(format!("w{i}")).spawn(move || tx.send(turns)).unwrap();
                    assert_eq!(rx.recv(), Ok(turns));
                    h.join().unwrap().unwrap();
                    gort::sleep(Duration::from_micros(i * 10));
                    turns += 1;
                }
                turns
            })
        })
        .collect();
    for _ in 0..15 {
        let text = gort::runtime::stack(true);
        assert!(text.starts_with("goroutine "), "{text}");
        gort::yield_now();
    }
    stop.store(true, SeqCst);
    assert!(workers.into_iter().map(|w| w.join().unwrap()).sum::<u64>() > 0);
}
