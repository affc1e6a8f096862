//! The runtime's only thread-local, and its only accessor.
//!
//! Goroutines move between threads at every blocking point, and LLVM may keep the *address* of a
//! thread-local in a register across a call: a compiler that has computed it once believes that it
//! stays the same for the rest of the function. So the runtime's two words are defined in assembly
//! and read in volatile inline assembly, which computes the address anew at each use and is never
//! merged with another read. The model is initial-exec: two instructions, which the linker relaxes
//! to one constant in an executable, and which still work in a shared object.
//!
//! Word 0 is the [`M`](crate::sched::m::M) of this thread, null on a thread that is not the
//! runtime's. Word 1 is the pseudo goroutine under which a plain thread waits, null until its first
//! wait. Word 2 is the M also while word 0 is null because the M is in a blocking call: for signal
//! handlers. The words belong to their thread alone: nobody else reads or writes them.
//!
//! Go: tls_linux_amd64.s, `settls`, `get_tls`.

use core::arch::{asm, global_asm};

// `.hidden` keeps two copies of the crate in two shared objects apart; the version in the name keeps
// two versions of the crate in one executable apart.
global_asm!(
    ".section .tbss,\"awT\",@nobits",
    ".p2align 4",
    ".globl __gort_0_1_tls",
    ".hidden __gort_0_1_tls",
    ".type __gort_0_1_tls,%object",
    ".size __gort_0_1_tls,32",
    "__gort_0_1_tls:",
    ".zero 32",
    ".text",
);

/// The word of the M.
pub(crate) const M: usize = 0;
/// The word of a plain thread's pseudo goroutine.
pub(crate) const THREAD: usize = 8;

/// The word of the thread's M, whatever it does.
pub(crate) const THREAD_OF: usize = 16;

/// Reads the word at `OFFSET` of the calling thread's slot.
#[inline(always)]
pub(crate) fn get<const OFFSET: usize>() -> usize {
    let value: usize;
    // SAFETY: reads one of the words defined above, at the address that holds for the thread
    // that executes these very instructions. Not `pure`: it must not be merged with another read.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!(
            "mov {v}, qword ptr [rip + __gort_0_1_tls@GOTTPOFF]",
            "mov {v}, qword ptr fs:[{v} + {o}]",
            v = out(reg) value,
            o = const OFFSET,
            options(nostack, preserves_flags),
        );
        #[cfg(target_arch = "aarch64")]
        asm!(
            "mrs {t}, tpidr_el0",
            "adrp {v}, :gottprel:__gort_0_1_tls",
            "ldr {v}, [{v}, #:gottprel_lo12:__gort_0_1_tls]",
            "add {v}, {v}, {t}",
            "ldr {v}, [{v}, #{o}]",
            t = out(reg) _,
            v = out(reg) value,
            o = const OFFSET,
            options(nostack, preserves_flags),
        );
    }
    value
}

/// Writes the word at `OFFSET` of the calling thread's slot.
#[inline(always)]
pub(crate) fn set<const OFFSET: usize>(value: usize) {
    // SAFETY: writes one of the words defined above, of the executing thread; nobody else looks.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!(
            "mov {t}, qword ptr [rip + __gort_0_1_tls@GOTTPOFF]",
            "mov qword ptr fs:[{t} + {o}], {v}",
            t = out(reg) _,
            v = in(reg) value,
            o = const OFFSET,
            options(nostack, preserves_flags),
        );
        #[cfg(target_arch = "aarch64")]
        asm!(
            "mrs {t}, tpidr_el0",
            "adrp {a}, :gottprel:__gort_0_1_tls",
            "ldr {a}, [{a}, #:gottprel_lo12:__gort_0_1_tls]",
            "add {a}, {a}, {t}",
            "str {v}, [{a}, #{o}]",
            t = out(reg) _,
            a = out(reg) _,
            v = in(reg) value,
            o = const OFFSET,
            options(nostack, preserves_flags),
        );
    }
}

/// The seed's self-test: what is stored through the accessor must be what is loaded through it.
///
/// Go: asm_amd64.s `rt0_go`, the 0x123 check.
pub(crate) fn self_test() -> bool {
    let before = get::<M>();
    set::<M>(0x123);
    let stored = get::<M>() == 0x123;
    set::<M>(before);
    stored && get::<M>() == before
}
