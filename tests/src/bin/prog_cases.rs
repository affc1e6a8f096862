//! Small programs for `tests/tests/prog.rs`, chosen by the first argument: each ends in one of the ways
//! that a program can end in, or needs a process of its own for another reason.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use gort::channel::{Receiver, bounded, unbounded};
use gort::sync::{Mutex, WaitGroup};

fn argument(n: usize) -> String {
    std::env::args().nth(n).unwrap_or_default()
}

fn thread_id() -> u64 {
    let link = std::fs::read_link("/proc/thread-self").expect("/proc is there");
    link.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse().ok()).expect("a thread id")
}

/// Prints when it is dropped.
struct Says(&'static str);

impl Drop for Says {
    fn drop(&mut self) {
        eprintln!("dropped {}", self.0);
    }
}

fn wait_forever() {
    let (_tx, rx) = bounded::<()>(0);
    let _ = rx.recv();
}

mod unit {
    /// Runs a case that needs nothing special of its `main`.
    #[gort::main]
    pub(super) fn main() {
        let name = super::argument(1);
        let (_, case) = super::CASES.iter().find(|(n, _)| *n == name).expect("a known case");
        case();
    }
}

mod result {
    #[gort::main]
    pub(super) fn main() -> Result<(), String> {
        match super::argument(2).as_str() {
            "" => Ok(()),
            text => Err(text.to_string()),
        }
    }
}

mod exit_code {
    #[gort::main]
    pub(super) fn main() -> super::ExitCode {
        super::ExitCode::from(super::argument(2).parse::<u8>().expect("a number"))
    }
}

mod result_exit_code {
    #[gort::main]
    pub(super) fn main() -> Result<super::ExitCode, Box<dyn std::error::Error>> {
        Ok(super::ExitCode::from(super::argument(2).parse::<u8>()?))
    }
}

mod never {
    #[gort::main]
    pub(super) fn main() -> ! {
        std::process::exit(9)
    }
}

mod locked {
    #[gort::main(lock_os_thread)]
    pub(super) fn main() {
        super::stays_on_first_thread();
    }
}

mod four {
    #[gort::main(gomaxprocs = 4, stack_size = 1 << 20)]
    pub(super) fn main() {
        println!("{}", gort::gomaxprocs(0));
        // More than a default stack has.
        assert_eq!(gort::spawn(|| super::deep(700 << 10)).join().unwrap(), 700 << 10);
    }
}

/// Uses at least `bytes` of stack.
#[inline(never)]
fn deep(bytes: usize) -> usize {
    let page = std::hint::black_box([0u8; 1024]);
    if bytes == 0 { 0 } else { page.len() + deep(bytes.saturating_sub(1024)) }
}

fn stays_on_first_thread() {
    let (tx, rx) = bounded(0);
    gort::go! {
        for i in 0..100 {
            tx.send(i).unwrap();
        }
    }
    while rx.recv().is_ok() {
        assert_eq!(thread_id(), u64::from(std::process::id()));
        gort::yield_now();
        assert_eq!(thread_id(), u64::from(std::process::id()));
    }
    gort::sleep(Duration::from_micros(100));
    assert_eq!(thread_id(), u64::from(std::process::id()));
    gort::blocking_on_system_stack(|| assert_eq!(thread_id(), u64::from(std::process::id())));
    assert_eq!(thread_id(), u64::from(std::process::id()));
}

/// Main sleeps among goroutines that compute, until whoever finds its timer due is another thread.
fn moved() {
    while thread_id() == u64::from(std::process::id()) {
        for _ in 0..4 {
            gort::go! {
                let begin = Instant::now();
                while begin.elapsed() < Duration::from_micros(200) {
                    std::hint::spin_loop();
                }
            }
        }
        gort::sleep(Duration::from_micros(50));
    }
    println!("moved");
}

#[inline(never)]
fn user_function(bomb: &str) {
    let _says = Says("in user_function");
    if !bomb.is_empty() {
        panic!("boom: {bomb}");
    }
}

#[inline(never)]
fn starts_user_function() {
    let says = Says("captured");
    gort::go! {
        let _says = says;
        user_function("on purpose");
    }
    wait_forever();
}

fn parks_in_user_function() {
    let (tx, rx) = bounded::<()>(0);
    let started = WaitGroup::new();
    started.add(1);
    let s = started.clone();
    gort::go!(waits_for_good(rx, s));
    started.wait();
    // Its status must not be "running" any more when the panic's dump looks.
    gort::sleep(Duration::from_millis(20));
    gort::go!(user_function("others are shown"));
    wait_forever();
    drop(tx);
}

#[inline(never)]
fn waits_for_good(rx: Receiver<()>, started: WaitGroup) {
    started.done();
    let _ = rx.recv();
    std::hint::black_box(());
}

fn panics_in_destructor_of_result() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("boom: the result of a go! goroutine");
        }
    }
    gort::go!(|| Bomb);
    wait_forever();
}

fn deadlock_pair() {
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

fn deadlock_threads() {
    let (tx, rx) = bounded::<()>(0);
    for _ in 0..3 {
        let rx = rx.clone();
        std::thread::spawn(move || rx.recv());
    }
    let _ = rx.recv();
    drop(tx);
}

fn deadlock_mutex() {
    let mutex = Mutex::new(());
    let _held = mutex.lock().unwrap();
    let _again = mutex.lock();
}

fn deadlock_send() {
    let (tx, rx) = bounded(0);
    let _ = tx.send(1);
    drop(rx);
}

fn deadlock_join() {
    let _ = gort::spawn(gort::park).join();
}

fn deadlock_scope() {
    gort::scope(|s| {
        s.spawn(gort::park);
    });
    std::hint::black_box(());
}

fn deadlock_locked() {
    gort::lock_os_thread();
    gort::spawn(|| {
        gort::lock_os_thread();
        wait_forever();
    })
    .join()
    .unwrap();
}

fn deadlock_named() {
    gort::go!(name = "the sleeper"; gort::park());
    wait_forever();
}

/// A deadlock that comes only when timers have run out.
fn deadlock_late() {
    gort::go!(gort::sleep(Duration::from_millis(50)));
    gort::park_timeout(Duration::from_millis(20));
    wait_forever();
}

fn foreign_thread() {
    let (tx, rx) = bounded(0);
    // The runtime has all this time to find a deadlock where there is none.
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        tx.send("woken").unwrap();
    });
    println!("{}", rx.recv().unwrap());
}

fn foreign_thread_unparks() {
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

fn timer_pending() {
    let (tx, rx) = bounded(0);
    gort::go! {
        gort::sleep(Duration::from_millis(300));
        tx.send("woken").unwrap();
    }
    println!("{}", rx.recv().unwrap());
}

/// The only one that could wake anybody blocks in a system call that gort was told of.
fn blocked_in_system_call() {
    let (tx, rx) = bounded(0);
    gort::go! {
        gort::blocking_on_system_stack(|| std::thread::sleep(Duration::from_millis(300)));
        tx.send("woken").unwrap();
    }
    println!("{}", rx.recv().unwrap());
}

/// As above, but it waits on the system stack in gort itself, for a goroutine that sleeps.
fn blocked_on_system_stack() {
    let (tx, rx) = bounded(0);
    gort::go! {
        gort::sleep(Duration::from_millis(100));
        tx.send("woken").unwrap();
    }
    println!("{}", gort::blocking_on_system_stack(|| rx.recv()).unwrap());
}

fn goexit_main() {
    let says = Says("by main");
    gort::go! {
        gort::sleep(Duration::from_millis(50));
        println!("still here");
    }
    let _says = says;
    gort::goexit();
}

fn goexit_main_others_wait() {
    gort::go!(waits_for_good(bounded(0).1, {
        let w = WaitGroup::new();
        w.add(1);
        w
    }));
    let (_tx, rx) = bounded::<()>(0);
    let leaked: &'static Receiver<()> = Box::leak(Box::new(rx));
    std::mem::forget(_tx);
    gort::go!(leaked.recv());
    gort::goexit();
}

fn goexit_main_then_exit() {
    gort::go! {
        gort::sleep(Duration::from_millis(20));
        std::process::exit(5);
    }
    gort::goexit();
}

/// Two goroutines that compute see each other run. They are started by one that goes on computing.
fn side_by_side() {
    static COUNTERS: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
    let mut worst = Duration::ZERO;
    for round in 1..=20 {
        let begin = Instant::now();
        let seen = gort::spawn(move || {
            // Never blocks until it has seen this goroutine run.
            COUNTERS[1].store(round, SeqCst);
            while COUNTERS[0].load(SeqCst) != round {
                std::hint::spin_loop();
            }
        });
        while COUNTERS[1].load(SeqCst) != round {
            std::hint::spin_loop();
        }
        let took = begin.elapsed();
        COUNTERS[0].store(round, SeqCst);
        seen.join().unwrap();
        worst = worst.max(took);
        println!("{}", took.as_micros());
    }
    eprintln!("worst {worst:?}");
}

fn hundred_thousand() {
    const N: usize = 100_000;
    let (tx, rx) = bounded::<()>(0);
    let started = WaitGroup::new();
    let sum = Arc::new(AtomicUsize::new(0));
    let ended = WaitGroup::new();
    for i in 0..N {
        started.add(1);
        let (rx, started, sum) = (rx.clone(), started.clone(), sum.clone());
        ended.go(move || {
            started.done();
            assert!(rx.recv().is_err());
            sum.fetch_add(i, SeqCst);
        });
    }
    started.wait();
    assert_eq!(gort::num_goroutine(), N + 1);
    drop(tx);
    ended.wait();
    assert_eq!(sum.load(SeqCst), N * (N - 1) / 2);
    while gort::num_goroutine() > 1 {
        gort::yield_now();
    }
    println!("all released");
}

fn gomaxprocs() {
    println!("{} {}", gort::gomaxprocs(0), gort::num_cpu());
    let mut sum = 0;
    for h in (0..200)
        .map(|i| {
            gort::spawn(move || {
                gort::yield_now();
                i
            })
        })
        .collect::<Vec<_>>()
    {
        sum += h.join().unwrap();
    }
    assert_eq!(sum, 19_900);
}

/// With one P, those who yield take turns: nobody gets far ahead.
fn yields_fairly() {
    const N: usize = 10;
    const TURNS: usize = 2_000;
    static DONE: [AtomicUsize; N] = [const { AtomicUsize::new(0) }; N];
    let (tx, rx) = bounded::<()>(0);
    let handles: Vec<_> = (0..N)
        .map(|i| {
            let rx = rx.clone();
            gort::spawn(move || {
                assert!(rx.recv().is_err());
                let mut ahead = 0;
                for turn in 1..=TURNS {
                    DONE[i].store(turn, SeqCst);
                    let least = DONE.iter().map(|d| d.load(SeqCst)).min().unwrap();
                    ahead = ahead.max(turn - least);
                    gort::yield_now();
                }
                ahead
            })
        })
        .collect();
    // All wait before the first begins to count.
    while rx.len() + gort::num_goroutine() < N + 1 {
        gort::yield_now();
    }
    drop(tx);
    let ahead = handles.into_iter().map(|h| h.join().unwrap()).max().unwrap();
    println!("{ahead}");
}

/// One that yields in a loop does not keep others out, nor timers.
fn yield_lets_timers_in() {
    let done = Arc::new(AtomicBool::new(false));
    let theirs = done.clone();
    gort::go! {
        gort::sleep(Duration::from_millis(5));
        theirs.store(true, SeqCst);
    }
    while !done.load(SeqCst) {
        gort::yield_now();
    }
    println!("let in");
}

/// A ping-pong pair, which inherits its slice for ever, does not shut out a third.
fn pair_lets_others_in() {
    let (atx, arx) = bounded(0);
    let (btx, brx) = bounded(0);
    let stop = Arc::new(AtomicBool::new(false));
    let theirs = stop.clone();
    let pair = gort::spawn(move || {
        for i in arx {
            if btx.send(i).is_err() {
                break;
            }
        }
    });
    let (ready_tx, ready_rx) = bounded(1);
    let other = gort::spawn(move || {
        let mut n = 0u64;
        while !theirs.load(SeqCst) {
            atx.send(n).unwrap();
            assert_eq!(brx.recv(), Ok(n));
            n += 1;
            let _ = ready_tx.try_send(());
        }
        n
    });
    ready_rx.recv().unwrap();
    for _ in 0..50 {
        gort::yield_now();
        gort::spawn(|| ()).join().unwrap();
    }
    stop.store(true, SeqCst);
    assert!(other.join().unwrap() > 0);
    pair.join().unwrap();
    println!("let in");
}

/// Blocks on a gort channel on the system stack, with one P: that P serves the sender meanwhile.
fn system_stack_channel() {
    for i in 0..100 {
        let (tx, rx) = bounded(0);
        let sender = gort::spawn(move || tx.send(i));
        assert_eq!(gort::blocking_on_system_stack(|| rx.recv()), Ok(i));
        sender.join().unwrap().unwrap();
    }
    println!("received");
}

/// A destructor that runs because of a panic calls something that gives up the P. std counts panics per
/// thread, so the goroutine must come back to its thread, and leave no count behind elsewhere.
fn blocking_while_panicking() {
    struct Blocks;
    impl Drop for Blocks {
        fn drop(&mut self) {
            let before = thread_id();
            for _ in 0..10 {
                gort::blocking_on_system_stack(|| std::thread::sleep(Duration::from_micros(300)));
                assert_eq!(thread_id(), before, "a panicking goroutine has moved");
                assert!(std::thread::panicking());
            }
        }
    }
    let stop = Arc::new(AtomicBool::new(false));
    let strangers = Arc::new(AtomicUsize::new(0));
    let others: Vec<_> = (0..4)
        .map(|_| {
            let (stop, strangers) = (stop.clone(), strangers.clone());
            gort::spawn(move || {
                while !stop.load(SeqCst) {
                    if std::thread::panicking() {
                        strangers.fetch_add(1, SeqCst);
                    }
                    gort::yield_now();
                }
            })
        })
        .collect();
    for _ in 0..20 {
        let panicked = gort::spawn(|| {
            let _blocks = Blocks;
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(panicked.join().is_err());
    }
    stop.store(true, SeqCst);
    others.into_iter().for_each(|h| h.join().unwrap());
    assert_eq!(strangers.load(SeqCst), 0, "others have run on a thread that panics");
    println!("stayed");
}

/// While Ps come and go, work goes on; once they are few, no more than that run at the same time.
fn resizes() {
    let stop = Arc::new(AtomicBool::new(false));
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let turns: Arc<Vec<AtomicUsize>> = Arc::new((0..16).map(|_| AtomicUsize::new(0)).collect());
    let workers: Vec<_> = (0..turns.len())
        .map(|i| {
            let (stop, running, most, turns) = (stop.clone(), running.clone(), most.clone(), turns.clone());
            gort::spawn(move || {
                while !stop.load(SeqCst) {
                    let now = running.fetch_add(1, SeqCst) + 1;
                    most.fetch_max(now, SeqCst);
                    turns[i].fetch_add(1, SeqCst);
                    running.fetch_sub(1, SeqCst);
                    match turns[i].load(SeqCst) % 50 {
                        0 => gort::sleep(Duration::from_micros(50)),
                        _ => gort::yield_now(),
                    }
                }
            })
        })
        .collect();
    let all_turn = |n: usize| {
        let before: Vec<_> = turns.iter().map(|t| t.load(SeqCst)).collect();
        while turns.iter().zip(&before).any(|(t, b)| t.load(SeqCst) < b + n) {
            gort::yield_now();
        }
    };
    let before = gort::gomaxprocs(0);
    let mut last = before;
    let sizes: [usize; 5] = [8, 1, 3, 2, 1];
    for round in 0..40 {
        let n = sizes[round % sizes.len()];
        assert_eq!(gort::gomaxprocs(n), last);
        last = n;
        assert_eq!(gort::gomaxprocs(0), n);
        // Everybody has been through the scheduler, so the surplus Ps are gone.
        all_turn(3);
        most.store(0, SeqCst);
        all_turn(20);
        let seen = most.load(SeqCst);
        assert!(seen <= n, "round {round}: {seen} goroutines at the same time with GOMAXPROCS {n}");
    }
    gort::gomaxprocs(before);
    stop.store(true, SeqCst);
    workers.into_iter().for_each(|w| w.join().unwrap());
    println!("resized");
}

fn counts_goroutines() {
    let settle = |n: usize| {
        let begin = Instant::now();
        while gort::num_goroutine() != n {
            assert!(begin.elapsed() < Duration::from_secs(10), "{} instead of {n}", gort::num_goroutine());
            gort::yield_now();
        }
    };
    assert_eq!(gort::num_goroutine(), 1);
    // Parked ones count.
    let (tx, rx) = bounded::<()>(0);
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let rx = rx.clone();
            gort::spawn(move || rx.recv())
        })
        .collect();
    assert_eq!(gort::num_goroutine(), 11);
    drop(tx);
    for w in waiting {
        assert!(w.join().unwrap().is_err());
    }
    assert_eq!(gort::num_goroutine(), 1, "exact after joins");
    // Every way to end.
    let ended = [
        gort::spawn(|| ()).join(),
        gort::spawn(|| std::panic::resume_unwind(Box::new("quiet"))).join(),
        gort::spawn(|| gort::goexit()).join(),
    ];
    assert_eq!(ended.map(|e| e.is_ok()), [true, false, false]);
    assert_eq!(gort::num_goroutine(), 1);
    for _ in 0..200 {
        drop(gort::spawn(|| ()));
        gort::go!(|| ());
    }
    settle(1);
    gort::scope(|s| {
        for _ in 0..10 {
            s.spawn(gort::yield_now);
        }
    });
    settle(1);
    // From plain threads.
    let thread = std::thread::spawn(|| gort::run(|| assert_eq!(gort::num_goroutine(), 2)));
    gort::blocking_on_system_stack(|| thread.join().unwrap());
    settle(1);
    println!("counted");
}

/// Busy, then idle, for as many lines of schedtrace as the test wants.
fn traced() {
    for _ in 0..5 {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(15) {
            gort::yield_now();
        }
        gort::sleep(Duration::from_millis(15));
    }
}

fn plenty_of_stack() {
    let b = gort::Builder::new().stack_size(64 << 20);
    assert_eq!(b.spawn(|| deep(48 << 20)).unwrap().join().unwrap(), 48 << 20);
    for _ in 0..300 {
        gort::spawn(|| deep(64 << 10)).join().unwrap();
    }
    println!("deep");
}

fn main_has_eight_mib() {
    assert_eq!(deep(6 << 20), 6 << 20);
    println!("deep");
}

/// A destructor that runs because of a panic waits, with one P.
fn waiting_while_panicking() {
    struct Waits;
    impl Drop for Waits {
        fn drop(&mut self) {
            gort::sleep(Duration::from_millis(1));
        }
    }
    for _ in 0..100 {
        let ended = gort::spawn(|| {
            let _waits = Waits;
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(ended.join().is_err());
    }
    println!("waited");
}

/// The destructor of a goroutine-local panics: the goroutine is counted out all the same.
fn local_panics_when_dropped() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            AFTER.set(7);
            std::panic::resume_unwind(Box::new("bomb"));
        }
    }
    gort::goroutine_local! {
        static BOMB: Bomb = Bomb;
        static AFTER: std::cell::Cell<u8> = const { std::cell::Cell::new(0) };
    }
    for _ in 0..10 {
        assert!(gort::spawn(|| BOMB.with(|_| ())).join().is_err());
        // In the same descriptor, as likely as not.
        assert_eq!(gort::spawn(|| AFTER.get()).join().unwrap(), 0, "a stranger's local");
    }
    assert_eq!(gort::num_goroutine(), 1);
    println!("counted");
}

/// The handle of a scoped goroutine that has ended is dropped, and its result panics when it is.
fn scoped_result_panics_when_dropped() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Bomb(#[allow(dead_code)] Box<u8>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, SeqCst);
            std::panic::resume_unwind(Box::new("bomb"));
        }
    }
    let caught = std::panic::catch_unwind(|| {
        gort::scope(|s| {
            let h = s.spawn(|| Bomb(Box::new(1)));
            while !h.is_finished() {
                gort::yield_now();
            }
            drop(h);
        })
    });
    assert!(caught.is_err());
    println!("dropped {}", DROPPED.load(SeqCst));
}

/// A plain thread's local sets another when it is dropped: that is dropped too.
fn local_set_by_destructor_on_thread() {
    struct Sets;
    impl Drop for Sets {
        fn drop(&mut self) {
            LATE.with(|_| ());
        }
    }
    gort::goroutine_local! {
        static SETS: Sets = Sets;
        static LATE: Says = Says("late");
    }
    let thread = std::thread::spawn(|| SETS.with(|_| ()));
    gort::blocking_on_system_stack(|| thread.join().unwrap());
    gort::spawn(|| SETS.with(|_| ())).join().unwrap();
}

/// One thread that goes in and out: all is asleep often, and never for good.
fn runs_again_and_again() {
    boot();
    for i in 0..100_000 {
        assert_eq!(gort::run(move || i), i);
    }
    println!("ran");
}

/// Two threads boot at the same time: whoever is told that a runtime runs may use it.
fn boots_at_once() {
    let threads: Vec<_> = (0..4)
        .map(|i| {
            std::thread::spawn(move || {
                // SAFETY: as in `boot`.
                let _ = unsafe { gort::boot(gort::Options::default()) };
                gort::run(|| i)
            })
        })
        .collect();
    let sum: i32 = threads.into_iter().map(|t| t.join().unwrap()).sum();
    println!("{sum}");
}

/// A destructor that runs because of goexit panics inside and catches that: it is a panic all the same.
fn panic_inside_goexit() {
    struct Panics(Arc<Mutex<u8>>);
    impl Drop for Panics {
        fn drop(&mut self) {
            let caught = std::panic::catch_unwind(|| {
                let _guard = self.0.lock().unwrap();
                std::panic::resume_unwind(Box::new(()));
            });
            assert!(caught.is_err());
        }
    }
    let mutex = Arc::new(Mutex::new(0));
    let panics = Panics(mutex.clone());
    let ended = gort::spawn(move || -> () {
        let _panics = panics;
        gort::goexit()
    });
    assert!(ended.join().is_err());
    println!("poisoned {}", mutex.is_poisoned());
}

/// A value in a goroutine-local uses its own key when it is dropped.
fn local_used_by_its_destructor() {
    struct Own;
    impl Drop for Own {
        fn drop(&mut self) {
            OWN.with(|_| ());
        }
    }
    gort::goroutine_local! { static OWN: Own = Own; }
    let ended = gort::spawn(|| OWN.with(|_| ())).join();
    println!("ended {}", ended.is_ok());
}

/// Dumps read descriptors that are used again and again meanwhile.
fn dumps_while_many_end() {
    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..16)
        .map(|_| {
            let stop = stop.clone();
            gort::spawn(move || {
                while !stop.load(SeqCst) {
                    let handles: Vec<_> = (0..50).map(|_| gort::spawn(gort::yield_now)).collect();
                    handles.into_iter().for_each(|h| h.join().unwrap());
                }
            })
        })
        .collect();
    for _ in 0..20 {
        assert!(gort::runtime::stack(true).starts_with("goroutine 1 [running]:"));
        gort::yield_now();
    }
    stop.store(true, SeqCst);
    workers.into_iter().for_each(|w| w.join().unwrap());
    println!("dumped");
}

type Case = (&'static str, fn());

const CASES: &[Case] = &[
    ("unit", || ()),
    ("moved", moved),
    ("exit_in_goroutine", || {
        gort::go!(std::process::exit(7));
        wait_forever();
    }),
    ("panic_main", || {
        let _says = Says("by main");
        user_function("in main");
    }),
    ("panic_main_moved", || {
        moved();
        user_function("in main");
    }),
    ("panic_go", starts_user_function),
    ("panic_go_dump", parks_in_user_function),
    ("panic_go_result", panics_in_destructor_of_result),
    ("panic_go_named", || {
        gort::go!(name = "the worker"; user_function("named"));
        wait_forever();
    }),
    ("panic_nested", || {
        gort::go!(starts_user_function());
        wait_forever();
    }),
    ("deadlock_recv", wait_forever),
    ("deadlock_pair", deadlock_pair),
    ("deadlock_threads", deadlock_threads),
    ("deadlock_mutex", deadlock_mutex),
    ("deadlock_send", deadlock_send),
    ("deadlock_join", deadlock_join),
    ("deadlock_scope", deadlock_scope),
    ("deadlock_park", gort::park),
    ("deadlock_locked", deadlock_locked),
    ("deadlock_named", deadlock_named),
    ("deadlock_late", deadlock_late),
    ("foreign_thread", foreign_thread),
    ("foreign_thread_unparks", foreign_thread_unparks),
    ("timer_pending", timer_pending),
    ("blocked_in_system_call", blocked_in_system_call),
    ("blocked_on_system_stack", blocked_on_system_stack),
    ("goexit_main", goexit_main),
    ("goexit_main_others_wait", goexit_main_others_wait),
    ("goexit_main_then_exit", goexit_main_then_exit),
    ("side_by_side", side_by_side),
    ("hundred_thousand", hundred_thousand),
    ("gomaxprocs", gomaxprocs),
    ("yields_fairly", yields_fairly),
    ("yield_lets_timers_in", yield_lets_timers_in),
    ("pair_lets_others_in", pair_lets_others_in),
    ("system_stack_channel", system_stack_channel),
    ("blocking_while_panicking", blocking_while_panicking),
    ("resizes", resizes),
    ("counts_goroutines", counts_goroutines),
    ("traced", traced),
    ("plenty_of_stack", plenty_of_stack),
    ("main_has_eight_mib", main_has_eight_mib),
    ("local_set_by_destructor_on_thread", local_set_by_destructor_on_thread),
    ("dumps_while_many_end", dumps_while_many_end),
    ("waiting_while_panicking", waiting_while_panicking),
    ("local_panics_when_dropped", local_panics_when_dropped),
    ("scoped_result_panics_when_dropped", scoped_result_panics_when_dropped),
    ("panic_inside_goexit", panic_inside_goexit),
    ("local_used_by_its_destructor", local_used_by_its_destructor),
];

fn boot() {
    // SAFETY: nothing here holds a value that depends on its thread across a blocking call.
    unsafe { gort::boot(gort::Options::default()) }.unwrap();
}

/// From plain threads, each with its own sum.
fn runs_from_threads() {
    boot();
    let (tx, rx) = mpsc::channel();
    for t in 0..4u64 {
        let tx = tx.clone();
        std::thread::spawn(move || {
            let (gtx, grx) = unbounded();
            let sum = gort::run(|| {
                for i in 0..100u64 {
                    let gtx = gtx.clone();
                    gort::go!(move || gtx.send(i * t).unwrap());
                }
                drop(gtx);
                grx.iter().sum::<u64>()
            });
            tx.send((t, sum)).unwrap();
        });
    }
    drop(tx);
    let mut sums: Vec<_> = rx.iter().collect();
    sums.sort_unstable();
    assert_eq!(sums, [(0, 0), (1, 4950), (2, 9900), (3, 14850)]);
    println!("summed");
}

fn main() {
    match argument(1).as_str() {
        "result" => result::main(),
        "exit_code" => exit_code::main(),
        "result_exit_code" => result_exit_code::main(),
        "never" => never::main(),
        "locked" => locked::main(),
        "four" => four::main(),
        "no_runtime_go" => gort::go!(|| ()),
        "no_runtime_spawn" => drop(gort::spawn(|| ())),
        "no_runtime_run" => gort::run(|| ()),
        "no_runtime_builder" => drop(gort::Builder::new().stack_size(1 << 20).spawn(|| ())),
        "no_runtime_channel" => wait_forever(),
        "boot_twice" => {
            boot();
            // SAFETY: as in `boot`.
            let again = unsafe { gort::boot(gort::Options::default()) };
            println!("{}", again.unwrap_err());
            assert_eq!(gort::run(|| 6 * 7), 42);
        }
        "boot_then_main" => {
            boot();
            unit::main();
        }
        "boot_deadlock" => {
            boot();
            gort::run(wait_forever);
        }
        "boot_thread_deadlock" => {
            boot();
            wait_forever();
        }
        "boot_foreign" => {
            boot();
            gort::run(foreign_thread);
        }
        "boot_panic_go" => {
            boot();
            gort::run(starts_user_function);
        }
        "boot_panic_run" => {
            boot();
            gort::run(|| user_function("in run"));
        }
        "runs_again_and_again" => runs_again_and_again(),
        "boots_at_once" => boots_at_once(),
        "runs_from_threads" => runs_from_threads(),
        _ => unit::main(),
    }
}
