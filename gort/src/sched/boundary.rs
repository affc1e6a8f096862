//! The bottom of a goroutine that nobody joins: whatever unwinds through it ends the process, and its frames are wanted.
//!
//! Where it is caught they are gone. But the unwinder looks for who will catch before it unwinds anything, and on its way
//! asks the personality routine of each frame. So beneath the goroutine's function stands a frame of ours, whose
//! personality looks at the stack and has the search go on. It is asked only about what nobody further in catches, and
//! needs no panic hook: the program may have replaced it, and `resume_unwind` calls none.
//!
//! ```text
//!  hi │ catch_unwind               │  found: the second phase unwinds to here
//!     ├────────────────────────────┤
//!     │ __gort_0_1_boundary        │  personality: `searched`
//!     ├────────────────────────────┤
//!     │ the goroutine's function … │
//!     │ panic, the unwinder        │
//!     │ searched                   │  first phase: all of the above is there
//!  lo └                            ┘
//! ```
//!
//! With `panic = "abort"` nobody searches: [`super::panic`] sees to that.

use core::arch::global_asm;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::panic;

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".text",
    ".p2align 4",
    ".globl __gort_0_1_searched",
    ".hidden __gort_0_1_searched",
    ".type __gort_0_1_searched,@function",
    "__gort_0_1_searched:",
    "jmp {searched}",
    ".size __gort_0_1_searched, . - __gort_0_1_searched",
    ".p2align 4",
    ".globl __gort_0_1_boundary",
    ".hidden __gort_0_1_boundary",
    ".type __gort_0_1_boundary,@function",
    "__gort_0_1_boundary:",
    ".cfi_startproc",
    // Four bytes, relative to where they stand.
    ".cfi_personality 0x1b, __gort_0_1_searched",
    "sub rsp, 8",
    ".cfi_def_cfa_offset 16",
    "call rsi",
    "add rsp, 8",
    ".cfi_def_cfa_offset 8",
    "ret",
    ".cfi_endproc",
    ".size __gort_0_1_boundary, . - __gort_0_1_boundary",
    searched = sym searched,
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".text",
    ".p2align 4",
    ".globl __gort_0_1_searched",
    ".hidden __gort_0_1_searched",
    ".type __gort_0_1_searched,%function",
    "__gort_0_1_searched:",
    "b {searched}",
    ".size __gort_0_1_searched, . - __gort_0_1_searched",
    ".p2align 4",
    ".globl __gort_0_1_boundary",
    ".hidden __gort_0_1_boundary",
    ".type __gort_0_1_boundary,%function",
    "__gort_0_1_boundary:",
    ".cfi_startproc",
    ".cfi_personality 0x1b, __gort_0_1_searched",
    "stp x29, x30, [sp, #-16]!",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset x29, -16",
    ".cfi_offset x30, -8",
    "mov x29, sp",
    "blr x1",
    "ldp x29, x30, [sp], #16",
    ".cfi_def_cfa_offset 0",
    ".cfi_restore x29",
    ".cfi_restore x30",
    "ret",
    ".cfi_endproc",
    ".size __gort_0_1_boundary, . - __gort_0_1_boundary",
    searched = sym searched,
);

unsafe extern "C-unwind" {
    #[link_name = "__gort_0_1_boundary"]
    fn call_on_boundary(argument: *mut (), f: unsafe extern "C-unwind" fn(*mut ()));
}

/// The personality: in the search phase, the frames are kept. The unwinder goes on in either.
extern "C" fn searched(
    _version: libc::c_int,
    actions: libc::c_int,
    _class: u64,
    _exception: *mut (),
    _context: *mut (),
) -> libc::c_int {
    const SEARCH_PHASE: libc::c_int = 1;
    const CONTINUE_UNWIND: libc::c_int = 8;
    if actions & SEARCH_PHASE != 0 {
        panic::raised();
    }
    CONTINUE_UNWIND
}

/// `catch_unwind`; the frames of what is caught are kept for a report.
#[inline]
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> std::thread::Result<R> {
    struct Call<F, R> {
        f: Option<F>,
        result: Option<R>,
    }
    unsafe extern "C-unwind" fn run<F: FnOnce() -> R, R>(call: *mut ()) {
        // SAFETY: the argument is the call below, which outlives this.
        let call = unsafe { &mut *call.cast::<Call<F, R>>() };
        let f = call.f.take().expect("run once");
        call.result = Some(f());
    }
    fn runner<F: FnOnce() -> R, R>(_: &Call<F, R>) -> unsafe extern "C-unwind" fn(*mut ()) {
        run::<F, R>
    }
    if cfg!(panic = "abort") {
        return Ok(f());
    }
    let mut call = Call { f: Some(f), result: None };
    let function = runner(&call);
    // SAFETY: function and argument belong together.
    catch_unwind(AssertUnwindSafe(|| unsafe { call_on_boundary((&raw mut call).cast(), function) }))?;
    Ok(call.result.expect("it has returned"))
}
