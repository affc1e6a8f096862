//! Everything at once, while GOMAXPROCS changes.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gort::spawn;

/// Everything at once, in many goroutines, with dumps and a GOMAXPROCS that changes meanwhile.
fn storm(procs: usize, dumps: bool) {
    let before = gort::runtime::gomaxprocs(procs);
    fn tree(depth: u32, seed: u64) -> u64 {
        let next = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let kind = (next >> 33) % 12;
        match kind {
            0 => gort::yield_now(),
            1 => gort::sleep(Duration::from_micros(next % 50)),
            2 => {
                let (tx, rx) = gort::chan(0);
                gort::go!(move || tx.send(7).unwrap());
                assert_eq!(rx.recv().unwrap(), 7);
            }
            3 => {
                let caught = spawn(panic_quietly).join();
                assert!(caught.is_err());
            }
            4 => assert!(spawn(|| -> () { gort::goexit() }).join().is_err()),
            5 => gort::lock_os_thread(),
            6 => {
                gort::current().unpark();
                gort::park();
            }
            _ => {}
        }
        if kind == 5 && next & 1 == 0 {
            gort::unlock_os_thread();
        }
        if depth == 0 {
            return 1;
        }
        let a = spawn(move || tree(depth - 1, next));
        let b = spawn(move || tree(depth - 1, next ^ 0x5555));
        let (a, b) = if kind < 6 {
            (a.join().unwrap(), b.join().unwrap())
        } else {
            let b = b.join().unwrap();
            (a.join().unwrap(), b)
        };
        a + b
    }
    fn panic_quietly() {
        std::panic::resume_unwind(Box::new("quiet"));
    }
    let over = Arc::new(AtomicBool::new(false));
    let stop = over.clone();
    let meddler = spawn(move || {
        let mut n = 0;
        while !stop.load(Ordering::Relaxed) {
            if dumps {
                black_box(gort::runtime::stack(n % 8 < 1).len());
            }
            n += 1;
            gort::runtime::gomaxprocs(if n % 4 < 2 { procs } else { procs.div_ceil(2) });
            gort::sleep(Duration::from_micros(300));
        }
    });
    let roots: Vec<_> = (0..4).map(|i| spawn(move || tree(8, i))).collect();
    for root in roots {
        assert_eq!(root.join().unwrap(), 256);
    }
    over.store(true, Ordering::Relaxed);
    meddler.join().unwrap();
    gort::runtime::gomaxprocs(before);
}

#[gort::test]
fn storms() {
    for procs in [1, 2, 3, 8, 64] {
        for _ in 0..4 {
            storm(procs, true);
        }
    }
}

/// A thief had claimed a goroutine that is locked to another M, found a second one to run, and slept with the first when
/// its P was retired.
#[gort::test]
fn bug_a_locked_goroutine_left_behind_by_a_thief() {
    for _ in 0..10 {
        storm(8, false);
    }
}
