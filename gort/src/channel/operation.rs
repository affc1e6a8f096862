//! One operation as a select sees it: an end of a channel, whatever its messages are.

use std::cell::OnceCell;
use std::ptr;

use super::core::Side;
use super::receiver::{Flavor, time_message};
use super::token::{State, Token, place};
use super::{Receiver, Sender};
use crate::g::G;
use crate::g::commit::Seq;
use crate::sys::clock::NEVER;
use crate::wait::Waiter;

/// Who waits, in which of its waits, and where a message that it receives is to go.
#[derive(Clone, Copy)]
pub(super) struct Wait {
    pub(super) gp: &'static G,
    pub(super) seq: Seq,
    pub(super) place: *mut (),
}

/// See the module.
pub(super) trait Operation {
    /// A look without a lock; see [`readiness`](super::readiness).
    fn look(&self) -> u64;
    /// Commits to it if that needs no waiting. With `stay` the goroutine is not moved.
    fn commit(&self, token: &mut Token, stay: bool) -> bool;
    /// Makes a waiter and queues it, unless it needs no waiting.
    fn enqueue(&self, waiter: &OnceCell<Waiter>, wait: Wait) -> bool;
    /// Takes the waiter off; true if it was won, which the token then tells.
    fn accept(&self, waiter: &Waiter, token: &mut Token) -> bool;
    /// When it is worth trying again, whatever happens.
    fn due(&self) -> u64 {
        NEVER
    }
    /// Its channel, unless it waits for a time or for nothing.
    fn channel(&self) -> Option<*const ()>;
    fn is_ready(&self, gp: &'static G) -> bool;
    fn watch(&self, waiter: &Waiter) -> bool;
    fn unwatch(&self, waiter: &Waiter);
}

impl<T> Operation for Sender<T> {
    fn look(&self) -> u64 {
        self.chan.readiness(Side::Send).look()
    }

    fn commit(&self, token: &mut Token, _stay: bool) -> bool {
        self.chan.commit_send(token)
    }

    fn enqueue(&self, waiter: &OnceCell<Waiter>, wait: Wait) -> bool {
        let waiter = waiter.get_or_init(|| Waiter::erased(wait.gp, wait.seq, ptr::null_mut()));
        self.chan.enqueue(waiter, Side::Send)
    }

    fn accept(&self, waiter: &Waiter, token: &mut Token) -> bool {
        self.chan.accept(waiter, Side::Send, token)
    }

    fn channel(&self) -> Option<*const ()> {
        Some(self.chan.address())
    }

    fn is_ready(&self, gp: &'static G) -> bool {
        self.chan.is_ready(Side::Send, gp)
    }

    fn watch(&self, waiter: &Waiter) -> bool {
        self.chan.watch(waiter, Side::Send)
    }

    fn unwatch(&self, waiter: &Waiter) {
        self.chan.unwatch(waiter);
    }
}

impl<T> Operation for Receiver<T> {
    #[inline]
    fn look(&self) -> u64 {
        match &self.flavor {
            Flavor::Chan(chan) => chan.readiness(Side::Recv).look(),
            Flavor::At(at) => at.look(),
            Flavor::Tick(tick) => tick.look(),
            Flavor::Never => 0,
        }
    }

    fn commit(&self, token: &mut Token, stay: bool) -> bool {
        let time = match &self.flavor {
            Flavor::Chan(chan) => return chan.commit_recv(token, stay),
            Flavor::At(at) => at.take(),
            Flavor::Tick(tick) => tick.take(),
            Flavor::Never => None,
        };
        let Some(time) = time else { return false };
        // SAFETY: an open token's scratch is empty.
        unsafe { place::<T>(token.scratch.as_mut_ptr(), &mut None).write(time_message(time)) };
        token.state = State::Received;
        true
    }

    fn enqueue(&self, waiter: &OnceCell<Waiter>, wait: Wait) -> bool {
        match &self.flavor {
            Flavor::Chan(chan) => {
                let waiter = waiter.get_or_init(|| Waiter::erased(wait.gp, wait.seq, wait.place));
                chan.enqueue(waiter, Side::Recv)
            }
            _ => true,
        }
    }

    fn accept(&self, waiter: &Waiter, token: &mut Token) -> bool {
        match &self.flavor {
            Flavor::Chan(chan) => chan.accept(waiter, Side::Recv, token),
            _ => false,
        }
    }

    fn due(&self) -> u64 {
        match &self.flavor {
            Flavor::At(at) => at.due(),
            Flavor::Tick(tick) => tick.due(),
            Flavor::Chan(_) | Flavor::Never => NEVER,
        }
    }

    fn channel(&self) -> Option<*const ()> {
        matches!(self.flavor, Flavor::Chan(_)).then(|| self.address())
    }

    fn is_ready(&self, gp: &'static G) -> bool {
        match &self.flavor {
            Flavor::Chan(chan) => chan.is_ready(Side::Recv, gp),
            _ => !self.is_empty(),
        }
    }

    fn watch(&self, waiter: &Waiter) -> bool {
        match &self.flavor {
            Flavor::Chan(chan) => chan.watch(waiter, Side::Recv),
            _ => true,
        }
    }

    fn unwatch(&self, waiter: &Waiter) {
        if let Flavor::Chan(chan) = &self.flavor {
            chan.unwatch(waiter);
        }
    }
}
