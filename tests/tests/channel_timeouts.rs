//! Operations with a time-out or a deadline never end before it, on goroutines and on plain threads, and give back what
//! they did not send.

mod api_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use api_support::{Drops, join_thread, limit, on_thread};
use gort::channel::{
    ReadyTimeoutError, Receiver, RecvTimeoutError, Select, SelectTimeoutError, SendTimeoutError, Sender,
    bounded,
};

const US: Duration = Duration::from_micros(1);

/// Channels at which nothing can go on.
struct Stuck {
    /// Nothing to receive, of capacity 0 and more.
    empty: [(Sender<u32>, Receiver<u32>); 3],
    /// No room.
    full: [(Sender<u32>, Receiver<u32>); 3],
}

impl Stuck {
    fn new() -> Self {
        let full = [0, 1, 3].map(bounded);
        for (tx, _) in &full {
            while tx.try_send(0).is_ok() {}
        }
        Self { empty: [0, 1, 3].map(bounded), full }
    }

    fn select(&self) -> Select<'_> {
        let mut select = Select::new();
        for (_, rx) in &self.empty {
            select.recv(rx);
        }
        for (tx, _) in &self.full {
            select.send(tx);
        }
        select
    }
}

/// An operation that is given its time-out, and one that is given its deadline.
type Timed = fn(&Stuck, Duration);
type Until = fn(&Stuck, Instant);

const TIMED: [Timed; 6] = [
    |stuck, time| {
        assert_eq!(stuck.empty[0].1.recv_timeout(time), Err(RecvTimeoutError::Timeout));
    },
    |stuck, time| assert_eq!(stuck.empty[2].1.recv_timeout(time), Err(RecvTimeoutError::Timeout)),
    |stuck, time| assert_eq!(stuck.full[0].0.send_timeout(7, time), Err(SendTimeoutError::Timeout(7))),
    |stuck, time| assert_eq!(stuck.full[1].0.send_timeout(8, time), Err(SendTimeoutError::Timeout(8))),
    |stuck, time| assert_eq!(stuck.select().select_timeout(time).map(|_| ()), Err(SelectTimeoutError)),
    |stuck, time| assert_eq!(stuck.select().ready_timeout(time), Err(ReadyTimeoutError)),
];

const UNTIL: [Until; 6] = [
    |stuck, time| {
        assert_eq!(stuck.empty[0].1.recv_deadline(time), Err(RecvTimeoutError::Timeout));
    },
    |stuck, time| assert_eq!(stuck.empty[2].1.recv_deadline(time), Err(RecvTimeoutError::Timeout)),
    |stuck, time| assert_eq!(stuck.full[0].0.send_deadline(7, time), Err(SendTimeoutError::Timeout(7))),
    |stuck, time| assert_eq!(stuck.full[1].0.send_deadline(8, time), Err(SendTimeoutError::Timeout(8))),
    |stuck, time| assert_eq!(stuck.select().select_deadline(time).map(|_| ()), Err(SelectTimeoutError)),
    |stuck, time| assert_eq!(stuck.select().ready_deadline(time), Err(ReadyTimeoutError)),
];

fn each(stuck: &Stuck, time: Duration) {
    for (i, timed) in TIMED.into_iter().enumerate() {
        let begun = Instant::now();
        timed(stuck, time);
        assert!(begun.elapsed() >= time, "{i} gave up early");
    }
    for (i, until) in UNTIL.into_iter().enumerate() {
        let deadline = Instant::now() + time;
        until(stuck, deadline);
        assert!(Instant::now() >= deadline, "{i} gave up early");
    }
    let begun = Instant::now();
    gort::select! {
        recv(stuck.empty[0].1) -> _ => panic!("nobody sends"),
        send(stuck.full[1].0, 1) -> _ => panic!("full"),
        default(time) => assert!(begun.elapsed() >= time, "gave up early"),
    }
    let begun = Instant::now();
    gort::select! {
        recv(stuck.empty[1].1) -> _ => panic!("nobody sends"),
        default(time) => assert!(begun.elapsed() >= time, "gave up early"),
    }
}

/// Several at the same time, at the same channels.
#[gort::test]
fn nobody_gives_up_early() {
    let _limit = limit();
    let stuck = Arc::new(Stuck::new());
    // From the middle of nowhere to the width of a slot of the timers' wheel, and none at all.
    let times = [0, 1, 70, 400, 2_500].map(|n| n * US);
    let work = |first: usize| {
        let stuck = stuck.clone();
        move || (0..times.len()).for_each(|i| each(&stuck, times[(first + i) % times.len()]))
    };
    let goroutines: Vec<_> = (0..6).map(|i| gort::spawn(work(i))).collect();
    let threads: Vec<_> = (6..9).map(|i| on_thread(work(i))).collect();
    goroutines.into_iter().for_each(|g| g.join().unwrap());
    threads.into_iter().for_each(join_thread);
}

/// A deadline that is past when it is given: what can go on does, and nothing else waits.
#[gort::test]
fn past_deadlines() {
    let _limit = limit();
    let check = || {
        let past = Instant::now() - 1000 * US;
        let stuck = Stuck::new();
        UNTIL.into_iter().for_each(|until| until(&stuck, past));
        let (tx, rx) = bounded(1);
        assert_eq!(tx.send_deadline(1, past), Ok(()));
        let mut select = Select::new();
        select.recv(&rx);
        assert_eq!(select.ready_deadline(past), Ok(0));
        assert_eq!(select.select_deadline(past).unwrap().recv(&rx), Ok(1));
        assert_eq!(tx.send_deadline(2, past), Ok(()));
        assert_eq!(rx.recv_deadline(past), Ok(2));
    };
    check();
    join_thread(on_thread(check));
}

/// Those who wait are told of things that others then take: they go on waiting, and not past their time for ever.
#[gort::test]
fn what_others_take_ends_no_wait_early() {
    let _limit = limit();
    const TIME: Duration = Duration::from_micros(1_500);
    for cap in [0, 1] {
        let (tx, rx) = bounded::<u32>(cap);
        let (busy, busy_out) = bounded::<u32>(1);
        busy.send(0).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        // Makes each side ready for a moment.
        let teasers: Vec<_> = (0..2)
            .map(|_| {
                let (tx, rx, stop) = (tx.clone(), rx.clone(), stop.clone());
                let (busy, busy_out) = (busy.clone(), busy_out.clone());
                gort::spawn(move || {
                    while !stop.load(SeqCst) {
                        let _ = tx.try_send(1);
                        let _ = rx.try_recv();
                        if busy_out.try_recv().is_ok() {
                            while !stop.load(SeqCst) && busy.try_send(0).is_err() {}
                        }
                        gort::yield_now();
                    }
                })
            })
            .collect();
        let waits = |kind: usize| {
            let (rx, busy) = (rx.clone(), busy.clone());
            move || {
                for _ in 0..12 {
                    let begun = Instant::now();
                    let timed_out = match kind {
                        0 => rx.recv_timeout(TIME).is_err(),
                        1 => gort::select! {
                            recv(rx) -> _ => false,
                            recv(gort::channel::never::<()>()) -> _ => false,
                            default(TIME) => true,
                        },
                        2 => busy.send_timeout(1, TIME).is_err(),
                        _ => {
                            let mut select = Select::new();
                            select.recv(&rx);
                            select.ready_timeout(TIME).is_err()
                        }
                    };
                    assert!(!timed_out || begun.elapsed() >= TIME, "{kind} gave up early");
                }
            }
        };
        let goroutines: Vec<_> = (0..8).map(|i| gort::spawn(waits(i % 4))).collect();
        let threads: Vec<_> = (0..4).map(|i| on_thread(waits(i))).collect();
        goroutines.into_iter().for_each(|g| g.join().unwrap());
        threads.into_iter().for_each(join_thread);
        stop.store(true, SeqCst);
        teasers.into_iter().for_each(|t| t.join().unwrap());
    }
}

/// What is not sent comes back, once.
#[gort::test]
fn messages_of_sends_that_time_out_come_back() {
    let _limit = limit();
    let check = || {
        for cap in [0, 2] {
            let drops = Drops::new();
            let (tx, rx) = bounded(cap);
            while tx.try_send(None).is_ok() {}
            for i in 0..10 {
                let error = tx.send_timeout(Some(drops.value()), i * 20 * US).err().unwrap();
                assert!(error.is_timeout());
                assert_eq!(drops.count(), i as usize);
                drop(error.into_inner());
            }
            drop(rx);
            let error = tx.send_timeout(Some(drops.value()), 20 * US).err().unwrap();
            assert!(error.is_disconnected() && drops.count() == 10);
        }
    };
    check();
    join_thread(on_thread(check));
}
