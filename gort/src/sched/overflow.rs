//! A goroutine has used up its stack: the report, and status 2.
//!
//! The guard at the low end of the stack faults, and the handler runs on the M's signal stack. The faulting
//! goroutine may hold any lock (the allocator's, the loader's), so the handler only uses `write`, futexes and the
//! raw unwinder; names come from sysmon, which does not share the goroutine's fate. Each of the two ends the
//! process if the other makes no progress for two seconds ([`Patience`]).
//!
//! ```text
//!   handler                                  sysmon
//!   1. header                                on its next round, or woken by 2:
//!   2. GOROUTINE = who, wake sysmon          waits for WALKED, as long as there are ever more frames
//!   3. raw return addresses, WALKED          names, and where the goroutine was made; status 2
//!   4. as long as sysmon's clock moves: sleeps
//!   5. status 2
//! ```
//!
//! Sysmon's progress is its CPU clock: to read the debug information, which comes with the first name, takes a while, and
//! seconds on a busy machine; while it waits for a lock that the goroutine has, its clock stands still. One that spins
//! is told by having found no further name for half a minute. Looks are counted and not time, because a process may be
//! stopped for a while.
//!
//! A fault in a guarded walk of a stack ends that walk. One anywhere else goes to whoever handled it before.
//!
//! Go: signal_unix.go `sighandler`, stack.go `newstack`, "stack overflow".

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};

use super::debugvars::{TracebackLevel, traceback_level};
use super::m::M;
use super::traceback::{self, Frames, Interrupted, Step};
use super::{SCHED, quit};
use crate::g::G;
use crate::sys::{signal, thread, write_stderr};
use crate::tls;

/// Nanoseconds between two looks of the handler at sysmon, and of sysmon at the handler.
const LOOK: u64 = 100_000_000;
const LOOK_AT_WALK: u64 = 1_000_000;
/// For how many nanoseconds either may not move, and how long sysmon may move and find no name.
const STILL: u64 = 2_000_000_000;
const IN_VAIN: u64 = 30_000_000_000;
/// The thread that looks names up; 0 before it does.
static NAMES_BY: AtomicI32 = AtomicI32::new(0);
static OLD: OnceLock<[Option<signal::Action>; 2]> = OnceLock::new();
/// Whose stack is used up. Release: pairs with sysmon's Acquire.
static GOROUTINE: AtomicPtr<G> = AtomicPtr::new(ptr::null_mut());
/// Whether all of its frames are there. Release: pairs with sysmon's Acquire.
static WALKED: AtomicBool = AtomicBool::new(false);
static FRAMES: Frames = Frames::new();

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
    if let Some(gp) = overflowed(mp, signal::fault_address(info)) {
        report(gp, signal::interrupted(context).0);
    }
    let old = OLD.get().and_then(|old| old[usize::from(number == libc::SIGBUS)].as_ref());
    match old {
        Some(old) => signal::forward(old, number, info, context),
        // Between the two installations: the fault comes again.
        None => signal::sleep(0),
    }
}

/// The goroutine of this thread, if the address lies in its stack's guard.
fn overflowed(mp: Option<&'static M>, address: usize) -> Option<&'static G> {
    let gp = mp?.curg.get();
    let stack = gp.stack()?;
    (stack.base()..stack.lo()).contains(&address).then_some(gp)
}

fn report(gp: &'static G, pc: usize) -> ! {
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
        walk(gp, pc);
        write_stderr(b"\n\n");
    }
    let (mut moves, mut names) = (Patience::new(STILL / LOOK), Patience::new(IN_VAIN / LOOK));
    loop {
        let by = NAMES_BY.load(Ordering::Relaxed);
        // The kernel takes 0 for the calling thread.
        let ran = if by == 0 { 0 } else { thread::cpu_time(by).unwrap_or(0) };
        if moves.is_over(ran) || names.is_over(traceback::looked_up().into()) {
            quit::exit()
        }
        signal::sleep(LOOK);
    }
}

/// How often one looks at another that makes no progress.
struct Patience {
    looks: u64,
    left: u64,
    seen: Option<u64>,
}

impl Patience {
    fn new(looks: u64) -> Self {
        Self { looks, left: looks, seen: None }
    }

    /// One more look: the other has come so far.
    fn is_over(&mut self, progress: u64) -> bool {
        if self.seen.replace(progress) == Some(progress) {
            self.left -= 1;
        } else {
            self.left = self.looks;
        }
        self.left == 0
    }
}

/// Collects return addresses from the fault on, and writes the innermost as they are. The frames of a host are not the
/// goroutine's.
fn walk(gp: &'static G, fault: usize) {
    let mut own = Interrupted::at(fault, gp.frames_end());
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
    WALKED.store(true, Ordering::Release);
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
    NAMES_BY.store(thread::gettid(), Ordering::Relaxed);
    let mut frames = Patience::new(STILL / LOOK_AT_WALK);
    while !WALKED.load(Ordering::Acquire) && !frames.is_over(FRAMES.seen()) {
        signal::sleep(LOOK_AT_WALK);
    }
    // Without its word the handler may be writing still: then its own lines have to do.
    if WALKED.load(Ordering::Acquire) && traceback_level() > TracebackLevel::None {
        // Names have the processors to themselves.
        thread::others_give_way();
        // SAFETY: it is in the handler for good, and has left the frames.
        write_stderr(unsafe { traceback::running(gp, FRAMES.take()) }.as_bytes());
        if traceback_level() >= TracebackLevel::All {
            for other in traceback::last_words(Some(gp)) {
                write_stderr(format!("\n{other}").as_bytes());
            }
        }
    }
    quit::exit()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience() {
        let check = |progress: &[u64], over_at: Option<usize>| {
            let mut patience = Patience::new(3);
            assert_eq!(progress.iter().position(|&p| patience.is_over(p)), over_at, "{progress:?}");
        };
        check(&[0, 0, 0], None);
        check(&[0, 0, 0, 0], Some(3));
        check(&[0, 0, 0, 1, 1, 1, 2], None);
        check(&[0, 1, 1, 1, 1], Some(4));
        check(&[1, 2, 3, 4, 5, 6, 7], None);
    }
}
