//! Making goroutines: descriptors from the free lists, the closure into the descriptor, the first
//! queueing; and what runs at the bottom of the user's code.
//!
//! A new goroutine has no stack: it gets one when it is first run. Its closure lies in the
//! descriptor's slot, boxed when it does not fit; its result will lie there after it.
//!
//! Making one is a single section of the runtime ([`Birth`]), and so is all that comes after its user's code
//! ([`end`]): an entry function returns in the runtime.
//!
//! Go: proc.go `newproc`, `newproc1`, `malg`.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::current;
use super::m::M;
use super::section::{self, Section};
use super::{SCHED, panic, park, stock, wake};
use crate::g::extras::Ancestor;
use crate::g::status::Status;
use crate::g::{G, Kind, SLOT_WORDS, entry, extras, join};
use crate::sys::{throw, write_stderr};

#[cold]
fn out_of_memory(e: &io::Error) -> ! {
    write_stderr(format!("runtime: out of memory: cannot allocate goroutine descriptors: {e}\n").as_bytes());
    throw("out of memory")
}

/// Gives a descriptor back.
#[inline]
pub(crate) fn gfput(mp: Option<&'static M>, gp: &'static G) {
    debug_assert_eq!(gp.status.get().0, Status::Dead);
    match mp {
        Some(mp) => mp.stock().put(gp),
        None => stock::put_one(gp),
    }
}

/// What a goroutine may be given beside its function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spec {
    pub(crate) name: Option<Arc<str>>,
    /// Usable bytes of stack.
    pub(crate) stack_size: Option<usize>,
    pub(crate) system: bool,
}

/// A goroutine that is being made: its descriptor is nobody else's yet, and its maker is in the runtime.
/// Nothing of the user's runs meanwhile.
pub(crate) struct Birth {
    gp: &'static G,
    section: Option<Section>,
}

impl Birth {
    /// A descriptor with everything but its closure. `join` are its first [`join`] bits.
    ///
    /// Go: `newproc1`.
    ///
    /// # Panics
    /// When no runtime runs.
    #[inline]
    #[track_caller]
    pub(crate) fn new(pc: usize, location: &'static Location<'static>, join: u32) -> Self {
        match Self::try_new(pc, location, join) {
            Ok(birth) => birth,
            Err(e) => out_of_memory(&e),
        }
    }

    /// [`Birth::new`] for who can tell of failure.
    ///
    /// # Errors
    /// The kernel's, when there is no memory.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn try_new(pc: usize, location: &'static Location<'static>, join: u32) -> io::Result<Self> {
        let section = section::enter();
        if section.is_none() {
            current::require_runtime();
        }
        let mp = section.as_ref().map(Section::m);
        let gp = match mp {
            Some(mp) => mp.stock().get()?,
            None => stock::get_one()?,
        };
        new_g(gp, mp, pc, location, join);
        Ok(Self { gp, section })
    }

    #[inline]
    pub(crate) fn gp(&self) -> &'static G {
        self.gp
    }

    /// The M that makes it; none on a plain thread.
    #[inline]
    pub(crate) fn m(&self) -> Option<&'static M> {
        self.section.as_ref().map(Section::m)
    }

    /// Publishes it: from here on it runs, by `entry`, which takes `value` out of the slot.
    #[inline]
    pub(crate) fn launch<V>(self, value: V, entry: unsafe fn(&'static G)) {
        // SAFETY: not published yet: the slot is ours and empty.
        unsafe { slot_write(self.gp, value) };
        self.gp.entry.set(Some(entry));
        launch(self.m(), self.gp);
    }

    /// Gives it up before anybody knew of it.
    pub(crate) fn abandon(self) {
        // SAFETY: never published.
        drop(unsafe { extras::take(self.gp) });
        gfput(self.m(), self.gp);
    }
}

fn new_g(gp: &'static G, mp: Option<&'static M>, pc: usize, location: &'static Location<'static>, join: u32) {
    gp.kind.set(Kind::User);
    gp.order.set(SCHED.stack_order.load(Ordering::Relaxed) as u8);
    gp.goexiting.set(false);
    let goid = match mp {
        Some(mp) => mp.stock().next_goid(),
        None => SCHED.goidgen.fetch_add(1, Ordering::Relaxed),
    };
    gp.goid.store(goid, Ordering::Relaxed);
    gp.gopc.store(pc, Ordering::Relaxed);
    gp.set_location(location);
    gp.join.store(join, Ordering::Relaxed);
    // Its park token is of this life.
    gp.token.store(0, Ordering::Relaxed);
    let parent = mp.map(|mp| mp.curg.get());
    gp.parent.store(parent.map_or(0, G::id), Ordering::Relaxed);
    if let Some(parent) = parent {
        inherit(parent, gp);
    }
}

/// What a goroutine has of its maker: labels, and with `tracebackancestors` the ancestors.
#[inline]
fn inherit(parent: &'static G, gp: &'static G) {
    if !parent.extras().is_null() {
        // SAFETY: the parent is the caller, the child is not published yet.
        let labels = unsafe { extras::get(parent) }.and_then(|e| e.shown.labels.clone());
        if labels.is_some() {
            // SAFETY: as above.
            unsafe { extras::of(gp) }.shown.labels = labels;
        }
    }
    if SCHED.ancestors.load(Ordering::Relaxed) > 0 {
        save_ancestors(parent, gp);
    }
}

/// Go: `saveAncestors`.
#[cold]
#[inline(never)]
fn save_ancestors(parent: &'static G, gp: &'static G) {
    if parent.kind.get() == Kind::G0 {
        return;
    }
    let mut ancestors = vec![Ancestor {
        goid: parent.id(),
        pcs: super::traceback::here().pcs,
        gopc: parent.gopc.load(Ordering::Relaxed),
        location: parent.location(),
    }];
    // SAFETY: as in `inherit`.
    let older = unsafe { extras::get(parent) }.and_then(|e| e.shown.ancestors.clone());
    ancestors.extend(older.iter().flat_map(|older| older.iter().cloned()));
    ancestors.truncate(SCHED.ancestors.load(Ordering::Relaxed) as usize);
    // SAFETY: as in `inherit`.
    unsafe { extras::of(gp) }.shown.ancestors = Some(ancestors.into());
}

/// Applies what the maker has asked for.
pub(crate) fn specify(gp: &'static G, spec: &Spec) {
    if let Some(size) = spec.stack_size {
        let order = crate::stack::order_for(size).unwrap_or(crate::stack::ORDERS as u8 - 1);
        gp.order.set(order);
    }
    if let Some(name) = &spec.name {
        // SAFETY: not published yet.
        unsafe { extras::of(gp) }.shown.name = Some(name.clone());
    }
    if spec.system {
        gp.kind.set(Kind::System);
    }
}

/// The closure is in its place: queues it.
fn launch(mp: Option<&'static M>, gp: &'static G) {
    let user = gp.kind.get() == Kind::User;
    match mp.and_then(M::p) {
        Some(pp) => {
            if user {
                pp.count_created();
            }
            gp.status.revive();
            wake::put_next(pp, entry::pack(gp));
        }
        None => {
            if user {
                SCHED.created.fetch_add(1, Ordering::Relaxed);
            }
            gp.status.revive();
            wake::put_global(entry::pack(gp));
        }
    }
}

/// Whether a value lies in the slot itself.
pub(crate) const fn fits<T>() -> bool {
    size_of::<T>() <= SLOT_WORDS * 8 && align_of::<T>() <= 8
}

/// Puts a value into the slot.
///
/// # Safety
/// The slot is the caller's and empty.
#[inline]
pub(crate) unsafe fn slot_write<T>(gp: &'static G, value: T) {
    // SAFETY: the slot has the size and alignment that `fits` compares with; a box always fits.
    unsafe {
        if fits::<T>() {
            gp.slot().cast::<T>().write(value);
        } else {
            gp.slot().cast::<*mut T>().write(Box::into_raw(Box::new(value)));
        }
    }
}

/// Takes the value out of the slot.
///
/// # Safety
/// A `T` was put there by [`slot_write`], and the slot is the caller's.
#[inline]
pub(crate) unsafe fn slot_read<T>(gp: &'static G) -> T {
    // SAFETY: as in `slot_write`.
    unsafe {
        if fits::<T>() {
            gp.slot().cast::<T>().read()
        } else {
            *Box::from_raw(gp.slot().cast::<*mut T>().read())
        }
    }
}

/// The end of the user's part of a goroutine: its locals and name are dropped. Gives the last panic of a
/// destructor.
#[inline]
pub(crate) fn end_user(gp: &'static G) -> Option<Box<dyn Any + Send>> {
    if gp.extras().is_null() { None } else { drop_extras(gp) }
}

/// The goroutine has run all that was the user's. From here on it is in the runtime, and is not counted any
/// more.
#[inline]
pub(crate) fn end(gp: &'static G) -> &'static M {
    let mp = current::own_m();
    section::back_in(mp);
    if gp.kind.get() == Kind::User {
        match mp.p() {
            Some(pp) => pp.count_finished(),
            None => {
                // Release: pairs with the Acquire in `num_goroutine`.
                SCHED.finished.fetch_add(1, Ordering::Release);
            }
        }
    }
    mp
}

/// Drops a goroutine's extras, locals first: their destructors may set other locals, which are dropped
/// the same way, but not those that are gone. Gives the last panic of a destructor.
pub(crate) fn drop_extras(gp: &'static G) -> Option<Box<dyn Any + Send>> {
    let mut panic = None;
    // SAFETY: the goroutine (or plain thread) runs this itself, and the reference ends before user code
    // runs.
    while let Some(extras) = unsafe { extras::get(gp) } {
        let locals = std::mem::take(&mut extras.locals);
        if locals.is_empty() {
            break;
        }
        extras.gone.extend(locals.iter().map(|(key, _)| *key));
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(locals))) {
            panic = Some(payload);
        }
    }
    // SAFETY: as above.
    drop(unsafe { extras::take(gp) });
    panic
}

/// The entry of a `go!` goroutine.
///
/// # Safety
/// The slot holds an `F`, and this is the goroutine itself.
unsafe fn go_entry<F: FnOnce() -> T, T>(gp: &'static G) {
    let run = || {
        // SAFETY: the caller's word.
        let f = unsafe { slot_read::<F>(gp) };
        drop(f());
    };
    if let Err(payload) = catch_unwind(AssertUnwindSafe(run)) {
        panic::at_boundary(gp, payload);
    }
    if let Some(payload) = end_user(gp) {
        panic::at_boundary(gp, payload);
    }
    end(gp);
    gp.join.store(join::RELEASED | join::DONE, Ordering::Relaxed);
}

/// Starts `f` as a goroutine that nobody joins.
#[inline]
#[track_caller]
pub(crate) fn newproc<F, T>(pc: usize, location: &'static Location<'static>, spec: Option<&Spec>, f: F)
where
    F: FnOnce() -> T + Send + 'static,
{
    let birth = Birth::new(pc, location, join::RELEASED);
    if let Some(spec) = spec {
        specify(birth.gp(), spec);
    }
    birth.launch(f, go_entry::<F, T>);
}

/// Tells the joiner that the result is in the slot. Returns false when nobody will ask for it: the
/// result is then the caller's to drop.
#[must_use]
pub(crate) fn publish_result(mp: &'static M, gp: &'static G) -> bool {
    // Release: the result is written. Acquire: `joiner`, if WAITING says that it is.
    let before = gp.join.fetch_or(join::DONE, Ordering::AcqRel);
    if before & join::WAITING != 0 {
        let joiner = gp.joiner.take().expect("WAITING is set after the joiner");
        park::goready_on(mp, joiner);
    }
    before & join::RELEASED == 0
}

/// An address in the calling function: in debug builds too, as this is always inlined there.
///
/// Go: `getcallerpc`.
#[inline(always)]
pub(crate) fn getcallerpc() -> usize {
    let pc: usize;
    // SAFETY: reads the program counter.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        core::arch::asm!("lea {}, [rip]", out(reg) pc, options(nomem, nostack, preserves_flags));
        #[cfg(target_arch = "aarch64")]
        core::arch::asm!("adr {}, .", out(reg) pc, options(nomem, nostack, preserves_flags));
    }
    pc
}
