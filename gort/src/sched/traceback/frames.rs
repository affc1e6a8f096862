//! Return addresses of a stack: the innermost and the outermost, in a buffer of fixed size, so that a handler, or a
//! walk on a stack with little room, need not allocate.
//!
//! A parked goroutine's are found by running the unwinder on top of its stack (`Context::resume_ontop`). What
//! runs there stays there as the innermost frame and walks again when asked again, so that a goroutine that is
//! dumped a thousand times has one frame more and not a thousand.
//!
//! ```text
//!   the dump                                 on the goroutine's stack
//!   scan bit; gobuf full
//!   resume_ontop(walk) ──▶                   walk: collects                      (first time)
//!   gobuf = context    ◀── resume            … waits in there
//!   resume(walk | ASK) ──▶                   walk: collects once more            (next time)
//!   gobuf = context    ◀── resume
//!                           switch_to ──▶    walk: this is no dump: returns what it was resumed with
//! ```
//!
//! Go: traceback.go `unwinder`, `tracebackPCs`.

use std::sync::atomic::{AtomicUsize, Ordering};

use context::Transfer;

use crate::g::G;

/// Innermost and outermost frames that are kept. Go: `tracebackInnerFrames`, `tracebackOuterFrames`.
const INNER: usize = 50;
const OUTER: usize = 50;
/// Frames after which a walk gives up.
const LONGEST: usize = 1 << 18;
/// Bytes of stack that must be left for a walk.
const ROOM: usize = 16 << 10;

/// See the module. Atomics, as one thread may look at what another has not finished.
pub(crate) struct Frames {
    pcs: [AtomicUsize; INNER + OUTER],
    /// How many there were; the latest `OUTER` past the first `INNER` are a ring.
    seen: AtomicUsize,
}

impl Frames {
    pub(crate) const fn new() -> Self {
        Self { pcs: [const { AtomicUsize::new(0) }; INNER + OUTER], seen: AtomicUsize::new(0) }
    }

    /// One more, further out. Whether there is room for others.
    fn push(&self, pc: usize) -> bool {
        let n = self.seen.load(Ordering::Relaxed);
        let i = if n < INNER { n } else { INNER + n % OUTER };
        self.pcs[i].store(pc, Ordering::Relaxed);
        self.seen.store(n + 1, Ordering::Relaxed);
        n + 1 < LONGEST
    }

    fn clear(&self) {
        self.seen.store(0, Ordering::Relaxed);
    }

    /// Collects the caller's.
    ///
    /// # Safety
    /// Nothing that the caller's thread has interrupted, or holds, is needed by the unwinder; see `ask`.
    #[inline(always)]
    pub(crate) unsafe fn walk(&self, mut each: impl FnMut(usize) -> Option<usize>) {
        self.clear();
        // SAFETY: std's lock around the unwinder's caches is not needed for raw addresses.
        unsafe {
            backtrace::trace_unsynchronized(|frame| match frame.ip() as usize {
                // The end of a thread's stack.
                0 => false,
                ip => each(ip).is_none_or(|pc| self.push(pc)),
            });
        }
    }

    /// What was collected.
    pub(crate) fn take(&self) -> Trace {
        let n = self.seen.load(Ordering::Relaxed);
        let pc = |i: usize| self.pcs[if i < INNER { i } else { INNER + i % OUTER }].load(Ordering::Relaxed);
        let last = INNER.max(n.saturating_sub(OUTER));
        Trace { pcs: (0..n.min(INNER)).chain(last..n).map(pc).collect(), elided: last - INNER }
    }
}

/// A call stack, innermost first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Trace {
    pub(crate) pcs: Box<[usize]>,
    /// How many are missing after the innermost ones.
    pub(crate) elided: usize,
}

impl Trace {
    /// The innermost ones, how many are missing, and the outermost ones.
    pub(crate) fn parts(&self) -> (&[usize], usize, &[usize]) {
        let (inner, outer) = self.pcs.split_at(self.pcs.len().min(INNER));
        (inner, self.elided, outer)
    }
}

/// The caller's.
pub(crate) fn here() -> Trace {
    let frames = Frames::new();
    // SAFETY: an ordinary call.
    unsafe { frames.walk(Some) };
    frames.take()
}

/// Beside the address of a [`Request`]: the goroutine is to walk once more. Addresses of descriptors, which a switch
/// passes, are even.
const ASK: usize = 1;

struct Request {
    gp: &'static G,
    frames: Frames,
}

/// Runs on top of a parked goroutine's stack.
extern "C" fn walk_ontop(mut transfer: Transfer) -> Transfer {
    // SAFETY: `of_parked` passes its request, which lives until we jump back.
    let gp = unsafe { (*((transfer.data & !ASK) as *const Request)).gp };
    gp.walks.set(true);
    loop {
        // SAFETY: as above; the unwinder is called as from any function.
        unsafe { (*((transfer.data & !ASK) as *const Request)).frames.walk(Some) };
        // SAFETY: who has resumed us waits for us, or, with the data of a switch, does so when it is done with us.
        transfer = unsafe { transfer.context.resume(0) };
        if transfer.data & ASK == 0 {
            gp.walks.set(false);
            return transfer;
        }
    }
}

/// The frames of a goroutine that is held by its scan bit and whose registers are saved. None when too little of
/// its stack is left. `give_back`: the pages below it that the walk has used go back to the kernel.
pub(crate) fn of_parked(gp: &'static G, give_back: bool) -> Option<Trace> {
    let sp = gp.gobuf.sp();
    let Some(stack) = gp.stack() else { return Some(Trace::default()) };
    if sp < stack.lo() + ROOM {
        return None;
    }
    let context = gp.gobuf.take().expect("the caller has looked");
    let request = Request { gp, frames: Frames::new() };
    let data = &raw const request as usize | ASK;
    // SAFETY: the scan bit makes the context ours; `walk_ontop` jumps right back. When it is in there already, it
    // is what the context resumes.
    let transfer =
        unsafe { if gp.walks.get() { context.resume(data) } else { context.resume_ontop(data, walk_ontop) } };
    gp.gobuf.save(transfer.context);
    if give_back {
        crate::stack::give_back_below(gp.gobuf.sp(), ROOM);
    }
    Some(request.frames.take())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_elided() {
        let check = |n: usize, kept: usize, elided: usize| {
            let frames = Frames::new();
            (0..n).for_each(|pc| assert!(frames.push(pc)));
            let trace = frames.take();
            let (inner, missing, outer) = trace.parts();
            assert_eq!((inner.len() + outer.len(), missing), (kept, elided), "{n}");
            let all: Vec<_> = (0..inner.len()).chain(n - outer.len()..n).collect();
            assert_eq!(*trace.pcs, all, "{n}");
        };
        check(0, 0, 0);
        check(1, 1, 0);
        check(50, 50, 0);
        check(51, 51, 0);
        check(100, 100, 0);
        check(101, 100, 1);
        check(1234, 100, 1134);
    }
}
