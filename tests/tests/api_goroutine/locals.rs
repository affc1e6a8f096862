//! `goroutine_local!`.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex as StdMutex};

use crate::api_support::{Drops, join_thread, limit, on_thread, quiet_panic};

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

/// Sets a local when it is dropped.
struct Sets;

impl Drop for Sets {
    fn drop(&mut self) {
        LIST.set(vec![7]);
    }
}

/// A result that nobody asked for was dropped after the goroutine's locals. What its destructor set was found by the
/// next goroutine in the same descriptor.
#[gort::test(gomaxprocs = 1)]
fn bug_a_local_set_by_a_result_was_left_behind() {
    let _limit = limit();
    for _ in 0..20 {
        let drops = Drops::new();
        let value = drops.value();
        drop(gort::spawn(move || (Sets, value)));
        drops.wait(1);
        assert!(gort::spawn(|| LIST.with_borrow(Vec::is_empty)).join().unwrap());
    }
}

/// Panics when it is dropped.
struct Panics;

impl Drop for Panics {
    fn drop(&mut self) {
        quiet_panic();
    }
}

/// Ends its goroutine when it is dropped, for the second time if there is another one.
struct Exits(bool);

impl Drop for Exits {
    fn drop(&mut self) {
        if self.0 {
            LAST.set(Some(Exits(false)));
        }
        gort::goexit();
    }
}

gort::goroutine_local! {
    static PANICS: RefCell<Option<Panics>> = const { RefCell::new(None) };
    static EXITS: RefCell<Option<Exits>> = const { RefCell::new(None) };
    static LAST: RefCell<Option<Exits>> = const { RefCell::new(None) };
}

/// A local's destructor panicked, and so did what was dropped in its favour: the result, or the panic of a local
/// before. That unwound out of the goroutine, into the one that had joined it, if that had lent it its stack.
#[gort::test]
fn bug_a_goroutine_unwound_past_its_end() {
    let _limit = limit();
    for parks in [false, true] {
        let start = |f: fn()| {
            let h = gort::spawn(move || {
                f();
                Panics
            });
            if parks {
                // It ends on a stack of its own.
                while !h.is_finished() {
                    gort::yield_now();
                }
            }
            h.join().map(std::mem::forget).unwrap_err()
        };
        assert!(start(|| PANICS.set(Some(Panics))).is::<&str>());
        let end = start(|| EXITS.set(Some(Exits(true))));
        assert!(end.downcast::<&str>().unwrap().contains("goexit"));
    }
}
