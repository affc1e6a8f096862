//! The lock inside of [`RwLock`](super::RwLock).
//!
//! State: bit 0 WRITER, bit 1 QUEUED, above them the number of readers, and above that who they are, for dumps
//! ([`crate::lock::NotedReaders`]).
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

use crate::g::wait_reason::WaitReason;
use crate::lock::{self, NotedReaders, QUEUED, Reader, WRITER};
use crate::primitive::{AtomicU64, Ordering, const_fn};
use crate::sched::current;
use crate::wait::{Chain, WaitQueue, Waiter};

const MAX: u32 = (1 << 30) - 1;

/// See the module.
#[repr(C)]
pub(super) struct RawRwLock {
    /// First: guards refer to it, and dumps know it by its lock. Beside that, the state.
    lock: NotedReaders,
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
                lock: NotedReaders::new(),
                readers: WaitQueue::new(),
                writers: WaitQueue::new(),
            }
        }
    }

    #[inline(always)]
    fn state(&self) -> &AtomicU64 {
        &self.lock.state
    }

    /// The caller as a reader, if it reads now; with which it leaves.
    ///
    /// # Panics
    /// When there are 2^30 readers.
    #[inline]
    pub(super) fn try_read(&self) -> Option<Reader> {
        let reader = Reader::new(current::note());
        self.try_read_as(reader).then_some(reader)
    }

    #[inline]
    fn try_read_as(&self, reader: Reader) -> bool {
        let mut state = self.state().load(Ordering::Relaxed);
        while state & (WRITER | QUEUED) == 0 {
            assert!(lock::readers(state) < MAX, "too many active read locks on RwLock");
            // Acquire, here and at the other places that take: pairs with the Release of those who leave.
            match self.state().compare_exchange_weak(
                state,
                reader.added_to(state),
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
        self.state().compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// The caller as a reader, with which it leaves.
    #[inline]
    pub(super) fn read(&self) -> Reader {
        let reader = Reader::new(current::note());
        if !self.try_read_as(reader) {
            self.wait_to_read(reader);
        }
        reader
    }

    #[inline]
    pub(super) fn write(&self) {
        if !self.try_write() {
            self.wait_to_write();
        }
    }

    #[cold]
    fn wait_to_read(&self, reader: Reader) {
        let mut reader = reader;
        let waiter = Waiter::new((&raw mut reader).cast());
        self.lock.lock();
        // A reader waits for a writer only.
        if self.queue_unless(WRITER | QUEUED, || self.try_read_as(reader)).is_some() {
            self.readers.wait(&self.lock, &waiter, WaitReason::RwLockRead);
        }
    }

    #[cold]
    fn wait_to_write(&self) {
        let mut me = current::note();
        let waiter = Waiter::new((&raw mut me).cast());
        self.lock.lock();
        // A writer waits for anybody.
        if let Some(state) = self.queue_unless(!0, || self.try_write()) {
            if state & WRITER == 0 && self.writers.is_empty() {
                self.lock.note.store(me, Ordering::Relaxed);
            }
            self.writers.wait(&self.lock, &waiter, WaitReason::RwLockWrite);
        }
    }

    /// Sets QUEUED, with `lock` held, and gives the state before, if somebody is `in_the_way`; else takes the lock, and
    /// releases `lock`.
    fn queue_unless(&self, in_the_way: u64, take: impl Fn() -> bool) -> Option<u64> {
        loop {
            if take() {
                self.lock.unlock();
                return None;
            }
            let state = self.state().load(Ordering::Relaxed);
            // Relaxed: the queues are under `lock`.
            if state & in_the_way != 0
                && self
                    .state()
                    .compare_exchange(state, state | QUEUED, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok()
            {
                return Some(state);
            }
        }
    }

    /// A reader leaves. Never parks.
    #[inline]
    pub(super) fn unlock_read(&self, reader: Reader) {
        // Release: what was read is read before the next writer writes.
        let before = self.state().fetch_sub(reader.share(), Ordering::Release);
        if lock::readers(before) == 1 && before & QUEUED != 0 {
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
        if self.state().compare_exchange(WRITER, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            self.grant(true);
        }
    }

    /// The writer becomes a reader, and takes the readers who wait along. Never parks.
    pub(super) fn downgrade(&self) -> Reader {
        let reader = Reader::new(current::note());
        let reads = reader.added_to(0);
        self.lock.note.store(0, Ordering::Relaxed);
        // Release: as in `unlock_write`.
        if self.state().compare_exchange(WRITER, reads, Ordering::Release, Ordering::Relaxed).is_err() {
            let chain = self.lock.with(|| self.admit_readers(reads));
            chain.ready_all();
        }
        reader
    }

    /// The last one has left while somebody was queued. Nobody but us changes the state, as it says
    /// QUEUED and nobody holds the lock.
    #[cold]
    fn grant(&self, after_writer: bool) {
        let chain = self.lock.with(|| {
            // Acquire: what all readers that left before did, for the writer that comes.
            self.state().load(Ordering::Acquire);
            if after_writer && !self.readers.is_empty() {
                return self.admit_readers(0);
            }
            match self.writers.pop() {
                Some(writer) => {
                    let mut chain = Chain::new();
                    chain.push(writer);
                    // Release: what was done before is seen also by those who take it later unqueued.
                    self.state().store(WRITER | self.queued(), Ordering::Release);
                    chain
                }
                None => self.admit_readers(0),
            }
        });
        chain.ready_all();
    }

    /// Lets all waiting readers in, beside those that `state` counts. With `lock` held, and nobody else to
    /// change the state.
    fn admit_readers(&self, mut state: u64) -> Chain {
        let mut chain = Chain::new();
        while let Some(waiter) = self.readers.pop() {
            // SAFETY: who is in this queue has put there where it says what it is, and sleeps.
            state = unsafe { *waiter.element().cast::<Reader>() }.added_to(state);
            chain.push(waiter);
        }
        if let Some(writer) = self.writers.first_element() {
            // SAFETY: as above.
            self.lock.note.store(unsafe { *writer.cast::<i64>() }, Ordering::Relaxed);
        }
        // Release: as in `grant`.
        self.state().store(state | self.queued(), Ordering::Release);
        chain
    }

    fn queued(&self) -> u64 {
        if self.readers.is_empty() && self.writers.is_empty() { 0 } else { QUEUED }
    }
}
