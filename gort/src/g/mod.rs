//! The goroutine descriptor.
//!
//! A G is type-stable: it lives in a [`slab`], is reused for one goroutine after another and never
//! freed, so that a reference to it is `'static`, and sysmon, dumps and late wakers may read it at any
//! time. What is private to a running goroutine is a `Cell`; what others may read is an atomic.
//!
//! The same descriptor stands for a g0 (the system stack of an M) and for a plain thread that waits in
//! gort: [`Kind`].
//!
//! Absences: g never calls sched; a G knows its M by number only.
//!
//! Go: runtime2.go `g`.

pub(crate) mod commit;
#[cfg(not(loom))]
pub(crate) mod entry;
#[cfg(not(loom))]
pub(crate) mod extras;
#[cfg(not(loom))]
pub(crate) mod slab;
pub(crate) mod status;
pub(crate) mod wait_reason;
pub(crate) mod wakeup;

#[cfg(not(loom))]
pub(crate) use descriptor::*;
#[cfg(loom)]
#[path = "../model/g.rs"]
mod descriptor;
#[cfg(loom)]
pub(crate) use descriptor::*;

#[cfg(not(loom))]
mod descriptor {
    use std::cell::{Cell, UnsafeCell};
    use std::mem::MaybeUninit;
    use std::panic::Location;
    use std::ptr;
    use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

    use super::commit::Commit;
    use super::extras::Extras;
    use super::status::{Status, StatusWord};
    use super::wait_reason::{Arms, WaitReason};
    use super::wakeup::Wakeup;
    use crate::biased_lock::BiasedLock;
    use crate::gobuf::Gobuf;
    use crate::lock::Lock;
    use crate::stack::Stack;
    use crate::sys::mem;

    /// What a G stands for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[repr(u8)]
    pub(crate) enum Kind {
        /// A goroutine of the user's.
        User = 0,
        /// A goroutine of the runtime's own, not counted. Go: `isSystemGoroutine`.
        System = 1,
        /// The system stack of an M.
        G0 = 2,
        /// A plain thread that waits in gort: woken by its futex word.
        Thread = 3,
    }

    /// What the resumed side does for the side that left, once that side's registers are saved. Data
    /// and not a closure: no action parks, allocates, runs user code, or takes a lock that somebody
    /// may hold while waiting for us.
    #[derive(Clone, Copy)]
    pub(crate) enum After {
        /// Nothing: a g0 leaves, or a goroutine asks its g0 for something.
        Nothing,
        /// Release this lock: the goroutine has queued itself under it.
        Unlock(*const Lock),
        /// The same, of a channel's.
        UnlockBiased(*const BiasedLock),
        /// Commit the wait of its commit word.
        Commit,
        /// The same, of one who waits for one of several things.
        CommitOne(*const &'static dyn Arms),
        /// Wait for the end of this goroutine.
        JoinOn(&'static G),
        /// It gives way: to the tail of the queue.
        Requeue,
        /// It is over: free it and its stack.
        Dead,
    }

    /// Bits of [`G::join`].
    pub(crate) mod join {
        /// The result is in the slot.
        pub(crate) const DONE: u32 = 1;
        /// `joiner` waits to be readied.
        pub(crate) const WAITING: u32 = 2;
        /// The handle is gone, or never was: nobody asks for the result.
        pub(crate) const RELEASED: u32 = 4;
        /// The goroutine has left the descriptor. Who sets the second of RELEASED and EXITED frees it.
        pub(crate) const EXITED: u32 = 8;
    }

    /// Lines of a stack that are asked for ahead of its running, from the one below the stack pointer on.
    const STACK_LINES: usize = 7;

    /// Words of the closure or result that a descriptor holds itself; larger ones are boxed.
    pub(crate) const SLOT_WORDS: usize = 11;

    /// See the module.
    #[repr(C, align(128))]
    pub(crate) struct G {
        /// See [`super::status`].
        pub(crate) status: StatusWord,
        pub(crate) kind: Cell<Kind>,
        /// Order of the stack that the goroutine asks for. Written at newproc.
        pub(crate) order: Cell<u8>,
        /// Whether `goexit` unwinds it.
        pub(crate) goexiting: Cell<bool>,
        /// Whether a dump has left its walker on the stack. Written by the walker.
        pub(crate) walks: Cell<bool>,
        /// Number of the M that runs it, plus one. Read by dumps.
        pub(crate) m: AtomicU32,
        pub(crate) gobuf: Gobuf,
        /// Written by the leaving side, read by the resumed side.
        pub(crate) after: Cell<After>,
        /// Runs the closure in the slot and leaves the result there. Written at newproc.
        pub(crate) entry: Cell<unsafe extern "C" fn(&'static G)>,
        /// Base of the stack, 0 for none. Written by whoever runs it.
        stack: AtomicUsize,
        /// Number of the M that it is locked to, plus one. Written by itself.
        pub(crate) lockedm: AtomicU32,
        /// [`join`] bits.
        pub(crate) join: AtomicU32,
        // Second line: with the first, all that a goroutine with a small closure touches.
        /// The `park`/`unpark` token; see `parker`.
        pub(crate) token: AtomicU32,
        /// Depth of `lock_os_thread`. Written by itself.
        pub(crate) lock_depth: Cell<u32>,
        pub(crate) goid: AtomicU64,
        /// An address in the function whose `go!` made it. Go: `gopc`.
        pub(crate) gopc: AtomicUsize,
        /// Where that `go!` stands.
        location: AtomicPtr<Location<'static>>,
        /// The goroutine that made it. Go: `parentGoid`.
        pub(crate) parent: AtomicU64,
        /// What few goroutines have. Owned by the goroutine; dumps read it under the scan word.
        extras: AtomicPtr<Extras>,
        slot: UnsafeCell<[MaybeUninit<u64>; SLOT_WORDS]>,
        // Last line: with the first, all that one touches that waits.
        /// See [`super::commit`].
        pub(crate) commit: Commit,
        /// Who waits in `join`. Written by the joiner before it sets WAITING, or before it runs the goroutine
        /// on its own stack; of no meaning otherwise.
        pub(crate) joiner: Cell<Option<&'static G>>,
        /// The goroutine that runs on this one's stack, above its frames, and that it waits for: the inline join.
        /// Written by both, while they run; read by dumps.
        guest: AtomicPtr<G>,
        /// If it runs on the stack of its joiner: the address where its own frames end. Written by the joiner.
        boundary: AtomicUsize,
        /// Number of the wait that a token would end. Written by the goroutine before the token.
        pub(crate) token_seq: AtomicU64,
        /// A plain thread's wake-up word.
        pub(crate) futex: Wakeup,
        /// [`WaitReason`], and above it since when: written by the goroutine before it waits, read by dumps.
        wait: AtomicU32,
    }

    const _: () = assert!(size_of::<G>() == 256);

    /// The entry of who was never given one.
    unsafe extern "C" fn no_entry(_: &'static G) {
        crate::sys::throw("a goroutine without a function");
    }

    // SAFETY: every `Cell` and the slot are touched by one thread at a time: by the goroutine itself
    // while it runs, by its maker before it is published as Runnable (Release) and claimed (Acquire),
    // by the resumed side of a switch, and after DONE (Release) by the holder of the handle.
    unsafe impl Sync for G {}

    impl G {
        pub(crate) fn new() -> Self {
            Self {
                status: StatusWord::new(),
                wait: AtomicU32::new(0),
                kind: Cell::new(Kind::User),
                order: Cell::new(0),
                goexiting: Cell::new(false),
                walks: Cell::new(false),
                gobuf: Gobuf::new(),
                after: Cell::new(After::Nothing),
                entry: Cell::new(no_entry),
                stack: AtomicUsize::new(0),
                m: AtomicU32::new(0),
                lockedm: AtomicU32::new(0),
                join: AtomicU32::new(0),
                token: AtomicU32::new(0),
                goid: AtomicU64::new(0),
                gopc: AtomicUsize::new(0),
                location: AtomicPtr::new(ptr::null_mut()),
                parent: AtomicU64::new(0),
                extras: AtomicPtr::new(ptr::null_mut()),
                slot: UnsafeCell::new([const { MaybeUninit::uninit() }; SLOT_WORDS]),
                commit: Commit::new(),
                joiner: Cell::new(None),
                guest: AtomicPtr::new(ptr::null_mut()),
                boundary: AtomicUsize::new(0),
                token_seq: AtomicU64::new(0),
                futex: Wakeup::new(),
                lock_depth: Cell::new(0),
            }
        }

        #[inline]
        pub(crate) fn id(&self) -> u64 {
            self.goid.load(Ordering::Relaxed)
        }

        #[inline]
        pub(crate) fn is_thread(&self) -> bool {
            self.kind.get() == Kind::Thread
        }

        /// The stack it runs on, if it has run yet. Its order is the goroutine's own: a stack is
        /// inherited only by a goroutine that asks for the same.
        #[inline]
        pub(crate) fn stack(&self) -> Option<Stack> {
            match self.stack.load(Ordering::Relaxed) {
                0 => None,
                base => Some(Stack::from_raw(base, self.order.get())),
            }
        }

        /// The same; if it has none, one at address 0.
        #[inline(always)]
        pub(crate) fn stack_or_null(&self) -> Stack {
            Stack::from_raw(self.stack.load(Ordering::Relaxed), self.order.get())
        }

        #[inline]
        pub(crate) fn set_stack(&self, stack: Option<Stack>) {
            debug_assert!(stack.is_none_or(|s| s.order() == self.order.get()));
            self.stack.store(stack.map_or(0, Stack::base), Ordering::Relaxed);
        }

        /// Moves in on `stack`, that of `host`, which waits for it, below `boundary`. By the host, which has claimed it.
        #[inline]
        pub(crate) fn move_in(&'static self, host: &'static G, stack: Stack, boundary: usize) {
            self.order.set(stack.order());
            self.stack.store(stack.base(), Ordering::Relaxed);
            self.joiner.set(Some(host));
            self.boundary.store(boundary, Ordering::Relaxed);
            // Release: pairs with the Acquire in `guest`, for dumps.
            self.m.store(host.m.load(Ordering::Relaxed), Ordering::Relaxed);
            host.guest.store(ptr::from_ref(self).cast_mut(), Ordering::Release);
        }

        /// Undoes [`move_in`](Self::move_in) when it is over: the host's stack is its own again.
        #[inline]
        pub(crate) fn move_out(&self, host: &'static G) {
            host.m.store(self.m.load(Ordering::Relaxed), Ordering::Relaxed);
            host.guest.store(ptr::null_mut(), Ordering::Relaxed);
            self.boundary.store(0, Ordering::Relaxed);
            self.stack.store(0, Ordering::Relaxed);
        }

        /// The goroutine that runs on this one's stack.
        #[inline]
        pub(crate) fn guest(&self) -> Option<&'static G> {
            // SAFETY: null or a descriptor, which is never freed. Acquire: pairs with the Release in `move_in`.
            unsafe { self.guest.load(Ordering::Acquire).as_ref() }
        }

        /// The goroutine on whose stack this one runs. For itself, or under its scan word.
        #[inline]
        pub(crate) fn host(&self) -> Option<&'static G> {
            if self.is_guest() { self.joiner.get() } else { None }
        }

        #[inline]
        pub(crate) fn is_guest(&self) -> bool {
            self.boundary.load(Ordering::Relaxed) != 0
        }

        /// An address on its `stack` above its own frames, and below those of others. For itself.
        #[inline(always)]
        pub(crate) fn frames_begin(&self, stack: Stack) -> usize {
            match self.boundary.load(Ordering::Relaxed) {
                0 => stack.hi(),
                boundary => boundary,
            }
        }

        /// One past the highest address of its own frames.
        pub(crate) fn frames_end(&self) -> usize {
            match self.boundary.load(Ordering::Relaxed) {
                0 => usize::MAX,
                boundary => boundary,
            }
        }

        /// Status and what it waits for, as others are to see it. One that waits for its guest has Running in
        /// its word, because it goes on without being woken.
        pub(crate) fn shown_status(&self) -> (Status, WaitReason) {
            match self.status.get().0 {
                Status::Running if self.guest().is_some() => (Status::Waiting, WaitReason::Join),
                Status::Waiting => (Status::Waiting, self.wait().0),
                status => (status, WaitReason::None),
            }
        }

        /// Where the `go!` stands that made it.
        pub(crate) fn location(&self) -> Option<&'static Location<'static>> {
            // SAFETY: null or what `set_location` was given.
            unsafe { self.location.load(Ordering::Relaxed).as_ref() }
        }

        #[inline]
        pub(crate) fn set_location(&self, location: &'static Location<'static>) {
            self.location.store(ptr::from_ref(location).cast_mut(), Ordering::Relaxed);
        }

        /// Why it is about to wait, and the coarse time (see `Sched::coarse`).
        #[inline]
        pub(crate) fn set_wait(&self, reason: WaitReason, now: u32) {
            self.wait.store(now << 8 | reason as u32, Ordering::Relaxed);
        }

        /// What [`set_wait`](Self::set_wait) was told last.
        pub(crate) fn wait(&self) -> (WaitReason, u32) {
            let word = self.wait.load(Ordering::Relaxed);
            // SAFETY: written by `set_wait` alone, or zero, which is `None`.
            (unsafe { std::mem::transmute::<u8, WaitReason>(word as u8) }, word >> 8)
        }

        /// Memory for the closure, then for the result.
        #[inline]
        pub(crate) fn slot(&self) -> *mut u8 {
            self.slot.get().cast()
        }

        /// Asks the processor for what running it touches of the descriptor: of one that has not run yet, or that waited.
        #[inline(always)]
        pub(crate) fn prefetch(&self, fresh: bool) {
            let at = ptr::from_ref(self) as usize;
            mem::prefetch_to_write(at);
            mem::prefetch_to_write(at + if fresh { 64 } else { std::mem::offset_of!(G, commit) });
        }

        /// The same for its stack, if it is parked: registers, the frames up to the user's own, and what will be
        /// called before it parks again. Reads the descriptor.
        #[inline(always)]
        pub(crate) fn prefetch_stack(&self) {
            let sp = self.gobuf.sp();
            for line in 0..STACK_LINES {
                mem::prefetch(sp.wrapping_sub(64).wrapping_add(line * 64));
            }
        }

        /// The extras, if it has any. Only the goroutine itself, or a scanner, may look.
        #[inline]
        pub(crate) fn extras(&self) -> *mut Extras {
            self.extras.load(Ordering::Relaxed)
        }

        #[inline]
        pub(crate) fn set_extras(&self, extras: *mut Extras) {
            // Release: a scanner that follows the pointer sees what it points to.
            self.extras.store(extras, Ordering::Release);
        }
    }
}
