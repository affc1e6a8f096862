//! Address space: reserving, guarding, populating, giving back.

use std::io;
use std::ptr;
use std::sync::OnceLock;

const MADV_POPULATE_WRITE: libc::c_int = 23;
const MADV_GUARD_INSTALL: libc::c_int = 102;
/// `PIDFD_SELF_THREAD_GROUP`: a pidfd of the calling process that needs no opening (Linux 6.14).
const PIDFD_SELF: libc::c_int = -10002;

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
    // SAFETY: the range was mapped just now. A kernel without huge pages says EINVAL, which is fine.
    unsafe { libc::madvise(p, len, libc::MADV_NOHUGEPAGE) };
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

/// Applies `advice` to `count` ranges of `len` bytes, `stride` apart, in as few system calls as the
/// kernel allows. `process_madvise` may stop early or be refused; the rest is done one by one.
fn advise_strided(
    first: *mut u8,
    len: usize,
    stride: usize,
    count: usize,
    advice: libc::c_int,
) -> io::Result<()> {
    let mut done = 0;
    if count > 1 {
        let ranges: [libc::iovec; 64] = std::array::from_fn(|i| libc::iovec {
            iov_base: first.wrapping_add(i * stride).cast(),
            iov_len: len,
        });
        let n = count.min(ranges.len());
        // SAFETY: `ranges[..n]` lie inside the caller's mapping. A short count or an error leaves the
        // rest to the loop below, which reports what fails.
        let bytes =
            unsafe { libc::syscall(libc::SYS_process_madvise, PIDFD_SELF, ranges.as_ptr(), n, advice, 0) };
        if bytes > 0 {
            done = bytes as usize / len;
        }
    }
    for i in done..count {
        // SAFETY: the range lies inside the caller's mapping.
        if unsafe { libc::madvise(first.wrapping_add(i * stride).cast(), len, advice) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Makes `count` ranges of `len` bytes, `stride` apart, fault on any access.
///
/// # Errors
/// The kernel's, notably ENOMEM when the fallback (`mprotect`, which splits mappings) runs out of
/// `vm.max_map_count`.
pub(crate) fn guard_strided(
    first: *mut u8,
    len: usize,
    stride: usize,
    count: usize,
    light: bool,
) -> io::Result<()> {
    if light {
        return advise_strided(first, len, stride, count, MADV_GUARD_INSTALL);
    }
    for i in 0..count {
        // SAFETY: the range lies inside the caller's mapping and is in use by nobody.
        if unsafe { libc::mprotect(first.wrapping_add(i * stride).cast(), len, libc::PROT_NONE) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Backs `count` ranges of `len` bytes, `stride` apart, with pages now, which costs half of what the
/// faults would. Best effort: what is not backed here faults in later.
pub(crate) fn populate_strided(first: *mut u8, len: usize, stride: usize, count: usize) {
    let _ = advise_strided(first, len, stride, count, MADV_POPULATE_WRITE);
}
