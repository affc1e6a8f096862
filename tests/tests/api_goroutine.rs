//! What a goroutine does to itself: park, sleep, yield, goexit, its locals, its thread, its traceback.

mod api_support;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::{Duration, Instant};

use api_support::{Drops, join_thread, limit, on_thread, quiet_panic, thread_id};
use gort::channel::{Receiver, bounded, unbounded};
use gort::sync::Mutex;

const SHORT: Duration = Duration::from_millis(3);

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

#[gort::test]
fn ids_are_unique() {
    let _limit = limit();
    let mut ids = HashSet::from([gort::current().id()]);
    let mut handles: Vec<_> = (0..1000).map(|_| gort::spawn(|| gort::current().id())).collect();
    handles.extend((0..100).map(|_| gort::spawn(|| gort::spawn(|| gort::current().id()).join().unwrap())));
    let shown: Vec<_> = handles.iter().map(|h| h.goroutine().id()).collect();
    for (i, h) in handles.into_iter().enumerate() {
        let id = h.join().unwrap();
        assert!(i >= 1000 || id == shown[i]);
        assert!(ids.insert(id), "{id} twice");
    }
    for _ in 0..20 {
        let id = join_thread(on_thread(|| {
            assert_eq!(gort::current().id(), gort::current().id());
            gort::current().id()
        }));
        assert!(ids.insert(id), "{id} twice");
    }
    assert_eq!(format!("{:?}", gort::current().id()), format!("GoroutineId({})", gort::current().id()));
}

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

#[inline(never)]
fn parks_here(rx: &Receiver<()>) {
    assert!(rx.recv().is_err());
    std::hint::black_box(());
}

#[gort::test]
fn tracebacks_show_the_users_functions() {
    let _limit = limit();
    let (tx, rx) = bounded::<()>(0);
    let b = gort::Builder::new().name("the parked one".into());
    let h = b.spawn(move || parks_here(&rx)).unwrap();
    let id = h.goroutine().id();
    let header = format!("goroutine {id} [chan receive, \"the parked one\"]:\n");
    // It is shown as running until it has parked.
    let all = loop {
        let all = gort::runtime::stack(true);
        if all.contains(&header) {
            break all;
        }
        gort::yield_now();
    };
    let own = format!("goroutine {} [running]:\n", gort::current().id());
    assert!(all.starts_with(&own), "{all}");
    let part = all.split("\n\n").find(|p| p.starts_with(&header)).expect(&all);
    assert!(part.contains("parks_here("), "{part}");
    assert!(part.contains("tests/tests/api_goroutine.rs:"), "{part}");
    let created = format!(
        "tracebacks_show_the_users_functions in goroutine {}\n\ttests/tests/api_goroutine.rs:",
        gort::current().id()
    );
    assert!(part.contains(&created), "{part}\ninstead of\n{created}");
    let one = gort::runtime::stack(false);
    assert!(one.starts_with(&own) && !one.contains("parks_here"), "{one}");
    assert_eq!(one.matches("goroutine ").count(), one.matches("in goroutine ").count() + 1, "{one}");
    drop(tx);
    h.join().unwrap();
    assert!(!gort::runtime::stack(true).contains(&header));
    // From a plain thread, and on the system stack.
    let from_thread = join_thread(on_thread(|| gort::runtime::stack(true)));
    assert!(from_thread.contains(&format!("goroutine {} [", gort::current().id())), "{from_thread}");
    assert!(!gort::runtime::callers().is_empty());
}

/// Dumps look at goroutines that park, end and are reused meanwhile.
#[gort::test]
fn tracebacks_while_everything_moves() {
    let _limit = limit();
    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..8u64)
        .map(|i| {
            let stop = stop.clone();
            gort::spawn(move || {
                let mut turns = 0u64;
                while !stop.load(SeqCst) {
                    let (tx, rx) = bounded(0);
                    let h = gort::Builder::new().name(format!("w{i}")).spawn(move || tx.send(turns)).unwrap();
                    assert_eq!(rx.recv(), Ok(turns));
                    h.join().unwrap().unwrap();
                    gort::sleep(Duration::from_micros(i * 10));
                    turns += 1;
                }
                turns
            })
        })
        .collect();
    for _ in 0..15 {
        let text = gort::runtime::stack(true);
        assert!(text.starts_with("goroutine "), "{text}");
        gort::yield_now();
    }
    stop.store(true, SeqCst);
    assert!(workers.into_iter().map(|w| w.join().unwrap()).sum::<u64>() > 0);
}
