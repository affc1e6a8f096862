//! The sending end.

use std::fmt;
use std::time::{Duration, Instant};

use super::core::Chan;
use super::{SendError, SendTimeoutError, TrySendError};
use crate::primitive::Arc;
use crate::sys::clock;

/// The sending end of a channel. Clones send on the same channel; when the last is dropped, receivers
/// drain it and then see that it is disconnected.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let (tx, rx) = gort::channel::bounded(1);
/// assert!(tx.is_empty() && !tx.is_full());
/// assert_eq!(tx.try_send(1), Ok(()));
/// assert_eq!((tx.len(), tx.capacity(), tx.is_full()), (1, Some(1), true));
/// assert!(tx.try_send(2).unwrap_err().is_full());
/// assert!(tx.send_deadline(2, std::time::Instant::now()).unwrap_err().is_timeout());
/// assert!(tx.same_channel(&tx.clone()));
/// drop(rx);
/// assert!(tx.is_closed());
/// # });
/// ```
pub struct Sender<T> {
    pub(super) chan: Arc<Chan<T>>,
}

impl<T> Sender<T> {
    pub(crate) fn new(chan: Arc<Chan<T>>) -> Self {
        Self { chan }
    }

    /// Sends `message`; blocks while the channel is full, with capacity 0 until it is received. `Ok`
    /// means that it was received or can be.
    ///
    /// # Errors
    /// All receivers are gone, or the channel is closed: the message comes back.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, rx) = gort::channel::bounded(1);
    /// assert_eq!(tx.send(1), Ok(()));
    /// drop(rx);
    /// assert_eq!(tx.send(2).unwrap_err().into_inner(), 2);
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.chan.send(message)
    }

    /// [`send`](Self::send) for at most `timeout`.
    ///
    /// # Errors
    /// The time has come, or the channel is disconnected or closed: the message comes back.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, _rx) = gort::channel::bounded(0);
    /// let e = tx.send_timeout(7, std::time::Duration::from_millis(1)).unwrap_err();
    /// assert!(e.is_timeout());
    /// assert_eq!(e.into_inner(), 7);
    /// # });
    /// ```
    #[track_caller]
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.chan.send_until(message, clock::after(timeout))
    }

    /// [`send`](Self::send) until `deadline` at most.
    ///
    /// # Errors
    /// As for [`send_timeout`](Self::send_timeout).
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, _rx) = gort::channel::bounded(1);
    /// let now = std::time::Instant::now();
    /// assert_eq!(tx.send_deadline(1, now), Ok(()), "where there is room it needs no time");
    /// assert_eq!(tx.send_deadline(2, now).unwrap_err().into_inner(), 2);
    /// # });
    /// ```
    #[track_caller]
    pub fn send_deadline(&self, message: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.chan.send_until(message, clock::at(deadline))
    }

    /// Sends `message` if that needs no waiting: there is room, or a receiver waits.
    ///
    /// # Errors
    /// The channel is full, or disconnected or closed: the message comes back.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::TrySendError;
    ///
    /// let (tx, rx) = gort::channel::bounded(1);
    /// assert_eq!(tx.try_send(1), Ok(()));
    /// assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    /// drop(rx);
    /// assert_eq!(tx.try_send(3), Err(TrySendError::Disconnected(3)));
    /// # });
    /// ```
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.chan.try_send(message)
    }

    /// Closes the channel, as Go's `close`: receivers drain what is queued and then see that it is
    /// disconnected; sends fail and give the message back. Closing again does nothing.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, rx) = gort::channel::bounded(1);
    /// tx.send(1).unwrap();
    /// tx.close();
    /// assert!(tx.send(2).is_err());
    /// assert_eq!(rx.recv(), Ok(1));
    /// assert!(rx.recv().is_err());
    /// # });
    /// ```
    pub fn close(&self) {
        self.chan.close();
    }

    /// Whether the channel is closed or one of its sides is gone.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, rx) = gort::channel::unbounded::<i32>();
    /// assert!(!tx.is_closed());
    /// drop(rx);
    /// assert!(tx.is_closed());
    /// # });
    /// ```
    pub fn is_closed(&self) -> bool {
        self.chan.is_closed()
    }

    /// Messages in the buffer.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, _rx) = gort::channel::unbounded();
    /// tx.send("a").unwrap();
    /// assert_eq!(tx.len(), 1);
    /// # });
    /// ```
    pub fn len(&self) -> usize {
        self.chan.len()
    }

    /// Whether the buffer is empty; with capacity 0 it always is.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, _rx) = gort::channel::unbounded();
    /// assert!(tx.is_empty());
    /// tx.send("a").unwrap();
    /// assert!(!tx.is_empty());
    /// # });
    /// ```
    pub fn is_empty(&self) -> bool {
        self.chan.len() == 0
    }

    /// Whether the buffer is full; with capacity 0 it always is.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, _rx) = gort::channel::bounded(1);
    /// assert!(!tx.is_full());
    /// tx.send("a").unwrap();
    /// assert!(tx.is_full());
    /// # });
    /// ```
    pub fn is_full(&self) -> bool {
        self.chan.is_full()
    }

    /// How many messages the buffer holds, `None` for no limit.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// assert_eq!(gort::channel::bounded::<u8>(3).0.capacity(), Some(3));
    /// assert_eq!(gort::channel::unbounded::<u8>().0.capacity(), None);
    /// # });
    /// ```
    pub fn capacity(&self) -> Option<usize> {
        self.chan.capacity()
    }

    /// Whether both send on the same channel.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (a, _) = gort::channel::bounded::<u8>(1);
    /// let (b, _) = gort::channel::bounded::<u8>(1);
    /// assert!(a.same_channel(&a.clone()) && !a.same_channel(&b));
    /// # });
    /// ```
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        self.chan.address() == other.chan.address()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.chan.add_sender();
        Self { chan: self.chan.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.chan.drop_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Sender { .. }")
    }
}
