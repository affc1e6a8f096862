//! What making goroutines draws on: dead descriptors, and ids drawn in advance. Each P has a stock, and each M
//! one for when it has no P, so that a goroutine that starts others takes no lock.
//!
//! Descriptors stand in an array and not in a list, so that those that come next are known and can be asked for: where
//! one P starts goroutines and another runs them, each comes back in the other's cache.
//!
//! Go: proc.go `gfget`, `gfput`, `gfpurge`; runtime2.go `p.gFree`, `p.goidcache`.

use std::cell::{Cell, OnceCell};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use super::SCHED;
use crate::g::{G, slab};
use crate::sys::mem;

/// Descriptors that go to the global list, or come from it, at a time.
const BATCH: usize = 64;
/// A chunk's worth and more may lie in a stock: loops that start goroutines draw from it without a lock.
const LIMIT: usize = 2 * slab::CHUNK_GS;
/// How many descriptors ahead of the next one are asked for.
const AHEAD: usize = 4;
/// Goroutine ids drawn at a time.
const GOID_BATCH: u64 = 64;

type Slots = [Cell<Option<&'static G>>; LIMIT];

/// See the module. Touched by the owner of its P, or the thread of its M, alone.
pub(crate) struct Stock {
    /// Dead descriptors, up to `len`.
    slots: OnceCell<Box<Slots>>,
    /// Their number. Read by dumps.
    len: AtomicU32,
    /// The next id, and the end of those drawn.
    goid: Cell<u64>,
    goids_end: Cell<u64>,
}

impl Stock {
    pub(crate) fn new() -> Self {
        Self { slots: OnceCell::new(), len: AtomicU32::new(0), goid: Cell::new(0), goids_end: Cell::new(0) }
    }

    /// Dead descriptors in it, as anybody may ask.
    #[inline(always)]
    pub(crate) fn len(&self) -> u32 {
        self.len.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn set_len(&self, len: usize) {
        self.len.store(len as u32, Ordering::Relaxed);
    }

    /// A descriptor, Dead and with no stack, and an id that no other goroutine has. Go: `gfget`.
    ///
    /// # Errors
    /// The kernel's, when there is no memory.
    pub(crate) fn get(&self) -> io::Result<(&'static G, u64)> {
        if self.len() == 0 {
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
        let goid = self.goid.get();
        if goid == self.goids_end.get() {
            return None;
        }
        let gp = self.pop()?;
        self.goid.set(goid + 1);
        Some((gp, goid))
    }

    #[inline(always)]
    fn pop(&self) -> Option<&'static G> {
        let slots = self.slots.get()?;
        let left = (self.len() as usize).wrapping_sub(1);
        let gp = slots.get(left)?.get()?;
        self.set_len(left);
        if let Some(next) = slots.get(left.wrapping_sub(AHEAD)) {
            // It was freed by another P, as likely as not.
            let at = next.get().map_or(0, |gp| std::ptr::from_ref(gp) as usize);
            mem::prefetch_to_write(at);
            mem::prefetch_to_write(at + 64);
        }
        Some(gp)
    }

    #[cold]
    #[inline(never)]
    fn refill(&self) -> io::Result<()> {
        let freed = SCHED.locked(|s| {
            let left = s.gfree.len().saturating_sub(BATCH);
            s.gfree.drain(left..).map(|gp| self.push(gp)).count()
        });
        if freed == 0 {
            let fresh: Vec<_> = slab::grow()?.collect();
            // The lowest address on top.
            fresh.into_iter().rev().for_each(|gp| self.push(gp));
        }
        Ok(())
    }

    #[inline(always)]
    fn push(&self, gp: &'static G) {
        let len = self.len() as usize;
        self.slots.get_or_init(slots)[len].set(Some(gp));
        self.set_len(len + 1);
    }

    /// Takes a descriptor back. It is Dead. What is in its slot stays there until the owner makes a goroutine. Go:
    /// `gfput`.
    #[inline]
    pub(crate) fn put(&self, gp: &'static G) {
        if self.len() as usize == LIMIT {
            self.release();
        }
        self.push(gp);
    }

    /// Gives the latest to the global list.
    #[cold]
    #[inline(never)]
    fn release(&self) {
        let Some(slots) = self.slots.get() else { return };
        let len = self.len() as usize;
        let left = len.saturating_sub(BATCH);
        SCHED.locked(|s| s.gfree.extend(slots[left..len].iter().filter_map(Cell::get)));
        self.set_len(left);
    }

    /// Gives all to the global list, when its P is retired or its M has no thread any more.
    pub(crate) fn flush(&self) {
        while self.len() > 0 {
            self.release();
        }
    }
}

#[cold]
#[inline(never)]
fn slots() -> Box<Slots> {
    Box::new([const { Cell::new(None) }; LIMIT])
}

/// For a thread that has no stock.
pub(crate) fn get_one() -> io::Result<&'static G> {
    let stock = Stock::new();
    stock.refill()?;
    let gp = stock.pop().expect("refilled");
    stock.flush();
    Ok(gp)
}

/// For a thread that has no stock.
pub(crate) fn put_one(gp: &'static G) {
    SCHED.locked(|s| s.gfree.push(gp));
}
