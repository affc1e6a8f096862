//! The lock inside of [`RwLock`](super::RwLock).
//!
//! State: bit 0 WRITER, bit 1 QUEUED, above them the number of readers.
//!
//! | readers | WRITER | QUEUED | meaning |
//! | ------- | ------ | ------ | ------- |
//! | 0       | 0      | 0      | free |
//! | n       | 0      | 0      | read, and open to readers |
//! | n       | 0      | 1      | read; a writer waits, so newcomers queue |
//! | 0       | 1      | 0 or 1 | written |
//! | 0       | 0      | 1      | the one who has just left is on its way to grant the lock |
//!
//! Invariants
//! - QUEUED is set exactly while somebody is queued, or about to be, under `lock`. While it is set the lock is
//!   taken by nobody: it is granted to waiters, by the one who leaves last and under `lock`.
//! - Readers queue only behind a writer that writes or waits.
//! - Neither side starves: a writer that waits keeps new readers out, and when a writer leaves all
//!   readers who wait by then go first.
//!
//! Go: rwmutex.go has the same order; there writers compete by way of a mutex.

use std::ptr;

use crate::g::wait_reason::WaitReason;
use crate::lock::Noted;
use crate::primitive::{AtomicU32, Ordering, const_fn};
use crate::sched::current;
use crate::wait::{Chain, WaitQueue, Waiter};

const WRITER: u32 = 1;
const QUEUED: u32 = 2;
const READER: u32 = 4;
const MAX: u32 = u32::MAX - READER;

/// See the module.
#[repr(C)]
pub(super) struct RawRwLock {
    /// First: guards refer to it, and dumps know it by its lock. Beside that, who writes.
    lock: Noted,
    state: AtomicU32,
    readers: WaitQueue,
    writers: WaitQueue,
}

// SAFETY: the queues are touched only with `lock` held.
unsafe impl Sync for RawRwLock {}
// SAFETY: queues that are moved are empty: waiters borrow their lock.
unsafe impl Send for RawRwLock {}

// A lock that a panic has passed is as good as before; what it guards may not be, which is its owner's to say.
impl std::panic::RefUnwindSafe for RawRwLock {}

impl RawRwLock {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self {
                state: AtomicU32::new(0),
                lock: Noted::new(),
                readers: WaitQueue::new(),
                writers: WaitQueue::new(),
            }
        }
    }

    /// # Panics
    /// When there are 2^30 readers.
    #[inline]
    pub(super) fn try_read(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & (WRITER | QUEUED) == 0 {
            assert!(state < MAX, "too many active read locks on RwLock");
            // Acquire, here and at the other places that take: pairs with the Release of those who leave.
            match self.state.compare_exchange_weak(
                state,
                state + READER,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    #[inline]
    pub(super) fn try_write(&self) -> bool {
        self.state.compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[inline]
    pub(super) fn read(&self) {
        if !self.try_read() {
            self.wait(&self.readers, WaitReason::RwLockRead, Self::try_read);
        }
    }

    #[inline]
    pub(super) fn write(&self) {
        if !self.try_write() {
            self.wait(&self.writers, WaitReason::RwLockWrite, Self::try_write);
        }
    }

    /// Takes the lock or waits until it is granted.
    #[cold]
    fn wait(&self, queue: &WaitQueue, reason: WaitReason, take: fn(&Self) -> bool) {
        let waiter = Waiter::new(ptr::null_mut());
        self.lock.lock();
        loop {
            if take(self) {
                return self.lock.unlock();
            }
            let state = self.state.load(Ordering::Relaxed);
            // A reader waits for a writer only, a writer for anybody.
            let in_the_way = if ptr::eq(queue, &self.readers) { WRITER | QUEUED } else { !0 };
            // Relaxed: the queues are under `lock`.
            if state & in_the_way != 0
                && self
                    .state
                    .compare_exchange(state, state | QUEUED, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok()
            {
                break;
            }
        }
        queue.wait(&self.lock, &waiter, reason);
    }

    /// A reader leaves. Never parks.
    #[inline]
    pub(super) fn unlock_read(&self) {
        // Release: what was read is read before the next writer writes.
        if self.state.fetch_sub(READER, Ordering::Release) == READER | QUEUED {
            self.grant(false);
        }
    }

    /// Says who writes, for dumps: who has just taken it.
    #[inline]
    pub(super) fn note_writer(&self) {
        self.lock.note.store(current::note(), Ordering::Relaxed);
    }

    /// The writer leaves. Never parks.
    #[inline]
    pub(super) fn unlock_write(&self) {
        self.lock.note.store(0, Ordering::Relaxed);
        // Release: what was written is seen by the next.
        if self.state.compare_exchange(WRITER, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            self.grant(true);
        }
    }

    /// The writer becomes a reader, and takes the readers who wait along. Never parks.
    pub(super) fn downgrade(&self) {
        self.lock.note.store(0, Ordering::Relaxed);
        // Release: as in `unlock_write`.
        if self.state.compare_exchange(WRITER, READER, Ordering::Release, Ordering::Relaxed).is_err() {
            let chain = self.lock.with(|| self.admit_readers(READER));
            chain.ready_all();
        }
    }

    /// The last one has left while somebody was queued. Nobody but us changes the state, as it says
    /// QUEUED and nobody holds the lock.
    #[cold]
    fn grant(&self, after_writer: bool) {
        let chain = self.lock.with(|| {
            // Acquire: what all readers that left before did, for the writer that comes.
            self.state.load(Ordering::Acquire);
            if after_writer && !self.readers.is_empty() {
                return self.admit_readers(0);
            }
            match self.writers.pop() {
                Some(writer) => {
                    let mut chain = Chain::new();
                    chain.push(writer);
                    // Release: what was done before is seen also by those who take it later unqueued.
                    self.state.store(WRITER | self.queued(), Ordering::Release);
                    chain
                }
                None => self.admit_readers(0),
            }
        });
        chain.ready_all();
    }

    /// Lets all waiting readers in, beside those that `state` counts. With `lock` held, and nobody else to
    /// change the state.
    fn admit_readers(&self, mut state: u32) -> Chain {
        let mut chain = Chain::new();
        while let Some(reader) = self.readers.pop() {
            chain.push(reader);
            state += READER;
        }
        // Release: as in `grant`.
        self.state.store(state | self.queued(), Ordering::Release);
        chain
    }

    fn queued(&self) -> u32 {
        if self.readers.is_empty() && self.writers.is_empty() { 0 } else { QUEUED }
    }
}
