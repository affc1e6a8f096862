//! What few goroutines have: a name, labels, locals, recorded frames. Boxed beside the descriptor on
//! first use and dropped when the goroutine ends.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::Location;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, compiler_fence};

use super::G;

/// Labels, sorted by key.
pub(crate) type Labels = Arc<BTreeMap<String, String>>;

/// A goroutine at the moment when it made another. Go: `ancestorInfo`.
#[derive(Clone)]
pub(crate) struct Ancestor {
    pub(crate) goid: u64,
    pub(crate) pcs: Box<[usize]>,
    pub(crate) gopc: usize,
    pub(crate) location: Option<&'static Location<'static>>,
}

/// What tracebacks show of it.
#[derive(Clone, Default)]
pub(crate) struct Shown {
    pub(crate) name: Option<Arc<str>>,
    /// Inherited by the goroutines it makes.
    pub(crate) labels: Option<Labels>,
    /// Who made it, who made that one, and so on: with `tracebackancestors`.
    pub(crate) ancestors: Option<Arc<[Ancestor]>>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Extras {
    /// Written by [`change`], once it is published.
    pub(crate) shown: Shown,
    /// While [`change`] writes: a handler that interrupts it does not look.
    changing: AtomicBool,
    /// `goroutine_local!` values by the address of their key.
    pub(crate) locals: Vec<(usize, Box<dyn Any>)>,
    /// Keys of values that are dropped already: they are not made again.
    pub(crate) gone: Vec<usize>,
    pub(crate) panics: Panics,
}

/// Return addresses, innermost first, and how many are missing among them.
pub(crate) type Pcs = (Box<[usize]>, usize);

/// Where panics came from: at the boundary the frames are gone.
#[derive(Default)]
pub(crate) struct Panics {
    /// At the last call of the hook, and what the panic was.
    pub(crate) hooked: Option<(u64, Pcs)>,
    /// Of the last that nobody in the goroutine has caught, where it was raised.
    pub(crate) raised: Pcs,
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

/// Exchanges something of what tracebacks show.
///
/// # Safety
/// As for [`of`].
pub(crate) unsafe fn change<R>(gp: &'static G, f: impl FnOnce(&mut Shown) -> R) -> R {
    // SAFETY: the caller's word.
    let extras = unsafe { of(gp) };
    extras.changing.store(true, Ordering::Relaxed);
    // A handler runs on this very thread: it is the compiler that must not move what is between the two.
    compiler_fence(Ordering::SeqCst);
    let r = f(&mut extras.shown);
    compiler_fence(Ordering::SeqCst);
    extras.changing.store(false, Ordering::Relaxed);
    r
}

/// A copy of what tracebacks show: nothing while it is being changed. Allocates nothing, for handlers.
///
/// # Safety
/// The goroutine does not run: it is the caller, is interrupted by it, or is held by its scan word.
pub(crate) unsafe fn shown_if_quiet(gp: &'static G) -> Shown {
    // SAFETY: null or made by `of`; freed by the goroutine alone, which clears the pointer before.
    match unsafe { gp.extras().as_ref() } {
        Some(extras) if !extras.changing.load(Ordering::Relaxed) => extras.shown.clone(),
        _ => Shown::default(),
    }
}
