//! A channel's side of a select: committing to an operation first, carrying it out later.
//!
//! Receiving is carried out at once: the message goes to the token. Sending cannot be, since the message
//! is not there yet; what is agreed on is kept in the token:
//! - room in the buffer is promised;
//! - a waiting receiver is taken off its queue and kept until the message comes. One who waits for
//!   this alone sleeps on. One who waits for several things may be awake: it finds itself taken and not
//!   done, and parks again until it is;
//! - a select that waits to send is won over by a receiver, which then waits for it in turn
//!   (`await_promise`).
//!
//! Go needs none of this: there a select's message is evaluated before it waits.

use super::core::{Chan, Got, Inner, Side};
use std::mem::MaybeUninit;

use super::SendError;
use super::token::{self, State, Token};
use crate::g::wait_reason::WaitReason;
use crate::sched::{current, park};
use crate::wait::{Chain, Popped, Waiter};

impl<T> Chan<T> {
    /// Commits to a receive if that needs no waiting. `stay` is for calls that are documented as not
    /// blocking: the goroutine stays on its thread.
    pub(crate) fn commit_recv(&self, token: &mut Token, stay: bool) -> bool {
        if !self.may(Side::Recv) {
            return false;
        }
        let here = current::slot();
        let scratch = token.scratch.as_mut_ptr();
        // SAFETY: an open token's scratch is empty.
        let place = |inner: &mut Inner<T>| unsafe { token::place(scratch, &mut inner.spare) };
        // SAFETY: it is written to if it is asked for.
        match unsafe { self.attempt_recv(here, place) } {
            Got::Message => {}
            Got::Promise(sender) => {
                // SAFETY: the lock is held. The place is one for a `T`.
                unsafe {
                    let place = place(self.inner());
                    if stay {
                        park::keep_thread(|| self.await_promise(sender, place));
                    } else {
                        self.await_promise(sender, place);
                    }
                }
            }
            Got::Closed => {
                token.state = State::Closed;
                return true;
            }
            Got::Empty => {
                self.readiness(Side::Recv).clear();
                self.unlock(here);
                return false;
            }
        }
        token.state = State::Received;
        true
    }

    /// Commits to a send if that needs no waiting.
    pub(crate) fn commit_send(&self, token: &mut Token) -> bool {
        if !self.may(Side::Send) {
            return false;
        }
        self.locked(|inner| {
            token.state = if inner.closed {
                State::Closed
            } else if let Some(receiver) = inner.recvq.pop() {
                State::Receiver(receiver.keep())
            } else if self.has_room(inner) {
                inner.promised += 1;
                State::Promised
            } else {
                self.readiness(Side::Send).clear();
                return false;
            };
            true
        })
    }

    /// After a wait: takes the waiter off the queue, and if somebody else has done so, says in the
    /// token what was agreed on.
    pub(crate) fn accept(&self, waiter: &Waiter, side: Side, token: &mut Token) -> bool {
        let here = current::slot();
        self.lock(here);
        // SAFETY: the lock is held.
        let inner = unsafe { self.inner() };
        inner.queue(side).remove(waiter);
        if !waiter.taken.get() {
            self.unlock(here);
            return false;
        }
        token.state = match side {
            // By a close: nobody else takes one off without doing anything for it.
            Side::Send if !waiter.done.get() => State::Closed,
            Side::Send if waiter.element.get().is_null() => State::Promised,
            Side::Send => State::Rendezvous(waiter.element.get()),
            Side::Recv if waiter.done.get() => State::Received,
            Side::Recv if waiter.kept.get() => {
                self.wait_kept(waiter);
                token.state = State::Received;
                return true;
            }
            Side::Recv => State::Closed,
        };
        self.unlock(here);
        true
    }

    /// Waits for the message of a select that keeps us for it. The caller holds the lock.
    pub(super) fn wait_kept(&self, waiter: &Waiter) {
        waiter.late.set(true);
        self.park(WaitReason::ChanReceive);
    }

    /// Carries out a send that was committed to.
    pub(crate) fn complete_send(&self, token: Token, message: T) -> Result<(), SendError<T>> {
        match token.state {
            State::Closed => return Err(SendError(message)),
            State::Receiver(receiver) => self.fulfil(receiver, message),
            State::Rendezvous(waiter) => {
                // SAFETY: `await_promise` has left its waiter, which sleeps until it is readied.
                let receiver = unsafe { Popped::sleeping(waiter.cast::<Waiter>()) };
                // SAFETY: as above: nobody else knows the waiter, whose place is one for a `T`.
                unsafe { receiver.element().cast::<T>().write(message) };
                receiver.set_done();
                receiver.ready();
            }
            State::Promised => return self.redeem(message),
            State::Open | State::Received => unreachable!("no send was committed to"),
        }
        Ok(())
    }

    /// Gives the message to a receiver that was kept for it.
    fn fulfil(&self, receiver: Popped, message: T) {
        let receiver = self.locked(|inner| {
            // SAFETY: it was kept since it was taken off: it waits for this.
            unsafe { inner.hand_over(&receiver, message) };
            receiver.or_late()
        });
        receiver.ready();
    }

    /// Sends into the place that was promised.
    fn redeem(&self, message: T) -> Result<(), SendError<T>> {
        let here = current::slot();
        self.lock(here);
        // SAFETY: the lock is held.
        let inner = unsafe { self.inner() };
        inner.promised -= 1;
        if inner.closed {
            self.unlock(here);
            return Err(SendError(message));
        }
        let mut woken = inner.watchq.pop_all();
        match inner.recvq.pop() {
            Some(receiver) => {
                // SAFETY: just taken off, under the lock.
                unsafe { inner.hand_over(&receiver, message) };
                woken.push(receiver);
                // The place is free again.
                if let Some(sender) = inner.refill() {
                    woken.push(sender);
                    self.drain(inner, &mut woken);
                } else {
                    self.readiness(Side::Send).set();
                }
            }
            None => {
                inner.buf.push_back(message);
                self.readiness(Side::Recv).set();
            }
        }
        self.unlock(here);
        woken.ready_all();
        Ok(())
    }

    /// What a refill has put into the buffer goes to receivers that wait.
    fn drain(&self, inner: &mut Inner<T>, woken: &mut Chain) {
        while !inner.buf.is_empty()
            && let Some(receiver) = inner.recvq.pop()
        {
            let message = inner.buf.pop_front().expect("not empty");
            // SAFETY: just taken off, under the lock.
            unsafe { inner.hand_over(&receiver, message) };
            woken.push(receiver);
            match inner.refill() {
                Some(sender) => woken.push(sender),
                None => self.readiness(Side::Send).set(),
            }
        }
    }

    /// Keeps a box for the next large message that a select receives.
    #[cold]
    pub(crate) fn keep_spare(&self, spare: Box<MaybeUninit<T>>) {
        let old = self.locked(|inner| inner.spare.replace(spare));
        drop(old);
    }

    /// Whether an operation of `gp`, which is queued nowhere, would need no waiting.
    pub(crate) fn is_ready(&self, side: Side, gp: &'static crate::g::G) -> bool {
        self.may(side)
            && self.locked(|inner| {
                let ready = self.can_go_on(inner, side, gp);
                if !ready {
                    self.readiness(side).clear();
                }
                ready
            })
    }

    /// Waits for a change, unless the operation needs no waiting now.
    pub(crate) fn watch(&self, waiter: &Waiter, side: Side) -> bool {
        self.locked(|inner| {
            let ready = self.can_go_on(inner, side, waiter.gp());
            if !ready {
                inner.watchq.push(waiter);
            }
            !ready
        })
    }

    /// Ends a watch.
    pub(crate) fn unwatch(&self, waiter: &Waiter) {
        self.locked(|inner| inner.watchq.remove(waiter));
    }
}
