//! Channels of times: `after`, `at`, `tick` and `never`, on goroutines and on plain threads. Bounds from below are exact.
//! From above a busy machine sets them, so there they are told by what came before what.

mod api_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use api_support::{join_thread, limit, on_thread};
use gort::channel::{
    Receiver, RecvTimeoutError, Select, TryRecvError, after, at, bounded, never, tick, unbounded,
};

const HOUR: Duration = Duration::from_secs(3600);
const MS: Duration = Duration::from_millis(1);

/// On this goroutine, then on a plain thread.
#[track_caller]
fn in_both(f: fn()) {
    let _limit = limit();
    f();
    join_thread(on_thread(f));
}

/// Two goroutines and two plain threads.
fn by_four<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(work: impl Fn() -> F) -> Vec<T> {
    let goroutines = [(); 2].map(|()| gort::spawn(work()));
    let threads = [(); 2].map(|()| on_thread(work()));
    let mut all: Vec<T> = goroutines.into_iter().map(|g| g.join().unwrap()).collect();
    all.extend(threads.map(join_thread));
    all
}

fn until_full(rx: &Receiver<Instant>) {
    while rx.is_empty() {
        gort::yield_now();
    }
}

/// Nothing is there, by every look.
#[track_caller]
fn check_empty(rx: &Receiver<Instant>) {
    assert_eq!((rx.len(), rx.is_empty(), rx.is_full(), rx.capacity()), (0, true, false, Some(1)));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(rx.try_iter().next(), None);
    assert!(!rx.is_closed());
    gort::select! {
        recv(rx) -> _ => panic!("selected"),
        default => {}
    }
    let mut select = Select::new();
    select.recv(rx);
    assert!(select.try_ready().is_err() && select.try_select().is_err());
    let begun = Instant::now();
    assert_eq!(rx.recv_timeout(MS), Err(RecvTimeoutError::Timeout));
    assert!(begun.elapsed() >= MS);
    assert_eq!(rx.recv_deadline(Instant::now()), Err(RecvTimeoutError::Timeout));
}

/// A message is there, by every look but those that take it.
#[track_caller]
fn check_full(rx: &Receiver<Instant>) {
    assert_eq!((rx.len(), rx.is_empty(), rx.is_full(), rx.capacity()), (1, false, true, Some(1)));
    let mut select = Select::new();
    let index = select.recv(rx);
    assert_eq!((select.try_ready(), select.ready()), (Ok(index), index));
    assert_eq!(select.ready_timeout(Duration::ZERO), Ok(index));
}

#[gort::test]
fn nothing_is_there_before_the_time() {
    in_both(|| {
        for rx in [after(HOUR), at(Instant::now() + HOUR), tick(HOUR)] {
            check_empty(&rx);
            rx.close();
            check_empty(&rx);
        }
    });
}

#[gort::test]
fn after_delivers_its_time_once() {
    in_both(|| {
        let take: [fn(&Receiver<Instant>) -> Instant; 7] = [
            |rx| rx.recv().unwrap(),
            |rx| rx.try_recv().unwrap(),
            |rx| rx.recv_timeout(Duration::ZERO).unwrap(),
            |rx| rx.recv_deadline(Instant::now() + HOUR).unwrap(),
            |rx| rx.iter().next().unwrap(),
            |rx| {
                gort::select! {
                    recv(rx) -> time => time.unwrap(),
                    default => panic!("it is there"),
                }
            },
            |rx| {
                let mut select = Select::new();
                select.recv(rx);
                select.select_timeout(Duration::ZERO).unwrap().recv(rx).unwrap()
            },
        ];
        for take in take {
            let begun = Instant::now();
            let rx = after(2 * MS);
            let made = Instant::now();
            until_full(&rx);
            assert!(begun.elapsed() >= 2 * MS, "early");
            check_full(&rx);
            let time = take(&rx);
            assert!((begun + 2 * MS..=made + 2 * MS).contains(&time));
            check_empty(&rx);
        }
    });
}

#[gort::test]
fn at_delivers_the_very_time() {
    in_both(|| {
        let now = Instant::now();
        for when in [now, now - MS, now + MS, now + 3 * MS] {
            assert_eq!(at(when).recv(), Ok(when));
            assert!(Instant::now() >= when, "early");
        }
        // A deadline at that very time is in time.
        for _ in 0..20 {
            let when = Instant::now() + MS / 10;
            assert_eq!(at(when).recv_deadline(when), Ok(when));
            let rx = at(when + MS / 10);
            let mut select = Select::new();
            select.recv(&rx);
            assert_eq!(select.ready_deadline(when + MS / 10), Ok(0));
            assert_eq!(select.select_deadline(when + MS / 10).unwrap().recv(&rx), Ok(when + MS / 10));
        }
    });
}

#[gort::test]
fn blocked_receivers_wait_for_the_time() {
    in_both(|| {
        for rx in [after(2 * MS), tick(2 * MS)] {
            let time = rx.recv().unwrap();
            assert!(Instant::now() >= time);
        }
        let (begun, rx) = (Instant::now(), after(20 * MS));
        // Before its time, at least in most runs; either way it is not lost.
        let early = rx.recv_timeout(MS);
        assert!(begun.elapsed() >= MS);
        let time = early.or_else(|_| rx.recv_timeout(HOUR)).unwrap();
        assert!(time >= begun + 20 * MS && Instant::now() >= time);
        assert_eq!(rx.recv_timeout(MS), Err(RecvTimeoutError::Timeout));
    });
}

/// A select that waits goes on when its arm's time comes, not before, and takes the earliest.
#[gort::test]
fn selects_wait_for_their_times() {
    in_both(|| {
        let (full, _out) = bounded(1);
        full.send(()).unwrap();
        let (_in, silent) = unbounded::<()>();
        for make in [after as fn(Duration) -> Receiver<Instant>, tick, |d| at(Instant::now() + d)] {
            let begun = Instant::now();
            let time = gort::select! {
                recv(make(HOUR)) -> _ => panic!("an hour"),
                recv(silent) -> _ => panic!("nobody sends"),
                recv(make(2 * MS)) -> time => time.unwrap(),
                send(full, ()) -> _ => panic!("full"),
                recv(never::<()>()) -> _ => panic!("never"),
                default(HOUR) => panic!("an hour"),
            };
            assert!(time >= begun + 2 * MS && Instant::now() >= time);
            gort::select_biased! {
                recv(make(MS)) -> time => assert!(Instant::now() >= time.unwrap()),
                recv(make(HOUR)) -> _ => panic!("an hour"),
            }
            let begun = Instant::now();
            gort::select! {
                recv(make(HOUR)) -> _ => panic!("an hour"),
                recv(silent) -> _ => panic!("nobody sends"),
                default(2 * MS) => assert!(begun.elapsed() >= 2 * MS),
            }
            let begun = Instant::now();
            let (soon, late) = (make(2 * MS), make(HOUR));
            let mut select = Select::new();
            select.recv(&late);
            let first = select.recv(&soon);
            select.send(&full);
            assert_eq!(select.ready(), first);
            assert!(begun.elapsed() >= 2 * MS);
            let operation = select.select_deadline(Instant::now() + HOUR).unwrap();
            assert_eq!(operation.index(), first);
            operation.recv(&soon).unwrap();
        }
    });
}

/// What comes before an arm's time wakes a select that waits for it.
#[gort::test]
fn messages_come_before_times() {
    in_both(|| {
        let (tx, rx) = bounded(0);
        let sender = gort::spawn(move || (0..20).for_each(|i| tx.send(i).unwrap()));
        let hour = after(HOUR);
        for i in 0..20 {
            gort::select! {
                recv(hour) -> _ => panic!("an hour"),
                recv(rx) -> got => assert_eq!(got, Ok(i)),
                recv(tick(HOUR)) -> _ => panic!("an hour"),
            }
        }
        assert!(rx.recv().is_err());
        sender.join().unwrap();
    });
}

/// Each of many times goes to one of four who select among all of them.
fn delivered_once(select: fn(&[Receiver<Instant>], &Receiver<()>) -> Option<usize>) {
    const TIMES: usize = 60;
    let _limit = limit();
    let begun = Instant::now();
    let times: Vec<_> = (0..TIMES).map(|i| after(Duration::from_micros(50) * i as u32)).collect();
    let hits: Arc<Vec<AtomicUsize>> = Arc::new((0..TIMES).map(|_| AtomicUsize::new(0)).collect());
    let count = {
        let hits = hits.clone();
        move || hits.iter().map(|hit| hit.load(SeqCst)).sum::<usize>()
    };
    let (stop, stopped) = bounded::<()>(0);
    let all_in = gort::spawn({
        let count = count.clone();
        move || {
            while count() < TIMES {
                gort::sleep(MS / 4);
            }
            drop(stop);
        }
    });
    by_four(|| {
        let (times, stopped, hits) = (times.clone(), stopped.clone(), hits.clone());
        move || {
            while let Some(i) = select(&times, &stopped) {
                assert!(begun.elapsed() >= Duration::from_micros(50) * i as u32, "early");
                hits[i].fetch_add(1, SeqCst);
            }
        }
    });
    all_in.join().unwrap();
    assert!(hits.iter().all(|hit| hit.load(SeqCst) == 1), "{hits:?}");
    assert!(times.iter().all(Receiver::is_empty));
}

#[gort::test]
fn selects_deliver_each_time_once() {
    delivered_once(|times, stopped| {
        let mut select = Select::new();
        for rx in times {
            select.recv(rx);
        }
        let stop = select.recv(stopped);
        let operation = select.select();
        match operation.index() {
            i if i == stop => {
                operation.recv(stopped).unwrap_err();
                None
            }
            i => {
                operation.recv(&times[i]).unwrap();
                Some(i)
            }
        }
    });
}

#[gort::test]
fn ready_tells_of_each_time() {
    delivered_once(|times, stopped| {
        let mut select = Select::new();
        for rx in times {
            select.recv(rx);
        }
        let stop = select.recv(stopped);
        loop {
            match select.ready() {
                i if i == stop => return None,
                i if times[i].try_recv().is_ok() => return Some(i),
                _ => {}
            }
        }
    });
}

/// One of four who wait until after the time gets it; the others wait for their own time.
#[gort::test]
fn one_of_several_who_wait_gets_the_time() {
    let _limit = limit();
    for _ in 0..5 {
        let rx = after(MS);
        let got = by_four(|| {
            let rx = rx.clone();
            move || {
                let begun = Instant::now();
                let got = rx.recv_timeout(4 * MS);
                assert!(got.is_ok() || begun.elapsed() >= 4 * MS, "gave up early");
                got.is_ok()
            }
        });
        assert_eq!(got.into_iter().filter(|&got| got).count(), 1);
    }
}

#[gort::test]
fn ticks_come_a_period_apart() {
    in_both(|| {
        let begun = Instant::now();
        let rx = tick(MS);
        let made = Instant::now();
        let mut last = rx.recv().unwrap();
        assert!((begun + MS..=made + MS).contains(&last));
        for _ in 0..5 {
            let next = rx.recv().unwrap();
            assert!(next >= last + MS && Instant::now() >= next);
            last = next;
        }
        assert!(rx.iter().take(2).all(|time| time > last));
    });
}

/// Who is late gets one tick for all that were missed, with the time of the first; the next is a period after that.
#[gort::test]
fn late_receivers_get_one_tick() {
    in_both(|| {
        let rx = tick(2 * MS);
        let first = rx.recv().unwrap();
        gort::sleep(6 * MS);
        check_full(&rx);
        let late = Instant::now();
        let missed = rx.try_recv().unwrap();
        let taken = Instant::now();
        assert!(missed >= first + 2 * MS && missed <= late);
        let next = rx.recv().unwrap();
        assert!(next >= late + 2 * MS, "what was missed is not made up for");
        assert!(next <= taken + 2 * MS);
        // The same by a select, and by a blocking receive.
        gort::sleep(5 * MS);
        let late = Instant::now();
        gort::select! {
            recv(rx) -> time => assert!(time.unwrap() >= next + 2 * MS),
            default => panic!("it is there"),
        }
        let next = rx.recv().unwrap();
        assert!(next >= late + 2 * MS);
        gort::sleep(5 * MS);
        let late = Instant::now();
        assert!(rx.recv().unwrap() <= late, "one that was missed");
        assert!(rx.recv().unwrap() >= late + 2 * MS);
    });
}

/// A time-out before the next tick leaves that tick where it is.
#[gort::test]
fn ticks_are_not_lost_by_time_outs() {
    in_both(|| {
        let period = 30 * MS;
        let begun = Instant::now();
        let rx = tick(period);
        let made = Instant::now();
        let mut timed_out = 0;
        // Not all come in time on a busy machine.
        let early = (0..4).find_map(|_| {
            let begun = Instant::now();
            let got = rx.recv_timeout(MS).ok();
            timed_out += usize::from(got.is_none());
            assert!(got.is_some() || begun.elapsed() >= MS, "gave up early");
            got
        });
        let time = early.or_else(|| rx.recv_deadline(made + HOUR).ok()).unwrap();
        assert!(
            (begun + period..=made + period).contains(&time),
            "not the first after {timed_out} time-outs"
        );
        assert!(Instant::now() >= time);
    });
}

/// A tick goes to one receiver, and the next comes a period later, whoever gets it.
#[gort::test]
fn receivers_share_ticks() {
    let _limit = limit();
    let period = MS / 5;
    let begun = Instant::now();
    let rx = tick(period);
    let got = by_four(|| {
        let rx = rx.clone();
        move || {
            let mut times = Vec::new();
            for i in 0..20 {
                let begun = Instant::now();
                let got = match i % 4 {
                    0 => rx.recv().ok(),
                    1 => rx.recv_timeout(period * 3).ok(),
                    2 => rx.try_recv().ok(),
                    _ => gort::select! {
                        recv(rx) -> time => time.ok(),
                        // Alone it would be a `recv_timeout`.
                        recv(never::<()>()) -> _ => None,
                        default(period * 3) => None,
                    },
                };
                // Others take what it has waited for.
                assert!(got.is_some() || i % 4 == 2 || begun.elapsed() >= period * 3, "gave up early");
                assert!(got.is_none_or(|time| Instant::now() >= time), "early");
                times.extend(got);
            }
            times
        }
    });
    let mut times: Vec<Instant> = got.into_iter().flatten().collect();
    times.sort();
    assert!(times.len() >= 20 && times[0] >= begun + period);
    assert!(times.windows(2).all(|pair| pair[1] >= pair[0] + period), "one tick for two");
}

/// Without a period there is always one.
#[gort::test]
fn no_time_at_all() {
    in_both(|| {
        let always = tick(Duration::ZERO);
        for _ in 0..50 {
            gort::select! {
                recv(after(Duration::ZERO)) -> time => assert!(time.unwrap() <= Instant::now()),
                default => panic!("due"),
            }
            gort::select! {
                recv(always) -> time => assert!(time.unwrap() <= Instant::now()),
                default => panic!("due"),
            }
            assert!(always.is_full() && always.try_recv().is_ok() && always.recv().is_ok());
        }
    });
}

/// Of several arms that are due each is chosen at times, be they one channel's or several's.
#[gort::test]
fn arms_that_are_due_are_chosen_alike() {
    in_both(|| {
        let mut hits = [0; 5];
        for _ in 0..300 {
            let (a, b) = (after(Duration::ZERO), tick(Duration::ZERO));
            let first = gort::select! {
                recv(a) -> _ => true,
                recv(b) -> _ => false,
            };
            hits[usize::from(first)] += 1;
        }
        // 150 expected; 9 is one standard deviation.
        assert!(hits[0] >= 75 && hits[1] >= 75, "{hits:?}");
        hits = [0; 5];
        for _ in 0..500 {
            let rx = after(Duration::ZERO);
            gort::select! {
                recv(rx) -> _ => hits[0] += 1,
                recv(rx) -> _ => hits[1] += 1,
                recv(rx) -> _ => hits[2] += 1,
                recv(rx) -> _ => hits[3] += 1,
                recv(rx) -> _ => hits[4] += 1,
            }
        }
        // 100 expected; 9 is one standard deviation.
        assert!(hits.iter().all(|&n| n >= 50), "{hits:?}");
    });
}

#[gort::test]
fn never_has_nothing() {
    in_both(|| {
        let rx = never::<i32>();
        assert_eq!((rx.capacity(), rx.len(), rx.is_empty(), rx.is_full()), (Some(0), 0, true, true));
        assert_eq!((rx.try_recv(), rx.is_closed()), (Err(TryRecvError::Empty), false));
        let begun = Instant::now();
        assert_eq!(rx.recv_timeout(2 * MS), Err(RecvTimeoutError::Timeout));
        assert!(begun.elapsed() >= 2 * MS);
        let mut select = Select::new();
        select.recv(&rx);
        assert!(select.try_ready().is_err());
        let begun = Instant::now();
        assert!(select.ready_timeout(MS).is_err() && select.select_timeout(MS).is_err());
        assert!(begun.elapsed() >= 2 * MS);
        // A channel that is there at times.
        let (tx, some) = unbounded();
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        for maybe in [Some(&some), None] {
            let got = gort::select! {
                recv(maybe.unwrap_or(&never())) -> n => n.ok(),
                default => None,
            };
            assert_eq!(got, maybe.map(|_| 1));
        }
        // A ticker that is switched off.
        let mut ticks = tick(MS / 2);
        let mut n = 0;
        loop {
            gort::select! {
                recv(ticks) -> _ => n += 1,
                default(20 * MS) => if n == 5 { break },
            }
            if n == 5 {
                ticks = never();
            }
        }
        assert_eq!(n, 5);
    });
}

#[gort::test]
fn channels_of_times_are_told_apart() {
    let when = Instant::now();
    let all = [after(HOUR), after(HOUR), at(when), at(when), tick(HOUR), tick(HOUR), never(), unbounded().1];
    for (i, a) in all.iter().enumerate() {
        for (j, b) in all.iter().enumerate() {
            assert_eq!(a.same_channel(&b.clone()), i == j, "{i} {j}");
        }
    }
    assert!(never::<()>().same_channel(&never()), "there is one");
}

/// It had room for one, as if one could come.
#[gort::test]
fn tick_past_the_clock_was_not_never() {
    in_both(|| {
        for rx in [tick(Duration::MAX), after(Duration::MAX)] {
            assert_eq!((rx.capacity(), rx.len(), rx.is_full(), rx.is_empty()), (Some(0), 0, true, true));
            assert!(rx.try_recv().is_err() && rx.recv_timeout(MS).is_err());
            assert!(rx.same_channel(&never()));
        }
        let far = Duration::from_secs(1 << 40);
        for rx in [tick(far), after(far)] {
            check_empty(&rx);
        }
    });
}
