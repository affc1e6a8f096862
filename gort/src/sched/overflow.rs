//! A goroutine has used up its stack: the report, and status 2.
//!
//! The guard at the low end of the stack faults, and the handler runs on the M's signal stack. The faulting
//! goroutine may hold any lock (the allocator's, the loader's), so the handler only uses `write`, futexes and the
//! raw unwinder; names come from sysmon, which does not share the goroutine's fate. Each of the two ends the
//! process after [`PATIENCE`] if the other does not.
//!
//! ```text
//!   handler                                  sysmon
//!   1. header                                on its next round, or woken by 2:
//!   2. GOROUTINE = who, wake sysmon          waits for WALKED
//!   3. raw return addresses, WALKED          names, and where the goroutine was made; status 2
//!   4. sleeps, then status 2
//! ```
//!
//! A fault anywhere else goes to whoever handled it before.
//!
//! Go: signal_unix.go `sighandler`, stack.go `newstack`, "stack overflow".

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use super::debugvars::{TracebackLevel, traceback_level};
use super::m::M;
use super::{SCHED, traceback};
use crate::g::G;
use crate::stack::Stack;
use crate::sys::{clock, signal, write_stderr};
use crate::tls;

/// Seconds until the process ends without the rest of the report.
const PATIENCE: i64 = 2;
/// Innermost and outermost frames that are shown. Go: `tracebackInnerFrames`, `tracebackOuterFrames`.
const INNER: usize = 50;
const OUTER: usize = 50;

static OLD: OnceLock<[Option<signal::Action>; 2]> = OnceLock::new();
/// Whose stack is used up. Release: pairs with sysmon's Acquire.
static GOROUTINE: AtomicPtr<G> = AtomicPtr::new(ptr::null_mut());
/// Frames found, plus one once that is all. Release: pairs with sysmon's Acquire.
static WALKED: AtomicU32 = AtomicU32::new(0);
static FIRST: [AtomicUsize; INNER] = [const { AtomicUsize::new(0) }; INNER];
/// A ring of the latest.
static LAST: [AtomicUsize; OUTER] = [const { AtomicUsize::new(0) }; OUTER];

/// Installs the handlers.
pub(crate) fn install() {
    OLD.get_or_init(|| [libc::SIGSEGV, libc::SIGBUS].map(|signal| signal::install(signal, on_fault)));
}

extern "C" fn on_fault(number: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    if let Some(gp) = overflowed(signal::fault_address(info)) {
        report(gp);
    }
    let old = OLD.get().and_then(|old| old[usize::from(number == libc::SIGBUS)].as_ref());
    match old {
        Some(old) => signal::forward(old, number, info, context),
        // Between the two installations: the fault comes again.
        None => signal::sleep_seconds(0),
    }
}

/// The goroutine of this thread, if the address lies in its stack's guard.
fn overflowed(address: usize) -> Option<&'static G> {
    // SAFETY: the word is zero or the address of an M, and Ms are never freed.
    let mp = unsafe { (tls::get::<{ tls::THREAD_OF }>() as *const M).as_ref() }?;
    let gp = mp.curg.get();
    let stack = gp.stack()?;
    (stack.base()..stack.lo()).contains(&address).then_some(gp)
}

fn report(gp: &'static G) -> ! {
    let first = GOROUTINE.compare_exchange(
        ptr::null_mut(),
        ptr::from_ref(gp).cast_mut(),
        Ordering::Release,
        Ordering::Relaxed,
    );
    if first.is_ok() {
        let mut line = Line::new();
        line.text(b"runtime: goroutine stack exceeds ");
        let own = gp.stack().map_or(0..0, |stack| stack.lo()..stack.hi().min(gp.frames_end()));
        line.number(own.len(), 10);
        line.text(b"-byte limit\nfatal error: stack overflow\n\nruntime: pcs");
        line.write();
        SCHED.sysmon.wakeup();
        walk(gp);
        write_stderr(b"\n\n");
    }
    signal::sleep_seconds(PATIENCE);
    exit()
}

fn exit() -> ! {
    // SAFETY: ends the process at once; nothing of it can go on anyway.
    unsafe { libc::_exit(2) }
}

/// Collects return addresses, and writes the innermost as they are. The frames of a host are not the
/// goroutine's; those of this handler are on another stack.
fn walk(gp: &'static G) {
    let hosts = gp.frames_end()..gp.stack().map_or(0, Stack::hi);
    let mut n = 0;
    // SAFETY: std's lock around the unwinder's caches is not needed for raw addresses; the thread is in a
    // handler, and takes no lock that it may hold.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            if hosts.contains(&(frame.sp() as usize)) {
                return false;
            }
            let pc = frame.ip() as usize;
            if n < INNER {
                FIRST[n].store(pc, Ordering::Relaxed);
            }
            LAST[n % OUTER].store(pc, Ordering::Relaxed);
            if n < 16 {
                let mut line = Line::new();
                line.text(b" 0x");
                line.number(pc, 16);
                line.write();
            }
            n += 1;
            n < 1 << 20
        });
    }
    WALKED.store(n as u32 + 1, Ordering::Release);
}

/// For sysmon: if a goroutine has used up its stack, the rest of the report.
pub(crate) fn check() {
    // SAFETY: null or a descriptor, which is never freed.
    if let Some(gp) = unsafe { GOROUTINE.load(Ordering::Acquire).as_ref() } {
        finish(gp);
    }
}

#[cold]
fn finish(gp: &'static G) -> ! {
    let until = clock::nanotime() + PATIENCE as u64 * 1_000_000_000;
    while WALKED.load(Ordering::Acquire) == 0 && clock::nanotime() < until {
        std::thread::yield_now();
    }
    if traceback_level() > TracebackLevel::None {
        let n = (WALKED.load(Ordering::Acquire) as usize).saturating_sub(1);
        let pc = |slot: &AtomicUsize| slot.load(Ordering::Relaxed);
        let first: Vec<usize> = FIRST[..n.min(INNER)].iter().map(pc).collect();
        let last: Vec<usize> =
            (INNER.max(n.saturating_sub(OUTER))..n).map(|i| pc(&LAST[i % OUTER])).collect();
        let elided = n - first.len() - last.len();
        write_stderr(traceback::overflowed(gp, &first, elided, &last).as_bytes());
        if traceback_level() >= TracebackLevel::All {
            for other in traceback::all_but(gp) {
                write_stderr(b"\n");
                write_stderr(other.as_bytes());
            }
        }
    }
    exit()
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
