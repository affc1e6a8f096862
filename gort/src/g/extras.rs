//! What few goroutines have: a name, labels, locals, recorded frames. Boxed beside the descriptor on
//! first use and dropped when the goroutine ends.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::Location;
use std::ptr;
use std::sync::Arc;

use super::G;

/// Labels, sorted by key.
pub(crate) type Labels = Arc<BTreeMap<String, String>>;

/// A goroutine at the moment when it made another. Go: `ancestorInfo`.
#[derive(Clone)]
pub(crate) struct Ancestor {
    pub(crate) goid: u64,
    pub(crate) frames: Vec<usize>,
    pub(crate) gopc: usize,
    pub(crate) location: Option<&'static Location<'static>>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) name: Option<Arc<str>>,
    /// `goroutine_local!` values by the address of their key.
    pub(crate) locals: Vec<(usize, Box<dyn Any>)>,
    /// Keys of values that are dropped already: they are not made again.
    pub(crate) gone: Vec<usize>,
    /// Shown in dumps, inherited by the goroutines it makes.
    pub(crate) labels: Option<Labels>,
    /// Who made it, who made that one, and so on: with `tracebackancestors`.
    pub(crate) ancestors: Vec<Ancestor>,
    /// Return addresses at the last panic, taken by the hook: at the boundary the frames are gone.
    pub(crate) panic_frames: Vec<usize>,
}

/// The extras of `gp`, made if need be.
///
/// # Safety
/// `gp` is the running goroutine or not yet published, and no other reference to its extras lives.
pub(crate) unsafe fn of<'a>(gp: &'static G) -> &'a mut Extras {
    if gp.extras().is_null() {
        gp.set_extras(Box::into_raw(Box::default()));
    }
    // SAFETY: not null, and the caller vouches that nobody else refers to it.
    unsafe { &mut *gp.extras() }
}

/// The extras of `gp` if it has any.
///
/// # Safety
/// As for [`of`].
pub(crate) unsafe fn get<'a>(gp: &'static G) -> Option<&'a mut Extras> {
    // SAFETY: null or made by `of`; exclusive by the caller's word.
    unsafe { gp.extras().as_mut() }
}

/// Takes the extras out of a goroutine that ends.
///
/// # Safety
/// As for [`of`].
pub(crate) unsafe fn take(gp: &'static G) -> Option<Box<Extras>> {
    let extras = gp.extras();
    gp.set_extras(ptr::null_mut());
    // SAFETY: not null means that `of` boxed it; nobody refers to it any more.
    (!extras.is_null()).then(|| unsafe { Box::from_raw(extras) })
}
