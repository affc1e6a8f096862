//! Accepting, TCP's and Unix's alike.
//!
//! The kernel has no flag by which this call would not wait, so a listener is in non-blocking mode as long as it is ours
//! alone. What std's type gets that a clone was turned into must be in the user's mode, though, and a descriptor cannot be
//! in another mode than its duplicate. From then on we look first whether there is a connection. If somebody else takes
//! that one in between, this thread, and no other, sits in the kernel until the next, or until a close, which ends such
//! calls.
//!
//! Rejected: to change the mode for the time of the call, as std's `accept` would fail then; to leave std's handle in
//! non-blocking mode, as Go's `File` does.

use std::io;

use super::calls;
use super::socket::{Dir, Socket};
use crate::sched::syscall;

impl Socket {
    /// Runs std's `accept` until there is a connection.
    pub(super) fn accept<R>(&self, accept: impl Fn() -> io::Result<R>) -> io::Result<R> {
        self.run(Dir::Read, || {
            if let Some(_ours) = self.ours_alone() {
                return accept();
            }
            if !calls::is_readable(self.fd())? {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            syscall::blocking(&accept)
        })
    }
}
