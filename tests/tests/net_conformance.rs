//! Programs for std's sockets see the same when their `use` lines are swapped: in goroutines, on plain threads, at
//! each GOMAXPROCS.

// The same source with other names in scope is the point.
#![allow(clippy::duplicate_mod)]

mod api_support;

use api_support::{join_thread, limit, on_thread};

#[path = "net_suite"]
mod with_std {
    use std::net;
    use std::os::unix::net as unix;

    fn spawn(f: impl FnOnce() + Send + 'static) -> impl FnOnce() {
        let handle = std::thread::spawn(f);
        || handle.join().unwrap()
    }

    #[path = "mod.rs"]
    pub(super) mod suite;
}

#[path = "net_suite"]
mod in_goroutines {
    use gort::net;
    use gort::net::unix;

    fn spawn(f: impl FnOnce() + Send + 'static) -> impl FnOnce() {
        let handle = gort::spawn(f);
        || handle.join().unwrap()
    }

    #[path = "mod.rs"]
    pub(super) mod suite;
}

#[path = "net_suite"]
mod on_threads {
    use gort::net;
    use gort::net::unix;

    fn spawn(f: impl FnOnce() + Send + 'static) -> impl FnOnce() {
        let handle = std::thread::spawn(f);
        || handle.join().unwrap()
    }

    #[path = "mod.rs"]
    pub(super) mod suite;
}

#[gort::test]
fn the_same_is_seen() {
    let _limit = limit();
    let expected = join_thread(on_thread(with_std::suite::run));
    assert!(expected.len() > 140);
    for gomaxprocs in [1, 2, 3, 8, 64] {
        let before = gort::gomaxprocs(gomaxprocs);
        same(&gort::spawn(in_goroutines::suite::run).join().unwrap(), &expected);
        same(&join_thread(on_thread(on_threads::suite::run)), &expected);
        gort::gomaxprocs(before);
    }
}

fn same(seen: &[String], expected: &[String]) {
    for (seen, expected) in seen.iter().zip(expected) {
        assert_eq!(seen, expected);
    }
    assert_eq!(seen.len(), expected.len());
}
