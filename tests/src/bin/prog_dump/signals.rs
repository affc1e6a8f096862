//! Programs about the signals that dumps are asked for by, and ask by.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use gort::channel::bounded;

use crate::{computes, ready, until};

/// Calls of this program's own handler of SIGURG.
static URGENT: AtomicUsize = AtomicUsize::new(0);

extern "C" fn on_urgent(_: libc::c_int) {
    URGENT.fetch_add(1, SeqCst);
}

fn disposition(signal: libc::c_int) -> libc::sighandler_t {
    // SAFETY: with a null new disposition the present one is written to `now`, for which zero is valid.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        assert_eq!(libc::sigaction(signal, std::ptr::null(), &mut now), 0);
        now.sa_sigaction
    }
}

/// The signal that asks runners is everybody's: who handled it before goes on doing so, during a dump too.
pub(super) fn signal_is_passed_on() {
    let stop = Arc::new(AtomicBool::new(false));
    let theirs = stop.clone();
    let hog = gort::spawn(move || computes(&theirs));
    let dump = || {
        until(|| gort::runtime::stack(true).contains("computes()"));
    };
    dump();
    assert_eq!(disposition(libc::SIGURG), libc::SIG_DFL, "put back");
    let handler = on_urgent as *const () as libc::sighandler_t;
    // SAFETY: the handler only counts.
    unsafe { libc::signal(libc::SIGURG, handler) };
    dump();
    assert_eq!(URGENT.load(SeqCst), 0, "the runtime's own signals are not passed on");
    assert_eq!(disposition(libc::SIGURG), handler, "put back");
    // SAFETY: sends a signal that is handled.
    unsafe { libc::raise(libc::SIGURG) };
    assert_eq!(URGENT.load(SeqCst), 1);
    // While dumps go on, others send the signal.
    let sender = {
        let stop = stop.clone();
        std::thread::spawn(move || {
            let mut n = 0;
            while !stop.load(SeqCst) {
                // SAFETY: as above.
                unsafe { libc::raise(libc::SIGURG) };
                n += 1;
            }
            n
        })
    };
    for _ in 0..50 {
        dump();
    }
    stop.store(true, SeqCst);
    let sent = gort::blocking(|| sender.join().unwrap());
    hog.join().unwrap();
    assert_eq!(URGENT.load(SeqCst), sent + 1);
    println!("passed on");
}

/// Without a dump no system call of the user's is interrupted by the runtime, whatever retake does.
pub(super) fn no_eintr() {
    let stop = Arc::new(AtomicBool::new(false));
    let hogs: Vec<_> = (0..4)
        .map(|_| {
            let stop = stop.clone();
            gort::spawn(move || computes(&stop))
        })
        .collect();
    let calls: Vec<_> = (0..4)
        .map(|_| {
            gort::spawn(|| {
                for _ in 0..50 {
                    let time = libc::timespec { tv_sec: 0, tv_nsec: 2_000_000 };
                    // SAFETY: reads `time`; a sleep that is interrupted is not restarted.
                    assert_eq!(unsafe { libc::nanosleep(&time, std::ptr::null_mut()) }, 0, "EINTR");
                }
            })
        })
        .collect();
    calls.into_iter().for_each(|h| h.join().unwrap());
    stop.store(true, SeqCst);
    hogs.into_iter().for_each(|h| h.join().unwrap());
    println!("undisturbed");
}

extern "C" fn on_quit(_: libc::c_int) {
    URGENT.fetch_add(1, SeqCst);
}

pub(super) fn take_quit() {
    // SAFETY: the handler only counts.
    unsafe { libc::signal(libc::SIGQUIT, on_quit as *const () as libc::sighandler_t) };
}

pub(super) fn quit_is_taken() {
    // SAFETY: sends a signal that is handled.
    unsafe { libc::raise(libc::SIGQUIT) };
    gort::sleep(Duration::from_millis(20));
    assert_eq!(URGENT.load(SeqCst), 1);
    println!("taken");
}

/// Asked for by a channel it is the program's; after that the runtime's again.
pub(super) fn quit_by_channel() {
    use gort::signal::{self, Signal};
    let (tx, rx) = bounded(1);
    signal::notify(&tx, &[Signal::SIGQUIT]);
    // SAFETY: sends a signal that is handled.
    unsafe { libc::raise(libc::SIGQUIT) };
    assert_eq!(rx.recv(), Ok(Signal::SIGQUIT));
    signal::stop(&tx);
    ready();
}
