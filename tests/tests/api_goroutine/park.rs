//! Tokens, parking and sleeping.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use gort::channel::{bounded, unbounded};

use crate::SHORT;
use crate::api_support::{join_thread, limit, on_thread};

#[gort::test]
fn tokens_do_not_add_up() {
    let _limit = limit();
    let me = gort::current();
    me.unpark();
    gort::park();
    me.unpark();
    me.unpark();
    gort::park();
    // The second token was lost: only the time ends this.
    let begin = Instant::now();
    gort::park_timeout(SHORT);
    assert!(begin.elapsed() >= SHORT);
    me.unpark();
    let begin = Instant::now();
    gort::park_timeout(Duration::from_secs(600));
    assert!(begin.elapsed() < Duration::from_secs(30));
}

#[gort::test]
fn park_and_unpark_pass_a_turn() {
    let _limit = limit();
    const N: usize = 2000;
    let turn = Arc::new(AtomicUsize::new(0));
    let (t, me) = (turn.clone(), gort::current());
    let other = gort::spawn(move || {
        for i in 0..N {
            while t.load(SeqCst) != 2 * i + 1 {
                gort::park();
            }
            t.store(2 * i + 2, SeqCst);
            me.unpark();
        }
    });
    for i in 0..N {
        turn.store(2 * i + 1, SeqCst);
        other.goroutine().unpark();
        while turn.load(SeqCst) != 2 * i + 2 {
            gort::park();
        }
    }
    other.join().unwrap();
}

#[gort::test]
fn threads_and_goroutines_unpark_each_other() {
    let _limit = limit();
    const N: usize = 300;
    let turn = Arc::new(AtomicUsize::new(0));
    let (t, me) = (turn.clone(), gort::current());
    let (tx, rx) = bounded(1);
    let thread = on_thread(move || {
        tx.send(gort::current()).unwrap();
        for i in 0..N {
            while t.load(SeqCst) != 2 * i + 1 {
                gort::park();
            }
            t.store(2 * i + 2, SeqCst);
            me.unpark();
        }
        gort::current().unpark();
        gort::park();
        let begin = Instant::now();
        gort::park_timeout(SHORT);
        begin.elapsed()
    });
    let other = rx.recv().unwrap();
    for i in 0..N {
        turn.store(2 * i + 1, SeqCst);
        other.unpark();
        while turn.load(SeqCst) != 2 * i + 2 {
            gort::park();
        }
    }
    let slept = join_thread(thread);
    assert!(slept >= SHORT, "{slept:?}");
    // It is over: nothing happens.
    other.unpark();
}

#[gort::test]
fn unpark_after_the_end_does_nothing() {
    let _limit = limit();
    for _ in 0..300 {
        let h = gort::spawn(gort::current);
        let stale = h.join().unwrap();
        // Likely in the same descriptor.
        let h = gort::spawn(move || {
            let begin = Instant::now();
            gort::park_timeout(Duration::from_micros(200));
            begin.elapsed() >= Duration::from_micros(200)
        });
        stale.unpark();
        gort::yield_now();
        stale.unpark();
        assert!(h.join().unwrap(), "a stale handle woke a stranger");
    }
}

#[gort::test]
fn times_are_lower_bounds() {
    let _limit = limit();
    let check = |micros: u64| {
        let d = Duration::from_micros(micros);
        let begin = Instant::now();
        gort::sleep(d);
        assert!(begin.elapsed() >= d, "sleep of {d:?}");
        let begin = Instant::now();
        gort::sleep_until(begin + d);
        assert!(begin.elapsed() >= d, "sleep_until of {d:?}");
        let begin = Instant::now();
        gort::park_timeout(d);
        assert!(begin.elapsed() >= d, "park_timeout of {d:?}");
    };
    for micros in [0, 1, 10, 100, 1000, 5000, 20_000] {
        check(micros);
        gort::blocking_on_system_stack(|| check(micros));
        join_thread(on_thread(move || check(micros)));
    }
    gort::sleep_until(Instant::now() - Duration::from_secs(1));
    // Many at the same time, in order of their deadlines.
    let (tx, rx) = unbounded();
    let begin = Instant::now();
    for i in (0..50u32).rev() {
        let tx = tx.clone();
        gort::go! {
            let d = Duration::from_micros(200 * u64::from(i));
            gort::sleep_until(begin + d);
            assert!(begin.elapsed() >= d);
            tx.send(i).unwrap();
        }
    }
    drop(tx);
    assert_eq!(rx.iter().count(), 50);
}

#[gort::test]
fn a_long_timeout_that_ends_early_leaves_nothing() {
    let _limit = limit();
    for _ in 0..2000 {
        let h = gort::spawn(|| gort::park_timeout(Duration::from_secs(3600)));
        h.goroutine().unpark();
        h.join().unwrap();
    }
    let h = gort::spawn(|| gort::park_timeout(Duration::MAX));
    h.goroutine().unpark();
    h.join().unwrap();
}
