//! The channel itself: a lock, a buffer, and queues of waiters.
//!
//! Invariants, all under the lock
//! - Receivers wait only while the buffer is empty; senders wait only while there is no room (with
//!   capacity 0 both hold always). A message is handed to a waiting receiver directly, and a receiver
//!   that makes room moves the longest-waiting sender's message into the buffer: first in, first out.
//! - Room that is promised to a select that has not sent yet counts as taken (`promised`).
//! - Once closed nobody waits and nothing is added, except that promises made before are broken by an
//!   error that gives the message back.
//!
//! Forbidden while the lock is held: dropping a message, anything of the user's. A waiter's node and its
//! message lie on its stack; see [`crate::wait`] for who may touch them when.
//!
//! Go: chan.go `hchan`, `chansend`, `chanrecv`, `closechan`.

use std::collections::VecDeque;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr;

use super::buffer;
use super::readiness::{Readiness, may_go_on};
use super::token;
use super::{Receiver, Sender, TryRecvError, TrySendError};
use crate::biased_lock::{BiasedLock, Slot};
use crate::g::After;
use crate::g::wait_reason::WaitReason;
use crate::primitive::{Arc, AtomicUsize, Ordering, UnsafeCell};
use crate::sched::{current, park};
use crate::wait::{Chain, Popped, WaitQueue};

/// See the module.
#[repr(C)]
pub(crate) struct Chan<T> {
    /// First: a channel is its lock's address to dumps, which look for it on stacks.
    lock: BiasedLock,
    inner: UnsafeCell<Inner<T>>,
    /// Whether there is something to receive, or the channel is closed.
    receivable: Readiness,
    /// Whether there is room, a receiver waits, or the channel is closed.
    sendable: Readiness,
    /// `None` for no limit.
    cap: Option<usize>,
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

pub(super) struct Inner<T> {
    pub(super) buf: VecDeque<T>,
    pub(super) recvq: WaitQueue,
    pub(super) sendq: WaitQueue,
    /// Those who wait for anything to change; see `Select::ready`.
    pub(super) watchq: WaitQueue,
    /// The buffer gives memory back once it is small again and larger than this.
    keep: usize,
    /// A box for the next large message that a select receives; see [`token`].
    pub(super) spare: Option<Box<MaybeUninit<T>>>,
    /// Places in the buffer promised to selects.
    pub(super) promised: usize,
    /// By `close`, or because one side is gone.
    pub(super) closed: bool,
}

// SAFETY: `inner` is touched only with `lock` held; messages move between threads, hence `Send`.
unsafe impl<T: Send> Sync for Chan<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Chan<T> {}

impl<T> std::panic::RefUnwindSafe for Chan<T> {}
impl<T> std::panic::UnwindSafe for Chan<T> {}

/// The calling thread's slot, which holds until its goroutine parks: asked for once in an operation.
pub(super) type Here = Option<&'static Slot>;

/// How an attempt to send ended.
pub(super) enum Sent<T> {
    Done,
    Closed(T),
    /// There is no room. The lock is still held.
    Full(T),
}

/// How an attempt to receive ended.
pub(super) enum Got {
    /// The message is where it was to go.
    Message,
    Closed,
    /// There is nothing. The lock is still held.
    Empty,
    /// A select that waits has been won over to send, and is about to. The lock is still held.
    Promise(Popped),
}

impl<T> Chan<T> {
    pub(crate) fn create(cap: Option<usize>) -> (Sender<T>, Receiver<T>) {
        let fixed = buffer::reserved::<T>(cap.unwrap_or(0));
        let chan = Arc::new(Self {
            lock: BiasedLock::new(),
            inner: UnsafeCell::new(Inner {
                buf: VecDeque::with_capacity(fixed),
                recvq: WaitQueue::new(),
                sendq: WaitQueue::new(),
                watchq: WaitQueue::new(),
                keep: buffer::kept::<T>(fixed),
                spare: None,
                promised: 0,
                closed: false,
            }),
            receivable: Readiness::new(),
            sendable: Readiness::new(),
            cap,
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
        });
        (Sender::new(chan.clone()), Receiver::new(chan))
    }

    /// The state.
    ///
    /// # Safety
    /// The caller holds the lock, and has no other reference to the state.
    #[allow(clippy::mut_from_ref)]
    pub(super) unsafe fn inner(&self) -> &mut Inner<T> {
        // SAFETY: the caller's word.
        self.inner.with_mut(|inner| unsafe { &mut *inner })
    }

    #[inline(always)]
    pub(super) fn lock(&self, here: Here) {
        self.lock.lock(here);
    }

    /// On the thread that took the lock.
    #[inline(always)]
    pub(super) fn unlock(&self, here: Here) {
        self.lock.unlock(here);
    }

    /// Parks the caller, which has queued itself; the lock is released once its registers are saved.
    #[inline(always)]
    pub(super) fn park(&self, reason: WaitReason) {
        park::gopark_inline(After::UnlockBiased(&self.lock), reason);
    }

    /// Runs `f` with the lock held. It does not panic: it calls nothing of the user's.
    pub(super) fn locked<R>(&self, f: impl FnOnce(&mut Inner<T>) -> R) -> R {
        let here = current::slot();
        self.lock(here);
        // SAFETY: the lock is held.
        let r = f(unsafe { self.inner() });
        self.unlock(here);
        r
    }

    /// Of the operation on this side.
    #[inline(always)]
    pub(super) fn readiness(&self, side: Side) -> &Readiness {
        match side {
            Side::Send => &self.sendable,
            Side::Recv => &self.receivable,
        }
    }

    /// Whether the operation may need no waiting.
    #[inline(always)]
    pub(super) fn may(&self, side: Side) -> bool {
        may_go_on(self.readiness(side).look())
    }

    /// Whether one more message, or promise of one, fits.
    pub(super) fn has_room(&self, inner: &Inner<T>) -> bool {
        self.cap.is_none_or(|cap| inner.buf.len() + inner.promised < cap)
    }

    /// Whether an operation of `gp` needs no waiting: what it waits for is there, or somebody else waits for it.
    #[inline(always)]
    pub(super) fn can_go_on(&self, inner: &Inner<T>, side: Side, gp: &'static crate::g::G) -> bool {
        inner.closed
            || match side {
                Side::Send => self.has_room(inner) || inner.recvq.has_other(gp),
                Side::Recv => !inner.buf.is_empty() || inner.sendq.has_other(gp),
            }
    }

    /// Releases the lock after a change that watchers may wait for.
    ///
    /// # Safety
    /// As for [`inner`](Self::inner). The state is not handed in: a reference that is an argument claims what it refers
    /// to until the function returns, and others are at the state before.
    #[inline(always)]
    pub(super) unsafe fn unlock_changed(&self, here: Here) {
        // SAFETY: the caller's word.
        if unsafe { self.inner() }.watchq.is_empty() {
            self.unlock(here);
        } else {
            // SAFETY: as above.
            unsafe { self.unlock_and_tell(here) }
        }
    }

    /// # Safety
    /// As above.
    #[cold]
    #[inline(never)]
    unsafe fn unlock_and_tell(&self, here: Here) {
        // SAFETY: the caller's word.
        let inner = unsafe { self.inner() };
        let watchers = inner.watchq.pop_all();
        self.unlock(here);
        watchers.ready_all();
    }

    /// Sends without waiting, on the thread that the caller is on.
    #[inline(always)]
    pub(super) fn attempt_send(&self, here: Here, message: T) -> Sent<T> {
        self.lock(here);
        // SAFETY: the lock is held.
        let inner = unsafe { self.inner() };
        if inner.closed {
            self.unlock(here);
            return Sent::Closed(message);
        }
        if let Some(receiver) = inner.recvq.pop() {
            // SAFETY: just taken off, under the lock.
            unsafe { inner.hand_over(&receiver, message) };
            self.unlock(here);
            receiver.ready();
            return Sent::Done;
        }
        if self.has_room(inner) {
            inner.buf.push_back(message);
            self.receivable.set();
            // SAFETY: the lock is held.
            unsafe { self.unlock_changed(here) };
            return Sent::Done;
        }
        Sent::Full(message)
    }

    #[inline]
    pub(crate) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        if !self.may(Side::Send) {
            return Err(TrySendError::Full(message));
        }
        self.try_send_locked(message)
    }

    fn try_send_locked(&self, message: T) -> Result<(), TrySendError<T>> {
        let here = current::slot();
        match self.attempt_send(here, message) {
            Sent::Done => Ok(()),
            Sent::Closed(message) => Err(TrySendError::Disconnected(message)),
            Sent::Full(message) => {
                self.sendable.clear();
                self.unlock(here);
                Err(TrySendError::Full(message))
            }
        }
    }

    /// Receives without waiting, on the thread that the caller is on. `place` says where to, if there is a message: it may
    /// be large, and each function that handed it on by value would have a copy on its frame.
    ///
    /// # Safety
    /// A `T` can be written to what `place` gives.
    #[inline(always)]
    pub(super) unsafe fn attempt_recv(&self, here: Here, place: impl FnOnce(&mut Inner<T>) -> *mut T) -> Got {
        self.lock(here);
        // SAFETY: the lock is held.
        let inner = unsafe { self.inner() };
        if !inner.buf.is_empty() {
            let place = place(inner);
            // SAFETY: the caller's word.
            unsafe { inner.take_first(place) };
            let sender = inner.refill();
            if sender.is_none() {
                self.sendable.set();
            }
            buffer::give_back(&mut inner.buf, inner.keep);
            // SAFETY: the lock is held.
            unsafe { self.unlock_changed(here) };
            if let Some(sender) = sender {
                sender.ready();
            }
            return Got::Message;
        }
        match inner.sendq.pop() {
            Some(sender) if sender.element().is_null() => Got::Promise(sender),
            Some(sender) => {
                let place = place(inner);
                // SAFETY: a sender's element is its message, which it does not drop once it is done. The place is the
                // caller's word.
                unsafe { place.copy_from_nonoverlapping(sender.element().cast::<T>(), 1) };
                sender.set_done();
                self.unlock(here);
                sender.ready();
                Got::Message
            }
            None if inner.closed => {
                self.unlock(here);
                Got::Closed
            }
            None => Got::Empty,
        }
    }

    #[inline]
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        if !self.may(Side::Recv) {
            return Err(TryRecvError::Empty);
        }
        let mut place = MaybeUninit::uninit();
        self.try_recv_locked(&mut place)?;
        // SAFETY: `Ok` says that the message is there.
        Ok(unsafe { place.assume_init() })
    }

    /// `Ok` if a message has been put into `place`.
    fn try_recv_locked(&self, place: &mut MaybeUninit<T>) -> Result<(), TryRecvError> {
        let here = current::slot();
        // SAFETY: a place for a `T`.
        match unsafe { self.attempt_recv(here, |_| place.as_mut_ptr()) } {
            Got::Message => Ok(()),
            Got::Closed => Err(TryRecvError::Disconnected),
            Got::Empty => {
                self.receivable.clear();
                self.unlock(here);
                Err(TryRecvError::Empty)
            }
            Got::Promise(sender) => {
                // It comes in a moment. No call that is documented as not blocking may change the thread.
                // SAFETY: a place for a `T`.
                park::keep_thread(|| unsafe { self.await_promise(sender, place.as_mut_ptr()) });
                Ok(())
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
            self.receivable.set();
            self.sendable.set();
            Some([inner.recvq.pop_all(), inner.sendq.pop_all(), inner.watchq.pop_all()])
        });
        let Some(waiters) = waiters else { return false };
        waiters.into_iter().for_each(Chain::ready_all);
        true
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.locked(|inner| inner.closed)
    }

    pub(crate) fn len(&self) -> usize {
        self.locked(|inner| inner.buf.len())
    }

    pub(crate) fn is_full(&self) -> bool {
        self.cap.is_some_and(|cap| self.locked(|inner| inner.buf.len() + inner.promised) >= cap)
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

    /// Whether there are receivers beside the caller's. A hint, unless nobody else can make one.
    #[cfg(gort_runtime)]
    pub(crate) fn has_other_receivers(&self) -> bool {
        // Relaxed: what they do happens before nothing here.
        self.receivers.load(Ordering::Relaxed) > 1
    }

    pub(crate) fn add_receiver(&self) {
        self.receivers.fetch_add(1, Ordering::Relaxed);
    }

    /// The last receiver that goes closes the channel and drops what nobody can receive any more.
    pub(crate) fn drop_receiver(&self) {
        if self.receivers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
            // If a message panics when dropped, the rest is leaked: another panic would be the end.
            let mut left = ManuallyDrop::new(self.locked(|inner| std::mem::take(&mut inner.buf)));
            while let Some(message) = left.pop_front() {
                drop(message);
            }
            drop(ManuallyDrop::into_inner(left));
        }
    }

    pub(crate) fn address(&self) -> *const () {
        ptr::from_ref(self).cast()
    }
}

/// Which of the two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Send,
    Recv,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Send => Self::Recv,
            Self::Recv => Self::Send,
        }
    }
}

impl<T> Inner<T> {
    pub(super) fn queue(&self, side: Side) -> &WaitQueue {
        match side {
            Side::Send => &self.sendq,
            Side::Recv => &self.recvq,
        }
    }

    /// Moves the first message of the buffer, which is not empty, to `to`.
    ///
    /// # Safety
    /// A `T` can be written there.
    #[inline(always)]
    unsafe fn take_first(&mut self, to: *mut T) {
        if let Some(first) = self.buf.front() {
            // SAFETY: the caller's word. The original is forgotten.
            unsafe { to.copy_from_nonoverlapping(first, 1) };
            std::mem::forget(self.buf.pop_front());
        }
    }

    /// A place has become free: the longest-waiting sender's message, or promise of one, takes it.
    #[inline(always)]
    pub(super) fn refill(&mut self) -> Option<Popped> {
        if self.sendq.is_empty() { None } else { self.refill_from_queue() }
    }

    #[inline(never)]
    fn refill_from_queue(&mut self) -> Option<Popped> {
        let sender = self.sendq.pop()?;
        if sender.element().is_null() {
            self.promised += 1;
        } else {
            // SAFETY: a sender's element is its message, which it does not drop once it is done.
            self.buf.push_back(unsafe { sender.element().cast::<T>().read() });
        }
        sender.set_done();
        Some(sender)
    }

    /// Gives a message to a receiver that was taken off its queue.
    ///
    /// # Safety
    /// The lock under which it was taken off is still held.
    #[inline(always)]
    pub(super) unsafe fn hand_over(&mut self, receiver: &Popped, message: T) {
        // SAFETY: the element is a place for a `T`, or an empty scratch.
        unsafe {
            let place = if receiver.is_erased() {
                token::place(receiver.element(), &mut self.spare)
            } else {
                receiver.element().cast::<T>()
            };
            place.write(message);
        }
        receiver.set_done();
    }
}
