//! What the runtime asks of the kernel: memory, threads, futexes and the clock.

pub(crate) mod affinity;
pub(crate) mod barrier;
pub(crate) mod clock;
pub(crate) mod futex;
pub(crate) mod guarded;
pub(crate) mod load;
pub(crate) mod mem;
pub(crate) mod module;
pub(crate) mod signal;
pub(crate) mod thread;

use std::sync::OnceLock;

/// Writes to standard error without locks or buffers, for the runtime's own last words.
pub(crate) fn write_stderr(text: &[u8]) {
    let mut rest = text;
    while !rest.is_empty() {
        // SAFETY: the pointer and length are those of a live slice.
        let n = unsafe { libc::write(2, rest.as_ptr().cast(), rest.len()) };
        if n > 0 {
            rest = &rest[n as usize..];
        } else if n == 0 || std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
            return;
        }
    }
}

/// What a `throw` does from boot on.
static ON_THROW: OnceLock<fn(&str) -> !> = OnceLock::new();

/// Has `throw` be a `report`.
pub(crate) fn on_throw(report: fn(&str) -> !) {
    ON_THROW.get_or_init(|| report);
}

/// The line that says why the process ends.
pub(crate) fn fatal(why: &str) {
    write_stderr(b"fatal error: ");
    write_stderr(why.as_bytes());
    write_stderr(b"\n");
}

/// An unrecoverable state of the runtime itself. The report looks at the scheduler, which the caller had better not have
/// locked. Go: panic.go `throw`.
#[cold]
#[inline(never)]
pub(crate) fn throw(why: &str) -> ! {
    if let Some(report) = ON_THROW.get() {
        report(why)
    }
    fatal(why);
    // SAFETY: ends the process at once; nothing of it is needed any more. Status 2 is Go's.
    unsafe { libc::_exit(2) }
}
