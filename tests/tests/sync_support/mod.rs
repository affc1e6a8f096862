//! What the tests of `gort::sync` share.

#![allow(dead_code)]

use std::sync::PoisonError;

/// Runs `f` under several settings of GOMAXPROCS. One caller at a time: the setting is the process's.
pub(crate) fn each_procs(f: impl Fn(usize)) {
    let _alone = alone();
    for procs in [1, 2, 3, 8] {
        let before = gort::gomaxprocs(procs);
        f(procs);
        gort::gomaxprocs(before);
    }
}

/// Nobody else of this process is between this and its drop.
pub(crate) fn alone() -> impl Drop {
    static ALONE: gort::sync::Mutex<()> = gort::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `n` goroutines wait for `reason`. The caller is [`alone`].
pub(crate) fn until_parked(n: usize, reason: &str) {
    let head = format!("[{reason}");
    while gort::runtime::stack(true).matches(&head).count() < n {
        gort::yield_now();
    }
}
