//! A call that ends where it faults: for a walk of a stack whose tables may be wrong at the interrupted instruction.
//!
//! ```text
//!   guarded(f):  registers on the stack, sp in the guard, f()          the fault's handler
//!     f faults ───────────────────────────────────────────────────▶    sp = the guard's, pc = landing; returns
//!   landing:     registers off the stack, "it has faulted"       ◀──
//! ```
//!
//! What `f` has on its stack is abandoned, so it must not hold anything.

use core::arch::global_asm;
use std::cell::Cell;

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".text",
    ".p2align 4",
    ".globl __gort_0_1_guarded",
    ".hidden __gort_0_1_guarded",
    ".type __gort_0_1_guarded,@function",
    "__gort_0_1_guarded:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "sub rsp, 8",
    ".cfi_offset rbx, -24",
    ".cfi_offset r12, -32",
    ".cfi_offset r13, -40",
    ".cfi_offset r14, -48",
    ".cfi_offset r15, -56",
    // The guard's word, the function, its argument.
    "mov qword ptr [rdi], rsp",
    "mov rdi, rdx",
    "call rsi",
    "xor eax, eax",
    "2:",
    "lea rsp, [rbp - 40]",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    ".cfi_remember_state",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_restore_state",
    ".globl __gort_0_1_landing",
    ".hidden __gort_0_1_landing",
    "__gort_0_1_landing:",
    "lea rbp, [rsp + 48]",
    "mov eax, 1",
    "jmp 2b",
    ".cfi_endproc",
    ".size __gort_0_1_guarded, . - __gort_0_1_guarded",
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".text",
    ".p2align 4",
    ".globl __gort_0_1_guarded",
    ".hidden __gort_0_1_guarded",
    ".type __gort_0_1_guarded,%function",
    "__gort_0_1_guarded:",
    ".cfi_startproc",
    "stp x29, x30, [sp, #-160]!",
    ".cfi_def_cfa_offset 160",
    ".cfi_offset x29, -160",
    ".cfi_offset x30, -152",
    "mov x29, sp",
    ".cfi_def_cfa_register x29",
    "stp x19, x20, [sp, #16]",
    "stp x21, x22, [sp, #32]",
    "stp x23, x24, [sp, #48]",
    "stp x25, x26, [sp, #64]",
    "stp x27, x28, [sp, #80]",
    "stp d8, d9, [sp, #96]",
    "stp d10, d11, [sp, #112]",
    "stp d12, d13, [sp, #128]",
    "stp d14, d15, [sp, #144]",
    ".cfi_offset x19, -144",
    ".cfi_offset x20, -136",
    ".cfi_offset x21, -128",
    ".cfi_offset x22, -120",
    ".cfi_offset x23, -112",
    ".cfi_offset x24, -104",
    ".cfi_offset x25, -96",
    ".cfi_offset x26, -88",
    ".cfi_offset x27, -80",
    ".cfi_offset x28, -72",
    // The guard's word, the function, its argument.
    "mov x9, sp",
    "str x9, [x0]",
    "mov x0, x2",
    "blr x1",
    "mov x0, #0",
    "2:",
    "ldp x19, x20, [sp, #16]",
    "ldp x21, x22, [sp, #32]",
    "ldp x23, x24, [sp, #48]",
    "ldp x25, x26, [sp, #64]",
    "ldp x27, x28, [sp, #80]",
    "ldp d8, d9, [sp, #96]",
    "ldp d10, d11, [sp, #112]",
    "ldp d12, d13, [sp, #128]",
    "ldp d14, d15, [sp, #144]",
    "ldp x29, x30, [sp], #160",
    ".cfi_remember_state",
    ".cfi_def_cfa sp, 0",
    "ret",
    ".cfi_restore_state",
    ".globl __gort_0_1_landing",
    ".hidden __gort_0_1_landing",
    "__gort_0_1_landing:",
    "mov x29, sp",
    "mov x0, #1",
    "b 2b",
    ".cfi_endproc",
    ".size __gort_0_1_guarded, . - __gort_0_1_guarded",
);

unsafe extern "C" {
    #[link_name = "__gort_0_1_guarded"]
    fn call_guarded(sp: *mut usize, f: extern "C" fn(*mut ()), argument: *mut ()) -> usize;
    #[link_name = "__gort_0_1_landing"]
    fn landing();
}

/// Where a thread goes on when a guarded call faults: a stack pointer, 0 while there is no such call. The thread's own;
/// its handlers look.
#[derive(Debug, Default)]
pub(crate) struct Guard(Cell<usize>);

impl Guard {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(0))
    }

    /// Runs `f`; false if it has faulted.
    ///
    /// # Safety
    /// Wherever `f` faults it can be left for good: it holds nothing, and what it has begun may stay so.
    pub(crate) unsafe fn call<F: FnMut()>(&self, mut f: F) -> bool {
        extern "C" fn run<F: FnMut()>(f: *mut ()) {
            // SAFETY: the argument is the closure below, which outlives the call.
            unsafe { (*f.cast::<F>())() }
        }
        // SAFETY: function and argument belong together; the word is ours.
        let faulted = unsafe { call_guarded(self.0.as_ptr(), run::<F>, (&raw mut f).cast()) };
        self.0.set(0);
        faulted == 0
    }

    /// For the handler of a fault: has the guarded call that has faulted, if there is one, end.
    pub(crate) fn catch(&self, context: *mut libc::c_void) -> bool {
        let sp = self.0.replace(0);
        if sp != 0 {
            super::signal::go_on(context, landing as *const () as usize, sp);
        }
        sp != 0
    }
}
