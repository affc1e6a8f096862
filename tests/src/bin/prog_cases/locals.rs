//! Destructors of goroutine-locals and of results.

use super::Says;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// The destructor of a goroutine-local panics: the goroutine is counted out all the same.
pub(super) fn local_panics_when_dropped() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            AFTER.set(7);
            std::panic::resume_unwind(Box::new("bomb"));
        }
    }
    gort::goroutine_local! {
        static BOMB: Bomb = Bomb;
        static AFTER: std::cell::Cell<u8> = const { std::cell::Cell::new(0) };
    }
    for _ in 0..10 {
        assert!(gort::spawn(|| BOMB.with(|_| ())).join().is_err());
        // In the same descriptor, as likely as not.
        assert_eq!(gort::spawn(|| AFTER.get()).join().unwrap(), 0, "a stranger's local");
    }
    assert_eq!(gort::num_goroutine(), 1);
    println!("counted");
}

/// The same where nobody joins.
pub(super) fn panics_in_destructor_of_local() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            super::ends::user_function("a local");
        }
    }
    gort::goroutine_local! { static BOMB: Bomb = Bomb; }
    gort::go!(BOMB.with(|_| ()));
    super::wait_forever();
}

/// The handle of a scoped goroutine that has ended is dropped, and its result panics when it is.
pub(super) fn scoped_result_panics_when_dropped() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Bomb(#[allow(dead_code)] Box<u8>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, SeqCst);
            std::panic::resume_unwind(Box::new("bomb"));
        }
    }
    let caught = std::panic::catch_unwind(|| {
        gort::scope(|s| {
            let h = s.spawn(|| Bomb(Box::new(1)));
            while !h.is_finished() {
                gort::yield_now();
            }
            drop(h);
        })
    });
    assert!(caught.is_err());
    println!("dropped {}", DROPPED.load(SeqCst));
}

/// A plain thread's local sets another when it is dropped: that is dropped too.
pub(super) fn local_set_by_destructor_on_thread() {
    struct Sets;
    impl Drop for Sets {
        fn drop(&mut self) {
            LATE.with(|_| ());
        }
    }
    gort::goroutine_local! {
        static SETS: Sets = Sets;
        static LATE: Says = Says("late");
    }
    let thread = std::thread::spawn(|| SETS.with(|_| ()));
    gort::blocking_on_system_stack(|| thread.join().unwrap());
    gort::spawn(|| SETS.with(|_| ())).join().unwrap();
}

/// A value in a goroutine-local uses its own key when it is dropped.
pub(super) fn local_used_by_its_destructor() {
    struct Own;
    impl Drop for Own {
        fn drop(&mut self) {
            OWN.with(|_| ());
        }
    }
    gort::goroutine_local! { static OWN: Own = Own; }
    let ended = gort::spawn(|| OWN.with(|_| ())).join();
    println!("ended {}", ended.is_ok());
}
