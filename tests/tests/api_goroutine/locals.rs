//! `goroutine_local!`.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex as StdMutex};

use crate::api_support::{join_thread, limit, on_thread, quiet_panic};

gort::goroutine_local! {
    static INITS: Cell<usize> = { MADE.fetch_add(1, SeqCst); Cell::new(0) };
    static LIST: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

static MADE: AtomicUsize = AtomicUsize::new(0);

#[gort::test]
fn locals_are_each_goroutines_own() {
    let _limit = limit();
    const N: usize = 100;
    let before = MADE.load(SeqCst);
    let work = |i: usize| {
        for turn in 0..10 {
            assert_eq!(INITS.get(), if turn == 0 { 0 } else { i * 10 + turn - 1 });
            INITS.set(i * 10 + turn);
            LIST.with_borrow_mut(|l| l.push(turn as u8));
            gort::yield_now();
        }
        assert_eq!(INITS.replace(5), i * 10 + 9);
        assert_eq!(INITS.take(), 5);
        assert_eq!(INITS.get(), 0);
        assert_eq!(INITS.try_with(Cell::get), Ok(0));
        assert_eq!(LIST.with_borrow(Vec::len), 10);
        assert_eq!(LIST.replace(vec![1]), (0..10).collect::<Vec<u8>>());
        LIST.set(vec![2, 3]);
        assert_eq!(LIST.take(), [2, 3]);
        assert!(LIST.with(|l| l.borrow().is_empty()));
    };
    let goroutines: Vec<_> = (0..N).map(|i| gort::spawn(move || work(i))).collect();
    let threads: Vec<_> = (0..4).map(|i| on_thread(move || work(i))).collect();
    goroutines.into_iter().for_each(|h| h.join().unwrap());
    threads.into_iter().for_each(join_thread);
    assert_eq!(MADE.load(SeqCst) - before, N + 4);
}

struct Logs(&'static str, Arc<StdMutex<Vec<&'static str>>>);

impl Drop for Logs {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0);
        if self.0 == "first" {
            THIRD.with(|l| *l.borrow_mut() = Some(Logs("set by a destructor", self.1.clone())));
        }
    }
}

gort::goroutine_local! {
    static FIRST: RefCell<Option<Logs>> = const { RefCell::new(None) };
    static SECOND: RefCell<Option<Logs>> = const { RefCell::new(None) };
    static THIRD: RefCell<Option<Logs>> = const { RefCell::new(None) };
}

#[gort::test]
fn locals_are_dropped_at_the_end() {
    let _limit = limit();
    let expected = ["first", "second", "set by a destructor"];
    let fill = |log: &Arc<StdMutex<Vec<&'static str>>>| {
        FIRST.set(Some(Logs("first", log.clone())));
        SECOND.set(Some(Logs("second", log.clone())));
    };
    let check = |how: &str, end: fn()| {
        let log = Arc::new(StdMutex::new(Vec::new()));
        let l = log.clone();
        let _ = gort::spawn(move || {
            fill(&l);
            end();
        })
        .join();
        assert_eq!(*log.lock().unwrap(), expected, "{how}: before join returns");
    };
    check("return", || ());
    check("goexit", || gort::goexit());
    check("panic", || quiet_panic());
    // A new goroutine in the same descriptor begins anew.
    for _ in 0..100 {
        assert!(gort::spawn(|| THIRD.with_borrow(Option::is_none)).join().unwrap());
    }
}
