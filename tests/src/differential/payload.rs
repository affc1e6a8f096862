//! Messages that are counted: each is made once and must be dropped once.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// How many messages of a run are alive.
#[derive(Clone, Default)]
pub(crate) struct Census(Arc<AtomicI64>);

impl Census {
    pub(crate) fn alive(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A number, and so many words that it lies in a select's own memory or not.
pub(crate) struct Payload<const WORDS: usize> {
    number: u64,
    copies: [u64; WORDS],
    census: Census,
}

impl<const WORDS: usize> Payload<WORDS> {
    pub(crate) fn new(number: u64, census: &Census) -> Self {
        census.0.fetch_add(1, Ordering::SeqCst);
        Self { number, copies: [number; WORDS], census: census.clone() }
    }

    /// # Panics
    /// When the message is damaged.
    pub(crate) fn number(&self) -> u64 {
        assert_eq!(self.copies, [self.number; WORDS], "a message is damaged");
        self.number
    }
}

impl<const WORDS: usize> Drop for Payload<WORDS> {
    fn drop(&mut self) {
        let before = self.census.0.fetch_sub(1, Ordering::SeqCst);
        assert!(before > 0, "a message was dropped twice");
    }
}
