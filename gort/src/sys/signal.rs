//! Signal handlers of the runtime's own, chained to those that were there before.

use std::mem::MaybeUninit;
use std::ptr;

/// What a handler installed with `SA_SIGINFO` is called with.
pub(crate) type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// A signal's disposition.
#[derive(Clone, Copy)]
pub(crate) struct Action(libc::sigaction);

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
