//! The global pool of stacks: per order those that were used before and the slab that new ones are carved from.
//!
//! ```text
//!   fresh ──carve──▶ raw ──guard──▶ cold ──populate──▶ a P's cache ◀──▶ warm ──`cool`──▶ cold
//! ```
//!
//! - *warm*: with the pages of its last use. The coldest lie at the front.
//! - *cold*: guarded, without pages.
//! - *raw*: carved, without a guard: the kernel has refused it one.
//!
//! Slabs double from 16 MiB to 1 GiB, so that a million goroutines need a few hundred mappings at most, and a
//! process that may not have that much at once (`RLIMIT_AS`, strict overcommit) gets what it may. Stacks are made
//! ready in lots: one system call guards them all, another backs their first pages. Both run outside the lock: who
//! has taken a stack off the lists owns it.
//!
//! Go: stack.go `stackpoolalloc`, `stackpoolfree`, `stackLarge`; mgcscavenge.go.

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{GUARD, ORDERS, size};
use crate::lock::Lock;
use crate::sys::mem;

/// Stacks made ready at a time: the first lot of an order is small, as most programs need few.
const LOT_MIN: usize = 16;
const LOT_MAX: usize = mem::BATCH;
/// Stacks that [`cool`] sees to at a time: their pages may be many.
const COOL_LOT: usize = 8;
/// Stacks from this order on are few: they are made ready one at a time.
const LARGE: u8 = 4;

const SLAB_MIN: usize = 16 << 20;
const SLAB_MAX: usize = 1 << 30;

/// One order's stacks.
struct Order {
    lock: Lock,
    state: UnsafeCell<OrderState>,
}

/// All under `lock`.
struct OrderState {
    /// Bases of stacks.
    warm: VecDeque<usize>,
    cold: Vec<usize>,
    raw: Vec<usize>,
    /// The least that `warm` has held since the last [`cool`]: so many have not been needed.
    unused: usize,
    /// What is left of the current slab.
    fresh: std::ops::Range<usize>,
    /// Bytes of the next slab.
    next_slab: usize,
    /// Stacks in the next lot.
    next_lot: usize,
}

// SAFETY: `state` is touched only with `lock` held.
unsafe impl Sync for Order {}

static POOL: [Order; ORDERS] = [const {
    Order {
        lock: Lock::new(),
        state: UnsafeCell::new(OrderState {
            warm: VecDeque::new(),
            cold: Vec::new(),
            raw: Vec::new(),
            unused: 0,
            fresh: 0..0,
            next_slab: SLAB_MIN,
            next_lot: LOT_MIN,
        }),
    }
}; ORDERS];

/// Guards by `mprotect` although the kernel has better, for a test (`GODEBUG=noguardinstall=1`).
static FORCE_MPROTECT: AtomicBool = AtomicBool::new(false);

/// Called once at boot. Go: `stackinit`.
pub(crate) fn init(force_mprotect: bool) {
    FORCE_MPROTECT.store(force_mprotect, Ordering::Relaxed);
}

/// Whether guards split no mapping.
pub(crate) fn light_guards() -> bool {
    !FORCE_MPROTECT.load(Ordering::Relaxed) && mem::has_guard_install()
}

/// Some stacks, in an array of their own: nothing is allocated between the lists.
struct Lot {
    bases: [usize; LOT_MAX],
    len: usize,
    /// Whether they have guards already.
    guarded: bool,
}

impl Lot {
    fn new(guarded: bool, bases: impl Iterator<Item = usize>) -> Self {
        let mut lot = Self { bases: [0; LOT_MAX], len: 0, guarded };
        for base in bases {
            lot.bases[lot.len] = base;
            lot.len += 1;
        }
        lot
    }

    fn as_slice(&self) -> &[usize] {
        &self.bases[..self.len]
    }
}

impl OrderState {
    /// Stacks to be made ready.
    fn lot(&mut self, order: u8) -> io::Result<Lot> {
        let want = if order >= LARGE { 1 } else { self.next_lot };
        for (list, guarded) in [(&mut self.cold, true), (&mut self.raw, false)] {
            if !list.is_empty() {
                let keep = list.len().saturating_sub(want);
                return Ok(Lot::new(guarded, list.drain(keep..)));
            }
        }
        let size = size(order);
        if self.fresh.is_empty() {
            self.fresh = self.slab(size)?;
        }
        let n = (self.fresh.len() / size).min(want);
        let first = self.fresh.start;
        self.fresh.start += n * size;
        self.next_lot = (want * 2).min(LOT_MAX);
        // The lowest is the first to be used: neighbours share page tables.
        Ok(Lot::new(false, (0..n).rev().map(|i| first + i * size)))
    }

    /// A slab for stacks of `size` bytes, smaller than planned if it must be.
    fn slab(&mut self, size: usize) -> io::Result<std::ops::Range<usize>> {
        let mut len = self.next_slab.max(size);
        loop {
            match mem::reserve(len) {
                Ok(base) => {
                    self.next_slab = (len * 2).min(SLAB_MAX);
                    return Ok(base as usize..base as usize + len);
                }
                Err(_) if len > size => len /= 2,
                Err(e) => return Err(no_memory(format!("{size} bytes of address space: {e}"))),
            }
        }
    }
}

fn no_memory(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::OutOfMemory, what)
}

impl Order {
    fn locked<R>(&self, f: impl FnOnce(&mut OrderState) -> R) -> R {
        // SAFETY: the lock is held.
        self.lock.with(|| f(unsafe { &mut *self.state.get() }))
    }
}

/// Up to `want` stacks of `order`, at least one.
///
/// # Errors
/// The kernel's, when there is no address space, no memory or no mapping left.
pub(crate) fn take(order: u8, want: usize, out: &mut Vec<usize>) -> io::Result<()> {
    let pool = &POOL[order as usize];
    let lot = pool.locked(|o| {
        let keep = o.warm.len().saturating_sub(want);
        if o.warm.is_empty() {
            return o.lot(order).map(Some);
        }
        out.extend(o.warm.drain(keep..));
        o.unused = o.unused.min(keep);
        Ok(None)
    });
    let Some(lot) = lot? else { return Ok(()) };
    let bases = lot.as_slice();
    let (ready, result) =
        if lot.guarded { (bases.len(), Ok(())) } else { mem::guard(bases, GUARD, light_guards()) };
    let (ready, raw) = bases.split_at(ready);
    let page = mem::page_size();
    mem::populate(ready, size(order) - page, page);
    let (rest, taken) = ready.split_at(ready.len().saturating_sub(want));
    out.extend_from_slice(taken);
    pool.locked(|o| {
        o.warm.extend(rest);
        o.raw.extend_from_slice(raw);
    });
    if taken.is_empty() { result.map_err(|e| no_memory(format!("a stack's guard: {e}"))) } else { Ok(()) }
}

/// Gives stacks back.
pub(crate) fn give(order: u8, bases: impl Iterator<Item = usize>) {
    POOL[order as usize].locked(|o| o.warm.extend(bases));
}

/// Whether there are stacks that may not be needed.
pub(crate) fn has_warm() -> bool {
    POOL.iter().any(|pool| pool.locked(|o| !o.warm.is_empty()))
}

/// Begins a new period: stacks that lie in the pool through the whole of it have not been needed.
pub(crate) fn new_period() {
    for pool in &POOL {
        pool.locked(|o| o.unused = o.warm.len());
    }
}

/// Gives the pages of a few stacks that were not needed in this period back to the kernel. Whether there are more.
pub(crate) fn cool() -> bool {
    let mut more = false;
    for (order, pool) in POOL.iter().enumerate() {
        let lot = pool.locked(|o| {
            let n = o.unused.min(COOL_LOT);
            o.unused -= n;
            more |= o.unused > 0;
            Lot::new(true, o.warm.drain(..n))
        });
        if lot.len > 0 {
            mem::discard(lot.as_slice(), GUARD, size(order as u8) - GUARD);
            pool.locked(|o| o.cold.extend_from_slice(lot.as_slice()));
        }
    }
    more
}
