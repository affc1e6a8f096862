//! What `std::sync` has, and Go's `sync`, for goroutines: everything here blocks a goroutine and not
//! its thread, and works on plain threads as well, in any mix.
//!
//! A program written for `std::sync` compiles and behaves the same after its `use` lines are swapped:
//! `Arc`, `Weak`, `atomic` and the types of errors are std's own, [`mpsc`] is std's interface over
//! [`channel`](crate::channel). Locks are poisoned by panics, never by [`goexit`](crate::goexit).
//!
//! Calls that are documented as blocking may move the goroutine to another thread; `try_*`, `notify_*`,
//! and dropping a guard or permit never do.

mod barrier;
mod condvar;
mod err_group;
mod lazy_lock;
pub mod mpsc;
mod mutex;
mod once;
mod once_lock;
mod raw_mutex;
mod raw_rwlock;
mod rwlock;
mod rwlock_guard;
mod semaphore;
mod single_flight;
mod wait_group;

pub use self::barrier::{Barrier, BarrierWaitResult};
pub use self::condvar::{Condvar, WaitTimeoutResult};
pub use self::err_group::ErrGroup;
pub use self::lazy_lock::LazyLock;
pub use self::mutex::{Mutex, MutexGuard};
pub use self::once::{Once, OnceState};
pub use self::once_lock::OnceLock;
pub use self::rwlock::RwLock;
pub use self::rwlock_guard::{RwLockReadGuard, RwLockWriteGuard};
pub use self::semaphore::{Semaphore, SemaphorePermit};
pub use self::single_flight::SingleFlight;
pub use self::wait_group::WaitGroup;
pub use std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult, Weak, atomic};
