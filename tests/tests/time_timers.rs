//! `gort::time`: what Go 1.23 promises of timers and tickers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gort::channel::{RecvTimeoutError, TryRecvError, bounded};
use gort::sync::{Barrier, WaitGroup};
use gort::time::{Duration, Instant, Ticker, Timer};

const HOUR: Duration = Duration::from_secs(3600);
const MS: Duration = Duration::from_millis(1);

/// Waits until `timer` has sent its time.
fn sent(timer: &Timer) {
    while timer.channel().is_empty() {
        gort::yield_now();
    }
}

#[gort::test]
fn a_timer_sends_once_and_not_early() {
    let begun = Instant::now();
    let timer = Timer::new(5 * MS);
    let time = timer.channel().recv().unwrap();
    assert!(time - begun >= 5 * MS && time <= Instant::now());
    assert_eq!(timer.channel().recv_timeout(2 * MS), Err(RecvTimeoutError::Timeout));
}

#[gort::test]
fn stop_says_whether_it_was_in_time() {
    let timer = Timer::new(HOUR);
    assert!(timer.stop());
    assert!(!timer.stop());
    let timer = Timer::new(Duration::ZERO);
    timer.channel().recv().unwrap();
    assert!(!timer.stop());
}

#[gort::test]
fn nothing_stale_after_stop_or_reset() {
    let timer = Timer::new(Duration::ZERO);
    sent(&timer);
    assert!(timer.stop(), "sent, not received");
    assert_eq!(timer.channel().try_recv(), Err(TryRecvError::Empty));
    timer.reset(Duration::ZERO);
    sent(&timer);
    assert!(timer.reset(HOUR), "sent, not received");
    assert_eq!(timer.channel().try_recv(), Err(TryRecvError::Empty));
    assert!(timer.reset(MS));
    timer.channel().recv().unwrap();
}

#[gort::test]
fn races_of_stop_reset_and_time_leave_nothing_stale() {
    let handles: Vec<_> = (0..8)
        .map(|i| {
            gort::spawn(move || {
                let timer = Timer::new(HOUR);
                for n in 0..400u64 {
                    timer.reset(Duration::from_micros((n * 7 + i) % 60));
                    for _ in 0..(n % 5) {
                        gort::yield_now();
                    }
                    let stopped = timer.stop();
                    let received = timer.channel().try_recv().is_ok();
                    assert!(stopped && !received, "nobody received it, so the stop was in time");
                }
                timer.reset(Duration::ZERO);
                timer.channel().recv().unwrap();
            })
        })
        .collect();
    handles.into_iter().for_each(|h| h.join().unwrap());
}

#[gort::test]
fn a_blocked_receiver_sees_a_reset() {
    let timer = Arc::new(Timer::new(HOUR));
    let waits = timer.clone();
    let receiver = gort::spawn(move || waits.channel().recv().unwrap());
    gort::yield_now();
    assert!(timer.reset(MS));
    receiver.join().unwrap();
}

#[gort::test]
fn functions_run_in_goroutines_of_their_own() {
    let (tx, rx) = bounded(0);
    let caller = gort::current().id();
    let timer = Timer::after_func(MS, move || tx.send(gort::current().id()).unwrap());
    assert_ne!(rx.recv().unwrap(), caller);
    assert!(!timer.reset(MS), "it has been called");
    assert_ne!(rx.recv().unwrap(), caller);
    assert_eq!(timer.channel().try_recv(), Err(TryRecvError::Empty));
}

#[gort::test]
fn a_stopped_function_is_not_called_and_is_dropped() {
    let held = Arc::new(());
    let inner = held.clone();
    let timer = Timer::after_func(HOUR, move || unreachable!("{inner:?} stopped"));
    assert!(timer.stop());
    drop(timer);
    assert_eq!(Arc::strong_count(&held), 1);
}

/// A reset to a time that never comes left the function to the entry of the time before, which the runtime drops.
#[gort::test]
fn a_function_that_is_never_due_outlived_its_timer() {
    let held = Arc::new(());
    let inner = held.clone();
    let timer = Timer::after_func(HOUR, move || unreachable!("{inner:?} is never due"));
    assert!(timer.reset(Duration::MAX));
    drop(timer);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[gort::test]
fn a_dropped_timer_still_calls() {
    let (tx, rx) = bounded(1);
    drop(Timer::after_func(MS, move || tx.send(()).unwrap()));
    rx.recv().unwrap();
    assert!(rx.recv().is_err(), "the function is dropped after its call");
}

#[gort::test]
fn a_ticker_keeps_one_tick() {
    let ticker = Ticker::new(MS);
    while ticker.channel().is_empty() {
        gort::yield_now();
    }
    gort::sleep(5 * MS);
    assert_eq!(ticker.channel().len(), 1);
    let mut last = ticker.channel().recv().unwrap();
    for _ in 0..5 {
        let next = ticker.channel().recv().unwrap();
        assert!(next > last);
        last = next;
    }
    ticker.stop();
    assert_eq!(ticker.channel().recv_timeout(4 * MS), Err(RecvTimeoutError::Timeout));
    ticker.reset(MS);
    ticker.channel().recv().unwrap();
}

#[gort::test]
fn a_dropped_ticker_stops() {
    let ticker = Ticker::new(MS);
    let channel = ticker.channel().clone();
    drop(ticker);
    assert!(channel.recv().is_err(), "disconnected");
}

#[gort::test]
fn zero_intervals_panic_with_gos_texts() {
    let text = |f: &dyn Fn()| *catch_unwind(AssertUnwindSafe(f)).unwrap_err().downcast::<&str>().unwrap();
    assert_eq!(text(&|| drop(Ticker::new(Duration::ZERO))), "non-positive interval for NewTicker");
    let ticker = Ticker::new(HOUR);
    assert_eq!(text(&|| ticker.reset(Duration::ZERO)), "non-positive interval for Ticker.Reset");
}

#[gort::test]
fn timers_on_plain_threads() {
    let received = std::thread::spawn(|| {
        let timer = Timer::new(HOUR);
        assert!(timer.reset(2 * MS));
        timer.channel().recv().unwrap();
        let ticker = Ticker::new(MS);
        ticker.channel().recv().unwrap();
        let (tx, rx) = bounded(1);
        let _timer = Timer::after_func(MS, move || tx.send(1).unwrap());
        rx.recv().unwrap()
    });
    assert_eq!(gort::blocking(|| received.join()).unwrap(), 1);
}

#[gort::test]
fn timers_in_select() {
    let timer = Timer::new(MS);
    let ticker = Ticker::new(HOUR);
    gort::select! {
        recv(timer.channel()) -> time => assert!(time.is_ok()),
        recv(ticker.channel()) -> _ => unreachable!(),
    }
}

#[gort::test]
fn many_sleepers_and_many_timers() {
    let fired = Arc::new(AtomicUsize::new(0));
    let timers: Vec<_> = (0..5_000)
        .map(|i| {
            let fired = fired.clone();
            Timer::after_func(Duration::from_micros(i % 3_000), move || {
                fired.fetch_add(1, SeqCst);
            })
        })
        .collect();
    let sleepers: Vec<_> =
        (0..5_000u64).map(|i| gort::spawn(move || gort::sleep(Duration::from_micros(i % 3_000)))).collect();
    sleepers.into_iter().for_each(|s| s.join().unwrap());
    let stopped = timers.iter().filter(|t| t.stop()).count();
    while fired.load(SeqCst) + stopped < 5_000 {
        gort::yield_now();
    }
    assert_eq!(fired.load(SeqCst) + stopped, 5_000);
}

/// All of them asleep at the same time, and due within a tenth of a second: each wakes, and none early.
#[gort::test]
fn a_hundred_thousand_sleep_at_the_same_time() {
    const N: usize = 100_000;
    struct Shared {
        gate: Barrier,
        /// When the sleeps of a round end, in milliseconds from `begin`; 0 for no more rounds.
        until: AtomicUsize,
        asleep: AtomicUsize,
        awake: AtomicUsize,
        early: AtomicUsize,
    }
    let counter = || AtomicUsize::new(0);
    let [until, asleep, awake, early] = [counter(), counter(), counter(), counter()];
    let shared = Arc::new(Shared { gate: Barrier::new(N + 1), until, asleep, awake, early });
    let begin = Instant::now();
    let ended = WaitGroup::new();
    for i in 0..N as u64 {
        let shared = shared.clone();
        ended.go(move || {
            loop {
                shared.gate.wait();
                let until = shared.until.load(SeqCst);
                if until == 0 {
                    return;
                }
                let until = begin + Duration::from_millis(until as u64) + Duration::from_micros(i);
                shared.asleep.fetch_add(1, SeqCst);
                gort::sleep_until(until);
                shared.early.fetch_add(usize::from(Instant::now() < until), SeqCst);
                shared.awake.fetch_add(1, SeqCst);
            }
        });
    }
    // Until they are long enough for a busy machine: nobody is awake again before the last sleeps.
    let mut length = Duration::from_millis(500);
    loop {
        shared.asleep.store(0, SeqCst);
        shared.awake.store(0, SeqCst);
        shared.until.store((begin.elapsed() + length).as_millis() as usize, SeqCst);
        shared.gate.wait();
        while shared.asleep.load(SeqCst) < N {
            gort::sleep(MS);
        }
        let at_the_same_time = shared.awake.load(SeqCst) == 0;
        while shared.awake.load(SeqCst) < N {
            gort::sleep(MS);
        }
        assert_eq!(shared.early.load(SeqCst), 0);
        if at_the_same_time {
            break;
        }
        length *= 2;
    }
    shared.until.store(0, SeqCst);
    shared.gate.wait();
    ended.wait();
}

/// So many that they come due in batches, on a wheel that is begun and given up again in each round.
#[gort::test]
fn a_storm_of_sleepers_wakes_each_once_and_never_early() {
    let early = Arc::new(AtomicUsize::new(0));
    for round in 0..3u64 {
        let sleepers: Vec<_> = (0..8_000u64)
            .map(|i| {
                let early = early.clone();
                gort::spawn(move || {
                    for k in 0..4 {
                        // Some come after the span of the wheel, most within it, some are near.
                        let length = match (i + k) % 64 {
                            0 => Duration::from_millis(600 + i % 50),
                            1 => Duration::from_micros(i % 200),
                            _ => Duration::from_micros(5_000 + (i * 31 + k * 17 + round) % 40_000),
                        };
                        let begin = Instant::now();
                        gort::sleep(length);
                        if begin.elapsed() < length {
                            early.fetch_add(1, SeqCst);
                        }
                    }
                    1
                })
            })
            .collect();
        assert_eq!(sleepers.into_iter().map(|s| s.join().unwrap()).sum::<u64>(), 8_000);
    }
    assert_eq!(early.load(SeqCst), 0);
}

/// Stops and resets among many others: what is stopped does not fire, what is reset fires once.
#[gort::test]
fn stops_and_resets_in_a_storm() {
    let fired = Arc::new(AtomicUsize::new(0));
    let timers: Vec<_> = (0..6_000u64)
        .map(|i| {
            let fired = fired.clone();
            Timer::after_func(Duration::from_millis(20 + i % 400), move || {
                fired.fetch_add(1, SeqCst);
            })
        })
        .collect();
    let mut expected = 0;
    for (i, timer) in timers.iter().enumerate() {
        match i % 3 {
            // It may have fired before.
            0 => expected += usize::from(!timer.stop()),
            1 => expected += 1 + usize::from(!timer.reset(Duration::from_millis(i as u64 % 300))),
            _ => expected += 1,
        }
    }
    while fired.load(SeqCst) < expected {
        gort::sleep(MS);
    }
    // Comes after all that were ever set.
    Timer::new(Duration::from_millis(450)).channel().recv().unwrap();
    assert_eq!(fired.load(SeqCst), expected);
}

#[gort::test]
fn huge_durations_never_come() {
    let timer = Timer::new(Duration::MAX);
    assert_eq!(timer.channel().try_recv(), Err(TryRecvError::Empty));
    assert!(timer.reset(Duration::MAX));
    assert!(timer.stop());
}
