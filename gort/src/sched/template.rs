//! The template thread: a thread in a known-good state that starts others in the place of threads that are locked to a
//! goroutine, whose own state (namespaces, priority, …) is not to be inherited.
//!
//! Go: proc.go `startTemplateThread`, `templateThread`.

use std::sync::Mutex;

use super::m::{M, StartFn};
use super::newm::{newm, start_thread};
use super::{SCHED, deadlock};
use crate::note::Note;

static WORK: Mutex<Vec<&'static M>> = Mutex::new(Vec::new());
static NOTE: Note = Note::new();

fn work() -> std::sync::MutexGuard<'static, Vec<&'static M>> {
    // Nothing that panics runs under the lock.
    WORK.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Starts it; called before a goroutine is first locked to its M.
pub(crate) fn start() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        SCHED.locked(|s| s.system_ms += 1);
        newm(StartFn::TemplateThread, None, false);
    });
}

/// Has it start the thread of `mp`.
pub(super) fn ask(mp: &'static M) {
    work().push(mp);
    NOTE.wakeup();
}

/// Its loop.
pub(super) fn run() -> ! {
    loop {
        NOTE.sleep();
        NOTE.clear();
        let ms = std::mem::take(&mut *work());
        for mp in ms {
            start_thread(mp);
        }
        deadlock::check();
    }
}
