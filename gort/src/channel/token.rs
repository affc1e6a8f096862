//! What a select has agreed on and not yet carried out, with the message in it if there is one. The
//! message is type-erased: small ones lie in the token itself, larger ones in a box. The channel keeps a box that was
//! emptied for the next one, so that a select which is repeated allocates nothing.

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

    /// Takes the message out. `keep` is given the box that it was in.
    ///
    /// # Safety
    /// A `T` was written to what [`place`] gave, and it is taken once.
    pub(crate) unsafe fn take<T>(&mut self, keep: impl FnOnce(Box<MaybeUninit<T>>)) -> T {
        // SAFETY: the caller's word; `place` decides by the same `fits`.
        unsafe {
            if fits::<T>() {
                return self.as_mut_ptr().cast::<T>().read();
            }
            let place = Box::from_raw(self.as_mut_ptr().cast::<*mut MaybeUninit<T>>().read());
            let message = place.assume_init_read();
            keep(place);
            message
        }
    }
}

/// Where a message for a scratch is to be written: the scratch itself, or a box whose address is put there.
///
/// # Safety
/// `scratch` points to an empty [`Scratch`]. The place is written to.
pub(crate) unsafe fn place<T>(scratch: *mut (), spare: &mut Option<Box<MaybeUninit<T>>>) -> *mut T {
    if fits::<T>() {
        return scratch.cast();
    }
    let place = Box::into_raw(spare.take().unwrap_or_else(Box::new_uninit));
    // SAFETY: the caller's word.
    unsafe { scratch.cast::<*mut MaybeUninit<T>>().write(place) };
    place.cast()
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
