//! The token of `park` and `unpark`, which every goroutine and plain thread has.
//!
//! Three states: EMPTY, NOTIFIED (the next park returns at once) and WAITING. An unpark that finds WAITING
//! wakes the wait whose number stands beside the token; a number that is over wakes nobody.
//!
//! std: `std::thread::park`.

use crate::g::G;
use crate::g::commit::Seq;
use crate::g::wait_reason::WaitReason;
use crate::primitive::Ordering;
use crate::sched::{current, park};

const EMPTY: u32 = 0;
const NOTIFIED: u32 = 1;
const WAITING: u32 = 2;

/// Parks the caller until its token is set, at most until `deadline`, and takes the token. It may return without.
#[track_caller]
pub(crate) fn park_until(deadline: u64) {
    park::check_preempt();
    let gp = current::g();
    // Acquire here and below: pairs with the Release in `unpark`.
    if gp.token.compare_exchange(NOTIFIED, EMPTY, Ordering::Acquire, Ordering::Relaxed).is_ok() {
        return;
    }
    park::park_commit(deadline, WaitReason::Park, |gp, seq| {
        gp.token_seq.store(seq.0, Ordering::Relaxed);
        // Release: pairs with the Acquire in `unpark`.
        gp.token.compare_exchange(EMPTY, WAITING, Ordering::Release, Ordering::Relaxed).is_ok()
    });
    gp.token.swap(EMPTY, Ordering::Acquire);
}

/// Sets the token of `gp`, and wakes it if it waits for that.
pub(crate) fn unpark(gp: &'static G) {
    // Release: what was done before is seen after the park. Acquire: the number of the wait.
    if gp.token.swap(NOTIFIED, Ordering::AcqRel) == WAITING {
        park::notify(gp, Seq(gp.token_seq.load(Ordering::Relaxed)));
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::primitive::Arc;
    use crate::sched::{Guarded, check, time_comes, waiters_are_threads};
    use crate::sys::clock::{NEVER, SOON};
    use loom::thread;

    /// `park_timeout` against `unpark`, then a park without a time-out: the token is not lost, and what came
    /// before it is seen.
    fn race(threads: bool, unparks: u32) {
        check(3, move || {
            if threads {
                waiters_are_threads();
            }
            let gp = current::g();
            let done_before = Arc::new(Guarded::new());
            let waker = thread::spawn({
                let done_before = done_before.clone();
                move || {
                    done_before.add();
                    (0..unparks).for_each(|_| unpark(gp));
                }
            });
            let time = thread::spawn(time_comes);
            park_until(SOON);
            if crate::sys::clock::nanotime() < SOON {
                assert_eq!(done_before.get(), 1, "it was unparked, and the token is taken");
            } else if gp.token.load(Ordering::Relaxed) == NOTIFIED {
                park_until(NEVER);
            }
            waker.join().unwrap();
            time.join().unwrap();
        });
    }

    #[test]
    fn timeout_against_unpark() {
        race(false, 1);
    }

    #[test]
    fn timeout_against_two_unparks() {
        race(false, 2);
    }

    #[test]
    fn timeout_of_a_thread_against_unpark() {
        race(true, 1);
    }

    #[test]
    fn timeout_of_a_thread_against_two_unparks() {
        race(true, 2);
    }

    /// Each park without a time-out needs its unpark, and gets it.
    #[test]
    fn every_unpark_ends_a_park() {
        for threads in [false, true] {
            check(3, move || {
                if threads {
                    waiters_are_threads();
                }
                let gp = current::g();
                let waker = thread::spawn(move || unpark(gp));
                park_until(NEVER);
                waker.join().unwrap();
                let waker = thread::spawn(move || unpark(gp));
                park_until(NEVER);
                waker.join().unwrap();
            });
        }
    }
}
