//! A P's own free stacks, the hottest on top. Touched by the P's owner only.
//!
//! Go: stack.go `stackcacherefill`, `stackcacherelease`.

use std::cell::UnsafeCell;
use std::io;

use super::{ORDERS, Stack, pool, size};

/// Stacks of this order that a cache holds before it gives half of them back: 8 MiB worth of them, but at least
/// two and at most 32.
const fn limit(order: usize) -> usize {
    let n = (8 << 20) / size(order as u8);
    if n < 2 {
        2
    } else if n > 32 {
        32
    } else {
        n
    }
}

/// See the module.
pub(crate) struct StackCache(UnsafeCell<[Vec<usize>; ORDERS]>);

impl StackCache {
    pub(crate) fn new() -> Self {
        Self(UnsafeCell::new(std::array::from_fn(|_| Vec::new())))
    }

    /// Whether the next [`alloc`](Self::alloc) of `order` goes to the pool.
    ///
    /// # Safety
    /// The caller owns the P.
    #[inline]
    pub(crate) unsafe fn is_empty(&self, order: u8) -> bool {
        // SAFETY: only the P's owner is here.
        unsafe { (&*self.0.get())[order as usize].is_empty() }
    }

    /// A stack of `order`.
    ///
    /// # Errors
    /// As [`pool::take`].
    ///
    /// # Safety
    /// The caller owns the P.
    #[inline]
    pub(crate) unsafe fn alloc(&self, order: u8) -> io::Result<Stack> {
        // SAFETY: only the P's owner is here.
        let list = unsafe { &mut (*self.0.get())[order as usize] };
        if list.is_empty() {
            let limit = limit(order as usize);
            list.reserve(limit + 1);
            pool::take(order, limit / 2, list)?;
        }
        Ok(Stack::from_raw(list.pop().expect("the pool gave one"), order))
    }

    /// Takes a stack back.
    ///
    /// # Safety
    /// The caller owns the P, and nobody runs on the stack.
    #[inline]
    pub(crate) unsafe fn free(&self, stack: Stack) {
        // SAFETY: only the P's owner is here.
        let list = unsafe { &mut (*self.0.get())[stack.order() as usize] };
        list.push(stack.base());
        let limit = limit(stack.order() as usize);
        if list.len() > limit {
            // The coldest.
            pool::give(stack.order(), list.drain(..limit / 2));
        }
    }

    /// Whether there is any.
    ///
    /// # Safety
    /// The caller owns the P.
    pub(crate) unsafe fn has_any(&self) -> bool {
        // SAFETY: only the P's owner is here.
        unsafe { &*self.0.get() }.iter().any(|list| !list.is_empty())
    }

    /// Gives everything back.
    ///
    /// # Safety
    /// The caller owns the P.
    pub(crate) unsafe fn flush(&self) {
        // SAFETY: only the P's owner is here.
        for (order, list) in unsafe { &mut *self.0.get() }.iter_mut().enumerate() {
            if !list.is_empty() {
                pool::give(order as u8, list.drain(..));
            }
        }
    }
}
