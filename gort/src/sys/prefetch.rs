//! A hint that a cache line will be written soon: what another processor has written last takes as long to come as
//! a few dozen instructions.

/// Asks for the two cache lines from `at` on.
#[inline(always)]
pub(crate) fn two_lines<T>(at: *const T) {
    // SAFETY: a hint, which never faults and changes nothing.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        core::arch::asm!(
            "prefetchw [{0}]",
            "prefetchw [{0} + 64]",
            in(reg) at,
            options(readonly, nostack, preserves_flags)
        );
        #[cfg(target_arch = "aarch64")]
        core::arch::asm!(
            "prfm pstl1keep, [{0}]",
            "prfm pstl1keep, [{0}, #64]",
            in(reg) at,
            options(readonly, nostack, preserves_flags)
        );
    }
}
