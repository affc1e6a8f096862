//! The operations that wait: send and receive, for ever or until a deadline.
//!
//! Who waits for ever queues a node under the lock and parks; the lock is released once its registers are saved, so
//! whoever takes the node off finds it asleep. Who waits until a deadline has a second waker, the timer, and begins a
//! wait on its commit word; see [`crate::wait`].
//!
//! Go: chan.go `chansend`, `chanrecv`, the blocking parts.

use std::mem::{ManuallyDrop, MaybeUninit};

use super::core::{Chan, Got, Inner, Sent, Side};
use super::{RecvTimeoutError, SendError, SendTimeoutError};
use crate::g::wait_reason::WaitReason;
use crate::sched::{current, park};
use crate::sys::clock::NEVER;
use crate::wait::{Popped, Waiter};

impl<T> Chan<T> {
    /// Sends; waits for room, or with capacity 0 for a receiver.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn send(&self, message: T) -> Result<(), SendError<T>> {
        let here = park::check_preempt();
        match self.attempt_send(here, message) {
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
        self.readiness(Side::Recv).set();
        self.park(WaitReason::ChanSend);
        if waiter.done.get() {
            // A receiver has taken it.
            return Ok(());
        }
        Err(SendError(ManuallyDrop::into_inner(message)))
    }

    /// Sends; waits until `deadline` for room, or with capacity 0 for a receiver.
    #[track_caller]
    pub(crate) fn send_until(&self, mut message: T, deadline: u64) -> Result<(), SendTimeoutError<T>> {
        if deadline == NEVER {
            return self.send(message).map_err(|e| SendTimeoutError::Disconnected(e.into_inner()));
        }
        let mut here = park::check_preempt();
        loop {
            let waiting = match self.attempt_send(here, message) {
                Sent::Done => return Ok(()),
                Sent::Closed(message) => return Err(SendTimeoutError::Disconnected(message)),
                Sent::Full(message) => ManuallyDrop::new(message),
            };
            self.unlock(here);
            let element = (&raw const waiting).cast_mut().cast();
            let (taken, done) = self.wait_until(deadline, element, Side::Send);
            if done {
                // A receiver has taken it.
                return Ok(());
            }
            message = ManuallyDrop::into_inner(waiting);
            if taken {
                return Err(SendTimeoutError::Disconnected(message));
            }
            if crate::sys::clock::nanotime() >= deadline {
                return Err(SendTimeoutError::Timeout(message));
            }
            // Room has come before we could wait for it.
            here = current::slot();
        }
    }

    /// Tells watchers that somebody is about to wait, which makes the other side ready. The lock is
    /// held, and stays so: it is released by the switch.
    fn announce(&self, inner: &mut Inner<T>) {
        inner.watchq.pop_all().ready_all();
    }

    /// Receives; waits for a message. `None` when there will never be one.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn recv(&self) -> Option<T> {
        let here = park::check_preempt();
        let mut place = MaybeUninit::uninit();
        // SAFETY: a place for a `T`.
        let waits = match unsafe { self.attempt_recv(here, |_| place.as_mut_ptr()) } {
            // SAFETY: it says that the message is there.
            Got::Message => return Some(unsafe { place.assume_init() }),
            Got::Closed => return None,
            waits => waits,
        };
        // A small message that was there goes through registers, as nobody else knows its place; this one is known.
        let mut known = MaybeUninit::uninit();
        let place = if size_of::<T>() <= 2 * size_of::<usize>() { &mut known } else { &mut place };
        let received = match waits {
            Got::Promise(sender) => {
                // SAFETY: a place for a `T`.
                unsafe { self.await_promise(sender, place.as_mut_ptr()) };
                true
            }
            _ => self.recv_parked(place),
        };
        // SAFETY: it says that the message is there.
        received.then(|| unsafe { place.assume_init_read() })
    }

    /// Waits for a message; whether one came. The lock is held.
    #[inline(always)]
    fn recv_parked(&self, place: &mut MaybeUninit<T>) -> bool {
        let waiter = Waiter::new(place.as_mut_ptr().cast());
        // SAFETY: the lock is held.
        let inner = unsafe { self.inner() };
        if !inner.watchq.is_empty() {
            self.announce(inner);
        }
        inner.recvq.push(&waiter);
        self.readiness(Side::Send).set();
        self.park(WaitReason::ChanReceive);
        // Then a sender has written it before it readied us.
        waiter.done.get()
    }

    /// Receives; waits until `deadline` for a message.
    #[track_caller]
    pub(crate) fn recv_until(&self, deadline: u64) -> Result<T, RecvTimeoutError> {
        if deadline == NEVER {
            return self.recv().ok_or(RecvTimeoutError::Disconnected);
        }
        let mut place = MaybeUninit::uninit();
        self.recv_until_into(deadline, &mut place)?;
        // SAFETY: `Ok` says that the message is there.
        Ok(unsafe { place.assume_init() })
    }

    /// `Ok` if a message has been put into `place`.
    #[track_caller]
    fn recv_until_into(&self, deadline: u64, place: &mut MaybeUninit<T>) -> Result<(), RecvTimeoutError> {
        let mut here = park::check_preempt();
        loop {
            // SAFETY: a place for a `T`.
            match unsafe { self.attempt_recv(here, |_| place.as_mut_ptr()) } {
                Got::Message => return Ok(()),
                Got::Closed => return Err(RecvTimeoutError::Disconnected),
                Got::Promise(sender) => {
                    // SAFETY: as above.
                    unsafe { self.await_promise(sender, place.as_mut_ptr()) };
                    return Ok(());
                }
                Got::Empty => {}
            }
            self.unlock(here);
            match self.wait_until(deadline, place.as_mut_ptr().cast(), Side::Recv) {
                // A sender has put it there.
                (_, true) => return Ok(()),
                (true, false) => return Err(RecvTimeoutError::Disconnected),
                (false, false) if crate::sys::clock::nanotime() < deadline => here = current::slot(),
                (false, false) => return Err(RecvTimeoutError::Timeout),
            }
        }
    }

    /// Waits for the message of a select that was won over. The lock is held.
    ///
    /// # Safety
    /// A `T` can be written to `place`.
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn await_promise(&self, sender: Popped, place: *mut T) {
        let waiter = Waiter::new(place.cast());
        sender.set_element((&raw const waiter).cast_mut().cast());
        sender.set_done();
        // Readied under the lock, against the rule: we park with the same breath. It takes the lock
        // before it looks, which is after we have parked.
        sender.ready();
        // `complete_send` writes it before it readies us.
        self.park(WaitReason::ChanReceive);
    }

    /// Queues a waiter, unless what it waits for is there already.
    #[inline(always)]
    pub(super) fn enqueue(&self, waiter: &Waiter, side: Side) -> bool {
        let here = current::slot();
        self.lock(here);
        // SAFETY: the lock is held.
        let inner = unsafe { self.inner() };
        if self.can_go_on(inner, side, waiter.gp()) {
            self.unlock(here);
            return false;
        }
        inner.queue(side).push(waiter);
        self.readiness(side.other()).set();
        // SAFETY: the lock is held.
        unsafe { self.unlock_changed(here) };
        true
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
        let here = current::slot();
        self.lock(here);
        // SAFETY: the lock is held.
        unsafe { self.inner() }.queue(side).remove(waiter);
        if waiter.kept.get() && !waiter.done.get() {
            self.wait_kept(waiter);
            return (true, true);
        }
        self.unlock(here);
        (waiter.taken.get(), waiter.done.get())
    }
}
