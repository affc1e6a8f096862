//! What the tests of the public interface share.

#![allow(dead_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Ends the process if it is not dropped within a minute: a hang is a failure.
pub(crate) struct Limit(#[allow(dead_code)] Sender<()>);

#[track_caller]
pub(crate) fn limit() -> Limit {
    let place = std::panic::Location::caller();
    let (tx, rx) = channel();
    std::thread::spawn(move || {
        if rx.recv_timeout(Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{place}: hangs\n{}", gort::runtime::stack(true));
            std::process::abort();
        }
    });
    Limit(tx)
}

/// Counts how many values are alive and how many were dropped.
#[derive(Clone, Default)]
pub(crate) struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(SeqCst)
    }

    /// A value whose drop is counted.
    pub(crate) fn value(&self) -> Counted {
        Counted(self.0.clone())
    }

    /// Waits until `n` were dropped.
    pub(crate) fn wait(&self, n: usize) {
        while self.count() < n {
            gort::yield_now();
        }
    }
}

pub(crate) struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Ends the goroutine with an error, without the message of a panic.
pub(crate) fn quiet_panic() -> ! {
    std::panic::resume_unwind(Box::new("quiet"))
}

pub(crate) fn on_thread<T: Send + 'static>(
    f: impl FnOnce() -> T + Send + 'static,
) -> std::thread::JoinHandle<T> {
    std::thread::spawn(f)
}

/// Joins a plain thread without keeping other goroutines from running.
pub(crate) fn join_thread<T>(t: std::thread::JoinHandle<T>) -> T {
    gort::blocking_on_system_stack(|| t.join().unwrap())
}

pub(crate) fn thread_id() -> u64 {
    let link = std::fs::read_link("/proc/thread-self").expect("/proc is there");
    link.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse().ok()).expect("a thread id")
}
