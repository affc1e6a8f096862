//! Steps with timers and times, and with what meets elsewhere than at channels and locks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Instant;

use gort::channel::{self, Select};
use gort::sync::{Barrier, ErrGroup, Once, SingleFlight, mpsc};
use gort::time::{Duration, Ticker, Timer};

use crate::Rng;

fn micros(rng: &mut Rng, below: u64) -> Duration {
    Duration::from_micros(rng.below(below))
}

pub(crate) fn any(rng: &mut Rng) {
    match rng.below(7) {
        0 => timers(rng),
        1 => functions(rng),
        2 => times(rng),
        3 => barrier(rng),
        4 => once_and_flights(rng),
        5 => group(rng),
        _ => mpsc(rng),
    }
}

/// A timer and a ticker that are set, moved and stopped as they fire.
fn timers(rng: &mut Rng) {
    let timer = Timer::new(micros(rng, 100));
    for _ in 0..rng.below(6) {
        if rng.below(3) == 0 {
            let (begun, length) = (Instant::now(), micros(rng, 100));
            timer.reset(length);
            assert!(timer.channel().recv().is_ok() && begun.elapsed() >= length, "a timer was early");
        } else {
            timer.reset(micros(rng, 60));
            gort::yield_now();
            assert!(timer.stop(), "nobody received, so the stop was in time");
        }
        assert!(timer.channel().try_recv().is_err(), "stale after a stop, or twice");
    }
    let ticker = Ticker::new(Duration::from_micros(20) + micros(rng, 80));
    (0..rng.below(4)).for_each(|_| assert!(ticker.channel().recv().is_ok()));
    ticker.stop();
    assert!(ticker.channel().try_recv().is_err(), "a tick after the stop");
}

/// Functions that are called or stopped, one of both.
fn functions(rng: &mut Rng) {
    let called = Arc::new(AtomicU64::new(0));
    let n = 1 + rng.below(8);
    let timers: Vec<_> = (0..n)
        .map(|_| {
            let called = called.clone();
            Timer::after_func(micros(rng, 120), move || {
                called.fetch_add(1, SeqCst);
            })
        })
        .collect();
    gort::sleep(micros(rng, 100));
    let stopped = timers.iter().filter(|timer| timer.stop()).count() as u64;
    while called.load(SeqCst) + stopped < n {
        gort::yield_now();
    }
    assert_eq!(called.load(SeqCst) + stopped, n, "called and stopped");
}

/// Goroutines and now and then a thread share channels of times: `after`s are delivered once, ticks a period apart.
fn times(rng: &mut Rng) {
    let n = 1 + rng.below(10) as usize;
    let period = Duration::from_micros(10) + micros(rng, 60);
    let (tick, stop) = (channel::tick(period), channel::bounded::<()>(0));
    let afters: Vec<_> = (0..n).map(|_| channel::after(micros(rng, 150))).collect();
    let left = AtomicU64::new(n as u64);
    let mut stop_sender = Some(stop.0);
    let mut seeds: Vec<u64> = (0..2 + rng.below(2)).map(|_| rng.below(1 << 30)).collect();
    let worker = |seed: u64| {
        let (afters, tick, stop, left) = (&afters, &tick, &stop.1, &left);
        move || {
            let mut rng = Rng::new(seed);
            let mut ticks = Vec::new();
            loop {
                let mut select = Select::new();
                for after in afters {
                    select.recv(after);
                }
                let (second, last) = (select.recv(tick), select.recv(stop));
                let selected = match rng.below(3) {
                    0 => select.select_timeout(Duration::from_micros(rng.below(40))).ok(),
                    _ => Some(select.select()),
                };
                match selected {
                    Some(operation) if operation.index() == last => {
                        operation.recv(stop).unwrap_err();
                        break;
                    }
                    Some(operation) if operation.index() == second => {
                        ticks.push(operation.recv(tick).unwrap());
                    }
                    Some(operation) => {
                        let after = &afters[operation.index()];
                        assert!(operation.recv(after).unwrap() <= Instant::now(), "early");
                        assert!(left.fetch_sub(1, SeqCst) > 0, "a time was delivered twice");
                    }
                    None => ticks.extend(tick.recv_timeout(Duration::from_micros(rng.below(60)))),
                }
            }
            ticks
        }
    };
    let mine = worker(seeds.pop().unwrap_or(1));
    let mut ticks: Vec<Instant> = gort::scope(|s| {
        let handles: Vec<_> = seeds.into_iter().map(|seed| s.spawn(worker(seed))).collect();
        let left = &left;
        let stop_sender = stop_sender.take();
        s.spawn(move || {
            while left.load(SeqCst) > 0 {
                gort::sleep(Duration::from_micros(50));
            }
            drop(stop_sender);
        });
        let mut ticks = mine();
        handles.into_iter().for_each(|h| ticks.extend(h.join().unwrap()));
        ticks
    });
    ticks.sort();
    assert!(ticks.windows(2).all(|pair| pair[1] >= pair[0] + period), "ticks closer than a period");
}

/// Nobody is a meeting ahead of the others, and each meeting has one leader.
fn barrier(rng: &mut Rng) {
    let (n, rounds) = (1 + rng.below(4), 1 + rng.below(5));
    let (barrier, leaders, arrived) = (Barrier::new(n as usize), AtomicU64::new(0), AtomicU64::new(0));
    gort::scope(|s| {
        for _ in 0..n {
            s.spawn(|| {
                for round in 1..=rounds {
                    arrived.fetch_add(1, SeqCst);
                    leaders.fetch_add(u64::from(barrier.wait().is_leader()), SeqCst);
                    let all = arrived.load(SeqCst);
                    assert!(all >= n * round, "{all} of {n} have come to meeting {round}");
                    barrier.wait();
                }
            });
        }
    });
    assert_eq!((leaders.into_inner(), arrived.into_inner()), (rounds, n * rounds));
}

fn once_and_flights(rng: &mut Rng) {
    let (once, flights) = (Once::new(), SingleFlight::new());
    let (begun, runs) = (AtomicU64::new(0), AtomicU64::new(0));
    let n = 2 + rng.below(4);
    gort::scope(|s| {
        for i in 0..n {
            let (once, flights, begun, runs) = (&once, &flights, &begun, &runs);
            s.spawn(move || {
                once.call_once(|| {
                    gort::yield_now();
                    begun.fetch_add(1, SeqCst);
                });
                assert_eq!(begun.load(SeqCst), 1, "once");
                let before = runs.load(SeqCst);
                let mut mine = 0;
                let (value, shared) = flights.run_shared(i % 2, || {
                    mine = 1 + runs.fetch_add(1, SeqCst);
                    gort::yield_now();
                    mine
                });
                assert!(value <= runs.load(SeqCst) && (mine == 0 || value == mine), "another flight's value");
                assert!(mine != 0 || shared, "{value} of somebody else, after {before}");
            });
        }
    });
    assert!((1..=n).contains(&runs.into_inner()));
}

/// The first error comes out, and no more members run at a time than may.
fn group(rng: &mut Rng) {
    let group = ErrGroup::new();
    let inside = Arc::new(AtomicU64::new(0));
    let limit = 1 + rng.below(3);
    group.set_limit(limit as usize);
    let n = rng.below(8);
    let wrong = rng.below(12);
    for i in 0..n {
        let inside = inside.clone();
        group.go(move || {
            assert!(inside.fetch_add(1, SeqCst) < limit, "more members than may run");
            gort::yield_now();
            inside.fetch_sub(1, SeqCst);
            if i == wrong { Err(i) } else { Ok(()) }
        });
    }
    assert_eq!(group.wait(), if wrong < n { Err(wrong) } else { Ok(()) });
    assert_eq!(inside.load(SeqCst), 0, "wait was too early");
}

fn mpsc(rng: &mut Rng) {
    let n = rng.below(15);
    let senders = 1 + rng.below(3);
    let sum = if rng.below(2) == 0 {
        let (tx, rx) = mpsc::sync_channel(rng.below(3) as usize);
        for _ in 0..senders {
            let tx = tx.clone();
            gort::go!((0..n).for_each(|i| tx.send(i).unwrap()));
        }
        drop(tx);
        rx.iter().sum::<u64>()
    } else {
        let (tx, rx) = mpsc::channel();
        for _ in 0..senders {
            let tx = tx.clone();
            gort::go!((0..n).for_each(|i| tx.send(i).unwrap()));
        }
        drop(tx);
        let mut sum = 0;
        loop {
            match rx.recv_timeout(micros(rng, 40)) {
                Ok(i) => sum += i,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break sum,
            }
        }
    };
    assert_eq!(sum, senders * (n * n.saturating_sub(1) / 2), "mpsc lost or doubled a message");
}
