//! What a select has agreed on and not yet carried out, with the message in it if there is one. The
//! message is type-erased: small ones lie in the token itself, larger ones in a box.

use std::mem::MaybeUninit;

use crate::wait::Popped;

/// Bytes of a message that lies in the scratch itself.
const WORDS: usize = 8;

/// A place for one message of any type.
pub(crate) struct Scratch([MaybeUninit<u64>; WORDS]);

const fn fits<T>() -> bool {
    size_of::<T>() <= WORDS * 8 && align_of::<T>() <= 8
}

impl Scratch {
    pub(crate) const fn new() -> Self {
        Self([MaybeUninit::uninit(); WORDS])
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut () {
        self.0.as_mut_ptr().cast()
    }

    /// Takes the message out.
    ///
    /// # Safety
    /// A `T` was put there, and it is taken once.
    pub(crate) unsafe fn take<T>(&mut self) -> T {
        // SAFETY: the caller's word; `put` decides by the same `fits`.
        unsafe {
            if fits::<T>() {
                self.as_mut_ptr().cast::<T>().read()
            } else {
                *Box::from_raw(self.as_mut_ptr().cast::<*mut T>().read())
            }
        }
    }
}

/// Puts a message into a scratch.
///
/// # Safety
/// `scratch` points to an empty [`Scratch`].
pub(crate) unsafe fn put<T>(scratch: *mut (), message: T) {
    // SAFETY: the caller's word.
    unsafe {
        if fits::<T>() {
            scratch.cast::<T>().write(message);
        } else {
            scratch.cast::<*mut T>().write(Box::into_raw(Box::new(message)));
        }
    }
}

/// How far an operation is.
pub(crate) enum State {
    /// Nothing is agreed on.
    Open,
    /// The channel is closed: the operation will say so.
    Closed,
    /// The message is received: it lies in the scratch.
    Received,
    /// A place in the buffer is promised to us.
    Promised,
    /// A receiver waits for the message: it was taken off its queue, and is readied when it has it.
    Receiver(Popped),
    /// As above, for a receiver that waits for this alone.
    Rendezvous(*mut ()),
}

/// See the module.
pub(crate) struct Token {
    pub(crate) state: State,
    pub(crate) scratch: Scratch,
}

impl Token {
    pub(crate) const fn new() -> Self {
        Self { state: State::Open, scratch: Scratch::new() }
    }
}
