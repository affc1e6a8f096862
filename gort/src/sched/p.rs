//! A P: the right to run goroutines, and all that whoever has it may use without locks.
//!
//! There are GOMAXPROCS of them in use. A P is owned by one M, by the list of idle Ps, or is retired;
//! fields in `Cell`s are its owner's. Ps are made as they are first needed and never freed.
//!
//! Go: runtime2.go `p`, proc.go `procresize`, `acquirep`, `releasep`.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use super::m::M;
use super::stock::Stock;
use super::watch::Watch;
use crate::contention;
use crate::rand::Rand;
use crate::runq::Runq;
use crate::stack::cache::StackCache;
use crate::sys::clock;
use crate::timer::Timers;

/// Who owns a P. The numbers are Go's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum PStatus {
    Idle = 0,
    Running = 1,
    Dead = 4,
}

/// [`P::attention`]: the running goroutine has used up its slice.
pub(crate) const PREEMPT: u32 = 1;
/// [`P::attention`]: GOMAXPROCS has shrunk below this P.
pub(crate) const RETIRE: u32 = 2;

/// See the module.
#[repr(align(128))]
pub(crate) struct P {
    pub(crate) runq: Runq,
    pub(crate) id: u32,
    status: AtomicU32,
    /// The M that owns it. Written by who gives it and by who takes it away.
    m: AtomicPtr<M>,
    /// What the owner should see to at its next pick: [`PREEMPT`], [`RETIRE`]. Set by others.
    pub(crate) attention: AtomicU32,
    /// Slices begun. Written by the owner, read by sysmon.
    schedtick: AtomicU32,
    pub(crate) timers: Timers,
    pub(crate) stacks: StackCache,
    /// Descriptors and ids for new goroutines.
    pub(crate) stock: Stock,
    /// Goroutines made and ended by owners of this P. Written by the owner, summed by `num_goroutine`.
    created: AtomicU64,
    finished: AtomicU64,
    /// How many more lone goroutines pass before an M is woken for one; see `wake::lone`.
    pub(crate) lone_skip: Cell<u32>,
    /// Where the switches stood when sockets were last thought of; see `poller::is_due`.
    pub(crate) net_switches: Cell<u32>,
    /// After how many further ones they are thought of again.
    pub(super) net_after: Cell<u32>,
    /// When its owner last thought of sockets.
    pub(crate) net_looked: AtomicU64,
    /// What it has seen of the next P.
    pub(super) watch: Cell<Watch>,
    /// Until which switch due timers wait for those who were readied before them; see `pick::run_timers`.
    pub(crate) timer_hold: Cell<u32>,
    /// The time, if the goroutine that is about to park has just looked; 0 if not.
    looked: Cell<u64>,
    pub(crate) rand: Rand,
}

// SAFETY: `Cell` fields are used by the P's owner only; ownership moves between threads under the
// scheduler's lock or through a note, which synchronise.
unsafe impl Sync for P {}

impl P {
    pub(crate) fn new(id: u32, seed: u64) -> Self {
        Self {
            runq: Runq::new(),
            id,
            status: AtomicU32::new(PStatus::Dead as u32),
            m: AtomicPtr::new(ptr::null_mut()),
            attention: AtomicU32::new(0),
            schedtick: AtomicU32::new(0),
            timers: Timers::new(),
            stacks: StackCache::new(),
            stock: Stock::new(),
            created: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            lone_skip: Cell::new(0),
            net_switches: Cell::new(0),
            net_after: Cell::new(0),
            net_looked: AtomicU64::new(0),
            watch: Cell::default(),
            timer_hold: Cell::new(0),
            looked: Cell::new(0),
            rand: Rand::new(seed ^ (u64::from(id) << 32)),
        }
    }

    /// The owner has just looked at the clock and parks: it need not be looked at again. 0: it has not.
    #[inline]
    pub(crate) fn it_is(&self, now: u64) {
        self.looked.set(now);
    }

    /// The time. Owner only.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        match self.looked.replace(0) {
            0 => clock::nanotime(),
            now => now,
        }
    }

    pub(crate) fn status(&self) -> PStatus {
        match self.status.load(Ordering::Relaxed) {
            0 => PStatus::Idle,
            1 => PStatus::Running,
            _ => PStatus::Dead,
        }
    }

    pub(crate) fn set_status(&self, status: PStatus) {
        self.status.store(status as u32, Ordering::Relaxed);
    }

    /// The M that owns it, as seen from outside.
    pub(crate) fn owner(&self) -> Option<&'static M> {
        // SAFETY: null or an M, and Ms are never freed. Acquire: pairs with the Release in `set_owner`.
        unsafe { self.m.load(Ordering::Acquire).as_ref() }
    }

    pub(crate) fn set_owner(&self, mp: Option<&'static M>) {
        // Release: who follows the pointer sees the M as it was made.
        self.m.store(mp.map_or(ptr::null_mut(), |mp| ptr::from_ref(mp).cast_mut()), Ordering::Release);
    }

    #[inline]
    pub(crate) fn schedtick(&self) -> u32 {
        self.schedtick.load(Ordering::Relaxed)
    }

    /// A new slice begins. Owner only.
    #[inline]
    pub(crate) fn next_tick(&self) {
        self.schedtick.store(self.schedtick().wrapping_add(1), Ordering::Relaxed);
    }

    /// One more goroutine. Owner only.
    #[inline]
    pub(crate) fn count_created(&self) {
        self.created.store(self.created.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// One goroutine less. Owner only. Release: pairs with the Acquire in `finished`, so that who sees
    /// an end sees the beginning too.
    #[inline]
    pub(crate) fn count_finished(&self) {
        self.finished.store(self.finished.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    pub(crate) fn created(&self) -> u64 {
        self.created.load(Ordering::Relaxed)
    }

    pub(crate) fn finished(&self) -> u64 {
        self.finished.load(Ordering::Acquire)
    }

    /// Whether somebody else could run something of this P's: `runnext` is not counted.
    #[inline]
    pub(crate) fn has_queued(&self) -> bool {
        self.runq.len() > 0
    }

    /// Whether an idle M should take something from this P's ring.
    #[inline]
    pub(crate) fn has_spare(&self) -> bool {
        let n = self.runq.len();
        n > 0 && n > contention::left_alone()
    }
}
