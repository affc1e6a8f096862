//! tokio has no wait group; this is the usual one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel};

use tokio::sync::Notify;

/// A count and a `Notify`.
pub(super) struct Countdown {
    left: AtomicU64,
    zero: Notify,
}

impl Countdown {
    pub(super) fn new(n: u64) -> Arc<Countdown> {
        Arc::new(Countdown { left: AtomicU64::new(n), zero: Notify::new() })
    }

    pub(super) fn done(&self) {
        // Pairs with itself: the last one has seen what came before the others.
        if self.left.fetch_sub(1, AcqRel) == 1 {
            self.zero.notify_one();
        }
    }

    pub(super) async fn wait(&self) {
        self.zero.notified().await;
    }
}
