//! `spawn`, `Builder`, `JoinHandle`, `scope`, `run`: results, drops, panics, borrows.

mod api_support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use api_support::{Drops, join_thread, limit, on_thread, quiet_panic};
use gort::channel::bounded;
use gort::sync::WaitGroup;

#[gort::test]
fn results_of_every_size() {
    let _limit = limit();
    fn check<T: PartialEq + std::fmt::Debug + Clone + Send + 'static>(value: T) {
        let expected = value.clone();
        assert_eq!(gort::spawn(move || value).join().unwrap(), expected);
        let (started, go) = bounded::<()>(0);
        let value = expected.clone();
        let waits = gort::spawn(move || {
            assert!(go.recv().is_err());
            value
        });
        assert!(!waits.is_finished());
        drop(started);
        assert_eq!(waits.join().unwrap(), expected);
        let value = expected.clone();
        assert_eq!(gort::run(move || value), expected);
    }
    #[derive(Clone, Debug, PartialEq)]
    #[repr(align(64))]
    struct Aligned(u8);
    #[derive(Clone, Debug, PartialEq)]
    #[repr(align(256))]
    struct Page([u8; 10]);
    #[derive(Clone, Debug, PartialEq)]
    #[repr(align(64))]
    struct Nothing;
    check(());
    check(7u8);
    check(u128::MAX);
    check([1u64; 2]);
    check([2u64; 5]);
    check([3u64; 6]);
    check([4u64; 7]);
    check([5u64; 8]);
    check([6u64; 9]);
    check([7u64; 100]);
    check(Aligned(1));
    check(Page([9; 10]));
    check(Nothing);
    check(String::from("text"));
    check(vec![Box::new(1), Box::new(2)]);
    check(Some(Box::new([1u8; 100])));
}

/// In debug builds a moved array takes several places on the stack, so these get a large one.
#[gort::test]
fn huge_results() {
    let _limit = limit();
    let big = || gort::Builder::new().stack_size(16 << 20);
    let first = big().spawn(move || {
        let second = big().spawn(|| [7u8; 300_000]).unwrap();
        let array = second.join().unwrap();
        assert!(array.iter().all(|&b| b == 7));
        array
    });
    let last = big().spawn(move || first.unwrap().join().unwrap()[299_999]);
    assert_eq!(last.unwrap().join().unwrap(), 7);
}

#[gort::test]
fn captures_keep_their_alignment() {
    let _limit = limit();
    #[repr(align(64))]
    struct Aligned(AtomicUsize);
    let is_aligned = |a: &Aligned| (&raw const *a).addr().is_multiple_of(64);
    for i in 0..100 {
        let a = Aligned(AtomicUsize::new(i));
        let (aligned, back) = gort::spawn(move || (is_aligned(&a), a)).join().unwrap();
        assert!(aligned && is_aligned(&back));
        assert_eq!(back.0.load(SeqCst), i);
    }
}

#[gort::test]
fn closures_and_results_are_dropped_once() {
    let _limit = limit();
    let (closures, results) = (Drops::new(), Drops::new());
    let counters = (closures.clone(), results.clone());
    let work = move |size: usize| {
        let (c, r) = (counters.0.value(), counters.1.value());
        let padding = vec![0u8; size];
        move || {
            let _c = c;
            (r, padding, [0u64; 1])
        }
    };
    // Joined.
    let joined = gort::spawn(work(1)).join().unwrap();
    assert_eq!((closures.count(), results.count()), (1, 0));
    drop(joined);
    assert_eq!(results.count(), 1);
    // Detached, most likely before it has begun.
    drop(gort::spawn(work(2)));
    closures.wait(2);
    results.wait(2);
    // Detached while it runs.
    let (tx, rx) = bounded::<()>(0);
    let w = work(3);
    let h = gort::spawn(move || {
        assert!(rx.recv().is_err());
        w()
    });
    gort::yield_now();
    drop(h);
    drop(tx);
    results.wait(3);
    // Detached after its end.
    let h = gort::spawn(work(4));
    while !h.is_finished() {
        gort::yield_now();
    }
    assert_eq!((closures.count(), results.count()), (4, 3));
    drop(h);
    assert_eq!(results.count(), 4);
    // Forgotten: the result may leak, but is dropped at most once, and nothing else breaks.
    let h = gort::spawn(work(5));
    std::mem::forget(h);
    closures.wait(5);
    for _ in 0..100 {
        gort::spawn(|| ()).join().unwrap();
    }
    assert!(results.count() <= 5);
    // go! drops its result.
    let before = results.count();
    gort::go!(work(6));
    closures.wait(6);
    results.wait(before + 1);
    assert_eq!((closures.count(), results.count()), (6, before + 1));
}

#[gort::test]
fn many_handles_dropped_and_joined_at_any_time() {
    let _limit = limit();
    const N: usize = 3000;
    let (closures, results) = (Drops::new(), Drops::new());
    for i in 0..N {
        let (c, r) = (closures.value(), results.value());
        let h = gort::spawn(move || {
            let _c = c;
            if i % 3 == 0 {
                gort::yield_now();
            }
            (r, i)
        });
        match i % 5 {
            0 => assert_eq!(h.join().unwrap().1, i),
            1 => drop(h),
            2 => {
                gort::yield_now();
                drop(h);
            }
            3 => {
                let t = gort::spawn(move || h.join().unwrap().1);
                assert_eq!(t.join().unwrap(), i);
            }
            _ => gort::go!(drop(h)),
        }
    }
    closures.wait(N);
    results.wait(N);
    assert_eq!((closures.count(), results.count()), (N, N));
}

#[gort::test]
fn a_panic_is_the_error_of_join() {
    let _limit = limit();
    let drops = Drops::new();
    let d = drops.value();
    let payload = gort::spawn(move || {
        let _d = d;
        std::panic::resume_unwind(Box::new(42u32));
    })
    .join()
    .unwrap_err();
    assert_eq!(*payload.downcast::<u32>().unwrap(), 42);
    assert_eq!(drops.count(), 1);
    let d = drops.value();
    // A payload that is dropped with its handle.
    let h = gort::spawn(move || std::panic::resume_unwind(Box::new(d)));
    while !h.is_finished() {
        gort::yield_now();
    }
    assert_eq!(drops.count(), 1);
    drop(h);
    assert_eq!(drops.count(), 2);
    let d = drops.value();
    drop(gort::spawn(move || std::panic::resume_unwind(Box::new(d))));
    drops.wait(3);
    let text = gort::spawn(|| panic!("with {}", std::hint::black_box("text"))).join().unwrap_err();
    assert_eq!(*text.downcast::<String>().unwrap(), "with text");
}

#[gort::test]
fn spawn_and_join_from_plain_threads() {
    let _limit = limit();
    let threads: Vec<_> = (0..8)
        .map(|t| {
            on_thread(move || {
                let handles: Vec<_> = (0..50).map(|i| gort::spawn(move || t * i)).collect();
                let go = WaitGroup::new();
                for _ in 0..50 {
                    go.go(gort::yield_now);
                }
                go.wait();
                assert!(gort::spawn(|| quiet_panic()).join().is_err());
                handles.into_iter().map(|h| h.join().unwrap()).sum::<usize>()
            })
        })
        .collect();
    let sum: usize = threads.into_iter().map(join_thread).sum();
    assert_eq!(sum, 28 * 1225);
}

#[gort::test]
fn names_and_goroutines_of_handles() {
    let _limit = limit();
    let b = gort::Builder::new().name("who".into());
    let h = b.spawn(gort::current).unwrap();
    assert_eq!(h.goroutine().name(), Some("who"));
    let handles = h.goroutine().clone();
    let its_own = h.join().unwrap();
    assert_eq!((its_own.id(), its_own.name()), (handles.id(), Some("who")));
    assert_eq!(gort::spawn(|| gort::current().name().is_none()).join().ok(), Some(true));
    let (tx, rx) = bounded(1);
    gort::go!(name = "by go"; tx.send(gort::current().name().map(str::to_owned)).unwrap());
    // The argument is evaluated by the caller.
    assert_eq!(rx.recv().unwrap(), gort::current().name().map(str::to_owned));
    let (tx, rx) = bounded(1);
    gort::go!(name = "by go"; move || tx.send(gort::current().name().map(str::to_owned)).unwrap());
    assert_eq!(rx.recv().unwrap().as_deref(), Some("by go"));
}

#[gort::test]
fn a_handle_that_is_asked_late_names_its_own_goroutine() {
    let _limit = limit();
    let (tell, told) = bounded(2);
    let start = |name: Option<&str>| {
        let tell = tell.clone();
        let mut b = gort::Builder::new();
        if let Some(name) = name {
            b = b.name(name.into());
        }
        b.spawn(move || tell.send(gort::current().id()).unwrap()).unwrap()
    };
    for name in [None, Some("who")] {
        let handle = start(name);
        let id = told.recv().unwrap();
        while !handle.is_finished() {
            gort::yield_now();
        }
        // Others come and go, as many as draw on what is free.
        (0..100).for_each(|_| gort::spawn(|| ()).join().unwrap());
        assert_eq!((handle.goroutine().id(), handle.goroutine().name()), (id, name));
        handle.goroutine().unpark();
        handle.join().unwrap();
        gort::scope(|s| {
            let handle = s.spawn(gort::current);
            while !handle.is_finished() {
                gort::yield_now();
            }
            let id = handle.goroutine().id();
            assert_eq!(handle.join().unwrap().id(), id);
        });
    }
}

/// Uses at least `bytes` of stack.
#[inline(never)]
fn deep(bytes: usize) -> usize {
    let page = std::hint::black_box([0u8; 1024]);
    if bytes == 0 { 0 } else { page.len() + deep(bytes.saturating_sub(1024)) }
}

#[gort::test]
fn stack_sizes() {
    let _limit = limit();
    let check = |size: usize, used: usize| {
        let b = gort::Builder::new().stack_size(size);
        assert_eq!(b.spawn(move || deep(used)).unwrap().join().unwrap(), used);
    };
    check(0, 8 << 10);
    check(1, 8 << 10);
    check(1 << 20, 512 << 10);
    check(16 << 20, 12 << 20);
    check(256 << 20, 150 << 20);
    for size in [usize::MAX, usize::MAX / 2, 1 << 40] {
        let drops = Drops::new();
        let d = drops.value();
        let refused = gort::Builder::new().stack_size(size).name("x".into()).spawn(move || drop(d));
        assert!(refused.is_err(), "{size:#x}");
        assert_eq!(drops.count(), 1, "the closure is dropped");
    }
    gort::scope(|s| {
        assert!(gort::Builder::new().stack_size(usize::MAX).spawn_scoped(s, || ()).is_err());
        let b = gort::Builder::new().stack_size(8 << 20).name("scoped".into());
        let h = b.spawn_scoped(s, || (deep(6 << 20), gort::current().name().map(str::to_owned))).unwrap();
        assert_eq!(h.goroutine().name(), Some("scoped"));
        assert_eq!(h.join().unwrap(), (6 << 20, Some("scoped".into())));
    });
    let b = gort::Builder::new().stack_size(4 << 20);
    assert_eq!(join_thread(on_thread(|| b.spawn(|| deep(3 << 20)).unwrap().join().unwrap())), 3 << 20);
}

#[gort::test]
fn a_scope_waits_for_what_borrows() {
    let _limit = limit();
    for n in [0, 1, 2, 50] {
        let mut cells = vec![0usize; n];
        let total = AtomicUsize::new(0);
        let len = gort::scope(|s| {
            for (i, cell) in cells.iter_mut().enumerate() {
                let total = &total;
                s.spawn(move || {
                    gort::yield_now();
                    *cell = i + 1;
                    total.fetch_add(i + 1, SeqCst);
                });
            }
            n
        });
        assert_eq!(len, n);
        assert_eq!(cells, (1..=n).collect::<Vec<_>>());
        assert_eq!(total.load(SeqCst), n * (n + 1) / 2);
    }
}

#[gort::test]
fn scopes_nest() {
    let _limit = limit();
    let sum = AtomicUsize::new(0);
    gort::scope(|outer| {
        for i in 0..5 {
            let sum = &sum;
            outer.spawn(move || {
                // One that starts its sibling, and a scope inside.
                outer.spawn(move || sum.fetch_add(1, SeqCst));
                gort::scope(|inner| {
                    for j in 0..5 {
                        inner.spawn(move || sum.fetch_add(i * j, SeqCst));
                    }
                });
            });
        }
    });
    assert_eq!(sum.load(SeqCst), 5 + 100);
}

#[gort::test]
fn panics_in_scopes() {
    let _limit = limit();
    // Of a goroutine that nobody joins, after the others are done.
    let others = AtomicUsize::new(0);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        gort::scope(|s| {
            s.spawn(|| quiet_panic());
            for _ in 0..10 {
                s.spawn(|| {
                    gort::yield_now();
                    others.fetch_add(1, SeqCst);
                });
            }
        })
    }));
    let payload = result.unwrap_err();
    assert_eq!(*payload.downcast::<&str>().unwrap(), "a scoped goroutine panicked");
    assert_eq!(others.load(SeqCst), 10);
    // Joined: its error is the joiner's business.
    let joined = gort::scope(|s| s.spawn(|| -> u8 { quiet_panic() }).join().is_err());
    assert!(joined);
    // Handle dropped after the end.
    let result = std::panic::catch_unwind(|| {
        gort::scope(|s| {
            let h = s.spawn(|| quiet_panic());
            while !h.is_finished() {
                gort::yield_now();
            }
            drop(h);
        })
    });
    assert!(result.is_err());
    // Of the closure: it waits all the same, and its own panic wins.
    let done = AtomicBool::new(false);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        gort::scope(|s| {
            s.spawn(|| {
                gort::yield_now();
                done.store(true, SeqCst);
            });
            s.spawn(|| quiet_panic());
            std::panic::resume_unwind(Box::new(5u8))
        })
    }));
    assert_eq!(*result.unwrap_err().downcast::<u8>().unwrap(), 5);
    assert!(done.load(SeqCst));
}

#[gort::test]
fn a_scope_on_a_plain_thread() {
    let _limit = limit();
    join_thread(on_thread(|| {
        let text = String::from("borrowed");
        let lens: Vec<usize> = gort::scope(|s| {
            let text = &text;
            let handles: Vec<_> = (0..20).map(|i| s.spawn(move || text.len() + i)).collect();
            handles.into_iter().map(|h| h.join().unwrap()).collect()
        });
        assert_eq!(lens, (8..28).collect::<Vec<_>>());
        let unjoined = std::panic::catch_unwind(|| {
            gort::scope(|s| {
                s.spawn(|| quiet_panic());
            })
        });
        assert!(unjoined.is_err());
    }));
}

#[gort::test]
fn results_that_borrow_are_dropped_before_the_scope_ends() {
    let _limit = limit();
    struct Borrows<'a>(&'a AtomicUsize);
    impl Drop for Borrows<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    for round in 0..200 {
        let count = AtomicUsize::new(0);
        gort::scope(|s| {
            // Not joined.
            drop(s.spawn(|| Borrows(&count)));
            // Joined.
            drop(s.spawn(|| Borrows(&count)).join().unwrap());
            // Dropped when it may have ended.
            let h = s.spawn(|| Borrows(&count));
            if round % 2 == 0 {
                gort::yield_now();
            }
            drop(h);
            // The handle travels.
            let h = s.spawn(|| Borrows(&count));
            s.spawn(move || drop(h));
            let h = s.spawn(|| Borrows(&count));
            s.spawn(move || h);
        });
        assert_eq!(count.load(SeqCst), 5, "round {round}");
    }
}

#[gort::test]
fn run_nests_and_borrows() {
    let _limit = limit();
    let text = String::from("abc");
    assert_eq!(gort::run(|| gort::run(|| gort::run(|| text.len()))), 3);
    let caught =
        std::panic::catch_unwind(|| gort::run(|| -> () { std::panic::resume_unwind(Box::new(7u16)) }));
    assert_eq!(*caught.unwrap_err().downcast::<u16>().unwrap(), 7);
    let threads: Vec<_> = (0..6)
        .map(|t| {
            on_thread(move || {
                let own = format!("thread {t}");
                let len = gort::run(|| gort::scope(|s| s.spawn(|| own.len()).join().unwrap()));
                let caught = std::panic::catch_unwind(|| gort::run(|| quiet_panic()));
                (len, caught.is_err(), gort::run(|| gort::run(|| t)))
            })
        })
        .collect();
    for (t, thread) in threads.into_iter().enumerate() {
        assert_eq!(join_thread(thread), (8, true, t));
    }
    // From the system stack of a goroutine.
    assert_eq!(gort::blocking_on_system_stack(|| gort::run(|| gort::spawn(|| 9).join().unwrap())), 9);
}

#[gort::test]
fn run_does_not_wait_for_others() {
    let _limit = limit();
    let (tx, rx) = bounded::<()>(0);
    let (ended_tx, ended_rx) = bounded(1);
    gort::run(|| {
        gort::go! {
            assert!(rx.recv().is_err());
            ended_tx.send(5).unwrap();
        }
    });
    assert!(ended_rx.try_recv().is_err());
    drop(tx);
    assert_eq!(ended_rx.recv(), Ok(5));
}
