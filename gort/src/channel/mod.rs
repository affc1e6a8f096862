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

mod blocking;
mod buffer;
mod commit;
mod core;
mod err;
mod iter;
pub(crate) mod macros;
#[cfg(all(test, loom))]
mod models;
mod operation;
mod readiness;
mod ready;
mod receiver;
mod select;
mod selected;
mod sender;
mod timer;
mod token;

pub use self::err::{
    ReadyTimeoutError, RecvError, RecvTimeoutError, SelectTimeoutError, SendError, SendTimeoutError,
    TryReadyError, TryRecvError, TrySelectError, TrySendError,
};
pub use self::iter::{IntoIter, Iter, TryIter};
pub use self::macros::{select, select_biased};
pub use self::receiver::Receiver;
pub use self::select::Select;
pub use self::selected::SelectedOperation;
pub use self::sender::Sender;

use crate::primitive::Arc;
use std::time::{Duration, Instant};

use self::core::Chan;
use self::receiver::Flavor;

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

/// A channel that delivers one message, the time, after `duration`.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let rx = gort::channel::after(std::time::Duration::from_millis(1));
/// assert!(rx.recv().is_ok());
/// # });
/// ```
#[doc(alias = "After")]
pub fn after(duration: Duration) -> Receiver<Instant> {
    match Instant::now().checked_add(duration) {
        Some(when) => at(when),
        None => never(),
    }
}

/// A channel that delivers one message, the time, at `when`.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let when = std::time::Instant::now();
/// assert_eq!(gort::channel::at(when).recv(), Ok(when));
/// # });
/// ```
pub fn at(when: Instant) -> Receiver<Instant> {
    Receiver::with_flavor(Flavor::At(Arc::new(timer::At::new(when))))
}

/// A channel that delivers the time each `period`. A receiver that is late gets one message for all that
/// it has missed.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let rx = gort::channel::tick(std::time::Duration::from_millis(1));
/// let first = rx.recv().unwrap();
/// assert!(rx.recv().unwrap() > first);
/// # });
/// ```
#[doc(alias = "Tick")]
pub fn tick(period: Duration) -> Receiver<Instant> {
    match Instant::now().checked_add(period) {
        Some(_) => Receiver::with_flavor(Flavor::Tick(Arc::new(timer::Tick::new(period)))),
        None => never(),
    }
}

/// A channel that never delivers anything.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// assert!(gort::channel::never::<i32>().try_recv().is_err());
/// # });
/// ```
pub const fn never<T>() -> Receiver<T> {
    Receiver::with_flavor(Flavor::Never)
}
