//! Models of operations with a time-out whose time does not come: what others take ends no wait, and what is left is
//! seen.

use loom::thread;

use super::super::{Receiver, Select, Sender, bounded};
use super::{Message, TIMEOUT, message, number};
use crate::sched::check;

/// A message comes and is taken by another, at any moment of the wait; then one comes that stays.
fn received(receive: fn(&Receiver<Message>) -> Option<u32>) {
    check(3, move || {
        let (tx, rx) = bounded(1);
        let other = thread::spawn({
            let rx = rx.clone();
            move || {
                tx.send(message(1)).unwrap();
                let first = rx.try_recv().map(number);
                thread::yield_now();
                tx.send(message(2)).unwrap();
                (first.ok(), tx)
            }
        });
        let got = receive(&rx);
        let (taken, tx) = other.join().unwrap();
        assert!(got.is_some(), "the time has not come");
        assert_eq!(got, if taken == Some(1) { Some(2) } else { Some(1) });
        drop(tx);
    });
}

#[test]
fn a_timed_recv_goes_on_waiting() {
    received(|rx| rx.recv_timeout(TIMEOUT).ok().map(number));
}

#[test]
fn a_timed_select_goes_on_waiting() {
    received(|rx| {
        let mut select = Select::new_biased();
        select.recv(rx);
        select.select_timeout(TIMEOUT).ok().map(|operation| number(operation.recv(rx).unwrap()))
    });
}

#[test]
fn a_timed_ready_goes_on_waiting() {
    received(|rx| {
        let mut select = Select::new_biased();
        select.recv(rx);
        loop {
            select.ready_timeout(TIMEOUT).ok()?;
            if let Ok(got) = rx.try_recv() {
                return Some(number(got));
            }
        }
    });
}

/// Room comes and is taken by another; then it comes to stay.
fn sent(send: fn(&Sender<Message>) -> bool) {
    check(3, move || {
        let (tx, rx) = bounded(1);
        tx.send(message(1)).unwrap();
        let other = thread::spawn({
            let tx = tx.clone();
            move || {
                let mut got = vec![number(rx.recv().unwrap())];
                let again = tx.try_send(message(2)).is_ok();
                drop(tx);
                thread::yield_now();
                got.push(number(rx.recv().unwrap()));
                got.extend(again.then(|| rx.recv().map(number).unwrap()));
                got
            }
        });
        assert!(send(&tx), "the time has not come");
        drop(tx);
        let got = other.join().unwrap();
        assert!(got == [1, 3] || got == [1, 2, 3] || got == [1, 3, 2], "{got:?}");
    });
}

#[test]
fn a_timed_send_goes_on_waiting() {
    sent(|tx| tx.send_timeout(message(3), TIMEOUT).is_ok());
}

#[test]
fn a_timed_select_to_send_goes_on_waiting() {
    sent(|tx| {
        let mut select = Select::new_biased();
        select.send(tx);
        select.select_timeout(TIMEOUT).is_ok_and(|operation| operation.send(tx, message(3)).is_ok())
    });
}
