//! What runs at the bottom of a goroutine with a handle, and where its result goes.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::g::G;
use crate::sched::m::M;
use crate::sched::newproc::{end, end_user, publish_result, slot_read, slot_write};
use crate::sched::{boundary, current, panic, section};

pub(super) type Payload = Box<dyn Any + Send>;

/// Runs `f`, and turns what it unwinds with into an error.
fn run_caught<T>(f: impl FnOnce() -> T) -> Result<T, Payload> {
    catch_unwind(AssertUnwindSafe(f))
        .map_err(|payload| panic::is_goexit(payload).map_or_else(|payload| payload, |()| ended_by_goexit()))
}

fn ended_by_goexit() -> Payload {
    Box::new("gort: the goroutine was ended by goexit")
}

/// What happens when a goroutine is over and its result is out of its hands: a scope counts it out.
pub(crate) trait Finish {
    /// `panicked`: it has, and nobody will ask for its result.
    fn finish(self, panicked: bool);
}

impl Finish for () {
    fn finish(self, _: bool) {}
}

/// The goroutine's locals are dropped, its result lies in the slot. A destructor that panics: that is the result, unless
/// it is an error already. What gives way is dropped, and so is what its destructor leaves. Gives whether the result is an
/// error.
///
/// # Safety
/// The slot holds a `Result<T, Payload>` that is the caller's.
#[cold]
#[inline(never)]
unsafe fn drop_locals<T>(gp: &'static G) -> bool {
    let payload = end_user(gp);
    // SAFETY: the caller's word.
    let mut result = unsafe { slot_read::<Result<T, Payload>>(gp) };
    if let Some(payload) = payload {
        let error = panic::is_goexit(payload).map_or_else(|payload| payload, |()| ended_by_goexit());
        let lost = if result.is_ok() { std::mem::replace(&mut result, Err(error)) } else { Err(error) };
        panic::drop_quietly(lost);
        if let Some(payload) = end_user(gp) {
            panic::drop_quietly(payload);
        }
    }
    let is_error = result.is_err();
    // SAFETY: as it was read above.
    unsafe { slot_write(gp, result) };
    is_error
}

/// Drops the result of a goroutine whose handle is gone. The goroutine comes back into the runtime, perhaps elsewhere.
///
/// # Safety
/// The slot holds a `Result<T, Payload>` that is the caller's.
#[cold]
#[inline(never)]
unsafe fn drop_result<T>(gp: &'static G, mp: &'static M) {
    // SAFETY: the caller's word.
    let result = unsafe { slot_read::<Result<T, Payload>>(gp) };
    mp.claim.exit();
    if let Err(payload) = boundary::catch(|| drop(result)) {
        panic::at_boundary(gp, payload);
    }
    // The destructor may have set locals, which are not the next goroutine's in this descriptor.
    if let Some(payload) = end_user(gp) {
        panic::at_boundary(gp, payload);
    }
    // It may have moved the goroutine, too.
    section::back_in(current::own_m());
}

/// The entry of a goroutine with a handle. Whatever unwinds in it is caught in it: below it may stand the goroutine
/// that waits for this one.
///
/// # Safety
/// The slot holds an `(F, D)`, and this is the goroutine itself.
pub(super) unsafe extern "C" fn entry<F: FnOnce() -> T, T, D: Finish>(gp: &'static G) {
    // SAFETY: the caller's word.
    let (f, done) = unsafe { slot_read::<(F, D)>(gp) };
    let result = run_caught(f);
    let mut is_error = result.is_err();
    // Right here: nothing has to be kept while the rest is done.
    // SAFETY: the closure has left the slot.
    unsafe { slot_write::<Result<T, Payload>>(gp, result) };
    if !gp.extras().is_null() {
        // SAFETY: written above, and ours until it is published.
        is_error = unsafe { drop_locals::<T>(gp) };
    }
    // The end by goexit is no panic.
    let panicked = is_error && !gp.goexiting.get();
    let mp = end(gp);
    // Its joiner stands below it on this very stack, or is told.
    if gp.is_guest() || publish_result(mp, gp) {
        return done.finish(false);
    }
    // SAFETY: the handle was gone before the result came: it is ours.
    unsafe { drop_result::<T>(gp, mp) };
    done.finish(panicked);
}
