//! Panics at the bottom of a goroutine, and `goexit`, which unwinds like one.
//!
//! The hook, chained in front of whatever hook was there at boot, keeps the return addresses of the
//! panicking goroutine: at the boundary, after unwinding, the frames are gone.
//!
//! Go: panic.go `gopanic`, `fatalpanic`, `Goexit`.

use std::any::Any;
use std::panic;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use super::debugvars::{TracebackLevel, traceback_level};
use super::{SCHED, current, quit, traceback};
use crate::g::{G, Kind, extras};
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
    if is_goexit(payload).is_err() {
        die(gp, 2);
    }
}

/// Ends the process because of an unrecovered panic, whose message the hook has printed: the
/// goroutine's frames, and where it was made.
#[cold]
pub(crate) fn die(gp: &'static G, status: i32) -> ! {
    // One at a time; the first ends the process.
    static DYING: Mutex<()> = Mutex::new(());
    let _dying = DYING.lock();
    // Of the main goroutine plain Rust tells no more than the message, unless asked.
    let enough = if gp.id() == 1 { TracebackLevel::Single } else { TracebackLevel::None };
    if traceback_level() > enough {
        // SAFETY: the goroutine runs this itself.
        let (pcs, elided) =
            unsafe { extras::get(gp) }.map(|e| std::mem::take(&mut e.panic_pcs)).unwrap_or_default();
        write_stderr(format!("\n{}", traceback::own(gp, traceback::Trace { pcs, elided })).as_bytes());
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
        keep_frames();
        previous(info);
        // No boundary will be reached. The main goroutine's panic does what it does in any program.
        if cfg!(panic = "abort")
            && let Some(gp) = traceback::caller()
            && gp.id() != 1
        {
            die(gp, 2);
        }
    }));
}

fn keep_frames() {
    let Some(gp) = traceback::caller() else { return };
    if gp.kind.get() != Kind::User || traceback_level() == TracebackLevel::None {
        return;
    }
    let traceback::Trace { pcs, elided } = traceback::here();
    // SAFETY: the goroutine runs this itself, and no user code runs while the reference lives.
    unsafe { extras::of(gp) }.panic_pcs = (pcs, elided);
}

/// The main goroutine has ended by goexit: the others go on.
pub(crate) fn main_exited() {
    SCHED.main_exited.store(true, Ordering::Relaxed);
}
