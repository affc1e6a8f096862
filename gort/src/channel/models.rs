//! Models of channels and selects, as they are, over the scheduler of [`crate::sched`]'s model.

use std::time::Duration;

use loom::thread;

use super::{Receiver, RecvTimeoutError, Select, SendTimeoutError, Sender, TryRecvError, bounded, unbounded};
use crate::sched::{check, time_comes, waiters_are_threads};

mod ready;
mod timed;

const TIMEOUT: Duration = Duration::from_secs(1);

/// A message whose drop and content loom watches: it was written before it was read, and is dropped once.
type Message = Box<loom::alloc::Track<u32>>;

fn message(n: u32) -> Message {
    Box::new(loom::alloc::Track::new(n))
}

#[expect(clippy::boxed_local, reason = "it is dropped here, too")]
fn number(message: Message) -> u32 {
    *message.get_ref()
}

fn in_both_kinds(preemptions: usize, f: fn()) {
    check(preemptions, f);
    check(preemptions, move || {
        waiters_are_threads();
        f();
    });
}

fn sends(tx: Sender<Message>, numbers: &'static [u32]) -> thread::JoinHandle<()> {
    thread::spawn(move || numbers.iter().for_each(|&n| tx.send(message(n)).unwrap()))
}

fn in_order(cap: usize) {
    let (tx, rx) = bounded(cap);
    let sender = sends(tx, &[1, 2]);
    assert_eq!(rx.recv().map(number), Ok(1));
    assert_eq!(rx.recv().map(number), Ok(2));
    assert!(rx.recv().is_err());
    sender.join().unwrap();
}

#[test]
fn rendezvous() {
    in_both_kinds(3, || in_order(0));
}

#[test]
fn buffer_of_one() {
    in_both_kinds(3, || in_order(1));
}

/// Each message goes to one of two receivers, whether it is handed over or waits in the buffer.
#[test]
fn two_receivers() {
    for cap in [0, 1] {
        check(3, move || {
            let (tx, rx) = bounded(cap);
            let receivers = [rx.clone(), rx].map(|rx| thread::spawn(move || number(rx.recv().unwrap())));
            tx.send(message(1)).unwrap();
            tx.send(message(2)).unwrap();
            let got = receivers.map(|r| r.join().unwrap());
            assert!(got == [1, 2] || got == [2, 1]);
        });
    }
}

/// Two senders of whom one waits: what makes room moves its message into the buffer.
#[test]
fn two_senders() {
    for cap in [0, 1] {
        check(3, move || {
            let (tx, rx) = bounded(cap);
            let senders = [sends(tx.clone(), &[1]), sends(tx, &[2])];
            let got = [rx.recv(), rx.recv()].map(|m| number(m.unwrap()));
            assert!(got == [1, 2] || got == [2, 1]);
            assert!(rx.recv().is_err());
            senders.into_iter().for_each(|s| s.join().unwrap());
        });
    }
}

/// A close wakes a receiver, and what was sent before is received.
#[test]
fn close_against_recv() {
    in_both_kinds(3, || {
        let (tx, rx) = bounded(1);
        let closer = thread::spawn(move || {
            tx.send(message(1)).unwrap();
            tx.close();
            assert!(tx.send(message(2)).is_err());
        });
        assert_eq!(rx.recv().map(number), Ok(1));
        assert!(rx.recv().is_err());
        closer.join().unwrap();
    });
}

/// `Ok` is for messages that are received, and only for them.
#[test]
fn close_against_send() {
    for cap in [0, 1] {
        check(3, move || {
            let (tx, rx) = bounded(cap);
            let sender = thread::spawn(move || {
                [1, 2].map(|n| match tx.send(message(n)) {
                    Ok(()) => true,
                    Err(e) => {
                        assert_eq!(number(e.into_inner()), n, "the message comes back");
                        false
                    }
                })
            });
            let first = rx.recv().map(number);
            rx.close();
            let mut got = vec![first];
            while let Ok(m) = rx.try_recv() {
                got.push(Ok(number(m)));
            }
            let sent = sender.join().unwrap();
            let sent: Vec<_> = [1, 2].into_iter().zip(sent).filter(|s| s.1).map(|s| Ok(s.0)).collect();
            assert_eq!(got, sent);
        });
    }
}

/// The last receiver goes while a sender sends: the message comes back or is dropped, once.
#[test]
fn disconnect_against_send() {
    for cap in [0, 1] {
        check(3, move || {
            let (tx, rx) = bounded(cap);
            let sender = thread::spawn(move || tx.send(message(1)).map_err(|e| number(e.into_inner())));
            drop(rx);
            let sent = sender.join().unwrap();
            assert!(sent == Err(1) || cap == 1 && sent == Ok(()));
        });
    }
}

fn timed_recv() {
    let (tx, rx) = bounded(0);
    let sender = thread::spawn(move || match tx.send(message(1)) {
        Ok(()) => true,
        Err(e) => {
            assert_eq!(number(e.into_inner()), 1);
            false
        }
    });
    let time = thread::spawn(time_comes);
    let got = match rx.recv_timeout(TIMEOUT) {
        Ok(m) => {
            assert_eq!(number(m), 1);
            true
        }
        Err(RecvTimeoutError::Timeout) => false,
        Err(RecvTimeoutError::Disconnected) => panic!("the sender waits for us"),
    };
    drop(rx);
    assert_eq!(sender.join().unwrap(), got);
    time.join().unwrap();
}

#[test]
fn recv_times_out_against_send() {
    check(3, timed_recv);
}

#[test]
fn recv_of_a_thread_times_out_against_send() {
    check(3, || {
        waiters_are_threads();
        timed_recv();
    });
}

/// Both sides have a time-out: both succeed or neither does, and the message is where it belongs.
#[test]
fn send_times_out_against_timed_recv() {
    check(3, || {
        let (tx, rx) = bounded(0);
        let sender = thread::spawn(move || match tx.send_timeout(message(1), TIMEOUT) {
            Ok(()) => true,
            Err(SendTimeoutError::Timeout(m) | SendTimeoutError::Disconnected(m)) => {
                assert_eq!(number(m), 1);
                false
            }
        });
        let time = thread::spawn(time_comes);
        let got = rx.recv_timeout(TIMEOUT).is_ok();
        drop(rx);
        assert_eq!(sender.join().unwrap(), got);
        time.join().unwrap();
    });
}

/// A select over two sends, which fills in the first for whichever was won.
fn select_send(a: &Sender<Message>, b: &Sender<Message>) -> usize {
    let mut select = Select::new_biased();
    select.send(a);
    select.send(b);
    let operation = select.select();
    let index = operation.index();
    operation.send([a, b][index], message(index as u32)).expect("a receiver");
    index
}

fn select_recv(a: &Receiver<Message>, b: &Receiver<Message>) -> Option<u32> {
    let mut select = Select::new_biased();
    select.recv(a);
    select.recv(b);
    let operation = select.select();
    let index = operation.index();
    let got = operation.recv([a, b][index]).ok().map(number);
    assert!(got.is_none_or(|n| n == index as u32), "a message of the channel that was selected");
    got
}

/// Two selects over the same two channels meet, in opposite orders: they agree on one.
fn selects_meet(cap: usize) {
    let (a, a_out) = bounded(cap);
    let (b, b_out) = bounded(cap);
    let sender = thread::spawn(move || {
        let sent = select_send(&b, &a);
        // The other side looks at its channels in another order.
        (a, b, sent)
    });
    let mut select = Select::new_biased();
    select.recv(&a_out);
    select.recv(&b_out);
    let operation = select.select();
    let got = if operation.index() == 0 { operation.recv(&a_out) } else { operation.recv(&b_out) };
    let (_a, _b, sent) = sender.join().unwrap();
    assert_eq!(got.map(number), Ok(sent as u32));
    assert_eq!((a_out.try_recv().is_err(), b_out.try_recv().is_err()), (true, true), "one commit");
}

#[test]
fn two_selects_meet() {
    check(3, || selects_meet(0));
}

#[test]
fn two_selects_of_threads_meet() {
    check(3, || {
        waiters_are_threads();
        selects_meet(0);
    });
}

#[test]
fn two_selects_meet_at_buffers() {
    check(3, || selects_meet(1));
}

/// A select that waits is won by one of two senders, and the other stays.
#[test]
fn select_against_two_senders() {
    check(3, || {
        let (a, a_out) = bounded(0);
        let (b, b_out) = bounded(0);
        let senders = [sends(a, &[0]), sends(b, &[1])];
        let first = select_recv(&a_out, &b_out).unwrap();
        let other = if first == 0 { b_out.recv() } else { a_out.recv() };
        assert_eq!(other.map(number), Ok(1 - first));
        senders.into_iter().for_each(|s| s.join().unwrap());
    });
}

/// A select that waits to send is won by a receiver, which gets what is made only then.
#[test]
fn select_to_send_against_a_receiver() {
    in_both_kinds(3, || {
        let (a, a_out) = bounded(0);
        let (b, _b_out) = bounded(0);
        let receiver = thread::spawn(move || a_out.recv().map(number));
        assert_eq!(select_send(&a, &b), 0);
        assert_eq!(receiver.join().unwrap(), Ok(0));
    });
}

/// A receiver with a time-out is kept by a select that has yet to make the message.
#[test]
fn select_to_send_against_a_timed_receiver() {
    check(3, || {
        let (a, a_out) = bounded(0);
        let time = thread::spawn(time_comes);
        let receiver = thread::spawn(move || a_out.recv_timeout(TIMEOUT).map(number));
        let mut select = Select::new_biased();
        select.send(&a);
        let sent = match select.select_timeout(TIMEOUT) {
            Ok(operation) => operation.send(&a, message(7)).is_ok(),
            Err(_) => false,
        };
        drop(a);
        let got = receiver.join().unwrap();
        assert_eq!(got.is_ok(), sent, "{got:?}");
        time.join().unwrap();
    });
}

#[test]
fn select_against_close() {
    in_both_kinds(3, || {
        let (a, a_out) = bounded(0);
        let (_b, b_out) = bounded(0);
        let closer = thread::spawn(move || a.close());
        assert_eq!(select_recv(&a_out, &b_out), None);
        closer.join().unwrap();
    });
}

/// A place in the buffer is promised to a select, and the channel closes before the message comes.
#[test]
fn select_to_send_against_close() {
    for cap in [0, 1] {
        check(3, move || {
            let (a, a_out) = bounded(cap);
            let closer = thread::spawn(move || {
                a_out.close();
                a_out.try_recv().map(number)
            });
            let mut select = Select::new_biased();
            select.send(&a);
            let sent = select.select().send(&a, message(3)).map_err(|e| number(e.into_inner()));
            let got = closer.join().unwrap();
            match sent {
                Ok(()) => assert!(got == Ok(3)),
                Err(n) => assert_eq!((n, got), (3, Err(TryRecvError::Disconnected))),
            }
        });
    }
}

/// Time-out against a message: what is not received stays in the channel.
#[test]
fn select_times_out_against_send() {
    check(3, || {
        let (a, a_out) = unbounded();
        let sender = sends(a, &[0]);
        let time = thread::spawn(time_comes);
        let mut select = Select::new_biased();
        select.recv(&a_out);
        let first = select.select_timeout(TIMEOUT).ok().map(|operation| operation.recv(&a_out));
        sender.join().unwrap();
        match first {
            Some(got) => assert_eq!(got.map(number), Ok(0)),
            None => assert_eq!(a_out.recv().map(number), Ok(0)),
        }
        assert!(a_out.try_recv().is_err());
        time.join().unwrap();
    });
}

/// A message that was sent is there, or another has come first: `default` is for a moment at which all was empty.
#[test]
fn default_is_linearizable() {
    check(3, || {
        let (a, a_out) = bounded(1);
        let (b, b_out) = bounded(1);
        let a_out = crate::primitive::Arc::new(a_out);
        let other = thread::spawn({
            let a_out = a_out.clone();
            move || {
                b.send(message(1)).unwrap();
                a_out.try_recv().map(number).ok()
            }
        });
        a.send(message(0)).unwrap();
        let mut select = Select::new_biased();
        // The order in which a look would find the second empty and then the first.
        select.recv(&b_out);
        select.recv(&a_out);
        match select.try_select() {
            Ok(operation) if operation.index() == 0 => assert_eq!(operation.recv(&b_out).map(number), Ok(1)),
            Ok(operation) => assert_eq!(operation.recv(&a_out).map(number), Ok(0)),
            Err(_) => panic!("neither was ready at the same time"),
        }
        drop(select);
        other.join().unwrap();
    });
}

/// Two that do not wait meet, or do not: they agree.
#[test]
fn two_selects_that_do_not_wait() {
    check(3, || {
        let (a, a_out) = bounded(0);
        let (b, b_out) = bounded(0);
        let sender = thread::spawn(move || {
            let mut select = Select::new_biased();
            select.send(&a);
            select.send(&b);
            let sent = select.try_select().ok().map(|operation| {
                let index = operation.index();
                operation.send([&a, &b][index], message(index as u32)).unwrap();
                index as u32
            });
            drop(select);
            (a, b, sent)
        });
        let mut select = Select::new_biased();
        select.recv(&b_out);
        select.recv(&a_out);
        let got = select.try_select().ok().map(|operation| {
            let from = [&b_out, &a_out][operation.index()];
            number(operation.recv(from).unwrap())
        });
        let (_a, _b, sent) = sender.join().unwrap();
        assert_eq!(got, sent);
    });
}

/// What is queued when the last receiver goes is dropped then, and not with the last sender.
#[test]
fn last_receiver_drops_what_is_queued() {
    check(3, || {
        let (a, a_out) = bounded(1);
        let watched = crate::primitive::Arc::new(());
        let sender = thread::spawn({
            let watched = watched.clone();
            move || {
                let sent = a.send(watched).is_ok();
                (a, sent)
            }
        });
        drop(a_out);
        let (_a, _sent) = sender.join().unwrap();
        assert_eq!(crate::primitive::Arc::strong_count(&watched), 1, "dropped, or given back");
    });
}

/// A place that is promised to a select is taken.
#[test]
fn a_promised_place_is_taken() {
    check(3, || {
        let (a, a_out) = bounded(1);
        let other = thread::spawn({
            let a = a.clone();
            move || a.try_send(message(2)).is_ok()
        });
        let mut select = Select::new_biased();
        select.send(&a);
        let sent = match select.try_select() {
            Ok(operation) => operation.send(&a, message(1)).is_ok(),
            Err(_) => false,
        };
        let other = other.join().unwrap();
        assert!(sent != other, "one place, one message");
        assert_eq!(a_out.len(), 1);
        assert_eq!(a_out.recv().map(number), Ok(if sent { 1 } else { 2 }));
    });
}

/// So is one that a receiver makes, promised to a select that waits.
#[test]
fn a_place_promised_to_one_who_waits_is_taken() {
    check(3, || {
        let (a, a_out) = bounded(1);
        a.send(message(0)).unwrap();
        let sender = thread::spawn({
            let a = a.clone();
            move || {
                let mut select = Select::new_biased();
                select.send(&a);
                select.select().send(&a, message(1)).unwrap();
            }
        });
        assert_eq!(a_out.recv().map(number), Ok(0));
        if a.try_send(message(2)).is_ok() {
            assert_eq!(a_out.len(), 1, "one place, one message");
            assert_eq!(a_out.recv().map(number), Ok(2));
        }
        assert_eq!(a_out.recv().map(number), Ok(1));
        sender.join().unwrap();
    });
}
