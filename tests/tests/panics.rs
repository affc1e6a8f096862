//! Panics in goroutines that block: destructors, catching, `thread::panicking()`. `resume_unwind` panics without
//! the hook's message.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use gort::channel::bounded;

/// Waits in its destructor, in several ways, and finds itself panicking all the time.
struct Waits {
    dropped: Arc<AtomicUsize>,
}

impl Drop for Waits {
    fn drop(&mut self) {
        assert!(std::thread::panicking() && gort::panicking());
        gort::yield_now();
        assert!(std::thread::panicking());
        gort::sleep(Duration::from_micros(50));
        assert!(std::thread::panicking());
        let (tx, rx) = bounded(0);
        let sender = gort::spawn(move || tx.send(7).unwrap());
        assert_eq!(rx.recv(), Ok(7));
        sender.join().unwrap();
        // One inside the other.
        let caught = std::panic::catch_unwind(|| {
            gort::yield_now();
            resume_unwind(Box::new("inner"))
        });
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"inner"));
        assert!(std::thread::panicking() && gort::panicking());
        self.dropped.fetch_add(1, SeqCst);
    }
}

/// Many panic, wait while they do, and are caught, among many that look whether *they* panic.
#[gort::test(gomaxprocs = 4)]
fn nobody_panics_for_another() {
    const N: usize = 40;
    let stop = Arc::new(AtomicBool::new(false));
    let strangers: Vec<_> = (0..8)
        .map(|_| {
            let stop = stop.clone();
            gort::spawn(move || {
                let mut looks = 0;
                while !stop.load(SeqCst) {
                    assert!(!std::thread::panicking() && !gort::panicking());
                    looks += 1;
                    if looks % 64 == 0 { gort::sleep(Duration::from_micros(20)) } else { gort::yield_now() }
                }
                looks
            })
        })
        .collect();
    let dropped = Arc::new(AtomicUsize::new(0));
    let panickers: Vec<_> = (0..N)
        .map(|i| {
            let dropped = dropped.clone();
            gort::spawn(move || {
                let caught = std::panic::catch_unwind(AssertUnwindSafe(|| {
                    let _outer = Waits { dropped: dropped.clone() };
                    gort::yield_now();
                    let _inner = Waits { dropped };
                    resume_unwind(Box::new(i));
                }));
                assert_eq!(caught.unwrap_err().downcast_ref(), Some(&i));
                assert!(!std::thread::panicking(), "it is over");
                gort::yield_now();
                assert!(!std::thread::panicking());
                resume_unwind(Box::new(i + N));
            })
        })
        .collect();
    for (i, panicker) in panickers.into_iter().enumerate() {
        let payload: Result<(), _> = panicker.join();
        assert_eq!(payload.unwrap_err().downcast_ref(), Some(&(i + N)));
    }
    assert_eq!(dropped.load(SeqCst), 2 * N, "every destructor has run to its end");
    stop.store(true, SeqCst);
    for stranger in strangers {
        assert!(stranger.join().unwrap() > 0);
    }
    assert!(!std::thread::panicking());
}

#[inline(never)]
fn thread() -> std::thread::ThreadId {
    std::thread::current().id()
}

/// Has the calling goroutine go on elsewhere than on `from`: another computes there until it does.
fn leave(from: std::thread::ThreadId) {
    for _ in 0..10_000 {
        let (me, gone_on) = (gort::current(), Arc::new(AtomicBool::new(false)));
        let seen = gone_on.clone();
        gort::go!(move || {
            me.unpark();
            // If somebody else's thread was quicker, there is another try.
            while thread() == from && !seen.load(SeqCst) {
                std::hint::spin_loop();
            }
        });
        gort::park();
        gone_on.store(true, SeqCst);
        if thread() != from {
            return;
        }
    }
    panic!("it has never moved");
}

/// A `catch_unwind` is entered on one thread and left, by a panic, on another.
#[gort::test(gomaxprocs = 4)]
fn caught_on_another_thread() {
    for i in 0..50 {
        let entered = thread();
        let caught = gort::catch_unwind(|| {
            leave(entered);
            resume_unwind(Box::new(i));
        });
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&i));
        assert_ne!(thread(), entered);
        assert!(!std::thread::panicking());
        leave(thread());
        assert!(!std::thread::panicking());
    }
}

/// The locals and the closure's captures of one that panics are dropped before its joiner goes on.
#[gort::test]
fn all_is_dropped_before_the_join() {
    struct Counts(Arc<AtomicUsize>);
    impl Drop for Counts {
        fn drop(&mut self) {
            gort::yield_now();
            self.0.fetch_add(1, SeqCst);
        }
    }
    gort::goroutine_local! { static LOCAL: std::cell::RefCell<Vec<Counts>> = const { std::cell::RefCell::new(Vec::new()) }; }
    let count = Arc::new(AtomicUsize::new(0));
    for n in 1..=20 {
        let captured = Counts(count.clone());
        let ended = gort::spawn(move || {
            let _on_stack = Counts(captured.0.clone());
            LOCAL.with(|l| l.borrow_mut().push(Counts(captured.0.clone())));
            gort::yield_now();
            resume_unwind(Box::new(()));
        });
        let result: Result<(), _> = ended.join();
        assert!(result.is_err());
        assert_eq!(count.load(SeqCst), 3 * n);
    }
}
