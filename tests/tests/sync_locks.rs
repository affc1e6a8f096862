//! `Mutex`, `RwLock` and `Condvar`.

mod api_support;
mod sync_support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use api_support::{join_thread, limit, on_thread, quiet_panic};
use gort::sync::{Arc, Condvar, Mutex, RwLock, RwLockWriteGuard, TryLockError};
use sync_support::{alone, each_procs, until_parked};

/// Runs `work` on goroutines and plain threads together.
fn crowd(goroutines: usize, threads: usize, work: impl Fn(usize) + Clone + Send + 'static) {
    let threads: Vec<_> = (0..threads)
        .map(|i| {
            let work = work.clone();
            on_thread(move || work(goroutines + i))
        })
        .collect();
    let handles: Vec<_> = (0..goroutines)
        .map(|i| {
            let work = work.clone();
            gort::spawn(move || work(i))
        })
        .collect();
    handles.into_iter().for_each(|h| h.join().unwrap());
    threads.into_iter().for_each(join_thread);
}

fn busy(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
}

#[gort::test]
fn a_contended_mutex_has_one_holder() {
    let _limit = limit();
    each_procs(|_| {
        let mutex = Arc::new(Mutex::new((0usize, 0usize)));
        let m = mutex.clone();
        crowd(16, 2, move |i| {
            for turn in 0..500 {
                let mut guard = m.lock().unwrap();
                guard.0 += 1;
                if (i + turn) % 50 == 0 {
                    gort::yield_now();
                }
                guard.1 += 1;
                assert_eq!(guard.0, guard.1);
                drop(guard);
                if (i + turn) % 7 == 0
                    && let Ok(mut guard) = m.try_lock()
                {
                    guard.0 += 1;
                    guard.1 += 1;
                    assert_eq!(guard.0, guard.1);
                }
            }
        });
        assert!(mutex.lock().unwrap().0 >= 18 * 500);
    });
}

/// Who lets go of a mutex only to take it again does not keep others from it for much longer than a
/// millisecond.
#[gort::test]
fn a_hog_does_not_starve_waiters() {
    let _limit = limit();
    each_procs(|procs| {
        let mutex = Arc::new(Mutex::new(0usize));
        let turns = Arc::new(AtomicUsize::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let hog = {
            let (mutex, turns, stop) = (mutex.clone(), turns.clone(), stop.clone());
            move || {
                while !stop.load(SeqCst) {
                    let _guard = mutex.lock().unwrap();
                    busy(Duration::from_micros(100));
                    turns.fetch_add(1, SeqCst);
                }
            }
        };
        let hog = if procs == 1 { gort::spawn(hog) } else { gort::spawn(|| join_thread(on_thread(hog))) };
        while turns.load(SeqCst) == 0 {
            gort::yield_now();
        }
        for _ in 0..10 {
            let begin = turns.load(SeqCst);
            *mutex.lock().unwrap() += 1;
            let waited = turns.load(SeqCst) - begin;
            assert!(waited < 2000, "{waited} turns of the hog");
        }
        stop.store(true, SeqCst);
        hog.join().unwrap();
        assert_eq!(*mutex.lock().unwrap(), 10);
    });
}

/// Who has waited for a millisecond loses to one more that comes along at most: then it is handed the mutex. The other
/// takes the mutex back each time, before who was woken has got to run, and keeps it until that one waits again.
#[gort::test]
fn a_mutex_is_handed_to_who_has_waited_for_a_millisecond() {
    let _limit = limit();
    each_procs(|_| {
        for _ in 0..5 {
            let mutex = Arc::new(Mutex::new(()));
            let served = Arc::new(AtomicBool::new(false));
            let mut guard = mutex.lock().unwrap();
            let waiter = gort::spawn({
                let (mutex, served) = (mutex.clone(), served.clone());
                move || {
                    let _guard = mutex.lock().unwrap();
                    served.store(true, SeqCst);
                }
            });
            // Others wait for their turn among the tests.
            let head = format!("goroutine {} [sync.Mutex.Lock", waiter.goroutine().id());
            let until_it_waits = || {
                while !gort::runtime::stack(true).contains(&head) {
                    gort::yield_now();
                }
            };
            until_it_waits();
            gort::sleep(Duration::from_millis(2));
            let mut taken_back = 0;
            loop {
                drop(guard);
                guard = mutex.lock().unwrap();
                if served.load(SeqCst) {
                    break;
                }
                taken_back += 1;
                assert!(taken_back < 2, "it was its turn");
                until_it_waits();
            }
            drop(guard);
            waiter.join().unwrap();
        }
    });
}

#[gort::test]
fn readers_share_and_writers_do_not() {
    static LOCK: RwLock<i32> = RwLock::new(1);
    let _limit = limit();
    let _alone = alone();
    let (a, b) = (LOCK.read().unwrap(), LOCK.try_read().unwrap());
    assert_eq!(*a + *b, 2);
    assert!(matches!(LOCK.try_write(), Err(TryLockError::WouldBlock)));
    drop((a, b));
    let mut w = LOCK.write().unwrap();
    *w += 1;
    assert!(matches!(LOCK.try_write(), Err(TryLockError::WouldBlock)));
    assert!(matches!(LOCK.try_read(), Err(TryLockError::WouldBlock)));
    assert_eq!(format!("{LOCK:?}"), "RwLock { data: <locked>, poisoned: false, .. }");
    let r = RwLockWriteGuard::downgrade(w);
    assert_eq!(*LOCK.try_read().unwrap() + *r, 4);
    assert!(LOCK.try_write().is_err());
    drop(r);
    assert_eq!(*LOCK.try_write().unwrap(), 2);
    assert_eq!(format!("{LOCK:?}"), "RwLock { data: 2, poisoned: false, .. }");
    let slice: &RwLock<[i32]> = &RwLock::new([1, 2, 3]);
    assert_eq!(slice.read().unwrap().len(), 3);
    fn is<T: Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    is::<RwLock<i32>>();
}

#[gort::test]
fn writers_before_new_readers_and_waiting_readers_before_the_next_writer() {
    let _limit = limit();
    each_procs(|_| {
        let lock = Arc::new(RwLock::new(()));
        let log = Arc::new(Mutex::new(Vec::new()));
        let write = |name| {
            let (lock, log) = (lock.clone(), log.clone());
            gort::spawn(move || {
                let _guard = lock.write().unwrap();
                gort::yield_now();
                log.lock().unwrap().push(name);
            })
        };
        let read = |_| {
            let (lock, log) = (lock.clone(), log.clone());
            gort::spawn(move || {
                let _guard = lock.read().unwrap();
                gort::yield_now();
                log.lock().unwrap().push("r");
            })
        };
        let guard = lock.read().unwrap();
        let mut handles = vec![write("w1")];
        until_parked(1, "sync.RWMutex.Lock");
        assert!(lock.try_read().is_err(), "a writer waits");
        handles.extend((0..3).map(read));
        until_parked(3, "sync.RWMutex.RLock");
        handles.push(write("w2"));
        until_parked(2, "sync.RWMutex.Lock");
        assert!(log.lock().unwrap().is_empty());
        drop(guard);
        handles.into_iter().for_each(|h| h.join().unwrap());
        assert_eq!(*log.lock().unwrap(), ["w1", "r", "r", "r", "w2"]);
        assert!(lock.try_write().is_ok());
        // A writer that becomes a reader takes the waiting readers along, and keeps writers out.
        log.lock().unwrap().clear();
        let guard = lock.write().unwrap();
        let mut handles: Vec<_> = (0..3).map(read).collect();
        until_parked(3, "sync.RWMutex.RLock");
        let last = write("w");
        until_parked(1, "sync.RWMutex.Lock");
        let guard = RwLockWriteGuard::downgrade(guard);
        handles.drain(..).for_each(|h| h.join().unwrap());
        assert_eq!(*log.lock().unwrap(), ["r", "r", "r"]);
        drop(guard);
        last.join().unwrap();
        assert!(lock.try_write().is_ok());
    });
}

#[gort::test]
fn an_rwlock_under_stress() {
    let _limit = limit();
    each_procs(|_| {
        let lock = Arc::new(RwLock::new((0usize, 0usize)));
        let l = lock.clone();
        crowd(12, 3, move |i| {
            for turn in 0..300 {
                match (i + turn) % 4 {
                    0 => {
                        let mut guard = l.write().unwrap();
                        guard.0 += 1;
                        if turn % 16 == 0 {
                            gort::yield_now();
                        }
                        guard.1 += 1;
                        if turn % 3 == 0 {
                            let guard = RwLockWriteGuard::downgrade(guard);
                            assert_eq!(guard.0, guard.1);
                        }
                    }
                    1 => {
                        if let Ok(guard) = l.try_read() {
                            assert_eq!(guard.0, guard.1);
                        }
                    }
                    _ => {
                        let guard = l.read().unwrap();
                        if turn % 32 == 0 {
                            gort::yield_now();
                        }
                        assert_eq!(guard.0, guard.1);
                    }
                }
            }
        });
        assert_eq!(lock.read().unwrap().0, 15 * 75);
        assert!(lock.try_write().is_ok(), "nothing is left behind");
    });
}

/// Readers that overlap for ever do not keep a writer out, nor writers in a row a reader.
#[gort::test]
fn neither_side_starves() {
    let _limit = limit();
    each_procs(|_| {
        let lock = Arc::new(RwLock::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let turns = Arc::new([const { AtomicUsize::new(0) }; 12]);
        let until_all_turn = |turns: &[AtomicUsize]| {
            while turns.iter().any(|t| t.load(SeqCst) == 0) {
                gort::yield_now();
            }
        };
        let (l, s, t) = (lock.clone(), stop.clone(), turns.clone());
        let readers = gort::spawn(move || {
            crowd(4, 2, move |i| {
                while !s.load(SeqCst) {
                    let _guard = l.read().unwrap();
                    t[i].fetch_add(1, SeqCst);
                    gort::yield_now();
                }
            });
        });
        until_all_turn(&turns[..6]);
        for _ in 0..50 {
            *lock.write().unwrap() += 1;
        }
        stop.store(true, SeqCst);
        readers.join().unwrap();
        stop.store(false, SeqCst);
        let (l, s, t) = (lock.clone(), stop.clone(), turns.clone());
        let writers = gort::spawn(move || {
            crowd(4, 2, move |i| {
                while !s.load(SeqCst) {
                    let _guard = l.write().unwrap();
                    t[6 + i].fetch_add(1, SeqCst);
                    gort::yield_now();
                }
            });
        });
        until_all_turn(&turns[6..]);
        for _ in 0..50 {
            assert_eq!(*lock.read().unwrap(), 50);
        }
        stop.store(true, SeqCst);
        writers.join().unwrap();
    });
}

#[gort::test]
fn writers_poison_and_readers_do_not() {
    let _limit = limit();
    let _alone = alone();
    let lock = Arc::new(RwLock::new(1));
    let check = |poisons: bool, f: fn(&RwLock<i32>)| {
        let l = lock.clone();
        let _: Result<(), _> = gort::spawn(move || f(&l)).join();
        assert_eq!(lock.is_poisoned(), poisons);
        assert_eq!(lock.read().is_err(), poisons);
        assert_eq!(lock.write().is_err(), poisons);
        assert_eq!(matches!(lock.try_read(), Err(TryLockError::Poisoned(_))), poisons);
        assert_eq!(matches!(lock.try_write(), Err(TryLockError::Poisoned(_))), poisons);
        lock.clear_poison();
    };
    check(false, |l| {
        let _guard = l.read().unwrap();
        quiet_panic()
    });
    check(true, |l| {
        let _guard = l.write().unwrap();
        quiet_panic()
    });
    check(false, |l| {
        let _guard = l.write().unwrap();
        gort::goexit()
    });
    check(false, |l| {
        let _guard = RwLockWriteGuard::downgrade(l.write().unwrap());
        quiet_panic()
    });
    assert_eq!(Arc::into_inner(lock).unwrap().into_inner().unwrap(), 1);
}

/// Waits until `n` wait at the condvar: they count themselves under the mutex.
fn until_waiting<T>(mutex: &Mutex<T>, n: usize, waiting: impl Fn(&T) -> usize) {
    while waiting(&mutex.lock().unwrap()) < n {
        gort::yield_now();
    }
}

#[gort::test]
fn notify_one_wakes_the_first_and_notify_all_the_rest() {
    let _limit = limit();
    each_procs(|_| {
        let pair = Arc::new((Mutex::new((0, Vec::new())), Condvar::new()));
        let handles: Vec<_> = (0..6)
            .map(|i| {
                let theirs = pair.clone();
                let work = move || {
                    let mut guard = theirs.0.lock().unwrap();
                    guard.0 += 1;
                    guard = theirs.1.wait(guard).unwrap();
                    guard.1.push(i);
                };
                let handle =
                    if i == 1 { gort::spawn(|| join_thread(on_thread(work))) } else { gort::spawn(work) };
                until_waiting(&pair.0, i + 1, |s| s.0);
                handle
            })
            .collect();
        for n in 1..=3 {
            pair.1.notify_one();
            until_waiting(&pair.0, n, |s| s.1.len());
            assert_eq!(pair.0.lock().unwrap().1, (0..n).collect::<Vec<_>>());
        }
        pair.1.notify_all();
        handles.into_iter().for_each(|h| h.join().unwrap());
        let mut woken = pair.0.lock().unwrap().1.clone();
        woken.sort_unstable();
        assert_eq!(woken, [0, 1, 2, 3, 4, 5]);
        // Nobody waits: nothing is kept for the next.
        pair.1.notify_one();
        let result = pair.1.wait_timeout(pair.0.lock().unwrap(), Duration::from_millis(1)).unwrap().1;
        assert!(result.timed_out());
    });
}

#[gort::test]
fn waits_with_a_timeout() {
    let _limit = limit();
    let _alone = alone();
    let work = || {
        let (mutex, condvar) = (Mutex::new(0), Condvar::new());
        let ms = Duration::from_millis(2);
        let begin = Instant::now();
        let (guard, result) = condvar.wait_timeout(mutex.lock().unwrap(), ms).unwrap();
        assert!(result.timed_out() && begin.elapsed() >= ms);
        assert!(mutex.try_lock().is_err(), "locked again");
        let (mut guard, result) = condvar.wait_timeout_while(guard, ms, |n| *n == 0).unwrap();
        assert!(result.timed_out() && begin.elapsed() >= 2 * ms);
        *guard = 1;
        let (guard, result) = condvar.wait_timeout_while(guard, Duration::ZERO, |n| *n == 0).unwrap();
        assert!(!result.timed_out());
        assert!(condvar.wait_timeout(guard, Duration::ZERO).unwrap().1.timed_out());
    };
    work();
    join_thread(on_thread(work));
    // Notified long before.
    for timeout in [Duration::from_secs(3600), Duration::MAX] {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let theirs = pair.clone();
        gort::go! {
            *theirs.0.lock().unwrap() = true;
            theirs.1.notify_all();
        }
        let guard = pair.0.lock().unwrap();
        let (guard, result) = pair.1.wait_timeout_while(guard, timeout, |ready| !*ready).unwrap();
        assert!(*guard && !result.timed_out());
    }
}

/// Each notification ends one wait, and that wait does not say that it has timed out.
#[gort::test]
fn no_notification_is_lost_to_a_timeout() {
    let _limit = limit();
    each_procs(|_| {
        // Under the mutex: how many have timed out, how many were notified.
        let shared = Arc::new((Mutex::new((0usize, 0usize)), Condvar::new()));
        for round in 0..200u64 {
            let before = *shared.0.lock().unwrap();
            let handles: Vec<_> = (0..4)
                .map(|i| {
                    let shared = shared.clone();
                    gort::spawn(move || {
                        let guard = shared.0.lock().unwrap();
                        // One is there for the notification in any case.
                        let timeout = if i == 0 { 60_000_000 } else { (round + i) % 5 * 20 };
                        let timeout = Duration::from_micros(timeout);
                        let (mut guard, result) = shared.1.wait_timeout(guard, timeout).unwrap();
                        if result.timed_out() { guard.0 += 1 } else { guard.1 += 1 }
                    })
                })
                .collect();
            // Until the patient one has gone, by one of our notifications or other.
            while !handles.iter().all(|h| h.is_finished()) {
                shared.1.notify_one();
                gort::yield_now();
            }
            handles.into_iter().for_each(|h| h.join().unwrap());
            let after = *shared.0.lock().unwrap();
            assert_eq!(after.0 + after.1, before.0 + before.1 + 4);
            assert!(after.1 > before.1);
        }
    });
}

#[gort::test]
fn a_bounded_buffer_of_condvars() {
    let _limit = limit();
    each_procs(|_| {
        const EACH: usize = 200;
        type Buffer = (Mutex<Vec<usize>>, Condvar, Condvar, AtomicUsize);
        let buffer: Arc<Buffer> = Arc::default();
        let b = buffer.clone();
        crowd(8, 2, move |i| {
            for n in 0..EACH {
                if i % 2 == 0 {
                    let mut items = b.1.wait_while(b.0.lock().unwrap(), |items| items.len() == 2).unwrap();
                    items.push(n);
                    b.2.notify_one();
                } else {
                    let mut items = b.2.wait_while(b.0.lock().unwrap(), |items| items.is_empty()).unwrap();
                    b.3.fetch_add(items.pop().unwrap(), SeqCst);
                    b.1.notify_one();
                }
            }
        });
        assert_eq!(buffer.3.load(SeqCst), 5 * (0..EACH).sum::<usize>());
    });
}

#[gort::test]
fn a_wait_tells_of_poison() {
    let _limit = limit();
    let _alone = alone();
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let theirs = pair.clone();
    let waiter = gort::spawn(move || {
        let mut guard = theirs.0.lock().unwrap();
        *guard = true;
        theirs.1.wait(guard).is_err()
    });
    until_waiting(&pair.0, 1, |&waits| usize::from(waits));
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _guard = pair.0.lock().unwrap();
        pair.1.notify_one();
        quiet_panic()
    }));
    assert!(caught.is_err());
    assert!(waiter.join().unwrap());
    assert!(pair.0.is_poisoned());
}
