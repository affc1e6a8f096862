//! The descriptor of a model: what the layers above the scheduler use of a G.

use super::commit::Commit;
use super::wakeup::Wakeup;
use crate::biased_lock::BiasedLock;
use crate::lock::Lock;
use crate::primitive::{AtomicU32, AtomicU64};

/// How a waiter goes to sleep: the ways that the runtime has and a model can tell apart.
#[derive(Clone, Copy)]
pub(crate) enum After {
    /// Release this lock: the waiter has queued itself under it.
    Unlock(*const Lock),
    /// As above, for a channel's.
    UnlockBiased(*const BiasedLock),
    /// Commit the wait of its commit word.
    Commit,
}

/// See the module. Aligned as the runtime's: a word of the netpoller has it.
#[repr(align(128))]
pub(crate) struct G {
    pub(crate) commit: Commit,
    pub(crate) token: AtomicU32,
    pub(crate) token_seq: AtomicU64,
    pub(crate) futex: Wakeup,
    /// Of a goroutine, whether it was readied and has not gone on yet: the status word in short. Of a thread,
    /// the kernel's lock.
    pub(crate) runnable: loom::sync::Mutex<bool>,
    pub(crate) readied: loom::sync::Condvar,
}

impl G {
    pub(crate) fn new() -> Self {
        Self {
            commit: Commit::new(),
            token: AtomicU32::new(0),
            token_seq: AtomicU64::new(0),
            futex: Wakeup::new(),
            runnable: loom::sync::Mutex::new(false),
            readied: loom::sync::Condvar::new(),
        }
    }
}
