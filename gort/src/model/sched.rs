//! The scheduler of a model: what `sched` offers to the layers above it, with loom's threads for goroutines.
//!
//! Under loom these modules stand in the place of `sched`, `sys` and the descriptor, so that the queues, channels
//! and locks above are checked as they are. What the real ones promise, and what they have models of their
//! own for, is taken for granted here: a G that was readied runs (`idle`, `runq`), once and after its registers
//! were saved (`g::commit`, `g::status`).
//!
//! Time is [`SOON`] after one call of [`time_comes`], made by a thread of the model: a time-out may strike at any
//! moment. Alarms may have other times, which come by [`time_is`].

use std::sync::Arc;

use crate::g::G;
use crate::netpoll::{self, side::Side};
use crate::sys::clock::SOON;

loom::lazy_static! {
    pub(crate) static ref WORLD: World = World::new();
}

loom::thread_local! {
    static ME: std::cell::Cell<Option<&'static G>> = std::cell::Cell::new(None);
}

/// Whom [`time_is`] is to wake, or what it is to fire.
pub(crate) enum Alarm {
    Wait(&'static G, crate::g::commit::Seq),
    Sleeper(&'static G),
    Socket(&'static Side, u32),
    /// When, whose time that is, and the number under which it was set.
    Fire(u64, Arc<dyn timer::Alarm>, u64),
}

impl Alarm {
    /// Whether it rings when it is `now`, which is not before [`SOON`].
    fn is_due(&self, now: u64) -> bool {
        match self {
            Self::Fire(when, ..) => *when <= now,
            Self::Wait(..) | Self::Sleeper(_) | Self::Socket(..) => true,
        }
    }
}

/// All that belongs to one execution of a model.
pub(crate) struct World {
    gs: [G; loom::MAX_THREADS],
    /// How many of them are taken. Not loom's: who takes which is no step of the program under test.
    taken: std::sync::atomic::AtomicUsize,
    pub(crate) now: crate::primitive::AtomicU64,
    alarms: loom::sync::Mutex<Vec<Alarm>>,
    /// Those that were started and are not waited for yet. Not loom's, as above.
    goroutines: std::sync::Mutex<Vec<loom::thread::JoinHandle<()>>>,
    /// Whether waiters are plain threads, which time out by themselves, and not goroutines.
    threads: std::sync::atomic::AtomicBool,
    /// Whether takers of a mutex spin.
    spins: std::sync::atomic::AtomicBool,
}

impl World {
    fn new() -> Self {
        Self {
            gs: std::array::from_fn(|_| G::new()),
            taken: 0.into(),
            now: crate::primitive::AtomicU64::new(0),
            alarms: loom::sync::Mutex::new(Vec::new()),
            goroutines: std::sync::Mutex::new(Vec::new()),
            threads: false.into(),
            spins: false.into(),
        }
    }

    /// Has `alarm` ring when the time comes. False when it has come.
    pub(crate) fn set(&self, alarm: Alarm) -> bool {
        let mut alarms = self.alarms.lock().unwrap();
        let in_time = !self.time_has_come();
        if in_time {
            alarms.push(alarm);
        }
        in_time
    }

    /// Has an alarm fire when its time comes. One whose time has come fires at the next [`time_is`] and not here, where
    /// its lock is held: so does a heap, which somebody looks at later.
    fn set_to_fire(&self, when: u64, alarm: Arc<dyn timer::Alarm>, seq: u64) {
        self.alarms.lock().unwrap().push(Alarm::Fire(when, alarm, seq));
    }

    pub(crate) fn time_has_come(&self) -> bool {
        self.now.load(std::sync::atomic::Ordering::Relaxed) >= SOON
    }

    /// The thread that sleeps on this word.
    pub(crate) fn owner(&'static self, word: *const crate::primitive::AtomicU32) -> &'static G {
        let gp = self.gs.iter().find(|gp| std::ptr::from_ref(&gp.futex).cast() == word);
        gp.expect("the word of a G")
    }
}

/// The kernel wakes a sleeping thread.
pub(crate) fn ring(gp: &'static G) {
    let _kernel = gp.runnable.lock().unwrap();
    gp.readied.notify_one();
}

/// The time of a wait at a socket has come.
fn expire(side: &'static Side, n: u32) {
    if let Some(gp) = side.expire(n).and_then(netpoll::taken) {
        park::goready(gp);
    }
}

/// The time comes that all time-outs of a model wait for.
pub(crate) fn time_comes() {
    time_is(SOON);
}

/// The time comes that is `now`: [`SOON`], or a later one that only alarms wait for.
pub(crate) fn time_is(now: u64) {
    let due: Vec<_> = {
        let mut alarms = WORLD.alarms.lock().unwrap();
        WORLD.now.store(now, std::sync::atomic::Ordering::Relaxed);
        alarms.extract_if(.., |alarm| alarm.is_due(now)).collect()
    };
    for alarm in due {
        match alarm {
            Alarm::Wait(gp, seq) => {
                park::notify(gp, seq);
            }
            Alarm::Sleeper(gp) => ring(gp),
            Alarm::Socket(side, n) => expire(side, n),
            Alarm::Fire(_, alarm, seq) => alarm.fire(seq),
        }
    }
}

/// Waits for all goroutines that the code under test has started.
pub(crate) fn goroutines_end() {
    while let Some(goroutine) = next_goroutine() {
        goroutine.join().unwrap();
    }
}

fn next_goroutine() -> Option<loom::thread::JoinHandle<()>> {
    WORLD.goroutines.lock().unwrap().pop()
}

/// Waiters of this execution are plain threads. To be called first.
pub(crate) fn waiters_are_threads() {
    WORLD.threads.store(true, std::sync::atomic::Ordering::Relaxed);
}

/// Takers of a mutex spin in this execution. To be called first.
pub(crate) fn mutexes_spin() {
    WORLD.spins.store(true, std::sync::atomic::Ordering::Relaxed);
}

/// Runs `f` under loom in all ways in which its threads take turns, with at most `preemptions` turns that a thread
/// did not give away by itself.
pub(crate) fn check(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.check(move || {
        // Made before any thread of the model, so that it orders nothing between them.
        let _ = current::g();
        f();
    });
}

/// A number that threads take turns at, by what the model checks: loom reports two at a time.
pub(crate) struct Guarded(crate::primitive::UnsafeCell<u32>);

// SAFETY: loom checks that accesses exclude each other.
unsafe impl Sync for Guarded {}

impl Guarded {
    pub(crate) fn new() -> Self {
        Self(crate::primitive::UnsafeCell::new(0))
    }

    pub(crate) fn add(&self) {
        // SAFETY: loom checks that nobody else is at it.
        self.0.with_mut(|n| unsafe { *n += 1 });
    }

    pub(crate) fn get(&self) -> u32 {
        // SAFETY: loom checks that nobody changes it.
        self.0.with(|n| unsafe { *n })
    }
}

pub(crate) mod timer {
    use std::sync::Arc;

    pub(crate) use super::park::Timers;

    /// As the runtime's.
    pub(crate) trait Alarm: Send + Sync {
        fn fire(self: Arc<Self>, seq: u64);
        fn is_set(&self, seq: u64) -> bool;
    }

    /// What an entry of a heap is for.
    pub(crate) enum Target {
        Alarm(Arc<dyn Alarm>, u64),
        Socket(&'static crate::netpoll::side::Side, u32),
    }
}

pub(crate) mod current {
    use super::{ME, WORLD};
    use crate::biased_lock::Slot;
    use crate::g::G;

    pub(crate) fn g() -> &'static G {
        ME.with(|me| {
            if let Some(gp) = me.get() {
                return gp;
            }
            let gp = &WORLD.gs[WORLD.taken.fetch_add(1, std::sync::atomic::Ordering::Relaxed)];
            me.set(Some(gp));
            gp
        })
    }

    /// In a model one runs.
    pub(crate) fn require_runtime() {}

    /// Models take a channel's lock as one that is not biased: `biased_lock` has its own.
    pub(crate) fn slot() -> Option<&'static Slot> {
        None
    }

    /// The index of who calls, from 1.
    pub(crate) fn note() -> i64 {
        let gp = g();
        WORLD.gs.iter().position(|other| std::ptr::eq(other, gp)).map_or(0, |i| i as i64 + 1)
    }

    /// Models choose an order by their arms'.
    pub(crate) fn random_below(_: u32) -> u32 {
        0
    }

    pub(crate) fn may_spin() -> bool {
        WORLD.spins.load(std::sync::atomic::Ordering::Relaxed)
    }
}

pub(crate) mod park {
    use super::{Alarm, WORLD, current};
    use crate::g::commit::{Notify, Seq};
    use crate::g::wait_reason::{Arms, WaitReason};
    use crate::g::{After, G};
    use crate::lock::Lock;
    use crate::sched::timer::Target;
    use crate::sys::clock::{NEVER, nanotime};
    use std::sync::atomic::Ordering;

    /// Parks until readied; false when a plain thread's time came first.
    fn wait(after: After, deadline: u64) -> bool {
        let gp = current::g();
        let parked = match after {
            After::Unlock(lock) => {
                // SAFETY: the waiter holds it, and it lives while somebody waits under it.
                unsafe { (*lock).unlock() };
                true
            }
            After::UnlockBiased(lock) => {
                // SAFETY: as above.
                unsafe { (*lock).unlock(current::slot()) };
                true
            }
            After::Commit => gp.commit.commit(),
        };
        if !parked {
            return true;
        }
        if is_thread() {
            return gp.futex.sleep(deadline, || gp.commit.abandon());
        }
        let mut runnable = gp.runnable.lock().unwrap();
        while !std::mem::take(&mut *runnable) {
            runnable = gp.readied.wait(runnable).unwrap();
        }
        true
    }

    fn is_thread() -> bool {
        WORLD.threads.load(Ordering::Relaxed)
    }

    pub(crate) fn gopark(after: After, _: WaitReason) {
        wait(after, NEVER);
    }

    pub(crate) use gopark as gopark_inline;

    pub(crate) fn gopark_unlock(lock: &Lock, reason: WaitReason) {
        gopark(After::Unlock(lock), reason);
    }

    pub(crate) fn goready(gp: &'static G) {
        if is_thread() {
            gp.futex.set();
            return gp.futex.ring();
        }
        let mut runnable = gp.runnable.lock().unwrap();
        assert!(!std::mem::replace(&mut *runnable, true), "readied twice");
        gp.readied.notify_one();
    }

    pub(crate) fn notify(gp: &'static G, seq: Seq) -> bool {
        match gp.commit.notify(seq) {
            Notify::Stale => false,
            Notify::WillSee => true,
            Notify::Ready => {
                goready(gp);
                true
            }
        }
    }

    pub(crate) fn park_commit(
        deadline: u64,
        _: WaitReason,
        begin: impl FnOnce(&'static G, Seq) -> bool,
    ) -> bool {
        let gp = current::g();
        let seq = gp.commit.begin();
        if !begin(gp, seq) {
            return gp.commit.end();
        }
        if is_thread() {
            let in_time = wait(After::Commit, deadline);
            gp.commit.end();
            return in_time;
        }
        if deadline != NEVER && !WORLD.set(Alarm::Wait(gp, seq)) {
            // A heap whose earliest entry is due: it is run at once.
            let _ = notify(gp, seq);
        }
        wait(After::Commit, NEVER);
        let notified = gp.commit.end();
        if deadline == NEVER { notified } else { nanotime() < deadline }
    }

    pub(crate) fn park_select(
        deadline: u64,
        _: &dyn Arms,
        reason: WaitReason,
        begin: impl FnOnce(&'static G, Seq) -> bool,
    ) -> bool {
        park_commit(deadline, reason, begin)
    }

    /// The heap that a timer is on.
    pub(crate) struct Timers;

    impl Timers {
        pub(crate) fn count_stale(&self) {}
    }

    pub(crate) fn start_timer(when: u64, target: Target) -> &'static Timers {
        match target {
            Target::Alarm(alarm, seq) => WORLD.set_to_fire(when, alarm, seq),
            Target::Socket(side, n) => {
                if !WORLD.set(Alarm::Socket(side, n)) {
                    super::expire(side, n);
                }
            }
        }
        &Timers
    }

    pub(crate) fn sleep_until(deadline: u64) {
        park_commit(deadline, WaitReason::Sleep, |_, _| true);
    }

    pub(crate) fn check_preempt() -> Option<&'static crate::biased_lock::Slot> {
        current::slot()
    }

    pub(crate) fn keep_thread<R>(f: impl FnOnce() -> R) -> R {
        f()
    }
}

pub(crate) mod newproc {
    use super::WORLD;
    use std::panic::Location;

    /// Starts `f` as a thread of the model. A panic of it is the model's end.
    pub(crate) fn newproc<T>(
        _: usize,
        _: &'static Location<'static>,
        _: Option<&()>,
        f: impl FnOnce() -> T + Send + 'static,
    ) {
        let goroutine = loom::thread::spawn(|| drop(f()));
        WORLD.goroutines.lock().unwrap().push(goroutine);
    }

    pub(crate) fn getcallerpc() -> usize {
        0
    }
}
