//! A goroutine's status word: what it is doing, whether somebody scans its stack, and its generation.
//!
//! ```text
//! bits 0..=3  status     bit 4  scan     bits 8..=30  generation (one more at each new life)
//!
//!            newproc             claim              gopark
//!   Idle ──▶ Dead ──▶ Runnable ──────▶ Running ──────────────▶ Waiting
//!              ▲         ▲  ▲            │ │ │  ◀── exitsyscall     │
//!              │         │  └── gosched ─┘ │ └─▶ Syscall            │
//!              └─────────┼─── goexit0 ─────┘                        │
//!                        └──────────────── ready ───────────────────┘
//! ```
//!
//! Who may move it: out of Running, Syscall and Dead only the goroutine's own thread (or the one that
//! has just switched away from it), by a plain store: nobody else writes the word then. Out of Runnable
//! whoever's compare-and-swap wins (a queue's entry or a join): [`StatusWord::claim`]. Out of Waiting
//! the one waker that the wait queue or the commit word has chosen. A scanner may set the scan bit on
//! Runnable and Waiting; claims and wake-ups wait for it to be cleared.
//!
//! Becoming Runnable is a Release store or exchange that happens after the goroutine's registers are
//! saved; a claim is Acquire: whoever runs it sees its saved context and all that its waker did.
//!
//! Go: runtime2.go `_Gidle` …, proc.go `casgstatus`, `castogscanstatus`.

use crate::primitive::{AtomicU32, Ordering, spin_loop};

/// What a goroutine is doing. The numbers are Go's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Status {
    Idle = 0,
    Runnable = 1,
    Running = 2,
    Syscall = 3,
    Waiting = 4,
    Dead = 6,
}

const STATUS: u32 = 0xf;
const SCAN: u32 = 0x10;
const GEN_SHIFT: u32 = 8;
/// Generations count modulo this.
pub(crate) const GENERATIONS: u32 = 1 << 23;

impl Status {
    fn of(word: u32) -> Status {
        match word & STATUS {
            0 => Status::Idle,
            1 => Status::Runnable,
            2 => Status::Running,
            3 => Status::Syscall,
            4 => Status::Waiting,
            _ => Status::Dead,
        }
    }

    /// The moves that exist. `claim` and `ready` make two of them on their own.
    pub(crate) const fn may_become(self, to: Status) -> bool {
        use Status::*;
        matches!(
            (self, to),
            (Idle, Dead)
                | (Idle | Dead, Runnable)
                | (Idle, Running) // g0 and the pseudo goroutines of plain threads
                | (Runnable, Running)
                | (Running, Runnable | Waiting | Syscall | Dead)
                | (Syscall, Running | Runnable)
                | (Waiting, Runnable)
                | (Waiting, Running) // parked with its M: locked to it or panicking
        )
    }

    /// Go's word for it in a traceback.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Status::Idle => "idle",
            Status::Runnable => "runnable",
            Status::Running => "running",
            Status::Syscall => "syscall",
            Status::Waiting => "waiting",
            Status::Dead => "dead",
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct StatusWord(AtomicU32);

impl StatusWord {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Status and generation, as anybody may ask.
    #[inline]
    pub(crate) fn get(&self) -> (Status, u32) {
        let word = self.0.load(Ordering::Acquire);
        (Status::of(word), word >> GEN_SHIFT)
    }

    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        self.0.load(Ordering::Relaxed) >> GEN_SHIFT
    }

    /// A move by the word's only writer: from Idle, Dead, Running or Syscall, or out of Waiting by
    /// the goroutine's own thread. `from` is checked.
    #[inline]
    pub(crate) fn set(&self, from: Status, to: Status) {
        debug_assert!(from.may_become(to), "{from:?} may not become {to:?}");
        let word = self.0.load(Ordering::Relaxed);
        if word & (STATUS | SCAN) != from as u32 {
            bad_status(from, word);
        }
        // Release: to Runnable, publishes the saved context to the claimer; to others, to dumps.
        self.0.store((word & !STATUS) | to as u32, Ordering::Release);
    }

    /// Starts a new life and becomes Runnable: the next generation.
    #[inline]
    pub(crate) fn revive(&self) -> u32 {
        let word = self.0.load(Ordering::Relaxed);
        if word & (STATUS | SCAN) != Status::Dead as u32 {
            bad_status(Status::Dead, word);
        }
        let generation = ((word >> GEN_SHIFT) + 1) % GENERATIONS;
        // Release: publishes the closure and the descriptor's fields to the claimer.
        self.0.store(generation << GEN_SHIFT | Status::Runnable as u32, Ordering::Release);
        generation
    }

    /// Runnable, in this generation, to Running. At most one claim succeeds for one period of being
    /// Runnable; false means that the entry is stale.
    #[inline]
    #[must_use]
    pub(crate) fn claim(&self, generation: u32) -> bool {
        let runnable = generation << GEN_SHIFT | Status::Runnable as u32;
        let running = generation << GEN_SHIFT | Status::Running as u32;
        loop {
            // Acquire: pairs with the Release of `set`, `revive` and `ready`.
            match self.0.compare_exchange(runnable, running, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(word) if word == runnable | SCAN => spin_loop(),
                Err(_) => return false,
            }
        }
    }

    /// Waiting to Runnable, by the one waker that was chosen. A compare-and-swap only because of
    /// scanners.
    #[inline]
    pub(crate) fn ready(&self) {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            if word & STATUS != Status::Waiting as u32 {
                bad_status(Status::Waiting, word);
            }
            if word & SCAN != 0 {
                spin_loop();
                word = self.0.load(Ordering::Relaxed);
                continue;
            }
            let runnable = (word & !STATUS) | Status::Runnable as u32;
            // Release: what the waker did happens before the goroutine goes on.
            match self.0.compare_exchange_weak(word, runnable, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }

    /// Sets the scan bit if the goroutine is Waiting or Runnable: it stays where it is, with its
    /// context saved, until [`StatusWord::unscan`]. Gives the status it was found in.
    #[must_use]
    pub(crate) fn scan(&self) -> Option<Status> {
        let word = self.0.load(Ordering::Relaxed);
        let status = Status::of(word);
        if word & SCAN != 0 || !matches!(status, Status::Waiting | Status::Runnable) {
            return None;
        }
        // Acquire: its saved context is ours to read. Failure: it is on its way; the caller looks again.
        self.0.compare_exchange(word, word | SCAN, Ordering::Acquire, Ordering::Relaxed).ok().map(|_| status)
    }

    /// Ends what a successful [`StatusWord::scan`] began.
    pub(crate) fn unscan(&self) {
        // Release: the scanner is done with the stack. A subtraction and not a store, as nothing else
        // of the word may change meanwhile and nothing else has.
        self.0.fetch_and(!SCAN, Ordering::Release);
    }
}

#[cold]
fn bad_status(expected: Status, word: u32) -> ! {
    #[cfg(not(loom))]
    crate::sys::throw(&format!(
        "casgstatus: bad incoming values: expected {expected:?}, found {:?}{}",
        Status::of(word),
        if word & SCAN != 0 { "|scan" } else { "" }
    ));
    #[cfg(loom)]
    panic!("casgstatus: expected {expected:?}, found {word:#x}");
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn moves() {
        use Status::*;
        let check = |from: Status, to: &[Status]| {
            for target in [Idle, Runnable, Running, Syscall, Waiting, Dead] {
                assert_eq!(from.may_become(target), to.contains(&target), "{from:?} to {target:?}");
            }
        };
        check(Idle, &[Dead, Runnable, Running]);
        check(Runnable, &[Running]);
        check(Running, &[Runnable, Waiting, Syscall, Dead]);
        check(Syscall, &[Running, Runnable]);
        check(Waiting, &[Runnable, Running]);
        check(Dead, &[Runnable]);
    }

    #[test]
    fn a_claim_of_an_earlier_life_fails() {
        let word = StatusWord::new();
        word.set(Status::Idle, Status::Dead);
        let first = word.revive();
        assert!(word.claim(first));
        assert!(!word.claim(first), "claimed twice");
        word.set(Status::Running, Status::Dead);
        let second = word.revive();
        assert!(!word.claim(first), "claimed by a stale entry");
        assert!(word.claim(second));
    }

    #[test]
    fn only_waiting_and_runnable_are_scanned() {
        let word = StatusWord::new();
        assert_eq!(word.scan(), None);
        word.set(Status::Idle, Status::Dead);
        let generation = word.revive();
        assert_eq!(word.scan(), Some(Status::Runnable));
        assert_eq!(word.scan(), None, "scanned twice at once");
        word.unscan();
        assert!(word.claim(generation));
        assert_eq!(word.scan(), None);
        word.set(Status::Running, Status::Waiting);
        assert_eq!(word.scan(), Some(Status::Waiting));
        word.unscan();
        word.ready();
        assert!(word.claim(generation));
    }
}
