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
const GOID_BATCH: u64 = 64;

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
    goid: Cell<u64>,
    goids_end: Cell<u64>,
}

impl Stock {
    pub(crate) fn new() -> Self {
        Self { list: Cell::new(None), len: AtomicU32::new(0), goid: Cell::new(0), goids_end: Cell::new(0) }
    }

    /// Dead descriptors in it, as anybody may ask.
    pub(crate) fn len(&self) -> u32 {
        self.len.load(Ordering::Relaxed)
    }

    #[inline]
    fn set(&self, first: Option<&'static G>, len: u32) {
        self.list.set(first);
        self.len.store(len, Ordering::Relaxed);
    }

    /// A descriptor, Dead and with no stack, and an id that no other goroutine has. Go: `gfget`.
    ///
    /// # Errors
    /// The kernel's, when there is no memory.
    pub(crate) fn get(&self) -> io::Result<(&'static G, u64)> {
        if self.list.get().is_none() {
            self.refill()?;
        }
        if self.goid.get() == self.goids_end.get() {
            let next = SCHED.goidgen.fetch_add(GOID_BATCH, Ordering::Relaxed);
            self.goid.set(next);
            self.goids_end.set(next + GOID_BATCH);
        }
        Ok(self.at_hand().expect("refilled"))
    }

    /// The same, if it has both.
    #[inline(always)]
    pub(crate) fn at_hand(&self) -> Option<(&'static G, u64)> {
        let gp = self.list.get()?;
        let goid = self.goid.get();
        if goid == self.goids_end.get() {
            return None;
        }
        let next = gp.link.get();
        if let Some(next) = next {
            // It was freed by another P, as likely as not.
            let at = std::ptr::from_ref(next) as usize;
            mem::prefetch(at);
            mem::prefetch(at + 64);
        }
        self.list.set(next);
        // The load beside the store: one instruction.
        self.len.store(self.len() - 1, Ordering::Relaxed);
        self.goid.set(goid + 1);
        Some((gp, goid))
    }

    #[cold]
    #[inline(never)]
    fn refill(&self) -> io::Result<()> {
        match SCHED.locked(|s| s.gfree.pop()) {
            Some(chain) => self.set(Some(chain.first), chain.len),
            None => {
                // The lowest address on top.
                let fresh: Vec<_> = slab::grow()?.collect();
                fresh.into_iter().rev().for_each(|gp| self.push(gp));
            }
        }
        Ok(())
    }

    #[inline]
    fn push(&self, gp: &'static G) {
        gp.link.set(self.list.get());
        self.list.set(Some(gp));
        self.len.store(self.len() + 1, Ordering::Relaxed);
    }

    /// Takes a descriptor back. It is Dead. What is in its slot stays there until the owner makes a goroutine. Go:
    /// `gfput`.
    #[inline]
    pub(crate) fn put(&self, gp: &'static G) {
        if self.len() >= LIMIT {
            self.release();
        }
        self.push(gp);
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
}

/// For a thread that has no stock.
pub(crate) fn get_one() -> io::Result<&'static G> {
    let stock = Stock::new();
    stock.refill()?;
    let gp = stock.list.get().expect("refilled");
    stock.set(gp.link.get(), stock.len() - 1);
    stock.flush();
    Ok(gp)
}

/// For a thread that has no stock.
pub(crate) fn put_one(gp: &'static G) {
    gp.link.set(None);
    SCHED.locked(|s| s.gfree.push(Chain { first: gp, len: 1 }));
}
