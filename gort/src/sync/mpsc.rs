//! `std::sync::mpsc` for goroutines: std's interface, with std's types of errors, over
//! [`gort::channel`](crate::channel), which has more to offer (`select!`, several receivers, `close`).
//!
//! Sending and receiving block a goroutine and not its thread, and may move it to another one; `try_*`
//! never do.
//!
//! ```
//! use gort::sync::mpsc;
//!
//! # unsafe { gort::boot(gort::Options::default()).unwrap() };
//! # gort::run(|| {
//! let (tx, rx) = mpsc::channel();
//! for i in 0..3 {
//!     let tx = tx.clone();
//!     gort::go!(move || tx.send(i).unwrap());
//! }
//! drop(tx);
//! assert_eq!(rx.iter().sum::<i32>(), 3);
//! # });
//! ```

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

use crate::channel;

/// A channel without a limit.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let (tx, rx) = gort::sync::mpsc::channel();
/// tx.send(1).unwrap();
/// assert_eq!(rx.recv(), Ok(1));
/// # });
/// ```
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (tx, rx) = channel::unbounded();
    (Sender { tx }, Receiver::new(rx))
}

/// A channel that holds at most `bound` messages; with 0, each send waits for its receiver.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let (tx, rx) = gort::sync::mpsc::sync_channel(1);
/// tx.send(1).unwrap();
/// assert!(tx.try_send(2).is_err());
/// assert_eq!(rx.recv(), Ok(1));
/// # });
/// ```
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let (tx, rx) = channel::bounded(bound);
    (SyncSender { tx }, Receiver::new(rx))
}

/// The sending end of a [`channel()`]. Clones send on the same channel.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// let (tx, rx) = gort::sync::mpsc::channel();
/// let other = tx.clone();
/// tx.send(1).unwrap();
/// other.send(2).unwrap();
/// drop((tx, other));
/// assert_eq!(rx.iter().count(), 2);
/// ```
pub struct Sender<T> {
    tx: channel::Sender<T>,
}

/// The sending end of a [`sync_channel`]. Clones send on the same channel.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let (tx, rx) = gort::sync::mpsc::sync_channel(0);
/// let other = tx.clone();
/// gort::go!(move || other.send(1).unwrap());
/// assert_eq!(rx.recv(), Ok(1));
/// # });
/// ```
pub struct SyncSender<T> {
    tx: channel::Sender<T>,
}

/// The receiving end. One goroutine or thread at a time may use it: it is not `Sync`, as std's.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// use gort::sync::mpsc;
/// use std::time::Duration;
///
/// let (tx, rx) = mpsc::channel();
/// assert_eq!(rx.try_recv(), Err(mpsc::TryRecvError::Empty));
/// (1..=3).for_each(|i| tx.send(i).unwrap());
/// assert_eq!(rx.recv_timeout(Duration::from_secs(1)), Ok(1));
/// assert_eq!(rx.try_iter().collect::<Vec<_>>(), [2, 3]);
/// # });
/// ```
pub struct Receiver<T> {
    rx: channel::Receiver<T>,
    not_sync: PhantomData<Cell<()>>,
}

impl<T> Sender<T> {
    /// Sends `t`; there is always room.
    ///
    /// # Errors
    /// The receiver is gone: the message comes back.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let (tx, rx) = gort::sync::mpsc::channel();
    /// tx.send(1).unwrap();
    /// drop(rx);
    /// assert_eq!(tx.send(2).unwrap_err().0, 2);
    /// ```
    #[track_caller]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.tx.send(t).map_err(|e| SendError(e.0))
    }
}

impl<T> SyncSender<T> {
    /// Sends `t`; blocks while the channel is full, with bound 0 until it is received.
    ///
    /// # Errors
    /// The receiver is gone: the message comes back.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, rx) = gort::sync::mpsc::sync_channel(1);
    /// gort::go!(move || (1..=3).for_each(|i| tx.send(i).unwrap()));
    /// assert_eq!(rx.iter().sum::<i32>(), 6);
    /// # });
    /// ```
    #[track_caller]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.tx.send(t).map_err(|e| SendError(e.0))
    }

    /// Sends `t` if that needs no waiting.
    ///
    /// # Errors
    /// The channel is full, or the receiver is gone: the message comes back.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::mpsc::{TrySendError, sync_channel};
    ///
    /// let (tx, _rx) = sync_channel(1);
    /// assert_eq!(tx.try_send(1), Ok(()));
    /// assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    /// ```
    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        self.tx.try_send(t).map_err(|e| match e {
            channel::TrySendError::Full(t) => TrySendError::Full(t),
            channel::TrySendError::Disconnected(t) => TrySendError::Disconnected(t),
        })
    }
}

impl<T> std::panic::UnwindSafe for Receiver<T> {}
impl<T> std::panic::RefUnwindSafe for Receiver<T> {}

impl<T> Receiver<T> {
    fn new(rx: channel::Receiver<T>) -> Self {
        Self { rx, not_sync: PhantomData }
    }

    /// Receives the oldest message; blocks until there is one.
    ///
    /// # Errors
    /// There is none, and all senders are gone.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let (tx, rx) = gort::sync::mpsc::channel();
    /// tx.send(1).unwrap();
    /// drop(tx);
    /// assert_eq!(rx.recv(), Ok(1));
    /// assert!(rx.recv().is_err(), "all senders are gone");
    /// ```
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.rx.recv().map_err(|_| RecvError)
    }

    /// Receives the oldest message if that needs no waiting.
    ///
    /// # Errors
    /// There is none now, or there will never be one.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::mpsc::{TryRecvError, channel};
    ///
    /// let (tx, rx) = channel();
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    /// tx.send(1).unwrap();
    /// assert_eq!(rx.try_recv(), Ok(1));
    /// ```
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.rx.try_recv().map_err(|e| match e {
            channel::TryRecvError::Empty => TryRecvError::Empty,
            channel::TryRecvError::Disconnected => TryRecvError::Disconnected,
        })
    }

    /// [`recv`](Self::recv) for at most `timeout`.
    ///
    /// # Errors
    /// The time has come, or there is no message and all senders are gone.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::mpsc::{RecvTimeoutError, channel};
    /// use std::time::Duration;
    ///
    /// let (_tx, rx) = channel::<i32>();
    /// assert_eq!(rx.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
    /// ```
    #[track_caller]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.rx.recv_timeout(timeout).map_err(|e| match e {
            channel::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            channel::RecvTimeoutError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    /// Messages until all senders are gone; blocks for each.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let (tx, rx) = gort::sync::mpsc::channel();
    /// (1..=3).for_each(|i| tx.send(i).unwrap());
    /// drop(tx);
    /// assert_eq!(rx.iter().collect::<Vec<i32>>(), [1, 2, 3]);
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { rx: self }
    }

    /// Messages that need no waiting.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let (tx, rx) = gort::sync::mpsc::channel();
    /// (1..=3).for_each(|i| tx.send(i).unwrap());
    /// assert_eq!(rx.try_iter().sum::<i32>(), 6);
    /// assert_eq!(rx.try_iter().next(), None, "there is a sender still");
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { rx: self }
    }
}

/// A blocking iterator over messages; see [`Receiver::iter`].
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// let (tx, rx) = gort::sync::mpsc::channel();
/// (1..=3).for_each(|i| tx.send(i).unwrap());
/// drop(tx);
/// let mut messages = rx.iter();
/// assert_eq!(messages.next(), Some(1));
/// assert_eq!(messages.last(), Some(3));
/// ```
#[derive(Debug)]
pub struct Iter<'a, T> {
    rx: &'a Receiver<T>,
}

/// A non-blocking iterator over messages; see [`Receiver::try_iter`].
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// let (tx, rx) = gort::sync::mpsc::channel();
/// (1..=3).for_each(|i| tx.send(i).unwrap());
/// let mut messages = rx.try_iter();
/// assert_eq!(messages.next(), Some(1));
/// assert_eq!(messages.count(), 2);
/// ```
#[derive(Debug)]
pub struct TryIter<'a, T> {
    rx: &'a Receiver<T>,
}

/// A blocking iterator over messages that owns its receiver.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// let (tx, rx) = gort::sync::mpsc::channel();
/// (1..=3).for_each(|i| tx.send(i).unwrap());
/// drop(tx);
/// for (n, message) in rx.into_iter().enumerate() {
///     assert_eq!(message, n + 1);
/// }
/// ```
#[derive(Debug)]
pub struct IntoIter<T> {
    rx: Receiver<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.rx.recv().ok()
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rx.try_recv().ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.rx.recv().ok()
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { rx: self }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T> Clone for SyncSender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for SyncSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncSender").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
