//! Joining a goroutine that has not started runs it on the joiner's stack, as the goroutine that it is.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use gort::{JoinHandle, spawn};

/// The address of a local of the caller.
#[inline(never)]
fn here() -> usize {
    let local = 0u8;
    std::ptr::from_ref(black_box(&local)) as usize
}

/// Whether a frame at `inner` stands on the same stack as, and just below, one at `outer`.
fn just_below(inner: usize, outer: usize) -> bool {
    inner < outer && outer - inner < 32 << 10
}

/// Joins what `start` starts until one was not stolen before: then it has run on this stack.
#[inline(never)]
fn join_inline<T>(start: impl Fn() -> JoinHandle<(usize, T)>) -> std::thread::Result<T> {
    loop {
        let (address, result) = start().join()?;
        if just_below(address, here()) {
            return Ok(result);
        }
    }
}

gort::goroutine_local! {
    static LOCAL: Cell<u32> = const { Cell::new(1) };
}

#[gort::test]
fn it_runs_as_the_goroutine_that_it_is() {
    LOCAL.set(7);
    let own = gort::current().id();
    let (id, parent_of_child) = join_inline(|| {
        spawn(|| {
            assert_eq!(LOCAL.get(), 1, "its locals are its own");
            LOCAL.set(2);
            let child = gort::current();
            let grandchild = spawn(move || (gort::current().id(), child.id()));
            let (grandchild, child) = grandchild.join().unwrap();
            assert_ne!(grandchild, child);
            (here(), (gort::current().id(), child))
        })
    })
    .unwrap();
    assert_eq!(id, parent_of_child);
    assert_ne!(id, own);
    assert_eq!(gort::current().id(), own);
    assert_eq!(LOCAL.get(), 7);
    let handle = spawn(gort::current);
    let expected = handle.goroutine().id();
    assert_eq!(handle.join().unwrap().id(), expected);
}

#[gort::test]
fn a_builders_goroutine_too() {
    let name = join_inline(|| {
        let builder = gort::Builder::new().name("joined".into());
        builder.spawn(|| (here(), gort::current().name().map(str::to_owned))).unwrap()
    });
    assert_eq!(name.unwrap().as_deref(), Some("joined"));
    assert_eq!(gort::current().name(), None);
}

#[gort::test]
fn a_scoped_goroutine_too() {
    let text = String::from("borrowed");
    loop {
        let outer = here();
        let inner = gort::scope(|s| s.spawn(|| (here(), text.len())).join().unwrap());
        assert_eq!(inner.1, 8);
        if inner.0 < outer && outer - inner.0 < 32 << 10 {
            break;
        }
    }
}

#[gort::test]
fn large_and_zero_sized_results() {
    for i in 0..100 {
        assert_eq!(spawn(move || [i; 1000]).join().unwrap()[999], i);
        spawn(|| ()).join().unwrap();
        let text = vec![i.to_string(); 3];
        assert_eq!(spawn(move || text).join().unwrap().len(), 3);
    }
}

#[gort::test]
fn its_panic_is_its_own() {
    let own = gort::current().id();
    let dropped = Arc::new(AtomicBool::new(false));
    struct Drops(Arc<AtomicBool>);
    impl Drop for Drops {
        fn drop(&mut self) {
            assert!(gort::panicking());
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let guard = Drops(dropped.clone());
    let result: Result<(), _> = spawn(move || {
        let _guard = guard;
        panic!("on purpose");
    })
    .join();
    assert_eq!(*result.unwrap_err().downcast::<&str>().unwrap(), "on purpose");
    assert!(dropped.load(Ordering::Relaxed));
    assert!(!gort::panicking() && !std::thread::panicking());
    assert_eq!(gort::current().id(), own);
}

#[gort::test]
fn goexit_ends_it_alone() {
    let own = gort::current().id();
    for _ in 0..10 {
        let ended = spawn(|| {
            let inner = spawn(|| -> u32 { gort::goexit() }).join();
            assert!(inner.is_err());
            gort::goexit();
        })
        .join();
        let text = *ended.unwrap_err().downcast::<&str>().unwrap();
        assert!(text.contains("goexit"), "{text}");
        assert_eq!(gort::current().id(), own);
    }
}

#[gort::test]
fn its_locals_are_dropped_before_the_join_returns() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Counts;
    impl Drop for Counts {
        fn drop(&mut self) {
            gort::yield_now();
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    gort::goroutine_local! {
        static COUNTS: Counts = Counts;
    }
    for i in 1..=100 {
        spawn(|| COUNTS.with(|_| ())).join().unwrap();
        assert_eq!(DROPPED.load(Ordering::Relaxed), i);
    }
}

#[gort::test]
fn it_parks_and_its_host_comes_back_with_it() {
    let own = gort::current().id();
    for _ in 0..1000 {
        let (tx, rx) = gort::chan(0);
        let (back, answers) = gort::chan(0);
        gort::go!(move || {
            for v in rx {
                back.send(v + 1).unwrap();
            }
        });
        let sum: i32 = join_inline(|| {
            let (tx, answers) = (tx.clone(), answers.clone());
            spawn(move || {
                let mut sum = 0;
                for i in 0..3 {
                    tx.send(i).unwrap();
                    sum += answers.recv().unwrap();
                }
                (here(), sum)
            })
        })
        .unwrap();
        assert_eq!(sum, 6);
        assert_eq!(gort::current().id(), own);
    }
}

#[gort::test]
fn it_sleeps_and_yields() {
    for _ in 0..20 {
        join_inline(|| {
            spawn(|| {
                let begin = std::time::Instant::now();
                gort::sleep(Duration::from_micros(100));
                assert!(begin.elapsed() >= Duration::from_micros(100));
                gort::yield_now();
                gort::park_timeout(Duration::from_micros(10));
                (here(), ())
            })
        })
        .unwrap();
    }
}

#[gort::test]
fn an_unpark_of_the_host_is_kept_for_it() {
    let host = gort::current();
    spawn(move || {
        host.unpark();
        gort::current().unpark();
        gort::park();
    })
    .join()
    .unwrap();
    gort::park();
}

/// Uses `bytes` of stack below `top`, and gives how many frames that took.
#[inline(never)]
fn use_stack(top: usize, bytes: usize) -> usize {
    let page = black_box([1u8; 1024]);
    if top - here() >= bytes {
        page[0] as usize
    } else {
        use_stack(top, bytes) + black_box(page[1023]) as usize
    }
}

#[gort::test]
fn each_may_count_on_128_kib() {
    fn nested(depth: usize) -> usize {
        let used = usize::from(use_stack(here(), 120 << 10) > 0);
        if depth == 0 { used } else { spawn(move || nested(depth - 1)).join().unwrap() + used }
    }
    assert_eq!(nested(1000), 1001);
}

#[gort::test]
fn deeper_than_one_stack() {
    fn nested(depth: u64, stacks: &Arc<AtomicUsize>, above: usize) -> u64 {
        let own = here();
        if !just_below(own, above) {
            stacks.fetch_add(1, Ordering::Relaxed);
        }
        if depth == 0 {
            return 0;
        }
        let stacks = stacks.clone();
        spawn(move || nested(depth - 1, &stacks, own)).join().unwrap() + 1
    }
    let stacks = Arc::new(AtomicUsize::new(0));
    let counted = stacks.clone();
    // From a fresh goroutine of the default size, whatever the test's own has.
    assert_eq!(spawn(move || nested(20_000, &counted, usize::MAX)).join().unwrap(), 20_000);
    let stacks = stacks.load(Ordering::Relaxed);
    assert!(stacks > 20 && stacks < 20_000, "{stacks} stacks");
}

#[gort::test]
fn one_that_asks_for_more_stack_gets_it() {
    let deep = || {
        gort::Builder::new()
            .stack_size(1 << 20)
            .spawn(|| (here(), use_stack(here(), 700 << 10) > 100))
            .unwrap()
    };
    for _ in 0..10 {
        let outer = here();
        let (inner, used) = deep().join().unwrap();
        assert!(used);
        assert!(!just_below(inner, outer), "this goroutine has less than a MiB");
    }
    // One that has more to give may host it.
    let host = gort::Builder::new().stack_size(8 << 20).spawn(move || join_inline(deep).unwrap()).unwrap();
    assert!(host.join().unwrap());
}

#[gort::test]
fn not_where_the_thread_must_stay() {
    let thread = || std::thread::current().id();
    let check = |what: &str| {
        let (outer, before) = (here(), thread());
        let inner = spawn(here).join().unwrap();
        assert!(!just_below(inner, outer), "{what}");
        assert_eq!(thread(), before, "{what}");
    };
    gort::lock_os_thread();
    check("locked");
    gort::unlock_os_thread();
    let pinned = gort::pin();
    check("pinned");
    drop(pinned);
    struct JoinsWhenDropped;
    impl Drop for JoinsWhenDropped {
        fn drop(&mut self) {
            let outer = here();
            let inner = spawn(|| (here(), std::thread::panicking())).join().unwrap();
            assert!(!just_below(inner.0, outer) && !inner.1);
        }
    }
    let caught = gort::catch_unwind(|| {
        let _joins = JoinsWhenDropped;
        panic!("on purpose");
    });
    assert!(caught.is_err());
}

#[gort::test]
fn a_lock_on_its_thread_ends_with_it() {
    for unlock in [true, false] {
        join_inline(|| {
            spawn(move || {
                gort::lock_os_thread();
                let thread = std::thread::current().id();
                gort::sleep(Duration::from_micros(50));
                gort::yield_now();
                assert_eq!(std::thread::current().id(), thread);
                if unlock {
                    gort::unlock_os_thread();
                }
                (here(), ())
            })
        })
        .unwrap();
        // This goroutine is not locked: it may host again, and others run on its thread.
        join_inline(|| spawn(|| (here(), ()))).unwrap();
    }
}

#[gort::test]
fn labels_are_inherited_and_do_not_leak() {
    gort::runtime::with_labels(&[("host", "yes")], || {
        let text = join_inline(|| {
            spawn(|| {
                gort::runtime::with_labels(&[("guest", "yes")], || (here(), gort::runtime::stack(false)))
            })
        })
        .unwrap();
        assert!(text.lines().next().unwrap().ends_with("{guest: yes, host: yes}:"), "{text}");
        let text = gort::runtime::stack(false);
        assert!(text.lines().next().unwrap().ends_with("{host: yes}:"), "{text}");
    });
}

/// The paragraph of a dump that belongs to a goroutine.
fn paragraph(dump: &str, id: gort::GoroutineId) -> String {
    let head = format!("goroutine {id} [");
    dump.split("\n\n").find(|p| p.starts_with(&head)).unwrap_or_else(|| panic!("{id} in {dump}")).to_string()
}

#[inline(never)]
fn host_function(rx: &gort::channel::Receiver<()>, entered: &gort::channel::Sender<usize>) -> usize {
    let (rx, entered) = (rx.clone(), entered.clone());
    black_box(spawn(move || guest_function(&rx, &entered)).join().unwrap())
}

#[inline(never)]
fn guest_function(rx: &gort::channel::Receiver<()>, entered: &gort::channel::Sender<usize>) -> usize {
    entered.send(0).unwrap();
    rx.recv().unwrap();
    black_box(here())
}

#[gort::test]
fn a_dump_shows_each_with_its_own_frames() {
    loop {
        let (tx, rx) = gort::chan::<()>(0);
        let (entered, begun) = gort::chan(0);
        let host = spawn(move || (host_function(&rx, &entered), here()));
        let host_id = host.goroutine().id();
        begun.recv().unwrap();
        let parked = |dump: &String| dump.matches("[chan receive]").count() >= 1 && dump.contains("[join]");
        let dump = loop {
            let dump = gort::runtime::stack(true);
            if parked(&dump) {
                break dump;
            }
            gort::yield_now();
        };
        tx.send(()).unwrap();
        let (inner, outer) = host.join().unwrap();
        let text = paragraph(&dump, host_id);
        assert!(text.starts_with(&format!("goroutine {host_id} [join]:\n")), "{text}");
        assert!(text.contains("host_function(") && !text.contains("guest_function("), "{text}");
        let guest = dump.split("\n\n").find(|p| p.contains("guest_function(")).expect("the guest's frames");
        assert!(guest.contains(" [chan receive]:\n") && guest.contains(&format!("in goroutine {host_id}\n")));
        assert!(!guest.contains("host_function()\n"), "only as the creator: {guest}");
        if just_below(inner, outer) {
            break;
        }
    }
}

#[gort::test]
fn its_own_traceback_ends_where_its_host_begins() {
    #[inline(never)]
    fn outer_function() -> (gort::GoroutineId, String, String) {
        join_inline(|| spawn(inner_function)).unwrap()
    }
    #[inline(never)]
    fn inner_function() -> (usize, (gort::GoroutineId, String, String)) {
        (here(), (gort::current().id(), gort::runtime::stack(false), gort::runtime::stack(true)))
    }
    let host = gort::current().id();
    let (guest, own, all) = outer_function();
    assert!(own.contains("inner_function("), "{own}");
    assert!(!own.contains("outer_function()\n"), "{own}");
    assert!(own.contains(&format!(" in goroutine {host}\n")));
    assert!(paragraph(&all, guest).contains(" [running]:\n"));
    let text = paragraph(&all, host);
    assert!(text.starts_with(&format!("goroutine {host} [join]:\n")), "{text}");
    assert!(text.contains("outer_function(") && !text.contains("inner_function("), "{text}");
}

#[gort::test(gomaxprocs = 1)]
fn a_loop_of_joins_shuts_nobody_out() {
    let seen = Arc::new(AtomicUsize::new(0));
    let (queued, slept) = (seen.clone(), seen.clone());
    gort::go!(move || {
        queued.fetch_add(1, Ordering::Relaxed);
    });
    gort::go!(move || {
        gort::sleep(Duration::from_millis(1));
        slept.fetch_add(1, Ordering::Relaxed);
    });
    while seen.load(Ordering::Relaxed) < 2 {
        spawn(|| ()).join().unwrap();
    }
}

#[gort::test]
fn fork_join() {
    fn fib(n: u64) -> u64 {
        if n < 2 {
            return n;
        }
        let a = spawn(move || fib(n - 1));
        let b = spawn(move || fib(n - 2));
        a.join().unwrap() + b.join().unwrap()
    }
    assert_eq!(fib(20), 6765);
}

#[gort::test]
fn handles_joined_in_any_order() {
    for round in 0..50usize {
        let mut handles: Vec<_> = (0..300).map(|i| (i, spawn(move || i))).collect();
        while !handles.is_empty() {
            let at = (round * 31) % handles.len();
            let (i, handle) = handles.remove(at);
            assert_eq!(handle.join().unwrap(), i);
        }
    }
}

/// Everything at once, in many goroutines, with dumps and a GOMAXPROCS that changes meanwhile.
fn storm(procs: usize, dumps: bool) {
    let before = gort::runtime::gomaxprocs(procs);
    fn tree(depth: u32, seed: u64) -> u64 {
        let next = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let kind = (next >> 33) % 12;
        match kind {
            0 => gort::yield_now(),
            1 => gort::sleep(Duration::from_micros(next % 50)),
            2 => {
                let (tx, rx) = gort::chan(0);
                gort::go!(move || tx.send(7).unwrap());
                assert_eq!(rx.recv().unwrap(), 7);
            }
            3 => {
                let caught = spawn(panic_quietly).join();
                assert!(caught.is_err());
            }
            4 => assert!(spawn(|| -> () { gort::goexit() }).join().is_err()),
            5 => gort::lock_os_thread(),
            6 => {
                gort::current().unpark();
                gort::park();
            }
            _ => {}
        }
        if kind == 5 && next & 1 == 0 {
            gort::unlock_os_thread();
        }
        if depth == 0 {
            return 1;
        }
        let a = spawn(move || tree(depth - 1, next));
        let b = spawn(move || tree(depth - 1, next ^ 0x5555));
        let (a, b) = if kind < 6 {
            (a.join().unwrap(), b.join().unwrap())
        } else {
            let b = b.join().unwrap();
            (a.join().unwrap(), b)
        };
        a + b
    }
    fn panic_quietly() {
        std::panic::resume_unwind(Box::new("quiet"));
    }
    let over = Arc::new(AtomicBool::new(false));
    let stop = over.clone();
    let meddler = spawn(move || {
        let mut n = 0;
        while !stop.load(Ordering::Relaxed) {
            if dumps {
                black_box(gort::runtime::stack(n % 8 < 1).len());
            }
            n += 1;
            gort::runtime::gomaxprocs(if n % 4 < 2 { procs } else { procs.div_ceil(2) });
            gort::sleep(Duration::from_micros(300));
        }
    });
    let roots: Vec<_> = (0..4).map(|i| spawn(move || tree(8, i))).collect();
    for root in roots {
        assert_eq!(root.join().unwrap(), 256);
    }
    over.store(true, Ordering::Relaxed);
    meddler.join().unwrap();
    gort::runtime::gomaxprocs(before);
}

#[gort::test]
fn storms() {
    for procs in [1, 2, 3, 8, 64] {
        for _ in 0..4 {
            storm(procs, true);
        }
    }
}

/// A thief had claimed a goroutine that is locked to another M, found a second one to run, and slept with the first when
/// its P was retired.
#[gort::test]
fn bug_a_locked_goroutine_left_behind_by_a_thief() {
    for _ in 0..10 {
        storm(8, false);
    }
}
