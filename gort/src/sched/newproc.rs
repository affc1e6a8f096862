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
use std::mem::MaybeUninit;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::current;
use super::m::M;
use super::p::P;
use super::section;
use super::{SCHED, boundary, last_words, panic, park, stock, wake};
use crate::g::extras::Ancestor;
use crate::g::status::Status;
use crate::g::{G, Kind, SLOT_WORDS, entry, extras, join};

#[cold]
fn out_of_memory(e: &io::Error) -> ! {
    let details = format!("runtime: out of memory: cannot allocate goroutine descriptors: {e}\n");
    last_words::fail(&details, "out of memory")
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

/// Who makes a goroutine: the address of its M, 0 on a plain thread, and marks beside it. One word, so that a
/// [`Birth`] is returned in registers. Its end is the section's.
struct Maker(usize);

impl Maker {
    /// The M was in the runtime before.
    const NESTED: usize = 1;
    /// What is rare is to be looked at when it is published.
    const SLOW: usize = 2;

    #[inline(always)]
    fn quick(mp: &'static M) -> Self {
        Self(std::ptr::from_ref(mp) as usize)
    }

    /// The M of who has entered the runtime to make it, and its P, unless there is something rare about it.
    #[inline(always)]
    fn if_quick(&self) -> Option<(&'static M, &'static P)> {
        if self.0 & Self::SLOW != 0 {
            return None;
        }
        // SAFETY: the address of an M, which had a P then, and has it still: it has been in the runtime since.
        unsafe {
            let mp = &*(self.0 as *const M);
            Some((mp, mp.p().unwrap_unchecked()))
        }
    }

    #[inline(always)]
    fn m(&self) -> Option<&'static M> {
        // SAFETY: none or an M, and Ms are never freed.
        unsafe { ((self.0 & !(Self::NESTED | Self::SLOW)) as *const M).as_ref() }
    }
}

impl Drop for Maker {
    #[inline(always)]
    fn drop(&mut self) {
        if self.0 & Self::NESTED == 0
            && let Some(mp) = self.m()
        {
            mp.claim.exit();
        }
    }
}

/// A goroutine that is being made: its descriptor is nobody else's yet, and its maker is in the runtime.
/// Nothing of the user's runs meanwhile.
pub(crate) struct Birth {
    gp: &'static G,
    maker: Maker,
}

impl Birth {
    /// A descriptor with everything but its closure. `join` are its first [`join`] bits.
    ///
    /// Go: `newproc1`.
    ///
    /// # Panics
    /// When no runtime runs.
    #[inline(never)]
    #[track_caller]
    pub(crate) fn new(pc: usize, location: &'static Location<'static>, join: u32) -> Self {
        match Self::at_hand(pc, location, join) {
            Some(birth) => birth,
            None => Self::new_slow(pc, location, join),
        }
    }

    /// The short way, which nothing stands in: one that calls nothing and saves no registers.
    #[inline(always)]
    fn at_hand(pc: usize, location: &'static Location<'static>, join: u32) -> Option<Self> {
        let mp = current::m()?;
        if mp.claim.entered() {
            return None;
        }
        let parent = mp.curg.get();
        if mp.claim.enter()
            && let Some(pp) = mp.p()
            // With ancestors there is never one at hand.
            && parent.extras().is_null()
            && let Some((gp, goid)) = pp.stock.at_hand()
        {
            new_g(gp, goid, Some(parent), pc, location, join);
            return Some(Self { gp, maker: Maker::quick(mp) });
        }
        mp.claim.exit();
        None
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn new_slow(pc: usize, location: &'static Location<'static>, join: u32) -> Self {
        match Self::try_new(pc, location, join) {
            Ok(birth) => birth,
            Err(e) => out_of_memory(&e),
        }
    }

    /// [`Birth::new`] for who can tell of failure.
    ///
    /// # Errors
    /// The kernel's, when there is no memory.
    #[inline(never)]
    #[track_caller]
    pub(crate) fn try_new(pc: usize, location: &'static Location<'static>, join: u32) -> io::Result<Self> {
        let Some(mp) = current::m() else {
            current::require_runtime();
            let gp = stock::get_one()?;
            new_g(gp, SCHED.goidgen.fetch_add(1, Ordering::Relaxed), None, pc, location, join);
            return Ok(Self { gp, maker: Maker(Maker::SLOW) });
        };
        let nested = mp.claim.entered();
        if !nested {
            section::back_in(mp);
        }
        let nested = if nested { Maker::NESTED } else { 0 };
        let maker = Maker(std::ptr::from_ref(mp) as usize | Maker::SLOW | nested);
        let parent = mp.curg.get();
        let (gp, goid) = mp.stock().get()?;
        new_g(gp, goid, Some(parent), pc, location, join);
        if inherits(parent) {
            inherit(parent, gp);
        }
        Ok(Self { gp, maker })
    }

    #[inline]
    pub(crate) fn gp(&self) -> &'static G {
        self.gp
    }

    /// The M that makes it; none on a plain thread.
    #[inline]
    pub(crate) fn m(&self) -> Option<&'static M> {
        self.maker.m()
    }

    /// Publishes it: from here on it runs, by `entry`, which takes `value` out of the slot.
    #[inline]
    pub(crate) fn launch<V>(self, value: V, entry: unsafe extern "C" fn(&'static G)) {
        // SAFETY: not published yet: the slot is ours and empty.
        unsafe { slot_write(self.gp, value) };
        self.gp.entry.set(entry);
        self.publish();
    }

    /// The closure is in its place: queues it.
    #[inline(never)]
    fn publish(self) {
        let gp = self.gp;
        if let Some((mp, pp)) = self.maker.if_quick()
            && wake::put_next_lightly(pp, || {
                pp.count_created();
                entry::pack_tag(gp, gp.status.revive())
            })
        {
            mp.claim.exit();
            return std::mem::forget(self.maker);
        }
        self.publish_slow();
    }

    #[cold]
    #[inline(never)]
    fn publish_slow(self) {
        let gp = self.gp;
        let user = gp.kind.get() == Kind::User;
        match self.m().and_then(M::p) {
            Some(pp) => {
                if user {
                    pp.count_created();
                }
                let tag = gp.status.revive();
                wake::put_next(pp, entry::pack_tag(gp, tag));
            }
            None => {
                if user {
                    SCHED.created.fetch_add(1, Ordering::Relaxed);
                }
                let tag = gp.status.revive();
                wake::put_global(entry::pack_tag(gp, tag));
            }
        }
    }

    /// Gives it up before anybody knew of it.
    pub(crate) fn abandon(self) {
        // SAFETY: never published.
        drop(unsafe { extras::take(self.gp) });
        gfput(self.m(), self.gp);
    }
}

#[inline(always)]
fn new_g(
    gp: &'static G,
    goid: u64,
    parent: Option<&'static G>,
    pc: usize,
    location: &'static Location<'static>,
    join: u32,
) {
    gp.kind.set(Kind::User);
    gp.order.set(SCHED.stack_order.load(Ordering::Relaxed) as u8);
    gp.goexiting.set(false);
    gp.goid.store(goid, Ordering::Relaxed);
    gp.gopc.store(pc, Ordering::Relaxed);
    gp.set_location(location);
    gp.join.store(join, Ordering::Relaxed);
    // Its park token is of this life.
    gp.token.store(0, Ordering::Relaxed);
    gp.parent.store(parent.map_or(0, G::id), Ordering::Relaxed);
}

/// Whether a goroutine has something of its maker.
fn inherits(parent: &'static G) -> bool {
    !parent.extras().is_null() || SCHED.ancestors.load(Ordering::Relaxed) > 0
}

/// What a goroutine has of its maker: labels, and with `tracebackancestors` the ancestors.
#[inline(never)]
fn inherit(parent: &'static G, gp: &'static G) {
    // SAFETY: the parent is the caller, the child is not published yet.
    let labels = unsafe { extras::get(parent) }.and_then(|e| e.shown.labels.clone());
    if labels.is_some() {
        // SAFETY: as above.
        unsafe { extras::of(gp) }.shown.labels = labels;
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
pub(crate) fn specify(birth: &mut Birth, spec: &Spec) {
    let gp = birth.gp();
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
        birth.maker.0 |= Maker::SLOW;
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
        if fits::<T>() && size_of::<T>() <= 16 {
            // By words, as it was written: one load of both would wait until they have reached the cache.
            let words = gp.slot().cast::<MaybeUninit<u64>>();
            let words = [words.read_volatile(), words.add(1).read_volatile()];
            std::mem::transmute_copy(&words)
        } else if fits::<T>() {
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
    if mp.claim.enter()
        && let Some(pp) = mp.p()
    {
        if gp.kind.get() == Kind::User {
            pp.count_finished();
        }
        return mp;
    }
    end_slow(gp)
}

#[cold]
#[inline(never)]
fn end_slow(gp: &'static G) -> &'static M {
    let mp = current::own_m();
    let pp = section::back_in(mp);
    if gp.kind.get() == Kind::User {
        match pp {
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
    let mut panic_so_far = None;
    // SAFETY: the goroutine (or plain thread) runs this itself, and the reference ends before user code
    // runs.
    while let Some(extras) = unsafe { extras::get(gp) } {
        let locals = std::mem::take(&mut extras.locals);
        if locals.is_empty() {
            break;
        }
        extras.gone.extend(locals.iter().map(|(key, _)| *key));
        if let Err(payload) = boundary::catch(|| drop(locals)) {
            // One that a destructor has ended by goexit raises that again when it is dropped.
            panic::drop_quietly(panic_so_far.replace(payload));
        }
    }
    // SAFETY: as above.
    let taken = unsafe { extras::take(gp) };
    if panic_so_far.is_some()
        && let Some(taken) = taken
    {
        // For the report.
        // SAFETY: as above.
        unsafe { extras::of(gp) }.panics = taken.panics;
    }
    panic_so_far
}

/// The entry of a `go!` goroutine.
///
/// # Safety
/// The slot holds an `F`, and this is the goroutine itself.
unsafe extern "C" fn go_entry<F: FnOnce() -> T, T>(gp: &'static G) {
    let run = || {
        // SAFETY: the caller's word.
        let f = unsafe { slot_read::<F>(gp) };
        drop(f());
    };
    if let Err(payload) = boundary::catch(run) {
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
    let mut birth = Birth::new(pc, location, join::RELEASED);
    if let Some(spec) = spec {
        specify(&mut birth, spec);
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
