//! A lock that blocks an M (a thread), for the runtime's own short critical sections.
//!
//! Nothing parks a goroutine, runs user code or waits for a goroutine while it holds one. A lock may
//! be held across a context switch: the side that is resumed unlocks it (`AfterSwitch::Unlock`), so
//! the guard-less pair of calls is the primitive and [`Lock::with`] the usual form.
//!
//! State: 0 free, 1 held, 2 held and somebody may sleep. Go: lock_futex.go.

#[cfg(not(loom))]
use crate::sys::futex;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU32, Ordering};

/// How often a taker looks before it sleeps. Sections are tens of nanoseconds long.
#[cfg(not(loom))]
const SPIN: u32 = 60;

/// A futex lock without a guard.
#[cfg(not(loom))]
#[derive(Debug, Default)]
pub(crate) struct Lock(AtomicU32);

#[cfg(not(loom))]
impl Lock {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Takes the lock.
    #[inline]
    pub(crate) fn lock(&self) {
        // Acquire: pairs with the Release in `unlock`.
        if self.0.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.lock_slow();
        }
    }

    #[cold]
    fn lock_slow(&self) {
        for _ in 0..SPIN {
            if self.0.load(Ordering::Relaxed) == 0
                && self.0.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                return;
            }
            std::hint::spin_loop();
        }
        // From here on the word says 2, also when we get the lock: others may sleep beside us.
        while self.0.swap(2, Ordering::Acquire) != 0 {
            futex::wait(&self.0, 2, crate::sys::clock::NEVER);
        }
    }

    /// Releases the lock. The memory of the lock may be gone as soon as the word says 0; the wake
    /// that follows uses the address alone.
    #[inline]
    pub(crate) fn unlock(&self) {
        // Release: what was done inside is seen by the next to take it.
        if self.0.swap(0, Ordering::Release) == 2 {
            futex::wake(&self.0, 1);
        }
    }

    /// Runs `f` with the lock held.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Unlock<'a>(&'a Lock);
        impl Drop for Unlock<'_> {
            fn drop(&mut self) {
                self.0.unlock();
            }
        }
        self.lock();
        let _unlock = Unlock(self);
        f()
    }
}

/// Under loom the lock is loom's mutex: models check what is built on it, not futexes.
#[cfg(loom)]
#[derive(Debug)]
pub(crate) struct Lock(loom::sync::Mutex<()>);

#[cfg(loom)]
impl Lock {
    pub(crate) fn new() -> Self {
        Self(loom::sync::Mutex::new(()))
    }

    pub(crate) fn with<R>(&self, f: impl FnOnce() -> R) -> R {
        let _guard = self.0.lock().unwrap();
        f()
    }
}
