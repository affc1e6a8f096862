//! Reading and writing streams, TCP's and Unix's alike.
//!
//! Go: internal/poll/fd_unix.go `FD.Read`, `FD.Write`, writev.go.

use std::io::{self, IoSlice, IoSliceMut};

use super::calls;
use super::socket::{Dir, Socket};
use super::turn::Done;

/// `n` bytes came of `asked`. `hints`: a short read says that there is no more, which holds of TCP. A Unix
/// stream also stops at a message that carries descriptors.
#[inline]
fn got(n: usize, asked: usize, hints: bool) -> Done<usize> {
    if hints && n > 0 && n < asked { Done::Exhausted(n) } else { Done::More(n) }
}

fn would_block() -> io::Error {
    io::Error::from_raw_os_error(libc::EAGAIN)
}

impl Socket {
    #[inline]
    pub(super) fn read(&self, buf: &mut [u8], hints: bool) -> io::Result<usize> {
        self.run_stream(Dir::Read, || {
            let n = calls::recv(self.fd(), buf, 0)?;
            if n == 0 {
                self.check_open()?;
            }
            Ok(got(n, buf.len(), hints))
        })
    }

    pub(super) fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>], hints: bool) -> io::Result<usize> {
        let asked = bufs.iter().map(|b| b.len()).sum();
        self.run_stream(Dir::Read, || {
            let n = calls::recv_vectored(self.fd(), bufs)?;
            if n == 0 {
                self.check_open()?;
            }
            Ok(got(n, asked, hints && bufs.len() <= calls::IOV_MAX))
        })
    }

    pub(super) fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.run(Dir::Read, || {
            let n = calls::recv(self.fd(), buf, libc::MSG_PEEK)?;
            if n == 0 {
                self.check_open()?;
            }
            Ok(n)
        })
    }

    /// A part is given only when an error, or the time, comes in between, and in non-blocking mode.
    #[inline]
    pub(super) fn write(&self, buf: &[u8]) -> io::Result<usize> {
        let mut sent = 0;
        let result = self.run(Dir::Write, || {
            sent += calls::send(self.fd(), &buf[sent..])?;
            if sent < buf.len() { Err(would_block()) } else { Ok(sent) }
        });
        if sent > 0 { Ok(sent) } else { result }
    }

    pub(super) fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let bufs = &bufs[..bufs.len().min(calls::IOV_MAX)];
        let asked: usize = bufs.iter().map(|b| b.len()).sum();
        let mut sent = 0;
        let result = self.run(Dir::Write, || {
            if sent == 0 {
                sent += calls::send_vectored(self.fd(), bufs)?;
            } else {
                let mut rest = bufs.to_vec();
                let mut rest = &mut rest[..];
                IoSlice::advance_slices(&mut rest, sent);
                sent += calls::send_vectored(self.fd(), rest)?;
            }
            if sent < asked { Err(would_block()) } else { Ok(sent) }
        });
        if sent > 0 { Ok(sent) } else { result }
    }

    pub(super) fn wait_readable(&self) -> io::Result<()> {
        self.run(Dir::Read, || {
            if calls::is_readable(self.fd())? { self.check_open() } else { Err(would_block()) }
        })
    }
}
