//! What making goroutines draws on: dead descriptors, and ids drawn in advance. Each P has a stock, and each M
//! one for when it has no P, so that a goroutine that starts others takes no lock.
//!
//! Between the stocks and the global list descriptors move in chains, linked by their own words, of which a
//! move touches none.
//!
//! Go: proc.go `gfget`, `gfput`, `gfpurge`; runtime2.go `p.gFree`, `p.goidcache`.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use super::SCHED;
use crate::g::{G, slab};
use crate::sys::mem;

/// Descriptors of a chain, most of the time.
const BATCH: u32 = 64;
/// A chunk's worth and more may lie in a stock: loops that start goroutines draw from it without a lock.
const LIMIT: u32 = 4 * slab::CHUNK_GS as u32;
/// Goroutine ids drawn at a time.
const GOID_BATCH: u64 = 16;

/// Descriptors linked to each other, on the global list.
pub(crate) struct Chain {
    first: &'static G,
    len: u32,
}

/// See the module. Touched by the owner of its P, or the thread of its M, alone.
pub(crate) struct Stock {
    /// Dead descriptors.
    list: Cell<Option<&'static G>>,
    /// Their number. Read by dumps.
    len: AtomicU32,
    /// The next id, and the end of those drawn.
    goids: Cell<(u64, u64)>,
}

impl Stock {
    pub(crate) fn new() -> Self {
        Self { list: Cell::new(None), len: AtomicU32::new(0), goids: Cell::new((0, 0)) }
    }

    /// Dead descriptors in it, as anybody may ask.
    pub(crate) fn len(&self) -> u32 {
        self.len.load(Ordering::Relaxed)
    }

    fn set(&self, first: Option<&'static G>, len: u32) {
        self.list.set(first);
        self.len.store(len, Ordering::Relaxed);
    }

    /// A descriptor, Dead and with no stack. Go: `gfget`.
    ///
    /// # Errors
    /// The kernel's, when there is no memory.
    #[inline]
    pub(crate) fn get(&self) -> io::Result<&'static G> {
        let Some(gp) = self.list.get() else { return self.refill() };
        let next = gp.link.get();
        if let Some(next) = next {
            // It was freed by another P, as likely as not.
            let at = std::ptr::from_ref(next) as usize;
            mem::prefetch(at);
            mem::prefetch(at + 64);
        }
        self.set(next, self.len() - 1);
        Ok(gp)
    }

    #[cold]
    #[inline(never)]
    fn refill(&self) -> io::Result<&'static G> {
        match SCHED.locked(|s| s.gfree.pop()) {
            Some(chain) => self.set(Some(chain.first), chain.len),
            None => {
                // The lowest address on top.
                let fresh: Vec<_> = slab::grow()?.collect();
                fresh.into_iter().rev().for_each(|gp| self.push(gp));
            }
        }
        self.get()
    }

    #[inline]
    fn push(&self, gp: &'static G) {
        gp.link.set(self.list.get());
        self.set(Some(gp), self.len() + 1);
    }

    /// Takes a descriptor back. It is Dead, nobody refers to its slot. Go: `gfput`.
    #[inline]
    pub(crate) fn put(&self, gp: &'static G) {
        self.push(gp);
        if self.len() > LIMIT {
            self.release();
        }
    }

    /// Gives some to the global list: the latest, whose links are at hand.
    #[cold]
    #[inline(never)]
    fn release(&self) {
        let Some(first) = self.list.get() else { return };
        let mut last = first;
        let mut len = 1;
        while len < BATCH
            && let Some(next) = last.link.get()
        {
            last = next;
            len += 1;
        }
        self.set(last.link.take(), self.len() - len);
        SCHED.locked(|s| s.gfree.push(Chain { first, len }));
    }

    /// Gives all to the global list, when its P is retired or its M has no thread any more.
    pub(crate) fn flush(&self) {
        while self.list.get().is_some() {
            self.release();
        }
    }

    /// An id that no other goroutine has.
    #[inline]
    pub(crate) fn next_goid(&self) -> u64 {
        let (mut next, mut end) = self.goids.get();
        if next == end {
            next = SCHED.goidgen.fetch_add(GOID_BATCH, Ordering::Relaxed);
            end = next + GOID_BATCH;
        }
        self.goids.set((next + 1, end));
        next
    }
}

/// For a thread that has no stock.
pub(crate) fn get_one() -> io::Result<&'static G> {
    let stock = Stock::new();
    let gp = stock.get();
    stock.flush();
    gp
}

/// For a thread that has no stock.
pub(crate) fn put_one(gp: &'static G) {
    gp.link.set(None);
    SCHED.locked(|s| s.gfree.push(Chain { first: gp, len: 1 }));
}
