//! An error type for each operation; those of sends give the message back.

use std::error::Error;
use std::fmt;

/// [`Sender::send`](super::Sender::send) failed: the channel is disconnected or closed. The message is
/// inside.
///
/// ```
/// use gort::channel::{SendError};
///
/// assert_eq!(SendError(7).into_inner(), 7);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// [`Sender::try_send`](super::Sender::try_send) failed. The message is inside.
///
/// ```
/// use gort::channel::{TrySendError};
///
/// assert!(TrySendError::Full(7).is_full());
/// assert!(TrySendError::Disconnected(7).is_disconnected());
/// assert_eq!(TrySendError::Full(7).into_inner(), 7);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// It would have had to wait.
    Full(T),
    /// The channel is disconnected or closed.
    Disconnected(T),
}

/// [`Receiver::recv`](super::Receiver::recv) failed: the channel is empty and disconnected or closed.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let (tx, rx) = gort::channel::unbounded::<i32>();
/// drop(tx);
/// assert_eq!(rx.recv(), Err(gort::channel::RecvError));
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;

/// [`Receiver::try_recv`](super::Receiver::try_recv) failed.
///
/// ```
/// use gort::channel::{TryRecvError};
///
/// assert!(TryRecvError::Empty.is_empty());
/// assert!(TryRecvError::Disconnected.is_disconnected());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is no message now.
    Empty,
    /// There is none and there will be none.
    Disconnected,
}

/// [`Sender::send_timeout`](super::Sender::send_timeout) failed. The message is inside.
///
/// ```
/// use gort::channel::{SendTimeoutError};
///
/// assert!(SendTimeoutError::Timeout(7).is_timeout());
/// assert!(SendTimeoutError::Disconnected(7).is_disconnected());
/// assert_eq!(SendTimeoutError::Timeout(7).into_inner(), 7);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// The time has come.
    Timeout(T),
    /// The channel is disconnected or closed.
    Disconnected(T),
}

/// [`Receiver::recv_timeout`](super::Receiver::recv_timeout) failed.
///
/// ```
/// use gort::channel::{RecvTimeoutError};
///
/// assert!(RecvTimeoutError::Timeout.is_timeout());
/// assert!(RecvTimeoutError::Disconnected.is_disconnected());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// The time has come.
    Timeout,
    /// There is no message and there will be none.
    Disconnected,
}

/// [`Select::try_select`](super::Select::try_select) failed: every operation would have to wait.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// use gort::channel::{Select, TrySelectError, never};
///
/// let rx = never::<i32>();
/// let mut select = Select::new();
/// select.recv(&rx);
/// assert_eq!(select.try_select().unwrap_err(), TrySelectError);
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrySelectError;

/// [`Select::select_timeout`](super::Select::select_timeout) failed: the time has come.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// use gort::channel::{Select, SelectTimeoutError, never};
///
/// let rx = never::<i32>();
/// let mut select = Select::new();
/// select.recv(&rx);
/// let error = select.select_timeout(std::time::Duration::ZERO).unwrap_err();
/// assert_eq!(error, SelectTimeoutError);
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectTimeoutError;

/// [`Select::try_ready`](super::Select::try_ready) failed: no operation is ready.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// use gort::channel::{Select, TryReadyError, never};
///
/// let rx = never::<i32>();
/// let mut select = Select::new();
/// select.recv(&rx);
/// assert_eq!(select.try_ready(), Err(TryReadyError));
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TryReadyError;

/// [`Select::ready_timeout`](super::Select::ready_timeout) failed: the time has come.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// use gort::channel::{ReadyTimeoutError, Select, never};
///
/// let rx = never::<i32>();
/// let mut select = Select::new();
/// select.recv(&rx);
/// assert_eq!(select.ready_timeout(std::time::Duration::ZERO), Err(ReadyTimeoutError));
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyTimeoutError;

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In quotes, as crossbeam-channel has it.
        fmt::Debug::fmt("SendError(..)", f)
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sending on a disconnected channel")
    }
}

impl<T: Send> Error for SendError<T> {}

impl<T> SendError<T> {
    /// The message.
    ///
    /// ```
    /// use gort::channel::SendError;
    ///
    /// assert_eq!(SendError(7).into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySendError::Full(..) => fmt::Debug::fmt("Full(..)", f),
            TrySendError::Disconnected(..) => fmt::Debug::fmt("Disconnected(..)", f),
        }
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySendError::Full(..) => f.write_str("sending on a full channel"),
            TrySendError::Disconnected(..) => f.write_str("sending on a disconnected channel"),
        }
    }
}

impl<T: Send> Error for TrySendError<T> {}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(err: SendError<T>) -> Self {
        TrySendError::Disconnected(err.0)
    }
}

impl<T> TrySendError<T> {
    /// The message.
    ///
    /// ```
    /// use gort::channel::TrySendError;
    ///
    /// assert_eq!(TrySendError::Full(7).into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(message) | TrySendError::Disconnected(message) => message,
        }
    }

    /// Whether it would have had to wait.
    ///
    /// ```
    /// use gort::channel::TrySendError;
    ///
    /// assert!(TrySendError::Full(7).is_full());
    /// assert!(!TrySendError::Disconnected(7).is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        matches!(self, TrySendError::Full(_))
    }

    /// Whether the channel is disconnected or closed.
    ///
    /// ```
    /// use gort::channel::TrySendError;
    ///
    /// assert!(TrySendError::Disconnected(7).is_disconnected());
    /// assert!(!TrySendError::Full(7).is_disconnected());
    /// ```
    pub fn is_disconnected(&self) -> bool {
        matches!(self, TrySendError::Disconnected(_))
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("receiving on an empty and disconnected channel")
    }
}

impl Error for RecvError {}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryRecvError::Empty => f.write_str("receiving on an empty channel"),
            TryRecvError::Disconnected => f.write_str("receiving on an empty and disconnected channel"),
        }
    }
}

impl Error for TryRecvError {}

impl From<RecvError> for TryRecvError {
    fn from(RecvError: RecvError) -> Self {
        TryRecvError::Disconnected
    }
}

impl TryRecvError {
    /// Whether there is no message now.
    ///
    /// ```
    /// use gort::channel::TryRecvError;
    ///
    /// assert!(TryRecvError::Empty.is_empty());
    /// assert!(!TryRecvError::Disconnected.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        matches!(self, TryRecvError::Empty)
    }

    /// Whether there is none and there will be none.
    ///
    /// ```
    /// use gort::channel::TryRecvError;
    ///
    /// assert!(TryRecvError::Disconnected.is_disconnected());
    /// assert!(!TryRecvError::Empty.is_disconnected());
    /// ```
    pub fn is_disconnected(&self) -> bool {
        matches!(self, TryRecvError::Disconnected)
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt("SendTimeoutError(..)", f)
    }
}

impl<T> fmt::Display for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendTimeoutError::Timeout(..) => f.write_str("timed out waiting on send operation"),
            SendTimeoutError::Disconnected(..) => f.write_str("sending on a disconnected channel"),
        }
    }
}

impl<T: Send> Error for SendTimeoutError<T> {}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(err: SendError<T>) -> Self {
        SendTimeoutError::Disconnected(err.0)
    }
}

impl<T> SendTimeoutError<T> {
    /// The message.
    ///
    /// ```
    /// use gort::channel::SendTimeoutError;
    ///
    /// assert_eq!(SendTimeoutError::Timeout(7).into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            SendTimeoutError::Timeout(message) | SendTimeoutError::Disconnected(message) => message,
        }
    }

    /// Whether the time has come.
    ///
    /// ```
    /// use gort::channel::SendTimeoutError;
    ///
    /// assert!(SendTimeoutError::Timeout(7).is_timeout());
    /// assert!(!SendTimeoutError::Disconnected(7).is_timeout());
    /// ```
    pub fn is_timeout(&self) -> bool {
        matches!(self, SendTimeoutError::Timeout(_))
    }

    /// Whether the channel is disconnected or closed.
    ///
    /// ```
    /// use gort::channel::SendTimeoutError;
    ///
    /// assert!(SendTimeoutError::Disconnected(7).is_disconnected());
    /// assert!(!SendTimeoutError::Timeout(7).is_disconnected());
    /// ```
    pub fn is_disconnected(&self) -> bool {
        matches!(self, SendTimeoutError::Disconnected(_))
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvTimeoutError::Timeout => f.write_str("timed out waiting on receive operation"),
            RecvTimeoutError::Disconnected => f.write_str("channel is empty and disconnected"),
        }
    }
}

impl Error for RecvTimeoutError {}

impl From<RecvError> for RecvTimeoutError {
    fn from(RecvError: RecvError) -> Self {
        RecvTimeoutError::Disconnected
    }
}

impl RecvTimeoutError {
    /// Whether the time has come.
    ///
    /// ```
    /// use gort::channel::RecvTimeoutError;
    ///
    /// assert!(RecvTimeoutError::Timeout.is_timeout());
    /// assert!(!RecvTimeoutError::Disconnected.is_timeout());
    /// ```
    pub fn is_timeout(&self) -> bool {
        matches!(self, RecvTimeoutError::Timeout)
    }

    /// Whether there is no message and there will be none.
    ///
    /// ```
    /// use gort::channel::RecvTimeoutError;
    ///
    /// assert!(RecvTimeoutError::Disconnected.is_disconnected());
    /// assert!(!RecvTimeoutError::Timeout.is_disconnected());
    /// ```
    pub fn is_disconnected(&self) -> bool {
        matches!(self, RecvTimeoutError::Disconnected)
    }
}

impl fmt::Display for TrySelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all operations in select would block")
    }
}

impl Error for TrySelectError {}

impl fmt::Display for SelectTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out waiting on select")
    }
}

impl Error for SelectTimeoutError {}

impl fmt::Display for TryReadyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all operations in select would block")
    }
}

impl Error for TryReadyError {}

impl fmt::Display for ReadyTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out waiting on select")
    }
}

impl Error for ReadyTimeoutError {}
