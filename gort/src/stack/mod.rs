//! Goroutine stacks: reserved address space by orders of sizes, backed by pages as they are touched.
//!
//! ```text
//!   base           base + GUARD                                   base + size(order)
//!    │  guard: faults  │   usable, committed on first touch  ◀── sp   │
//! ```
//!
//! A stack is its base and its order. It moves between a P's [`cache`] and the global [`pool`], which
//! carves it from slabs; the address space is never unmapped. Who holds the value owns the stack.
//!
//! What a stack costs: the pages that it has touched, one for a goroutine that parks at once, until it has lain
//! unused in the pool for a while; and its share of page tables (512 bytes of a page of them for 256 KiB of
//! address space), for good.
//!
//! Never `MADV_DONTFORK`: a child of `fork` runs on a copy of its parent's stack until it calls `exec`.
//!
//! The guard is 64 KiB because C code has no stack probes: a frame of a few pages must not jump it.
//!
//! Go: stack.go `stackinit`, `stackalloc`, `stackcacherefill`, `stackpoolalloc`.

pub(crate) mod cache;
pub(crate) mod pool;

/// Bytes at the low end that fault on any access.
pub(crate) const GUARD: usize = 64 << 10;
/// Size of order 0, guard included.
pub(crate) const MIN_SIZE: usize = 128 << 10;
/// Number of orders: the largest is 1 GiB.
pub(crate) const ORDERS: usize = 14;
/// How many beginnings of stacks there are, and how far apart. All of them leave half a page to a goroutine that is
/// to cost no more than that.
const COLOURS: usize = 16;
const COLOUR: usize = 128;
/// What a goroutine gets unless told otherwise: an order of 256 KiB.
pub(crate) const DEFAULT_STACK_SIZE: usize = (256 << 10) - GUARD;
/// What the main goroutine gets.
pub(crate) const MAIN_STACK_SIZE: usize = 8 << 20;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stack {
    base: usize,
    order: u8,
}

impl Stack {
    #[inline]
    pub(crate) fn from_raw(base: usize, order: u8) -> Self {
        Self { base, order }
    }

    #[inline]
    pub(crate) fn base(self) -> usize {
        self.base
    }

    #[inline]
    pub(crate) fn order(self) -> u8 {
        self.order
    }

    /// Lowest usable address.
    #[inline]
    pub(crate) fn lo(self) -> usize {
        self.base + GUARD
    }

    /// Bytes to leave free at the high end. Stacks lie a power of two apart: if all began at their very end, the lines
    /// that parked goroutines are resumed by would fall on a tenth of a cache's sets.
    #[inline]
    pub(crate) fn colour(self) -> usize {
        ((self.base / MIN_SIZE) >> self.order) % COLOURS * COLOUR
    }

    /// One past the highest.
    #[inline]
    pub(crate) fn hi(self) -> usize {
        self.base + size(self.order)
    }
}

/// Bytes of a stack of this order, guard included.
#[inline]
pub(crate) const fn size(order: u8) -> usize {
    MIN_SIZE << order
}

/// The smallest order with at least `usable` bytes beside the guard. Go: `round2`.
pub(crate) fn order_for(usable: usize) -> Option<u8> {
    let total = usable.checked_add(GUARD)?.checked_next_power_of_two()?.max(MIN_SIZE);
    let order = (total / MIN_SIZE).trailing_zeros() as usize;
    (order < ORDERS).then_some(order as u8)
}

/// Gives the pages of the `bytes` below `sp` back to the kernel: on a stack whose owner does not run, nothing below
/// its stack pointer is of use to anybody.
pub(crate) fn give_back_below(sp: usize, bytes: usize) {
    let page = crate::sys::mem::page_size();
    let hi = sp & !(page - 1);
    crate::sys::mem::give_back(hi - bytes, bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders() {
        let check = |usable: usize, expected: Option<u8>| assert_eq!(order_for(usable), expected);
        check(0, Some(0));
        check(64 << 10, Some(0));
        check((64 << 10) + 1, Some(1));
        check(DEFAULT_STACK_SIZE, Some(1));
        check(DEFAULT_STACK_SIZE + 1, Some(2));
        check(8 << 20, Some(7));
        check((1 << 30) - GUARD, Some(13));
        check(1 << 30, None);
        check(usize::MAX, None);
    }
}
