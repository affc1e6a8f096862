//! Return addresses of a stack: the innermost and the outermost, in a buffer of fixed size, so that a handler, or a
//! walk on a stack with little room, need not allocate.
//!
//! A parked goroutine's are found by running the unwinder on top of its stack (`Context::resume_ontop`). What
//! runs there stays there as the innermost frame and walks again when asked again, so that a goroutine that is
//! dumped a thousand times has one frame more and not a thousand.
//!
//! ```text
//!   the dump                                 on the goroutine's stack
//!   scan word; gobuf full
//!   resume_ontop(walk) ──▶                   walk: collects                      (first time)
//!   gobuf = context    ◀── resume            … waits in there
//!   resume(walk | ASK) ──▶                   walk: collects once more            (next time)
//!   gobuf = context    ◀── resume
//!                           switch_to ──▶    walk: this is no dump: returns what it was resumed with
//! ```
//!
//! Go: traceback.go `unwinder`, `tracebackPCs`.

use std::ops::Range;
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

    /// Collects the caller's, as `each` says of a return address and its frame's stack pointer.
    ///
    /// # Safety
    /// Nothing that the caller's thread has interrupted, or holds, is needed by the unwinder; see `ask`.
    #[inline(always)]
    pub(crate) unsafe fn walk(&self, each: impl FnMut(usize, usize) -> Step) {
        self.clear();
        // SAFETY: the caller's word.
        unsafe { self.walk_on(each) };
    }

    /// The same, after those that are there.
    ///
    /// # Safety
    /// As for [`walk`](Self::walk).
    #[inline(always)]
    unsafe fn walk_on(&self, mut each: impl FnMut(usize, usize) -> Step) {
        // SAFETY: std's lock around the unwinder's caches is not needed for raw addresses.
        unsafe {
            backtrace::trace_unsynchronized(|frame| match frame.ip() as usize {
                // The end of a thread's stack.
                0 => false,
                ip => match each(ip, frame.sp() as usize) {
                    Step::Keep(pc) => self.push(pc),
                    Step::Skip => true,
                    Step::Stop => false,
                },
            });
        }
    }

    /// How many there were so far.
    pub(crate) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed) as u64
    }

    /// What was collected.
    pub(crate) fn take(&self) -> Trace {
        let n = self.seen.load(Ordering::Relaxed);
        let pc = |i: usize| self.pcs[if i < INNER { i } else { INNER + i % OUTER }].load(Ordering::Relaxed);
        let last = INNER.max(n.saturating_sub(OUTER));
        Trace { pcs: (0..n.min(INNER)).chain(last..n).map(pc).collect(), elided: last - INNER }
    }
}

/// What a walk does about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Keep(usize),
    /// It is further in than those that are wanted.
    Skip,
    /// It is further out.
    Stop,
}

/// Where the frames of one of several goroutines that stand on a stack lie, by their stack pointers.
pub(crate) type Part = Range<usize>;

fn within(part: &Part, ip: usize, sp: usize) -> Step {
    match sp {
        _ if sp >= part.end => Step::Stop,
        _ if sp < part.start => Step::Skip,
        _ => Step::Keep(ip),
    }
}

/// A walk in a handler: the handler's own frames come first, on another stack.
pub(crate) struct Interrupted {
    pc: usize,
    inside: bool,
    part: Part,
}

impl Interrupted {
    /// From the interrupted instruction to the frames from `end` on.
    pub(crate) fn at(pc: usize, end: usize) -> Self {
        Self::within(pc, 0..end)
    }

    pub(super) fn within(pc: usize, part: Part) -> Self {
        Self { pc, inside: false, part }
    }

    pub(crate) fn step(&mut self, ip: usize, sp: usize) -> Step {
        let first = !self.inside && ip == self.pc;
        self.inside |= first;
        match within(&self.part, ip, sp) {
            _ if !self.inside => Step::Skip,
            // A symbol is looked up before a return address, and this is none.
            Step::Keep(pc) => Step::Keep(pc + usize::from(first)),
            step => step,
        }
    }
}

/// A call stack, innermost first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
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

/// The caller's, which stand at `part` of its stack.
#[inline(always)]
pub(super) fn here_within(part: Part) -> Trace {
    let frames = Frames::new();
    frames.walk_here(part);
    frames.take()
}

/// Beside the address of a [`Request`]: the goroutine is to walk once more. Addresses of descriptors, which a switch
/// passes, are even.
const ASK: usize = 1;

struct Request<'a> {
    gp: &'static G,
    part: Part,
    frames: &'a Frames,
}

impl Request<'_> {
    fn walk(&self) {
        // SAFETY: called as from any function.
        unsafe { self.frames.walk_on(|ip, sp| within(&self.part, ip, sp)) };
    }
}

/// Runs on top of a parked goroutine's stack.
extern "C" fn walk_ontop(mut transfer: Transfer) -> Transfer {
    // SAFETY: `of_parked` passes its request, which lives until we jump back.
    let request = |transfer: &Transfer| unsafe { &*((transfer.data & !ASK) as *const Request) };
    let gp = request(&transfer).gp;
    gp.walks.set(true);
    loop {
        request(&transfer).walk();
        // SAFETY: who has resumed us waits for us, or, with the data of a switch, does so when it is done with us.
        transfer = unsafe { transfer.context.resume(0) };
        if transfer.data & ASK == 0 {
            gp.walks.set(false);
            return transfer;
        }
    }
}

/// The frames at `part` of the stack of a goroutine that is held by its scan word and whose registers are saved. None
/// when too little of its stack is left. `give_back`: the pages below it that the walk has used go back to the kernel.
pub(super) fn of_parked(gp: &'static G, part: Part, give_back: bool) -> Option<Trace> {
    let frames = Frames::new();
    let walked = frames.add_parked(gp, part);
    if walked && give_back && gp.stack().is_some() {
        crate::stack::give_back_below(gp.gobuf.sp(), ROOM);
    }
    walked.then(|| frames.take())
}

/// The frames of a goroutine that has the caller's thread run something on its system stack: those of the call, up to
/// `call_end`, and its own below.
#[inline(always)]
pub(super) fn of_call(gp: &'static G, call_end: usize) -> Trace {
    let frames = Frames::new();
    frames.walk_call(gp, call_end);
    frames.take()
}

impl Frames {
    /// Collects the caller's at `part` of its stack.
    #[inline(always)]
    pub(super) fn walk_here(&self, part: Part) {
        // SAFETY: an ordinary call.
        unsafe { self.walk(|ip, sp| within(&part, ip, sp)) };
    }

    /// Collects what [`of_call`] gives.
    #[inline(always)]
    pub(super) fn walk_call(&self, gp: &'static G, call_end: usize) {
        self.walk_here(0..call_end);
        self.add_parked(gp, 0..gp.frames_end());
    }

    /// Adds those at `part` of the stack of a goroutine whose registers are saved, and which cannot go on meanwhile.
    /// False when too little of its stack is left. Usable in a handler that runs with all signals blocked: another on the
    /// signal stack would be put where this one is.
    pub(crate) fn add_parked(&self, gp: &'static G, part: Part) -> bool {
        let sp = gp.gobuf.sp();
        let Some(stack) = gp.stack() else { return true };
        if sp < stack.lo() + ROOM {
            return false;
        }
        let context = gp.gobuf.take().expect("the caller has looked");
        let request = Request { gp, part, frames: self };
        let data = &raw const request as usize | ASK;
        // SAFETY: nobody else may resume it; `walk_ontop` jumps right back. When it is in there already, it
        // is what the context resumes.
        let transfer = unsafe {
            if gp.walks.get() { context.resume(data) } else { context.resume_ontop(data, walk_ontop) }
        };
        gp.gobuf.save(transfer.context);
        true
    }
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
