//! Changing the number of Ps.
//!
//! Growing makes Ps and puts them on the idle list. Shrinking takes idle ones off it and marks the
//! running ones: their M gives such a P up at its next pick, moves what it has to where others find
//! it, and sleeps. From a goroutine that computes without a pause sysmon takes it.
//!
//! Rejected: stopping the world, as Go does. Nothing here needs all Ps to stand still at once.
//!
//! Go: proc.go `procresize`, debug.go `GOMAXPROCS`.

use std::sync::atomic::Ordering;

use super::m::M;
use super::p::{P, PStatus, RETIRE};
use super::wake;
use super::{MAX_PROCS, SCHED};

/// Sets GOMAXPROCS to `n` (clamped to 1..=[`MAX_PROCS`]) and gives its former value.
pub(crate) fn procresize(n: u32) -> u32 {
    let n = n.clamp(1, MAX_PROCS as u32);
    let seed = SCHED.seed.load(Ordering::Relaxed) as u64;
    let (old, retired) = SCHED.locked(|s| {
        let old = SCHED.procs.swap(n, Ordering::Relaxed);
        for i in SCHED.allp_len.load(Ordering::Relaxed)..n {
            let pp: &'static P = Box::leak(Box::new(P::new(i, seed)));
            SCHED.set_p(i, pp);
            SCHED.allp_len.store(i + 1, Ordering::Release);
        }
        for i in old..n {
            let pp = SCHED.p(i).expect("made above or before");
            pp.attention.fetch_and(!RETIRE, Ordering::Relaxed);
            if pp.status() == PStatus::Dead {
                wake::pidleput(s, pp);
            }
        }
        let mut retired = Vec::new();
        s.idle_ps.retain(|&pp| {
            let keep = pp.id < n;
            if !keep {
                SCHED.idle.p_busy();
                pp.set_status(PStatus::Dead);
                retired.push(pp);
            }
            keep
        });
        for i in n..old {
            let pp = SCHED.p(i).expect("was in use");
            // Running, or on its way from one M to another: whoever has it gives it up.
            if pp.status() != PStatus::Dead {
                pp.attention.fetch_or(RETIRE, Ordering::Relaxed);
            }
        }
        (old, retired)
    });
    for pp in retired {
        empty(pp);
    }
    if SCHED.booted.load(Ordering::Relaxed) {
        // New Ps may have work waiting for them. During boot the first P is the booting thread's.
        wake::wakep();
    }
    old
}

/// Gives up this M's P, which is marked, unless it was reprieved meanwhile.
pub(crate) fn retire(mp: &'static M) {
    let pp = wake::releasep(mp);
    let reprieved = SCHED.locked(|_| {
        let reprieved = pp.attention.load(Ordering::Relaxed) & RETIRE == 0;
        if !reprieved {
            pp.attention.store(0, Ordering::Relaxed);
            pp.set_status(PStatus::Running); // ours until it is empty
        }
        reprieved
    });
    if !reprieved {
        empty(pp);
        SCHED.locked(|s| {
            // GOMAXPROCS may have grown again by now.
            if pp.id < SCHED.procs() { wake::pidleput(s, pp) } else { pp.set_status(PStatus::Dead) }
        });
    } else {
        SCHED.locked(|s| wake::pidleput(s, pp));
    }
    if mp.spinning.replace(false) {
        let _ = SCHED.idle.found();
    }
    // This M goes to sleep; what it has moved to the global queue needs somebody else.
    wake::wakep();
}

/// Moves what a P has to where others find it. The caller owns it.
fn empty(pp: &'static P) {
    empty_queues(pp);
    pp.stock.flush();
    // SAFETY: the caller owns the P.
    unsafe { pp.stacks.flush() };
}

/// The part of that which somebody waits for: goroutines and timers. May be called under the
/// scheduler's lock, which comes before those of the global queue and of timers.
pub(crate) fn empty_queues(pp: &'static P) {
    let next = pp.runq.runnext();
    if next != 0 {
        pp.runq.set_runnext(0);
        SCHED.global.put(&[next]);
    }
    while let Some(entry) = pp.runq.get() {
        SCHED.global.put(&[entry]);
    }
    if let Some(first) = SCHED.p(0).filter(|first| !std::ptr::eq(*first, pp)) {
        pp.timers.move_to(&first.timers);
    }
}
