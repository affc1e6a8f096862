//! The words by which sysmon takes a P away from an M whose goroutine is in user code.
//!
//! ```text
//!   the M                                     sysmon
//!   enter: mode = RUNTIME                     1. claim = CLAIMED
//!          light fence                        2. heavy fence (one for all claims of a round)
//!          claim is FREE: the P is mine       3. mode is not RUNTIME, the P is still this M's:
//!          CLAIMED: back to FREE by CAS             claim CLAIMED → TAKEN by CAS: the P is mine
//!          TAKEN: the P is gone                  else CLAIMED → FREE by CAS
//!   exit:  mode = USER            (Release)      (Acquire on mode)
//! ```
//!
//! The M touches what belongs to its P only between `enter` and `exit`. Why it is enough: of the two
//! fences the later one is run after the other side's store (Dekker). If the M does not see CLAIMED,
//! sysmon sees RUNTIME, or a later `exit`, and with that everything that the M did to the P before. If it
//! does see it, the two compare-and-swaps decide, and nobody waits for the other.
//!
//! Who writes: `mode` the M alone; `claim` sysmon from FREE, both from CLAIMED, the M from TAKEN.
//!
//! Rejected: an exchange at each entry (a ping-pong round trip has four); signals, as Go has them (they
//! need safe points, and interrupt system calls); waiting for sysmon at the entry (it may have lost its
//! processor).
//!
//! Go: proc.go `entersyscall`, `exitsyscall`, `retake`, and the P status word that they meet at.

use crate::primitive::{AtomicU32, Ordering, fence};
#[cfg(not(loom))]
use crate::sys::barrier::{asymmetric, light};

/// loom knows no membarrier: the models run full fences on both sides.
#[cfg(loom)]
fn asymmetric() -> bool {
    false
}
#[cfg(loom)]
fn light() {}

/// Without it no M says where it is, so that nothing is taken from it and entries and exits cost nothing: for
/// `benches/src/bin/retake_cost.rs`, which measures what they do. Optimised, as what relies on it is asserted elsewhere;
/// and no dump may be made.
const ON: bool = !cfg!(gort_no_retake);

/// Modes.
const USER: u32 = 0;
const RUNTIME: u32 = 1;
const SYSCALL: u32 = 2;

/// States of the claim. FREE is zero, so that one comparison is all that an entry costs …
const FREE: u32 = 0;
const CLAIMED: u32 = 1;
const TAKEN: u32 = 2;
const STATE: u32 = 3;
/// … unless this bit stands beside each of them: the entry must run a full fence. Set from the first.
const FENCED: u32 = 4;

/// Where an M is. As seen from outside: it may be elsewhere by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    mode: u32,
    syscalls: u32,
}

impl Mode {
    /// In the runtime, or not running goroutines at all.
    pub(crate) fn in_runtime(self) -> bool {
        self.mode == RUNTIME
    }

    /// In a call that was said to block.
    pub(crate) fn in_syscall(self) -> bool {
        self.mode == SYSCALL
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Claim {
    mode: AtomicU32,
    claim: AtomicU32,
    /// How often SYSCALL was entered. Written by the M.
    syscalls: AtomicU32,
}

impl Claim {
    /// An M begins in the runtime.
    pub(crate) fn new() -> Self {
        let fenced = if asymmetric() { 0 } else { FENCED };
        Self {
            mode: AtomicU32::new(RUNTIME),
            claim: AtomicU32::new(fenced | FREE),
            syscalls: AtomicU32::new(0),
        }
    }

    /// Whether the M is in the runtime. Own thread only.
    #[inline(always)]
    pub(crate) fn entered(&self) -> bool {
        ON && self.mode.load(Ordering::Relaxed) == RUNTIME
    }

    /// From user code into the runtime. True when the P is the M's for sure; otherwise
    /// [`Claim::settle`] tells.
    #[inline(always)]
    #[must_use]
    pub(crate) fn enter(&self) -> bool {
        if !ON {
            return true;
        }
        self.mode.store(RUNTIME, Ordering::Relaxed);
        light();
        self.claim.load(Ordering::Relaxed) == FREE
    }

    /// After [`Claim::enter`]: withdraws a claim, or learns that it has been made good. True when the M
    /// still has its P. If not, the answer is given once.
    #[cold]
    #[must_use]
    pub(crate) fn settle(&self) -> bool {
        let mut word = self.claim.load(Ordering::Relaxed);
        if word & FENCED != 0 {
            fence(Ordering::SeqCst);
            word = self.claim.load(Ordering::Relaxed);
        }
        let fenced = word & FENCED;
        if word & STATE == FREE {
            return true;
        }
        // Relaxed: what matters was decided by the fences; a withdrawn claim publishes nothing, and
        // whoever has the P got it through sysmon's Acquire of our exit.
        let withdrawn = self.claim.compare_exchange(
            fenced | CLAIMED,
            fenced | FREE,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        match withdrawn {
            Err(word) if word & STATE == TAKEN => {
                self.claim.store(fenced | FREE, Ordering::Relaxed);
                false
            }
            _ => true,
        }
    }

    /// Back to user code.
    #[inline(always)]
    pub(crate) fn exit(&self) {
        if ON {
            // Release: pairs with the Acquire in `take`: the taker sees all that we did to the P.
            self.mode.store(USER, Ordering::Release);
        }
    }

    /// To user code that says of itself that it may block.
    #[inline(always)]
    pub(crate) fn exit_to_syscall(&self) {
        if ON {
            self.syscalls.store(self.syscalls.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
            // Release: as in `exit`.
            self.mode.store(SYSCALL, Ordering::Release);
        }
    }

    /// Whether the P was taken and the M has not noticed yet. A hint.
    #[inline(always)]
    pub(crate) fn lost(&self) -> bool {
        ON && self.claim.load(Ordering::Relaxed) & STATE == TAKEN
    }

    /// For sysmon: where the M is.
    pub(crate) fn mode(&self) -> Mode {
        Mode { mode: self.mode.load(Ordering::Relaxed), syscalls: self.syscalls.load(Ordering::Relaxed) }
    }

    /// Sysmon's step 1. Step 2 is its heavy fence. False when an earlier claim has not been noticed yet.
    #[must_use]
    pub(crate) fn claim(&self) -> bool {
        let word = self.claim.load(Ordering::Relaxed);
        word & STATE == FREE
            && self.claim.compare_exchange(word, word | CLAIMED, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Sysmon's step 3: whether the P is now the caller's. `owner` looks whether the M has it still.
    #[must_use]
    pub(crate) fn take(&self, owner: impl FnOnce() -> bool) -> bool {
        // Acquire: pairs with the Release in `exit`.
        let outside = self.mode.load(Ordering::Acquire) != RUNTIME;
        let to = if outside && owner() { TAKEN } else { FREE };
        let word = self.claim.load(Ordering::Relaxed);
        word & STATE == CLAIMED
            && self
                .claim
                .compare_exchange(word, word & !STATE | to, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
            && to == TAKEN
    }
}

#[cfg(all(test, loom))]
#[path = "claim/models.rs"]
mod models;
