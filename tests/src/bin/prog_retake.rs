//! Programs for `tests/tests/prog_retake.rs`, which need a process of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Bytes of address space, by the kernel's count.
fn address_space() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').next().unwrap().parse::<u64>().unwrap() * 4096
}

fn limit_address_space(bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` is a valid limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

/// The kernel makes no further thread for this process: a limit that binds all users but root.
fn deny_threads() {
    let limit = libc::rlimit { rlim_cur: 1, rlim_max: 1 };
    // SAFETY: `limit` is a valid limit; the id is a plain number, and another user than root is bound as it is.
    unsafe {
        assert_eq!(libc::setrlimit(libc::RLIMIT_NPROC, &limit), 0);
        libc::setuid(65_534);
    }
}

/// The template thread cannot be made.
fn no_thread_to_lock() {
    deny_threads();
    gort::lock_os_thread();
    println!("locked");
}

/// Threads that could not be started.
static FAILED: AtomicUsize = AtomicUsize::new(0);

/// The C library's, counted. It stands before that one for all of this program.
#[unsafe(no_mangle)]
extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attr: *const libc::pthread_attr_t,
    start: extern "C" fn(*mut libc::c_void) -> *mut libc::c_void,
    arg: *mut libc::c_void,
) -> libc::c_int {
    type Create = unsafe extern "C" fn(
        *mut libc::pthread_t,
        *const libc::pthread_attr_t,
        extern "C" fn(*mut libc::c_void) -> *mut libc::c_void,
        *mut libc::c_void,
    ) -> libc::c_int;
    // SAFETY: the next function of this name is the C library's, of this type; the arguments are the caller's.
    let code = unsafe {
        let next = libc::dlsym(libc::RTLD_NEXT, c"pthread_create".as_ptr());
        std::mem::transmute::<*mut libc::c_void, Create>(next)(thread, attr, start, arg)
    };
    FAILED.fetch_add(usize::from(code != 0), SeqCst);
    code
}

/// Goroutines compute until the kernel has had no room for the thread that would run the next, twice, as sysmon tries
/// again; there are more of them than threads may be there by chance.
fn no_room_for_threads() {
    static LIMITED: AtomicBool = AtomicBool::new(false);
    let hogs: Vec<_> = (0..8)
        .map(|_| {
            gort::spawn(|| {
                if !LIMITED.swap(true, SeqCst) {
                    limit_address_space(address_space() + (64 << 10));
                }
                while FAILED.load(SeqCst) < 2 {}
                limit_address_space(libc::RLIM_INFINITY);
            })
        })
        .collect();
    hogs.into_iter().for_each(|hog| hog.join().unwrap());
    println!("went on");
}

/// Threads that blocking calls have needed end when nobody needs them any more, and come again.
fn threads_end() {
    for round in 0..2 {
        // Those that have ended do not count.
        let before = gort::runtime::set_max_threads(20);
        gort::runtime::set_max_threads(before);
        let handles: Vec<_> =
            (0..40).map(|_| gort::spawn(|| std::thread::sleep(Duration::from_millis(100)))).collect();
        handles.into_iter().for_each(|h| h.join().unwrap());
        let many = threads();
        assert!(many > 20, "{many} threads in round {round}");
        while threads() > 8 {
            gort::sleep(Duration::from_millis(100));
        }
    }
    println!("few again");
}

/// Sits in the kernel, in 40 goroutines.
fn forty_threads() -> Vec<gort::JoinHandle<()>> {
    let begun = Arc::new(AtomicUsize::new(0));
    let handles = (0..40).map(|_| {
        let begun = begun.clone();
        gort::spawn(move || {
            begun.fetch_add(1, SeqCst);
            std::thread::sleep(Duration::from_secs(3600));
        })
    });
    let handles = handles.collect();
    while begun.load(SeqCst) < 40 {
        gort::yield_now();
    }
    handles
}

/// More threads than there may be.
fn more_threads_than_may_be() {
    assert_eq!(gort::runtime::set_max_threads(20), 10_000, "the limit of a program that sets none");
    forty_threads();
    println!("all have begun");
}

/// A limit below what there is.
fn fewer_threads_than_there_are() {
    let _sleepers = forty_threads();
    println!("all have begun");
    gort::runtime::set_max_threads(20);
    println!("went on");
}

/// GOMAXPROCS shrinks while every P is computing, and grows again.
fn shrinks_under_hogs() {
    let stop = Arc::new(AtomicBool::new(false));
    let hogs: Vec<_> = (0..4)
        .map(|_| {
            let stop = stop.clone();
            gort::spawn(move || while !stop.load(SeqCst) {})
        })
        .collect();
    for n in [1, 4, 2, 3, 1] {
        gort::gomaxprocs(n);
        gort::sleep(Duration::from_millis(2));
        assert_eq!(gort::spawn(move || gort::gomaxprocs(0)).join().unwrap(), n);
    }
    stop.store(true, SeqCst);
    hogs.into_iter().for_each(|h| h.join().unwrap());
    println!("resized");
}

/// A sleeper that is late does not queue behind those that have yet to block, each for as long as a hand-over takes.
fn a_late_sleeper_goes_ahead() {
    let (sleeps, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let sleeper = gort::spawn({
        let (sleeps, begun) = (sleeps.clone(), begun.clone());
        move || {
            sleeps.store(true, SeqCst);
            gort::sleep(Duration::from_millis(1));
            begun.load(SeqCst)
        }
    });
    while !sleeps.load(SeqCst) {
        gort::yield_now();
    }
    let blocking: Vec<_> = (0..100)
        .map(|_| {
            let begun = begun.clone();
            gort::spawn(move || {
                begun.fetch_add(1, SeqCst);
                std::thread::sleep(Duration::from_millis(50));
            })
        })
        .collect();
    let before = sleeper.join().unwrap();
    assert!(before < 100, "all went before it");
    blocking.into_iter().for_each(|handle| handle.join().unwrap());
    println!("went ahead");
}

/// Many goroutines print to a pipe that nobody reads yet: one blocks in the kernel, the others on std's lock.
fn println_from_everywhere() {
    let begun = Arc::new(AtomicUsize::new(0));
    let handles: Vec<_> = (0..100)
        .map(|i| {
            let begun = begun.clone();
            gort::spawn(move || {
                begun.fetch_add(1, SeqCst);
                for n in 0..100 {
                    println!("{i} {n} {}", "x".repeat(100));
                }
            })
        })
        .collect();
    while begun.load(SeqCst) < 100 {
        gort::yield_now();
    }
    eprintln!("all have begun");
    handles.into_iter().for_each(|handle| handle.join().unwrap());
}

/// It never sleeps, but lets the kernel come to the next thread soon.
fn computes_until(stop: &AtomicBool) {
    while !stop.load(SeqCst) {
        std::thread::yield_now();
    }
}

/// So many goroutines that compute until they are told to stop, and count themselves when they begin.
fn hogs(n: usize, stop: &Arc<AtomicBool>, begun: &Arc<AtomicUsize>) -> Vec<gort::JoinHandle<()>> {
    let hog = || {
        let (stop, begun) = (stop.clone(), begun.clone());
        gort::spawn(move || {
            begun.fetch_add(1, SeqCst);
            computes_until(&stop);
        })
    };
    std::iter::repeat_with(hog).take(n).collect()
}

/// More goroutines compute than threads may run without a P: the rest wait for their turn. A plain thread ends it
/// when it is told to, and says how many have begun.
fn more_hogs_than_the_cap() {
    let stop = Arc::new(AtomicBool::new(false));
    let begun = Arc::new(AtomicUsize::new(0));
    let hogs = hogs(80 * gort::gomaxprocs(0), &stop, &begun);
    let seen = begun.clone();
    std::thread::spawn(move || {
        std::io::stdin().read_line(&mut String::new()).unwrap();
        // The thread that got the last P may not have come to a processor yet.
        while seen.load(SeqCst) < 65 * gort::gomaxprocs(0) {
            std::thread::yield_now();
        }
        // Time for what must not come.
        std::thread::sleep(std::time::Duration::from_millis(20));
        println!("{}", seen.load(SeqCst));
        stop.store(true, SeqCst);
    });
    let n = hogs.len();
    hogs.into_iter().for_each(|hog| hog.join().unwrap());
    assert_eq!(begun.load(SeqCst), n);
}

/// As many goroutines compute as may without a P, and one more that uses gort all the time but never waits: nobody takes
/// its P, so that it must give way by itself when its slice is used up.
fn a_slice_ends_past_the_cap() {
    let (stop, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let hogs = hogs(64, &stop, &begun);
    // With one P, which is ours when this is over, all of them have lost it.
    while begun.load(SeqCst) < 64 {
        gort::yield_now();
    }
    let (tx, rx) = gort::channel::bounded(1);
    gives_way("send and receive", || {
        tx.send(()).unwrap();
        rx.recv().unwrap();
    });
    gives_way("select", || {
        gort::select! {
            send(tx, ()) -> sent => sent.unwrap(),
            recv(rx) -> received => received.unwrap(),
        }
    });
    let mutex = gort::sync::Mutex::new(());
    gives_way("lock", || drop(mutex.lock().unwrap()));
    let rwlock = gort::sync::RwLock::new(());
    gives_way("read", || drop(rwlock.read().unwrap()));
    gives_way("write", || drop(rwlock.write().unwrap()));
    let semaphore = gort::sync::Semaphore::new(1);
    gives_way("acquire", || drop(semaphore.acquire()));
    let none = gort::sync::WaitGroup::new();
    gives_way("wait", || none.wait());
    gives_way("park", || {
        gort::current().unpark();
        gort::park();
    });
    stop.store(true, SeqCst);
    hogs.into_iter().for_each(|hog| hog.join().unwrap());
    println!("gave way");
}

/// Runs `operation` until another goroutine has run, and says which one it is, should that be never.
fn gives_way(name: &str, mut operation: impl FnMut()) {
    eprintln!("{name}");
    let ran = Arc::new(AtomicBool::new(false));
    let other = gort::spawn({
        let ran = ran.clone();
        move || ran.store(true, SeqCst)
    });
    while !ran.load(SeqCst) {
        operation();
    }
    other.join().unwrap();
}

/// More goroutines than the cap sit in the kernel: one that computes is no reason for others to wait.
fn blocked_threads_are_no_hogs() {
    let begun = Arc::new(AtomicUsize::new(0));
    for _ in 0..100 {
        let begun = begun.clone();
        gort::go!(move || {
            begun.fetch_add(1, SeqCst);
            std::thread::sleep(Duration::from_secs(3600));
        });
    }
    while begun.load(SeqCst) < 100 {
        gort::yield_now();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let hogs: Vec<_> = (0..4)
        .map(|_| {
            let stop = stop.clone();
            gort::spawn(move || while !stop.load(SeqCst) {})
        })
        .collect();
    gort::sleep(Duration::from_millis(1));
    stop.store(true, SeqCst);
    hogs.into_iter().for_each(|hog| hog.join().unwrap());
    println!("went on");
}

/// Threads without a P that come back from the kernel to compute count like others that compute.
fn sleepers_that_come_back_as_hogs() {
    let (stop, back) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (message, told) = std::sync::mpsc::channel::<()>();
    let gate = Arc::new(std::sync::Mutex::new(told));
    let begun = Arc::new(AtomicUsize::new(0));
    let hogs: Vec<_> = (0..100)
        .map(|_| {
            let (stop, back, begun, gate) = (stop.clone(), back.clone(), begun.clone(), gate.clone());
            gort::spawn(move || {
                begun.fetch_add(1, SeqCst);
                // The one that has the lock waits in the kernel for a message, the others for the lock.
                let _ = gate.lock().unwrap().recv();
                back.fetch_add(1, SeqCst);
                computes_until(&stop);
            })
        })
        .collect();
    while begun.load(SeqCst) < 100 {
        gort::yield_now();
    }
    let seen = (stop.clone(), back.clone());
    std::thread::spawn(move || {
        drop(message);
        std::io::stdin().read_line(&mut String::new()).unwrap();
        assert_eq!(seen.1.load(SeqCst), 100);
        seen.0.store(true, SeqCst);
    });
    while back.load(SeqCst) < 100 {
        std::thread::yield_now();
    }
    // Somebody waits behind one more.
    let other = gort::spawn(|| ());
    computes_until(&stop);
    other.join().unwrap();
    hogs.into_iter().for_each(|hog| hog.join().unwrap());
}

/// How often threads have gone to sleep by themselves, but for sysmon, which looks at all others now and then.
fn sleeps() -> usize {
    let of = |task: std::io::Result<std::fs::DirEntry>| {
        let status = std::fs::read_to_string(task.ok()?.path().join("status")).ok()?;
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        if field("Name")? == "gort-m1" {
            None
        } else {
            field("voluntary_ctxt_switches")?.parse::<usize>().ok()
        }
    };
    std::fs::read_dir("/proc/self/task").unwrap().filter_map(of).sum()
}

/// Two goroutines that only ever wait for each other are no work for two threads, although one is there that sleeps.
fn a_ping_pong_pair_wakes_nobody() {
    const ROUNDS: usize = 300_000;
    // Two that compute until both have begun need a thread each.
    let begun = Arc::new(AtomicUsize::new(0));
    let both = || {
        let begun = begun.clone();
        gort::spawn(move || {
            begun.fetch_add(1, SeqCst);
            while begun.load(SeqCst) < 2 {}
        })
    };
    [both(), both()].into_iter().for_each(|handle| handle.join().unwrap());
    assert!(threads() >= 3, "sysmon and two more");
    let (ping, pings) = gort::channel::bounded(0);
    let (pong, pongs) = gort::channel::bounded(0);
    let partner = gort::spawn(move || pings.iter().for_each(|n: usize| pong.send(n).unwrap()));
    let before = sleeps();
    for n in 0..ROUNDS {
        ping.send(n).unwrap();
        assert_eq!(pongs.recv(), Ok(n));
    }
    let slept = sleeps() - before;
    drop(ping);
    partner.join().unwrap();
    assert!(slept < ROUNDS / 100, "{slept} times in {ROUNDS} rounds");
    println!("slept on");
}

/// Ms that are woken to help are kept from their waker's processor for a moment. Afterwards each thread may use all that
/// the process could at first.
fn threads_may_run_where_they_could() {
    let allowed = |status: &std::path::Path| {
        let text = std::fs::read_to_string(status).unwrap_or_default();
        text.lines().find(|line| line.starts_with("Cpus_allowed:")).map(str::to_owned)
    };
    let all = allowed(std::path::Path::new("/proc/self/status"));
    let computes = || {
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(10) {}
    };
    for _ in 0..300 {
        gort::sleep(Duration::from_micros(500));
        let burst: Vec<_> = (0..16).map(|_| gort::spawn(computes)).collect();
        burst.into_iter().for_each(|handle| handle.join().unwrap());
    }
    // One may be about to wake up.
    let odd = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        tasks
            .map(|task| task.unwrap().path().join("status"))
            .filter_map(|s| allowed(&s))
            .find(|a| all.as_ref() != Some(a))
    };
    let start = Instant::now();
    while let Some(odd) = odd() {
        assert!(start.elapsed() < Duration::from_secs(30), "{odd} instead of {all:?}");
        gort::sleep(Duration::from_millis(10));
    }
    println!("all");
}

/// Goroutines that do little but meet at a channel have idle Ms told to leave short queues alone. When they are gone, one
/// that computes until another has run, which is queued behind it, is helped by the P that is idle all the same: as long
/// as one is, no P is taken.
fn an_idle_p_helps_after_contention() {
    for _ in 0..50 {
        let (tx, rx) = gort::channel::bounded(100);
        gort::scope(|s| {
            for _ in 0..4 {
                let (tx, rx) = (tx.clone(), rx.clone());
                s.spawn(move || (0..5_000).for_each(|n| tx.send(n).unwrap()));
                s.spawn(move || (0..5_000).for_each(|_| _ = rx.recv().unwrap()));
            }
        });
        let ran = Arc::new(AtomicBool::new(false));
        let set = ran.clone();
        let other = gort::spawn(move || set.store(true, SeqCst));
        while !ran.load(SeqCst) {
            std::hint::spin_loop();
        }
        other.join().unwrap();
    }
    println!("helped");
}

mod started {
    #[gort::main]
    pub(super) fn main() {
        super::programs();
    }
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("no_thread_at_boot") {
        deny_threads();
    }
    started::main();
}

fn programs() {
    match std::env::args().nth(1).as_deref() {
        Some("no_thread_at_boot") => println!("booted"),
        Some("no_thread_to_lock") => no_thread_to_lock(),
        Some("no_room_for_threads") => no_room_for_threads(),
        Some("threads_end") => threads_end(),
        Some("a_late_sleeper_goes_ahead") => a_late_sleeper_goes_ahead(),
        Some("more_threads_than_may_be") => more_threads_than_may_be(),
        Some("fewer_threads_than_there_are") => fewer_threads_than_there_are(),
        Some("println_from_everywhere") => println_from_everywhere(),
        Some("more_hogs_than_the_cap") => more_hogs_than_the_cap(),
        Some("a_slice_ends_past_the_cap") => a_slice_ends_past_the_cap(),
        Some("blocked_threads_are_no_hogs") => blocked_threads_are_no_hogs(),
        Some("sleepers_that_come_back_as_hogs") => sleepers_that_come_back_as_hogs(),
        Some("a_ping_pong_pair_wakes_nobody") => a_ping_pong_pair_wakes_nobody(),
        Some("an_idle_p_helps_after_contention") => an_idle_p_helps_after_contention(),
        Some("threads_may_run_where_they_could") => threads_may_run_where_they_could(),
        Some("shrinks_under_hogs") => shrinks_under_hogs(),
        other => panic!("no program {other:?}"),
    }
}
