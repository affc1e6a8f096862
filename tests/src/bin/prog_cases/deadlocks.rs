//! Deadlocks of all kinds, and programs that only look like one.

use super::wait_forever;
use gort::channel::bounded;
use gort::sync::{Mutex, WaitGroup};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

pub(super) fn deadlock_pair() {
    let (atx, arx) = bounded::<()>(0);
    let (btx, brx) = bounded::<()>(0);
    let wg = WaitGroup::new();
    wg.go(move || {
        let _ = arx.recv();
        drop(btx);
    });
    wg.go(move || {
        let _ = brx.recv();
        drop(atx);
    });
    wg.wait();
}

pub(super) fn deadlock_threads() {
    let (tx, rx) = bounded::<()>(0);
    for _ in 0..3 {
        let rx = rx.clone();
        std::thread::spawn(move || rx.recv());
    }
    let _ = rx.recv();
    drop(tx);
}

pub(super) fn deadlock_mutex() {
    let mutex = Mutex::new(());
    let _held = mutex.lock().unwrap();
    let _again = mutex.lock();
}

pub(super) fn deadlock_send() {
    let (tx, rx) = bounded(0);
    let _ = tx.send(1);
    drop(rx);
}

pub(super) fn deadlock_join() {
    let _ = gort::spawn(gort::park).join();
}

pub(super) fn deadlock_scope() {
    gort::scope(|s| {
        s.spawn(gort::park);
    });
    std::hint::black_box(());
}

pub(super) fn deadlock_locked() {
    gort::lock_os_thread();
    gort::spawn(|| {
        gort::lock_os_thread();
        wait_forever();
    })
    .join()
    .unwrap();
}

pub(super) fn deadlock_named() {
    gort::go!(name = "the sleeper"; gort::park());
    wait_forever();
}

/// A deadlock that comes only when timers have run out.
pub(super) fn deadlock_late() {
    gort::go!(gort::sleep(Duration::from_millis(50)));
    gort::park_timeout(Duration::from_millis(20));
    wait_forever();
}

pub(super) fn foreign_thread() {
    let (tx, rx) = bounded(0);
    // The runtime has all this time to find a deadlock where there is none.
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        tx.send("woken").unwrap();
    });
    println!("{}", rx.recv().unwrap());
}

pub(super) fn foreign_thread_unparks() {
    let me = gort::current();
    let go = Arc::new(AtomicBool::new(false));
    let theirs = go.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        theirs.store(true, SeqCst);
        me.unpark();
    });
    while !go.load(SeqCst) {
        gort::park();
    }
    println!("woken");
}

pub(super) fn timer_pending() {
    let (tx, rx) = bounded(0);
    gort::go! {
        gort::sleep(Duration::from_millis(300));
        tx.send("woken").unwrap();
    }
    println!("{}", rx.recv().unwrap());
}

/// The only one that could wake anybody blocks in a system call that gort was told of.
pub(super) fn blocked_in_system_call() {
    let (tx, rx) = bounded(0);
    gort::go! {
        gort::blocking_on_system_stack(|| std::thread::sleep(Duration::from_millis(300)));
        tx.send("woken").unwrap();
    }
    println!("{}", rx.recv().unwrap());
}

/// As above, but it waits on the system stack in gort itself, for a goroutine that sleeps.
pub(super) fn blocked_on_system_stack() {
    let (tx, rx) = bounded(0);
    gort::go! {
        gort::sleep(Duration::from_millis(100));
        tx.send("woken").unwrap();
    }
    println!("{}", gort::blocking_on_system_stack(|| rx.recv()).unwrap());
}
