//! The global pool of stacks: per order a list of free ones and the slab that new ones are carved from.
//!
//! Slabs double from 16 MiB to 1 GiB, so that a million goroutines need a few hundred mappings. Fresh
//! stacks are carved in batches: one system call guards them all, another backs their first pages.
//!
//! Go: stack.go `stackpoolalloc`, `stackpoolfree`, `stackLarge`.

use std::cell::UnsafeCell;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{GUARD, ORDERS, size};
use crate::lock::Lock;
use crate::sys::mem;

/// How many stacks move between pool and cache at a time.
pub(crate) const BATCH: usize = 16;

const SLAB_MIN: usize = 16 << 20;
const SLAB_MAX: usize = 1 << 30;

/// One order's stacks, all fields under `lock`.
struct Order {
    lock: Lock,
    state: UnsafeCell<OrderState>,
}

struct OrderState {
    /// Bases of stacks that were used before.
    free: Vec<usize>,
    /// What is left of the current slab.
    fresh: std::ops::Range<usize>,
    /// Bytes of the next slab.
    next_slab: usize,
}

// SAFETY: `state` is touched only with `lock` held.
unsafe impl Sync for Order {}

static POOL: [Order; ORDERS] = [const {
    Order {
        lock: Lock::new(),
        state: UnsafeCell::new(OrderState { free: Vec::new(), fresh: 0..0, next_slab: SLAB_MIN }),
    }
}; ORDERS];

/// Guards by `mprotect` although the kernel has better, for a test (`GORTDEBUG=noguardinstall=1`).
static FORCE_MPROTECT: AtomicBool = AtomicBool::new(false);

/// Called once at boot. Go: `stackinit`.
pub(crate) fn init(force_mprotect: bool) {
    FORCE_MPROTECT.store(force_mprotect, Ordering::Relaxed);
}

/// Whether guards split no mapping.
pub(crate) fn light_guards() -> bool {
    !FORCE_MPROTECT.load(Ordering::Relaxed) && mem::has_guard_install()
}

impl Order {
    fn locked<R>(&self, f: impl FnOnce(&mut OrderState) -> R) -> R {
        // SAFETY: the lock is held.
        self.lock.with(|| f(unsafe { &mut *self.state.get() }))
    }
}

/// Up to `want` (at most [`BATCH`]) stacks of `order`, at least one.
///
/// # Errors
/// The kernel's, when there is no address space, no memory or no mapping left.
pub(crate) fn take(order: u8, want: usize, out: &mut Vec<usize>) -> io::Result<()> {
    let size = size(order);
    POOL[order as usize].locked(|o| {
        let used = o.free.len().min(want);
        if used > 0 {
            out.extend(o.free.drain(o.free.len() - used..));
            return Ok(());
        }
        if o.fresh.is_empty() {
            let len = o.next_slab.max(size);
            let base = mem::reserve(len)? as usize;
            o.fresh = base..base + len;
            o.next_slab = (len * 2).min(SLAB_MAX);
        }
        let n = (o.fresh.len() / size).min(want);
        // Large stacks are few: no batch.
        let n = if size > SLAB_MIN / 16 { 1 } else { n };
        let first = o.fresh.start;
        mem::guard_strided(first as *mut u8, GUARD, size, n, light_guards())?;
        let page = mem::page_size();
        mem::populate_strided((first + size - page) as *mut u8, page, size, n);
        o.fresh.start += n * size;
        out.extend((0..n).map(|i| first + i * size));
        Ok(())
    })
}

/// Gives stacks back.
pub(crate) fn give(order: u8, bases: impl Iterator<Item = usize>) {
    POOL[order as usize].locked(|o| o.free.extend(bases));
}
