//! Loom models of one direction of a socket: the loop above, as it is, against all that may end its wait.

use super::super::seat::Seat;
use super::*;
use crate::primitive::{AtomicU32, UnsafeCell};
use crate::sched::{check, current, time_comes};
use crate::sys::clock::SOON;
use loom::sync::Arc;
use loom::thread;

struct Socket {
    /// Type-stable, as in the slab.
    side: &'static Side,
    seat: Seat,
    exhausted: AtomicBool,
    /// What the waiter has set up before it says that it waits. Its waker alone looks at it, and before the waiter
    /// goes on: anything else is a race, which loom reports.
    wait: UnsafeCell<u32>,
    /// What the kernel has, and whether it gets more than once.
    data: AtomicU32,
    twice: bool,
}

// SAFETY: loom checks the accesses to `wait`.
unsafe impl Sync for Socket {}
// SAFETY: as above.
unsafe impl Send for Socket {}

impl Socket {
    fn new() -> Arc<Self> {
        Self::with(false)
    }

    fn with(twice: bool) -> Arc<Self> {
        Arc::new(Self {
            twice,
            side: Box::leak(Box::new(Side::new())),
            seat: Seat::new(),
            exhausted: AtomicBool::new(false),
            wait: UnsafeCell::new(0),
            data: AtomicU32::new(0),
        })
    }

    fn ready(&self, g: Option<usize>) {
        if g.is_some() {
            // SAFETY: the waiter is ours to wake.
            self.wait.with(|wait| assert_eq!(unsafe { *wait }, 1));
        }
        super::ready(g);
    }

    /// The kernel has something more, and says so.
    fn event(&self, hup: bool) {
        self.data.fetch_add(1, Ordering::AcqRel);
        self.ready(self.side.event(self.side.generation(), hup));
    }

    /// Sets a deadline that is over.
    fn deadline_is_now(&self) {
        time_comes();
        self.ready(self.side.set_deadline(SOON));
    }

    /// A read: how much there is when it is more than `had`; none at the end by a deadline, a time that has come or a
    /// close. `exhausted`: the read before has emptied the socket.
    fn read(&self, had: u32, exhausted: bool) -> Option<u32> {
        self.exhausted.store(exhausted, Ordering::Relaxed);
        self.read_until(had, NEVER)
    }

    fn read_until(&self, had: u32, until: u64) -> Option<u32> {
        super::check(self.side).ok()?;
        let mut call = || {
            // Of a single event the word alone says that it has come. Of more, the kernel's lock does, as `event`
            // leaves it at one.
            let has = if self.twice {
                self.data.fetch_add(0, Ordering::AcqRel)
            } else {
                self.data.load(Ordering::Relaxed)
            };
            if has > had { Ok(Done::Exhausted(has)) } else { Err(std::io::ErrorKind::WouldBlock.into()) }
        };
        super::run(self.side, &self.exhausted, until, &mut call, || {
            // SAFETY: nobody knows of this wait, and those that knew of the last one are done.
            self.wait.with_mut(|wait| unsafe { *wait = 1 });
            Ok(())
        })
        .ok()
    }

    /// Nothing is left of the waits of the calling thread.
    fn is_at_rest(&self) {
        assert!(!self.side.has_waiter());
        assert!(!*current::g().runnable.lock().unwrap(), "readied for nothing");
    }
}

fn on_thread(s: &Arc<Socket>, f: impl FnOnce(&Socket) + 'static) -> thread::JoinHandle<()> {
    let s = s.clone();
    thread::spawn(move || f(&s))
}

/// A read against an event: no event is lost. A lost one is a deadlock, which loom reports.
#[test]
fn no_event_is_lost() {
    for exhausted in [false, true] {
        check(3, move || {
            let s = Socket::new();
            let poller = on_thread(&s, |s| s.event(false));
            assert_eq!(s.read(0, exhausted), Some(1));
            poller.join().unwrap();
            s.is_at_rest();
        });
    }
}

/// Two reads, each of which empties the socket, against two events. The second read begins where the first has left.
#[test]
fn one_read_after_the_other() {
    check(3, || {
        let s = Socket::with(true);
        let poller = on_thread(&s, |s| {
            s.event(false);
            s.event(false);
        });
        let first = s.read(0, false);
        assert!(first == Some(2) || s.read(1, true) == Some(2));
        poller.join().unwrap();
        s.is_at_rest();
    });
}

/// After a hang-up no further event need come: a read that has emptied the socket tries again.
#[test]
fn a_hang_up_is_never_forgotten() {
    check(3, || {
        let s = Socket::new();
        let poller = on_thread(&s, |s| s.event(true));
        assert_eq!(s.read(0, true), Some(1));
        poller.join().unwrap();
        assert_eq!(s.read(0, true), Some(1));
        s.is_at_rest();
    });
}

/// The same when it comes right behind an event, which a read is about to forget.
#[test]
fn a_hang_up_behind_an_event() {
    check(3, || {
        let s = Socket::with(true);
        let poller = on_thread(&s, |s| {
            s.event(false);
            s.event(true);
        });
        assert!(s.read(0, true).is_some());
        poller.join().unwrap();
        assert_eq!(s.read(1, true), Some(2));
        s.is_at_rest();
    });
}

/// A read against a close and an event of an earlier socket: the one ends it, the other does nothing.
#[test]
fn a_close_ends_the_wait_and_a_stale_event_does_not() {
    check(3, || {
        let s = Socket::new();
        s.side.renew();
        let stale = on_thread(&s, |s| assert_eq!(s.side.event(0, true), None));
        let closer = on_thread(&s, |s| s.ready(s.side.close()));
        assert_eq!(s.read(0, false), None);
        closer.join().unwrap();
        stale.join().unwrap();
        assert!(s.side.is_quiet());
        s.is_at_rest();
    });
}

/// An event that is still on its way when its socket goes, and another socket takes the slot: whatever it does, it
/// has done to the old one.
#[test]
fn an_event_meets_the_end_of_its_socket() {
    check(3, || {
        let s = Socket::new();
        let late = on_thread(&s, |s| assert_eq!(s.side.event(0, true), None));
        s.side.renew();
        let closer = on_thread(&s, |s| s.ready(s.side.close()));
        assert_eq!(s.read(0, true), None);
        closer.join().unwrap();
        late.join().unwrap();
        assert!(s.side.is_quiet(), "the new one has heard nothing");
        s.is_at_rest();
    });
}

/// A read against an event and a deadline that comes at the same time: one of them wakes, once.
#[test]
fn an_event_and_a_deadline() {
    check(3, || {
        let s = Socket::new();
        let poller = on_thread(&s, |s| s.event(false));
        let mover = on_thread(&s, |s| s.deadline_is_now());
        let _ = s.read(0, false);
        poller.join().unwrap();
        mover.join().unwrap();
        s.is_at_rest();
    });
}

/// A read against a deadline alone: it is seen, or takes the waiter off.
#[test]
fn a_deadline_ends_the_wait() {
    check(3, || {
        let s = Socket::new();
        let mover = on_thread(&s, |s| s.deadline_is_now());
        assert_eq!(s.read(0, false), None);
        mover.join().unwrap();
        s.is_at_rest();
    });
}

/// A read against a deadline that is set for later, and comes.
#[test]
fn a_deadline_to_come_ends_the_wait() {
    check(3, || {
        let s = Socket::new();
        let mover = on_thread(&s, |s| s.ready(s.side.set_deadline(SOON)));
        let time = thread::spawn(time_comes);
        assert_eq!(s.read(0, false), None);
        mover.join().unwrap();
        time.join().unwrap();
        s.is_at_rest();
    });
}

/// A deadline that is moved beside a close: the socket stays closed.
#[test]
fn a_deadline_opens_no_closed_socket() {
    check(3, || {
        let s = Socket::new();
        let closer = on_thread(&s, |s| s.ready(s.side.close()));
        assert_eq!(s.side.set_deadline(NO_DEADLINE), None);
        assert_eq!(s.read(0, false), None);
        closer.join().unwrap();
        assert_eq!(s.side.deadline(), CLOSED);
        s.is_at_rest();
    });
}

/// A wait against its own time and an event: the timer ends the wait that it was started for, and may come when that
/// is over.
#[test]
fn a_timer_and_an_event() {
    check(3, || {
        let s = Socket::new();
        let poller = on_thread(&s, |s| s.event(false));
        let time = thread::spawn(time_comes);
        let _ = s.read_until(0, SOON);
        poller.join().unwrap();
        time.join().unwrap();
        s.is_at_rest();
    });
}

/// Its own time alone, twice: each wait has its own timer.
#[test]
fn a_timer_ends_the_wait() {
    check(3, || {
        let s = Socket::new();
        let time = thread::spawn(time_comes);
        assert_eq!(s.read_until(0, SOON), None);
        time.join().unwrap();
        assert_eq!(s.read_until(0, SOON), None);
        s.is_at_rest();
    });
}

/// The timer of a wait that an event has ended comes during the next wait, which has none: it wakes nobody.
#[test]
fn a_late_timer_wakes_nobody() {
    check(3, || {
        let s = Socket::with(true);
        let first = s.side.begin_wait();
        s.side.end_wait();
        let timer = on_thread(&s, move |s| assert_eq!(s.side.expire(first), None));
        let poller = on_thread(&s, |s| s.event(false));
        assert_eq!(s.read(0, true), Some(1));
        poller.join().unwrap();
        timer.join().unwrap();
        s.is_at_rest();
    });
}

/// Two who read in turns, each of whom empties the socket: the second knows what the first has seen of it.
#[test]
fn a_second_reader_knows_what_the_first_has_seen() {
    check(2, || {
        let s = Socket::with(true);
        let seen = Arc::new(AtomicU32::new(0));
        let read = |s: &Socket, seen: &AtomicU32| {
            let looks = s.seat.looks();
            let seated = s.seat.try_take().or_else(|| s.seat.wait(NEVER, looks)).expect("no time-out");
            let had = seen.load(Ordering::Relaxed);
            if had < 2 {
                seen.store(s.read_until(had, NEVER).expect("no deadline"), Ordering::Relaxed);
            }
            drop(seated);
        };
        let theirs = seen.clone();
        let other = on_thread(&s, move |s| read(s, &theirs));
        let poller = on_thread(&s, |s| {
            s.event(false);
            s.event(false);
        });
        read(&s, &seen);
        other.join().unwrap();
        poller.join().unwrap();
        assert_eq!(seen.load(Ordering::Relaxed), 2);
        s.is_at_rest();
    });
}
