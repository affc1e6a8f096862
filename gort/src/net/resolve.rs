//! Names to addresses, which may take seconds in the C library: nobody else waits for that.
//!
//! Each look-up under way has a thread, so there are only so many at a time. Addresses that need no look-up do not queue
//! behind them.
//!
//! Go: net/cgo_unix.go `acquireThread`, net/rlimit_unix.go `concurrentThreadsLimit`.

use std::any::type_name;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::OnceLock;

use crate::sched::{current, syscall};
use crate::sync::Semaphore;

/// Look-ups at a time, unless the process may not open as many descriptors.
const LOOKUPS: u64 = 500;

fn lookups() -> &'static Semaphore {
    static LOOKUPS: OnceLock<Semaphore> = OnceLock::new();
    LOOKUPS.get_or_init(|| Semaphore::new(limit(super::calls::descriptor_limit()) as usize))
}

/// As Go has it: a look-up needs a descriptor, and something is left for others.
fn limit(descriptors: Option<u64>) -> u64 {
    match descriptors.unwrap_or(u64::MAX) {
        n if n > LOOKUPS => LOOKUPS,
        n if n > 30 => n - 30,
        n => n.max(1),
    }
}

/// Whether `A` is, or lists, addresses: told by the iterators that std gives for such. Names give another.
fn is_addresses<A: ToSocketAddrs>() -> bool {
    let iter = type_name::<A::Iter>();
    iter == type_name::<std::option::IntoIter<SocketAddr>>()
        || iter == type_name::<std::iter::Cloned<std::slice::Iter<'_, SocketAddr>>>()
}

/// What `take` makes of the addresses of `addr`.
pub(super) fn look_up<A: ToSocketAddrs, R>(addr: &A, take: impl FnOnce(A::Iter) -> R) -> io::Result<R> {
    current::require_runtime();
    let _permit = (!is_addresses::<A>()).then(|| lookups().acquire());
    // It may block, and needs more stack than a goroutine may have left.
    syscall::blocking_on_g0(|| addr.to_socket_addrs().map(take))
}

/// Tries the addresses in turn. The error is that of the last one, as std has it.
pub(super) fn each_address<R>(
    addr: impl ToSocketAddrs,
    mut attempt: impl FnMut(SocketAddr) -> io::Result<R>,
) -> io::Result<R> {
    let addresses: Vec<SocketAddr> = look_up(&addr, Iterator::collect)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, SocketAddrV4};

    #[test]
    fn limits() {
        let check = |descriptors, expected| assert_eq!(limit(descriptors), expected);
        check(None, 500);
        check(Some(u64::MAX), 500);
        check(Some(501), 500);
        check(Some(500), 470);
        check(Some(31), 1);
        check(Some(30), 30);
        check(Some(0), 1);
    }

    #[test]
    fn what_is_no_name() {
        assert!(is_addresses::<SocketAddr>());
        assert!(is_addresses::<SocketAddrV4>());
        assert!(is_addresses::<(Ipv4Addr, u16)>());
        assert!(is_addresses::<&[SocketAddr]>());
        assert!(is_addresses::<&SocketAddr>());
        assert!(!is_addresses::<&str>());
        assert!(!is_addresses::<String>());
        assert!(!is_addresses::<(&str, u16)>());
    }
}
