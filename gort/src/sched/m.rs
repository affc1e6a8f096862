//! An M: an operating-system thread of the runtime's, with the system stack g0 on which it schedules.
//!
//! Fields in `Cell`s are the thread's own. Ms are made by `newm` and never freed; one whose
//! thread has ended is used again.
//!
//! Go: runtime2.go `m`, proc.go `mcommoninit`, `allocm`, `newm`, `minit`.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU64, Ordering};

use super::apart;
use super::claim::Claim;
use super::p::P;
use super::stock::Stock;
use super::traceback::ask::Question;
use crate::biased_lock::Slot;
use crate::g::{G, Kind, slab};
use crate::note::Note;
use crate::rand::Rand;
use crate::sys::affinity::Processors;
use crate::sys::guarded::Guard;

/// Something that a goroutine has its g0 do: a function and its argument.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) function: unsafe fn(*mut ()),
    pub(crate) argument: *mut (),
    pub(crate) caller: &'static G,
}

/// What an M does instead of, or before, running goroutines. Go: `mstartfn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartFn {
    /// Takes `nextp` and schedules.
    Schedule,
    /// Never takes a P.
    Sysmon,
    /// Starts threads for Ms whose own state is not to be inherited.
    TemplateThread,
}

/// A mark that one thread sets at a time and a dump may read.
#[derive(Debug, Default)]
pub(crate) struct Mark(AtomicBool);

impl Mark {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, on: bool) {
        self.0.store(on, Ordering::Relaxed);
    }

    /// Sets it and gives what it was. Not an exchange: there is one writer.
    pub(crate) fn replace(&self, on: bool) -> bool {
        let was = self.get();
        self.set(on);
        was
    }
}

/// See the module.
#[repr(align(128))]
pub(crate) struct M {
    pub(crate) id: u32,
    pub(crate) g0: &'static G,
    /// Who runs here now; g0 while scheduling.
    pub(crate) curg: Cell<&'static G>,
    /// The P it owns. Its own thread looks and writes only while it is in the runtime.
    p: Cell<Option<&'static P>>,
    /// The biased lock that it is inside of.
    pub(crate) inside: Slot,
    /// How sysmon takes that P away from a goroutine in user code.
    pub(crate) claim: Claim,
    /// The P to begin with after a sleep. Written by the waker before the note, which synchronises.
    nextp: AtomicPtr<P>,
    /// Where it sleeps.
    pub(crate) park: Note,
    /// Whether it looks for work and counts in `Idle::spinning`. Written by the waker before the note.
    pub(crate) spinning: Mark,
    /// Whether it was woken for a lone runnext; see `wake::lone`.
    pub(crate) lone: Mark,
    /// When it last took work from another P; 0 once what came of it is known.
    pub(crate) stole_at: Cell<u64>,
    /// Whether it had been woken for that.
    pub(crate) stole_woken: Cell<bool>,
    /// The goroutine that has this M for itself.
    pub(crate) lockedg: Cell<Option<&'static G>>,
    /// A claimed goroutine that g0 must see to: it is locked to another M, or the stack cache is empty.
    pub(crate) pending: Cell<Option<&'static G>>,
    /// What g0 is asked to run.
    pub(crate) call: Cell<Option<Call>>,
    /// The goroutine that g0 runs a call for. Read by a handler on this thread.
    pub(crate) serves: Cell<Option<&'static G>>,
    /// One past the highest address of that call's frames on g0. Written before `serves`.
    pub(crate) call_end: Cell<usize>,
    /// The lowest and the highest address of g0's stack; zeros until it has served somebody. Read by a handler on this
    /// thread.
    pub(crate) g0_stack: Cell<(usize, usize)>,
    /// What a dump asks of the goroutine that runs here. Who swaps it out has it.
    pub(crate) asked: AtomicPtr<Question>,
    /// Around a walk of a stack in a handler.
    pub(crate) guard: Guard,
    pub(crate) start: StartFn,
    /// Whether its thread is there for sure. Written by who starts it.
    pub(crate) started: Mark,
    /// The kernel's id of the thread, 0 before it runs.
    pub(crate) tid: AtomicI32,
    /// The processor of who wakes it to help. Written by the waker before the note.
    pub(crate) woken_from: Cell<u32>,
    /// The processors that it may use, if its waker has barred it from one of them. Written by the waker before the note.
    pub(crate) barred: Cell<Option<Processors>>,
    /// Since when it sleeps. Under the scheduler's lock.
    pub(crate) idle_since: AtomicU64,
    /// Its signal stack, once it has one.
    pub(crate) gsignal: Cell<*mut u8>,
    /// For goroutines that are made here while it has no P.
    pub(crate) stock: Stock,
    /// Choices that goroutines make while they run here.
    pub(crate) rand: Rand,
}

// SAFETY: `Cell`s are the thread's own; `spinning`, `lone`, `woken_from`, `barred` and `nextp` are also written by a waker
// while the thread sleeps, before the note's Release.
unsafe impl Sync for M {}
// SAFETY: as above: it is made by one thread and handed to another.
unsafe impl Send for M {}

impl M {
    pub(crate) fn new(id: u32, start: StartFn) -> Self {
        let g0 = slab::single(Kind::G0);
        g0.m.store(id + 1, Ordering::Relaxed);
        Self {
            id,
            g0,
            curg: Cell::new(g0),
            p: Cell::new(None),
            inside: Slot::new(),
            claim: Claim::new(),
            nextp: AtomicPtr::new(ptr::null_mut()),
            park: Note::new(),
            spinning: Mark::default(),
            lone: Mark::default(),
            stole_at: Cell::new(0),
            stole_woken: Cell::new(false),
            lockedg: Cell::new(None),
            pending: Cell::new(None),
            call: Cell::new(None),
            serves: Cell::new(None),
            call_end: Cell::new(0),
            g0_stack: Cell::new((0, 0)),
            asked: AtomicPtr::new(ptr::null_mut()),
            guard: Guard::new(),
            start,
            started: Mark::default(),
            tid: AtomicI32::new(0),
            woken_from: Cell::new(apart::BY_NOBODY),
            barred: Cell::new(None),
            idle_since: AtomicU64::new(0),
            gsignal: Cell::new(ptr::null_mut()),
            stock: Stock::new(),
            rand: Rand::new(super::SCHED.seed.load(Ordering::Relaxed) as u64 ^ (u64::from(id) << 48)),
        }
    }

    /// What goroutines that are made here draw on. Called in the runtime.
    #[inline(always)]
    pub(crate) fn stock(&'static self) -> &'static Stock {
        match self.p() {
            Some(pp) => &pp.stock,
            None => &self.stock,
        }
    }

    /// The P it owns.
    #[inline(always)]
    pub(crate) fn p(&self) -> Option<&'static P> {
        self.p.get()
    }

    pub(crate) fn set_p(&self, pp: Option<&'static P>) {
        self.p.set(pp);
    }

    pub(crate) fn set_nextp(&self, pp: Option<&'static P>) {
        self.nextp.store(pp.map_or(ptr::null_mut(), |p| ptr::from_ref(p).cast_mut()), Ordering::Release);
    }

    pub(crate) fn take_nextp(&self) -> Option<&'static P> {
        // SAFETY: null or a P, and Ps are never freed.
        unsafe { self.nextp.swap(ptr::null_mut(), Ordering::Acquire).as_ref() }
    }
}
