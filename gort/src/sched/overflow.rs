//! A goroutine has used up its stack, or its call on the system stack has used up that
//! ([`crate::blocking_on_system_stack`]): the report, and status 2.
//!
//! The guard at the low end of the stack faults, and the handler runs on the M's signal stack. It writes the header and
//! the innermost return addresses, and leaves the names to sysmon ([`super::last_words`]).
//!
//! A fault in a guarded walk of a stack ends that walk. One anywhere else goes to whoever handled it before.
//!
//! Go: signal_unix.go `sighandler`, stack.go `newstack`, "stack overflow".

use std::ptr;
use std::sync::OnceLock;

use super::last_words::{self, FRAMES};
use super::m::M;
use super::traceback::{Interrupted, Step};
use crate::g::G;
use crate::sys::mem::page_size;
use crate::sys::thread::SigMask;
use crate::sys::{signal, write_stderr};
use crate::tls;

static OLD: OnceLock<[Option<signal::Action>; 2]> = OnceLock::new();

/// Installs the handlers.
pub(crate) fn install() {
    OLD.get_or_init(|| [libc::SIGSEGV, libc::SIGBUS].map(|signal| signal::install(signal, on_fault)));
}

extern "C" fn on_fault(number: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the word is zero or the address of an M, and Ms are never freed.
    let mp = unsafe { (tls::get::<{ tls::THREAD_OF }>() as *const M).as_ref() };
    if mp.is_some_and(|mp| mp.guard.catch(context)) {
        return;
    }
    if let Some(used_up) = mp.and_then(|mp| used_up(mp, signal::fault_address(info))) {
        report(used_up, signal::interrupted(context).0);
    }
    let old = OLD.get().and_then(|old| old[usize::from(number == libc::SIGBUS)].as_ref());
    match old {
        Some(old) => signal::forward(old, number, info, context),
        // Between the two installations: the fault comes again.
        None => signal::sleep(0),
    }
}

/// A stack that is used up.
#[derive(Clone, Copy)]
enum UsedUp {
    Goroutines(&'static G),
    /// The system stack of this M.
    System(&'static M),
}

/// The stack of this thread in whose guard the address lies.
fn used_up(mp: &'static M, address: usize) -> Option<UsedUp> {
    let gp = mp.curg.get();
    if ptr::eq(gp, mp.g0) {
        let (lo, _) = mp.g0_stack.get();
        // C libraries do not agree whether the guard, of a page, is a part of the stack; that of the process's first
        // thread is not.
        let guard = lo.saturating_sub(page_size())..lo + page_size();
        return (lo != 0 && guard.contains(&address)).then_some(UsedUp::System(mp));
    }
    let stack = gp.stack()?;
    (stack.base()..stack.lo()).contains(&address).then_some(UsedUp::Goroutines(gp))
}

fn report(used_up: UsedUp, pc: usize) -> ! {
    if !last_words::is_first() {
        last_words::wait()
    }
    let (whose, size, gp): (&[u8], _, _) = match used_up {
        UsedUp::Goroutines(gp) => {
            let own = gp.stack().map_or(0..0, |stack| stack.lo()..stack.hi().min(gp.frames_end()));
            (b"goroutine", own.len(), Some(gp))
        }
        UsedUp::System(mp) => {
            let (lo, hi) = mp.g0_stack.get();
            (b"system", hi - lo, mp.serves.get())
        }
    };
    let mut line = Line::new();
    line.text(b"runtime: ");
    line.text(whose);
    line.text(b" stack exceeds ");
    line.number(size, 10);
    line.text(b"-byte limit\nfatal error: stack overflow\n\nruntime: pcs");
    line.write();
    last_words::ask_sysmon(gp, false, || {
        walk(used_up, gp, pc);
        write_stderr(b"\n");
    })
}

/// Collects return addresses from the fault on, and writes the innermost as they are. The frames of a host are not the
/// goroutine's; those of the goroutine that is served are.
fn walk(used_up: UsedUp, gp: Option<&'static G>, fault: usize) {
    let end = match used_up {
        UsedUp::Goroutines(gp) => gp.frames_end(),
        UsedUp::System(mp) if gp.is_some() => mp.call_end.get(),
        UsedUp::System(_) => usize::MAX,
    };
    let mut own = Interrupted::at(fault, end);
    let mut n = 0;
    let each = |ip: usize, sp: usize| {
        let step = own.step(ip, sp);
        if let Step::Keep(_) = step
            && n < 16
        {
            let mut line = Line::new();
            line.text(b" 0x");
            line.number(ip, 16);
            line.write();
            n += 1;
        }
        step
    };
    // SAFETY: the thread is in a handler, and the unwinder takes no lock that it may hold; see `traceback::ask`.
    unsafe { FRAMES.walk(each) };
    if let (UsedUp::System(_), Some(gp)) = (used_up, gp) {
        // It waits for this thread, with its registers saved.
        let mask = SigMask::block_all();
        FRAMES.add_parked(gp, 0..gp.frames_end());
        mask.restore();
    }
}

/// Text that is put together without allocating.
struct Line {
    bytes: [u8; 160],
    len: usize,
}

impl Line {
    fn new() -> Self {
        Self { bytes: [0; 160], len: 0 }
    }

    fn text(&mut self, text: &[u8]) {
        let n = text.len().min(self.bytes.len() - self.len);
        self.bytes[self.len..self.len + n].copy_from_slice(&text[..n]);
        self.len += n;
    }

    fn number(&mut self, mut n: usize, base: usize) {
        let mut digits = [0; 20];
        let mut i = digits.len();
        loop {
            i -= 1;
            digits[i] = b"0123456789abcdef"[n % base];
            n /= base;
            if n == 0 {
                break;
            }
        }
        self.text(&digits[i..]);
    }

    fn write(&self) {
        write_stderr(&self.bytes[..self.len]);
    }
}
