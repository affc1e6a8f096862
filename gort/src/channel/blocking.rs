//! The operations that wait: send and receive, for ever or until a deadline.
//!
//! Who waits for ever queues a node under the lock and parks; the lock is released once its registers are saved, so
//! whoever takes the node off finds it asleep. Who waits until a deadline has a second waker, the timer, and begins a
//! wait on its commit word; see [`crate::wait`].
//!
//! Go: chan.go `chansend`, `chanrecv`, the blocking parts.

use std::mem::{ManuallyDrop, MaybeUninit};

use super::core::{Chan, Got, Inner, Sent, Side};
use super::token::Scratch;
use super::{RecvTimeoutError, SendError, SendTimeoutError};
use crate::g::wait_reason::WaitReason;
use crate::sched::park;
use crate::sys::clock::NEVER;
use crate::wait::{Popped, Waiter};

impl<T> Chan<T> {
    /// Sends; waits for room, or with capacity 0 for a receiver.
    #[inline(always)]
    pub(crate) fn send(&self, message: T) -> Result<(), SendError<T>> {
        park::check_preempt();
        match self.attempt_send(message) {
            Sent::Done => Ok(()),
            Sent::Closed(message) => Err(SendError(message)),
            Sent::Full(message) => self.send_parked(message),
        }
    }

    /// Waits until `message` is taken. The lock is held.
    #[inline(always)]
    fn send_parked(&self, message: T) -> Result<(), SendError<T>> {
        let message = ManuallyDrop::new(message);
        let waiter = Waiter::new((&raw const message).cast_mut().cast());
        // SAFETY: the lock is held.
        let inner = unsafe { self.inner() };
        if !inner.watchq.is_empty() {
            self.announce(inner);
        }
        inner.sendq.push(&waiter);
        self.set_receivable();
        self.park(WaitReason::ChanSend);
        if waiter.done.get() {
            // A receiver has taken it.
            return Ok(());
        }
        Err(SendError(ManuallyDrop::into_inner(message)))
    }

    /// Sends; waits until `deadline` for room, or with capacity 0 for a receiver.
    pub(crate) fn send_until(&self, message: T, deadline: u64) -> Result<(), SendTimeoutError<T>> {
        park::check_preempt();
        if deadline == NEVER {
            return self.send(message).map_err(|e| SendTimeoutError::Disconnected(e.into_inner()));
        }
        let message = match self.attempt_send(message) {
            Sent::Done => return Ok(()),
            Sent::Closed(message) => return Err(SendTimeoutError::Disconnected(message)),
            Sent::Full(message) => ManuallyDrop::new(message),
        };
        self.unlock();
        let element = (&raw const message).cast_mut().cast();
        let (taken, done) = self.wait_until(deadline, element, Side::Send);
        if done {
            // A receiver has taken it.
            return Ok(());
        }
        let message = ManuallyDrop::into_inner(message);
        if taken {
            Err(SendTimeoutError::Disconnected(message))
        } else if crate::sys::clock::nanotime() < deadline {
            // Room has come before we could wait for it.
            self.send_until(message, deadline)
        } else {
            Err(SendTimeoutError::Timeout(message))
        }
    }

    /// Tells watchers that somebody is about to wait, which makes the other side ready. The lock is
    /// held, and stays so: it is released by the switch.
    fn announce(&self, inner: &mut Inner<T>) {
        inner.watchq.pop_all().ready_all();
    }

    /// Receives; waits for a message. `None` when there will never be one.
    #[inline(always)]
    pub(crate) fn recv(&self) -> Option<T> {
        park::check_preempt();
        match self.attempt_recv() {
            Got::Message(message) => Some(message),
            Got::Closed => None,
            Got::Promise(sender) => Some(self.await_promise(sender)),
            Got::Empty => self.recv_parked(),
        }
    }

    /// Waits for a message. The lock is held.
    #[inline(always)]
    fn recv_parked(&self) -> Option<T> {
        let mut place = MaybeUninit::<T>::uninit();
        let waiter = Waiter::new(place.as_mut_ptr().cast());
        // SAFETY: the lock is held.
        let inner = unsafe { self.inner() };
        if !inner.watchq.is_empty() {
            self.announce(inner);
        }
        inner.recvq.push(&waiter);
        self.park(WaitReason::ChanReceive);
        // SAFETY: a sender has written it before it readied us.
        waiter.done.get().then(|| unsafe { place.assume_init() })
    }

    /// Receives; waits until `deadline` for a message.
    pub(crate) fn recv_until(&self, deadline: u64) -> Result<T, RecvTimeoutError> {
        if deadline == NEVER {
            return self.recv().ok_or(RecvTimeoutError::Disconnected);
        }
        park::check_preempt();
        loop {
            match self.attempt_recv() {
                Got::Message(message) => return Ok(message),
                Got::Closed => return Err(RecvTimeoutError::Disconnected),
                Got::Promise(sender) => return Ok(self.await_promise(sender)),
                Got::Empty => {}
            }
            self.unlock();
            let mut scratch = Scratch::new();
            match self.wait_until(deadline, scratch.as_mut_ptr(), Side::Recv) {
                // SAFETY: a sender has put it there.
                (_, true) => return Ok(unsafe { scratch.take() }),
                (true, false) => return Err(RecvTimeoutError::Disconnected),
                (false, false) if crate::sys::clock::nanotime() < deadline => {}
                (false, false) => return Err(RecvTimeoutError::Timeout),
            }
        }
    }

    /// Waits for the message of a select that was won over. The lock is held.
    #[cold]
    #[inline(never)]
    pub(super) fn await_promise(&self, sender: Popped) -> T {
        let mut place = MaybeUninit::<T>::uninit();
        let waiter = Waiter::new(place.as_mut_ptr().cast());
        sender.set_element((&raw const waiter).cast_mut().cast());
        sender.set_done();
        // Readied under the lock, against the rule: we park with the same breath. It takes the lock
        // before it looks, which is after we have parked.
        sender.ready();
        self.park(WaitReason::ChanReceive);
        // SAFETY: `fulfil_rendezvous` has written it before it readied us.
        unsafe { place.assume_init() }
    }

    /// Waits in a queue until `deadline`: whether a waker took us off, and whether it did what we wait
    /// for. Neither if there is nothing to wait for, or the time has come.
    fn wait_until(&self, deadline: u64, element: *mut (), side: Side) -> (bool, bool) {
        let waiter = std::cell::OnceCell::new();
        let reason = match side {
            Side::Send => WaitReason::ChanSend,
            Side::Recv => WaitReason::ChanReceive,
        };
        park::park_commit(deadline, reason, |gp, seq| {
            let waiter = waiter.get_or_init(|| Waiter::committed(gp, seq, element));
            self.enqueue(waiter, side)
        });
        // Whoever took us off did so under the lock: after this it does not touch the node any more.
        let waiter = waiter.get().expect("set above");
        self.lock();
        // SAFETY: the lock is held.
        unsafe { self.inner() }.queue(side).remove(waiter);
        if waiter.kept.get() && !waiter.done.get() {
            self.wait_kept(waiter);
            return (true, true);
        }
        self.unlock();
        (waiter.taken.get(), waiter.done.get())
    }
}
