//! `Semaphore`, `ErrGroup` and `SingleFlight`.

mod api_support;
mod sync_support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use api_support::{Drops, join_thread, limit, on_thread, quiet_panic};
use gort::channel::bounded;
use gort::sync::{Arc, ErrGroup, Mutex, Semaphore, SingleFlight};
use sync_support::{alone, each_procs, until_parked};

#[gort::test]
fn no_more_than_the_permits_at_a_time() {
    let _limit = limit();
    each_procs(|_| {
        const TOTAL: usize = 5;
        let shared = Arc::new((Semaphore::new(TOTAL), AtomicUsize::new(0)));
        let work = |i: usize| {
            let shared = shared.clone();
            move || {
                for turn in 0..200 {
                    let n = 1 + (i + turn) % TOTAL;
                    let permit = if turn % 4 == 0 {
                        match shared.0.try_acquire_many(n) {
                            Some(permit) => permit,
                            None => continue,
                        }
                    } else {
                        shared.0.acquire_many(n)
                    };
                    assert!(shared.1.fetch_add(n, SeqCst) + n <= TOTAL);
                    if turn % 5 == 0 {
                        gort::yield_now();
                    }
                    shared.1.fetch_sub(n, SeqCst);
                    drop(permit);
                }
            }
        };
        let threads: Vec<_> = (0..2).map(|i| on_thread(work(i))).collect();
        let handles: Vec<_> = (2..14).map(|i| gort::spawn(work(i))).collect();
        handles.into_iter().for_each(|h| h.join().unwrap());
        threads.into_iter().for_each(join_thread);
        assert_eq!(shared.0.available_permits(), TOTAL);
    });
}

#[gort::test]
fn a_semaphore_is_first_come_first_served() {
    let _limit = limit();
    each_procs(|_| {
        let shared = Arc::new((Semaphore::new(3), Mutex::new(Vec::new())));
        let held = shared.0.acquire();
        let handles: Vec<_> = [3, 1, 2, 3, 1]
            .into_iter()
            .enumerate()
            .map(|(i, n)| {
                let theirs = shared.clone();
                let handle = gort::spawn(move || {
                    let permit = theirs.0.acquire_many(n);
                    theirs.1.lock().unwrap().push(i);
                    permit.forget();
                });
                until_parked(i + 1, "semacquire");
                handle
            })
            .collect();
        assert_eq!(shared.0.available_permits(), 2);
        assert!(shared.0.try_acquire().is_none(), "somebody waits for more");
        drop(held);
        let log = |n: usize| {
            while shared.1.lock().unwrap().len() < n {
                gort::yield_now();
            }
            shared.1.lock().unwrap().clone()
        };
        assert_eq!(log(1), [0]);
        shared.0.add_permits(1);
        assert_eq!(log(2), [0, 1]);
        shared.0.add_permits(1);
        assert_eq!(shared.0.available_permits(), 1);
        shared.0.add_permits(2);
        assert_eq!(log(3), [0, 1, 2]);
        assert_eq!(shared.0.available_permits(), 1);
        shared.0.add_permits(3);
        let mut rest = log(5).split_off(3);
        rest.sort_unstable();
        assert_eq!(rest, [3, 4]);
        handles.into_iter().for_each(|h| h.join().unwrap());
        assert_eq!(shared.0.available_permits(), 0);
    });
    assert!(catch_unwind(|| Semaphore::new(1).add_permits(usize::MAX)).is_err());
}

#[gort::test]
fn the_first_error_wins() {
    let _limit = limit();
    each_procs(|_| {
        let group = ErrGroup::new();
        let drops = Drops::new();
        for i in 0..20 {
            let d = drops.value();
            group.clone().go(move || if i % 2 == 0 { Ok(()) } else { Err((i, d)) });
        }
        let error = group.wait().unwrap_err();
        assert!(error.0 % 2 == 1);
        assert_eq!(drops.count(), 19, "all others are dropped");
        group.go(|| Ok(()));
        assert!(group.wait().is_ok());
        // With one place the second begins when the first has ended.
        let group = ErrGroup::new();
        group.set_limit(1);
        let g = group.clone();
        gort::spawn(move || {
            g.go(|| Err("first"));
            g.go(|| Err("second"));
        })
        .join()
        .unwrap();
        let g = group.clone();
        let both = move || (g.wait_cloned(), g.wait());
        assert_eq!(join_thread(on_thread(both)), (Err("first"), Err("first")));
        // It was moved out: what comes later is not lost.
        assert_eq!((group.wait_cloned(), group.wait()), (Ok(()), Ok(())));
        group.go(|| Err("third"));
        group.go(|| Err("fourth"));
        assert_eq!((group.wait_cloned(), group.wait_cloned()), (Err("third"), Err("third")));
        group.go(|| Err("fifth"));
        assert_eq!(group.wait(), Err("third"));
    });
}

#[gort::test]
fn a_limit_holds() {
    let _limit = limit();
    each_procs(|_| {
        let group = ErrGroup::<()>::new();
        group.set_limit(3);
        let running = Arc::new(AtomicUsize::new(0));
        let work = || {
            let running = running.clone();
            move || {
                assert!(running.fetch_add(1, SeqCst) < 3);
                gort::yield_now();
                running.fetch_sub(1, SeqCst);
                Ok(())
            }
        };
        let mut tried = 0;
        for _ in 0..200 {
            group.go(work());
            tried += usize::from(group.try_go(work()));
        }
        assert_eq!(group.wait(), Ok(()));
        assert!(tried <= 200);
        // Full: `try_go` refuses, the limit cannot be changed.
        let (tx, rx) = bounded::<()>(0);
        for _ in 0..3 {
            let rx = rx.clone();
            group.go(move || rx.recv().map_err(drop));
        }
        assert!(!group.try_go(|| Ok(())));
        assert!(catch_unwind(AssertUnwindSafe(|| group.set_limit(4))).is_err());
        (0..3).for_each(|_| tx.send(()).unwrap());
        assert_eq!(group.wait(), Ok(()));
        // Nobody may run until the limit is raised.
        group.set_limit(0);
        assert!(!group.try_go(|| Ok(())));
        let done = Arc::new(AtomicUsize::new(0));
        let handles: Vec<_> = (0..4)
            .map(|_| {
                let (group, done) = (group.clone(), done.clone());
                gort::spawn(move || {
                    group.go(move || {
                        done.fetch_add(1, SeqCst);
                        Ok(())
                    });
                })
            })
            .collect();
        until_parked(4, "semacquire");
        assert_eq!(done.load(SeqCst), 0);
        group.set_limit(2);
        handles.into_iter().for_each(|h| h.join().unwrap());
        assert_eq!(group.wait(), Ok(()));
        assert_eq!(done.load(SeqCst), 4);
    });
}

#[gort::test]
fn a_panic_of_a_member_is_raised_in_wait() {
    let _limit = limit();
    let _alone = alone();
    let group = ErrGroup::<&str>::new();
    group.set_limit(1);
    group.go(|| quiet_panic());
    group.go(|| Err("an error"));
    group.go(|| gort::goexit());
    let wait = || catch_unwind(AssertUnwindSafe(|| group.wait()));
    assert_eq!(*wait().unwrap_err().downcast::<&str>().unwrap(), "quiet");
    let text = wait().unwrap_err().downcast::<&str>().unwrap();
    assert!(text.contains("has panicked"), "{text}");
    assert!(group.try_go(|| Ok(())), "places are given back on every path");
    // Only ended: no error.
    let group = ErrGroup::<&str>::new();
    group.go(|| gort::goexit());
    assert_eq!(group.wait(), Ok(()));
}

#[gort::test]
fn concurrent_calls_share_a_run() {
    let _limit = limit();
    each_procs(|_| {
        let shared = Arc::new((SingleFlight::<String, usize>::new(), AtomicUsize::new(0)));
        let (tx, rx) = bounded::<()>(0);
        let call = |release: Option<gort::channel::Receiver<()>>| {
            let shared = shared.clone();
            gort::spawn(move || {
                shared.0.run("key".into(), || {
                    if let Some(rx) = release {
                        let _ = rx.recv();
                    }
                    shared.1.fetch_add(1, SeqCst) + 1
                })
            })
        };
        let first = call(Some(rx));
        until_parked(1, "chan receive");
        let others: Vec<_> = (0..6).map(|_| call(None)).collect();
        until_parked(6, "sync.WaitGroup.Wait");
        // Another key does not wait.
        assert_eq!(shared.0.run("other".into(), || 77), 77);
        drop(tx);
        assert_eq!(first.join().unwrap(), 1);
        assert!(others.into_iter().all(|h| h.join().unwrap() == 1));
        assert_eq!(shared.1.load(SeqCst), 1);
        assert_eq!(call(None).join().unwrap(), 2, "later calls run anew");
    });
}

/// The one key that there is; counts how often it is found. Who has found it shares the flight that was there then: it
/// is under the map's lock until it has said so.
#[derive(Clone)]
struct Key(Arc<AtomicUsize>);

impl PartialEq for Key {
    fn eq(&self, _: &Self) -> bool {
        self.0.fetch_add(1, SeqCst);
        true
    }
}

impl Eq for Key {}

impl std::hash::Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl Key {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn until_found(&self, times: usize) {
        while self.0.load(SeqCst) < times {
            gort::yield_now();
        }
    }
}

/// Go: singleflight_test.go `TestPanicDo`, `TestGoexitDo`.
#[gort::test]
fn what_ends_a_run_ends_all_who_share_it() {
    let _limit = limit();
    each_procs(|_| {
        for how in ["panic", "goexit"] {
            let flights = Arc::new(SingleFlight::<Key, &str>::new());
            let key = Key::new();
            let (tx, rx) = bounded::<()>(0);
            let (f, k) = (flights.clone(), key.clone());
            let first = gort::spawn(move || {
                f.run(k, || {
                    let _ = rx.recv();
                    if how == "panic" { quiet_panic() } else { gort::goexit() }
                })
            });
            until_parked(1, "chan receive");
            let share = || {
                let (f, k) = (flights.clone(), key.clone());
                move || {
                    let caught = gort::catch_unwind(AssertUnwindSafe(|| f.run(k, || unreachable!("shared"))));
                    let payload = caught.unwrap_err();
                    let text = payload.downcast_ref::<String>().cloned();
                    text.or(payload.downcast_ref::<&str>().map(|s| s.to_string())).unwrap()
                }
            };
            let others: Vec<_> = (0..4).map(|_| gort::spawn(share())).collect();
            let thread = on_thread(share());
            let channel = flights.run_chan(key.clone(), || unreachable!("shared"));
            key.until_found(6);
            drop(tx);
            let ended = first.join().unwrap_err();
            let ended = ended.downcast_ref::<&str>().unwrap();
            assert!(ended.ends_with(if how == "panic" { "quiet" } else { "was ended by goexit" }), "{ended}");
            for other in others {
                match other.join() {
                    Ok(text) => {
                        assert!(how == "panic" && text.ends_with("shares has panicked: quiet"), "{text}")
                    }
                    Err(_) => assert_eq!(how, "goexit"),
                }
            }
            let text = join_thread(thread);
            assert!(text.ends_with(if how == "panic" { "quiet" } else { "was ended by goexit" }), "{text}");
            assert!(channel.recv().is_err(), "nothing comes, and nobody waits for ever");
            assert_eq!(flights.run(key, || "anew"), "anew");
        }
    });
}

/// Go: singleflight_test.go `TestDoDupSuppress`, `TestDoChan`, `TestForget`.
#[gort::test]
fn results_come_through_channels() {
    let _limit = limit();
    each_procs(|_| {
        let flights = Arc::new(SingleFlight::<Key, Arc<AtomicUsize>>::new());
        let key = Key::new();
        let runs = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = bounded::<()>(0);
        let run = |rx: gort::channel::Receiver<()>| {
            let runs = runs.clone();
            move || {
                let _ = rx.recv();
                runs.fetch_add(1, SeqCst);
                runs
            }
        };
        let channels: Vec<_> = (0..3).map(|_| flights.run_chan(key.clone(), run(rx.clone()))).collect();
        assert_eq!(key.0.load(SeqCst), 2, "one began, two share, and none has waited");
        let (f, k) = (flights.clone(), key.clone());
        let waits = gort::spawn(move || f.run_shared(k, || unreachable!("shared")));
        key.until_found(3);
        assert!(channels.iter().all(|c| c.try_recv().is_err()));
        // Nobody listens to the second any more.
        let mut channels = channels.into_iter();
        let (first, _, third) = (channels.next(), channels.next(), channels.next());
        drop(tx);
        assert!(waits.join().unwrap().1, "shared");
        for channel in [first, third] {
            assert_eq!(channel.unwrap().iter().count(), 1);
        }
        assert_eq!(runs.load(SeqCst), 1);
        assert!(!flights.run_shared(key.clone(), run(rx.clone())).1, "alone");
        assert_eq!(flights.run_chan(key.clone(), run(rx)).recv().unwrap().load(SeqCst), 3);
        // Forgotten while it runs: the next begins one of its own.
        let (tx, rx) = bounded::<()>(0);
        let old = flights.run_chan(key.clone(), run(rx));
        flights.forget(&key);
        assert!(!flights.run_shared(key, || runs.clone()).1);
        assert_eq!(runs.load(SeqCst), 3, "the first is still at it");
        drop(tx);
        assert_eq!(old.recv().unwrap().load(SeqCst), 4);
    });
}

#[gort::test]
fn single_flight_under_stress() {
    let _limit = limit();
    each_procs(|_| {
        let flights = Arc::new(SingleFlight::<usize, usize>::new());
        let busy: Arc<[AtomicBool; 4]> = Arc::default();
        let work = |i: usize| {
            let (flights, busy) = (flights.clone(), busy.clone());
            move || {
                for turn in 0..200 {
                    let key = (i + turn) % 4;
                    let got = flights.run(key, || {
                        assert!(!busy[key].swap(true, SeqCst), "two runs of a key");
                        if turn % 3 == 0 {
                            gort::yield_now();
                        }
                        busy[key].store(false, SeqCst);
                        key * 10
                    });
                    assert_eq!(got, key * 10);
                }
            }
        };
        let threads: Vec<_> = (0..2).map(|i| on_thread(work(i))).collect();
        let handles: Vec<_> = (2..12).map(|i| gort::spawn(work(i))).collect();
        handles.into_iter().for_each(|h| h.join().unwrap());
        threads.into_iter().for_each(join_thread);
    });
}
