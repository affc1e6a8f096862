//! One program for each bug that needs a process of its own; see `tests/bugs.rs`.

use gort::channel::{self, Select};

/// Waits in its destructor for a message that another goroutine sends.
struct WaitsInDrop(channel::Receiver<i32>);

impl Drop for WaitsInDrop {
    fn drop(&mut self) {
        assert!(std::thread::panicking());
        assert_eq!(self.0.recv(), Ok(7));
    }
}

fn panicking_goroutine_waits_on_the_only_p() {
    let (tx, rx) = channel::bounded(0);
    let panics = gort::spawn(move || {
        let _waits = WaitsInDrop(rx);
        panic!("boom");
    });
    gort::spawn(move || tx.send(7).unwrap()).join().unwrap();
    assert!(panics.join().is_err());
    assert!(!std::thread::panicking());
}

fn try_recv_from_a_waiting_select_on_the_only_p() {
    let (tx, rx) = channel::bounded(0);
    let (ready, is_ready) = channel::bounded(1);
    let selects = gort::spawn(move || {
        let mut select = Select::new();
        select.send(&tx);
        ready.send(()).unwrap();
        select.select().send(&tx, 7).unwrap();
    });
    is_ready.recv().unwrap();
    let message = loop {
        match rx.try_recv() {
            Ok(message) => break message,
            Err(_) => gort::yield_now(),
        }
    };
    assert_eq!(message, 7);
    selects.join().unwrap();
}

/// A thread that often begins to wait, beside a goroutine that wakes for a timer and sets another.
fn thread_waits_beside_short_sleeps() {
    let (tx, rx) = channel::bounded(0);
    let thread = std::thread::spawn(move || rx.iter().count());
    for i in 0..4000 {
        tx.send(i).unwrap();
        (0..4).for_each(|_| gort::sleep(std::time::Duration::from_micros(1)));
    }
    drop(tx);
    assert_eq!(gort::blocking(|| thread.join().unwrap()), 4000);
}

#[gort::main(gomaxprocs = 1)]
fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("panicking_goroutine_waits") => panicking_goroutine_waits_on_the_only_p(),
        Some("try_recv_from_a_select") => try_recv_from_a_waiting_select_on_the_only_p(),
        Some("thread_waits_beside_sleeps") => thread_waits_beside_short_sleeps(),
        other => panic!("no such program: {other:?}"),
    }
    println!("done");
}
