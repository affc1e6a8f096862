//! Programs that end by a panic or by goexit, and what panics leave behind.

use super::{Says, thread_id, wait_forever};
use gort::channel::{Receiver, bounded};
use gort::sync::{Mutex, WaitGroup};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

#[inline(never)]
pub(super) fn user_function(bomb: &str) {
    let _says = Says("in user_function");
    if !bomb.is_empty() {
        panic!("boom: {bomb}");
    }
}

#[inline(never)]
pub(super) fn starts_user_function() {
    let says = Says("captured");
    gort::go! {
        let _says = says;
        user_function("on purpose");
    }
    wait_forever();
}

/// As error-report crates do, without a thought for the hook that is there.
pub(super) fn replaces_the_hook() {
    std::panic::set_hook(Box::new(|info| eprintln!("their hook: {info}")));
}

#[inline(never)]
fn panics_first() {
    panic!("boom: at first");
}

#[inline(never)]
fn raises_another() {
    std::panic::resume_unwind(Box::new("boom: another"));
}

/// Catches one panic, and ends by what no hook has seen.
pub(super) fn raises_another_later() {
    gort::go! {
        assert!(std::panic::catch_unwind(panics_first).is_err());
        raises_another();
    }
    wait_forever();
}

/// Catches a panic and lets it go on.
pub(super) fn raises_again() {
    gort::go! {
        let payload = std::panic::catch_unwind(panics_first).unwrap_err();
        std::panic::resume_unwind(payload);
    }
    wait_forever();
}

pub(super) fn parks_in_user_function() {
    let (tx, rx) = bounded::<()>(0);
    let started = WaitGroup::new();
    started.add(1);
    let s = started.clone();
    gort::go!(waits_for_good(rx, s));
    started.wait();
    // Its status must not be "running" any more when the panic's dump looks.
    gort::sleep(Duration::from_millis(20));
    gort::go!(user_function("others are shown"));
    wait_forever();
    drop(tx);
}

/// Main panics while another waits.
pub(super) fn panics_beside_another() {
    let (tx, rx) = bounded::<()>(0);
    // The panic does not end the other's wait.
    std::mem::forget(tx);
    let started = WaitGroup::new();
    started.add(1);
    let s = started.clone();
    gort::go!(waits_for_good(rx, s));
    started.wait();
    while !gort::runtime::stack(true).contains(" [chan receive]:\n") {
        gort::yield_now();
    }
    user_function("beside another");
}

#[inline(never)]
pub(super) fn waits_for_good(rx: Receiver<()>, started: WaitGroup) {
    started.done();
    let _ = rx.recv();
    std::hint::black_box(());
}

pub(super) fn panics_in_destructor_of_result() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("boom: the result of a go! goroutine");
        }
    }
    gort::go!(|| Bomb);
    wait_forever();
}

pub(super) fn goexit_main() {
    let says = Says("by main");
    gort::go! {
        gort::sleep(Duration::from_millis(50));
        println!("still here");
    }
    let _says = says;
    gort::goexit();
}

pub(super) fn goexit_main_others_wait() {
    gort::go!(waits_for_good(bounded(0).1, {
        let w = WaitGroup::new();
        w.add(1);
        w
    }));
    let (_tx, rx) = bounded::<()>(0);
    let leaked: &'static Receiver<()> = Box::leak(Box::new(rx));
    std::mem::forget(_tx);
    gort::go!(leaked.recv());
    gort::goexit();
}

pub(super) fn goexit_main_then_exit() {
    gort::go! {
        gort::sleep(Duration::from_millis(20));
        std::process::exit(5);
    }
    gort::goexit();
}

/// A destructor that runs because of a panic waits, with one P.
pub(super) fn waiting_while_panicking() {
    struct Waits;
    impl Drop for Waits {
        fn drop(&mut self) {
            gort::sleep(Duration::from_millis(1));
        }
    }
    for _ in 0..100 {
        let ended = gort::spawn(|| {
            let _waits = Waits;
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(ended.join().is_err());
    }
    println!("waited");
}

/// A destructor that runs because of a panic calls something that gives up the P. std counts panics per
/// thread, so the goroutine must come back to its thread, and leave no count behind elsewhere.
pub(super) fn blocking_while_panicking() {
    struct Blocks;
    impl Drop for Blocks {
        fn drop(&mut self) {
            let before = thread_id();
            for _ in 0..10 {
                gort::blocking_on_system_stack(|| std::thread::sleep(Duration::from_micros(300)));
                assert_eq!(thread_id(), before, "a panicking goroutine has moved");
                assert!(std::thread::panicking());
            }
        }
    }
    let stop = Arc::new(AtomicBool::new(false));
    let strangers = Arc::new(AtomicUsize::new(0));
    let others: Vec<_> = (0..4)
        .map(|_| {
            let (stop, strangers) = (stop.clone(), strangers.clone());
            gort::spawn(move || {
                while !stop.load(SeqCst) {
                    if std::thread::panicking() {
                        strangers.fetch_add(1, SeqCst);
                    }
                    gort::yield_now();
                }
            })
        })
        .collect();
    for _ in 0..20 {
        let panicked = gort::spawn(|| {
            let _blocks = Blocks;
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(panicked.join().is_err());
    }
    stop.store(true, SeqCst);
    others.into_iter().for_each(|h| h.join().unwrap());
    assert_eq!(strangers.load(SeqCst), 0, "others have run on a thread that panics");
    println!("stayed");
}

/// A destructor that runs because of goexit panics inside and catches that: it is a panic all the same.
pub(super) fn panic_inside_goexit() {
    struct Panics(Arc<Mutex<u8>>);
    impl Drop for Panics {
        fn drop(&mut self) {
            let caught = std::panic::catch_unwind(|| {
                let _guard = self.0.lock().unwrap();
                std::panic::resume_unwind(Box::new(()));
            });
            assert!(caught.is_err());
        }
    }
    let mutex = Arc::new(Mutex::new(0));
    let panics = Panics(mutex.clone());
    let ended = gort::spawn(move || -> () {
        let _panics = panics;
        gort::goexit()
    });
    assert!(ended.join().is_err());
    println!("poisoned {}", mutex.is_poisoned());
}
