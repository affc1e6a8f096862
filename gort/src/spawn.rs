//! Goroutines with a handle: `spawn`, `Builder`, `JoinHandle`, and `run` from plain threads.
//!
//! The result lies in the goroutine's descriptor, which is not reused before the handle is gone. Who is
//! last, the goroutine that has left or the handle that is dropped, frees it: the bits of
//! [`join`](crate::g::join).

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use crate::g::wait_reason::WaitReason;
use crate::g::{After, G, join};
use crate::goroutine::Goroutine;
use crate::sched::m::M;
use crate::sched::newproc::{Birth, Spec, getcallerpc, gfput, slot_read, specify};
use crate::sched::section::{self, Section};
use crate::sched::{SCHED, current, inline, park};
use crate::stack;

mod entry;

pub(crate) use entry::Finish;
use entry::{Payload, entry};

/// Starts `f`; the caller vouches for what it borrows.
///
/// # Safety
/// `f` and its result are used at most until the goroutine has published its result, or until the
/// handle is dropped if that is later; whatever they borrow must live so long.
#[inline]
#[track_caller]
pub(crate) unsafe fn spawn_unchecked<F, T, D>(
    pc: usize,
    location: &'static Location<'static>,
    f: F,
    done: D,
) -> Handle<T>
where
    F: FnOnce() -> T,
    D: Finish,
{
    // SAFETY: the caller's word.
    unsafe { launch(Birth::new(pc, location, 0), f, done) }
}

/// Starts `f` in a descriptor that is not published yet.
///
/// # Safety
/// As for [`spawn_unchecked`].
#[inline]
pub(crate) unsafe fn launch<F, T, D>(birth: Birth, f: F, done: D) -> Handle<T>
where
    F: FnOnce() -> T,
    D: Finish,
{
    let handle = Handle { gp: birth.gp(), result: PhantomData };
    birth.launch((f, done), entry::<F, T, D>);
    handle
}

/// The right to the result of a goroutine.
pub(crate) struct Handle<T> {
    gp: &'static G,
    result: PhantomData<T>,
}

// SAFETY: the result is `Send` by the bounds of those who make handles, and is taken by value, once.
unsafe impl<T> Send for Handle<T> {}
// SAFETY: a shared handle gives no access to the result.
unsafe impl<T> Sync for Handle<T> {}

impl<T> Handle<T> {
    pub(crate) fn gp(&self) -> &'static G {
        self.gp
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.gp.join.load(Ordering::Acquire) & join::DONE != 0
    }

    /// Waits for the result.
    #[inline(always)]
    pub(crate) fn join(self) -> Result<T, Payload> {
        let gp = self.gp;
        if gp.status.is_fresh()
            && let Some(mp) = inline::run_here(gp)
        {
            std::mem::forget(self);
            // SAFETY: it is over. The descriptor lies in the stock that we draw on, and we are in the runtime: until
            // we leave it nobody takes it from there.
            let result = unsafe { slot_read::<Result<T, Payload>>(gp) };
            mp.claim.exit();
            return result;
        }
        self.wait()
    }

    #[inline(never)]
    fn wait(self) -> Result<T, Payload> {
        let gp = self.gp;
        if !self.is_finished() {
            gp.joiner.set(Some(current::g()));
            park::gopark(After::JoinOn(gp), WaitReason::Join);
        }
        std::mem::forget(self);
        // Acquire: what the goroutine did, its result first of all.
        debug_assert!(gp.join.load(Ordering::Acquire) & join::DONE != 0);
        // SAFETY: DONE says that the result is there, and the handle alone may take it.
        let result = unsafe { slot_read::<Result<T, Payload>>(gp) };
        release(gp);
        result
    }
}

/// The handle is done with the descriptor.
fn release(gp: &'static G) {
    // AcqRel: the result was read before somebody else reuses the descriptor.
    if gp.join.fetch_or(join::RELEASED, Ordering::AcqRel) & join::EXITED != 0 {
        let section = section::enter();
        gfput(section.as_ref().map(Section::m), gp);
    }
}

impl<T> Drop for Handle<T> {
    #[inline]
    fn drop(&mut self) {
        // By value: a handle whose address nobody asks for stays in a register.
        // SAFETY: the handle is gone.
        unsafe { abandon::<T>(self.gp) };
    }
}

impl<T> Handle<T> {
    /// Gives up the result; whether it was there and a panic.
    pub(crate) fn release(self) -> bool {
        // Not dropped as well, also when the result's destructor panics.
        let gp = ManuallyDrop::new(self).gp;
        // SAFETY: the handle is gone.
        unsafe { abandon::<T>(gp) }
    }
}

/// Gives up the result of `gp`. True when it was there and a panic.
///
/// # Safety
/// `gp` has a handle, of a result of this type, and the caller is the last to use it.
#[inline(never)]
unsafe fn abandon<T>(gp: &'static G) -> bool {
    let mut bits = gp.join.load(Ordering::Acquire);
    while bits & join::DONE == 0 {
        // Before DONE: the goroutine will find RELEASED and drop the result itself.
        match gp.join.compare_exchange_weak(bits, bits | join::RELEASED, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => return false,
            Err(now) => bits = now,
        }
    }
    // The descriptor is ours until we release it, also when the result's destructor panics.
    struct Release(&'static G);
    impl Drop for Release {
        fn drop(&mut self) {
            release(self.0);
        }
    }
    let _release = Release(gp);
    // SAFETY: as in `join`.
    let result = unsafe { slot_read::<Result<T, Payload>>(gp) };
    result.is_err() && !gp.goexiting.get()
}

/// The goroutine of a handle, to be referred to: made when it is first asked for, or for its name, which is gone
/// from the descriptor when the goroutine is over. Few programs ask, and each join moves it.
pub(crate) struct Named(OnceLock<Box<Goroutine>>);

impl Named {
    #[inline]
    pub(crate) fn new(gp: &'static G, name: Option<Arc<str>>) -> Self {
        match name {
            None => Self(OnceLock::new()),
            Some(_) => Self(OnceLock::from(Box::new(Goroutine::of(gp, name)))),
        }
    }

    /// `gp` is the descriptor of [`new`](Self::new), and has not been reused: the handle is there.
    pub(crate) fn get(&self, gp: &'static G) -> &Goroutine {
        self.0.get_or_init(|| Box::new(Goroutine::of(gp, None)))
    }
}

/// Waits for a goroutine and takes its result: `std::thread::JoinHandle` for goroutines. Dropping it
/// detaches the goroutine.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let handle = gort::spawn(|| 6 * 7);
/// assert_eq!(handle.join().unwrap(), 42);
/// # });
/// ```
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let handle = gort::spawn(gort::current);
/// let goroutine = handle.goroutine().clone();
/// while !handle.is_finished() {
///     gort::yield_now();
/// }
/// assert_eq!(handle.join().unwrap().id(), goroutine.id());
/// # });
/// ```
pub struct JoinHandle<T> {
    handle: Handle<T>,
    goroutine: Named,
}

impl<T> JoinHandle<T> {
    #[inline]
    pub(crate) fn new(handle: Handle<T>, name: Option<Arc<str>>) -> Self {
        let goroutine = Named::new(handle.gp(), name);
        Self { handle, goroutine }
    }

    /// Blocks until the goroutine is over and gives its result. May move the goroutine that calls it to
    /// another thread.
    ///
    /// One that has not started yet may be run right there, on the caller's stack, as the goroutine that it is: with
    /// its own locals, labels, panic and traceback. Only where at least 128 KiB are left, or what it has asked
    /// for if that is more, and not when the caller is locked to its thread, pinned or panicking.
    ///
    /// # Errors
    /// The payload of its panic, as with `std::thread`; if it was ended by [`goexit`](crate::goexit), a
    /// `&str` that says so.
    #[inline(always)]
    pub fn join(self) -> std::thread::Result<T> {
        self.handle.join()
    }

    /// Whether [`join`](Self::join) would not wait.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// The goroutine.
    #[doc(alias = "thread")]
    pub fn goroutine(&self) -> &Goroutine {
        self.goroutine.get(self.handle.gp())
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("goroutine", self.goroutine()).finish_non_exhaustive()
    }
}

/// Starts `f` as a goroutine and gives a handle to wait for its result. From a plain thread too, once a
/// runtime runs. Never blocks.
///
/// A panic in it is the error of [`JoinHandle::join`]. It may count on 128 KiB of stack, also when it is run
/// on its joiner's; [`Builder::stack_size`] gives more.
///
/// # Panics
/// When no runtime runs.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let squares: Vec<_> = (0..10).map(|i| gort::spawn(move || i * i)).collect();
/// let sum: i32 = squares.into_iter().map(|s| s.join().unwrap()).sum();
/// assert_eq!(sum, 285);
/// # });
/// ```
#[inline(always)]
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // SAFETY: 'static: nothing is borrowed.
    JoinHandle::new(unsafe { spawn_unchecked(getcallerpc(), Location::caller(), f, ()) }, None)
}

/// Settings of a goroutine to be made: `std::thread::Builder` for goroutines.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let handle = gort::Builder::new()
///     .name("deep".into())
///     .stack_size(4 << 20)
///     .spawn(|| gort::current().name().map(str::to_owned))
///     .unwrap();
/// assert_eq!(handle.join().unwrap().as_deref(), Some("deep"));
/// # });
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Builder {
    spec: Spec,
}

impl Builder {
    /// A goroutine like any other.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names it, for tracebacks and [`Goroutine::name`].
    pub fn name(mut self, name: String) -> Self {
        self.spec.name = Some(name.into());
        self
    }

    /// Usable bytes of its stack, rounded up to an order of sizes as in [`Options::stack_size`], but more than the
    /// largest is an error of [`spawn`](Self::spawn).
    ///
    /// A goroutine that asks for no more than the default's 192 KiB may be run on the stack of its joiner, where it
    /// finds at least 128 KiB; one that asks for more finds what it asks for.
    ///
    /// [`Options::stack_size`]: crate::Options::stack_size
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.spec.stack_size = Some(bytes);
        self
    }

    /// A descriptor with its stack attached at once, so that failure can be told.
    #[track_caller]
    pub(crate) fn prepare(&self, pc: usize, location: &'static Location<'static>) -> io::Result<Birth> {
        if let Some(size) = self.spec.stack_size
            && stack::order_for(size).is_none()
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("gort: a stack of {size} bytes is more than the largest, 1 GiB with its guard"),
            ));
        }
        let mut birth = Birth::try_new(pc, location, 0)?;
        specify(&mut birth, &self.spec);
        let order = birth.gp().order.get();
        let stack = match birth.m().and_then(M::p) {
            // SAFETY: this thread's M owns the P.
            Some(pp) => unsafe { pp.stacks.alloc(order) },
            None => {
                let mut one = Vec::new();
                stack::pool::take(order, 1, &mut one).map(|()| stack::Stack::from_raw(one[0], order))
            }
        };
        match stack {
            Ok(stack) => {
                birth.gp().set_stack(Some(stack));
                Ok(birth)
            }
            Err(e) => {
                birth.abandon();
                Err(e)
            }
        }
    }

    /// Starts `f` as a goroutine.
    ///
    /// # Errors
    /// When its stack cannot be had: no address space or no mapping
    /// ([`OutOfMemory`](io::ErrorKind::OutOfMemory)), or a size past the largest
    /// ([`InvalidInput`](io::ErrorKind::InvalidInput)). `f` is dropped. For the other ways to start a goroutine
    /// that is the end of the process, as in Go: `fatal error: out of memory`, what all goroutines do, status 2.
    ///
    /// # Panics
    /// When no runtime runs.
    #[inline(always)]
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let birth = self.prepare(getcallerpc(), Location::caller())?;
        // SAFETY: 'static: nothing is borrowed.
        Ok(JoinHandle::new(unsafe { launch(birth, f, ()) }, self.spec.name))
    }

    pub(crate) fn into_name(self) -> Option<Arc<str>> {
        self.spec.name
    }
}

/// Runs `f` as a goroutine and waits for its result: the way from a plain thread into the runtime. May
/// be nested and called from several threads at once. It does not wait for goroutines that `f` starts.
///
/// # Panics
/// With `f`'s panic; and when no runtime runs.
///
/// ```
/// // SAFETY: no value that depends on its thread is held across a blocking call.
/// unsafe { gort::boot(gort::Options::default()).unwrap() };
/// let answer = gort::run(|| gort::spawn(|| 42).join().unwrap());
/// assert_eq!(answer, 42);
/// ```
#[inline(always)]
#[track_caller]
pub fn run<F, T>(f: F) -> T
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    // SAFETY: joined before this function returns or unwinds; what `f` borrows outlives the call.
    let handle = unsafe { spawn_unchecked(getcallerpc(), Location::caller(), f, ()) };
    match handle.join() {
        Ok(result) => result,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

/// Goroutines of the user's that have begun and not ended, the main goroutine included.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// assert!(gort::num_goroutine() >= 1);
/// # });
/// ```
#[doc(alias = "NumGoroutine")]
pub fn num_goroutine() -> usize {
    SCHED.num_goroutine() as usize
}
