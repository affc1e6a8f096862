//! A message of 32 KiB that came out of `try_iter` was copied from frame to frame until a goroutine's stack was full.
//! (Unoptimised code copies more often.)

use std::time::Duration;

use gort::channel::{Receiver, Sender, bounded, unbounded};

const SIZE: usize = if cfg!(debug_assertions) { 4 << 10 } else { 32 << 10 };

struct Large([u8; SIZE]);

#[inline(never)]
fn sends(tx: &Sender<Large>, n: u8) {
    assert!(tx.send(Large([n; SIZE])).is_ok());
}

#[inline(never)]
fn tries_to_send(tx: &Sender<Large>, n: u8) {
    assert!(tx.try_send(Large([n; SIZE])).is_ok());
}

#[inline(never)]
fn sends_in_time(tx: &Sender<Large>, n: u8) {
    assert!(tx.send_timeout(Large([n; SIZE]), Duration::from_secs(60)).is_ok());
}

#[inline(never)]
fn selects_a_send(tx: &Sender<Large>, n: u8) {
    gort::select! {
        send(tx, Large([n; SIZE])) -> sent => assert!(sent.is_ok()),
        recv(gort::channel::never::<()>()) -> _ => unreachable!(),
    }
}

#[inline(never)]
fn receives(rx: &Receiver<Large>, n: u8) {
    assert!(rx.recv().is_ok_and(|m| m.0[SIZE - 1] == n));
}

#[inline(never)]
fn tries_to_receive(rx: &Receiver<Large>, n: u8) {
    assert!(rx.try_recv().is_ok_and(|m| m.0[SIZE - 1] == n));
}

#[inline(never)]
fn receives_in_time(rx: &Receiver<Large>, n: u8) {
    assert!(rx.recv_timeout(Duration::from_secs(60)).is_ok_and(|m| m.0[SIZE - 1] == n));
}

#[inline(never)]
fn selects_a_receive(rx: &Receiver<Large>, n: u8) {
    gort::select! {
        recv(rx) -> m => assert!(m.is_ok_and(|m| m.0[SIZE - 1] == n)),
        recv(gort::channel::never::<()>()) -> _ => unreachable!(),
    }
}

#[inline(never)]
fn iterates(rx: &Receiver<Large>, n: u8) {
    assert!(rx.iter().next().is_some_and(|m| m.0[SIZE - 1] == n));
}

#[inline(never)]
fn tries_to_iterate(rx: &Receiver<Large>, n: u8) {
    let mut last = 0;
    for m in rx.try_iter() {
        last = m.0[SIZE - 1];
    }
    assert_eq!(last, n);
}

#[gort::test]
fn large_messages_overflowed() {
    let (tx, rx) = unbounded();
    tries_to_send(&tx, 1);
    tries_to_receive(&rx, 1);
    tries_to_send(&tx, 2);
    tries_to_iterate(&rx, 2);
    for cap in [0, 1] {
        let (tx, rx) = bounded(cap);
        let sender = gort::spawn(move || {
            sends(&tx, 1);
            sends_in_time(&tx, 2);
            selects_a_send(&tx, 3);
            sends(&tx, 4);
            sends(&tx, 5);
        });
        receives(&rx, 1);
        receives_in_time(&rx, 2);
        receives(&rx, 3);
        selects_a_receive(&rx, 4);
        iterates(&rx, 5);
        sender.join().unwrap();
    }
}
