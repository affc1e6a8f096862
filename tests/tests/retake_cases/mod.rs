//! The cases of `retake.rs` and `retake_two.rs`.

mod user_code;

use std::net::ToSocketAddrs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::PROCS;
use super::retake_support::{all_block_then, until_all_have_begun};

/// Those that compute: they share the processors with all else.
const HOGS: usize = 16;

#[gort::test(gomaxprocs = PROCS)]
fn loops_that_never_call_the_runtime() {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    all_block_then(
        HOGS,
        move |_| {
            while !seen.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        },
        || stop.store(true, Ordering::Relaxed),
    );
}

#[gort::test(gomaxprocs = PROCS)]
fn loops_of_operations_that_never_block() {
    let (tx, rx) = gort::channel::bounded::<()>(1);
    all_block_then(
        HOGS,
        move |_| while rx.try_recv() != Err(gort::channel::TryRecvError::Disconnected) {},
        || drop(tx),
    );
}

#[gort::test(gomaxprocs = PROCS)]
fn loops_that_start_goroutines() {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    all_block_then(
        HOGS,
        move |_| {
            while !seen.load(Ordering::Relaxed) {
                let done = Arc::new(AtomicBool::new(false));
                let set = done.clone();
                gort::go!(move || set.store(true, Ordering::Relaxed));
                // The child needs a P, and so does whoever stops us.
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }
        },
        || stop.store(true, Ordering::Relaxed),
    );
}

#[gort::test(gomaxprocs = PROCS)]
fn name_resolution() {
    // A name of the machine's own is found by computing: no more of them than threads may run without a P.
    until_all_have_begun(40, |_| assert!(("localhost", 80).to_socket_addrs().unwrap().next().is_some()));
}

#[gort::test(gomaxprocs = PROCS)]
fn timers_of_a_p_whose_goroutine_computes() {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    let hog = gort::spawn(move || while !seen.load(Ordering::Relaxed) {});
    for _ in 0..20 {
        gort::sleep(Duration::from_millis(1));
    }
    stop.store(true, Ordering::Relaxed);
    hog.join().unwrap();
}

#[gort::test(gomaxprocs = PROCS)]
fn a_locked_goroutine_that_computes() {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    let hog = gort::spawn(move || {
        let pin = gort::pin();
        let thread = std::thread::current().id();
        while !seen.load(Ordering::Relaxed) {}
        gort::yield_now();
        gort::sleep(Duration::from_millis(1));
        assert_eq!(std::thread::current().id(), thread);
        drop(pin);
    });
    gort::sleep(Duration::from_millis(5));
    stop.store(true, Ordering::Relaxed);
    hog.join().unwrap();
}

#[gort::test(gomaxprocs = PROCS)]
fn a_goroutine_without_a_p_does_all_that_others_do() {
    let (tx, rx) = gort::channel::bounded::<usize>(4);
    // It computes until its P is taken, which it sees by another goroutine's running.
    let lose_p = || {
        let ran = Arc::new(AtomicBool::new(false));
        let set = ran.clone();
        gort::go!(move || set.store(true, Ordering::Relaxed));
        while !ran.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    };
    let worker = gort::spawn(move || {
        lose_p();
        tx.send(1).unwrap();
        lose_p();
        let child = gort::spawn(|| 2);
        lose_p();
        tx.send(child.join().unwrap()).unwrap();
        lose_p();
        gort::sleep(Duration::from_millis(1));
        lose_p();
        gort::yield_now();
        lose_p();
        let big = gort::Builder::new().stack_size(1 << 20).spawn(|| 3).unwrap();
        lose_p();
        gort::blocking(|| std::thread::sleep(Duration::from_millis(1)));
        lose_p();
        assert_eq!(gort::blocking_on_system_stack(|| 5), 5);
        lose_p();
        assert!(gort::runtime::stack(false).contains("[running]"));
        tx.send(big.join().unwrap()).unwrap();
        lose_p();
        let mutex = gort::sync::Mutex::new(0);
        *mutex.lock().unwrap() += 1;
        lose_p();
        // It ends without a P.
    });
    assert_eq!((rx.recv(), rx.recv(), rx.recv()), (Ok(1), Ok(2), Ok(3)));
    worker.join().unwrap();
}

#[gort::test(gomaxprocs = PROCS)]
fn panics_across_a_taken_p() {
    let caught = gort::spawn(|| {
        let r = gort::catch_unwind(|| {
            gort::blocking(|| {
                std::thread::sleep(Duration::from_millis(5));
                panic!("inside");
            })
        });
        assert!(r.is_err() && !std::thread::panicking());
        gort::sleep(Duration::from_millis(1));
        assert!(!std::thread::panicking());
    });
    gort::sleep(Duration::from_millis(2));
    caught.join().unwrap();
}

/// Everything once more without membarrier, in a process of its own.
#[test]
fn the_fallback() {
    let again = Command::new(std::env::current_exe().unwrap())
        .args(["--skip", "the_fallback"])
        .env("GODEBUG", "nomembarrier=1")
        .output()
        .unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stdout));
}

#[gort::test(gomaxprocs = PROCS)]
fn membarrier_is_used_unless_it_is_not_to_be() {
    let forbidden = std::env::var("GODEBUG").is_ok_and(|knobs| knobs.contains("nomembarrier=1"));
    // SAFETY: asks what the kernel can do.
    let can = unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_QUERY, 0, 0) };
    let lacking = can < 0 || can & i64::from(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
    let steps = gort::runtime::init_trace();
    let osinit = steps.iter().find(|step| step.name == "osinit").unwrap();
    assert_eq!(osinit.set.contains("no membarrier"), forbidden || lacking, "{osinit:?}");
}
