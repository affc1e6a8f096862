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
//! A goroutine is Waiting already while it switches away; that its gobuf is full is what tells a dump, which
//! holds its scan bit, that the registers are there.
//!
//! Go: runtime2.go `gobuf`, asm `gogo`, `mcall`; stack.go `gostartcall`.

use std::sync::atomic::{AtomicUsize, Ordering};

use context::{Context, ContextFn, Transfer};

/// See the module. Written by the side that completes a switch, taken by the side that makes one, or by a
/// scanner, which puts it back. The context's address, 0 for none; an atomic because a scanner may look while
/// the switch is being completed.
pub(crate) struct Gobuf(AtomicUsize);

impl Gobuf {
    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Stores what a switch left behind. Go: `save`.
    #[inline(always)]
    pub(crate) fn save(&self, context: Context) {
        // SAFETY: a `Context` is one non-null pointer, the saved stack pointer, and has no destructor.
        let sp = unsafe { std::mem::transmute::<Context, usize>(context) };
        // Overwrites without looking: a gobuf is empty while its goroutine runs.
        // Release: pairs with the Acquire in `take`: the registers lie on the stack.
        self.0.store(sp, Ordering::Release);
    }

    /// Takes the context out, to be resumed. Writes nothing when there is none: it may come at this moment.
    #[inline(always)]
    pub(crate) fn take(&self) -> Option<Context> {
        let sp = self.0.load(Ordering::Acquire);
        if sp == 0 {
            return None;
        }
        self.0.store(0, Ordering::Relaxed);
        // SAFETY: `save` stored it, and the word was emptied: it is handed out once.
        Some(unsafe { std::mem::transmute::<usize, Context>(sp) })
    }

    /// The saved stack pointer; zero while there is none.
    #[inline(always)]
    pub(crate) fn sp(&self) -> usize {
        // Acquire: pairs with `save`: who sees it sees the stack that it points to.
        self.0.load(Ordering::Acquire)
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
