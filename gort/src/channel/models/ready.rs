//! Models of `ready`: who waits for a channel to become ready is told of each thing that makes it so.

use loom::thread;

use super::super::{Select, TryRecvError, bounded};
use super::{Message, TIMEOUT, in_both_kinds, message, number, select_send, sends};
use crate::sched::check;

/// `ready` is told of a receiver that comes to wait, and of a message.
#[test]
fn ready_against_the_other_side() {
    check(3, || {
        let (a, a_out) = bounded(0);
        let receiver = thread::spawn(move || a_out.recv().map(number));
        let mut select = Select::new_biased();
        select.send(&a);
        assert_eq!(select.ready(), 0);
        a.try_send(message(5)).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(5));
    });
    check(3, || {
        let (a, a_out) = bounded(1);
        let sender = sends(a, &[5]);
        let mut select = Select::new_biased();
        select.recv(&a_out);
        assert_eq!(select.ready(), 0);
        assert_eq!(a_out.try_recv().map(number), Ok(5));
        sender.join().unwrap();
    });
}

/// `ready` is told of a close, by either end.
#[test]
fn ready_against_close() {
    in_both_kinds(3, || {
        let (a, a_out) = bounded::<Message>(1);
        let closer = thread::spawn(move || a.close());
        let mut select = Select::new_biased();
        select.recv(&a_out);
        assert_eq!(select.ready(), 0);
        assert_eq!(a_out.try_recv().map(number), Err(TryRecvError::Disconnected));
        closer.join().unwrap();
    });
    check(3, || {
        let (a, a_out) = bounded(0);
        let closer = thread::spawn(move || drop(a_out));
        let mut select = Select::new_biased();
        select.send(&a);
        assert_eq!(select.ready(), 0);
        assert!(a.try_send(message(1)).unwrap_err().is_disconnected());
        closer.join().unwrap();
    });
}

/// One who waits to send, to anybody or until a time, makes the channel ready; who then looks finds it.
#[test]
fn ready_against_one_who_waits_to_send() {
    check(3, || {
        let (a, a_out) = bounded(0);
        let (b, _b_out) = bounded(0);
        let sender = thread::spawn(move || select_send(&a, &b));
        let mut select = Select::new_biased();
        select.recv(&a_out);
        assert_eq!(select.ready(), 0);
        assert_eq!(a_out.try_recv().map(number), Ok(0));
        assert_eq!(sender.join().unwrap(), 0);
    });
    check(3, || {
        let (a, a_out) = bounded(0);
        let sender = thread::spawn(move || a.send_timeout(message(4), TIMEOUT).is_ok());
        let mut select = Select::new_biased();
        select.recv(&a_out);
        assert_eq!(select.ready(), 0);
        assert_eq!(a_out.try_recv().map(number), Ok(4));
        assert!(sender.join().unwrap());
    });
}
