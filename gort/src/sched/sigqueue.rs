//! Signals on their way from the kernel to the goroutines that have asked for them.
//!
//! signal-hook's handler runs on whichever thread the kernel chooses, on its signal stack, and notes the
//! signal's bit; the signal thread, which has no M and no P, takes the bits and calls `deliver` for each. So
//! signals of one number that come faster than that are one, as they are to the kernel, and with GOMAXPROCS=1
//! a goroutine that computes delays none.
//!
//! ```text
//!   handler                        signal thread
//!   1. DELIVERING += 1             1. reads ASKED
//!   2. WANTED? PENDING |= bit      2. takes PENDING, delivers
//!   3. EVENT += 1, futex wake      3. ANSWERED = what 1 has read
//!   4. DELIVERING -= 1             4. sleeps while EVENT is what it was before 1
//! ```
//!
//! Invariants
//! - A signal's disposition is what the process had before, but between `enable` and `disable` it is
//!   signal-hook's handler (on the signal stack), and between `ignore` and `disable` it is to do nothing.
//! - A bit is WANTED before the handler is installed, and until after it has been taken away.
//! - The thread is started before the first signal is enabled, and is counted as one that waits in gort: while
//!   no signal is wanted it wakes nobody.
//! - Signals that were blocked at boot are blocked in every M; the signal thread alone lets them in while they
//!   are wanted.
//!
//! Go: runtime/sigqueue.go, signal_unix.go `sigenable`, `sigdisable`, `sigignore`, `ensureSigM`.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{SCHED, schedinit};
use crate::sys::clock::NEVER;
use crate::sys::futex;
use crate::sys::signal::{self, Action};
use crate::sys::thread::{self, SigMask};

/// The greatest number of a signal.
pub(crate) const MAX_SIGNAL: i32 = 64;

/// Signals, by bit, that are to be delivered. Written under `STATES`' lock.
static WANTED: AtomicU64 = AtomicU64::new(0);
/// Those that are not wanted any more, and of which one that comes late has the kernel's default effect.
static DEFAULT: AtomicU64 = AtomicU64::new(0);
/// Those that only the signal thread lets in.
static UNBLOCKED: AtomicU64 = AtomicU64::new(0);
/// Those that have come.
static PENDING: AtomicU64 = AtomicU64::new(0);
/// Handlers at work.
static DELIVERING: AtomicU32 = AtomicU32::new(0);
/// Changes when the signal thread has something to look at.
static EVENT: AtomicU32 = AtomicU32::new(0);
/// Rounds that were asked of the signal thread, and the last of them that it has completed.
static ASKED: AtomicU32 = AtomicU32::new(0);
static ANSWERED: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Copy)]
enum State {
    Untouched,
    Wanted { before: Action },
    Ignored { before: Action },
}

struct Entry {
    state: State,
    /// signal-hook's handler, once there is one.
    hook: Option<Action>,
}

static STATES: Mutex<[Entry; MAX_SIGNAL as usize + 1]> =
    Mutex::new([const { Entry { state: State::Untouched, hook: None } }; MAX_SIGNAL as usize + 1]);

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// Whether somebody has asked for any signal: it may come at any time, and wake anybody.
pub(crate) fn any_wanted() -> bool {
    // SeqCst: as in `on_signal`.
    WANTED.load(Ordering::SeqCst) != 0
}

/// Whether somebody has asked for this one. For handlers that would do something else about it, and that
/// signal-hook calls first.
pub(crate) fn is_wanted(signal: i32) -> bool {
    WANTED.load(Ordering::SeqCst) & bit(signal) != 0
}

/// Has `signal` delivered from now on. Go: `sigenable`.
pub(crate) fn enable(signal: i32, deliver: fn(i32)) {
    start_thread(deliver);
    let mut states = STATES.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = &mut states[signal as usize];
    let before = match entry.state {
        State::Wanted { .. } => return,
        State::Ignored { before } => before,
        State::Untouched => match Action::current(signal) {
            Some(now) => now,
            None => return,
        },
    };
    // SeqCst: as in `on_signal`.
    DEFAULT.fetch_and(!bit(signal), Ordering::SeqCst);
    WANTED.fetch_or(bit(signal), Ordering::SeqCst);
    match entry.hook {
        Some(hook) => hook.set(signal),
        None => {
            // SAFETY: `on_signal` only uses atomics, futex wakes and `raise`.
            let done = unsafe { signal_hook::low_level::register(signal, move || on_signal(signal)) };
            let hook = done.ok().and_then(|_| Action::current(signal)).map(Action::on_signal_stack);
            let Some(hook) = hook else {
                WANTED.fetch_and(!bit(signal), Ordering::SeqCst);
                return;
            };
            hook.set(signal);
            entry.hook = Some(hook);
        }
    }
    entry.state = State::Wanted { before };
    if schedinit::is_blocked(signal) {
        UNBLOCKED.fetch_or(bit(signal), Ordering::Relaxed);
        ask();
    }
}

/// Has the process do about `signal` what it did before it was enabled or ignored. Go: `sigdisable`.
pub(crate) fn disable(signal: i32) {
    become_untouched(signal, None);
}

/// Has nothing done about `signal`. Go: `sigignore`.
pub(crate) fn ignore(signal: i32) {
    become_untouched(signal, Some(Action::ignore()));
}

fn become_untouched(signal: i32, instead: Option<Action>) {
    let mut states = STATES.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = &mut states[signal as usize];
    let before = match entry.state {
        State::Wanted { before } | State::Ignored { before } => before,
        State::Untouched => match (instead, Action::current(signal)) {
            (Some(_), Some(now)) => now,
            _ => return,
        },
    };
    if UNBLOCKED.load(Ordering::Relaxed) & bit(signal) != 0 {
        // Blocked again before its disposition changes: it was not to reach anybody.
        UNBLOCKED.fetch_and(!bit(signal), Ordering::Relaxed);
        ask();
    }
    let action = instead.unwrap_or(before);
    action.set(signal);
    if action.is_default() {
        DEFAULT.fetch_or(bit(signal), Ordering::SeqCst);
    }
    WANTED.fetch_and(!bit(signal), Ordering::SeqCst);
    entry.state = if instead.is_some() { State::Ignored { before } } else { State::Untouched };
}

/// What signal-hook's handler calls. Whatever it finds in its way, `errno` is kept by signal-hook.
fn on_signal(signal: i32) {
    // SeqCst here, on WANTED and in `wait_until_idle`: whoever takes a signal off WANTED and then sees no
    // handler at work knows that one which comes later sees that it is not wanted (Dekker).
    DELIVERING.fetch_add(1, Ordering::SeqCst);
    if WANTED.load(Ordering::SeqCst) & bit(signal) != 0 {
        // Release: pairs with the Acquire of the thread's swap.
        PENDING.fetch_or(bit(signal), Ordering::Release);
        nudge();
    } else if DEFAULT.load(Ordering::SeqCst) & bit(signal) != 0 {
        // It came while the handler was taken away. The kernel sees to it now.
        signal::raise(signal);
    }
    DELIVERING.fetch_sub(1, Ordering::SeqCst);
}

fn nudge() {
    // Release: pairs with the thread's Acquire: it sees why.
    EVENT.fetch_add(1, Ordering::Release);
    futex::wake(&EVENT, 1);
}

/// Waits until whatever has come so far is delivered. Go: `signalWaitUntilIdle`.
pub(crate) fn wait_until_idle() {
    while DELIVERING.load(Ordering::SeqCst) != 0 {
        // A handler: a few instructions, on another thread.
        std::thread::yield_now();
    }
    ask();
}

/// Waits for a round of the signal thread that begins after this call. It blocks the thread, not the
/// goroutine, for the time of a wake-up.
fn ask() {
    let asked = ASKED.fetch_add(1, Ordering::Release) + 1;
    nudge();
    loop {
        // Acquire: pairs with the Release at the end of a round.
        let answered = ANSWERED.load(Ordering::Acquire);
        if asked.wrapping_sub(answered) as i32 <= 0 {
            return;
        }
        futex::wait(&ANSWERED, answered, NEVER);
    }
}

/// Starts the signal thread, unless there is one.
fn start_thread(deliver: fn(i32)) {
    static STARTED: Mutex<bool> = Mutex::new(false);
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if !std::mem::replace(&mut *started, true) {
        extern "C" fn main(deliver: *mut libc::c_void) -> *mut libc::c_void {
            // SAFETY: `start_thread` passes a function of this type.
            run(unsafe { std::mem::transmute::<*mut libc::c_void, fn(i32)>(deliver) })
        }
        if let Err(e) = thread::spawn(super::newm::OWN_STACK, main, deliver as *mut libc::c_void) {
            super::newm::no_thread(&e);
        }
        // It waits in gort, as it were, for ever.
        SCHED.locked(|s| s.waiting_threads += 1);
    }
}

/// The signal thread. Go: `signal_recv`.
fn run(deliver: fn(i32)) -> ! {
    thread::set_name(format_args!("gort-signal"));
    let mut unblocked = 0;
    loop {
        // Acquire: pairs with the Releases of `nudge` and `ask`.
        let event = EVENT.load(Ordering::Acquire);
        let asked = ASKED.load(Ordering::Acquire);
        let wish = UNBLOCKED.load(Ordering::Relaxed);
        if wish != unblocked {
            unblocked = wish;
            SigMask::all_but(unblocked).restore();
        }
        // Acquire: pairs with the handler's Release.
        let pending = PENDING.swap(0, Ordering::Acquire);
        for signal in (1..=MAX_SIGNAL).filter(|&n| pending & bit(n) != 0) {
            deliver(signal);
        }
        if ANSWERED.load(Ordering::Relaxed) != asked {
            ANSWERED.store(asked, Ordering::Release);
            futex::wake(&ANSWERED, i32::MAX);
        }
        futex::wait(&EVENT, event, NEVER);
    }
}
