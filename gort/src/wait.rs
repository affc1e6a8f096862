//! Queues of waiters: goroutines and plain threads alike.
//!
//! A waiter is a node on the stack of the one who waits. It is linked and unlinked only under the lock
//! of the object that it waits at, and it parks with `After::Unlock` of that lock, so that it is
//! never taken off the queue before its registers are saved. Who takes a node off the queue is the only
//! one to ready its goroutine, and does not touch the node after that.
//!
//! Go: runtime2.go `sudog`, chan.go `waitq`.

use std::cell::{Cell, UnsafeCell};
use std::ptr;

use crate::g::G;
use crate::g::wait_reason::WaitReason;
use crate::lock::Lock;
use crate::sched::{current, park};

/// One who waits. Go: `sudog`.
pub(crate) struct Waiter {
    gp: &'static G,
    /// Where the message is, or is to go.
    pub(crate) element: *mut (),
    /// Whether the operation was done for the waiter; false when it was woken by a close. Written by
    /// the waker before it readies.
    pub(crate) done: Cell<bool>,
    next: Cell<*const Waiter>,
}

impl Waiter {
    /// For the calling goroutine or thread.
    pub(crate) fn new(element: *mut ()) -> Self {
        Self { gp: current::g(), element, done: Cell::new(false), next: Cell::new(ptr::null()) }
    }
}

/// First in, first out. Everything here happens under the lock of the owner.
pub(crate) struct WaitQueue {
    first: Cell<*const Waiter>,
    last: Cell<*const Waiter>,
}

impl WaitQueue {
    pub(crate) const fn new() -> Self {
        Self { first: Cell::new(ptr::null()), last: Cell::new(ptr::null()) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.get().is_null()
    }

    fn push(&self, waiter: &Waiter) {
        waiter.next.set(ptr::null());
        if self.is_empty() {
            self.first.set(waiter);
        } else {
            // SAFETY: a queued node lives until it is taken off under this lock.
            unsafe { (*self.last.get()).next.set(waiter) };
        }
        self.last.set(waiter);
    }

    /// Takes the longest waiter off.
    pub(crate) fn pop(&self) -> Option<Popped> {
        let first = self.first.get();
        // SAFETY: a queued node lives until it is taken off under this lock, and then until its
        // goroutine is readied.
        let waiter = unsafe { first.as_ref() }?;
        self.first.set(waiter.next.get());
        Some(Popped(first))
    }

    /// Queues the caller, releases `lock`, and parks until it is taken off and readied. The caller
    /// holds `lock`.
    pub(crate) fn wait(&self, lock: &Lock, waiter: &Waiter, reason: WaitReason) {
        self.push(waiter);
        park::gopark_unlock(lock, reason);
    }

    /// Takes everybody off, as a chain that is readied after the lock is released.
    pub(crate) fn pop_all(&self) -> Chain {
        self.first.replace(ptr::null()).into()
    }
}

/// A waiter that the caller has taken off a queue and must ready.
#[must_use]
pub(crate) struct Popped(*const Waiter);

impl Popped {
    /// Where its message is, or is to go.
    pub(crate) fn element(&self) -> *mut () {
        // SAFETY: it lives until it is readied.
        unsafe { (*self.0).element }
    }

    /// Its operation was done.
    pub(crate) fn ready(self) {
        // SAFETY: as above; copied out before the node may vanish.
        let gp = unsafe {
            (*self.0).done.set(true);
            (*self.0).gp
        };
        park::goready(gp);
    }
}

/// Waiters that the caller has taken off a queue together.
#[must_use]
pub(crate) struct Chain(*const Waiter);

impl From<*const Waiter> for Chain {
    fn from(first: *const Waiter) -> Self {
        Self(first)
    }
}

impl Chain {
    /// Readies all of them; `done` tells them why.
    pub(crate) fn ready_all(self, done: bool) {
        let mut waiter = self.0;
        // SAFETY: each node lives until its goroutine is readied; its link is read before.
        while let Some(w) = unsafe { waiter.as_ref() } {
            waiter = w.next.get();
            w.done.set(done);
            park::goready(w.gp);
        }
    }
}

/// State under a [`Lock`], with a queue of those who wait for it to change.
pub(crate) struct Monitor<S> {
    lock: Lock,
    state: UnsafeCell<S>,
    queue: WaitQueue,
}

// SAFETY: state and queue are touched only with `lock` held.
unsafe impl<S: Send> Sync for Monitor<S> {}
// SAFETY: a queue that is moved is empty: waiters borrow their monitor.
unsafe impl<S: Send> Send for Monitor<S> {}

impl<S> Monitor<S> {
    pub(crate) const fn new(state: S) -> Self {
        Self { lock: Lock::new(), state: UnsafeCell::new(state), queue: WaitQueue::new() }
    }

    /// Runs `f` under the lock; nothing in it may park or run user code.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut S) -> R) -> R {
        // SAFETY: the lock is held.
        self.lock.with(|| f(unsafe { &mut *self.state.get() }))
    }

    /// Runs `f` under the lock; waits in the queue if it says true.
    pub(crate) fn wait_if(&self, reason: WaitReason, f: impl FnOnce(&mut S) -> bool) {
        let waiter = Waiter::new(ptr::null_mut());
        self.lock.lock();
        // SAFETY: the lock is held.
        if f(unsafe { &mut *self.state.get() }) {
            self.queue.wait(&self.lock, &waiter, reason);
        } else {
            self.lock.unlock();
        }
    }

    /// Runs `f` under the lock, then wakes one waiter if it says true.
    pub(crate) fn wake_one_if(&self, f: impl FnOnce(&mut S) -> bool) {
        let waiter = self.lock.with(|| {
            // SAFETY: the lock is held.
            if f(unsafe { &mut *self.state.get() }) { self.queue.pop() } else { None }
        });
        if let Some(waiter) = waiter {
            waiter.ready();
        }
    }

    /// Runs `f` under the lock, then wakes all waiters if it says true.
    pub(crate) fn wake_all_if(&self, f: impl FnOnce(&mut S) -> bool) {
        let waiters = self.lock.with(|| {
            // SAFETY: the lock is held.
            if f(unsafe { &mut *self.state.get() }) { self.queue.pop_all() } else { Chain(ptr::null()) }
        });
        waiters.ready_all(true);
    }
}
