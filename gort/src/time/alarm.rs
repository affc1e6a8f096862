//! What timers and tickers are made of: a time that can be set, moved and taken back, and what happens then.
//!
//! Invariants, under the lock
//! - `seq` grows with each setting and each stop. An entry of a heap whose number is not the present one is
//!   stale and changes nothing.
//! - A time is sent, and an unreceived one is taken back, under the lock: after a stop or a reset nothing that
//!   was due before is received. (Go 1.23: timer channels are synchronous.)
//! - The function to call is here only while a time is set that comes, so that a stale entry owns nothing of the user's.
//!
//! Go: time.go `timer`, `timer.modify`, `timer.stop`, `timer.unlockAndRun`.

use std::panic::Location;
// std's under loom too, whose `Arc` becomes no `Arc<dyn Alarm>`.
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::channel::{Receiver, Sender, bounded, never};
use crate::primitive::{AtomicU64, Mutex, MutexGuard, Ordering};
use crate::sched::newproc::{getcallerpc, newproc};
use crate::sched::park;
use crate::sys::clock;
use crate::timer::{self, Target, Timers};

/// A function that runs in a goroutine of its own each time.
pub(crate) type Call = Arc<dyn Fn() + Send + Sync>;

/// What happens.
#[derive(Clone)]
pub(crate) enum Action {
    /// The time is sent to the alarm's channel, unless the one before lies there still.
    Send,
    Call(Call),
}

struct State {
    /// When it is due, if it is set.
    when: Option<u64>,
    /// Nanoseconds between two times, 0 for one.
    period: u64,
    call: Option<Call>,
    /// Where the present entry lies.
    timers: Option<&'static Timers>,
}

/// See the module.
pub(crate) struct Alarm {
    /// Written under the lock.
    seq: AtomicU64,
    state: Mutex<State>,
    sender: Option<Sender<Instant>>,
    receiver: Receiver<Instant>,
    location: &'static Location<'static>,
}

impl Alarm {
    #[track_caller]
    pub(crate) fn new(sends: bool) -> Arc<Self> {
        crate::sched::current::require_runtime();
        let (sender, receiver) = if sends {
            let (sender, receiver) = bounded(1);
            (Some(sender), receiver)
        } else {
            (None, never())
        };
        let state = State { when: None, period: 0, call: None, timers: None };
        Arc::new(Self {
            seq: AtomicU64::new(0),
            state: Mutex::new(state),
            sender,
            receiver,
            location: Location::caller(),
        })
    }

    pub(crate) fn channel(&self) -> &Receiver<Instant> {
        &self.receiver
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the time back, and what it has sent. Whether it was set, or sent and not received.
    fn clear(&self, state: &mut State) -> bool {
        // Relaxed: written under the lock; a sweep that sees the old number keeps an entry a little longer.
        self.seq.fetch_add(1, Ordering::Relaxed);
        let was_set = state.when.take().is_some();
        if was_set && let Some(timers) = state.timers.take() {
            timers.count_stale();
        }
        let unreceived = self.sender.is_some() && self.receiver.try_recv().is_ok();
        was_set || unreceived
    }

    /// Sets the time, instead of any set before. Whether one was set, or sent and not received.
    pub(crate) fn set(self: &Arc<Self>, when: u64, period: Duration, action: Action) -> bool {
        // A function that is never due is not kept: with no entry of its own, a stale one could be its last owner.
        let call = match action {
            Action::Call(call) if when != clock::NEVER => Some(call),
            Action::Call(_) | Action::Send => None,
        };
        let mut state = self.locked();
        let was = self.clear(&mut state);
        state.period = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        let old = std::mem::replace(&mut state.call, call);
        self.start(&mut state, when);
        drop(state);
        // Of the user's, so with no lock held.
        drop(old);
        was
    }

    fn start(self: &Arc<Self>, state: &mut State, when: u64) {
        state.when = Some(when);
        if when != clock::NEVER {
            let target = Target::Alarm(self.clone(), self.seq.load(Ordering::Relaxed));
            state.timers = Some(park::start_timer(when, target));
        }
    }

    /// Takes the time back. Whether it was set, or sent and not received.
    pub(crate) fn stop(&self) -> bool {
        let mut state = self.locked();
        let was = self.clear(&mut state);
        let call = state.call.take();
        drop(state);
        drop(call);
        was
    }
}

impl timer::Alarm for Alarm {
    fn fire(self: Arc<Self>, seq: u64) {
        let mut state = self.locked();
        if self.seq.load(Ordering::Relaxed) != seq {
            return;
        }
        state.timers = None;
        let Some(when) = state.when.take() else { return };
        let call = if state.period > 0 { state.call.clone() } else { state.call.take() };
        if let Some(sender) = &self.sender {
            // Full: a tick that nobody has received yet. It is dropped, as in Go.
            let _ = sender.try_send(Instant::now());
        }
        let late = clock::nanotime().saturating_sub(when);
        if let Some(missed) = late.checked_div(state.period) {
            // Times that were missed are not made up for.
            let next = when.saturating_add(state.period.saturating_mul(1 + missed));
            self.start(&mut state, next);
        }
        drop(state);
        if let Some(call) = call {
            newproc(getcallerpc(), self.location, None, move || call());
        }
    }

    fn is_set(&self, seq: u64) -> bool {
        self.seq.load(Ordering::Relaxed) == seq
    }
}

#[cfg(all(test, loom))]
mod models;
