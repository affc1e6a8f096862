//! The word on which a plain thread sleeps that waits in gort: 0 nothing, 1 woken. One waker per wait, as for
//! goroutines. Descriptors are reused when their thread ends, and a late futex wake hits a loop that looks
//! again.

use crate::primitive::{AtomicU32, Ordering};
use crate::sys::clock::NEVER;
use crate::sys::futex;

/// See the module.
#[derive(Debug)]
pub(crate) struct Wakeup(AtomicU32);

impl Wakeup {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Forgets what an earlier owner has left.
    pub(crate) fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Whether it is woken and has not noticed yet.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// Sleeps until woken. Once `deadline` has come `give_up` is asked whether to wait no more; it says no when a
    /// waker is on its way. False when it was not woken.
    pub(crate) fn sleep(&self, mut deadline: u64, give_up: impl Fn() -> bool) -> bool {
        // Acquire: pairs with the Release in `set`.
        while self.0.swap(0, Ordering::Acquire) == 0 {
            if !futex::wait(&self.0, 0, deadline) {
                if give_up() {
                    return false;
                }
                deadline = NEVER;
            }
        }
        true
    }

    /// Wakes the thread, which needs [`ring`](Self::ring) to notice.
    pub(crate) fn set(&self) {
        // Release: pairs with the Acquire in `sleep`. A swap, because loom lets a store be older than a swap
        // that has not seen it; a system call follows anyway.
        self.0.swap(1, Ordering::Release);
    }

    /// The second half of a wake: the thread may be gone by now.
    pub(crate) fn ring(&self) {
        futex::wake(&self.0, 1);
    }
}
