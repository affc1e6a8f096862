//! Waiting for a 32-bit word to change, and waking those who wait.
//!
//! Go: os_linux.go `futexsleep`, `futexwakeup`.

use std::ptr;
use std::sync::atomic::AtomicU32;

use super::clock::{self, NEVER};

/// Sleeps while `word` is `expected`, at most until the absolute monotonic time `until`. May return
/// early for no reason; the caller looks again. False only when the time came.
pub(crate) fn wait(word: &AtomicU32, expected: u32, until: u64) -> bool {
    let ts = clock::timespec(until);
    let timeout = if until == NEVER { ptr::null() } else { &raw const ts };
    // SAFETY: `word` lives through the call; the kernel only compares it. FUTEX_WAIT_BITSET takes an
    // absolute CLOCK_MONOTONIC time, null for none.
    let r = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG,
            expected,
            timeout,
            ptr::null::<u32>(),
            u32::MAX,
        )
    };
    r == 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::ETIMEDOUT)
}

/// Wakes up to `n` sleepers. The word may be gone by now: the kernel only uses its address, and a
/// stray wake is something that every waiter tolerates.
pub(crate) fn wake(word: *const AtomicU32, n: i32) {
    // SAFETY: FUTEX_WAKE does not touch the memory at the address.
    unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, n) };
}
