//! Switching: leaving one goroutine, completing that switch in the next, and the loop at the bottom of
//! every goroutine's stack.
//!
//! ```text
//!  hi ┌───────────────────────────┐
//!     │ make_fcontext's trampoline│  return address: `finish`, never reached
//!     │ gostart                   │  the loop: run, pick the next, inherit the stack or switch away
//!     │ entry::<F>                │  catch_unwind; the result goes to the G's slot
//!     │ the user's closure …      │
//!     │ gopark, switch_to         │  while parked: registers below, address in the gobuf
//!  lo └───────────────────────────┘
//! ```
//!
//! A switch is completed by the side that is resumed ([`complete`]), on every path: return from
//! [`switch_to`], [`gostart`], and g0's loop. Only there are a goroutine's registers known to be saved.
//!
//! Go: proc.go `execute`, `goexit0`; asm `gogo`, `mcall`, `goexit`.

use context::{Context, Transfer};
use std::sync::atomic::Ordering;

use super::current::{self, own_m};
use super::m::{Call, M};
use super::newproc::gfput;
use super::park::{join_wait, ready_here};
use super::pick::{Pick, pick_next_inline};
use super::section;
use crate::g::status::Status;
use crate::g::{After, G, entry, join};
use crate::gobuf::{self, Gobuf};

/// Leaves `gp`, which runs on `mp`, for `next`, which is claimed. Returns when `gp` is resumed, maybe
/// on another M.
#[inline(always)]
pub(crate) fn switch_to(mp: &'static M, gp: &'static G, next: &'static G, after: After) {
    gp.after.set(after);
    mp.curg.set(next);
    next.m.store(mp.id + 1, Ordering::Relaxed);
    let context = match next.gobuf.take() {
        Some(context) => context,
        None => first_context(mp, next),
    };
    // SAFETY: `next` is claimed, so its context is ours alone; whoever is resumed runs `complete`.
    let transfer = unsafe { gobuf::resume(context, std::ptr::from_ref(gp) as usize) };
    complete(transfer);
}

/// Leaves `gp` for the g0 of its M.
#[cold]
#[inline(never)]
pub(crate) fn switch_to_g0(mp: &'static M, gp: &'static G, after: After) {
    switch_to(mp, gp, mp.g0, after);
}

/// A stack, and a context at its top, for a goroutine that has not run yet.
#[cold]
#[inline(never)]
fn first_context(mp: &'static M, next: &'static G) -> Context {
    let stack = match next.stack() {
        Some(stack) => stack,
        None => {
            let pp = mp.p().expect("a goroutine is run with a P");
            // SAFETY: this M owns the P.
            match unsafe { pp.stacks.alloc(next.order.get()) } {
                Ok(stack) => {
                    next.set_stack(Some(stack));
                    stack
                }
                Err(e) => no_stack(next, &e),
            }
        }
    };
    // SAFETY: the stack is the goroutine's own and nobody runs on it yet.
    unsafe { Gobuf::make(stack.lo(), stack.hi() - stack.colour(), gostart) }
}

/// A goroutine that nobody was promised a stack for has none to run on.
#[cold]
fn no_stack(gp: &'static G, e: &std::io::Error) -> ! {
    let bytes = crate::stack::size(gp.order.get());
    let details = format!("runtime: out of memory: cannot allocate {bytes}-byte stack: {e}\n");
    super::last_words::fail_about(gp, &details, "out of memory")
}

/// Completes the switch that has led here: stores the registers of the side that left and runs its
/// after-switch action.
#[inline(always)]
fn complete(transfer: Transfer) {
    // SAFETY: `switch_to` passes the address of the G that it leaves.
    let prev = unsafe { &*(transfer.data as *const G) };
    prev.gobuf.save(transfer.context);
    match prev.after.get() {
        After::Nothing => {}
        // SAFETY: the goroutine has queued itself under this lock, which whatever holds the queue keeps alive until the
        // goroutine is taken off it, under the same lock. It was taken on this thread, on which we go on.
        After::UnlockBiased(lock) => unsafe { (*lock).unlock(current::slot()) },
        _ => act(prev),
    }
}

/// The after-switch actions that are not among the shortest of the goroutine that has left. Out of line, so that the way to
/// the one that goes on stays short.
#[inline(never)]
fn act(prev: &'static G) {
    match prev.after.get() {
        // By [`complete`].
        After::Nothing | After::UnlockBiased(_) => {}
        // SAFETY: as there.
        After::Unlock(lock) => unsafe { (*lock).unlock() },
        After::Commit | After::CommitOne(_) => {
            if !prev.commit.commit() {
                ready_here(prev);
            }
        }
        After::JoinOn(target) => {
            if !join_wait(target) {
                ready_here(prev);
            }
        }
        After::Requeue => {
            prev.status.set(Status::Running, Status::Runnable);
            super::wake::put_tail(own_m(), entry::pack(prev));
        }
        After::Dead => reap(prev),
    }
}

/// Frees what a goroutine that is over has left: its stack to the P, its descriptor unless a handle
/// still asks for the result. Go: `gdestroy`.
#[inline(never)]
fn reap(gp: &'static G) {
    let mp = own_m();
    let _ = gp.gobuf.take();
    if let Some(stack) = gp.stack() {
        gp.set_stack(None);
        match mp.p() {
            // SAFETY: this M owns the P, and the goroutine has left the stack for good.
            Some(pp) => unsafe { pp.stacks.free(stack) },
            None => crate::stack::pool::give(stack.order(), std::iter::once(stack.base())),
        }
    }
    left(mp, gp);
}

/// The goroutine does not use its descriptor any more.
#[inline]
fn left(mp: &'static M, gp: &'static G) {
    // A goroutine without a handle was born RELEASED and nobody else writes the word: no exchange.
    let lone = gp.join.load(Ordering::Relaxed) == join::RELEASED | join::DONE;
    // AcqRel: the handle's side has read the result before we free, and ours is done before it frees.
    if lone || gp.join.fetch_or(join::EXITED, Ordering::AcqRel) & join::RELEASED != 0 {
        gfput(Some(mp), gp);
    }
}

/// The bottom of every goroutine's stack. One turn of the loop is one goroutine: the next one is run
/// right here when it is fresh and wants a stack of this size.
extern "C" fn gostart(transfer: Transfer) -> ! {
    complete(transfer);
    loop {
        let mp = own_m();
        let gp = mp.curg.get();
        let entry = gp.entry.get();
        mp.claim.exit();
        // SAFETY: newproc put the closure that belongs to this entry into the slot; it is run once. It comes
        // back in the runtime.
        unsafe { entry(gp) };
        goexit0();
    }
}

/// A goroutine that ends while it is locked to its M: the M is free again.
#[inline]
pub(crate) fn leave_thread(mp: &'static M, gp: &'static G) {
    if mp.lockedg.get().is_some() {
        mp.lockedg.set(None);
        gp.lockedm.store(0, Ordering::Relaxed);
        gp.lock_depth.set(0);
    }
}

/// Ends the current goroutine. Returns only if the stack was inherited by the next one.
#[inline(always)]
fn goexit0() {
    let mp = own_m();
    let gp = mp.curg.get();
    gp.status.set(Status::Running, Status::Dead);
    leave_thread(mp, gp);
    match pick_next_inline(mp, false) {
        Pick::Run(next) if next.stack().is_none() && next.order.get() == gp.order.get() => {
            // Inherit: a goroutine that has no stack has never run.
            next.set_stack(gp.stack());
            gp.set_stack(None);
            mp.curg.set(next);
            next.m.store(mp.id + 1, Ordering::Relaxed);
            left(mp, gp);
        }
        Pick::Run(next) => switch_to(mp, gp, next, After::Dead),
        Pick::Empty | Pick::NeedG0 => switch_to_g0(mp, gp, After::Dead),
    }
}

/// Runs `f` on the system stack of this M, g0: for what needs more stack than a goroutine may have
/// left. Directly when called there already, or on a plain thread.
///
/// Go: asm `systemstack`.
pub(crate) fn systemstack<R>(f: impl FnOnce() -> R) -> R {
    let Some(section) = section::enter() else { return f() };
    let mp = section.m();
    let gp = mp.curg.get();
    if std::ptr::eq(gp, mp.g0) {
        return f();
    }
    struct Frame<F, R> {
        f: Option<F>,
        result: Option<std::thread::Result<R>>,
    }
    unsafe fn run<F: FnOnce() -> R, R>(frame: *mut ()) {
        // SAFETY: the argument is the frame below, which outlives the call.
        let frame = unsafe { &mut *frame.cast::<Frame<F, R>>() };
        let f = frame.f.take().expect("run once");
        frame.result = Some(std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)));
    }
    fn runner<F: FnOnce() -> R, R>(_: &Frame<F, R>) -> unsafe fn(*mut ()) {
        run::<F, R>
    }
    let mut frame = Frame { f: Some(f), result: None };
    let function = runner(&frame);
    mp.call.set(Some(Call { function, argument: (&raw mut frame).cast(), caller: gp }));
    switch_to_g0(mp, gp, After::Nothing);
    section.end_anywhere();
    match frame.result.take().expect("g0 ran it") {
        Ok(r) => r,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
