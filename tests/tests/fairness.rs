//! Nobody is shut out: neither by operations that never block, nor by goroutines that keep readying each other.
//! Each of these programs would go on for ever otherwise. Where the end of a slice alone can help, as no P is taken:
//! `a_slice_ends_past_the_cap` in `prog_retake.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use gort::channel::{bounded, unbounded};
use gort::sync::Mutex;

/// With one P, `busy` runs until another goroutine, queued behind it, has run.
fn gives_way(busy: impl Fn() + Send + 'static) {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = turns.clone();
    let hog = gort::spawn(move || {
        while !seen.load(SeqCst) {
            busy();
            counted.fetch_add(1, SeqCst);
        }
    });
    while turns.load(SeqCst) == 0 {
        gort::yield_now();
    }
    gort::spawn(move || stop.store(true, SeqCst)).join().unwrap();
    hog.join().unwrap();
}

#[gort::test(gomaxprocs = 1)]
fn sends_that_never_block() {
    let (tx, rx) = unbounded();
    gives_way(move || {
        tx.send(1).unwrap();
        rx.recv().unwrap();
    });
}

#[gort::test(gomaxprocs = 1)]
fn locks_that_never_block() {
    let mutex = Mutex::new(0);
    gives_way(move || *mutex.lock().unwrap() += 1);
}

#[gort::test(gomaxprocs = 1)]
fn selects_that_never_block() {
    let (tx, rx) = bounded(1);
    gives_way(move || {
        gort::select! {
            send(tx, ()) -> r => r.unwrap(),
            recv(rx) -> r => r.unwrap(),
        }
    });
}

#[gort::test(gomaxprocs = 1)]
fn operations_that_are_documented_not_to_block() {
    let (tx, rx) = bounded(1);
    gives_way(move || {
        let _ = tx.try_send(());
        let _ = rx.try_recv();
    });
}

/// A sleeper that is due goes ahead of the ring, but not for ever.
#[gort::test(gomaxprocs = 1)]
fn sleeps_of_nothing_do_not_starve_the_ring() {
    gives_way(|| gort::sleep(std::time::Duration::from_nanos(1)));
}

/// The two hand the P to each other by `runnext`; the ring must get its turn all the same.
#[gort::test(gomaxprocs = 1)]
fn a_ping_pong_pair_does_not_starve_the_ring() {
    let stop = Arc::new(AtomicBool::new(false));
    let (ping, pings) = bounded(0);
    let (pong, pongs) = bounded(0);
    let seen = stop.clone();
    let player = gort::spawn(move || {
        while !seen.load(SeqCst) {
            ping.send(()).unwrap();
            pongs.recv().unwrap();
        }
    });
    let partner = gort::spawn(move || {
        for () in pings {
            if pong.send(()).is_err() {
                break;
            }
        }
    });
    for _ in 0..100 {
        gort::yield_now();
    }
    let others: Vec<_> = (0..10).map(|_| gort::spawn(gort::yield_now)).collect();
    others.into_iter().for_each(|o| o.join().unwrap());
    stop.store(true, SeqCst);
    player.join().unwrap();
    partner.join().unwrap();
}

/// … nor what plain threads have queued, globally.
#[gort::test(gomaxprocs = 1)]
fn a_ping_pong_pair_does_not_starve_the_global_queue() {
    let stop = Arc::new(AtomicBool::new(false));
    let (ping, pings) = bounded(0);
    let seen = stop.clone();
    let player = gort::spawn(move || while !seen.load(SeqCst) && ping.send(()).is_ok() {});
    let partner = gort::spawn(move || pings.iter().count());
    std::thread::spawn(move || gort::spawn(move || stop.store(true, SeqCst)));
    player.join().unwrap();
    partner.join().unwrap();
}
