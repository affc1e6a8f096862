//! Goroutines that were taken off a socket and are not readied yet: who looks for the last that may go on must not
//! take them for none.
//!
//! A poll counts itself before it takes the first off, and no longer when all are readied. Who looks asks the words of the
//! sockets first: one that finds a waiter gone finds the poll that has it here, or what it has readied.

use crate::primitive::{AtomicU32, Ordering, const_fn};

/// The number of such polls.
pub(crate) struct UnderWay(AtomicU32);

impl UnderWay {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self(AtomicU32::new(0))
        }
    }

    /// Before the first is taken off, which releases this.
    pub(crate) fn begin(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// All are readied.
    pub(crate) fn end(&self) {
        // Release: pairs with the Acquire in `or_waits`.
        self.0.fetch_sub(1, Ordering::Release);
    }

    /// Whether somebody waits, by `waits`, or is on its way from there to a queue.
    pub(crate) fn or_waits(&self, waits: impl FnOnce() -> bool) -> bool {
        // Acquire: pairs with the Release in `end`; what was readied is seen.
        waits() || self.0.load(Ordering::Acquire) > 0
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::netpoll::side::{Publish, Side};
    use loom::sync::Arc;
    use loom::thread;

    /// One who waits is seen at the socket, in the hands of who takes it off, or readied.
    #[test]
    fn a_waiter_is_always_seen() {
        loom::model(|| {
            let s = Arc::new((Side::new(), UnderWay::new(), AtomicU32::new(0)));
            assert_eq!(s.0.publish(128), Publish::Parks);
            let poller = thread::spawn({
                let s = s.clone();
                move || {
                    let (side, under_way, readied) = &*s;
                    under_way.begin();
                    assert_eq!(side.event(0, false), Some(128));
                    readied.store(1, Ordering::Relaxed);
                    under_way.end();
                }
            });
            let looker = thread::spawn({
                let s = s.clone();
                move || {
                    let (side, under_way, readied) = &*s;
                    assert!(
                        under_way.or_waits(|| side.has_waiter()) || readied.load(Ordering::Relaxed) == 1,
                        "lost sight of"
                    );
                }
            });
            poller.join().unwrap();
            looker.join().unwrap();
            assert!(!s.1.or_waits(|| s.0.has_waiter()));
        });
    }
}
