//! What has to be there before the first goroutine runs.
//!
//! Go: proc.go `schedinit`, `mcommoninit`, `minit`; runtime1.go `check`; os_linux.go `osinit`.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use super::debugvars;
use super::m::M;
use super::rt0::Options;
use super::{MAX_MCOUNT, MAX_PROCS, SCHED, overflow, panic, procresize::procresize, quit, quota, slack};
use crate::netpoll;
use crate::stack;
use crate::sys::thread::SigMask;
use crate::sys::{barrier, clock, mem, thread, throw};
use crate::{rand, tls};

/// The least that sysmon sleeps.
pub(crate) const MIN_SYSMON_SLEEP: u64 = 100_000;

/// How long an M runs before another thread has its turn on the same processor, in nanoseconds: the least that
/// the kernel allows. A timer's M that wakes beside goroutines that compute then waits less.
const TURN: u64 = 100_000;

/// Bytes of an M's signal stack, unless the processor's registers need more.
const GSIGNAL: usize = 32 << 10;

/// The signal mask at boot, given to every M. Go: `initSigmask`.
static INIT_SIGMASK: OnceLock<SigMask> = OnceLock::new();

/// Checks of layout, atomics and clock that the rest relies on. Go: `check`.
pub(crate) fn check() -> String {
    // Layout is checked where it is relied on, at compile time; here, what only running shows.
    let word = std::sync::atomic::AtomicU64::new(1);
    if word.compare_exchange(1, u64::MAX, Ordering::AcqRel, Ordering::Acquire) != Ok(1)
        || word.swap(2, Ordering::AcqRel) != u64::MAX
    {
        throw("check: atomics do not work");
    }
    let (a, b) = (clock::nanotime(), clock::nanotime());
    if a == 0 || b < a {
        throw("check: the monotonic clock does not work");
    }
    format!("G {} bytes, P {} bytes", size_of::<crate::g::G>(), size_of::<super::p::P>())
}

/// Processors, page size, and what the kernel can do. Go: `osinit`.
pub(crate) fn osinit() -> String {
    let guard = if mem::has_guard_install() { "guard regions" } else { "guards by mprotect" };
    let fence = if barrier::asymmetric() { "membarrier" } else { "fences, no membarrier" };
    format!("ncpu={} page={} {guard}, {fence}", quota::by_affinity(), mem::page_size())
}

/// The pools of stacks. Go: `stackinit`.
pub(crate) fn stackinit(options: &Options) -> String {
    stack::pool::init(debugvars::get().noguardinstall);
    netpoll::init(debugvars::get().noepollpwait2);
    let wanted = options
        .stack_size
        .or_else(|| std::env::var("GORT_STACK").ok().and_then(|v| parse_size(&v)))
        .unwrap_or(stack::DEFAULT_STACK_SIZE);
    set_stack_size(wanted);
    let order = SCHED.stack_order.load(Ordering::Relaxed) as u8;
    format!(
        "orders of {} KiB to {} MiB, default {} KiB with a guard of {} KiB",
        stack::MIN_SIZE >> 10,
        stack::size(stack::ORDERS as u8 - 1) >> 20,
        stack::size(order) >> 10,
        stack::GUARD >> 10
    )
}

/// Sets the default size of goroutines' stacks, in usable bytes.
pub(crate) fn set_stack_size(usable: usize) {
    let order = stack::order_for(usable).unwrap_or(stack::ORDERS as u8 - 1);
    SCHED.stack_order.store(u32::from(order), Ordering::Relaxed);
}

/// `GORT_STACK`: a positive decimal number of bytes, or with a suffix `K`, `M`. Anything else is nothing, as it is
/// with `GOMAXPROCS`; a number past all bounds is a very large one.
fn parse_size(text: &str) -> Option<usize> {
    let (digits, shift) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 10),
        b'm' | b'M' => (&text[..text.len() - 1], 20),
        _ => (text, 0),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n = digits.parse::<usize>().unwrap_or(usize::MAX);
    (n > 0).then(|| n.saturating_mul(1 << shift))
}

/// The random seed, and the slabs of descriptors. Go: `mallocinit`, `alginit`.
pub(crate) fn mallocinit() -> String {
    SCHED.seed.store(rand::seed() as usize, Ordering::Relaxed);
    format!("G slabs of 16 MiB, up to {} to a chunk; random seed", crate::g::slab::CHUNK_GS)
}

/// The first M. Go: `mcommoninit`.
pub(crate) fn mcommoninit(mp: &'static M) -> String {
    mp.rand.reseed(SCHED.seed.load(Ordering::Relaxed) as u64);
    format!("m{}: g0, gsignal {} KiB, maxmcount={MAX_MCOUNT}", mp.id, gsignal_size() >> 10)
}

fn gsignal_size() -> usize {
    // A fault within a handler's walk brings a second frame.
    GSIGNAL.max(2 * thread::min_sigstack() + (16 << 10))
}

/// The signal mask that every M gets, and the timer slack. Go: `msigsave`, `initSigmask`.
pub(crate) fn init_sigmask() -> String {
    slack::init();
    let blocked = INIT_SIGMASK.get_or_init(SigMask::current).blocked();
    format!("{blocked} signals blocked in every M")
}

/// Whether every M blocks `signal`, because the process was started so.
pub(crate) fn is_blocked(signal: i32) -> bool {
    INIT_SIGMASK.get().is_some_and(|mask| mask.blocks(signal))
}

/// What tells of crashes. Go: `tracebackinit`.
pub(crate) fn tracebackinit() -> String {
    panic::install_hook();
    overflow::install();
    quit::install();
    "panic hook, fault and SIGQUIT handlers chained; sysmon warms the unwinder".into()
}

/// The frames of a crash are found by the unwinder; its tables are looked up once here, so that a crash need not. By
/// sysmon, as it begins: beside the program, which need not wait for it.
pub(crate) fn warm_unwinder() {
    backtrace::trace(|_| false);
}

/// The Ps. Go: `schedinit`'s last part, `procresize`.
pub(crate) fn procs(options: &Options) -> String {
    let env = std::env::var("GOMAXPROCS");
    let (n, from) = match (options.gomaxprocs, env.as_deref().ok().and_then(debugvars::parse_gomaxprocs)) {
        (Some(n), _) => (u32::try_from(n).unwrap_or(u32::MAX), "the program"),
        (None, Some(n)) => (n, "GOMAXPROCS"),
        (None, None) => {
            let n = quota::by_affinity();
            quota::leave_open(n);
            (n, "the number of processors")
        }
    };
    procresize(n.clamp(1, MAX_PROCS as u32));
    format!("gomaxprocs={} by {from}", SCHED.procs())
}

/// A signal stack of `size` bytes above a page that faults: a handler that goes too deep writes to nothing of others'.
fn gsignal(size: usize) -> io::Result<*mut u8> {
    let guard = mem::page_size();
    let base = mem::reserve(guard + size)?;
    // Without a guard it is as good a stack as any.
    let _ = mem::guard(&[base as usize], guard, stack::pool::light_guards());
    Ok(base.wrapping_add(guard))
}

/// Makes the calling thread ready to be an M: its thread-local word, its name, its signal stack and
/// mask. Go: `minit`.
pub(crate) fn minit(mp: &'static M) {
    if !tls::self_test() {
        throw("the thread-local accessor does not work");
    }
    mp.tid.store(thread::gettid(), Ordering::Relaxed);
    // Another thread may have had this M before.
    mp.g0_stack.set((0, 0));
    tls::set::<{ tls::THREAD_OF }>(std::ptr::from_ref(mp) as usize);
    // The starting thread keeps the process's name.
    if mp.tid.load(Ordering::Relaxed) != std::process::id() as i32 {
        thread::set_name(format_args!("gort-m{}", mp.id));
        slack::minit(mp);
    }
    thread::set_turn(TURN);
    let size = gsignal_size();
    if mp.gsignal.get().is_null() {
        mp.gsignal.set(gsignal(size).unwrap_or(std::ptr::null_mut()));
    }
    if !mp.gsignal.get().is_null() {
        thread::set_sigaltstack(mp.gsignal.get(), size);
    }
    if let Some(mask) = INIT_SIGMASK.get() {
        mask.restore();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stack_sizes() {
        let check = |text: &str, expected: Option<usize>| assert_eq!(parse_size(text), expected, "{text:?}");
        check("65536", Some(65536));
        check("512K", Some(512 << 10));
        check("1m", Some(1 << 20));
        check("0", None);
        check("", None);
        check("K", None);
        check("lots", None);
        check("+1", None);
        check("-1", None);
        check(" 1", None);
        check("1G", None);
        check("99999999999999999999", Some(usize::MAX));
        check("99999999999999999M", Some(usize::MAX));
    }
}
