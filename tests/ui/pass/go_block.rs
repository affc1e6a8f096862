#![forbid(unsafe_code)]
#![deny(warnings)]
use gort::go;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{TryRecvError, channel};

static DONE: AtomicUsize = AtomicUsize::new(0);

fn done() -> usize {
    DONE.fetch_add(1, SeqCst)
}

fn wait(n: usize) {
    while DONE.load(SeqCst) < n {
        gort::yield_now();
    }
    assert_eq!(DONE.swap(0, SeqCst), n);
}

#[gort::main]
fn main() {
    let (tx, rx) = channel();
    go! {
        for i in 0..3 {
            tx.send(i).unwrap();
        }
    }
    let mut seen = Vec::new();
    loop {
        match rx.try_recv() {
            Ok(i) => seen.push(i),
            Err(TryRecvError::Empty) => gort::yield_now(),
            Err(TryRecvError::Disconnected) => break,
        }
    }
    assert_eq!(seen, [0, 1, 2]);

    go! {
        let n = 1;
        DONE.fetch_add(n, SeqCst)
    }
    wait(1);
    go! { done(); }
    wait(1);
    go! { done(); done() }
    wait(2);
    go!({ done() });
    wait(1);
    go!({
        let n = 2;
        DONE.fetch_add(n, SeqCst);
    });
    wait(2);
    let more = true;
    go! {
        if more { done(); } else { unreachable!() }
    }
    wait(1);
    // Two statements, although one could read them as a call.
    go! {
        if more { done(); }
        (done)()
    }
    wait(2);
    go! {
        match more {
            true => { done(); }
            false => {}
        }
    }
    wait(1);
    let mut n = 0;
    go! {
        while n < 2 {
            n += 1;
            done();
        }
        fn at_the_end() { done(); }
        at_the_end();
    }
    wait(3);
    go! {
        let parsed: usize = "1".parse()?;
        DONE.fetch_add(parsed, SeqCst);
        Ok::<(), std::num::ParseIntError>(())
    }
    wait(1);
    go!(loop {
        if done() == 1 {
            return;
        }
    });
    wait(2);
    go!(assert_eq!(done(), 0));
    wait(1);
    go! { assert_eq!(done(), 0, "in the {}", "goroutine"); }
    wait(1);
    let total: &'static AtomicUsize = Box::leak(Box::default());
    let mut sum = total.load(SeqCst);
    go! {
        sum += done() + 1;
        total.store(sum, SeqCst);
    }
    wait(1);
    while total.load(SeqCst) == 0 {
        gort::yield_now();
    }
    assert_eq!((sum, total.load(SeqCst)), (0, 1));
}
