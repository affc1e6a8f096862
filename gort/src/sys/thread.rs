//! Operating-system threads: making one, its stack bounds, its signal mask, its signal stack.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt as _;
use std::ptr;

/// A saved signal mask.
#[derive(Clone, Copy)]
pub(crate) struct SigMask(libc::sigset_t);

impl SigMask {
    /// The calling thread's mask. Go: `msigsave`.
    pub(crate) fn current() -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: with a null new set, the call only writes the old one.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, ptr::null(), set.as_mut_ptr());
            Self(set.assume_init())
        }
    }

    /// Blocks every signal in the calling thread and gives its former mask.
    pub(crate) fn block_all() -> Self {
        let mut all = MaybeUninit::uninit();
        let mut old = MaybeUninit::uninit();
        // SAFETY: sigfillset initialises `all`; pthread_sigmask reads it and writes `old`.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
            Self(old.assume_init())
        }
    }

    /// How many signals it blocks.
    pub(crate) fn blocked(&self) -> usize {
        (1..=64).filter(|&n| self.blocks(n)).count()
    }

    /// Whether it blocks `signal`.
    pub(crate) fn blocks(&self, signal: libc::c_int) -> bool {
        // SAFETY: the set is initialised.
        unsafe { libc::sigismember(&self.0, signal) == 1 }
    }

    /// One that blocks all signals but those whose bits are set: bit 0 is signal 1.
    pub(crate) fn all_but(signals: u64) -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigfillset initialises the set; the numbers are those of signals.
        unsafe {
            libc::sigfillset(set.as_mut_ptr());
            for n in (1..=64).filter(|n| signals >> (n - 1) & 1 == 1) {
                libc::sigdelset(set.as_mut_ptr(), n);
            }
            Self(set.assume_init())
        }
    }

    /// Makes this the calling thread's mask.
    pub(crate) fn restore(&self) {
        // SAFETY: the set is initialised; no old set is asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, ptr::null_mut()) };
    }
}

/// Starts a detached thread with `stack_size` bytes of stack and all signals blocked, which runs
/// `start(arg)`. Not `std::thread`: a thread of std's inherits the test harness's output capture.
///
/// # Errors
/// EAGAIN when the system has no room for another thread.
pub(crate) fn spawn(
    stack_size: usize,
    start: extern "C" fn(*mut libc::c_void) -> *mut libc::c_void,
    arg: *mut libc::c_void,
) -> io::Result<()> {
    let mask = SigMask::block_all();
    // SAFETY: the attribute object is initialised before use and destroyed after; the thread gets a
    // function and an argument that the caller made for it.
    let code = unsafe {
        let mut attr = MaybeUninit::uninit();
        libc::pthread_attr_init(attr.as_mut_ptr());
        libc::pthread_attr_setstacksize(attr.as_mut_ptr(), stack_size);
        libc::pthread_attr_setdetachstate(attr.as_mut_ptr(), libc::PTHREAD_CREATE_DETACHED);
        let mut thread = MaybeUninit::uninit();
        let code = libc::pthread_create(thread.as_mut_ptr(), attr.as_ptr(), start, arg);
        libc::pthread_attr_destroy(attr.as_mut_ptr());
        code
    };
    mask.restore();
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

/// The lowest and the highest address of the calling thread's stack.
pub(crate) fn stack_bounds() -> (usize, usize) {
    let local = 0u8;
    let here = std::ptr::from_ref(std::hint::black_box(&local)) as usize;
    first_stack_bounds().filter(|&(lo, hi)| (lo..hi).contains(&here)).unwrap_or_else(own_stack_bounds)
}

/// The same of the process's first thread, without a look at the map of the process, which takes longer than a thread
/// takes to start. The last thing that the kernel puts on that stack is the program's name, and after it one zero word.
fn first_stack_bounds() -> Option<(usize, usize)> {
    // SAFETY: getauxval with a constant name; 0 when the kernel does not say.
    let name = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const libc::c_char;
    if name.is_null() {
        return None;
    }
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel's own string, which nobody writes; `limit` is valid to write to.
    let (end, ok) =
        unsafe { (name as usize + libc::strlen(name), libc::getrlimit(libc::RLIMIT_STACK, &mut limit) == 0) };
    let page = super::mem::page_size();
    let hi = (end + size_of::<usize>() + page) & !(page - 1);
    (ok && limit.rlim_cur != libc::RLIM_INFINITY).then(|| (hi.saturating_sub(limit.rlim_cur as usize), hi))
}

fn own_stack_bounds() -> (usize, usize) {
    // SAFETY: the attribute object is filled by pthread_getattr_np, read, then destroyed.
    unsafe {
        let mut attr = MaybeUninit::uninit();
        if libc::pthread_getattr_np(libc::pthread_self(), attr.as_mut_ptr()) != 0 {
            return (0, 0);
        }
        let mut lo = ptr::null_mut();
        let mut size = 0;
        libc::pthread_attr_getstack(attr.as_ptr(), &mut lo, &mut size);
        libc::pthread_attr_destroy(attr.as_mut_ptr());
        (lo as usize, lo as usize + size)
    }
}

/// The kernel's id of the calling thread.
pub(crate) fn gettid() -> i32 {
    // SAFETY: no arguments, always succeeds.
    unsafe { libc::syscall(libc::SYS_gettid) as i32 }
}

/// Nanoseconds of processor time that the thread `tid` of this process has used; none when it is gone.
pub(crate) fn cpu_time(tid: i32) -> Option<u64> {
    // The kernel's numbering of clocks: a thread's own, as the scheduler counts.
    let clock = (!tid << 3) | 0b110;
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `ts` is a valid timespec to write to; a clock that does not exist is an error.
    let ok = unsafe { libc::clock_gettime(clock, &mut ts) } == 0;
    ok.then(|| ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64)
}

/// Whether the kernel says that the thread `tid` of this process is not runnable: asleep, or stopped.
pub(crate) fn is_asleep(tid: i32) -> bool {
    matches!(state(tid), Some(b'S' | b'D' | b'T' | b't'))
}

/// Whether it says that the thread waits for something: not so while the whole process is stopped.
pub(crate) fn waits(tid: i32) -> bool {
    matches!(state(tid), Some(b'S' | b'D'))
}

/// The letter that proc_pid_stat(5) explains. Asked for often: allocates nothing.
fn state(tid: i32) -> Option<u8> {
    let mut path = [0u8; 40];
    let mut rest = &mut path[..];
    std::io::Write::write_fmt(&mut rest, format_args!("/proc/self/task/{tid}/stat")).ok()?;
    let left = rest.len();
    let path = OsStr::from_bytes(&path[..path.len() - left]);
    let mut text = [0u8; 256];
    let mut file = std::fs::File::open(path).ok()?;
    let n = file.read(&mut text).ok()?;
    // It follows the name, which stands in parentheses and may hold any byte.
    let end = text[..n].iter().rposition(|&b| b == b')')?;
    text[..n].get(end + 2).copied()
}

/// Has all other threads of the process give way to the calling one: for the last words of a process whose threads
/// compute. None is stopped, as it may hold what is needed to go on. Best effort.
pub(crate) fn others_give_way() {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return };
    let own = gettid();
    let tids = tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse::<i32>().ok());
    for tid in tids.filter(|&tid| tid != own) {
        // SAFETY: plain numbers; to lower a priority needs no right.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, tid as libc::id_t, 19) };
    }
}

/// Names the calling thread; at most 15 bytes are kept. Allocates nothing: a thread's first allocation costs a map of
/// 128 MiB, an arena of its own.
pub(crate) fn set_name(name: std::fmt::Arguments<'_>) {
    let mut buf = [0u8; 16];
    // What does not fit is left out.
    let _ = std::io::Write::write_fmt(&mut &mut buf[..15], name);
    // SAFETY: PR_SET_NAME reads a NUL-terminated string of at most 16 bytes.
    unsafe { libc::prctl(libc::PR_SET_NAME, buf.as_ptr()) };
}

/// Asks the kernel to share the processor in turns of `nanoseconds` where this thread competes (Linux 6.12:
/// a custom slice of the fair scheduler). One that has slept a while then gets its turn sooner. Best effort:
/// an older kernel ignores it; a thread of another policy, or of a higher priority, is left alone. Threads and
/// processes that this one starts have the default again.
pub(crate) fn set_turn(nanoseconds: u64) {
    #[repr(C)]
    #[derive(Default)]
    struct SchedAttr {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }
    let size = size_of::<SchedAttr>();
    let mut attr = SchedAttr::default();
    // SAFETY: the kernel writes at most `size` bytes to `attr`, which it then reads, with its size in the
    // first field.
    unsafe {
        let got = libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attr, size, 0) == 0;
        if got && attr.policy == libc::SCHED_OTHER as u32 && attr.nice >= 0 {
            attr.size = size as u32;
            attr.flags |= libc::SCHED_FLAG_RESET_ON_FORK as u64;
            attr.runtime = nanoseconds;
            libc::syscall(libc::SYS_sched_setattr, 0, &raw const attr, 0);
        }
    }
}

/// The smallest signal stack that the processor's register state fits on.
pub(crate) fn min_sigstack() -> usize {
    // SAFETY: getauxval with a constant name; 0 when the kernel does not say.
    unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) as usize }
}

/// Makes `[base, base + size)` the calling thread's signal stack. That of the process's first thread was std's,
/// which `std::process::exit` unmaps, on whichever thread it is called.
pub(crate) fn set_sigaltstack(base: *mut u8, size: usize) {
    let new = libc::stack_t { ss_sp: base.cast(), ss_flags: 0, ss_size: size };
    // SAFETY: the memory is the M's own and lives as long as the process.
    unsafe { libc::sigaltstack(&new, ptr::null_mut()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel names the mapping of the first thread's stack. Asked for on any thread.
    #[test]
    fn the_first_stack_ends_where_the_kernel_says() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.ends_with("[stack]")).expect("the first thread lives");
        let (range, _) = line.split_once(' ').unwrap();
        let (lo, hi) = range.split_once('-').unwrap();
        let [lo, hi] = [lo, hi].map(|text| usize::from_str_radix(text, 16).unwrap());
        // None without a limit, for then there is no lowest address.
        if let Some((lowest, highest)) = first_stack_bounds() {
            assert_eq!(highest, hi);
            assert!(lowest <= lo);
        }
    }

    #[test]
    fn a_local_is_within_the_bounds() {
        let here = || {
            let local = 0_u8;
            let (lo, hi) = stack_bounds();
            (lo..hi).contains(&(std::ptr::from_ref(std::hint::black_box(&local)) as usize))
        };
        assert!(here());
        assert!(std::thread::spawn(here).join().unwrap());
    }
}
