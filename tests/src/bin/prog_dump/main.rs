//! Programs for `tests/tests/prog_dump.rs`: goroutines in all states, for dumps to look at.

mod deadlocks;
mod signals;

use std::hint::black_box;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use gort::channel::{Receiver, bounded};

/// Tells the test that everything is in place, which then sends a signal; returns when the input is closed.
fn ready() {
    gort::blocking(|| {
        println!("ready");
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    });
}

static ROUNDS: AtomicU64 = AtomicU64::new(0);

#[inline(never)]
fn computes(stop: &AtomicBool) {
    while !stop.load(SeqCst) {
        ROUNDS.fetch_add(1, SeqCst);
    }
}

#[inline(never)]
fn allocates(stop: &AtomicBool) {
    while !stop.load(SeqCst) {
        let text: Vec<String> = (0..10).map(|i| format!("{i} {}", black_box("text"))).collect();
        black_box(text);
        ROUNDS.fetch_add(1, SeqCst);
    }
}

#[inline(never)]
fn panics_and_catches(stop: &AtomicBool) {
    while !stop.load(SeqCst) {
        let caught = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(())));
        assert!(caught.is_err());
        ROUNDS.fetch_add(1, SeqCst);
    }
}

#[inline(never)]
fn sleeps_in_the_kernel() {
    gort::blocking(|| std::thread::sleep(Duration::from_secs(3600)));
    black_box(());
}

#[inline(never)]
fn sleeps_in_the_kernel_unwrapped() {
    std::thread::sleep(Duration::from_secs(3600));
    black_box(());
}

#[inline(never)]
fn sleeps_on_the_system_stack() {
    gort::blocking_on_system_stack(|| std::thread::sleep(Duration::from_secs(3600)));
    black_box(());
}

#[inline(never)]
fn waits_for_good(rx: &Receiver<()>) {
    let _ = rx.recv();
    black_box(());
}

#[inline(never)]
fn deep(n: usize, f: &dyn Fn()) -> usize {
    if n == 0 {
        f();
        return 0;
    }
    1 + deep(black_box(n - 1), f)
}

fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        gort::yield_now();
    }
}

/// A goroutine in every state.
fn all_states() {
    static NEVER: AtomicBool = AtomicBool::new(false);
    let (_tx, rx) = bounded::<()>(0);
    gort::runtime::with_labels(&[("kind", "a hog")], || {
        gort::go!(name = "the hog"; computes(&NEVER));
    });
    gort::go!(sleeps_in_the_kernel());
    gort::go!(sleeps_in_the_kernel_unwrapped());
    gort::go!(sleeps_on_the_system_stack());
    let theirs = rx.clone();
    gort::runtime::with_labels(&[("kind", "waiter")], || {
        gort::go!(name = "the waiter"; move || waits_for_good(&theirs));
    });
    let theirs = rx.clone();
    gort::go!(move || {
        gort::lock_os_thread();
        waits_for_good(&theirs);
    });
    let theirs = rx.clone();
    gort::go!(move || {
        deep(300, &|| waits_for_good(&theirs));
    });
    gort::go!(gort::sleep(Duration::from_secs(3600)));
    until(|| {
        let text = gort::runtime::stack(true);
        let in_place = |part| text.contains(part);
        ["] {kind: waiter}", "locked to thread]", "frames elided", "[sleep]"].into_iter().all(in_place)
            && text.matches("clock_nanosleep()").count() >= 3
            && text.contains("computes()")
    });
    ready();
}

/// The main goroutine and others allocate, unwind, compute and pass messages while the signal comes.
fn busy() {
    static NEVER: AtomicBool = AtomicBool::new(false);
    for _ in 0..2 {
        gort::go!(allocates(&NEVER));
        gort::go!(panics_and_catches(&NEVER));
        gort::go!(computes(&NEVER));
        let (tx, rx) = bounded(0);
        gort::go!(move || while tx.send(()).is_ok() {});
        gort::go!(move || while rx.recv().is_ok() {});
    }
    gort::go! {
        loop {
            let handles: Vec<_> = (0..50).map(|_| gort::spawn(gort::yield_now)).collect();
            handles.into_iter().for_each(|h| h.join().unwrap());
        }
    }
    until(|| ROUNDS.load(SeqCst) > 100);
    gort::go!(ready());
    allocates(&NEVER);
}

/// Dumps, again and again, of goroutines that run.
fn asks_runners() {
    let stop = Arc::new(AtomicBool::new(false));
    let runner = |f: fn(&AtomicBool)| {
        let stop = stop.clone();
        gort::runtime::with_labels(&[("kind", "runner")], || gort::spawn(move || f(&stop)))
    };
    let runners = [runner(computes), runner(allocates), runner(panics_and_catches)];
    until(|| ROUNDS.load(SeqCst) > 100);
    let mut seen = [0; 3];
    let names = ["computes()", "allocates()", "panics_and_catches()"];
    let begin = Instant::now();
    while seen.contains(&0) {
        assert!(begin.elapsed() < Duration::from_secs(20), "{seen:?}");
        let text = gort::runtime::stack(true);
        for block in text.split("\n\n").filter(|block| block.contains("] {kind: runner}:\n")) {
            assert!(block.contains(" [running] ") || block.contains(" [runnable] "), "{block}");
            assert!(block.contains("created by ") && block.contains(" in goroutine 1\n"), "{block}");
            (0..3).filter(|&i| block.contains(names[i])).for_each(|i| seen[i] += 1);
        }
    }
    stop.store(true, SeqCst);
    runners.into_iter().for_each(|h| h.join().unwrap());
    println!("seen");
}

/// A goroutine that is dumped while it waits goes on as if nothing had been, however often it was.
fn dumped_often() {
    let (tx, rx) = bounded::<u32>(0);
    let (back, answers) = bounded::<u32>(0);
    let waiter = gort::spawn(move || {
        let here = 0u8;
        for v in &rx {
            back.send(v + 1).unwrap();
        }
        black_box(&raw const here as usize)
    });
    until(|| gort::runtime::stack(true).contains("goroutine 2 [chan receive]:\n"));
    let mut last = 0;
    for i in 0..2000 {
        let text = gort::runtime::stack(true);
        assert!(text.contains("goroutine 2 [chan receive]:\n"), "{text}");
        // A dump costs a parked goroutine no stack but the first time.
        if i == 10 || i == 1999 {
            let frames = text.lines().count();
            assert!(last == 0 || frames == last, "{frames} lines after {last}\n{text}");
            last = frames;
        }
        if i % 100 == 0 {
            tx.send(i).unwrap();
            assert_eq!(answers.recv(), Ok(i + 1));
            until(|| gort::runtime::stack(true).contains("goroutine 2 [chan receive]:\n"));
        }
    }
    drop(tx);
    assert_ne!(waiter.join().unwrap(), 0);
    println!("went on");
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Many goroutines are shown in groups, and the pages that the walks have used are given back.
fn grouped() {
    const N: usize = 20_000;
    let (tx, rx) = bounded::<()>(0);
    let (tx2, rx2) = bounded::<()>(0);
    let waiting = Arc::new(AtomicUsize::new(0));
    for i in 0..N {
        let rx = if i % 2 == 0 { rx.clone() } else { rx2.clone() };
        let waiting = waiting.clone();
        gort::go!(move || {
            waiting.fetch_add(1, SeqCst);
            if i % 2 == 0 {
                waits_for_good(&rx)
            } else {
                deep(3, &|| waits_for_good(&rx));
            };
        });
    }
    until(|| waiting.load(SeqCst) == N);
    // The symbols are read now, not later.
    drop(gort::runtime::stack(false));
    let before = resident();
    let begin = Instant::now();
    let text = gort::runtime::stack(true);
    let took = begin.elapsed();
    let grown = resident().saturating_sub(before);
    let blocks = text.split("\n\n").count();
    assert!(blocks < 20, "{blocks} blocks");
    let elided: usize = text
        .lines()
        .filter_map(|line| line.strip_prefix("...")?.split_once(" goroutines like this one elided: "))
        .map(|(n, _)| n.parse::<usize>().unwrap() + 1)
        .sum();
    assert!(elided > N - 20, "{elided} in groups\n{text}");
    // A page each would be 80 MB.
    assert!(grown < 40 << 20, "{grown} bytes");
    eprintln!("{took:?}, {} KiB", grown >> 10);
    drop((tx, tx2));
    until(|| gort::num_goroutine() == 1);
    println!("grouped");
}

#[inline(never)]
fn computes_deaf(listens: &AtomicBool, stop: &AtomicBool) {
    let mask = |how| {
        // SAFETY: fills and reads a set of signals.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&mut all);
            assert_eq!(libc::pthread_sigmask(how, &all, std::ptr::null_mut()), 0);
        }
    };
    mask(libc::SIG_BLOCK);
    computes(listens);
    mask(libc::SIG_UNBLOCK);
    computes(stop);
}

/// Waits with less than 16 KiB of a default stack left.
#[inline(never)]
fn waits_near_the_end(begin: usize, rx: &Receiver<()>) -> usize {
    let here = black_box([0u8; 256]);
    if begin - (here.as_ptr() as usize) < (192 - 12) << 10 {
        return 1 + waits_near_the_end(begin, rx);
    }
    waits_for_good(rx);
    0
}

/// To walk the stack of a parked goroutine takes some of it.
fn little_stack_left() {
    let (tx, rx) = bounded::<()>(0);
    let handle = gort::spawn(move || waits_near_the_end(black_box([0u8; 8]).as_ptr() as usize, &rx));
    let mut text = String::new();
    until(|| {
        text = gort::runtime::stack(true);
        text.contains("[chan receive]")
    });
    println!("{text}");
    drop(tx);
    assert!(handle.join().unwrap() > 0);
    println!("went on");
}

/// One whose thread blocks all signals for a while cannot be asked; later it can.
fn deaf() {
    let (listens, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let flags = (listens.clone(), stop.clone());
    let hog = gort::spawn(move || {
        gort::lock_os_thread();
        computes_deaf(&flags.0, &flags.1);
        gort::unlock_os_thread();
    });
    until(|| ROUNDS.load(SeqCst) > 0);
    // Names are looked up by then.
    gort::runtime::stack(true);
    let begun = Instant::now();
    println!("{}", gort::runtime::stack(true));
    assert!(begun.elapsed() >= Duration::from_millis(100), "it was not waited for");
    listens.store(true, SeqCst);
    until(|| gort::runtime::stack(true).contains("computes_deaf()"));
    stop.store(true, SeqCst);
    hog.join().unwrap();
    println!("heard");
}

#[inline(never)]
fn calls(f: impl FnOnce()) {
    gort::blocking_on_system_stack(f);
    black_box(());
}

/// What a goroutine does on a system stack stands above its own frames, however it is asked, and it goes on after that.
fn on_the_system_stack() {
    let own = gort::spawn(|| {
        let mut text = String::new();
        calls(|| text = gort::runtime::stack(false));
        text
    });
    println!("own:\n{}", own.join().unwrap());
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    let caller = gort::spawn(move || {
        let (mut before, mut n) = ([1; 100], 0);
        calls(|| computes(&seen));
        before.iter_mut().for_each(|one| n += *one);
        n
    });
    let mut text = String::new();
    for _ in 0..100 {
        until(|| {
            text = gort::runtime::stack(true);
            text.contains("computes()") && !text.contains("unavailable")
        });
    }
    println!("asked:\n{text}");
    // One that was joined before it began runs on its joiner's stack.
    let seen = stop.clone();
    let joiner = gort::spawn(move || gort::spawn(move || calls(|| computes(&seen))).join().unwrap());
    until(|| {
        text = gort::runtime::stack(true);
        text.matches("computes()").count() == 2 && !text.contains("unavailable")
    });
    println!("host:\n{text}");
    stop.store(true, SeqCst);
    assert_eq!(caller.join().unwrap(), 100);
    joiner.join().unwrap();
    println!("went on");
    gort::go!(calls(|| panic!("on a system stack")));
    gort::park();
}

fn ancestors() {
    fn child(rx: Receiver<()>, text: gort::channel::Sender<String>) {
        gort::go!(grandchild(rx, text));
    }
    fn grandchild(rx: Receiver<()>, text: gort::channel::Sender<String>) {
        text.send(gort::runtime::stack(false)).unwrap();
        waits_for_good(&rx);
    }
    let (_tx, rx) = bounded::<()>(0);
    let (ttx, trx) = bounded(0);
    gort::go!(child(rx, ttx));
    println!("{}", trx.recv().unwrap());
    until(|| gort::runtime::stack(true).contains("waits_for_good()"));
    println!("{}", gort::runtime::stack(true));
}

mod started {
    #[gort::main]
    pub(super) fn main() {
        super::programs();
    }
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("quit_taken_before") {
        signals::take_quit();
    }
    started::main();
}

fn programs() {
    match std::env::args().nth(1).as_deref() {
        Some("all_states") => all_states(),
        Some("busy") => busy(),
        Some("asks_runners") => asks_runners(),
        Some("dumped_often") => dumped_often(),
        Some("grouped") => grouped(),
        Some("signal_is_passed_on") => signals::signal_is_passed_on(),
        Some("deaf") => deaf(),
        Some("little_stack_left") => little_stack_left(),
        Some("on_the_system_stack") => on_the_system_stack(),
        Some("no_eintr_in_dumps") => signals::no_eintr_in_dumps(),
        Some("asked_with_a_full_stack") => signals::asked_with_a_full_stack(),
        Some("no_eintr") => signals::no_eintr(),
        Some("quit_taken_later") => {
            signals::take_quit();
            signals::quit_is_taken();
        }
        Some("quit_taken_before") => signals::quit_is_taken(),
        Some("quit_by_channel") => signals::quit_by_channel(),
        Some("ancestors") => ancestors(),
        Some(name) if name.starts_with("deadlock_") => deadlocks::program(name),
        other => panic!("no program {other:?}"),
    }
}
