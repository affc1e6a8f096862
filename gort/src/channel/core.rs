//! The channel itself: a lock, a buffer, and two queues of waiters.
//!
//! Invariants, all under the lock
//! - At least one of the queues is empty.
//! - Receivers wait only while the buffer is empty; senders wait only while it is full (with capacity 0
//!   it is both). So a message is handed to a waiting receiver directly, and a receiver that takes
//!   from a full buffer moves the longest-waiting sender's message into it: first in, first out.
//! - Once closed nobody waits and nothing is added.
//!
//! Forbidden while the lock is held: readying a goroutine, dropping a message, anything of the user's.
//! A waiter's node and its message lie on its stack; it parks with `After::Unlock` of the lock.
//!
//! Go: chan.go `hchan`, `chansend`, `chanrecv`, `closechan`.

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Receiver, RecvError, SendError, Sender, TryRecvError, TrySendError};
use crate::g::wait_reason::WaitReason;
use crate::lock::Lock;
use crate::sched::park;
use crate::wait::{Popped, WaitQueue, Waiter};

/// See the module.
pub(crate) struct Chan<T> {
    lock: Lock,
    inner: UnsafeCell<Inner<T>>,
    /// `None` for no limit.
    cap: Option<usize>,
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

struct Inner<T> {
    buf: VecDeque<T>,
    recvq: WaitQueue,
    sendq: WaitQueue,
    /// By `close`, or because one side is gone.
    closed: bool,
}

// SAFETY: `inner` is touched only with `lock` held; messages move between threads, hence `Send`.
unsafe impl<T: Send> Sync for Chan<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Chan<T> {}

impl<T> std::panic::RefUnwindSafe for Chan<T> {}
impl<T> std::panic::UnwindSafe for Chan<T> {}

/// How an attempt ended that did not wait.
enum Attempt<T> {
    Done,
    Closed(T),
    Full(T),
}

impl<T> Chan<T> {
    pub(crate) fn create(cap: Option<usize>) -> (Sender<T>, Receiver<T>) {
        let chan = Arc::new(Self {
            lock: Lock::new(),
            inner: UnsafeCell::new(Inner {
                // A large bound is a limit, not a promise that it will be used.
                buf: VecDeque::with_capacity(cap.unwrap_or(0).min(256)),
                recvq: WaitQueue::new(),
                sendq: WaitQueue::new(),
                closed: false,
            }),
            cap,
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
        });
        (Sender::new(chan.clone()), Receiver::new(chan))
    }

    /// The state. The caller holds the lock, and drops the reference before it releases it.
    #[allow(clippy::mut_from_ref)]
    unsafe fn inner(&self) -> &mut Inner<T> {
        // SAFETY: the caller's word.
        unsafe { &mut *self.inner.get() }
    }

    fn locked<R>(&self, f: impl FnOnce(&mut Inner<T>) -> R) -> R {
        // SAFETY: the lock is held.
        self.lock.with(|| f(unsafe { self.inner() }))
    }

    /// Sends without waiting. Releases the lock unless the buffer is full.
    fn attempt_send(&self, message: T) -> Attempt<T> {
        self.lock.lock();
        // SAFETY: the lock is held.
        let inner = unsafe { self.inner() };
        if inner.closed {
            self.lock.unlock();
            return Attempt::Closed(message);
        }
        if let Some(receiver) = inner.recvq.pop() {
            // SAFETY: a receiver's element is a place for a `T` on its stack, which lives until it is
            // readied.
            unsafe { receiver.element().cast::<T>().write(message) };
            self.lock.unlock();
            receiver.ready();
            return Attempt::Done;
        }
        if self.cap.is_none_or(|cap| inner.buf.len() < cap) {
            inner.buf.push_back(message);
            self.lock.unlock();
            return Attempt::Done;
        }
        Attempt::Full(message)
    }

    pub(crate) fn send(&self, message: T) -> Result<(), SendError<T>> {
        park::check_preempt();
        match self.attempt_send(message) {
            Attempt::Done => Ok(()),
            Attempt::Closed(message) => Err(SendError(message)),
            Attempt::Full(message) => {
                let message = ManuallyDrop::new(message);
                let waiter = Waiter::new((&raw const message).cast_mut().cast());
                // SAFETY: `attempt_send` has left the lock held.
                unsafe { self.inner() }.sendq.wait(&self.lock, &waiter, WaitReason::ChanSend);
                if waiter.done.get() {
                    // A receiver has taken it.
                    Ok(())
                } else {
                    Err(SendError(ManuallyDrop::into_inner(message)))
                }
            }
        }
    }

    pub(crate) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.attempt_send(message) {
            Attempt::Done => Ok(()),
            Attempt::Closed(message) => Err(TrySendError::Disconnected(message)),
            Attempt::Full(message) => {
                self.lock.unlock();
                Err(TrySendError::Full(message))
            }
        }
    }

    /// Receives without waiting. Releases the lock unless there is nothing to receive, when it gives
    /// `None`.
    fn attempt_recv(&self) -> Option<Result<T, RecvError>> {
        self.lock.lock();
        // SAFETY: the lock is held.
        let inner = unsafe { self.inner() };
        let sender: Option<Popped>;
        let message = match inner.buf.pop_front() {
            Some(message) => {
                sender = inner.sendq.pop();
                if let Some(sender) = &sender {
                    // SAFETY: a sender's element is its message, which it does not drop once readied
                    // as done.
                    inner.buf.push_back(unsafe { sender.element().cast::<T>().read() });
                }
                message
            }
            None => {
                sender = inner.sendq.pop();
                match &sender {
                    // SAFETY: as above.
                    Some(sender) => unsafe { sender.element().cast::<T>().read() },
                    None if inner.closed => {
                        self.lock.unlock();
                        return Some(Err(RecvError));
                    }
                    None => return None,
                }
            }
        };
        self.lock.unlock();
        if let Some(sender) = sender {
            sender.ready();
        }
        Some(Ok(message))
    }

    pub(crate) fn recv(&self) -> Result<T, RecvError> {
        park::check_preempt();
        if let Some(result) = self.attempt_recv() {
            return result;
        }
        let mut place = MaybeUninit::<T>::uninit();
        let waiter = Waiter::new(place.as_mut_ptr().cast());
        // SAFETY: `attempt_recv` has left the lock held.
        unsafe { self.inner() }.recvq.wait(&self.lock, &waiter, WaitReason::ChanReceive);
        if waiter.done.get() {
            // SAFETY: a sender has written it before it readied us.
            Ok(unsafe { place.assume_init() })
        } else {
            Err(RecvError)
        }
    }

    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.attempt_recv() {
            Some(Ok(message)) => Ok(message),
            Some(Err(RecvError)) => Err(TryRecvError::Disconnected),
            None => {
                self.lock.unlock();
                Err(TryRecvError::Empty)
            }
        }
    }

    /// Closes: waiting receivers and senders see it, what is queued stays. False if it was closed
    /// before.
    pub(crate) fn close(&self) -> bool {
        let waiters = self.locked(|inner| {
            if std::mem::replace(&mut inner.closed, true) {
                return None;
            }
            Some((inner.recvq.pop_all(), inner.sendq.pop_all()))
        });
        let Some((receivers, senders)) = waiters else { return false };
        receivers.ready_all(false);
        senders.ready_all(false);
        true
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.locked(|inner| inner.closed)
    }

    pub(crate) fn len(&self) -> usize {
        self.locked(|inner| inner.buf.len())
    }

    pub(crate) fn is_full(&self) -> bool {
        self.cap.is_some_and(|cap| self.len() >= cap)
    }

    pub(crate) fn capacity(&self) -> Option<usize> {
        self.cap
    }

    pub(crate) fn add_sender(&self) {
        // Relaxed: like an `Arc`'s count, made from a living handle.
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    /// The last sender that goes closes the channel.
    pub(crate) fn drop_sender(&self) {
        // AcqRel: what the other senders did happens before the close.
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }

    pub(crate) fn add_receiver(&self) {
        self.receivers.fetch_add(1, Ordering::Relaxed);
    }

    /// The last receiver that goes closes the channel and drops what nobody can receive any more.
    pub(crate) fn drop_receiver(&self) {
        if self.receivers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
            let left = self.locked(|inner| std::mem::take(&mut inner.buf));
            drop(left);
        }
    }

    pub(crate) fn address(&self) -> *const () {
        ptr::from_ref(self).cast()
    }
}
