//! Who may wait in one direction of a socket: one at a time. Others wait for the seat, in order.
//!
//! The seat is held for a whole operation, so that its holder alone decides from what it has seen of the socket
//! whether it must try again before it waits.
//!
//! 0 free, 1 held, 2 held and somebody may wait. As in Go a newcomer may be faster than who was woken.
//!
//! Go: internal/poll/fd_mutex.go `rwlock`, `rwunlock`.

use crate::g::wait_reason::WaitReason;
use crate::primitive::{AtomicU32, Ordering};
use crate::wait::Monitor;

const FREE: u32 = 0;
const HELD: u32 = 1;
const WAITED_FOR: u32 = 2;

/// See the module.
pub(super) struct Seat {
    state: AtomicU32,
    /// How often waiters were told to look again.
    waiters: Monitor<u32>,
}

/// The holder.
pub(super) struct Seated<'a>(&'a Seat);

impl Seat {
    pub(super) fn new() -> Self {
        Self { state: AtomicU32::new(FREE), waiters: Monitor::new(0) }
    }

    /// Takes the seat if it is free.
    #[inline]
    pub(super) fn try_take(&self) -> Option<Seated<'_>> {
        // Acquire: pairs with the Release in `drop`; what the last holder has seen is ours to know.
        let taken = self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed);
        taken.is_ok().then(|| Seated(self))
    }

    /// What [`Seat::wait`] wants to know: read before the deadline.
    pub(super) fn looks(&self) -> u32 {
        self.waiters.with(|looks| *looks)
    }

    /// Waits for the seat until `deadline`. None when the time came, or when [`Seat::look_again`] was called
    /// after `looks` was read: the caller looks at its deadline and comes again.
    #[cold]
    pub(super) fn wait(&self, deadline: u64, looks: u32) -> Option<Seated<'_>> {
        let mut taken = false;
        self.waiters.wait_if_until(deadline, WaitReason::IoWait, |now| {
            taken = self.state.swap(WAITED_FOR, Ordering::Acquire) == FREE;
            !taken && *now == looks
        });
        if !taken {
            // Others may wait beside us: the state says so from now on.
            taken = self.state.swap(WAITED_FOR, Ordering::Acquire) == FREE;
        }
        taken.then(|| Seated(self))
    }

    /// Ends all waits: a deadline was moved, or the socket closed.
    pub(super) fn look_again(&self) {
        self.waiters.wake_all_if(|looks| {
            *looks = looks.wrapping_add(1);
            true
        });
    }
}

impl Drop for Seated<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: pairs with the Acquire of the next holder.
        if self.0.state.swap(FREE, Ordering::Release) == WAITED_FOR {
            self.0.waiters.wake_one_if(|_| true);
        }
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::primitive::Arc;
    use crate::sched::{Guarded, check, time_comes};
    use crate::sys::clock::{NEVER, SOON, nanotime};
    use loom::thread;

    /// The seat, what its holder has, and a word that makes those who wait look again.
    struct Half {
        seat: Seat,
        guarded: Guarded,
        over: AtomicU32,
    }

    impl Half {
        fn new() -> Arc<Self> {
            Arc::new(Self { seat: Seat::new(), guarded: Guarded::new(), over: AtomicU32::new(0) })
        }

        /// As `net::socket` takes it; none when it is over or its time has come.
        fn take(&self, until: u64) -> Option<Seated<'_>> {
            if let Some(seated) = self.seat.try_take() {
                return Some(seated);
            }
            loop {
                let looks = self.seat.looks();
                if self.over.load(Ordering::Relaxed) == 1 {
                    return None;
                }
                if let Some(seated) = self.seat.wait(until, looks) {
                    return Some(seated);
                }
                if until != NEVER && nanotime() >= until {
                    return None;
                }
            }
        }

        fn operate(&self, until: u64) -> bool {
            let seated = self.take(until);
            if seated.is_some() {
                self.guarded.add();
            }
            seated.is_some()
        }
    }

    fn on_thread<R: 'static>(
        half: &Arc<Half>,
        f: impl FnOnce(&Half) -> R + 'static,
    ) -> thread::JoinHandle<R> {
        let half = half.clone();
        thread::spawn(move || f(&half))
    }

    /// Two, and three of which two wait beside each other: each has its turn, and sees what the last has left.
    fn turns(others: u32, preemptions: usize) {
        check(preemptions, move || {
            let half = Half::new();
            let threads: Vec<_> = (0..others).map(|_| on_thread(&half, |half| half.operate(NEVER))).collect();
            assert!(half.operate(NEVER));
            threads.into_iter().for_each(|thread| assert!(thread.join().unwrap()));
            assert!(half.operate(NEVER));
            assert_eq!(half.guarded.get(), others + 2);
        });
    }

    #[test]
    fn two_take_turns() {
        turns(1, 3);
    }

    #[test]
    fn three_take_turns() {
        turns(2, 2);
    }

    /// One whose time comes while it is its turn, and one behind it who waits for good.
    #[test]
    fn a_turn_is_not_lost_with_who_gives_up() {
        check(2, || {
            let half = Half::new();
            let seated = half.seat.try_take().expect("free");
            let gives_up = on_thread(&half, |half| half.operate(SOON));
            let waits = on_thread(&half, |half| half.operate(NEVER));
            let time = thread::spawn(time_comes);
            drop(seated);
            let had = u32::from(gives_up.join().unwrap());
            assert!(waits.join().unwrap());
            time.join().unwrap();
            assert!(half.seat.try_take().is_some(), "free again");
            assert_eq!(half.guarded.get(), had + 1);
        });
    }

    /// The holder stays where it is: a deadline, or a close, ends the wait of the others all the same.
    #[test]
    fn who_waits_looks_again() {
        check(3, || {
            let half = Half::new();
            let seated = half.seat.try_take().expect("free");
            let waits = on_thread(&half, |half| half.operate(NEVER));
            half.over.store(1, Ordering::Relaxed);
            half.seat.look_again();
            assert!(!waits.join().unwrap());
            drop(seated);
            assert!(half.seat.try_take().is_some(), "free again");
        });
    }
}
