//! Channels: order, capacity, ends, drops, and both ends on goroutines and plain threads.

mod api_support;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use api_support::{Drops, join_thread, limit, on_thread};
use gort::channel::{Receiver, RecvError, SendError, Sender, TryRecvError, TrySendError, bounded, unbounded};

/// The flavours to go through: `None` for no limit.
const CAPACITIES: [Option<usize>; 6] = [Some(0), Some(1), Some(2), Some(7), Some(1000), None];

fn channel<T>(cap: Option<usize>) -> (Sender<T>, Receiver<T>) {
    cap.map_or_else(unbounded, bounded)
}

#[gort::test]
fn capacity_and_len() {
    let _limit = limit();
    for cap in CAPACITIES {
        let (tx, rx) = channel(cap);
        assert_eq!((tx.capacity(), rx.capacity()), (cap, cap));
        let room = cap.unwrap_or(3000);
        for i in 0..room {
            assert_eq!(tx.is_full(), cap == Some(i));
            assert_eq!((tx.len(), rx.len(), tx.is_empty(), rx.is_empty()), (i, i, i == 0, i == 0));
            tx.try_send(i).unwrap();
        }
        if cap.is_some() {
            assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)));
            assert!(rx.is_full());
        }
        for i in 0..room {
            assert_eq!(rx.try_recv(), Ok(i));
        }
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert!(tx.is_empty() && !tx.is_closed());
        drop(rx);
        assert_eq!(tx.try_send(5), Err(TrySendError::Disconnected(5)));
        assert_eq!(tx.send(6), Err(SendError(6)));
        assert!(tx.is_closed());
    }
    assert_eq!(gort::chan::<u8>(3).0.capacity(), Some(3));
    let (tx, rx) = bounded(usize::MAX);
    tx.send(1).unwrap();
    assert_eq!(rx.recv(), Ok(1));
}

#[gort::test]
fn first_in_first_out() {
    let _limit = limit();
    const N: usize = 2000;
    for cap in CAPACITIES {
        for from_thread in [false, true] {
            for to_thread in [false, true] {
                let (tx, rx) = channel(cap);
                let send = move || (0..N).for_each(|i| tx.send(i).unwrap());
                let recv = move || rx.iter().collect::<Vec<_>>();
                let sender: Box<dyn FnOnce()> = if from_thread {
                    let t = on_thread(send);
                    Box::new(|| join_thread(t))
                } else {
                    let h = gort::spawn(send);
                    Box::new(|| h.join().unwrap())
                };
                let list =
                    if to_thread { join_thread(on_thread(recv)) } else { gort::spawn(recv).join().unwrap() };
                sender();
                assert!(list.into_iter().eq(0..N), "{cap:?} {from_thread} {to_thread}");
            }
        }
    }
}

#[gort::test]
fn an_unbuffered_send_ends_when_it_is_received() {
    let _limit = limit();
    let (tx, rx) = bounded(0);
    let received = Arc::new(AtomicUsize::new(0));
    let seen = received.clone();
    let sender = gort::spawn(move || {
        for i in 0..200 {
            tx.send(i).unwrap();
            // The receiver took it before the send ended: it counted the one before that.
            assert!(seen.load(SeqCst) >= i);
        }
    });
    for i in 0..200 {
        gort::yield_now();
        assert_eq!(rx.recv(), Ok(i));
        received.store(i + 1, SeqCst);
        assert_eq!(rx.len(), 0);
    }
    sender.join().unwrap();
    assert_eq!(rx.recv(), Err(RecvError));
    // try_send needs a receiver that waits.
    let (tx, rx) = bounded(0);
    assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
    let h = gort::spawn(move || rx.recv());
    while tx.try_send(2).is_err() {
        gort::yield_now();
    }
    assert_eq!(h.join().unwrap(), Ok(2));
    // try_recv needs a sender that waits.
    let (tx, rx) = bounded(0);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    gort::go!(move || tx.send(3).unwrap());
    loop {
        match rx.try_recv() {
            Ok(n) => break assert_eq!(n, 3),
            Err(TryRecvError::Empty) => gort::yield_now(),
            Err(e) => panic!("{e}"),
        }
    }
}

#[gort::test]
fn what_is_queued_outlives_the_senders() {
    let _limit = limit();
    for cap in CAPACITIES.into_iter().filter(|c| *c != Some(0)) {
        for close in [false, true] {
            let (tx, rx) = channel(cap);
            let n = cap.unwrap_or(100);
            (0..n).for_each(|i| tx.send(i).unwrap());
            let other = tx.clone();
            drop(tx);
            if close {
                assert!(!rx.is_closed());
                other.close();
                other.close();
                assert!(rx.is_closed() && other.is_closed());
                assert_eq!(other.send(1), Err(SendError(1)));
                assert_eq!(other.try_send(1), Err(TrySendError::Disconnected(1)));
                assert_eq!(rx.len(), n, "closing keeps what is queued");
            } else {
                drop(other);
            }
            assert!(rx.iter().eq(0..n));
            assert_eq!(rx.recv(), Err(RecvError));
            assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
            assert_eq!(rx.iter().next(), None);
        }
    }
}

/// Waits until something waits for room in, or a message of, a channel: those who wait are counted
/// before they do, so some turns are given to them.
fn let_them_park(count: &AtomicUsize, n: usize) {
    while count.load(SeqCst) < n {
        gort::yield_now();
    }
    for _ in 0..20 {
        gort::yield_now();
    }
    gort::sleep(Duration::from_millis(2));
}

#[gort::test]
fn an_end_wakes_all_who_wait() {
    let _limit = limit();
    #[derive(Clone, Copy, Debug)]
    enum End {
        CloseByTx,
        CloseByRx,
        Drop,
    }
    for cap in [Some(0), Some(1), Some(3)] {
        for end in [End::CloseByTx, End::CloseByRx, End::Drop] {
            // Senders get their message back.
            let drops = Drops::new();
            let (tx, rx) = channel(cap);
            (0..cap.unwrap()).for_each(|i| tx.send((1000 + i, drops.value())).unwrap());
            let begun = Arc::new(AtomicUsize::new(0));
            let work = |i: usize| {
                let (tx, d, begun) = (tx.clone(), drops.value(), begun.clone());
                move || {
                    begun.fetch_add(1, SeqCst);
                    let back = tx.send((i, d)).unwrap_err().into_inner();
                    assert_eq!(back.0, i);
                }
            };
            let handles: Vec<_> = (0..5).map(|i| gort::spawn(work(i))).collect();
            let thread = on_thread(work(5));
            let_them_park(&begun, 6);
            assert_eq!(drops.count(), 0);
            let kept = match end {
                End::CloseByTx => {
                    tx.close();
                    Some(rx)
                }
                End::CloseByRx => {
                    rx.close();
                    Some(rx)
                }
                End::Drop => {
                    drop(rx);
                    None
                }
            };
            handles.into_iter().for_each(|h| h.join().unwrap());
            join_thread(thread);
            assert_eq!(drops.count(), if kept.is_some() { 6 } else { 6 + cap.unwrap() }, "{cap:?} {end:?}");
            if let Some(rx) = kept {
                assert_eq!(
                    rx.iter().map(|m| m.0).collect::<Vec<_>>(),
                    (1000..1000 + cap.unwrap()).collect::<Vec<_>>()
                );
            }
            drop(tx);
            assert_eq!(drops.count(), 6 + cap.unwrap());
            // Receivers see the end.
            let (tx, rx) = channel::<u8>(cap);
            let begun = Arc::new(AtomicUsize::new(0));
            let work = || {
                let (rx, begun) = (rx.clone(), begun.clone());
                move || {
                    begun.fetch_add(1, SeqCst);
                    rx.recv()
                }
            };
            let handles: Vec<_> = (0..5).map(|_| gort::spawn(work())).collect();
            let thread = on_thread(work());
            let_them_park(&begun, 6);
            match end {
                End::CloseByTx => tx.close(),
                End::CloseByRx => rx.close(),
                End::Drop => drop(tx),
            }
            handles.into_iter().for_each(|h| assert_eq!(h.join().unwrap(), Err(RecvError)));
            assert_eq!(join_thread(thread), Err(RecvError));
        }
    }
}

/// `send` is `Ok` exactly for what is received, also when it races with the close.
#[gort::test]
fn closing_loses_nothing() {
    let _limit = limit();
    for round in 0..150 {
        for cap in [Some(0), Some(1), Some(4), None] {
            let drops = Drops::new();
            let (tx, rx) = channel(cap);
            let senders: Vec<_> = (0..4)
                .map(|_| {
                    let (tx, drops) = (tx.clone(), drops.clone());
                    gort::spawn(move || (0..20).filter(|_| tx.send(drops.value()).is_ok()).count())
                })
                .collect();
            let receiver = gort::spawn(move || rx.iter().count());
            for _ in 0..round % 10 {
                gort::yield_now();
            }
            tx.close();
            let sent: usize = senders.into_iter().map(|s| s.join().unwrap()).sum();
            assert_eq!(receiver.join().unwrap(), sent, "{cap:?}");
            assert_eq!(drops.count(), 80);
        }
    }
}

#[gort::test]
fn messages_are_dropped_once() {
    let _limit = limit();
    for cap in CAPACITIES {
        let drops = Drops::new();
        let (tx, rx) = channel(cap);
        let n = cap.unwrap_or(50);
        (0..n).for_each(|_| tx.send(drops.value()).unwrap());
        if let Err(TrySendError::Full(back)) = tx.try_send(drops.value()) {
            assert_eq!(drops.count(), 0);
            drop(back);
            assert_eq!(drops.count(), 1);
        }
        let before = drops.count();
        drop(rx.try_recv());
        let before = before + usize::from(n > 0);
        assert_eq!(drops.count(), before);
        // The last receiver takes what is queued with it, though a sender lives.
        let other = rx.clone();
        drop(rx);
        assert_eq!(drops.count(), before);
        drop(other);
        // With no limit `try_send` queued one more, else one came back.
        let total = n + 1;
        assert_eq!(drops.count(), total, "{cap:?}");
        drop(tx);
        assert_eq!(drops.count(), total, "{cap:?}");
        // All senders first.
        let drops = Drops::new();
        let (tx, rx) = channel(cap);
        (0..n).for_each(|_| tx.send(drops.value()).unwrap());
        drop(tx);
        assert_eq!(drops.count(), 0);
        drop(rx);
        assert_eq!(drops.count(), n);
        // Left in an iterator.
        let drops = Drops::new();
        let (tx, rx) = channel(cap);
        (0..n).for_each(|_| tx.send(drops.value()).unwrap());
        drop(tx);
        let mut iter = rx.into_iter();
        let first = iter.next();
        assert_eq!(first.is_some(), n > 0);
        drop(iter);
        assert_eq!(drops.count(), n.saturating_sub(1));
    }
}

#[gort::test]
fn messages_of_every_size() {
    let _limit = limit();
    fn check<T: Clone + PartialEq + std::fmt::Debug + Send + 'static>(message: T) {
        for cap in [Some(0), Some(1), Some(5), None] {
            let (tx, rx) = channel(cap);
            let m = message.clone();
            let sender = gort::spawn(move || (0..20).for_each(|_| tx.send(m.clone()).unwrap()));
            let mut n = 0;
            for received in &rx {
                assert_eq!(received, message);
                n += 1;
            }
            assert_eq!(n, 20);
            sender.join().unwrap();
        }
    }
    #[derive(Clone, Debug, PartialEq)]
    #[repr(align(128))]
    struct Aligned(u8);
    check(());
    check(1u8);
    check([2u64; 3]);
    check([3u8; 1000]);
    check(Aligned(4));
    check(String::from("text"));
    check(Some(Box::new(5)));
    // A zero-sized one has destructors too.
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Nothing;
    impl Drop for Nothing {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, SeqCst);
        }
    }
    let (tx, rx) = bounded(10);
    (0..10).for_each(|_| assert!(tx.send(Nothing).is_ok()));
    drop(rx.recv());
    drop((tx, rx));
    assert_eq!(DROPPED.load(SeqCst), 10);
}

/// In debug builds a moved array takes several places on the stack, so these get a large one.
#[gort::test]
fn huge_messages() {
    let _limit = limit();
    let big = || gort::Builder::new().stack_size(16 << 20);
    for cap in [Some(0), Some(1), Some(5), None] {
        let (tx, rx) = channel(cap);
        let sender = big().spawn(move || (0..10u8).for_each(|i| tx.send([i; 300_000]).unwrap())).unwrap();
        let receiver = big().spawn(move || {
            let mut next = 0;
            for message in rx {
                assert!(message.iter().all(|&b| b == next));
                next += 1;
            }
            next
        });
        assert_eq!(receiver.unwrap().join().unwrap(), 10);
        sender.join().unwrap();
    }
}

#[gort::test]
fn iterators() {
    let _limit = limit();
    let (tx, rx) = bounded(4);
    (0..3).for_each(|i| tx.send(i).unwrap());
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(rx.try_iter().next(), None);
    let t = tx.clone();
    gort::go!((3..103).for_each(|i| t.send(i).unwrap()));
    assert_eq!(rx.iter().take(100).sum::<i32>(), (3..103).sum());
    tx.send(1).unwrap();
    drop(tx);
    let mut iter = rx.into_iter();
    while iter.next().is_some() {}
    assert_eq!((iter.next(), iter.next()), (None, None));
}

#[gort::test]
fn the_last_clone_ends_the_channel() {
    let _limit = limit();
    let (tx, rx) = bounded::<u8>(1);
    let clones: Vec<_> = (0..10).map(|_| (tx.clone(), rx.clone())).collect();
    assert!(clones[3].0.same_channel(&tx) && clones[4].1.same_channel(&rx));
    assert!(!bounded::<u8>(1).0.same_channel(&tx));
    let (txs, rxs): (Vec<_>, Vec<_>) = clones.into_iter().unzip();
    drop(tx);
    for tx in txs {
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        tx.send(1).unwrap();
        assert_eq!(rx.recv(), Ok(1));
    }
    assert_eq!(rx.recv(), Err(RecvError));
    drop(rxs);
}

#[gort::test]
fn many_senders_and_receivers() {
    let _limit = limit();
    const EACH: u64 = 200;
    for cap in [Some(0), Some(1), Some(16), None] {
        let (tx, rx) = channel(cap);
        let send = |id: u64| {
            let tx = tx.clone();
            move || (0..EACH).for_each(|i| tx.send((id, i)).unwrap())
        };
        let recv = || {
            let rx = rx.clone();
            move || {
                let mut last: HashMap<u64, u64> = HashMap::new();
                let mut sum = 0;
                for (id, i) in rx {
                    // Messages of one sender come in order.
                    assert!(last.insert(id, i).is_none_or(|l| l < i));
                    sum += id * EACH + i;
                }
                sum
            }
        };
        let receivers: Vec<_> = (0..4).map(|_| gort::spawn(recv())).collect();
        let receiving_threads: Vec<_> = (0..2).map(|_| on_thread(recv())).collect();
        let senders: Vec<_> = (0..6).map(|i| gort::spawn(send(i))).collect();
        let sending_threads: Vec<_> = (6..8).map(|i| on_thread(send(i))).collect();
        drop((tx, rx));
        senders.into_iter().for_each(|s| s.join().unwrap());
        sending_threads.into_iter().for_each(join_thread);
        let sum = receivers.into_iter().map(|r| r.join().unwrap()).sum::<u64>()
            + receiving_threads.into_iter().map(join_thread).sum::<u64>();
        assert_eq!(sum, (0..8 * EACH).sum(), "{cap:?}");
    }
}

#[gort::test]
fn errors_say_what_is_wrong() {
    let check = |shown: String, expected: &str| assert_eq!(shown, expected);
    check(SendError(1).to_string(), "sending on a disconnected channel");
    check(TrySendError::Full(1).to_string(), "sending on a full channel");
    check(TrySendError::Disconnected(1).to_string(), "sending on a disconnected channel");
    check(RecvError.to_string(), "receiving on an empty and disconnected channel");
    check(TryRecvError::Empty.to_string(), "receiving on an empty channel");
    check(TryRecvError::Disconnected.to_string(), "receiving on an empty and disconnected channel");
    struct NoDebug;
    check(format!("{:?}", SendError(NoDebug)), "\"SendError(..)\"");
}
