//! The receiving end.

use std::fmt;
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use super::core::Chan;
use super::timer::{At, Tick};
use super::{Iter, RecvError, RecvTimeoutError, TryIter, TryRecvError};
use crate::primitive::Arc;
use crate::sched::park;
use crate::sys::clock::{self, NEVER};

/// The receiving end of a channel. Clones receive from the same channel: each message goes to one of
/// them. When the last is dropped, what is queued is dropped and sends fail.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let (tx, rx) = gort::channel::bounded(2);
/// tx.send(1).unwrap();
/// tx.send(2).unwrap();
/// assert_eq!((rx.recv(), rx.clone().recv()), (Ok(1), Ok(2)));
/// # });
/// ```
pub struct Receiver<T> {
    pub(super) flavor: Flavor<T>,
}

/// What a receiver receives from.
pub(super) enum Flavor<T> {
    Chan(Arc<Chan<T>>),
    /// `T` is `Instant` in these two.
    At(Arc<At>),
    Tick(Arc<Tick>),
    Never,
}

/// A time as the message of a channel of times.
pub(super) fn time_message<T>(time: Instant) -> T {
    debug_assert_eq!(size_of::<T>(), size_of::<Instant>());
    // SAFETY: only `after`, `at` and `tick` make receivers of these flavors, with `T = Instant`.
    unsafe { std::mem::transmute_copy(&time) }
}

impl<T> Receiver<T> {
    pub(crate) fn new(chan: Arc<Chan<T>>) -> Self {
        Self { flavor: Flavor::Chan(chan) }
    }

    pub(super) const fn with_flavor(flavor: Flavor<T>) -> Self {
        Self { flavor }
    }

    /// Whether others receive from the channel as well.
    #[cfg(gort_runtime)]
    pub(crate) fn is_shared(&self) -> bool {
        match &self.flavor {
            Flavor::Chan(chan) => chan.has_other_receivers(),
            Flavor::At(_) | Flavor::Tick(_) | Flavor::Never => false,
        }
    }

    #[track_caller]
    fn recv_until(&self, deadline: u64) -> Result<T, RecvTimeoutError> {
        let timed_out = |until: u64| {
            park::check_preempt();
            park::sleep_until(until);
            until == deadline
        };
        match &self.flavor {
            Flavor::Chan(chan) => chan.recv_until(deadline),
            Flavor::At(at) => loop {
                if let Some(time) = at.take() {
                    return Ok(time_message(time));
                }
                if timed_out(at.due().min(deadline)) && !at.is_ready() {
                    return Err(RecvTimeoutError::Timeout);
                }
            },
            Flavor::Tick(tick) => match tick.take_next(deadline) {
                Some((due, time)) => {
                    timed_out(due);
                    Ok(time_message(time))
                }
                None => {
                    timed_out(deadline);
                    Err(RecvTimeoutError::Timeout)
                }
            },
            Flavor::Never => {
                timed_out(deadline);
                Err(RecvTimeoutError::Timeout)
            }
        }
    }

    /// Receives the oldest message; blocks until there is one.
    ///
    /// # Errors
    /// The channel is empty and disconnected or closed.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, rx) = gort::channel::bounded(0);
    /// gort::go!(move || tx.send(5).unwrap());
    /// assert_eq!(rx.recv(), Ok(5));
    /// assert!(rx.recv().is_err(), "the sender is gone");
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.next_message().ok_or(RecvError)
    }

    /// One function with its callers, down to the switch; see `gopark_inline`.
    #[inline(always)]
    #[track_caller]
    pub(super) fn next_message(&self) -> Option<T> {
        match &self.flavor {
            Flavor::Chan(chan) => chan.recv(),
            _ => self.recv_until(NEVER).ok(),
        }
    }

    /// [`recv`](Self::recv) for at most `timeout`.
    ///
    /// # Errors
    /// The time has come, or the channel is empty and disconnected or closed.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (_tx, rx) = gort::channel::bounded::<i32>(0);
    /// assert!(rx.recv_timeout(std::time::Duration::from_millis(1)).unwrap_err().is_timeout());
    /// # });
    /// ```
    #[track_caller]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(clock::after(timeout))
    }

    /// [`recv`](Self::recv) until `deadline` at most.
    ///
    /// # Errors
    /// As for [`recv_timeout`](Self::recv_timeout).
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, rx) = gort::channel::unbounded();
    /// tx.send(1).unwrap();
    /// let now = std::time::Instant::now();
    /// assert_eq!(rx.recv_deadline(now), Ok(1), "what is there needs no time");
    /// assert!(rx.recv_deadline(now).unwrap_err().is_timeout());
    /// # });
    /// ```
    #[track_caller]
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_until(clock::at(deadline))
    }

    /// Receives the oldest message if that needs no waiting.
    ///
    /// # Errors
    /// There is none now, or there will never be one.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::TryRecvError;
    ///
    /// let (tx, rx) = gort::channel::unbounded();
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    /// tx.send(1).unwrap();
    /// drop(tx);
    /// assert_eq!(rx.try_recv(), Ok(1));
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    /// # });
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match &self.flavor {
            Flavor::Chan(chan) => chan.try_recv(),
            _ => self.take_time().map(time_message).ok_or(TryRecvError::Empty),
        }
    }

    /// Apart, so that a look at a channel is a compare and not a jump by a table.
    #[cold]
    #[inline(never)]
    fn take_time(&self) -> Option<Instant> {
        match &self.flavor {
            Flavor::At(at) => at.take(),
            Flavor::Tick(tick) => tick.take(),
            Flavor::Chan(_) | Flavor::Never => None,
        }
    }

    fn chan(&self) -> Option<&Chan<T>> {
        match &self.flavor {
            Flavor::Chan(chan) => Some(chan),
            _ => None,
        }
    }

    /// Closes the channel; see [`Sender::close`](super::Sender::close). Channels of times have nothing to
    /// close.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, rx) = gort::channel::unbounded();
    /// tx.send(1).unwrap();
    /// rx.close();
    /// assert!(tx.send(2).is_err());
    /// assert_eq!(rx.iter().collect::<Vec<_>>(), [1]);
    /// # });
    /// ```
    pub fn close(&self) {
        if let Some(chan) = self.chan() {
            chan.close();
        }
    }

    /// Whether the channel is closed or one of its sides is gone.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, rx) = gort::channel::unbounded::<i32>();
    /// assert!(!rx.is_closed());
    /// drop(tx);
    /// assert!(rx.is_closed());
    /// # });
    /// ```
    pub fn is_closed(&self) -> bool {
        self.chan().is_some_and(Chan::is_closed)
    }

    /// Messages in the buffer.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, rx) = gort::channel::unbounded();
    /// tx.send("a").unwrap();
    /// assert_eq!(rx.len(), 1);
    /// # });
    /// ```
    pub fn len(&self) -> usize {
        match &self.flavor {
            Flavor::Chan(chan) => chan.len(),
            Flavor::At(at) => usize::from(at.is_ready()),
            Flavor::Tick(tick) => usize::from(tick.is_ready()),
            Flavor::Never => 0,
        }
    }

    /// Whether the buffer is empty; with capacity 0 it always is.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, rx) = gort::channel::unbounded();
    /// assert!(rx.is_empty());
    /// tx.send("a").unwrap();
    /// assert!(!rx.is_empty());
    /// # });
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the buffer is full; with capacity 0 it always is.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, rx) = gort::channel::bounded(1);
    /// assert!(!rx.is_full());
    /// tx.send("a").unwrap();
    /// assert!(rx.is_full());
    /// # });
    /// ```
    pub fn is_full(&self) -> bool {
        match &self.flavor {
            Flavor::Chan(chan) => chan.is_full(),
            Flavor::At(_) | Flavor::Tick(_) => !self.is_empty(),
            Flavor::Never => true,
        }
    }

    /// How many messages the buffer holds, `None` for no limit.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// assert_eq!(gort::channel::bounded::<u8>(3).1.capacity(), Some(3));
    /// assert_eq!(gort::channel::unbounded::<u8>().1.capacity(), None);
    /// # });
    /// ```
    pub fn capacity(&self) -> Option<usize> {
        match &self.flavor {
            Flavor::Chan(chan) => chan.capacity(),
            Flavor::At(_) | Flavor::Tick(_) => Some(1),
            Flavor::Never => Some(0),
        }
    }

    /// Whether both receive from the same channel.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (_, a) = gort::channel::bounded::<u8>(1);
    /// let (_, b) = gort::channel::bounded::<u8>(1);
    /// assert!(a.same_channel(&a.clone()) && !a.same_channel(&b));
    /// # });
    /// ```
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        match (&self.flavor, &other.flavor) {
            (Flavor::Chan(a), Flavor::Chan(b)) => Arc::ptr_eq(a, b),
            (Flavor::At(a), Flavor::At(b)) => Arc::ptr_eq(a, b),
            (Flavor::Tick(a), Flavor::Tick(b)) => Arc::ptr_eq(a, b),
            (Flavor::Never, Flavor::Never) => true,
            _ => false,
        }
    }

    /// Of the channel of a message that was received by a select.
    pub(super) fn keep_spare(&self, spare: Box<MaybeUninit<T>>) {
        if let Some(chan) = self.chan() {
            chan.keep_spare(spare);
        }
    }

    /// Whether it becomes ready by itself.
    #[inline]
    pub(super) fn is_timed(&self) -> bool {
        matches!(self.flavor, Flavor::At(_) | Flavor::Tick(_))
    }

    pub(super) fn address(&self) -> *const () {
        match &self.flavor {
            Flavor::Chan(chan) => chan.address(),
            Flavor::At(at) => Arc::as_ptr(at).cast(),
            Flavor::Tick(tick) => Arc::as_ptr(tick).cast(),
            Flavor::Never => std::ptr::null(),
        }
    }

    /// Messages until the channel is empty and disconnected or closed; blocks for each.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, rx) = gort::channel::bounded(0);
    /// gort::go!(move || (1..4).for_each(|i| tx.send(i).unwrap()));
    /// assert_eq!(rx.iter().sum::<i32>(), 6);
    /// # });
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// Messages that need no waiting.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, rx) = gort::channel::unbounded();
    /// tx.send(1).unwrap();
    /// tx.send(2).unwrap();
    /// assert_eq!(rx.try_iter().collect::<Vec<_>>(), [1, 2], "and does not wait for another");
    /// # });
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        let flavor = match &self.flavor {
            Flavor::Chan(chan) => {
                chan.add_receiver();
                Flavor::Chan(chan.clone())
            }
            Flavor::At(at) => Flavor::At(at.clone()),
            Flavor::Tick(tick) => Flavor::Tick(tick.clone()),
            Flavor::Never => Flavor::Never,
        };
        Self { flavor }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let Flavor::Chan(chan) = &self.flavor {
            chan.drop_receiver();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Receiver { .. }")
    }
}
