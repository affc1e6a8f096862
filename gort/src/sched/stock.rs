//! What making goroutines draws on: dead descriptors, and ids drawn in advance. Each P has a stock, and each M
//! one for when it has no P, so that a goroutine that starts others takes no lock.
//!
//! Descriptors stand in an array and not in a list, so that those that come next are known and can be asked for: where
//! one P starts goroutines and another runs them, each comes back in the other's cache.
//!
//! Go: proc.go `gfget`, `gfput`, `gfpurge`; runtime2.go `p.gFree`, `p.goidcache`.

use std::cell::Cell;
use std::hint;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

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

/// Where a descriptor stands: its address.
type Place = usize;

/// See the module. Touched by the owner of its P, or the thread of its M, alone.
pub(crate) struct Stock {
    /// One past the latest descriptor. Read by dumps, as is `bottom`.
    top: AtomicPtr<Place>,
    /// The lowest of [`LIMIT`] places; null, as the other two are, before the first descriptor comes. Below it are
    /// [`AHEAD`] where no descriptor stands.
    bottom: AtomicPtr<Place>,
    /// One past the highest place.
    end: Cell<*mut Place>,
    /// The next id, and the end of those drawn.
    goid: Cell<u64>,
    goids_end: Cell<u64>,
}

impl Stock {
    pub(crate) fn new() -> Self {
        Self {
            top: AtomicPtr::new(ptr::null_mut()),
            bottom: AtomicPtr::new(ptr::null_mut()),
            end: Cell::new(ptr::null_mut()),
            goid: Cell::new(0),
            goids_end: Cell::new(0),
        }
    }

    /// The places, for good: a stock is as long-lived as its P or M.
    fn furnish(&self) {
        let places: &'static mut [Place] = vec![0; AHEAD + LIMIT].leak();
        let bottom = places.as_mut_ptr().wrapping_add(AHEAD);
        // What is asked for there should be memory: the processor would look for it in vain each time.
        places[..AHEAD].fill(bottom as Place);
        self.end.set(bottom.wrapping_add(LIMIT));
        self.bottom.store(bottom, Ordering::Relaxed);
        // Release: pairs with the Acquire in `len`.
        self.top.store(bottom, Ordering::Release);
    }

    /// Dead descriptors in it, as anybody may ask.
    pub(crate) fn len(&self) -> usize {
        let top = self.top.load(Ordering::Acquire) as usize;
        top.saturating_sub(self.bottom.load(Ordering::Relaxed) as usize) / size_of::<Place>()
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
            // One whose maker leaves it something comes this way each time.
            let n = if SCHED.ancestors.load(Ordering::Relaxed) > 0 { 1 } else { GOID_BATCH };
            let next = SCHED.goidgen.fetch_add(n, Ordering::Relaxed);
            self.goid.set(next);
            self.goids_end.set(next + n);
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
        let top = self.top.load(Ordering::Relaxed);
        if top == self.bottom.load(Ordering::Relaxed) {
            return None;
        }
        // SAFETY: above the bottom: a descriptor stands below `top`, put there by `put`; and descriptors are never
        // freed. `AHEAD` places below that are the stock's too.
        unsafe {
            let latest = top.sub(1);
            self.top.store(latest, Ordering::Relaxed);
            // It was freed by another P, as likely as not.
            let ahead = *latest.sub(AHEAD);
            mem::prefetch_to_write(ahead);
            mem::prefetch_to_write(ahead + 64);
            let gp = *latest as *const G;
            hint::assert_unchecked(!gp.is_null());
            Some(&*gp)
        }
    }

    #[cold]
    #[inline(never)]
    fn refill(&self) -> io::Result<()> {
        let freed = SCHED.locked(|s| {
            let left = s.gfree.len().saturating_sub(BATCH);
            s.gfree.drain(left..).map(|gp| self.put(gp)).count()
        });
        if freed == 0 {
            fresh()?.into_iter().for_each(|gp| self.put(gp));
        }
        Ok(())
    }

    /// Takes a descriptor back. It is Dead. What is in its slot stays there until the owner makes a goroutine. Go:
    /// `gfput`.
    #[inline(always)]
    pub(crate) fn put(&self, gp: &'static G) {
        let top = self.top.load(Ordering::Relaxed);
        if top == self.end.get() {
            return self.put_full(gp);
        }
        // SAFETY: below the end of the places.
        unsafe {
            *top = ptr::from_ref(gp) as Place;
            self.top.store(top.add(1), Ordering::Relaxed);
        }
    }

    #[cold]
    #[inline(never)]
    fn put_full(&self, gp: &'static G) {
        if self.end.get().is_null() {
            self.furnish();
        } else {
            self.release();
        }
        self.put(gp);
    }

    /// Gives the latest to the global list.
    #[cold]
    #[inline(never)]
    fn release(&self) {
        let n = self.len().min(BATCH);
        let first = self.top.load(Ordering::Relaxed).wrapping_sub(n);
        // SAFETY: `n` descriptors stand there, below `top`; they are never freed.
        let latest = (0..n).map(|i| unsafe { &*(*first.add(i) as *const G) });
        SCHED.locked(|s| s.gfree.extend(latest));
        self.top.store(first, Ordering::Relaxed);
    }

    /// Gives all to the global list, when its P is retired or its M has no thread any more.
    pub(crate) fn flush(&self) {
        while self.len() > 0 {
            self.release();
        }
    }
}

/// New descriptors, the lowest address last: it is used first.
fn fresh() -> io::Result<Vec<&'static G>> {
    let mut fresh: Vec<_> = slab::grow()?.collect();
    fresh.reverse();
    Ok(fresh)
}

/// For a thread that has no stock.
pub(crate) fn get_one() -> io::Result<&'static G> {
    if let Some(gp) = SCHED.locked(|s| s.gfree.pop()) {
        return Ok(gp);
    }
    let mut fresh = fresh()?;
    let gp = fresh.pop().expect("some");
    SCHED.locked(|s| s.gfree.append(&mut fresh));
    Ok(gp)
}

/// For a thread that has no stock.
pub(crate) fn put_one(gp: &'static G) {
    SCHED.locked(|s| s.gfree.push(gp));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g::Kind;

    #[test]
    fn last_in_first_out() {
        let stock = Stock::new();
        assert!(stock.len() == 0 && stock.pop().is_none(), "there are no places yet");
        let all: Vec<_> = (0..LIMIT).map(|_| slab::single(Kind::G0)).collect();
        for _ in 0..2 {
            all.iter().for_each(|gp| stock.put(gp));
            assert!(stock.len() == LIMIT && stock.top.load(Ordering::Relaxed) == stock.end.get(), "full");
            assert!(all.iter().rev().all(|gp| stock.pop().is_some_and(|popped| ptr::eq(popped, *gp))));
            assert!(stock.len() == 0 && stock.pop().is_none());
        }
    }
}
