//! Running goroutines are asked for their frames by a signal to their thread.
//!
//! ```text
//!   the dump                                 a thread that runs a goroutine
//!   M.asked = question; tgkill       ──▶     the handler, on gsignal: takes the question, walks from the
//!   waits for ANSWERS, at most 100 ms        interrupted instruction outwards, answers; ANSWERS += 1
//!   takes back what was not taken            a late signal finds no question and is none of ours
//! ```
//!
//! A question is owned by who has swapped it out of its M, so neither side waits for the other. One that the
//! handler took and has not answered in time is given up, memory and all.
//!
//! **What the handler may do.** It has interrupted any code of the user's: the allocator, the loader, the unwinder
//! itself. It declines while the goroutine is in the runtime (mid-switch, the stack pointer may be another's); the
//! dump looks again: soon the goroutine has parked or is back. Otherwise it stores to a buffer of fixed size,
//! clones `Arc`s (an increment), and runs the raw unwinder, which neither allocates nor locks:
//! - libgcc finds a function's tables by `_dl_find_object`, which is lock-free by design, for this use (glibc 2.35
//!   and later, GCC 12 and later). It was called once at boot, so it is bound and its frame registry is settled.
//! - With an older one it is `dl_iterate_phdr`, under the loader's lock. That lock is recursive, so a thread that
//!   was interrupted in the loader goes on; another thread that holds it does not wait for us.
//!
//! The tables need not be right at every instruction: the unwinder itself rewrites its frames before it jumps, so the
//! handler declines there. Code without tables, as a JIT makes, ends the walk early. Where they are wrong the walk may
//! read anywhere: it is guarded ([`crate::sys::guarded`]), and a fault ends it with what was found until then.
//!
//! A goroutine that has its thread run something on the system stack is parked meanwhile, and waits for that thread
//! alone. So the handler walks its stack as a dump walks that of any parked goroutine, by a jump to it. For that time all
//! signals are blocked: while the stack pointer is not on the signal stack, the kernel would put the next handler where
//! this one is.
//!
//! **Which signal.** SIGURG, as in Go and for its reasons: it is ignored by default, so a stray one does no harm to
//! a process that has changed its handlers or to a child; debuggers let it pass; hardly anybody uses it, and who
//! does must put up with spurious ones. The real-time signals are taken by libraries (glibc's own, timers) and end
//! the process when nobody handles them. Our handler is there only while a dump goes on, passes on what is not ours
//! to whoever was there before, and restarts system calls where the kernel can. So nobody sees an EINTR of our
//! making but in a dump.
//!
//! Go: preempt.go `suspendG`, signal_unix.go `preemptM`, os_linux.go `signalM`.

use std::cell::UnsafeCell;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::frames::{Frames, Interrupted, Trace};
use super::look::{innermost, part_of};
use crate::g::extras::Shown;
use crate::g::{G, extras};
use crate::sched::SCHED;
use crate::sched::m::M;
use crate::sys::signal::{self, Action};
use crate::sys::thread::SigMask;
use crate::sys::{futex, module};
use crate::tls;

/// Nanoseconds until a thread that has not answered is given up.
pub(super) const PATIENCE: u64 = 100_000_000;

/// States of a question.
const OPEN: u32 = 0;
const DECLINED: u32 = 1;
const ANSWERED: u32 = 2;

/// What a thread is asked.
pub(crate) struct Question {
    gp: &'static G,
    goid: u64,
    /// Release by the handler when it is done; Acquire by the dump.
    state: AtomicU32,
    frames: Frames,
    /// Written by the handler before the state.
    shown: UnsafeCell<Shown>,
}

/// How many questions were answered or declined so far: the dump sleeps on it.
static ANSWERS: AtomicU32 = AtomicU32::new(0);
/// Who handled the signal before. Kept for late signals; an old one is leaked when another takes its place.
static OLD: AtomicPtr<Action> = AtomicPtr::new(ptr::null_mut());
/// The code of the unwinder, where it is a library of its own.
static UNWINDER: OnceLock<Range<usize>> = OnceLock::new();
/// One dump at a time asks.
static ASKING: Mutex<()> = Mutex::new(());

/// The right to ask. While it lives our handler is installed.
pub(super) struct Asking {
    old: Option<Action>,
    /// Whether somebody has not answered.
    unanswered: bool,
    _one_at_a_time: MutexGuard<'static, ()>,
}

impl Asking {
    pub(super) fn begin() -> Self {
        let one_at_a_time = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
        UNWINDER.get_or_init(unwinder);
        // Known before the handler can be called.
        if let Some(old) = Action::current(libc::SIGURG)
            && !old.calls(on_ask)
        {
            remember(old);
        }
        let old = signal::install(libc::SIGURG, on_ask);
        Self { old, unanswered: false, _one_at_a_time: one_at_a_time }
    }

    /// Asks for the frames of `gp`, in its life `goid`, which was seen to run, or to wait for what runs on its stack.
    /// None if its thread is being asked already, or is not there.
    pub(super) fn ask(&self, gp: &'static G, goid: u64) -> Option<Asked> {
        let m = innermost(gp).m.load(Ordering::Relaxed).checked_sub(1)?;
        let mp = SCHED.locked(|s| s.all_ms.get(m as usize).copied())?;
        let tid = mp.tid.load(Ordering::Relaxed);
        if tid == 0 {
            return None;
        }
        let question = Box::into_raw(Box::new(Question {
            gp,
            goid,
            state: AtomicU32::new(OPEN),
            frames: Frames::new(),
            shown: UnsafeCell::new(Shown::default()),
        }));
        // Release: the handler sees the question as it was made.
        let free = mp.asked.compare_exchange(ptr::null_mut(), question, Ordering::Release, Ordering::Relaxed);
        let asked = Asked { mp, question };
        if free.is_err() {
            // SAFETY: nobody has seen it.
            drop(unsafe { Box::from_raw(question) });
            return None;
        }
        if !signal::send(tid, libc::SIGURG) {
            drop(asked.give_up());
            return None;
        }
        Some(asked)
    }

    /// Sleeps until there has been an answer since `seen`, at most until `until`.
    pub(super) fn wait(&self, seen: u32, until: u64) {
        futex::wait(&ANSWERS, seen, until);
    }

    pub(super) fn answers(&self) -> u32 {
        ANSWERS.load(Ordering::Acquire)
    }

    /// The time is over for this one.
    pub(super) fn give_up(&mut self, asked: Asked) {
        self.unanswered = true;
        drop(asked.give_up());
    }
}

/// Where the unwinder's code lies; nowhere if it is linked into the program.
fn unwinder() -> Range<usize> {
    unsafe extern "C" {
        fn _Unwind_Resume();
    }
    module::code_of(_Unwind_Resume as *const () as usize)
        .filter(|text| !text.contains(&(unwinder as *const () as usize)))
        .unwrap_or_default()
}

/// Has signals that are none of ours passed on to `old`.
fn remember(old: Action) {
    // SAFETY: null or leaked.
    let known = unsafe { OLD.load(Ordering::Relaxed).as_ref() };
    if !old.is_handler() {
        OLD.store(ptr::null_mut(), Ordering::Relaxed);
    } else if !known.is_some_and(|known| known.same(&old)) {
        // Release: pairs with the handler's Acquire.
        OLD.store(Box::into_raw(Box::new(old)), Ordering::Release);
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        // A handler of the user's must not be sent a late signal of ours; the default ignores it.
        if let Some(old) = self.old.filter(|old| !(self.unanswered && old.is_handler()))
            && Action::current(libc::SIGURG).is_some_and(|now| now.calls(on_ask))
        {
            old.set(libc::SIGURG);
        }
    }
}

/// A question that is on its way.
pub(super) struct Asked {
    mp: &'static M,
    question: *mut Question,
}

/// What became of it.
pub(super) enum Answer {
    NotYet(Asked),
    /// The goroutine was in the runtime, or somebody else runs there by now.
    Declined,
    Here(Trace, Shown),
}

impl Asked {
    pub(super) fn look(self) -> Answer {
        // SAFETY: freed by us alone, below or in `give_up`.
        let question = unsafe { &*self.question };
        // Acquire: pairs with the handler's Release: it does not touch the question any more.
        let state = question.state.load(Ordering::Acquire);
        if state == OPEN {
            return Answer::NotYet(self);
        }
        // SAFETY: made by `ask`, and the handler is done with it.
        let question = unsafe { Box::from_raw(self.question) };
        if state == DECLINED {
            return Answer::Declined;
        }
        Answer::Here(question.frames.take(), question.shown.into_inner())
    }

    /// Takes the question back, to be freed; none when the handler has it, who may yet write to it.
    fn give_up(self) -> Option<Box<Question>> {
        let mine = self
            .mp
            .asked
            .compare_exchange(self.question, ptr::null_mut(), Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
        // SAFETY: made by `ask`, and the handler has not taken it.
        mine.then(|| unsafe { Box::from_raw(self.question) })
    }
}

extern "C" fn on_ask(number: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let errno = signal::Errno::save();
    if !answer(context) {
        // SAFETY: null or leaked. Acquire: pairs with the Release in `begin`.
        if let Some(old) = unsafe { OLD.load(Ordering::Acquire).as_ref() } {
            signal::forward(old, number, info, context);
        }
    }
    drop(errno);
}

/// Answers what this thread is asked; false if it is not asked anything.
fn answer(context: *mut libc::c_void) -> bool {
    // SAFETY: the word is zero or the address of an M, and Ms are never freed.
    let Some(mp) = (unsafe { (tls::get::<{ tls::THREAD_OF }>() as *const M).as_ref() }) else { return false };
    // Acquire: pairs with the Release in `ask`.
    let question = mp.asked.swap(ptr::null_mut(), Ordering::Acquire);
    // SAFETY: null, or ours now until the state says that we are done.
    let Some(question) = (unsafe { question.as_ref() }) else { return false };
    let state = if collect(mp, question, context) { ANSWERED } else { DECLINED };
    question.state.store(state, Ordering::Release);
    ANSWERS.fetch_add(1, Ordering::Release);
    futex::wake(&ANSWERS, 1);
    true
}

fn collect(mp: &'static M, question: &Question, context: *mut libc::c_void) -> bool {
    let (pc, sp) = signal::interrupted(context);
    let running = mp.curg.get();
    // On the system stack for a goroutine, or on the goroutine's own.
    let on_g0 = ptr::eq(running, mp.g0);
    let gp = if on_g0 { mp.serves.get() } else { Some(running) };
    let here =
        |gp: &'static G| on_g0 || gp.stack().is_some_and(|stack| (stack.lo()..stack.hi()).contains(&sp));
    let Some(gp) = gp.filter(|gp| here(gp)) else { return false };
    let asked = question.gp;
    let part = match part_of(asked, gp) {
        Some(part) if asked.id() == question.goid => part,
        _ => return false,
    };
    if mp.claim.entered() || UNWINDER.get().is_some_and(|text| text.contains(&pc)) {
        return false;
    }
    let frames = &question.frames;
    // The frames of a call on the system stack are the innermost of its goroutine's.
    let interrupted = if !on_g0 {
        Some(part.clone())
    } else if ptr::eq(asked, gp) {
        Some(0..mp.call_end.get())
    } else {
        None
    };
    if let Some(part) = interrupted {
        let mut own = Interrupted::within(pc, part);
        // SAFETY: see the module. A walk that faults is left as it is: it has nothing but its own frames.
        unsafe { mp.guard.call(|| frames.walk(|ip, sp| own.step(ip, sp))) };
    }
    if on_g0 {
        // It waits for this thread, with its registers saved.
        let mask = SigMask::block_all();
        frames.add_parked(gp, part);
        mask.restore();
    }
    // SAFETY: see the module.
    unsafe {
        // The goroutine is interrupted here, on its own thread, or waits for the one that is.
        *question.shown.get() = extras::shown_if_quiet(asked);
    }
    true
}
