//! A goroutine's saved registers: one `Context` of the `context` crate.
//!
//! The side that is resumed completes the switch of the side that left: `resume` hands over the
//! context of the side that left, and the resumed side stores it in that goroutine's gobuf. So a gobuf
//! is full exactly while its goroutine is not running and has run before.
//!
//! ```text
//!   A: resume(B's context, data = A) ──▶ B: Transfer { context: A's, data: A }
//!                                           A.gobuf = context; run A's after-switch action
//! ```
//!
//! Go: runtime2.go `gobuf`, asm `gogo`, `mcall`; stack.go `gostartcall`.

use std::cell::Cell;

use context::{Context, ContextFn, Transfer};

/// See the module. Written by the side that completes a switch, taken by the side that makes one.
pub(crate) struct Gobuf(Cell<Option<Context>>);

impl Gobuf {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(None))
    }

    /// Stores what a switch left behind. Go: `save`.
    #[inline(always)]
    pub(crate) fn save(&self, context: Context) {
        // Overwrites without looking: a gobuf is empty while its goroutine runs.
        self.0.set(Some(context));
    }

    /// Takes the context out, to be resumed.
    #[inline(always)]
    pub(crate) fn take(&self) -> Option<Context> {
        self.0.take()
    }

    /// Prepares a first run: `entry` will start at the high end of the stack `lo..hi`.
    ///
    /// # Safety
    /// The memory is a stack that nobody uses and that outlives the run.
    #[inline]
    pub(crate) unsafe fn make(lo: usize, hi: usize, entry: ContextFn) -> Context {
        // SAFETY: the caller vouches for the range; `Stack` is only the pair of its ends.
        unsafe {
            let stack = context::stack::Stack::new(hi as *mut _, lo as *mut _);
            Context::new(&stack, entry)
        }
    }
}

/// Leaves the running goroutine for `next`; returns when it is resumed, maybe on another thread.
///
/// # Safety
/// `next` is a live context that the caller alone holds, and the resumed side stores the returned
/// transfer's context in the goroutine that `data` names.
#[inline(always)]
pub(crate) unsafe fn resume(next: Context, data: usize) -> Transfer {
    // SAFETY: passed on to the caller.
    unsafe { next.resume(data) }
}
