//! A goroutine's status word, what it is doing and its generation; and beside it whether somebody scans its
//! stack.
//!
//! ```text
//! bits 0..=3  status     bit 7  fresh     bits 8..=29  generation (one more at each new life)
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
//! whoever's compare-and-swap wins (a queue's entry or a join): [`StatusWord::claim`], and
//! [`StatusWord::claim_fresh`] for one that has not run yet, which the fresh bit says. Out of Waiting
//! the one waker that the wait queue or the commit word has chosen, by a plain store too.
//!
//! A scanner keeps a goroutine from *running*, not from being readied: it sets the scan word, and then looks
//! whether the status is Runnable or Waiting. Whoever makes a goroutine Running looks at the scan word
//! after that, and waits while it is set. Of the two one sees the other (Dekker): if the scanner has seen
//! Runnable or Waiting, whoever makes it Running later sees the scan word. So a wake-up costs no
//! read-modify-write.
//!
//! Becoming Runnable is a Release store that happens after the goroutine's registers are saved; a claim is
//! Acquire: whoever runs it sees its saved context and all that its waker did.
//!
//! Rejected: a scan bit in the status word itself, as in Go, which makes each wake-up a compare-and-swap.
//!
//! Go: runtime2.go `_Gidle` …, proc.go `casgstatus`, `castogscanstatus`.

use crate::primitive::{AtomicU32, Ordering, fence, spin_loop};

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
/// Set by `revive`, cleared by the first claim.
const FRESH: u32 = 1 << TAG_SHIFT;
const TAG_SHIFT: u32 = 7;
const GEN_SHIFT: u32 = 8;
/// Generations count modulo this.
const GENERATIONS: u32 = 1 << 22;
/// Bits of a tag: the generation and the fresh bit below it.
pub(crate) const TAG_BITS: u32 = GENERATIONS.trailing_zeros() + 1;

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
pub(crate) struct StatusWord {
    word: AtomicU32,
    /// 1 while a scanner keeps the goroutine from running.
    scan: AtomicU32,
}

impl StatusWord {
    pub(crate) fn new() -> Self {
        Self { word: AtomicU32::new(0), scan: AtomicU32::new(0) }
    }

    /// Status and generation, as anybody may ask.
    #[inline]
    pub(crate) fn get(&self) -> (Status, u32) {
        let word = self.word.load(Ordering::Acquire);
        (Status::of(word), word >> GEN_SHIFT)
    }

    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        self.word.load(Ordering::Relaxed) >> GEN_SHIFT
    }

    /// What a queue's entry says of the goroutine beside its address.
    #[inline]
    pub(crate) fn tag(&self) -> u32 {
        self.word.load(Ordering::Relaxed) >> TAG_SHIFT
    }

    /// Whether it has not run yet; only in one direction may that change while its life lasts.
    #[inline]
    pub(crate) fn is_fresh(&self) -> bool {
        self.tag() & 1 != 0
    }

    /// A move by the word's only writer: from Idle, Dead, Running or Syscall. `from` is checked.
    #[inline]
    pub(crate) fn set(&self, from: Status, to: Status) {
        debug_assert!(from.may_become(to), "{from:?} may not become {to:?}");
        let word = self.word.load(Ordering::Relaxed);
        if word & STATUS != from as u32 {
            bad_status(from, word);
        }
        // Release: to Runnable, publishes the saved context to the claimer; to others, to dumps.
        self.word.store((word & !STATUS) | to as u32, Ordering::Release);
    }

    /// Running to Dead, by the goroutine's own thread.
    #[inline(always)]
    pub(crate) fn finish(&self) {
        let word = self.word.load(Ordering::Relaxed);
        debug_assert_eq!(Status::of(word), Status::Running);
        // Release: as in `set`.
        self.word.store(word & !STATUS | Status::Dead as u32, Ordering::Release);
    }

    /// Starts a new life, the next generation, and becomes Runnable. Gives its tag.
    #[inline]
    pub(crate) fn revive(&self) -> u32 {
        let word = self.word.load(Ordering::Relaxed);
        debug_assert_eq!(Status::of(word), Status::Dead);
        let generation = ((word >> GEN_SHIFT) + 1) % GENERATIONS;
        let word = generation << GEN_SHIFT | FRESH | Status::Runnable as u32;
        // Release: publishes the closure and the descriptor's fields to the claimer.
        self.word.store(word, Ordering::Release);
        word >> TAG_SHIFT
    }

    /// Runnable, as the tag has it, to Running. At most one claim succeeds for one period of being
    /// Runnable; false means that the entry is stale.
    #[inline]
    #[must_use]
    pub(crate) fn claim(&self, tag: u32) -> bool {
        self.run(tag << TAG_SHIFT | Status::Runnable as u32)
    }

    /// `runnable`, a whole word, to Running.
    #[inline(always)]
    fn run(&self, runnable: u32) -> bool {
        let running = runnable & !(STATUS | FRESH) | Status::Running as u32;
        // SeqCst: the load of the scan word comes after it (pairs with the fence in `scan`). Its Acquire pairs
        // with the Release of `set`, `revive` and `ready`.
        if self.word.compare_exchange(runnable, running, Ordering::SeqCst, Ordering::Relaxed).is_err() {
            return false;
        }
        // loom takes SeqCst accesses for weaker than they are; in the machine's code the exchange is the fence.
        #[cfg(loom)]
        fence(Ordering::SeqCst);
        if self.scan.load(Ordering::SeqCst) != 0 {
            self.wait_for_scan();
        }
        true
    }

    // Always inlined: a call would have its callers save registers, where there is hardly ever one to make.
    #[inline(always)]
    fn wait_for_scan(&self) {
        // Acquire: pairs with the Release in `unscan`: the scanner has left the stack.
        while self.scan.load(Ordering::Acquire) != 0 {
            spin_loop();
        }
    }

    /// A claim by somebody who knows that the life has not changed: the tag with which it began, if the goroutine
    /// has not run yet, and the caller alone is to run it.
    #[inline(always)]
    #[must_use]
    pub(crate) fn claim_fresh(&self) -> Option<u32> {
        // As it was when it began. If it is not so any more, the claim fails.
        let generation = self.word.load(Ordering::Relaxed) & !((1 << GEN_SHIFT) - 1);
        let fresh = generation | FRESH | Status::Runnable as u32;
        self.run(fresh).then_some(fresh >> TAG_SHIFT)
    }

    /// Waiting to Runnable, by the one waker that was chosen.
    #[inline]
    pub(crate) fn ready(&self) {
        let word = self.word.load(Ordering::Relaxed);
        if word & STATUS != Status::Waiting as u32 {
            bad_status(Status::Waiting, word);
        }
        // Release: what the waker did happens before the goroutine goes on.
        self.word.store((word & !STATUS) | Status::Runnable as u32, Ordering::Release);
    }

    /// If the goroutine is Waiting or Runnable: it does not run until [`StatusWord::unscan`]. Gives the status it
    /// was found in. One that is Waiting may be switching away still: its context is saved once its gobuf is full.
    /// `None` also when somebody else scans it.
    #[must_use]
    pub(crate) fn scan(&self) -> Option<Status> {
        // Acquire: the scanner before is done with the stack.
        if self.scan.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return None;
        }
        // Pairs with the exchange in `claim`: it comes before this, and we see Running, or after, and the claimer
        // sees our 1.
        fence(Ordering::SeqCst);
        // Acquire: the context that was saved before it became Runnable; and that its gobuf was emptied before it
        // became Waiting.
        let status = Status::of(self.word.load(Ordering::Acquire));
        if matches!(status, Status::Waiting | Status::Runnable) {
            return Some(status);
        }
        self.unscan();
        None
    }

    /// Ends what a successful [`StatusWord::scan`] began.
    pub(crate) fn unscan(&self) {
        // Release: the scanner is done with the stack.
        self.scan.store(0, Ordering::Release);
    }
}

// By C's convention, because it does not unwind then: there is nothing to be undone where it is called.
#[cold]
extern "C" fn bad_status(expected: Status, word: u32) -> ! {
    #[cfg(not(loom))]
    crate::sys::throw(&format!(
        "casgstatus: bad incoming values: expected {expected:?}, found {:?}",
        Status::of(word),
    ));
    #[cfg(loom)]
    panic!("casgstatus: expected {expected:?}, found {word:#x}");
}

#[cfg(all(test, loom))]
mod models;

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
        check(Waiting, &[Runnable]);
        check(Dead, &[Runnable]);
    }

    #[test]
    fn a_claim_of_an_earlier_life_fails() {
        let word = StatusWord::new();
        word.set(Status::Idle, Status::Dead);
        word.revive();
        let first = word.tag();
        assert!(word.claim(first));
        assert!(!word.claim(first), "claimed twice");
        word.set(Status::Running, Status::Dead);
        word.revive();
        assert!(!word.claim(first), "claimed by a stale entry");
        assert!(word.claim(word.tag()));
    }

    #[test]
    fn only_one_that_has_not_run_is_fresh() {
        let word = StatusWord::new();
        word.set(Status::Idle, Status::Dead);
        word.revive();
        let first = word.tag();
        assert_eq!(word.claim_fresh(), Some(first));
        assert_eq!(word.claim_fresh(), None, "claimed twice");
        assert!(!word.claim(first), "claimed by a stale entry");
        word.set(Status::Running, Status::Runnable);
        assert_eq!(word.claim_fresh(), None, "it has run");
        assert!(!word.claim(first), "the entry of its first period is stale");
        assert!(word.claim(word.tag()));
    }

    #[test]
    fn generations_wrap() {
        let word = StatusWord::new();
        word.word.store((GENERATIONS - 1) << GEN_SHIFT | Status::Dead as u32, Ordering::Relaxed);
        assert_eq!(word.revive(), 1, "the first generation, and fresh");
        assert!(word.tag() < 1 << TAG_BITS);
    }

    #[test]
    fn only_waiting_and_runnable_are_scanned() {
        let word = StatusWord::new();
        assert_eq!(word.scan(), None);
        word.set(Status::Idle, Status::Dead);
        word.revive();
        assert_eq!(word.scan(), Some(Status::Runnable));
        assert_eq!(word.scan(), None, "scanned twice at once");
        word.unscan();
        assert!(word.claim(word.tag()));
        assert_eq!(word.scan(), None);
        word.set(Status::Running, Status::Waiting);
        assert_eq!(word.scan(), Some(Status::Waiting));
        word.unscan();
        word.ready();
        assert!(word.claim(word.tag()));
    }
}
