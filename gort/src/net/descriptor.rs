//! What all socket types have alike: conversions from and into std's type and descriptors, modes, deadlines.

/// Implements it for `$name(Socket)`, std's type being `$std`.
///
/// `listens`: the kernel's mode is ours; see `accept`.
macro_rules! descriptor {
    ($name:ident, $std:ty, listens: $listens:expr) => {
        impl $name {
            pub(in crate::net) fn adopt(fd: OwnedFd) -> io::Result<Self> {
                if $listens {
                    crate::net::calls::set_nonblocking(fd.as_fd(), true)?;
                }
                Socket::new(fd).map(Self)
            }

            fn std(&self) -> View<'_, $std> {
                self.0.view()
            }

            /// A second handle to the same socket. Both share modes, timeouts and deadlines. It uses no descriptor
            /// of its own.
            ///
            /// # Errors
            /// None at present.
            pub fn try_clone(&self) -> io::Result<Self> {
                Ok(Self(self.0.clone()))
            }

            /// In non-blocking mode an operation that would wait fails with `WouldBlock` instead.
            ///
            /// # Errors
            /// The kernel's.
            pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
                if !$listens {
                    crate::net::calls::set_nonblocking(self.as_fd(), nonblocking)?;
                }
                self.0.set_nonblocking(nonblocking);
                Ok(())
            }

            /// The error that the kernel has noted for this socket, which is cleared.
            ///
            /// # Errors
            /// The kernel's.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.std().take_error()
            }

            /// Ends the use of the socket from any goroutine or thread: whoever waits in an operation, and
            /// whoever begins one later, gets an error, and the peer sees the end. Again it does nothing. The
            /// descriptor is given back when the socket and its clones are dropped.
            ///
            /// Go: `Conn.Close`, `Listener.Close`.
            #[doc(alias = "Close")]
            pub fn close(&self) {
                self.0.close();
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.std(), f)
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.fd()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.0.fd().as_raw_fd()
            }
        }

        impl From<OwnedFd> for $name {
            /// The mode that the descriptor is in stays that of the socket, and so do its timeouts. A listener's
            /// duplicates are in non-blocking mode from now on, as they share what the kernel knows of it.
            fn from(fd: OwnedFd) -> Self {
                Self(Socket::from_std(fd, $listens))
            }
        }

        impl From<$std> for $name {
            /// The mode and the timeouts of std's socket stay. A listener's duplicates, those that std's `try_clone`
            /// has made for instance, are in non-blocking mode from now on.
            fn from(std: $std) -> Self {
                Self::from(OwnedFd::from(std))
            }
        }

        impl From<$name> for OwnedFd {
            /// The descriptor, with the mode and the timeouts. A socket that has clones is duplicated; they go on as
            /// before.
            ///
            /// # Panics
            /// When it has clones and the process may open no other descriptor.
            fn from(socket: $name) -> OwnedFd {
                socket.0.into_std($listens)
            }
        }

        impl From<$name> for $std {
            /// With the mode and the timeouts. A socket that has clones is duplicated; they go on as before.
            ///
            /// # Panics
            /// When it has clones and the process may open no other descriptor.
            fn from(socket: $name) -> $std {
                socket.0.into_std($listens)
            }
        }

        impl FromRawFd for $name {
            unsafe fn from_raw_fd(fd: RawFd) -> Self {
                // SAFETY: the caller hands over an open descriptor.
                Self::from(unsafe { OwnedFd::from_raw_fd(fd) })
            }
        }

        impl IntoRawFd for $name {
            fn into_raw_fd(self) -> RawFd {
                OwnedFd::from(self).into_raw_fd()
            }
        }
    };
}

/// Timeouts and deadlines of a socket with one or two directions that wait.
macro_rules! deadlines {
    ($name:ident) => {
        impl $name {
            /// How long each read may take; `None`: as long as it takes. A read that takes longer fails with
            /// [`WouldBlock`](io::ErrorKind::WouldBlock), as std's does on Linux. Nanoseconds count.
            ///
            /// # Errors
            /// [`InvalidInput`](io::ErrorKind::InvalidInput) for zero.
            pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_timeout(Dir::Read, timeout)
            }

            /// How long each write may take; see [`set_read_timeout`](Self::set_read_timeout). A write that has
            /// sent a part by then gives the length of that.
            ///
            /// # Errors
            /// [`InvalidInput`](io::ErrorKind::InvalidInput) for zero.
            pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_timeout(Dir::Write, timeout)
            }

            /// What [`set_read_timeout`](Self::set_read_timeout) has set.
            ///
            /// # Errors
            /// None at present.
            pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(self.0.timeout(Dir::Read))
            }

            /// What [`set_write_timeout`](Self::set_write_timeout) has set.
            ///
            /// # Errors
            /// None at present.
            pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(self.0.timeout(Dir::Write))
            }

            /// The time after which every read fails with [`TimedOut`](io::ErrorKind::TimedOut), until it is moved;
            /// `None`: never. It holds for reads that are under way too.
            ///
            /// Go: `SetReadDeadline`.
            ///
            /// # Errors
            /// None at present.
            #[doc(alias = "SetReadDeadline")]
            pub fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                self.0.set_deadline(Dir::Read, deadline);
                Ok(())
            }

            /// [`set_read_deadline`](Self::set_read_deadline) for writes.
            ///
            /// # Errors
            /// None at present.
            #[doc(alias = "SetWriteDeadline")]
            pub fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                self.0.set_deadline(Dir::Write, deadline);
                Ok(())
            }

            /// Both deadlines at once.
            ///
            /// # Errors
            /// None at present.
            #[doc(alias = "SetDeadline")]
            pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                self.set_read_deadline(deadline)?;
                self.set_write_deadline(deadline)
            }

            /// Waits until a read would not wait: there is data, or the end, or an error. It takes nothing, so an
            /// idle connection needs no buffer. Timeout and deadline are those of a read.
            ///
            /// # Errors
            /// As a read's that waits.
            pub fn wait_readable(&self) -> io::Result<()> {
                self.0.wait_readable()
            }
        }
    };
}

/// Reads and writes of a stream, by `T` and `&T`.
macro_rules! stream_io {
    ($name:ident, hints: $hints:expr) => {
        impl Read for &$name {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.read(buf, $hints)
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.0.read_vectored(bufs, $hints)
            }
        }

        impl Write for &$name {
            /// Waits until all of `buf` is with the kernel, as std's does: a part only when the time is up or
            /// an error comes in between.
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.0.write(buf)
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.0.write_vectored(bufs)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        impl Read for $name {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                (&*self).read(buf)
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                (&*self).read_vectored(bufs)
            }
        }

        impl Write for $name {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                (&*self).write(buf)
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                (&*self).write_vectored(bufs)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    };
}

/// Options and addresses, which are std's as they are.
macro_rules! delegate {
    ($name:ident, $std:literal; $($method:ident($($arg:ident: $ty:ty),*) -> $result:ty;)*) => {
        impl $name {
            $(
                #[doc = concat!("As std's [`", stringify!($method), "`](", $std, "::", stringify!($method), ").")]
                ///
                /// # Errors
                /// The kernel's.
                pub fn $method(&self, $($arg: $ty),*) -> io::Result<$result> {
                    self.std().$method($($arg),*)
                }
            )*
        }
    };
}

pub(super) use {deadlines, delegate, descriptor, stream_io};
