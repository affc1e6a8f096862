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

    /// Whether it is a function, and not the kernel's own doing.
    pub(crate) fn is_handler(&self) -> bool {
        let action = self.0.sa_sigaction;
        action != libc::SIG_DFL && action != libc::SIG_IGN
    }

    /// Whether both call the same function in the same way.
    pub(crate) fn same(&self, other: &Action) -> bool {
        (self.0.sa_sigaction, self.0.sa_flags) == (other.0.sa_sigaction, other.0.sa_flags)
    }

    /// Whether it is this handler.
    pub(crate) fn calls(&self, handler: Handler) -> bool {
        self.0.sa_sigaction == handler as libc::sighandler_t
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
    install_with(signal, handler, libc::SA_ONSTACK | libc::SA_RESTART)
}

/// Has `handler` called for `signal`, on the stack that it comes on.
pub(crate) fn install_on_own_stack(signal: libc::c_int, handler: Handler) {
    install_with(signal, handler, 0);
}

fn install_with(signal: libc::c_int, handler: Handler, flags: libc::c_int) -> Option<Action> {
    // SAFETY: zero is a valid `sigaction`; the kernel reads the one and writes the other.
    unsafe {
        let mut new: libc::sigaction = MaybeUninit::zeroed().assume_init();
        new.sa_sigaction = handler as libc::sighandler_t;
        new.sa_flags = libc::SA_SIGINFO | flags;
        let mut old = MaybeUninit::<libc::sigaction>::zeroed();
        (libc::sigaction(signal, &new, old.as_mut_ptr()) == 0).then(|| Action(old.assume_init()))
    }
}

/// Makes `signal` do what it does by default.
pub(crate) fn default(signal: libc::c_int) {
    // SAFETY: sets a disposition that exists for every signal.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// Sends `signal` to the thread `tid` of this process; false if there is none.
pub(crate) fn send(tid: i32, signal: libc::c_int) -> bool {
    // SAFETY: plain numbers; a thread that is gone is an error.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, signal) == 0 }
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
    if !old.is_handler() {
        old.set(signal);
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

/// Why a signal was sent: `si_code`.
pub(crate) fn code(info: *mut libc::siginfo_t) -> i32 {
    // SAFETY: the kernel passes a valid siginfo to a handler installed with SA_SIGINFO.
    unsafe { (*info).si_code }
}

/// Program counter and stack pointer of what a handler has interrupted.
pub(crate) fn interrupted(context: *mut libc::c_void) -> (usize, usize) {
    // SAFETY: the kernel passes the interrupted registers to a handler installed with SA_SIGINFO.
    let registers = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext };
    #[cfg(target_arch = "x86_64")]
    let pair = (registers.gregs[libc::REG_RIP as usize], registers.gregs[libc::REG_RSP as usize]);
    #[cfg(target_arch = "aarch64")]
    let pair = (registers.pc, registers.sp);
    (pair.0 as usize, pair.1 as usize)
}

/// Has the interrupted thread go on at `pc` with the stack pointer `sp` once the handler returns.
pub(crate) fn go_on(context: *mut libc::c_void, pc: usize, sp: usize) {
    // SAFETY: as in `interrupted`.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext };
    #[cfg(target_arch = "x86_64")]
    {
        registers.gregs[libc::REG_RIP as usize] = pc as i64;
        registers.gregs[libc::REG_RSP as usize] = sp as i64;
    }
    #[cfg(target_arch = "aarch64")]
    {
        registers.pc = pc as u64;
        registers.sp = sp as u64;
    }
}

/// The interrupted code's `errno`: put back when dropped.
pub(crate) struct Errno(libc::c_int);

impl Errno {
    pub(crate) fn save() -> Self {
        // SAFETY: the address is the calling thread's own word.
        Self(unsafe { *libc::__errno_location() })
    }
}

impl Drop for Errno {
    fn drop(&mut self) {
        // SAFETY: as above; a handler's way back is on the same thread.
        unsafe { *libc::__errno_location() = self.0 };
    }
}

/// Lets the calling thread sleep, whatever signals come; usable in a handler.
pub(crate) fn sleep(nanoseconds: u64) {
    let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    let mut time = libc::timespec { tv_sec: seconds as i64, tv_nsec: rest as i64 };
    // SAFETY: reads `time`, and leaves there what remains when a signal has come. Both may be one.
    while unsafe { libc::nanosleep(&raw const time, &raw mut time) } != 0 {}
}
