//! What `std::sync` has, and Go's `sync`, for goroutines: everything here blocks a goroutine and not
//! its thread, and works on plain threads as well, in any mix.
//!
//! A program written for `std::sync` compiles and behaves the same after its `use` lines are swapped:
//! `Arc`, `Weak`, `atomic` and the types of errors are std's own, [`mpsc`] is std's interface over
//! [`channel`](crate::channel). [`WaitGroup`] is one name more than std has: beside a glob import of another library
//! that has one, the name alone is ambiguous. Locks are poisoned by panics, never by [`goexit`](crate::goexit).
//!
//! Calls that are documented as blocking may move the goroutine to another thread; `try_*`, `notify_*`,
//! and dropping a guard or permit never do.

// Under loom only what has models: the rest starts goroutines, or keeps nothing of its own that threads meet through.
mod barrier;
mod condvar;
#[cfg(gort_runtime)]
pub(crate) mod err_group;
#[cfg(gort_runtime)]
mod lazy_lock;
#[cfg(all(test, loom))]
mod models;
#[cfg(gort_runtime)]
pub mod mpsc;
mod mutex;
mod once;
#[cfg(gort_runtime)]
mod once_lock;
mod raw_mutex;
mod raw_rwlock;
#[cfg(gort_runtime)]
mod rwlock;
#[cfg(gort_runtime)]
mod rwlock_guard;
mod semaphore;
#[cfg(gort_runtime)]
mod single_flight;
mod wait_group;

pub use self::barrier::{Barrier, BarrierWaitResult};
pub use self::condvar::{Condvar, WaitTimeoutResult};
pub use self::mutex::{Mutex, MutexGuard};
pub use self::once::{Once, OnceState};
pub use self::semaphore::{Semaphore, SemaphorePermit};
pub use self::wait_group::WaitGroup;
pub use std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult, Weak, atomic};

/// An unused [`Once`].
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// #[allow(deprecated)]
/// static START: gort::sync::Once = gort::sync::ONCE_INIT;
/// START.call_once(|| println!("once"));
/// ```
#[cfg(gort_runtime)]
#[deprecated(note = "std deprecates it: use Once::new()")]
#[allow(clippy::declare_interior_mutable_const)]
pub const ONCE_INIT: Once = Once::new();

#[cfg(gort_runtime)]
pub use self::{
    err_group::ErrGroup,
    lazy_lock::LazyLock,
    once_lock::OnceLock,
    rwlock::RwLock,
    rwlock_guard::{RwLockReadGuard, RwLockWriteGuard},
    single_flight::SingleFlight,
};
