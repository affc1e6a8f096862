//! Signal handlers of the runtime's own, chained to those that were there before.

use std::mem::MaybeUninit;
use std::ptr;

/// What a handler installed with `SA_SIGINFO` is called with.
pub(crate) type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// A signal's disposition.
#[derive(Clone, Copy)]
pub(crate) struct Action(libc::sigaction);

impl Action {
    /// What the process does about `signal` now; none when there is no such signal.
    pub(crate) fn current(signal: libc::c_int) -> Option<Self> {
        let mut now = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: with a null new disposition the call only writes the old one; zero is a valid one.
        unsafe {
            (libc::sigaction(signal, ptr::null(), now.as_mut_ptr()) == 0).then(|| Self(now.assume_init()))
        }
    }

    /// To do nothing about a signal.
    pub(crate) fn ignore() -> Self {
        // SAFETY: zero is a valid `sigaction`.
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        action.sa_sigaction = libc::SIG_IGN;
        Self(action)
    }

    /// The same, on the signal stack: a goroutine's own may be small, and nearly full.
    pub(crate) fn on_signal_stack(mut self) -> Self {
        self.0.sa_flags |= libc::SA_ONSTACK;
        self
    }

    /// Whether the kernel does what it does by default.
    pub(crate) fn is_default(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_DFL
    }

    /// Makes this what the process does about `signal`. A disposition that `current` gave, or `ignore`.
    pub(crate) fn set(&self, signal: libc::c_int) {
        // SAFETY: the kernel reads a valid disposition. Its handler, if it has one, was this signal's before.
        unsafe { libc::sigaction(signal, &self.0, ptr::null_mut()) };
    }
}

/// Sends `signal` to the calling thread; usable in a handler, where it comes once that returns.
pub(crate) fn raise(signal: libc::c_int) {
    // SAFETY: a plain number.
    unsafe { libc::raise(signal) };
}

/// Has `handler` called for `signal`, on the signal stack; gives the former disposition.
pub(crate) fn install(signal: libc::c_int, handler: Handler) -> Option<Action> {
    // SAFETY: zero is a valid `sigaction`; the kernel reads the one and writes the other.
    unsafe {
        let mut new: libc::sigaction = MaybeUninit::zeroed().assume_init();
        new.sa_sigaction = handler as libc::sighandler_t;
        new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        let mut old = MaybeUninit::<libc::sigaction>::zeroed();
        (libc::sigaction(signal, &new, old.as_mut_ptr()) == 0).then(|| Action(old.assume_init()))
    }
}

/// Does what would have been done without our handler. When that is the kernel's own doing, it is installed
/// again: the instruction that has faulted faults once more.
pub(crate) fn forward(
    old: &Action,
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let action = old.0.sa_sigaction;
    if action == libc::SIG_DFL || action == libc::SIG_IGN {
        // SAFETY: it was this process's disposition before.
        unsafe { libc::sigaction(signal, &old.0, ptr::null_mut()) };
    } else if old.0.sa_flags & libc::SA_SIGINFO != 0 {
        // SAFETY: the disposition says that it is a handler of this type.
        let handler = unsafe { std::mem::transmute::<libc::sighandler_t, Handler>(action) };
        handler(signal, info, context);
    } else {
        // SAFETY: as above.
        let handler =
            unsafe { std::mem::transmute::<libc::sighandler_t, extern "C" fn(libc::c_int)>(action) };
        handler(signal);
    }
}

/// The address whose access has faulted.
pub(crate) fn fault_address(info: *mut libc::siginfo_t) -> usize {
    // SAFETY: the kernel passes a valid siginfo to a handler of a fault.
    unsafe { (*info).si_addr() as usize }
}

/// Lets the calling thread sleep; usable in a handler.
pub(crate) fn sleep_seconds(seconds: i64) {
    let time = libc::timespec { tv_sec: seconds, tv_nsec: 0 };
    // SAFETY: reads `time`.
    unsafe { libc::nanosleep(&time, ptr::null_mut()) };
}
