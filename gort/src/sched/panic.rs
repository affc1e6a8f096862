//! Panics at the bottom of a goroutine, and `goexit`, which unwinds like one.
//!
//! At the boundary, after unwinding, the frames are gone. Return addresses are kept by the hook, chained in front of
//! whatever hook was there at boot, and by [`super::boundary`], which sees what no hook has: a panic when the program has
//! set another hook since, and `resume_unwind`. What the hook has is preferred, if it is of the same panic: it is nearer
//! to where that began.
//!
//! Go: panic.go `gopanic`, `fatalpanic`, `Goexit`.

use std::any::Any;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use super::debugvars::{TracebackLevel, traceback_level};
use super::traceback::Trace;
use super::{SCHED, current, quit, traceback};
use crate::g::{G, Kind, extras};
use crate::sys::signal::{self, Action};
use crate::sys::write_stderr;

/// What `goexit` unwinds with. Whoever catches and drops it outside of unwinding raises it again: the
/// goroutine is over.
pub(crate) struct GoexitPayload;

impl Drop for GoexitPayload {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            raise();
        }
    }
}

fn raise() -> ! {
    panic::resume_unwind(Box::new(GoexitPayload))
}

/// Ends the running goroutine after running its destructors.
#[track_caller]
pub(crate) fn goexit() -> ! {
    let Some(gp) = current::goroutine() else {
        panic!("gort: goexit called on a thread that is not a goroutine");
    };
    if cfg!(panic = "abort") {
        panic!("gort: goexit needs panic = \"unwind\": it runs the goroutine's destructors by unwinding");
    }
    gp.goexiting.set(true);
    raise()
}

/// Whether this is what `goexit` unwinds with; it is disarmed then.
pub(crate) fn is_goexit(payload: Box<dyn Any + Send>) -> Result<(), Box<dyn Any + Send>> {
    payload.downcast::<GoexitPayload>().map(|p| std::mem::forget(*p))
}

/// Drops something of the user's that nobody asks for any more, in a goroutine that is over anyway. If its destructor
/// panics, what it panics with is leaked: that may panic in turn.
pub(crate) fn drop_quietly<T>(value: T) {
    if let Err(payload) = panic::catch_unwind(panic::AssertUnwindSafe(|| drop(value))) {
        std::mem::forget(payload);
    }
}

/// A payload has reached the bottom of a goroutine that nobody joins.
pub(crate) fn at_boundary(gp: &'static G, payload: Box<dyn Any + Send>) {
    if let Err(payload) = is_goexit(payload) {
        die(gp, payload, 2);
    }
}

/// Ends the process because of an unrecovered panic, whose message the hook has printed: the
/// goroutine's frames, and where it was made.
#[cold]
pub(crate) fn die(gp: &'static G, payload: Box<dyn Any + Send>, status: i32) -> ! {
    // SAFETY: the goroutine runs this itself.
    let panics = unsafe { extras::get(gp) }.map(|e| std::mem::take(&mut e.panics)).unwrap_or_default();
    let (pcs, elided) = match panics.hooked {
        // It may have been raised again since, or on the system stack at first.
        Some((what, pcs)) if what == of_what(&*payload) => pcs,
        _ => panics.raised,
    };
    // Its destructor may panic.
    std::mem::forget(payload);
    report(gp, Trace { pcs, elided }, status)
}

fn report(gp: &'static G, trace: Trace, status: i32) -> ! {
    // One at a time; the first ends the process.
    static DYING: Mutex<()> = Mutex::new(());
    let _dying = DYING.lock();
    // Of the main goroutine plain Rust tells no more than the message, unless asked.
    let enough = if gp.id() == 1 { TracebackLevel::Single } else { TracebackLevel::None };
    if traceback_level() > enough {
        write_stderr(format!("\n{}", traceback::own(gp, trace)).as_bytes());
        if traceback_level() >= TracebackLevel::All {
            for other in traceback::last_words(Some(gp)) {
                write_stderr(format!("\n{other}").as_bytes());
            }
        }
    }
    quit::abort_if_asked();
    std::process::exit(status)
}

/// Chains the hook. Go: `tracebackinit`, as far as it has a counterpart.
pub(crate) fn install_hook() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let trace = frames_to_keep();
        if let Some((gp, Trace { pcs, elided })) = trace {
            // SAFETY: the goroutine runs this itself, and no user code runs while the reference lives.
            unsafe { extras::of(gp) }.panics.hooked = Some((of_what(info.payload()), (pcs, elided)));
        }
        previous(info);
        // No boundary will be reached. The main goroutine's panic does what it does in any program.
        if cfg!(panic = "abort")
            && let Some(gp) = traceback::caller()
            && gp.id() != 1
        {
            report(gp, traceback::here(), 2);
        }
    }));
    if cfg!(panic = "abort") && Action::current(libc::SIGABRT).is_some_and(|now| !now.is_handler()) {
        signal::install_on_own_stack(libc::SIGABRT, on_abort);
    }
}

/// What a panic is, as far as a panic hook sees it: the type of what it was raised with, and the message.
fn of_what(payload: &(dyn Any + Send)) -> u64 {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let mut hasher = DefaultHasher::new();
    (payload.type_id(), text).hash(&mut hasher);
    hasher.finish()
}

fn frames_to_keep() -> Option<(&'static G, Trace)> {
    let gp = traceback::caller()?;
    if gp.kind.get() != Kind::User || traceback_level() == TracebackLevel::None {
        return None;
    }
    Some((gp, traceback::here()))
}

/// Nobody in the goroutine catches what was just raised, whose frames are still there. See [`super::boundary`].
pub(super) fn raised() {
    // What `goexit` raises is reported by nobody.
    if let Some(gp) = traceback::caller()
        && !gp.goexiting.get()
        && let Some((gp, Trace { pcs, elided })) = frames_to_keep()
    {
        // SAFETY: as in `install_hook`.
        unsafe { extras::of(gp) }.panics.raised = (pcs, elided);
    }
}

/// With `panic = "abort"`, when another hook has taken the place of ours: std aborts by a call on the thread that
/// panics, which holds no more than it does in a hook. So this may do what a hook may. A hook that aborts by itself has
/// its way.
extern "C" fn on_abort(signal: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    if std::thread::panicking()
        && let Some(gp) = traceback::caller()
        && gp.id() != 1
        && let Some(trace) = traceback::outside_of_abort(traceback::here(), "on_abort")
    {
        report(gp, trace, 2);
    }
    signal::default(signal);
    signal::raise(signal);
}

/// The main goroutine has ended by goexit: the others go on.
pub(crate) fn main_exited() {
    SCHED.main_exited.store(true, Ordering::Relaxed);
}
