//! Plain threads in gort: the pseudo goroutine under which a thread that is not the runtime's waits,
//! so that every primitive knows one kind of waiter.
//!
//! It sleeps on its descriptor's [`Wakeup`](crate::g::wakeup::Wakeup).

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use super::park::join_wait;
use super::{SCHED, current, deadlock};
use crate::g::{After, G, Kind, slab};
use crate::sys::clock::NEVER;
use crate::tls;

/// Descriptors whose thread is gone.
static FREE: Mutex<Vec<&'static G>> = Mutex::new(Vec::new());

/// Gives the descriptor back when the thread ends. std's destructor is all that this is for: the
/// descriptor is found through the runtime's own accessor.
struct AtExit(Cell<Option<&'static G>>);

impl Drop for AtExit {
    fn drop(&mut self) {
        if let Some(gp) = self.0.take() {
            // With the descriptor in place: destructors may use other locals.
            let panic = super::newproc::drop_extras(gp);
            if panic.is_some() {
                crate::sys::throw("a goroutine-local's destructor panicked at the end of a thread");
            }
            tls::set::<{ tls::THREAD }>(0);
            FREE.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(gp);
        }
    }
}

thread_local! {
    static AT_EXIT: AtExit = const { AtExit(Cell::new(None)) };
}

/// The pseudo goroutine of this plain thread.
#[track_caller]
pub(crate) fn pseudo_g() -> &'static G {
    let gp = tls::get::<{ tls::THREAD }>() as *const G;
    // SAFETY: zero or a descriptor, which is never freed.
    match unsafe { gp.as_ref() } {
        Some(gp) => gp,
        None => new_pseudo_g(),
    }
}

/// A random number below `n` for a plain thread: its descriptor's address and the clock are the seed.
pub(crate) fn random_below(n: u32) -> u32 {
    let seed = crate::sys::clock::nanotime() ^ (std::ptr::from_ref(pseudo_g()) as u64);
    let rand = crate::rand::Rand::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    rand.below(n)
}

#[cold]
#[track_caller]
fn new_pseudo_g() -> &'static G {
    current::require_runtime();
    let free = FREE.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
    let gp = free.unwrap_or_else(|| slab::single(Kind::Thread));
    gp.goid.store(SCHED.goidgen.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    gp.futex.clear();
    gp.token.store(0, Ordering::Relaxed);
    tls::set::<{ tls::THREAD }>(std::ptr::from_ref(gp) as usize);
    // In a thread-local destructor that runs after ours the descriptor is simply kept.
    let _ = AT_EXIT.try_with(|a| a.0.set(Some(gp)));
    gp
}

/// Runs the after-switch action of a thread and sleeps until woken or until `deadline`, which is for
/// [`After::Commit`] only. False when the time came.
pub(crate) fn wait(after: After, deadline: u64) -> bool {
    let gp = pseudo_g();
    let parked = match after {
        After::Unlock(lock) => {
            // SAFETY: as in `switch::complete`; from here on the waker may come.
            unsafe { (*lock).unlock() };
            true
        }
        After::UnlockBiased(lock) => {
            // SAFETY: as above.
            unsafe { (*lock).unlock(current::slot()) };
            true
        }
        After::Commit | After::CommitOne(_) => gp.commit.commit(),
        After::JoinOn(target) => join_wait(target),
        After::Nothing | After::Requeue | After::Dead => unreachable!("not a way to wait"),
    };
    if !parked {
        return true;
    }
    if deadline == NEVER {
        let counted = SCHED.locked(|s| {
            // Under the lock, as in `wake`: one who is woken already does not wait.
            let waits = !gp.futex.is_set();
            if waits {
                s.sleeps += 1;
                s.waiting_threads += 1;
                gp.lockedm.store(1, Ordering::Relaxed);
            }
            waits
        });
        if counted {
            deadlock::check();
        }
    }
    gp.futex.sleep(deadline, || gp.commit.abandon())
}

/// Wakes a plain thread that waits. It is counted out with the same breath (`lockedm` says whether it is
/// counted): a look for deadlocks must not take one that is about to go on for one that waits.
pub(crate) fn wake(gp: &'static G) {
    SCHED.locked(|s| {
        gp.futex.set();
        if gp.lockedm.swap(0, Ordering::Relaxed) != 0 {
            s.waiting_threads -= 1;
        }
    });
    gp.futex.ring();
}
