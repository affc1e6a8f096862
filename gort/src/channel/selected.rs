//! What a select has agreed on, until it is carried out.

use std::fmt;
use std::marker::PhantomData;

use super::token::{State, Token};
use super::{Receiver, RecvError, SendError, Sender};

/// An operation that a select has agreed on with the other side. It must be completed by
/// [`send`](Self::send) or [`recv`](Self::recv), or the drop panics: the other side waits for it.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// use gort::channel::{Select, bounded};
///
/// let (tx, rx) = bounded(1);
/// let mut select = Select::new();
/// let send = select.send(&tx);
/// let operation = select.select();
/// assert_eq!(operation.index(), send);
/// operation.send(&tx, "made only now").unwrap();
///
/// let mut select = Select::new();
/// select.recv(&rx);
/// assert_eq!(select.select().recv(&rx), Ok("made only now"));
/// # });
/// ```
#[must_use]
pub struct SelectedOperation<'a> {
    token: Token,
    index: usize,
    address: *const (),
    select: PhantomData<&'a ()>,
}

// As crossbeam's: it holds what was agreed on whole, or nothing.
impl std::panic::UnwindSafe for SelectedOperation<'_> {}
impl std::panic::RefUnwindSafe for SelectedOperation<'_> {}

impl SelectedOperation<'_> {
    pub(super) fn new(token: Token, index: usize, address: *const ()) -> Self {
        Self { token, index, address, select: PhantomData }
    }

    /// Stands for no operation; see `select!`.
    pub(super) fn none() -> Self {
        Self::new(Token::new(), usize::MAX, std::ptr::null())
    }

    pub(super) fn is_none(&self) -> bool {
        self.index == usize::MAX
    }

    /// The index that its `Select` gave it.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::{Select, bounded};
    ///
    /// let (tx, rx) = bounded::<i32>(1);
    /// let mut select = Select::new();
    /// select.recv(&rx);
    /// let send = select.send(&tx);
    /// let operation = select.select();
    /// assert_eq!(operation.index(), send);
    /// operation.send(&tx, 1).unwrap();
    /// # });
    /// ```
    pub fn index(&self) -> usize {
        self.index
    }

    /// Takes the token out and leaves nothing to complete.
    fn complete(mut self) -> Token {
        let token = std::mem::replace(&mut self.token, Token::new());
        std::mem::forget(self);
        token
    }

    /// Completes a send.
    ///
    /// # Errors
    /// The channel is disconnected or closed: the message comes back.
    ///
    /// # Panics
    /// When `sender` is not the one that was added to the select.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::{Select, bounded};
    ///
    /// let (tx, rx) = bounded(1);
    /// drop(rx);
    /// let mut select = Select::new();
    /// select.send(&tx);
    /// assert_eq!(select.select().send(&tx, 1).unwrap_err().into_inner(), 1);
    /// # });
    /// ```
    pub fn send<T>(self, sender: &Sender<T>, message: T) -> Result<(), SendError<T>> {
        assert!(sender.chan.address() == self.address, "passed a sender that wasn't selected");
        sender.chan.complete_send(self.complete(), message)
    }

    /// Completes a receive.
    ///
    /// # Errors
    /// The channel is empty and disconnected or closed.
    ///
    /// # Panics
    /// When `receiver` is not the one that was added to the select.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::{Select, bounded};
    ///
    /// let (tx, rx) = bounded::<i32>(1);
    /// drop(tx);
    /// let mut select = Select::new();
    /// select.recv(&rx);
    /// assert!(select.select().recv(&rx).is_err());
    /// # });
    /// ```
    pub fn recv<T>(self, receiver: &Receiver<T>) -> Result<T, RecvError> {
        assert!(receiver.address() == self.address, "passed a receiver that wasn't selected");
        let mut token = self.complete();
        match token.state {
            // SAFETY: it says that the message is there; the token is consumed.
            State::Received => Ok(unsafe { token.scratch.take(|spare| receiver.keep_spare(spare)) }),
            State::Closed => Err(RecvError),
            _ => unreachable!("no receive was committed to"),
        }
    }
}

impl Drop for SelectedOperation<'_> {
    fn drop(&mut self) {
        panic!("dropped `SelectedOperation` without completing the operation");
    }
}

impl fmt::Debug for SelectedOperation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("SelectedOperation { .. }")
    }
}
