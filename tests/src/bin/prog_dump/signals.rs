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

/// Waits in the kernel for one byte. A read that a handler has interrupted goes on only if that was asked for.
#[inline(never)]
fn reads_raw(fd: libc::c_int) -> (isize, std::io::Error) {
    let mut byte = 0u8;
    // SAFETY: one byte to write to.
    let n = unsafe { libc::read(fd, (&raw mut byte).cast(), 1) };
    (n, std::io::Error::last_os_error())
}

#[inline(never)]
fn reads_raw_in_blocking(fd: libc::c_int) -> (isize, std::io::Error) {
    gort::blocking(|| reads_raw(fd))
}

/// In dumps, who reads is interrupted and does not see it.
pub(super) fn no_eintr_in_dumps() {
    use std::os::fd::AsRawFd;
    let (reader, mut writer) = std::io::pipe().unwrap();
    let fd = reader.as_raw_fd();
    let readers = [gort::spawn(move || reads_raw(fd)), gort::spawn(move || reads_raw_in_blocking(fd))];
    let ended = || readers.iter().any(gort::JoinHandle::is_finished);
    for _ in 0..50 {
        // Both have answered.
        until(|| ended() || gort::runtime::stack(true).matches("signals::reads_raw()").count() == 2);
    }
    std::io::Write::write_all(&mut writer, b"xy").unwrap();
    for reader in readers {
        let (n, error) = reader.join().unwrap();
        assert_eq!(n, 1, "{error}");
    }
    println!("undisturbed");
}

/// Usable bytes of a default stack.
const STACK: usize = 192 << 10;
/// Less than what the kernel puts on a stack for a handler.
const LITTLE: usize = 500;

/// Computes with less than [`LITTLE`] bytes of its stack left, which ends at `lo`; gives how many.
#[inline(never)]
fn nearly_full(lo: usize, stop: *const bool) -> usize {
    let here = std::hint::black_box([0u8; 64]);
    let left = here.as_ptr() as usize - lo;
    if left >= LITTLE {
        // Not the last call here: a frame each.
        return std::hint::black_box(nearly_full(lo, stop));
    }
    // No calls but the least.
    // SAFETY: the flag lives as long as this runs; it is written as an atomic, and read whole.
    while !unsafe { stop.read_volatile() } {}
    left
}

/// A goroutine whose stack has no room for a handler is asked for its frames all the same.
pub(super) fn asked_with_a_full_stack() {
    let stop = Arc::new(AtomicBool::new(false));
    let theirs = stop.clone();
    let runner = gort::spawn(move || {
        let here = std::hint::black_box([0u8; 8]);
        // The first frames take less than a page.
        let hi = (here.as_ptr() as usize).next_multiple_of(4096);
        nearly_full(hi - STACK, theirs.as_ptr())
    });
    for _ in 0..50 {
        until(|| gort::runtime::stack(true).contains("signals::nearly_full()"));
    }
    stop.store(true, SeqCst);
    let left = runner.join().unwrap();
    println!("{left} left");
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
