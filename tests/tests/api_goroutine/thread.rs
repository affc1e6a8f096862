//! Which thread a goroutine is on, and which stack.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use gort::channel::bounded;
use gort::sync::Mutex;

use crate::SHORT;
use crate::api_support::{Drops, limit, thread_id};

#[gort::test]
fn locked_goroutines_keep_their_thread() {
    let _limit = limit();
    let stop = Arc::new(AtomicBool::new(false));
    let threads = Arc::new(StdMutex::new(HashSet::new()));
    let others: Vec<_> = (0..6)
        .map(|_| {
            let (stop, threads) = (stop.clone(), threads.clone());
            gort::spawn(move || {
                while !stop.load(SeqCst) {
                    let id = thread_id();
                    threads.lock().unwrap().insert(id);
                    gort::yield_now();
                }
            })
        })
        .collect();
    let locked: Vec<_> = (0..3)
        .map(|i| {
            let threads = threads.clone();
            gort::spawn(move || {
                let pin = gort::pin();
                gort::lock_os_thread();
                let own = thread_id();
                // From here on only strangers insert it.
                threads.lock().unwrap().remove(&own);
                let (tx, rx) = bounded(0);
                let sender = gort::spawn(move || (0..50).for_each(|n| tx.send(n).unwrap()));
                for n in 0..50 {
                    if n == 10 {
                        gort::unlock_os_thread();
                    }
                    assert_eq!(rx.recv(), Ok(n));
                    assert_eq!(thread_id(), own, "locked {i} has moved");
                    gort::yield_now();
                    assert_eq!(thread_id(), own, "locked {i} has moved");
                }
                gort::sleep(Duration::from_micros(200));
                gort::park_timeout(Duration::from_micros(200));
                gort::blocking_on_system_stack(|| assert_eq!(thread_id(), own));
                assert_eq!(thread_id(), own, "locked {i} has moved");
                sender.join().unwrap();
                assert!(!threads.lock().unwrap().contains(&own), "others ran on the thread of {i}");
                drop(pin);
                gort::yield_now();
            })
        })
        .collect();
    for l in locked {
        l.join().unwrap();
    }
    stop.store(true, SeqCst);
    others.into_iter().for_each(|o| o.join().unwrap());
    // Unlocking once too often, and ending while locked, are allowed.
    gort::spawn(gort::unlock_os_thread).join().unwrap();
    for _ in 0..20 {
        gort::spawn(gort::lock_os_thread).join().unwrap();
    }
}

#[gort::test]
fn the_system_stack() {
    let _limit = limit();
    let here = 0u8;
    let there = gort::blocking_on_system_stack(|| {
        let local = 0u8;
        std::hint::black_box(&raw const local).addr()
    });
    let distance = there.abs_diff(std::hint::black_box(&raw const here).addr());
    assert!(distance > 256 << 10, "{distance} bytes from the goroutine's stack");
    assert_eq!(gort::blocking_on_system_stack(|| String::from("result")), "result");
    let drops = Drops::new();
    let d = drops.value();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        gort::blocking_on_system_stack(move || -> () {
            let _d = d;
            std::panic::resume_unwind(Box::new(3u64))
        })
    }));
    assert_eq!(*caught.unwrap_err().downcast::<u64>().unwrap(), 3);
    assert_eq!(drops.count(), 1);
    // Nested, and with gort inside.
    let (tx, rx) = bounded(0);
    gort::go!(move || tx.send(1).unwrap());
    let sum = gort::blocking_on_system_stack(|| {
        let one = rx.recv().unwrap();
        let two = gort::spawn(|| 2).join().unwrap();
        let mutex = Mutex::new(3);
        gort::yield_now();
        gort::sleep(Duration::from_micros(10));
        one + two + gort::blocking_on_system_stack(|| *mutex.lock().unwrap())
    });
    assert_eq!(sum, 6);
    // Many at once.
    let blocks = |i| {
        move || {
            gort::blocking_on_system_stack(|| {
                std::thread::sleep(SHORT);
                i
            })
        }
    };
    let handles: Vec<_> = (0..20).map(|i| gort::spawn(blocks(i))).collect();
    assert_eq!(handles.into_iter().map(|h| h.join().unwrap()).sum::<i32>(), 190);
}
