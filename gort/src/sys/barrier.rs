//! A pair of fences of which one costs nothing: the side that is passed often runs [`light`], which only
//! keeps the compiler from moving accesses; the side that is passed rarely runs [`heavy`], which has the
//! kernel run a full fence on every processor that executes a thread of this process.
//!
//! Where the kernel has no `membarrier`, or is not to be asked (`GODEBUG=nomembarrier=1`), both sides run full
//! fences: [`asymmetric`] says so.

use std::sync::atomic::{AtomicBool, Ordering, compiler_fence, fence};

const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

/// Whether [`heavy`] asks the kernel. Written once, by the booting thread, before any thread is started
/// that runs [`light`].
static ASYMMETRIC: AtomicBool = AtomicBool::new(false);

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: the command takes no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// Registers the process with the kernel, unless that is `unwanted`.
pub(crate) fn init(unwanted: bool) {
    let on = !unwanted && membarrier(REGISTER_PRIVATE_EXPEDITED);
    ASYMMETRIC.store(on, Ordering::Relaxed);
}

/// Whether [`light`] is enough on the cheap side.
pub(crate) fn asymmetric() -> bool {
    ASYMMETRIC.load(Ordering::Relaxed)
}

/// The cheap side.
#[inline(always)]
pub(crate) fn light() {
    compiler_fence(Ordering::SeqCst);
}

/// The dear side: 12 µs beside a running thread.
pub(crate) fn heavy() {
    fence(Ordering::SeqCst);
    if ASYMMETRIC.load(Ordering::Relaxed) && !membarrier(PRIVATE_EXPEDITED) {
        super::throw("membarrier failed after it was registered");
    }
}
