//! Loom models of the claim: an M that goes in and out, against sysmon.

use super::*;
use crate::primitive::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// The Ms of a model; 0 is nobody.
const M: u32 = 1;
const OTHER: u32 = 2;

/// A P.
struct P {
    owner: AtomicU32,
    /// What belongs to its owner: loom reports two at a time. Counts who was there.
    inner: UnsafeCell<u32>,
}

// SAFETY: that accesses of `inner` exclude each other is what the models check.
unsafe impl Sync for P {}

impl P {
    fn new(owner: u32) -> Self {
        Self { owner: AtomicU32::new(owner), inner: UnsafeCell::new(0) }
    }

    fn touch(&self) {
        // SAFETY: checked by loom.
        self.inner.with_mut(|inner| unsafe { *inner += 1 });
    }

    /// How often it was touched, when all is over.
    fn touched(&self) -> u32 {
        // SAFETY: the other thread has ended.
        self.inner.with_mut(|inner| unsafe { *inner })
    }

    /// As the P's: Release and Acquire.
    fn set_owner(&self, owner: u32) {
        self.owner.store(owner, Ordering::Release);
    }

    fn is_of(&self, owner: u32) -> bool {
        self.owner.load(Ordering::Acquire) == owner
    }
}

/// An M and the Ps that it may have; the first is its own to begin with.
struct World {
    claim: Claim,
    ps: [P; 2],
    /// Whether the second P is on the idle list.
    idle: AtomicU32,
}

impl World {
    fn new() -> Self {
        let world = Self { claim: Claim::new(), ps: [P::new(M), P::new(0)], idle: AtomicU32::new(1) };
        world.claim.exit();
        world
    }

    /// The M's way into the runtime: whether it has its P.
    fn enter(&self) -> bool {
        self.claim.enter() || self.claim.settle()
    }

    /// The M takes the P that is idle, if there is one.
    fn pidleget(&self) -> Option<&P> {
        // Acquire and Release: in the place of the scheduler's lock.
        let pp = (self.idle.swap(0, Ordering::AcqRel) == 1).then_some(&self.ps[1])?;
        pp.set_owner(M);
        Some(pp)
    }

    /// Sysmon's three steps for a P that it has found with the M, maybe a while ago.
    fn take(&self, pp: &P) -> bool {
        if !self.claim.claim() {
            return false;
        }
        fence(Ordering::SeqCst);
        let taken = self.claim.take(|| pp.is_of(M));
        if taken {
            pp.touch();
            pp.set_owner(OTHER);
        }
        taken
    }
}

fn model(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(f);
}

/// An M goes in and out `rounds` times while sysmon claims once.
fn race(rounds: u32) {
    loom::model(move || {
        let world = Arc::new(World::new());
        let m = thread::spawn({
            let world = world.clone();
            move || {
                for i in 0..rounds {
                    if !world.enter() {
                        return (i, false);
                    }
                    world.ps[0].touch();
                    world.claim.exit();
                }
                (rounds, true)
            }
        });
        let taken = world.take(&world.ps[0]);
        let (touched, kept) = m.join().unwrap();
        assert!(kept || taken);
        assert_eq!(world.ps[0].touched(), touched + u32::from(taken));
    });
}

#[test]
fn one_entry_against_one_claim() {
    race(1);
}

#[test]
fn two_entries_against_one_claim() {
    race(2);
}

/// Between sysmon's look and its claim the M changes its P for another, and the P that it had becomes another M's, which
/// uses it from then on.
#[test]
fn the_m_changes_its_p_before_the_claim() {
    model(3, || {
        let world = Arc::new(World::new());
        let m = thread::spawn({
            let world = world.clone();
            move || {
                if !world.enter() {
                    return false;
                }
                let [first, second] = &world.ps;
                first.touch();
                first.set_owner(OTHER);
                second.set_owner(M);
                world.claim.exit();
                // The other M: what it does comes after the hand-over.
                first.touch();
                assert!(world.enter(), "the P that it has had is taken from an M that has another");
                second.touch();
                world.claim.exit();
                true
            }
        });
        // The look was at the first P, with its first owner.
        let taken = world.take(&world.ps[0]);
        let kept = m.join().unwrap();
        assert!(taken != kept);
        let touched = world.ps.each_ref().map(P::touched);
        assert_eq!(touched, if taken { [1, 0] } else { [2, 1] });
    });
}

/// Sysmon claims twice: the second time the M may not have noticed yet that its P is gone, or have another.
#[test]
fn a_claim_after_one_that_was_made_good() {
    model(3, || {
        let world = Arc::new(World::new());
        let m = thread::spawn({
            let world = world.clone();
            move || {
                let mut pp = Some(&world.ps[0]);
                let mut lost = 0;
                for _ in 0..2 {
                    if !world.enter() {
                        assert!(pp.take().is_some(), "it loses what it has");
                        lost += 1;
                    }
                    pp = pp.or_else(|| world.pidleget());
                    if let Some(pp) = pp {
                        assert!(pp.is_of(M));
                        pp.touch();
                    }
                    world.claim.exit();
                }
                lost
            }
        });
        // Each look may have been long ago: `take` looks again.
        let taken: u32 = world.ps.iter().map(|pp| u32::from(world.take(pp))).sum();
        let lost = m.join().unwrap();
        // The last may not have been noticed yet.
        let unnoticed = u32::from(!world.enter());
        assert_eq!(taken, lost + unnoticed);
    });
}

/// The M says that it may block; sysmon, which has seen that, takes the P and gives it back to the idle list, where the M
/// may find it on its way back.
#[test]
fn a_call_that_blocks_and_the_way_back() {
    model(3, || {
        let world = Arc::new(World::new());
        world.idle.store(0, Ordering::Relaxed);
        let m = thread::spawn({
            let world = world.clone();
            move || {
                let pp = &world.ps[0];
                if !world.enter() {
                    return 0;
                }
                pp.touch();
                world.claim.exit_to_syscall();
                // … the call …
                let kept = world.enter();
                if kept || world.idle.swap(0, Ordering::AcqRel) == 1 {
                    pp.set_owner(M);
                    pp.touch();
                    world.claim.exit();
                    return 2;
                }
                1
            }
        });
        let pp = &world.ps[0];
        let mut taken = false;
        if world.claim.mode().in_syscall() && pp.is_of(M) {
            taken = world.take(pp);
            if taken {
                pp.set_owner(0);
                // The list of idle Ps, under the scheduler's lock.
                world.idle.store(1, Ordering::Release);
            }
        }
        let touched = m.join().unwrap();
        assert!(touched == 2 || taken && touched == 1);
        assert_eq!(pp.touched(), touched + u32::from(taken));
    });
}
