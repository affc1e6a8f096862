//! `WaitGroup` and `Mutex`.

mod api_support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, TryLockError};
use std::time::Duration;

use api_support::{Drops, join_thread, limit, on_thread, quiet_panic};
use gort::channel::bounded;
use gort::sync::{Mutex, WaitGroup};

#[gort::test]
fn a_negative_count_panics() {
    let _limit = limit();
    let check = |adds: &[i64], panics: bool| {
        let wg = WaitGroup::new();
        let result = catch_unwind(AssertUnwindSafe(|| adds.iter().for_each(|&n| wg.add(n))));
        assert_eq!(result.is_err(), panics, "{adds:?}");
        if let Err(payload) = result {
            let text = payload.downcast::<&str>().unwrap();
            assert!(text.contains("negative WaitGroup counter"), "{text}");
        }
    };
    check(&[], false);
    check(&[0], false);
    check(&[3, -1, -2], false);
    check(&[1, -1, 1, -1], false);
    check(&[-1], true);
    check(&[1, -2], true);
    let wg = WaitGroup::new();
    wg.wait();
    wg.add(1);
    wg.done();
    assert!(catch_unwind(AssertUnwindSafe(|| wg.done())).is_err());
}

#[gort::test]
fn a_wait_group_wakes_all_who_wait_and_is_used_again() {
    let _limit = limit();
    let wg = WaitGroup::new();
    for round in 0..100 {
        wg.add(5);
        let before = Arc::new(AtomicUsize::new(0));
        let waiters: Vec<_> = (0..10)
            .map(|_| {
                let (wg, before) = (wg.clone(), before.clone());
                gort::spawn(move || {
                    wg.wait();
                    before.load(SeqCst)
                })
            })
            .collect();
        let (w, b) = (wg.clone(), before.clone());
        let thread = (round % 10 == 0).then(|| {
            on_thread(move || {
                w.wait();
                b.load(SeqCst)
            })
        });
        for _ in 0..5 {
            let (wg, before) = (wg.clone(), before.clone());
            gort::go! {
                gort::yield_now();
                before.fetch_add(1, SeqCst);
                wg.done();
            }
        }
        for w in waiters {
            assert_eq!(w.join().unwrap(), 5, "round {round}");
        }
        thread.into_iter().for_each(|t| assert_eq!(join_thread(t), 5));
    }
}

#[gort::test]
fn go_counts_on_every_path() {
    let _limit = limit();
    let wg = WaitGroup::new();
    let drops = Drops::new();
    for i in 0..200 {
        let d = drops.value();
        wg.go(move || {
            let _d = d;
            match i % 3 {
                0 => gort::yield_now(),
                1 => gort::goexit(),
                _ => (),
            }
        });
    }
    wg.wait();
    assert_eq!(drops.count(), 200, "what the goroutine took with it is gone when it is counted out");
    wg.add(1);
    let w = wg.clone();
    let thread = on_thread(move || w.done());
    wg.wait();
    join_thread(thread);
}

#[gort::test]
fn one_holder_at_a_time() {
    let _limit = limit();
    const TURNS: usize = 300;
    let mutex = Arc::new(Mutex::new((0usize, 0usize)));
    let inside = Arc::new(AtomicBool::new(false));
    let work = |i: usize| {
        let (mutex, inside) = (mutex.clone(), inside.clone());
        move || {
            for turn in 0..TURNS {
                let mut guard = mutex.lock().unwrap();
                assert!(!inside.swap(true, SeqCst), "two holders");
                let seen = guard.0;
                match (i + turn) % 7 {
                    0 => gort::yield_now(),
                    1 if turn % 10 == 0 => gort::sleep(Duration::from_micros(20)),
                    _ => (),
                }
                guard.0 = seen + 1;
                guard.1 += i;
                assert!(inside.swap(false, SeqCst));
            }
        }
    };
    let threads: Vec<_> = (0..3).map(|i| on_thread(work(i))).collect();
    let goroutines: Vec<_> = (0..12).map(|i| gort::spawn(work(i))).collect();
    goroutines.into_iter().for_each(|h| h.join().unwrap());
    threads.into_iter().for_each(join_thread);
    let expected = (15 * TURNS, (66 + 3) * TURNS);
    assert_eq!(*mutex.lock().unwrap(), expected);
    let mutex = Arc::into_inner(mutex).unwrap();
    assert_eq!(mutex.into_inner().unwrap(), expected);
}

#[gort::test]
fn guards_across_blocking_calls() {
    let _limit = limit();
    let mutex = Arc::new(Mutex::new(Vec::new()));
    let (tx, rx) = bounded(0);
    let mut guard = mutex.lock().unwrap();
    let waiters: Vec<_> = (0..5)
        .map(|i| {
            let mutex = mutex.clone();
            gort::spawn(move || mutex.lock().unwrap().push(i))
        })
        .collect();
    gort::go!(move || tx.send(100).unwrap());
    guard.push(rx.recv().unwrap());
    gort::sleep(Duration::from_micros(300));
    guard.push(gort::blocking_on_system_stack(|| 101));
    assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
    assert_eq!(*guard, [100, 101]);
    drop(guard);
    waiters.into_iter().for_each(|h| h.join().unwrap());
    let mut list = mutex.lock().unwrap().clone();
    list.sort_unstable();
    assert_eq!(list, [0, 1, 2, 3, 4, 100, 101]);
}

#[gort::test]
fn poison() {
    let _limit = limit();
    let mutex = Arc::new(Mutex::new(1));
    let m = mutex.clone();
    let ended = gort::spawn(move || {
        let mut guard = m.lock().unwrap();
        *guard = 2;
        quiet_panic()
    });
    assert!(ended.join().is_err());
    assert!(mutex.is_poisoned());
    assert_eq!(**mutex.lock().unwrap_err().get_ref(), 2);
    assert!(matches!(mutex.try_lock(), Err(TryLockError::Poisoned(_))));
    mutex.clear_poison();
    assert_eq!(*mutex.lock().unwrap(), 2);
    // A guard that was taken while panicking already does not poison.
    struct Locks(Arc<Mutex<i32>>);
    impl Drop for Locks {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
        }
    }
    let locks = Locks(mutex.clone());
    let ended = gort::spawn(move || {
        let _locks = locks;
        quiet_panic()
    });
    assert!(ended.join().is_err());
    assert_eq!(*mutex.lock().unwrap(), 3);
    // On a plain thread.
    let m = mutex.clone();
    let thread = on_thread(move || {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _guard = m.lock().unwrap();
            quiet_panic()
        }));
        assert!(caught.is_err());
    });
    join_thread(thread);
    assert!(mutex.is_poisoned());
    let mut mutex = Arc::into_inner(mutex).unwrap();
    assert_eq!(**mutex.get_mut().unwrap_err().get_ref(), 3);
    assert_eq!(mutex.into_inner().unwrap_err().into_inner(), 3);
}

#[gort::test]
fn a_holder_that_panics_wakes_who_waits() {
    let _limit = limit();
    for _ in 0..100 {
        let mutex = Arc::new(Mutex::new(()));
        let (m, (tx, rx)) = (mutex.clone(), bounded::<()>(0));
        let holder = gort::spawn(move || {
            let _guard = m.lock().unwrap();
            let _ = rx.recv();
            quiet_panic()
        });
        gort::yield_now();
        let m = mutex.clone();
        let waiter = gort::spawn(move || drop(m.lock()));
        gort::yield_now();
        drop(tx);
        let _: Result<(), _> = holder.join();
        waiter.join().unwrap();
    }
}
