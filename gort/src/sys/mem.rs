//! Address space: reserving, guarding, populating, giving back.

use std::io;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const MADV_POPULATE_WRITE: libc::c_int = 23;
/// Less than this never gets a huge page, on any processor.
const HUGE: usize = 2 << 20;
const MADV_GUARD_INSTALL: libc::c_int = 102;
/// `PIDFD_SELF_THREAD_GROUP`: the calling process, without a descriptor of its own (Linux 6.14).
const PIDFD_SELF: libc::c_int = -10_001;

/// The size of a page.
pub(crate) fn page_size() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    // SAFETY: sysconf with a constant name.
    *SIZE.get_or_init(|| unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize)
}

/// Reserves `len` bytes of zeroed memory which the kernel backs as they are touched. Never given
/// huge pages: a stack or a descriptor uses a page or two of its share.
pub(crate) fn reserve(len: usize) -> io::Result<*mut u8> {
    // SAFETY: a fresh anonymous mapping, at an address of the kernel's choice.
    let p = unsafe {
        libc::mmap(
            ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if p == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    if len >= HUGE {
        // SAFETY: the range was mapped just now. A kernel without huge pages says EINVAL, which is fine.
        unsafe { libc::madvise(p, len, libc::MADV_NOHUGEPAGE) };
    }
    Ok(p.cast())
}

/// Whether the kernel has lightweight guard regions (Linux 6.13), probed once.
pub(crate) fn has_guard_install() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| {
        let Ok(p) = reserve(page_size()) else { return false };
        // SAFETY: the page was mapped just above for this probe and is unmapped right after it.
        unsafe {
            let ok = libc::madvise(p.cast(), page_size(), MADV_GUARD_INSTALL) == 0;
            libc::munmap(p.cast(), page_size());
            ok
        }
    })
}

/// Most ranges that one call advises.
pub(crate) const BATCH: usize = 64;

/// Whether the kernel has refused `process_madvise` for this process: it is not asked again.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// Applies `advice` to the `len` bytes at `offset` from each of `bases`, of which there are at most [`BATCH`], in
/// as few system calls as the kernel allows. `process_madvise` may stop early or be refused; the rest is done
/// one by one. Gives how many were done, in order, and why not more.
fn advise(bases: &[usize], offset: usize, len: usize, advice: libc::c_int) -> (usize, io::Result<()>) {
    let mut done = 0;
    if bases.len() > 1 && !REFUSED.load(Ordering::Relaxed) {
        let ranges: [libc::iovec; BATCH] = std::array::from_fn(|i| libc::iovec {
            iov_base: (bases.get(i).map_or(0, |base| base + offset)) as *mut libc::c_void,
            iov_len: len,
        });
        // SAFETY: the ranges lie inside the callers' mappings. A short count or an error leaves the rest to the
        // loop below, which reports what fails.
        let bytes = unsafe {
            libc::syscall(libc::SYS_process_madvise, PIDFD_SELF, ranges.as_ptr(), bases.len(), advice, 0)
        };
        if bytes > 0 {
            done = bytes as usize / len;
        } else {
            let code = io::Error::last_os_error().raw_os_error();
            // No such call, no such descriptor, not such advice, not allowed.
            let never = [libc::ENOSYS, libc::EBADF, libc::EINVAL, libc::EPERM];
            REFUSED.store(code.is_some_and(|code| never.contains(&code)), Ordering::Relaxed);
        }
    }
    for &base in &bases[done..] {
        // SAFETY: the range lies inside the caller's mapping.
        if unsafe { libc::madvise((base + offset) as *mut libc::c_void, len, advice) } != 0 {
            return (done, Err(io::Error::last_os_error()));
        }
        done += 1;
    }
    (done, Ok(()))
}

/// Mappings that guards by `mprotect` leave to the rest of the process: to allocators and threads, which would fail
/// without.
const SPARE_MAPPINGS: usize = 4096;

/// How many ranges may be guarded by `mprotect`: each splits its mapping in three, and a process may have
/// `vm.max_map_count`.
fn most_guards() -> usize {
    static MOST: OnceLock<usize> = OnceLock::new();
    *MOST.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
        text.trim().parse().unwrap_or(65_530_usize).saturating_sub(SPARE_MAPPINGS) / 2
    })
}

/// Makes the `len` bytes at each of `bases` fault on any access. Gives how many were done, in order, and why not
/// more.
pub(crate) fn guard(bases: &[usize], len: usize, light: bool) -> (usize, io::Result<()>) {
    static GUARDS: AtomicUsize = AtomicUsize::new(0);
    if light {
        return advise(bases, 0, len, MADV_GUARD_INSTALL);
    }
    for (done, &base) in bases.iter().enumerate() {
        // One too many when two threads count the last one at once, which is no harm.
        if GUARDS.load(Ordering::Relaxed) >= most_guards() {
            let text =
                "guards by mprotect need two memory mappings each, and vm.max_map_count allows no more";
            return (done, Err(io::Error::new(io::ErrorKind::OutOfMemory, text)));
        }
        // SAFETY: the range lies inside the caller's mapping and is in use by nobody.
        if unsafe { libc::mprotect(base as *mut libc::c_void, len, libc::PROT_NONE) } != 0 {
            return (done, Err(io::Error::last_os_error()));
        }
        GUARDS.fetch_add(1, Ordering::Relaxed);
    }
    (bases.len(), Ok(()))
}

/// Backs the `len` bytes at `offset` from each of `bases` with pages now, which costs half of what the faults
/// would. Best effort: what is not backed here faults in later.
pub(crate) fn populate(bases: &[usize], offset: usize, len: usize) {
    let _ = advise(bases, offset, len, MADV_POPULATE_WRITE);
}

/// Gives the pages behind the `len` bytes at `offset` from each of `bases` back to the kernel; what is touched
/// again is zero.
pub(crate) fn discard(bases: &[usize], offset: usize, len: usize) {
    let _ = advise(bases, offset, len, libc::MADV_DONTNEED);
}

/// Takes the pages behind `len` bytes at `at` away: they read as zero and are backed again when touched. Best effort.
pub(crate) fn give_back(at: usize, len: usize) {
    // SAFETY: the caller's mapping; what lay there is of no use.
    unsafe { libc::madvise(at as *mut libc::c_void, len, libc::MADV_DONTNEED) };
}

/// Lets the process have as much address space as it may allow itself. For its last words: debug information is mapped.
pub(crate) fn lift_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is written first, and is a valid limit then; the soft one may be raised up to the hard one.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_AS, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_AS, &limit);
        }
    }
}

/// Asks the processor for the cache line at `address`, which need not be mapped.
#[inline(always)]
pub(crate) fn prefetch(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch does not fault.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address as *const i8);
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
}

/// [`prefetch`] for who is going to write there: another core that has the line gives it up.
#[inline(always)]
pub(crate) fn prefetch_to_write(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch does not fault; a processor without `prefetchw` takes it for nothing.
    unsafe {
        std::arch::asm!("prefetchw [{0}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prfm pstl1keep, [{0}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRIDE: usize = 256 << 10;
    const GUARD: usize = 64 << 10;

    /// Whether the kernel can read the byte at `address` for us.
    fn readable(address: usize) -> bool {
        let mut pipe = [0; 2];
        // SAFETY: the pipe is made and closed here; a bad address is an error of `write`.
        unsafe {
            assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
            let n = libc::write(pipe[1], address as *const libc::c_void, 1);
            libc::close(pipe[0]);
            libc::close(pipe[1]);
            n == 1
        }
    }

    fn resident(address: usize) -> bool {
        let mut state = 0;
        // SAFETY: one page of a mapping of ours, and a byte for its state.
        unsafe { assert_eq!(libc::mincore(address as *mut libc::c_void, page_size(), &mut state), 0) };
        state & 1 == 1
    }

    fn stacks() -> Vec<usize> {
        let base = reserve(BATCH * STRIDE).unwrap() as usize;
        (0..BATCH).map(|i| base + i * STRIDE).collect()
    }

    fn guards_populates_and_discards(light: bool) {
        let bases = stacks();
        let top = STRIDE - page_size();
        let (guarded, result) = guard(&bases, GUARD, light);
        assert!(guarded == BATCH && result.is_ok(), "{guarded} {result:?}");
        populate(&bases, top, page_size());
        for &base in &bases {
            assert!(!readable(base) && !readable(base + GUARD - 1) && readable(base + GUARD));
            assert!(resident(base + top));
        }
        discard(&bases, GUARD, STRIDE - GUARD);
        for &base in &bases {
            assert!(!resident(base + top) && !readable(base + GUARD - 1));
        }
    }

    /// One test: whether `process_madvise` is refused is the process's.
    #[test]
    fn guards_in_batches_one_by_one_and_by_mprotect() {
        let refused = || REFUSED.load(Ordering::Relaxed);
        guards_populates_and_discards(false);
        if has_guard_install() {
            guards_populates_and_discards(true);
            REFUSED.store(true, Ordering::Relaxed);
            guards_populates_and_discards(true);
            REFUSED.store(false, Ordering::Relaxed);
            // It stops at what is not mapped, and says how far it came.
            let mut bases = stacks();
            bases[40] = usize::MAX & !(STRIDE - 1);
            let (guarded, result) = guard(&bases, GUARD, true);
            assert!(guarded == 40 && result.is_err(), "{guarded} {result:?}");
            assert!(!refused() && !readable(bases[39]) && readable(bases[41]));
        }
    }
}
