//! Queues of waiters: goroutines and plain threads alike.
//!
//! A waiter is a node on the stack of the one who waits, linked and unlinked only under the lock of the
//! object that it waits at. There are two kinds:
//! - One who waits for this alone parks with `After::Unlock` (a channel: `UnlockBiased`) of that lock, so that it is never taken off
//!   before its registers are saved. Who takes it off readies it, and does not touch it after that.
//! - One who waits for several things (a time-out, the arms of a select) has begun a wait on its
//!   commit word. Who takes it off must win that wait; what else it has to tell it writes under the same
//!   lock, and the waiter, once awake, takes the lock before it looks. So the node may be used until
//!   the lock is released, also when the waiter is on its way already.
//!
//! Go: runtime2.go `sudog`, chan.go `waitq`.

use std::cell::OnceCell;
use std::ptr;
use std::sync::atomic::AtomicI64;

use crate::g::G;
use crate::g::commit::{Notify, Seq};
use crate::g::wait_reason::WaitReason;
use crate::lock::{Lock, Noted};
use crate::primitive::{Cell, UnsafeCell, const_fn};
use crate::sched::{current, park};
use crate::sys::clock::NEVER;

/// One who waits. Go: `sudog`.
pub(crate) struct Waiter {
    gp: &'static G,
    /// The wait of its commit word, for one who waits for several things at once: a time-out, the arms
    /// of a select. To take such a waiter off is to win that wait; one that is lost is skipped.
    seq: Option<Seq>,
    /// Whether `element` is for a message of any type: a scratch; see `channel/token.rs`.
    erased: bool,
    /// Where the message is, or is to go. Null when there is no such place: the arm of a select. At a [`Monitor`] it is
    /// what [`Monitor::wait_for_if`] was given.
    pub(crate) element: Cell<*mut ()>,
    /// Whether the operation was done for the waiter; false when it was woken by a close. Written by
    /// the waker, under the queue's lock.
    pub(crate) done: Cell<bool>,
    /// Whether a waker has taken it off. Under the queue's lock.
    pub(crate) taken: Cell<bool>,
    /// It was taken off for something that is yet to be done. Under the queue's lock.
    pub(crate) kept: Cell<bool>,
    /// It has found itself kept, and parks again. Under the queue's lock.
    pub(crate) late: Cell<bool>,
    next: Cell<*const Waiter>,
    prev: Cell<*const Waiter>,
    queued: Cell<bool>,
}

impl Waiter {
    /// For the calling goroutine or thread, which waits for this alone.
    #[inline]
    pub(crate) fn new(element: *mut ()) -> Self {
        Self::with_seq(current::g(), None, element, false)
    }

    /// For one of the things that `gp` waits for in its wait `seq`.
    pub(crate) fn committed(gp: &'static G, seq: Seq, element: *mut ()) -> Self {
        Self::with_seq(gp, Some(seq), element, false)
    }

    /// [`committed`](Self::committed) by one who takes messages of any type.
    pub(crate) fn erased(gp: &'static G, seq: Seq, element: *mut ()) -> Self {
        Self::with_seq(gp, Some(seq), element, true)
    }

    #[inline]
    fn with_seq(gp: &'static G, seq: Option<Seq>, element: *mut (), erased: bool) -> Self {
        Self {
            gp,
            seq,
            erased,
            element: Cell::new(element),
            done: Cell::new(false),
            taken: Cell::new(false),
            kept: Cell::new(false),
            late: Cell::new(false),
            next: Cell::new(ptr::null()),
            prev: Cell::new(ptr::null()),
            queued: Cell::new(false),
        }
    }

    pub(crate) fn gp(&self) -> &'static G {
        self.gp
    }
}

/// First in, first out. Everything here happens under the lock of the owner.
pub(crate) struct WaitQueue {
    first: Cell<*const Waiter>,
    last: Cell<*const Waiter>,
}

impl WaitQueue {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self { first: Cell::new(ptr::null()), last: Cell::new(ptr::null()) }
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get().is_null()
    }

    /// Appends a waiter, which stays where it is until it is taken off or has removed itself.
    #[inline]
    pub(crate) fn push(&self, waiter: &Waiter) {
        let last = self.last.get();
        waiter.next.set(ptr::null());
        waiter.prev.set(last);
        waiter.queued.set(true);
        // SAFETY: a queued node lives until it is taken off under this lock.
        match unsafe { last.as_ref() } {
            Some(last) => last.next.set(waiter),
            None => self.first.set(waiter),
        }
        self.last.set(waiter);
    }

    /// Takes a waiter off that may be queued here: one whose wait is over.
    #[inline]
    pub(crate) fn remove(&self, waiter: &Waiter) {
        if !waiter.queued.replace(false) {
            return;
        }
        let (prev, next) = (waiter.prev.get(), waiter.next.get());
        // SAFETY: neighbours are queued nodes, which live as in `push`.
        unsafe {
            match prev.as_ref() {
                Some(prev) => prev.next.set(next),
                None => self.first.set(next),
            }
            match next.as_ref() {
                Some(next) => next.prev.set(prev),
                None => self.last.set(prev),
            }
        }
    }

    /// Takes the longest waiter off whose wait is not lost.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Popped> {
        loop {
            // SAFETY: a queued node lives until it is taken off under this lock, and then until its
            // goroutine goes on, which it does not before it is readied, or before it gets this lock.
            let waiter = unsafe { self.first.get().as_ref() }?;
            self.remove(waiter);
            let ready = match waiter.seq.map(|seq| waiter.gp.commit.notify(seq)) {
                None | Some(Notify::Ready) => true,
                Some(Notify::WillSee) => false,
                Some(Notify::Stale) => continue,
            };
            waiter.taken.set(true);
            return Some(Popped { waiter, ready });
        }
    }

    /// The element of the longest waiter, where nobody waits with a time-out.
    #[inline]
    pub(crate) fn first_element(&self) -> Option<*mut ()> {
        // SAFETY: as in `push`.
        unsafe { self.first.get().as_ref() }.map(|waiter| waiter.element.get())
    }

    /// Whether somebody but `gp` waits here. A hint where waits may be lost.
    #[inline]
    pub(crate) fn has_other(&self, gp: &'static G) -> bool {
        let mut waiter = self.first.get();
        // SAFETY: as in `push`.
        while let Some(w) = unsafe { waiter.as_ref() } {
            if !ptr::eq(w.gp, gp) {
                return true;
            }
            waiter = w.next.get();
        }
        false
    }

    /// Queues the caller, releases `lock`, and parks until it is taken off and readied. The caller
    /// holds `lock`.
    #[inline]
    pub(crate) fn wait(&self, lock: &Lock, waiter: &Waiter, reason: WaitReason) {
        self.push(waiter);
        park::gopark_unlock(lock, reason);
    }

    /// Takes everybody off, to be readied after the lock is released.
    pub(crate) fn pop_all(&self) -> Chain {
        let mut chain = Chain::new();
        while let Some(popped) = self.pop() {
            chain.push(popped);
        }
        chain
    }
}

/// A waiter that the caller has taken off a queue and must ready, once the lock is released.
#[must_use]
pub(crate) struct Popped {
    waiter: *const Waiter,
    /// Whether it sleeps; if not it is on its way to sleep and will see.
    ready: bool,
}

impl Popped {
    fn waiter(&self) -> &Waiter {
        // SAFETY: it lives until it is readied.
        unsafe { &*self.waiter }
    }

    /// Where its message is, or is to go.
    pub(crate) fn element(&self) -> *mut () {
        self.waiter().element.get()
    }

    /// Gives the waiter a place that it did not have.
    pub(crate) fn set_element(&self, element: *mut ()) {
        self.waiter().element.set(element);
    }

    /// Says, under the lock still, that the waiter's operation was done for it.
    pub(crate) fn set_done(&self) {
        self.waiter().done.set(true);
    }

    /// Whether its element is a scratch for messages of any type.
    pub(crate) fn is_erased(&self) -> bool {
        self.waiter().erased
    }

    /// Says, under the lock still, that its operation will be done later, and keeps it for that.
    pub(crate) fn keep(self) -> Self {
        self.waiter().kept.set(true);
        self
    }

    /// Under the lock again: one that was kept and has parked for the second time is to be readied.
    pub(crate) fn or_late(self) -> Self {
        let ready = self.ready || self.waiter().late.get();
        Self { ready, ..self }
    }

    /// One that is on no queue and sleeps.
    ///
    /// # Safety
    /// It does, and the caller alone may ready it.
    pub(crate) unsafe fn sleeping(waiter: *const Waiter) -> Self {
        Self { waiter, ready: true }
    }

    /// Readies it. The lock is released: a waiter of several things locks it to see what happened.
    #[inline]
    pub(crate) fn ready(self) {
        if self.ready {
            // Copied out before the node may vanish.
            let gp = self.waiter().gp;
            park::goready(gp);
        }
    }
}

/// Waiters that the caller has taken off queues together and that sleep, in order.
#[must_use]
pub(crate) struct Chain {
    first: *const Waiter,
    last: *const Waiter,
}

impl Chain {
    pub(crate) const fn new() -> Self {
        Self { first: ptr::null(), last: ptr::null() }
    }

    /// Appends one. Under the lock of its queue.
    pub(crate) fn push(&mut self, popped: Popped) {
        if !popped.ready {
            return;
        }
        popped.waiter().next.set(ptr::null());
        // SAFETY: members sleep until they are readied.
        match unsafe { self.last.as_ref() } {
            Some(last) => last.next.set(popped.waiter),
            None => self.first = popped.waiter,
        }
        self.last = popped.waiter;
    }

    /// Readies all of them. The locks of their queues are released.
    pub(crate) fn ready_all(self) {
        let mut waiter = self.first;
        // SAFETY: each node lives until its goroutine is readied; what is needed is read before.
        while let Some(w) = unsafe { waiter.as_ref() } {
            let gp = w.gp;
            waiter = w.next.get();
            park::goready(gp);
        }
    }
}

/// State under a [`Lock`], with a queue of those who wait for it to change.
#[repr(C)]
pub(crate) struct Monitor<S> {
    /// First: dumps know a monitor in an `Arc` by it.
    lock: Noted,
    state: UnsafeCell<S>,
    queue: WaitQueue,
}

// SAFETY: state and queue are touched only with `lock` held.
unsafe impl<S: Send> Sync for Monitor<S> {}
// SAFETY: a queue that is moved is empty: waiters borrow their monitor.
unsafe impl<S: Send> Send for Monitor<S> {}

impl<S> Monitor<S> {
    const_fn! {
        pub(crate) const fn new(state: S) -> Self {
            Self { lock: Noted::new(), state: UnsafeCell::new(state), queue: WaitQueue::new() }
        }
    }

    /// What dumps are told of it; see [`Noted`].
    #[inline]
    pub(crate) fn note(&self) -> &AtomicI64 {
        &self.lock.note
    }

    /// Runs `f` under the lock; nothing in it may park or run user code.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut S) -> R) -> R {
        // SAFETY: the lock is held.
        self.lock.with(|| self.state.with_mut(|state| f(unsafe { &mut *state })))
    }

    /// Runs `f` under the lock; waits in the queue if it says true.
    pub(crate) fn wait_if(&self, reason: WaitReason, f: impl FnOnce(&mut S) -> bool) {
        self.wait_for_if(ptr::null_mut(), reason, f);
    }

    /// [`wait_if`](Self::wait_if) of one who wants what lies at `element`, which [`Waking::first`] tells.
    pub(crate) fn wait_for_if(&self, element: *mut (), reason: WaitReason, f: impl FnOnce(&mut S) -> bool) {
        let waiter = Waiter::new(element);
        self.lock.lock();
        // SAFETY: the lock is held.
        if self.state.with_mut(|state| f(unsafe { &mut *state })) {
            self.queue.wait(&self.lock, &waiter, reason);
        } else {
            self.lock.unlock();
        }
    }

    /// [`wait_if`](Self::wait_if) until `deadline`. False when the time came before a waker.
    pub(crate) fn wait_if_until(
        &self,
        deadline: u64,
        reason: WaitReason,
        f: impl FnOnce(&mut S) -> bool,
    ) -> bool {
        if deadline == NEVER {
            self.wait_if(reason, f);
            return true;
        }
        // Set before anybody can find it: the wait's number is known only then.
        let waiter: OnceCell<Waiter> = OnceCell::new();
        let mut waited = false;
        park::park_commit(deadline, reason, |gp, seq| {
            let waiter = waiter.get_or_init(|| Waiter::committed(gp, seq, ptr::null_mut()));
            self.lock.with(|| {
                // SAFETY: the lock is held.
                waited = self.state.with_mut(|state| f(unsafe { &mut *state }));
                if waited {
                    self.queue.push(waiter);
                }
            });
            waited
        });
        if !waited {
            return true;
        }
        // Whoever took us off did so under the lock: after this it does not touch the node any more.
        self.lock.with(|| {
            let waiter = waiter.get().expect("set above");
            self.queue.remove(waiter);
            waiter.taken.get()
        })
    }

    /// Runs `f` under the lock, then wakes one waiter if it says true.
    pub(crate) fn wake_one_if(&self, f: impl FnOnce(&mut S) -> bool) {
        let waiter = self.lock.with(|| {
            // SAFETY: the lock is held.
            let wake = self.state.with_mut(|state| f(unsafe { &mut *state }));
            if wake { self.queue.pop() } else { None }
        });
        if let Some(waiter) = waiter {
            waiter.ready();
        }
    }

    /// Runs `f` under the lock, then wakes all waiters if it says true.
    pub(crate) fn wake_all_if(&self, f: impl FnOnce(&mut S) -> bool) {
        let waiters = self.lock.with(|| {
            // SAFETY: the lock is held.
            let wake = self.state.with_mut(|state| f(unsafe { &mut *state }));
            if wake { self.queue.pop_all() } else { Chain::new() }
        });
        waiters.ready_all();
    }

    /// Runs `f` under the lock; it takes off whom it likes, who is readied once the lock is released.
    pub(crate) fn wake_with<R>(&self, f: impl FnOnce(&mut S, &mut Waking<'_>) -> R) -> R {
        let mut waking = Waking { queue: &self.queue, chain: Chain::new() };
        // SAFETY: the lock is held.
        let result = self.lock.with(|| self.state.with_mut(|state| f(unsafe { &mut *state }, &mut waking)));
        waking.chain.ready_all();
        result
    }
}

/// Whom [`Monitor::wake_with`] wakes. For monitors where nobody waits with a time-out.
pub(crate) struct Waking<'a> {
    queue: &'a WaitQueue,
    chain: Chain,
}

impl Waking<'_> {
    /// What the longest waiter wants, if anybody waits.
    pub(crate) fn first(&self) -> Option<*mut ()> {
        self.queue.first_element()
    }

    /// Wakes the longest waiter.
    pub(crate) fn wake_first(&mut self) {
        if let Some(popped) = self.queue.pop() {
            self.chain.push(popped);
        }
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::primitive::Arc;
    use crate::sched::{check, time_comes, waiters_are_threads};
    use crate::sys::clock::SOON;
    use loom::thread;

    /// One is woken of two who wait, of whom the first may time out: the other is if the first was not, or when that one
    /// passes it on. (A condvar's notification, without the mutex.)
    fn no_wake_up_is_lost_to_a_timeout(threads: bool) {
        check(2, move || {
            if threads {
                waiters_are_threads();
            }
            let monitor = Arc::new(Monitor::new(false));
            let timed = {
                let monitor = monitor.clone();
                thread::spawn(move || {
                    if monitor.wait_if_until(SOON, WaitReason::Cond, |_| true) {
                        monitor.wake_one_if(|_| true);
                    }
                })
            };
            let time = thread::spawn(time_comes);
            let waker = {
                let monitor = monitor.clone();
                thread::spawn(move || {
                    let mut woken = false;
                    while !woken {
                        monitor.wake_one_if(|waits| {
                            woken = *waits;
                            woken
                        });
                        thread::yield_now();
                    }
                })
            };
            monitor.wait_if(WaitReason::Cond, |waits| {
                *waits = true;
                true
            });
            [timed, waker, time].into_iter().for_each(|t| t.join().unwrap());
        });
    }

    #[test]
    fn no_wake_up_is_lost_to_a_timeout_of_a_goroutine() {
        no_wake_up_is_lost_to_a_timeout(false);
    }

    #[test]
    fn no_wake_up_is_lost_to_a_timeout_of_a_thread() {
        no_wake_up_is_lost_to_a_timeout(true);
    }
}
