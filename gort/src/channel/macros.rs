//! `select!` and `select_biased!`, and what they expand to.

use std::time::Duration;

use super::token::Token;
use super::{Select, SelectedOperation, Sender};

/// [`Select::try_select`], with an operation that stands for none. An `Option` would not do: to drop it
/// is to borrow the channels, and the arm's body may move them.
#[doc(hidden)]
pub fn try_select<'a>(select: &mut Select<'a>) -> SelectedOperation<'a> {
    select.try_select().unwrap_or_else(|_| SelectedOperation::none())
}

/// [`Select::try_select`] of a send alone, with an operation that stands for none. The message is not there yet.
#[doc(hidden)]
#[inline]
pub fn try_select_send<T>(sender: &Sender<T>) -> SelectedOperation<'_> {
    let mut token = Token::new();
    if sender.chan.commit_send(&mut token) {
        SelectedOperation::new(token, 0, sender.chan.address())
    } else {
        SelectedOperation::none()
    }
}

/// [`Select::select_timeout`], with an operation that stands for none.
#[doc(hidden)]
pub fn select_timeout<'a>(select: &mut Select<'a>, timeout: Duration) -> SelectedOperation<'a> {
    select.select_timeout(timeout).unwrap_or_else(|_| SelectedOperation::none())
}

/// Forgets the operation that stands for none.
#[doc(hidden)]
pub fn none_selected(operation: SelectedOperation<'_>) {
    assert!(operation.is_none(), "a select without this arm");
    std::mem::forget(operation);
}

/// The index is that of no arm.
#[doc(hidden)]
pub fn no_such_arm(operation: SelectedOperation<'_>) -> ! {
    unreachable!("a select of {} arms at most", operation.index())
}

/// Waits for one of several channel operations, and runs its arm: Go's `select` statement, in the syntax
/// of crossbeam-channel.
///
/// - `recv(receiver) -> result => body`: the result is that of [`Receiver::recv`](crate::channel::Receiver::recv).
/// - `send(sender, message) -> result => body`: the result is that of
///   [`Sender::send`](crate::channel::Sender::send). The message is evaluated only if this arm is selected.
/// - `default => body`: if no operation can go on now. Such a select doesn't block.
/// - `default(timeout) => body`: if none could within `timeout`, a [`Duration`](std::time::Duration).
///
/// Any number of arms, in any order; a comma ends a body that is not a block. The result is any pattern
/// that always matches, as `_`. An operation on a channel that is disconnected or closed can go on: its
/// result is an error. Of several that can go on one is chosen at random;
/// [`select_biased!`](crate::select_biased!) takes the first. The channels are evaluated once each, in
/// order, and may be references or what dereferences to a sender or receiver. `select!` is an expression;
/// `break`, `continue`, `return` and `?` work in it. Up to 8 arms allocate nothing.
///
/// A channel that is not always there: `recv(maybe.as_ref().unwrap_or(&never())) -> …`.
///
/// May block, and so move the goroutine to another thread, unless it has a `default`.
///
/// # Panics
/// When the evaluation of a message panics, the process ends: the other side waits for it.
///
/// ```
/// use gort::channel::{after, bounded, unbounded};
/// use std::time::Duration;
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let (tx, numbers) = unbounded();
/// let (quit, done) = bounded::<()>(0);
/// gort::go!(move || {
///     for i in 1..=3 {
///         tx.send(i).unwrap();
///     }
///     done.recv().ok();
/// });
///
/// let mut sum = 0;
/// while sum < 6 {
///     gort::select! {
///         recv(numbers) -> n => sum += n.unwrap(),
///         recv(after(Duration::from_secs(60))) -> _ => panic!("too slow"),
///     }
/// }
/// let told = gort::select! {
///     send(quit, ()) -> result => result.is_ok(),
///     default(Duration::from_secs(60)) => false,
/// };
/// assert!(told);
/// # });
/// ```
#[macro_export]
macro_rules! select {
    ($($t:tt)*) => {
        $crate::__rt::select_impl! { [$crate] new $($t)* }
    };
}

/// [`select!`](crate::select!) that takes the first of several operations that can go on.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let (urgent_tx, urgent) = gort::channel::unbounded();
/// let (usual_tx, usual) = gort::channel::unbounded();
/// usual_tx.send(1).unwrap();
/// urgent_tx.send(2).unwrap();
/// let first = gort::select_biased! {
///     recv(urgent) -> n => n,
///     recv(usual) -> n => n,
/// };
/// assert_eq!(first, Ok(2));
/// # });
/// ```
#[macro_export]
macro_rules! select_biased {
    ($($t:tt)*) => {
        $crate::__rt::select_impl! { [$crate] new_biased $($t)* }
    };
}

pub use {select, select_biased};
