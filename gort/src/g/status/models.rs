//! Models of the status word: claims, wakers and dumps meet.

use super::*;
use crate::primitive::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

struct Goroutine {
    status: StatusWord,
    /// As `gobuf.rs` has it: Release by who completes the switch, Acquire by a dump that looks.
    gobuf: AtomicUsize,
    /// What lies on its stack: touched by itself and by whoever walks it.
    stack: UnsafeCell<u32>,
}

// SAFETY: that accesses of `stack` exclude each other is what the model checks.
unsafe impl Sync for Goroutine {}

fn touch(g: &Goroutine) {
    // SAFETY: checked by loom.
    g.stack.with_mut(|s| unsafe { *s += 1 });
}

/// A goroutine parks, a waker readies it, another M runs it, and a dump walks its stack in the meantime: each
/// has the stack for itself, and the context is neither lost nor taken twice.
#[test]
fn a_dump_against_park_and_ready() {
    loom::model(|| {
        let g = Arc::new(Goroutine {
            status: StatusWord::new(),
            // Of its first context: whoever runs it empties this.
            gobuf: AtomicUsize::new(8),
            stack: UnsafeCell::new(0),
        });
        g.status.set(Status::Idle, Status::Dead);
        g.status.revive();
        let scanner = thread::spawn({
            let g = g.clone();
            move || {
                if g.status.scan().is_none() {
                    return 0;
                }
                let sp = g.gobuf.load(Ordering::Acquire);
                if sp != 0 {
                    g.gobuf.store(0, Ordering::Relaxed);
                    touch(&g);
                    g.gobuf.store(sp, Ordering::Release);
                }
                g.status.unscan();
                u32::from(sp != 0)
            }
        });
        assert!(g.status.claim(g.status.tag()));
        g.gobuf.store(0, Ordering::Relaxed);
        touch(&g);
        g.status.set(Status::Running, Status::Waiting);
        touch(&g);
        // The switch: the resumed side stores the registers; from then on it may be readied.
        g.gobuf.store(8, Ordering::Release);
        let waker = thread::spawn({
            let g = g.clone();
            move || {
                g.status.ready();
                assert!(g.status.claim(g.status.tag()));
                assert_eq!(g.gobuf.load(Ordering::Relaxed), 8, "the context");
                g.gobuf.store(0, Ordering::Relaxed);
                touch(&g);
            }
        });
        let walked = scanner.join().unwrap();
        waker.join().unwrap();
        // SAFETY: all have ended.
        g.stack.with(|s| assert_eq!(unsafe { *s }, 3 + walked));
    });
}

/// Two dumps walk the stack of a goroutine that waits: one after the other.
#[test]
fn two_dumps() {
    loom::model(|| {
        let g = Arc::new(Goroutine {
            status: StatusWord::new(),
            gobuf: AtomicUsize::new(8),
            stack: UnsafeCell::new(0),
        });
        g.status.set(Status::Idle, Status::Dead);
        g.status.revive();
        let scan = |g: &Goroutine| {
            let held = g.status.scan().is_some();
            if held {
                touch(g);
                g.status.unscan();
            }
            u32::from(held)
        };
        let other = thread::spawn({
            let g = g.clone();
            move || scan(&g)
        });
        let walked = scan(&g) + other.join().unwrap();
        // SAFETY: all have ended.
        g.stack.with(|s| assert_eq!(unsafe { *s }, walked));
    });
}

/// What the waker did is seen by the goroutine, whoever claims it.
#[test]
fn a_waker_and_another_claimer() {
    loom::model(|| {
        let g = Arc::new(Goroutine {
            status: StatusWord::new(),
            gobuf: AtomicUsize::new(8),
            stack: UnsafeCell::new(0),
        });
        g.status.set(Status::Idle, Status::Dead);
        g.status.revive();
        assert!(g.status.claim(g.status.tag()));
        g.status.set(Status::Running, Status::Waiting);
        let entry = g.status.tag();
        let claimer = thread::spawn({
            let g = g.clone();
            move || {
                let claimed = g.status.claim(entry);
                if claimed {
                    touch(&g);
                }
                claimed
            }
        });
        touch(&g);
        g.status.ready();
        let claimed = g.status.claim(entry);
        if claimed {
            touch(&g);
        }
        assert!(claimed ^ claimer.join().unwrap(), "exactly one claims it");
        // SAFETY: all have ended.
        g.stack.with(|s| assert_eq!(unsafe { *s }, 2));
    });
}

/// A join claims a goroutine that has not run while a thief runs it, parks it, readies it and another claims
/// it by its new entry: the closure is taken once, and each period of being Runnable has one claimer.
#[test]
fn a_join_and_a_thief() {
    loom::model(|| {
        struct Goroutine {
            status: StatusWord,
            closure: loom::cell::UnsafeCell<u32>,
        }
        let g = Arc::new(Goroutine { status: StatusWord::new(), closure: loom::cell::UnsafeCell::new(0) });
        g.status.set(Status::Idle, Status::Dead);
        // The first entry is known ahead, as that of an earlier life would be: a thief may come too soon.
        let entry = {
            let twin = StatusWord::new();
            twin.set(Status::Idle, Status::Dead);
            twin.revive();
            twin.tag()
        };
        let take = |g: &Goroutine| {
            // SAFETY: claimed fresh: ours. loom checks it.
            g.closure.with_mut(|c| assert_eq!(unsafe { std::mem::take(&mut *c) }, 1, "run twice"));
        };
        let thief = thread::spawn({
            let g = g.clone();
            move || {
                if !g.status.claim(entry) {
                    return false;
                }
                take(&g);
                g.status.set(Status::Running, Status::Waiting);
                g.status.ready();
                assert!(g.status.claim(g.status.tag()), "nobody else knows its new entry");
                true
            }
        });
        // SAFETY: not published yet. loom checks it.
        g.closure.with_mut(|c| unsafe { *c = 1 });
        g.status.revive();
        assert_eq!(g.status.tag() | 1, entry);
        let joined = g.status.claim_fresh().is_some();
        if joined {
            take(&g);
        }
        assert!(joined ^ thief.join().unwrap(), "exactly one runs it");
    });
}
