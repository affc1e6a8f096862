//! Names to addresses, which may take seconds in the C library: nobody else waits for that.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use crate::sched::syscall;

/// Runs `f`, which may block and needs more stack than a goroutine may have left.
pub(super) fn on_system_stack<R>(f: impl FnOnce() -> R) -> R {
    crate::sched::current::require_runtime();
    syscall::blocking_on_g0(f)
}

/// Tries the addresses in turn. The error is that of the last one, as std has it.
pub(super) fn each_address<R>(
    addr: impl ToSocketAddrs,
    mut attempt: impl FnMut(SocketAddr) -> io::Result<R>,
) -> io::Result<R> {
    let addresses: Vec<SocketAddr> = on_system_stack(|| addr.to_socket_addrs().map(Iterator::collect))?;
    let mut last = None;
    for address in addresses {
        match attempt(address) {
            Ok(r) => return Ok(r),
            Err(e) => last = Some(e),
        }
    }
    Err(last
        .unwrap_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any addresses")))
}
