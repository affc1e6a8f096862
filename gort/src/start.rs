//! The ways in that are neither an attribute nor a type: `boot`, `go!`, `chan`.

use crate::channel::{Receiver, Sender};
use crate::sched::rt0::{self, BootError, Options};

/// Starts the runtime beside the calling thread, which stays a plain one: for libraries, and for
/// programs whose `main` is not theirs. After it [`run`](crate::run), [`spawn`](crate::spawn) and
/// [`go!`](crate::go) work on every thread. To be called before the process forks or drops privileges.
///
/// # Errors
/// [`BootError::AlreadyRunning`] if a runtime runs, by whichever way it was started.
///
/// # Safety
/// The caller accepts the [contract](crate#the-contract) for all code that will run as a goroutine: no
/// value that depends on its thread is held across a blocking gort call.
///
/// ```
/// // SAFETY: nothing below holds a value that depends on its thread across a blocking call.
/// unsafe { gort::boot(gort::Options::default()) }.unwrap();
/// assert_eq!(gort::run(|| 6 * 7), 42);
/// let again = unsafe { gort::boot(gort::Options::default()) };
/// assert_eq!(again, Err(gort::BootError::AlreadyRunning));
/// ```
pub unsafe fn boot(options: Options) -> Result<(), BootError> {
    rt0::boot(options)
}

/// Short for [`channel::bounded`](crate::channel::bounded): Go's `make(chan T, cap)`.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let (tx, rx) = gort::chan::<&str>(1);
/// tx.send("hi").unwrap();
/// assert_eq!(rx.recv(), Ok("hi"));
/// # });
/// ```
#[doc(alias = "make")]
pub fn chan<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    crate::channel::bounded(cap)
}

/// Starts a goroutine that nobody joins: Go's `go` statement.
///
/// - `go!(closure)` runs the closure.
/// - `go!(f(a, b))` and `go!(x.method(a))` evaluate the function value, the receiver and the arguments
///   now, in the calling goroutine; the call itself happens in the new one. So `go!(drop(f(x)))` runs
///   `f(x)` here and leaves only the `drop` to the new goroutine: Go's rule. Write `go!(|| drop(f(x)))`,
///   or `go!(f(x))`, to have it run there.
/// - `go! { statements }` is `go!(move || { statements })`.
/// - Options come first: `go!(name = "worker", stack_size = 1 << 20; f(a))`.
///
/// A result is dropped. What the goroutine takes with it must be `Send + 'static`. Never blocks. An
/// unrecovered panic in it ends the process with status 2, after its destructors have run, with its
/// frames and where it was created.
///
/// # Panics
/// When no runtime runs.
///
/// ```
/// fn add(tx: gort::channel::Sender<i32>, a: i32, b: i32) {
///     tx.send(a + b).unwrap();
/// }
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let (tx, rx) = gort::channel::bounded(1);
/// gort::go!(add(tx, 1, 2));
/// assert_eq!(rx.recv(), Ok(3));
/// # });
/// ```
#[macro_export]
macro_rules! go {
    ($($t:tt)*) => {
        $crate::__rt::go_impl! { [$crate] $($t)* }
    };
}
