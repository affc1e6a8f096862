//! A P's own free stacks, the hottest on top. Touched by the P's owner only.
//!
//! Go: stack.go `stackcacherefill`, `stackcacherelease`.

use std::cell::UnsafeCell;
use std::io;

use super::pool::{self, BATCH};
use super::{ORDERS, Stack};

/// Stacks a cache holds of one order before it gives half of them back.
const LIMIT: usize = 2 * BATCH;

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
            list.reserve(LIMIT + 1);
            pool::take(order, BATCH, list)?;
            // The first of a fresh slab on top: neighbours share page tables.
            list.reverse();
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
        if list.len() > LIMIT {
            pool::give(stack.order(), list.drain(..BATCH));
        }
    }

    /// Gives everything back, when the P is destroyed.
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
