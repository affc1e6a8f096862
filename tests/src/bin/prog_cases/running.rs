//! Who runs, where, how often, on how much stack, and among how many.

use super::thread_id;
use gort::channel::bounded;
use gort::sync::WaitGroup;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

pub(super) fn stays_on_first_thread() {
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

fn timer_slack() -> i32 {
    // SAFETY: plain numbers.
    unsafe { libc::prctl(libc::PR_GET_TIMERSLACK, 0, 0, 0, 0) }
}

fn slack_of_a_child() -> i32 {
    let output = std::process::Command::new("cat").arg("/proc/self/timerslack_ns").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

/// What timed waits of the runtime's need is not inherited by what goroutines start, on whichever thread.
pub(super) fn slack_is_not_inherited(before: i32) {
    // More threads than one, some of them sysmon's children, and each the poller now and then.
    let sleepers: Vec<_> = (0..8)
        .map(|_| {
            gort::spawn(move || {
                for _ in 0..5 {
                    gort::sleep(Duration::from_micros(300));
                    assert_eq!(timer_slack(), before);
                    std::thread::sleep(Duration::from_millis(2));
                    assert_eq!(timer_slack(), before);
                }
                (
                    slack_of_a_child(),
                    std::thread::spawn(|| (timer_slack(), slack_of_a_child())).join().unwrap(),
                )
            })
        })
        .collect();
    for sleeper in sleepers {
        assert_eq!(sleeper.join().unwrap(), (before, (before, before)));
    }
    gort::sleep(Duration::from_millis(1));
    assert_eq!((timer_slack(), slack_of_a_child()), (before, before));
    println!("kept");
}

/// Main sleeps among goroutines that compute, until whoever finds its timer due is another thread.
pub(super) fn moved() {
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

/// Two goroutines that compute see each other run. They are started by one that goes on computing.
pub(super) fn side_by_side() {
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

pub(super) fn hundred_thousand() {
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

pub(super) fn gomaxprocs() {
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
pub(super) fn yields_fairly() {
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
pub(super) fn yield_lets_timers_in() {
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
pub(super) fn pair_lets_others_in() {
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
pub(super) fn system_stack_channel() {
    for i in 0..100 {
        let (tx, rx) = bounded(0);
        let sender = gort::spawn(move || tx.send(i));
        assert_eq!(gort::blocking_on_system_stack(|| rx.recv()), Ok(i));
        sender.join().unwrap().unwrap();
    }
    println!("received");
}

/// While Ps come and go, work goes on; once they are few, no more than that run at the same time.
pub(super) fn resizes() {
    let stop = Arc::new(AtomicBool::new(false));
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    // One whose thread the kernel has kept from a processor for so long may have lost its P, and is one too many.
    const DISTURBED: Duration = Duration::from_micros(100);
    let disturbed = Arc::new(AtomicBool::new(false));
    let turns: Arc<Vec<AtomicUsize>> = Arc::new((0..16).map(|_| AtomicUsize::new(0)).collect());
    let workers: Vec<_> = (0..turns.len())
        .map(|i| {
            let (stop, running, most, turns) = (stop.clone(), running.clone(), most.clone(), turns.clone());
            let disturbed = disturbed.clone();
            gort::spawn(move || {
                while !stop.load(SeqCst) {
                    let begin = Instant::now();
                    let now = running.fetch_add(1, SeqCst) + 1;
                    most.fetch_max(now, SeqCst);
                    turns[i].fetch_add(1, SeqCst);
                    running.fetch_sub(1, SeqCst);
                    if begin.elapsed() > DISTURBED {
                        disturbed.store(true, SeqCst);
                    }
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
        let seen = loop {
            disturbed.store(false, SeqCst);
            most.store(0, SeqCst);
            all_turn(20);
            let seen = most.load(SeqCst);
            // Whoever was counted then has left, and has said so if it was disturbed.
            all_turn(2);
            if !disturbed.load(SeqCst) {
                break seen;
            }
        };
        assert!(seen <= n, "round {round}: {seen} goroutines at the same time with GOMAXPROCS {n}");
    }
    gort::gomaxprocs(before);
    stop.store(true, SeqCst);
    workers.into_iter().for_each(|w| w.join().unwrap());
    println!("resized");
}

pub(super) fn counts_goroutines() {
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
pub(super) fn traced() {
    for _ in 0..5 {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(15) {
            gort::yield_now();
        }
        gort::sleep(Duration::from_millis(15));
    }
}

/// Main computes on the thread that is its own.
pub(super) fn traced_locked() {
    gort::runtime::lock_os_thread();
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(100) {
        std::hint::spin_loop();
    }
    gort::runtime::unlock_os_thread();
}

/// Uses at least `bytes` of stack.
#[inline(never)]
pub(super) fn deep(bytes: usize) -> usize {
    let page = std::hint::black_box([0u8; 1024]);
    if bytes == 0 { 0 } else { page.len() + deep(bytes.saturating_sub(1024)) }
}

pub(super) fn plenty_of_stack() {
    let b = gort::Builder::new().stack_size(64 << 20);
    assert_eq!(b.spawn(|| deep(48 << 20)).unwrap().join().unwrap(), 48 << 20);
    for _ in 0..300 {
        gort::spawn(|| deep(64 << 10)).join().unwrap();
    }
    println!("deep");
}

pub(super) fn main_has_eight_mib() {
    assert_eq!(deep(6 << 20), 6 << 20);
    println!("deep");
}

/// Dumps read descriptors that are used again and again meanwhile.
pub(super) fn dumps_while_many_end() {
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
