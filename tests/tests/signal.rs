//! `gort::signal` inside one process. Dispositions belong to the process, so each test has signals of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use gort::channel::{TryRecvError, bounded};
use gort::context::{Context, ContextError};
use gort::signal::{self, Signal};

const MINUTE: Duration = Duration::from_secs(60);

/// To the process, as from outside.
fn kill(signal: Signal) {
    // SAFETY: plain numbers.
    unsafe { libc::kill(libc::getpid(), signal.as_raw()) };
}

fn real_time(n: i32) -> Signal {
    Signal::from_raw(libc::SIGRTMIN() + n).unwrap()
}

#[gort::test]
fn each_channel_gets_a_copy() {
    let (first, from_first) = bounded(1);
    let (second, from_second) = bounded(1);
    let (other, from_other) = bounded(1);
    signal::notify(&first, &[Signal::SIGUSR1]);
    signal::notify(&second, &[Signal::SIGUSR1, real_time(0)]);
    signal::notify(&other, &[real_time(0)]);
    kill(Signal::SIGUSR1);
    assert_eq!(from_first.recv(), Ok(Signal::SIGUSR1));
    assert_eq!(from_second.recv(), Ok(Signal::SIGUSR1));
    kill(real_time(0));
    assert_eq!(from_second.recv(), Ok(real_time(0)));
    assert_eq!(from_other.recv(), Ok(real_time(0)));
    assert_eq!(from_first.try_recv(), Err(TryRecvError::Empty));
    signal::stop(&first);
    kill(Signal::SIGUSR1);
    assert_eq!(from_second.recv(), Ok(Signal::SIGUSR1), "who has not stopped gets it still");
    assert_eq!(from_first.try_recv(), Err(TryRecvError::Empty));
    signal::stop(second);
    signal::stop(other);
}

#[gort::test]
fn a_second_notify_adds_to_the_first() {
    let (tx, rx) = bounded(1);
    signal::notify(&tx, &[real_time(1)]);
    signal::notify(tx.clone(), &[real_time(2)]);
    for signal in [real_time(1), real_time(2), real_time(1)] {
        kill(signal);
        assert_eq!(rx.recv(), Ok(signal));
    }
    signal::stop(tx);
}

#[gort::test]
fn a_full_channel_drops_the_signal() {
    let (full, from_full) = bounded(1);
    let (nobody, from_nobody) = bounded(0);
    let (seen, from_seen) = bounded(3);
    for tx in [&full, &nobody, &seen] {
        signal::notify(tx, &[real_time(3)]);
    }
    for _ in 0..3 {
        kill(real_time(3));
        assert_eq!(from_seen.recv(), Ok(real_time(3)));
    }
    for tx in [&full, &nobody, &seen] {
        signal::stop(tx);
    }
    assert_eq!(from_full.try_recv(), Ok(real_time(3)));
    assert_eq!(from_full.try_recv(), Err(TryRecvError::Empty), "the others found it full");
    assert_eq!(from_nobody.try_recv(), Err(TryRecvError::Empty));
}

#[gort::test]
fn stop_leaves_no_signal_on_its_way() {
    // The kernel ignores SIGWINCH when nobody has asked for it.
    let over = Arc::new(AtomicBool::new(false));
    let storm = {
        let over = over.clone();
        std::thread::spawn(move || {
            while !over.load(SeqCst) {
                kill(Signal::SIGWINCH);
            }
        })
    };
    for _ in 0..300 {
        let (tx, rx) = bounded(1);
        signal::notify(&tx, &[Signal::SIGWINCH]);
        assert_eq!(rx.recv(), Ok(Signal::SIGWINCH));
        signal::stop(&tx);
        let _ = rx.try_recv();
        for _ in 0..10 {
            gort::yield_now();
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        }
    }
    over.store(true, SeqCst);
    storm.join().unwrap();
}

#[gort::test]
fn stop_of_what_was_never_notified() {
    let (tx, _rx) = bounded(1);
    signal::stop(&tx);
    signal::notify(&tx, &[Signal::SIGKILL, Signal::SIGSTOP, Signal::SIGSEGV]);
    signal::stop(tx);
}

#[gort::test]
fn ignored_and_asked_for_again() {
    let (tx, rx) = bounded(1);
    signal::notify(&tx, &[Signal::SIGUSR2]);
    signal::ignore(&[Signal::SIGUSR2]);
    kill(Signal::SIGUSR2);
    signal::notify(&tx, &[Signal::SIGUSR2]);
    kill(Signal::SIGUSR2);
    assert_eq!(rx.recv(), Ok(Signal::SIGUSR2));
    signal::ignore(&[Signal::SIGUSR2]);
    kill(Signal::SIGUSR2);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

#[gort::test]
fn the_handler_runs_on_the_signal_stack() {
    let (tx, rx) = bounded(1);
    signal::notify(&tx, &[real_time(4)]);
    // SAFETY: with a null new disposition the call only writes the old one.
    let action = unsafe {
        let mut action = std::mem::zeroed::<libc::sigaction>();
        assert_eq!(libc::sigaction(real_time(4).as_raw(), std::ptr::null(), &mut action), 0);
        action
    };
    assert_ne!(action.sa_flags & libc::SA_ONSTACK, 0);
    assert_ne!(action.sa_flags & libc::SA_RESTART, 0);
    kill(real_time(4));
    assert_eq!(rx.recv(), Ok(real_time(4)));
    signal::stop(tx);
}

#[gort::test]
fn a_context_is_cancelled_by_a_signal() {
    let (ctx, stop) = signal::notify_context(&Context::background(), &[real_time(5)]);
    assert_eq!(ctx.err(), None);
    kill(real_time(5));
    assert!(ctx.done().recv_timeout(MINUTE).unwrap_err().is_disconnected());
    assert_eq!(ctx.err(), Some(ContextError::Canceled));
    let expected = format!("signal {} signal received", real_time(5).as_raw());
    assert_eq!(ctx.cause().unwrap().to_string(), expected);
    // Until it is stopped the signal ends nobody. The channel tells that it has come.
    let (tx, rx) = bounded(1);
    signal::notify(&tx, &[real_time(5)]);
    kill(real_time(5));
    assert_eq!(rx.recv(), Ok(real_time(5)));
    signal::stop(tx);
    stop.cancel();
    stop.cancel();
    assert_eq!(ctx.cause().unwrap().to_string(), expected, "the first cause stays");
}

#[gort::test]
fn a_context_is_cancelled_by_its_function_or_its_parent() {
    let (parent, cancel) = Context::background().with_cancel();
    let (first, stop_first) = signal::notify_context(&parent, &[real_time(6)]);
    let (second, stop_second) = signal::notify_context(&parent, &[real_time(6)]);
    stop_first.cancel();
    assert_eq!(first.cause().unwrap().to_string(), "context canceled");
    assert_eq!(second.err(), None);
    cancel.cancel();
    assert!(second.done().recv().is_err());
    stop_second.cancel();
    let (third, stop_third) = signal::notify_context(&parent, &[real_time(6)]);
    assert!(third.err().is_some(), "the parent is over");
    stop_third.cancel();
}

#[test]
fn plain_threads_may_ask() {
    // SAFETY: nothing here holds a value that depends on its thread across a blocking call.
    let _ = unsafe { gort::boot(gort::Options::default()) };
    let (tx, rx) = bounded(1);
    signal::notify(&tx, &[real_time(7)]);
    kill(real_time(7));
    assert_eq!(rx.recv_timeout(MINUTE), Ok(real_time(7)));
    signal::stop(tx);
}
