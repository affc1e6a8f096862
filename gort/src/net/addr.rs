//! Socket addresses in the kernel's layout. std converts them too, but only within calls that may wait.

use std::ffi::OsStr;
use std::io;
use std::mem::offset_of;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr as UnixAddr;

/// Room for an address of any family.
#[repr(C)]
pub(super) union Raw {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
    unix: libc::sockaddr_un,
}

/// Where the path of a Unix address begins.
const PATH: usize = offset_of!(libc::sockaddr_un, sun_path);

impl Raw {
    pub(super) fn zeroed() -> Self {
        // SAFETY: all zero is valid for each of them.
        unsafe { std::mem::zeroed() }
    }
}

/// An address that sockets of one kind have.
pub(super) trait Address: Sized {
    /// The kernel's form, and its length.
    fn to_raw(&self) -> (Raw, libc::socklen_t);
    /// The address that the kernel has written with this length.
    fn from_raw(raw: &Raw, length: usize) -> io::Result<Self>;
}

impl Address for SocketAddr {
    fn to_raw(&self) -> (Raw, libc::socklen_t) {
        let mut raw = Raw::zeroed();
        let length = match self {
            SocketAddr::V4(addr) => {
                raw.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: addr.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(addr.ip().octets()) },
                    sin_zero: [0; 8],
                };
                size_of::<libc::sockaddr_in>()
            }
            SocketAddr::V6(addr) => {
                raw.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: addr.port().to_be(),
                    sin6_flowinfo: addr.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: addr.ip().octets() },
                    sin6_scope_id: addr.scope_id(),
                };
                size_of::<libc::sockaddr_in6>()
            }
        };
        (raw, length as libc::socklen_t)
    }

    fn from_raw(raw: &Raw, length: usize) -> io::Result<Self> {
        // SAFETY: a number at the start of each of them; zero where the kernel has written nothing.
        match i32::from(unsafe { raw.family }) {
            libc::AF_INET if length >= size_of::<libc::sockaddr_in>() => {
                // SAFETY: plain numbers, of this family.
                let v4 = unsafe { raw.v4 };
                let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
                Ok(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 if length >= size_of::<libc::sockaddr_in6>() => {
                // SAFETY: as above.
                let v6 = unsafe { raw.v6 };
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                let port = u16::from_be(v6.sin6_port);
                Ok(SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id).into())
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "invalid argument")),
        }
    }
}

impl Address for UnixAddr {
    fn to_raw(&self) -> (Raw, libc::socklen_t) {
        let mut raw = Raw::zeroed();
        // A path ends with a zero, a name begins with one.
        let (at, bytes, length) = if let Some(path) = self.as_pathname() {
            let bytes = path.as_os_str().as_bytes();
            (0, bytes, bytes.len() + 1)
        } else if let Some(name) = self.as_abstract_name() {
            (1, name, name.len() + 1)
        } else {
            (0, &[][..], 0)
        };
        let mut unix =
            libc::sockaddr_un { sun_family: libc::AF_UNIX as libc::sa_family_t, sun_path: [0; 108] };
        for (place, &byte) in unix.sun_path[at..].iter_mut().zip(bytes) {
            *place = byte as libc::c_char;
        }
        raw.unix = unix;
        (raw, (PATH + length) as libc::socklen_t)
    }

    fn from_raw(raw: &Raw, length: usize) -> io::Result<Self> {
        // SAFETY: plain numbers.
        let unix = unsafe { raw.unix };
        let path = unix.sun_path.map(|c| c as u8);
        let path = &path[..length.saturating_sub(PATH).min(path.len())];
        match path {
            [] => Self::from_pathname(""),
            [0, name @ ..] => Self::from_abstract_name(name),
            _ => {
                let end = path.iter().position(|&b| b == 0).unwrap_or(path.len());
                // std makes no address of a path that leaves no room for a zero: such a peer goes unnamed, as what it has
                // sent must not be lost.
                Self::from_pathname(OsStr::from_bytes(&path[..end])).or_else(|_| Self::from_pathname(""))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same<A: Address + std::fmt::Debug>(addr: A) {
        let (raw, length) = addr.to_raw();
        let back = A::from_raw(&raw, length as usize).unwrap();
        assert_eq!(format!("{back:?}"), format!("{addr:?}"));
    }

    #[test]
    fn there_and_back() {
        same(SocketAddr::from(([192, 0, 2, 1], 0x1234)));
        same(SocketAddr::V6(SocketAddrV6::new("fe80::1:2".parse().unwrap(), 80, 7, 3)));
        same(UnixAddr::from_pathname("/tmp/x").unwrap());
        same(UnixAddr::from_pathname("x".repeat(107)).unwrap());
        same(UnixAddr::from_pathname("").unwrap());
        same(UnixAddr::from_abstract_name(b"a\0b").unwrap());
        same(UnixAddr::from_abstract_name([b'x'; 107]).unwrap());
    }

    #[test]
    fn what_the_kernel_did_not_write() {
        assert!(SocketAddr::from_raw(&Raw::zeroed(), 0).is_err());
        assert!(UnixAddr::from_raw(&Raw::zeroed(), 0).unwrap().is_unnamed());
        let (mut raw, _) = UnixAddr::from_pathname("x".repeat(107)).unwrap().to_raw();
        raw.unix.sun_path = [b'x' as libc::c_char; 108];
        assert!(UnixAddr::from_raw(&raw, size_of::<libc::sockaddr_un>()).unwrap().is_unnamed());
    }
}
