//! `goexit`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex as StdMutex};

use gort::sync::Mutex;

use crate::api_support::{Drops, join_thread, limit, on_thread, quiet_panic};

#[gort::test]
fn goexit_runs_destructors() {
    let _limit = limit();
    let drops = Drops::new();
    let (a, b) = (drops.value(), drops.value());
    let ended = gort::spawn(move || -> () {
        let _a = a;
        let inner = move || {
            let _b = b;
            gort::goexit()
        };
        inner()
    })
    .join();
    assert_eq!(drops.count(), 2);
    let payload = ended.unwrap_err();
    let text = payload.downcast::<&str>().unwrap();
    assert!(text.contains("goexit"), "{text}");
}

#[gort::test]
fn goexit_goes_through_catch_unwind() {
    let _limit = limit();
    // gort's lets it through at once.
    let after = Arc::new(AtomicBool::new(false));
    let a = after.clone();
    let ended = gort::spawn(move || {
        let _ = gort::catch_unwind(|| -> () { gort::goexit() });
        a.store(true, SeqCst);
    })
    .join();
    assert!(ended.is_err() && !after.load(SeqCst));
    // std's catches; dropping the payload raises it again, however often.
    let steps = Arc::new(AtomicUsize::new(0));
    let s = steps.clone();
    let ended = gort::spawn(move || {
        let outer = catch_unwind(AssertUnwindSafe(|| {
            let inner = catch_unwind(|| -> () { gort::goexit() });
            s.fetch_add(1, SeqCst);
            drop(inner);
            s.fetch_add(100, SeqCst);
        }));
        s.fetch_add(10, SeqCst);
        drop(outer);
        s.fetch_add(1000, SeqCst);
    })
    .join();
    assert!(ended.is_err());
    assert_eq!(steps.load(SeqCst), 11);
    // Catching a real panic is as ever.
    assert_eq!(gort::catch_unwind(|| 5).unwrap(), 5);
    assert!(gort::catch_unwind(|| quiet_panic()).is_err());
}

#[gort::test]
fn goexit_is_no_panic() {
    let _limit = limit();
    struct Looks(Arc<StdMutex<Vec<(bool, bool)>>>);
    impl Drop for Looks {
        fn drop(&mut self) {
            self.0.lock().unwrap().push((gort::panicking(), std::thread::panicking()));
        }
    }
    let seen = Arc::new(StdMutex::new(Vec::new()));
    let mutex = Arc::new(Mutex::new(0));
    let (looks, m) = (Looks(seen.clone()), mutex.clone());
    let ended = gort::spawn(move || -> () {
        let _guard = m.lock().unwrap();
        let _looks = looks;
        gort::goexit()
    });
    assert!(ended.join().is_err());
    let (looks, m) = (Looks(seen.clone()), mutex.clone());
    assert!(!mutex.is_poisoned());
    let ended = gort::spawn(move || -> () {
        let _guard = m.lock().unwrap();
        let _looks = looks;
        quiet_panic()
    });
    assert!(ended.join().is_err());
    assert!(mutex.is_poisoned());
    assert_eq!(*seen.lock().unwrap(), [(false, true), (true, true)]);
    assert!(!gort::panicking());
}

#[gort::test]
fn goexit_on_a_plain_thread_panics() {
    let payload = join_thread(on_thread(|| catch_unwind(|| -> () { gort::goexit() }).unwrap_err()));
    assert!(payload.downcast::<&str>().unwrap().contains("goroutine"));
}
