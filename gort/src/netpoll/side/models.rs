//! Loom models of one direction of a socket: a read, as `net::socket` has it, against all that may end its wait.

use super::*;
use crate::g::commit::Commit;
use crate::primitive::UnsafeCell;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

const SOMEBODY: usize = 0x7f00_0000_0080;

/// Every order in which the threads preempt each other up to three times.
fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

struct Socket {
    side: Side,
    commit: Commit,
    /// What the waiter has set up before it says that it waits. Its waker alone looks at it, and before the waiter
    /// goes on: anything else is a race, which loom reports.
    wait: UnsafeCell<u32>,
    /// What the kernel has, and whether it gets more than once.
    data: AtomicU32,
    twice: bool,
    /// Whether the time of a wait has come.
    late: AtomicU32,
    /// The wait that a timer was started for.
    armed: Mutex<Option<u32>>,
    readied: Mutex<u32>,
    sleeps: Condvar,
}

impl Socket {
    fn new() -> Arc<Self> {
        Self::with(false)
    }

    fn with(twice: bool) -> Arc<Self> {
        Arc::new(Self {
            twice,
            side: Side::new(),
            commit: Commit::new(),
            wait: UnsafeCell::new(0),
            data: AtomicU32::new(0),
            late: AtomicU32::new(0),
            armed: Mutex::new(None),
            readied: Mutex::new(0),
            sleeps: Condvar::new(),
        })
    }

    fn ready(&self, g: Option<usize>) {
        if let Some(g) = g {
            assert_eq!(g, SOMEBODY);
            // SAFETY: the waiter is ours to wake.
            self.wait.with(|wait| assert_eq!(unsafe { *wait }, 1));
            if self.commit.notify_taken() {
                self.goready();
            }
        }
    }

    fn goready(&self) {
        *self.readied.lock().unwrap() += 1;
        self.sleeps.notify_one();
    }

    /// The kernel has something more, and says so.
    fn event(&self, hup: bool) {
        self.data.fetch_add(1, Ordering::AcqRel);
        self.ready(self.side.event(self.side.generation(), hup));
    }

    fn is_over(&self) -> bool {
        self.side.deadline() != NO_DEADLINE || self.late.load(Ordering::Relaxed) > 0
    }

    /// A read, as `net::socket` has it: how much there is when it is more than `had`; none at the end by a deadline,
    /// a time that has come or a close. `exhausted`: the read before has emptied the socket.
    fn read(&self, had: u32, mut exhausted: bool) -> Option<u32> {
        if self.side.deadline() != NO_DEADLINE {
            return None;
        }
        loop {
            if !(exhausted && self.side.is_quiet()) {
                self.side.reset();
                exhausted = false;
                // Of a single event the word alone says that it has come. Of more, the kernel's lock does, as `event`
                // leaves it at one.
                let has = if self.twice {
                    self.data.fetch_add(0, Ordering::AcqRel)
                } else {
                    self.data.load(Ordering::Relaxed)
                };
                if has > had {
                    return Some(has);
                }
            }
            if !self.wait() {
                return None;
            }
            exhausted &= self.side.is_quiet();
        }
    }

    /// `net::socket::wait`, and `park_commit` as `sched::park` has it.
    fn wait(&self) -> bool {
        let _ = self.commit.begin();
        // SAFETY: nobody knows of this wait, and those that knew of the last one are done.
        self.wait.with_mut(|wait| unsafe { *wait = 1 });
        let n = self.side.begin_wait();
        let mut over = false;
        let parks = self.side.publish(SOMEBODY) == Publish::Parks && {
            over = self.is_over();
            if !over {
                *self.armed.lock().unwrap() = Some(n);
            }
            !(over && self.side.withdraw())
        };
        if parks {
            if !self.commit.commit() {
                self.goready();
            }
            let mut readied = self.readied.lock().unwrap();
            while *readied == 0 {
                readied = self.sleeps.wait(readied).unwrap();
            }
            assert_eq!(*readied, 1, "readied once");
            *readied = 0;
        }
        self.commit.end();
        self.side.end_wait();
        // SAFETY: whoever has woken us is done with it; nobody else may have seen it.
        self.wait.with_mut(|wait| unsafe { *wait = 0 });
        !over
    }

    /// Nothing is left of the waits.
    fn is_at_rest(&self) {
        assert!(!self.side.has_waiter());
        assert_eq!(*self.readied.lock().unwrap(), 0, "readied for nothing");
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
        check(move || {
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
    check(|| {
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
    check(|| {
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
    check(|| {
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
    check(|| {
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
    check(|| {
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
    check(|| {
        let s = Socket::new();
        let poller = on_thread(&s, |s| s.event(false));
        let mover = on_thread(&s, |s| s.ready(s.side.set_deadline(1)));
        let _ = s.read(0, false);
        poller.join().unwrap();
        mover.join().unwrap();
        s.is_at_rest();
    });
}

/// A read against a deadline alone: it is seen, or takes the waiter off.
#[test]
fn a_deadline_ends_the_wait() {
    check(|| {
        let s = Socket::new();
        let mover = on_thread(&s, |s| s.ready(s.side.set_deadline(1)));
        assert_eq!(s.read(0, false), None);
        mover.join().unwrap();
        s.is_at_rest();
    });
}

/// A deadline that is moved beside a close: the socket stays closed.
#[test]
fn a_deadline_opens_no_closed_socket() {
    check(|| {
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
    check(|| {
        let s = Socket::new();
        let poller = on_thread(&s, |s| s.event(false));
        let timer = on_thread(&s, |s| {
            // It has come, whether a wait has armed it yet or will see that itself.
            s.late.store(1, Ordering::Relaxed);
            let armed = *s.armed.lock().unwrap();
            if let Some(n) = armed {
                s.ready(s.side.expire(n));
            }
        });
        let _ = s.read(0, false);
        poller.join().unwrap();
        timer.join().unwrap();
        s.is_at_rest();
    });
}
