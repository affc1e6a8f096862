//! Selects: what the trybuild programs of `select!` do not show.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use gort::channel::{self, Select, bounded, unbounded};

/// The arms were tried going round from a random start: an arm behind one that was never ready was chosen
/// three times as often as its neighbour.
#[gort::test]
fn ready_arms_were_not_chosen_alike() {
    let (tx_a, a) = unbounded();
    let (tx_b, b) = unbounded();
    let idle: Vec<_> = (0..2).map(|_| channel::never::<u32>()).collect();
    let rounds = 10_000;
    let mut from_b = 0;
    for i in 0..rounds {
        tx_a.send(i).unwrap();
        tx_b.send(i).unwrap();
        let mut select = Select::new();
        select.recv(&idle[0]);
        select.recv(&idle[1]);
        let first = select.recv(&a);
        select.recv(&b);
        let operation = select.select();
        if operation.index() == first {
            operation.recv(&a).unwrap();
            b.recv().unwrap();
        } else {
            operation.recv(&b).unwrap();
            a.recv().unwrap();
            from_b += 1;
        }
    }
    // 5,000 expected; 50 is one standard deviation.
    assert!((4_600..5_400).contains(&from_b), "{from_b} of {rounds} from the second of two ready arms");
}

/// Both sides wait in selects on an unbuffered channel: the sender's message is evaluated once, after it
/// was selected, and arrives.
#[gort::test]
fn selects_meet() {
    let (tx, rx) = bounded(0);
    let (other_tx, other_rx) = bounded::<u32>(0);
    let sends = gort::spawn(move || {
        let mut evaluated = 0;
        for i in 0..1000 {
            gort::select! {
                send(tx, { evaluated += 1; i }) -> sent => sent.unwrap(),
                recv(other_rx) -> _ => unreachable!("nobody sends"),
            }
        }
        evaluated
    });
    for i in 0..1000 {
        gort::select! {
            recv(rx) -> message => assert_eq!(message, Ok(i)),
            default(Duration::from_secs(20)) => panic!("timed out"),
        }
    }
    assert_eq!(sends.join().unwrap(), 1000);
    drop(other_tx);
}

/// A queued message that panics when it is dropped does not take the process with it.
#[gort::test]
fn queued_message_that_panics_when_dropped_aborted() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let (tx, rx) = unbounded();
    tx.send(Panics).unwrap();
    tx.send(Panics).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
    let back = tx.send(Panics).unwrap_err();
    std::mem::forget(back);
}
