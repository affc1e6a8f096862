//! `Once`, `OnceLock`, `LazyLock`, `Barrier` and `mpsc`.

mod api_support;
mod sync_support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use api_support::{Drops, join_thread, limit, on_thread, quiet_panic};
use gort::channel::bounded;
use gort::sync::{Arc, Barrier, LazyLock, Once, OnceLock, mpsc};
use sync_support::{alone, each_procs, until_parked};

fn panics<T>(f: impl FnOnce() -> T) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(f)).err()?;
    Some(payload.downcast_ref::<&str>().map_or_else(String::new, |s| (*s).to_string()))
}

#[gort::test]
fn one_of_many_runs_and_the_others_wait_for_it() {
    let _limit = limit();
    each_procs(|_| {
        let once = Arc::new((Once::new(), AtomicUsize::new(0)));
        let (tx, rx) = bounded::<()>(0);
        let handles: Vec<_> = (0..8)
            .map(|i| {
                let (once, rx) = (once.clone(), rx.clone());
                let work = move || {
                    if i == 7 {
                        once.0.wait();
                    }
                    once.0.call_once(|| {
                        rx.recv().unwrap();
                        once.1.fetch_add(1, SeqCst);
                    });
                    assert_eq!(once.1.load(SeqCst), 1);
                };
                if i == 0 { gort::spawn(|| join_thread(on_thread(work))) } else { gort::spawn(work) }
            })
            .collect();
        // Seven goroutines, one of which may be the one that runs.
        until_parked(6, "sync.Once.Do");
        assert!(!once.0.is_completed() && !handles.iter().any(|h| h.is_finished()));
        tx.send(()).unwrap();
        handles.into_iter().for_each(|h| h.join().unwrap());
        assert!(once.0.is_completed());
        once.0.wait();
        once.0.wait_force();
    });
}

#[gort::test]
fn a_once_is_poisoned_by_a_panic_and_not_by_goexit() {
    let _limit = limit();
    let _alone = alone();
    let once = Arc::new(Once::new());
    let o = once.clone();
    assert!(gort::spawn(move || o.call_once(|| gort::goexit())).join().is_err());
    assert!(panics(|| once.call_once(|| quiet_panic())).is_some());
    assert!(!once.is_completed());
    let text = panics(|| once.call_once(|| ())).unwrap();
    assert!(text.contains("previously been poisoned"), "{text}");
    assert!(panics(|| once.wait()).unwrap().contains("previously been poisoned"));
    let o = once.clone();
    let waiter = gort::spawn(move || o.wait_force());
    let mut told = None;
    assert!(panics(|| once.call_once_force(|_| quiet_panic())).is_some());
    once.call_once_force(|state| told = Some(state.is_poisoned()));
    assert_eq!(told, Some(true));
    waiter.join().unwrap();
    once.call_once_force(|_| unreachable!());
    once.call_once(|| unreachable!());
    let mut fresh = None;
    Once::new().call_once_force(|state| fresh = Some(state.is_poisoned()));
    assert_eq!(fresh, Some(false));
}

#[gort::test]
fn waiters_go_on_when_the_initialiser_does_not_end() {
    let _limit = limit();
    each_procs(|_| {
        for how in ["panic", "goexit"] {
            let cell = Arc::new(OnceLock::new());
            let (tx, rx) = bounded::<()>(0);
            let c = cell.clone();
            let first = gort::spawn(move || {
                c.get_or_init(|| {
                    let _ = rx.recv();
                    if how == "panic" { quiet_panic() } else { gort::goexit() }
                });
            });
            until_parked(1, "chan receive");
            let others: Vec<_> = (0..4)
                .map(|i| {
                    let cell = cell.clone();
                    gort::spawn(move || *cell.get_or_init(|| i))
                })
                .collect();
            until_parked(4, "sync.Once.Do");
            drop(tx);
            assert!(first.join().is_err());
            let got: Vec<_> = others.into_iter().map(|h| h.join().unwrap()).collect();
            assert_eq!(got, [*cell.get().unwrap(); 4]);
        }
    });
}

#[gort::test]
fn once_lock_as_std() {
    static CELL: OnceLock<String> = OnceLock::new();
    let _limit = limit();
    let _alone = alone();
    assert_eq!((CELL.get(), format!("{CELL:?}").as_str()), (None, "OnceLock(<uninit>)"));
    let waiter = gort::spawn(|| CELL.wait().len());
    assert_eq!(CELL.set("abc".into()), Ok(()));
    assert_eq!(CELL.set("d".into()), Err("d".into()));
    assert_eq!(waiter.join().unwrap(), 3);
    assert_eq!(CELL.get_or_init(|| unreachable!()), "abc");
    assert_eq!(format!("{CELL:?}"), "OnceLock(\"abc\")");
    let mut copy = CELL.clone();
    assert_eq!(copy, CELL);
    copy.get_mut().unwrap().push('d');
    assert_eq!(copy.take().as_deref(), Some("abcd"));
    assert_eq!(copy, OnceLock::new());
    assert_eq!(OnceLock::from(1).into_inner(), Some(1));
    let drops = Drops::new();
    drop((OnceLock::from(drops.value()), OnceLock::<i32>::default()));
    assert_eq!(drops.count(), 1);
}

#[gort::test]
fn lazy_lock_as_std() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    static LAZY: LazyLock<usize> = LazyLock::new(|| {
        gort::yield_now();
        gort::sleep(Duration::from_micros(100));
        RUNS.fetch_add(1, SeqCst) + 1
    });
    let _limit = limit();
    let _alone = alone();
    assert_eq!(format!("{LAZY:?}"), "LazyLock(<uninit>)");
    let thread = on_thread(|| *LAZY);
    let handles: Vec<_> = (0..8).map(|_| gort::spawn(|| *LazyLock::force(&LAZY))).collect();
    assert!(handles.into_iter().all(|h| h.join().unwrap() == 1));
    assert_eq!(join_thread(thread), 1);
    assert_eq!((RUNS.load(SeqCst), format!("{LAZY:?}").as_str()), (1, "LazyLock(1)"));
    let text = String::from("owned");
    let mut lazy = LazyLock::new(move || text);
    lazy.push('!');
    assert_eq!(*lazy, "owned!");
    assert_eq!(*LazyLock::<i32>::default(), 0);
    for f in [(|| quiet_panic()) as fn() -> i32, || gort::goexit()] {
        let lazy = Arc::new(LazyLock::new(f));
        let l = lazy.clone();
        assert!(gort::spawn(move || **l).join().is_err());
        for _ in 0..2 {
            assert!(panics(|| **lazy).unwrap().contains("LazyLock instance has previously been poisoned"));
        }
        assert!(LazyLock::get(&lazy).is_none());
    }
}

#[gort::test]
fn a_barrier_has_one_leader_each_time() {
    let _limit = limit();
    each_procs(|_| {
        const N: usize = 7;
        const ROUNDS: usize = 100;
        let shared = Arc::new((Barrier::new(N), AtomicUsize::new(0), AtomicUsize::new(0)));
        let work = |_| {
            let shared = shared.clone();
            move || {
                for round in 0..ROUNDS {
                    shared.1.fetch_add(1, SeqCst);
                    let leads = shared.0.wait().is_leader();
                    assert!(shared.1.load(SeqCst) >= (round + 1) * N, "somebody has not come yet");
                    shared.2.fetch_add(usize::from(leads), SeqCst);
                }
            }
        };
        let threads: Vec<_> = (0..2).map(|i| on_thread(work(i))).collect();
        let handles: Vec<_> = (2..N).map(|i| gort::spawn(work(i))).collect();
        handles.into_iter().for_each(|h| h.join().unwrap());
        threads.into_iter().for_each(join_thread);
        assert_eq!(shared.2.load(SeqCst), ROUNDS);
    });
    static ALONE: Barrier = Barrier::new(1);
    assert!(ALONE.wait().is_leader() && Barrier::new(0).wait().is_leader());
}

#[gort::test]
fn mpsc_as_std() {
    let _limit = limit();
    let _alone = alone();
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<mpsc::Receiver<i32>>();
    sync::<mpsc::Sender<i32>>();
    sync::<mpsc::SyncSender<i32>>();
    let (tx, rx) = mpsc::channel();
    // std's own types of errors.
    assert_eq!(rx.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty));
    let timeout = rx.recv_timeout(Duration::from_millis(1));
    assert_eq!(timeout, Err(std::sync::mpsc::RecvTimeoutError::Timeout));
    let threads: Vec<_> = (0..3)
        .map(|i| {
            let tx = tx.clone();
            on_thread(move || (0..100).for_each(|n| tx.send((i, n)).unwrap()))
        })
        .collect();
    for i in 3..6 {
        let tx = tx.clone();
        gort::go!(move || (0..100).for_each(|n| tx.send((i, n)).unwrap()));
    }
    drop(tx);
    let mut next = [0; 6];
    for (i, n) in &rx {
        assert_eq!(n, next[i], "in order of each sender");
        next[i] += 1;
    }
    assert_eq!(next, [100; 6]);
    threads.into_iter().for_each(join_thread);
    assert_eq!(rx.recv(), Err(std::sync::mpsc::RecvError));
    assert_eq!(rx.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    let timeout = rx.recv_timeout(Duration::MAX);
    assert_eq!(timeout, Err(mpsc::RecvTimeoutError::Disconnected));

    let (tx, rx) = mpsc::sync_channel(2);
    assert_eq!((tx.try_send(1), tx.try_send(2)), (Ok(()), Ok(())));
    assert_eq!(tx.try_send(3), Err(std::sync::mpsc::TrySendError::Full(3)));
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [1, 2]);
    tx.send(4).unwrap();
    drop(rx);
    assert_eq!(tx.try_send(5), Err(mpsc::TrySendError::Disconnected(5)));
    assert_eq!(tx.send(6), Err(std::sync::mpsc::SendError(6)));

    let (tx, rx) = mpsc::sync_channel(0);
    assert_eq!(tx.try_send(1), Err(mpsc::TrySendError::Full(1)));
    gort::go!(move || (0..5).for_each(|n| tx.send(n).unwrap()));
    assert_eq!(rx.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);

    let drops = Drops::new();
    let (tx, rx) = mpsc::channel();
    (0..5).for_each(|_| tx.send(drops.value()).unwrap());
    drop(rx.recv());
    assert_eq!(drops.count(), 1);
    drop(rx);
    assert_eq!(drops.count(), 5);
}
