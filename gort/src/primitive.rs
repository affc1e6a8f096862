//! The atomics, cells and mutexes that threads meet through: std's, or loom's when a model runs.
//!
//! Code that a loom model checks takes them from here and nowhere else, and takes its sizes from
//! constants that shrink under loom.

#[cfg(not(loom))]
pub(crate) use std::cell::Cell;
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
#[cfg(not(loom))]
pub(crate) use std::sync::{Arc, Mutex, MutexGuard};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
#[cfg(loom)]
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};

/// std's `UnsafeCell` with loom's closure interface, so that a model sees every access.
#[cfg(not(loom))]
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

#[cfg(loom)]
pub(crate) use loom::cell::UnsafeCell;
#[cfg(loom)]
pub(crate) use model_cell::Cell;

#[cfg(loom)]
#[allow(unsafe_code)]
mod model_cell {
    use loom::cell::UnsafeCell;

    /// std's `Cell` in a model: loom reports two threads that are at it without order between them, and one
    /// that is at it while its memory is given up.
    #[derive(Debug)]
    pub(crate) struct Cell<T>(UnsafeCell<T>);

    impl<T> Cell<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(UnsafeCell::new(value))
        }

        pub(crate) fn set(&self, value: T) {
            drop(self.replace(value));
        }

        pub(crate) fn replace(&self, value: T) -> T {
            // SAFETY: as std's: no reference to the value is given out, and loom checks for other threads.
            self.0.with_mut(|v| unsafe { std::mem::replace(&mut *v, value) })
        }

        pub(crate) fn get(&self) -> T
        where
            T: Copy,
        {
            // SAFETY: as above.
            self.0.with(|v| unsafe { *v })
        }
    }

    impl<T> Drop for Cell<T> {
        fn drop(&mut self) {
            // A panic in a panic would hide what the model has found.
            if !std::thread::panicking() {
                self.0.with_mut(|_| ());
            }
        }
    }
}

/// A function that is `const`, but not in a model, where atomics are made by the running model.
macro_rules! const_fn {
    ($(#[$attr:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$attr])* $vis const fn $($rest)*
        #[cfg(loom)]
        $(#[$attr])* $vis fn $($rest)*
    };
}
pub(crate) use const_fn;

/// One turn of a spin loop.
#[inline(always)]
pub(crate) fn spin_loop() {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    std::hint::spin_loop();
}
