//! Locks and counters that block goroutines, not threads. They work on plain threads as well, in any
//! mix.

mod mutex;
mod wait_group;

pub use self::mutex::{Mutex, MutexGuard};
pub use self::wait_group::WaitGroup;
pub use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};
