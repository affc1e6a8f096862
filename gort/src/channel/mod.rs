//! Channels, in the interface of `crossbeam-channel`, plus Go's `close`.
//!
//! Goroutines and plain threads may use both ends of any channel, in any mix. A blocked goroutine costs
//! no thread.
//!
//! ```
//! # unsafe { gort::boot(gort::Options::default()).unwrap() };
//! # gort::run(|| {
//! let (tx, rx) = gort::channel::bounded(0);
//! gort::go!(move || {
//!     for i in 0..3 {
//!         tx.send(i).unwrap();
//!     }
//! });
//! assert_eq!(rx.iter().collect::<Vec<_>>(), [0, 1, 2]);
//! # });
//! ```

mod core;
mod err;
mod receiver;
mod sender;

pub use self::err::{RecvError, SendError, TryRecvError, TrySendError};
pub use self::receiver::{IntoIter, Iter, Receiver, TryIter};
pub use self::sender::Sender;

use self::core::Chan;

/// A channel that holds at most `cap` messages; with 0, each send waits for its receiver.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let (tx, rx) = gort::channel::bounded(1);
/// tx.send("hello").unwrap();
/// assert!(tx.try_send("full").is_err());
/// assert_eq!(rx.recv(), Ok("hello"));
/// # });
/// ```
#[doc(alias = "make")]
pub fn bounded<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    Chan::create(Some(cap))
}

/// A channel without a limit: sends never block.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let (tx, rx) = gort::channel::unbounded();
/// for i in 0..1000 {
///     tx.send(i).unwrap();
/// }
/// drop(tx);
/// assert_eq!(rx.iter().sum::<i32>(), 499_500);
/// # });
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    Chan::create(None)
}
