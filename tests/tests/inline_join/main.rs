//! Joining a goroutine that has not started runs it on the joiner's stack, as the goroutine that it is.

mod dumps;
mod stack;
mod storm;

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use gort::{JoinHandle, spawn};

/// The address of a local of the caller.
#[inline(never)]
fn here() -> usize {
    let local = 0u8;
    std::ptr::from_ref(black_box(&local)) as usize
}

/// Whether a frame at `inner` stands on the same stack as, and just below, one at `outer`.
fn just_below(inner: usize, outer: usize) -> bool {
    inner < outer && outer - inner < 32 << 10
}

/// Joins what `start` starts until one was not stolen before: then it has run on this stack.
#[inline(never)]
fn join_inline<T>(start: impl Fn() -> JoinHandle<(usize, T)>) -> std::thread::Result<T> {
    loop {
        let (address, result) = start().join()?;
        if just_below(address, here()) {
            return Ok(result);
        }
    }
}

gort::goroutine_local! {
    static LOCAL: Cell<u32> = const { Cell::new(1) };
}

#[gort::test]
fn it_runs_as_the_goroutine_that_it_is() {
    LOCAL.set(7);
    let own = gort::current().id();
    let (id, parent_of_child) = join_inline(|| {
        spawn(|| {
            assert_eq!(LOCAL.get(), 1, "its locals are its own");
            LOCAL.set(2);
            let child = gort::current();
            let grandchild = spawn(move || (gort::current().id(), child.id()));
            let (grandchild, child) = grandchild.join().unwrap();
            assert_ne!(grandchild, child);
            (here(), (gort::current().id(), child))
        })
    })
    .unwrap();
    assert_eq!(id, parent_of_child);
    assert_ne!(id, own);
    assert_eq!(gort::current().id(), own);
    assert_eq!(LOCAL.get(), 7);
    let handle = spawn(gort::current);
    let expected = handle.goroutine().id();
    assert_eq!(handle.join().unwrap().id(), expected);
}

#[gort::test]
fn a_builders_goroutine_too() {
    let name = join_inline(|| {
        let builder = gort::Builder::new().name("joined".into());
        builder.spawn(|| (here(), gort::current().name().map(str::to_owned))).unwrap()
    });
    assert_eq!(name.unwrap().as_deref(), Some("joined"));
    assert_eq!(gort::current().name(), None);
}

#[gort::test]
fn a_scoped_goroutine_too() {
    let text = String::from("borrowed");
    loop {
        let outer = here();
        let inner = gort::scope(|s| s.spawn(|| (here(), text.len())).join().unwrap());
        assert_eq!(inner.1, 8);
        if inner.0 < outer && outer - inner.0 < 32 << 10 {
            break;
        }
    }
}

#[gort::test]
fn large_and_zero_sized_results() {
    for i in 0..100 {
        assert_eq!(spawn(move || [i; 1000]).join().unwrap()[999], i);
        spawn(|| ()).join().unwrap();
        let text = vec![i.to_string(); 3];
        assert_eq!(spawn(move || text).join().unwrap().len(), 3);
    }
}

#[gort::test]
fn its_panic_is_its_own() {
    let own = gort::current().id();
    let dropped = Arc::new(AtomicBool::new(false));
    struct Drops(Arc<AtomicBool>);
    impl Drop for Drops {
        fn drop(&mut self) {
            assert!(gort::panicking());
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let guard = Drops(dropped.clone());
    let result: Result<(), _> = spawn(move || {
        let _guard = guard;
        panic!("on purpose");
    })
    .join();
    assert_eq!(*result.unwrap_err().downcast::<&str>().unwrap(), "on purpose");
    assert!(dropped.load(Ordering::Relaxed));
    assert!(!gort::panicking() && !std::thread::panicking());
    assert_eq!(gort::current().id(), own);
}

#[gort::test]
fn goexit_ends_it_alone() {
    let own = gort::current().id();
    for _ in 0..10 {
        let ended = spawn(|| {
            let inner = spawn(|| -> u32 { gort::goexit() }).join();
            assert!(inner.is_err());
            gort::goexit();
        })
        .join();
        let text = *ended.unwrap_err().downcast::<&str>().unwrap();
        assert!(text.contains("goexit"), "{text}");
        assert_eq!(gort::current().id(), own);
    }
}

#[gort::test]
fn its_locals_are_dropped_before_the_join_returns() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Counts;
    impl Drop for Counts {
        fn drop(&mut self) {
            gort::yield_now();
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    gort::goroutine_local! {
        static COUNTS: Counts = Counts;
    }
    for i in 1..=100 {
        spawn(|| COUNTS.with(|_| ())).join().unwrap();
        assert_eq!(DROPPED.load(Ordering::Relaxed), i);
    }
}

#[gort::test]
fn it_parks_and_its_host_comes_back_with_it() {
    let own = gort::current().id();
    for _ in 0..1000 {
        let (tx, rx) = gort::chan(0);
        let (back, answers) = gort::chan(0);
        gort::go!(move || {
            for v in rx {
                back.send(v + 1).unwrap();
            }
        });
        let sum: i32 = join_inline(|| {
            let (tx, answers) = (tx.clone(), answers.clone());
            spawn(move || {
                let mut sum = 0;
                for i in 0..3 {
                    tx.send(i).unwrap();
                    sum += answers.recv().unwrap();
                }
                (here(), sum)
            })
        })
        .unwrap();
        assert_eq!(sum, 6);
        assert_eq!(gort::current().id(), own);
    }
}

#[gort::test]
fn it_sleeps_and_yields() {
    for _ in 0..20 {
        join_inline(|| {
            spawn(|| {
                let begin = std::time::Instant::now();
                gort::sleep(Duration::from_micros(100));
                assert!(begin.elapsed() >= Duration::from_micros(100));
                gort::yield_now();
                gort::park_timeout(Duration::from_micros(10));
                (here(), ())
            })
        })
        .unwrap();
    }
}

#[gort::test]
fn an_unpark_of_the_host_is_kept_for_it() {
    let host = gort::current();
    spawn(move || {
        host.unpark();
        gort::current().unpark();
        gort::park();
    })
    .join()
    .unwrap();
    gort::park();
}

#[gort::test]
fn not_where_the_thread_must_stay() {
    let thread = || std::thread::current().id();
    let check = |what: &str| {
        let (outer, before) = (here(), thread());
        let inner = spawn(here).join().unwrap();
        assert!(!just_below(inner, outer), "{what}");
        assert_eq!(thread(), before, "{what}");
    };
    gort::lock_os_thread();
    check("locked");
    gort::unlock_os_thread();
    let pinned = gort::pin();
    check("pinned");
    drop(pinned);
    struct JoinsWhenDropped;
    impl Drop for JoinsWhenDropped {
        fn drop(&mut self) {
            let outer = here();
            let inner = spawn(|| (here(), std::thread::panicking())).join().unwrap();
            assert!(!just_below(inner.0, outer) && !inner.1);
        }
    }
    let caught = gort::catch_unwind(|| {
        let _joins = JoinsWhenDropped;
        panic!("on purpose");
    });
    assert!(caught.is_err());
}

#[gort::test]
fn a_lock_on_its_thread_ends_with_it() {
    for unlock in [true, false] {
        join_inline(|| {
            spawn(move || {
                gort::lock_os_thread();
                let thread = std::thread::current().id();
                gort::sleep(Duration::from_micros(50));
                gort::yield_now();
                assert_eq!(std::thread::current().id(), thread);
                if unlock {
                    gort::unlock_os_thread();
                }
                (here(), ())
            })
        })
        .unwrap();
        // This goroutine is not locked: it may host again, and others run on its thread.
        join_inline(|| spawn(|| (here(), ()))).unwrap();
    }
}

#[gort::test(gomaxprocs = 1)]
fn a_loop_of_joins_shuts_nobody_out() {
    let seen = Arc::new(AtomicUsize::new(0));
    let (queued, slept) = (seen.clone(), seen.clone());
    gort::go!(move || {
        queued.fetch_add(1, Ordering::Relaxed);
    });
    gort::go!(move || {
        gort::sleep(Duration::from_millis(1));
        slept.fetch_add(1, Ordering::Relaxed);
    });
    while seen.load(Ordering::Relaxed) < 2 {
        spawn(|| ()).join().unwrap();
    }
}

#[gort::test]
fn fork_join() {
    fn fib(n: u64) -> u64 {
        if n < 2 {
            return n;
        }
        let a = spawn(move || fib(n - 1));
        let b = spawn(move || fib(n - 2));
        a.join().unwrap() + b.join().unwrap()
    }
    assert_eq!(fib(20), 6765);
}

#[gort::test]
fn handles_joined_in_any_order() {
    for round in 0..50usize {
        let mut handles: Vec<_> = (0..300).map(|i| (i, spawn(move || i))).collect();
        while !handles.is_empty() {
            let at = (round * 31) % handles.len();
            let (i, handle) = handles.remove(at);
            assert_eq!(handle.join().unwrap(), i);
        }
    }
}
