//! Scoped goroutines, as `std::thread::scope`: they may borrow, since the scope waits for them.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::g::wait_reason::WaitReason;
use crate::goroutine::Goroutine;
use crate::sched::current;
use crate::sched::newproc::getcallerpc;
use crate::spawn::{Builder, Finish, Handle, Named, launch, spawn_unchecked};
use crate::wait::Monitor;

/// What the scope and its goroutines share; it lives on the stack of [`scope`].
#[repr(C)]
struct Data {
    /// First: dumps know a scope by its lock, beside which the number stands for them.
    running: Monitor<usize>,
    /// Whether a goroutine that nobody joined has panicked.
    panicked: AtomicBool,
}

impl Data {
    fn note(&self, running: usize) {
        self.running.note().store(running as i64, Ordering::Relaxed);
    }
}

/// One goroutine of a scope: counted in when made, counted out when it and its result are gone.
struct Member<'a>(&'a Data);

impl<'a> Member<'a> {
    fn new(data: &'a Data) -> Self {
        data.running.with(|n| {
            *n += 1;
            data.note(*n);
        });
        Self(data)
    }
}

impl Finish for Member<'_> {
    fn finish(self, panicked: bool) {
        if panicked {
            self.0.panicked.store(true, Ordering::Relaxed);
        }
        // The lock inside orders the store before the scope's look.
        self.0.running.wake_all_if(|n| {
            *n -= 1;
            self.0.note(*n);
            *n == 0
        });
    }
}

/// Where scoped goroutines are started; see [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    data: Data,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// Runs `f`, which may start goroutines that borrow from the caller, and waits for all of them.
///
/// Blocks, and so may move the goroutine to another thread. Works on plain threads too.
///
/// # Panics
/// With `f`'s panic; when a goroutine of the scope that was not joined has panicked; and when no runtime runs.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let mut a = vec![1, 2, 3];
/// let mut sum = 0;
/// gort::scope(|s| {
///     s.spawn(|| sum = a.iter().sum());
/// });
/// a.push(sum);
/// assert_eq!(a, [1, 2, 3, 6]);
/// # });
/// ```
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    current::require_runtime();
    let scope = Scope {
        data: Data { running: Monitor::new(0), panicked: AtomicBool::new(false) },
        scope: PhantomData,
        env: PhantomData,
    };
    let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
    loop {
        let mut done = true;
        scope.data.running.wait_if(WaitReason::Scope, |n| {
            done = *n == 0;
            !done
        });
        if done {
            break;
        }
    }
    match result {
        Err(payload) => resume_unwind(payload),
        Ok(_) if scope.data.panicked.load(Ordering::Relaxed) => panic!("a scoped goroutine panicked"),
        Ok(result) => result,
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Starts a goroutine that the scope waits for.
    ///
    /// # Panics
    /// When no runtime runs.
    #[inline(always)]
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let member = Member::new(&self.data);
        // SAFETY: the scope waits until the goroutine has finished its member, which it does when the
        // closure and its result are gone from its hands; the handle cannot outlive the scope.
        let handle = unsafe { spawn_unchecked(getcallerpc(), Location::caller(), f, member) };
        ScopedJoinHandle::new(handle, None, &self.data)
    }
}

impl Builder {
    /// [`Builder::spawn`] for a goroutine of a scope.
    ///
    /// # Errors
    /// As for [`Builder::spawn`].
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let text = String::from("borrowed");
    /// let len = gort::scope(|s| {
    ///     let b = gort::Builder::new().stack_size(1 << 20);
    ///     b.spawn_scoped(s, || text.len()).unwrap().join().unwrap()
    /// });
    /// assert_eq!(len, 8);
    /// # });
    /// ```
    #[inline(always)]
    #[track_caller]
    pub fn spawn_scoped<'scope, F, T>(
        self,
        scope: &'scope Scope<'scope, '_>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let birth = self.prepare(getcallerpc(), Location::caller())?;
        let member = Member::new(&scope.data);
        // SAFETY: as in `Scope::spawn`.
        let handle = unsafe { launch(birth, f, member) };
        Ok(ScopedJoinHandle::new(handle, self.into_name(), &scope.data))
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// [`JoinHandle`](crate::JoinHandle) of a scoped goroutine.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// gort::scope(|s| {
///     let handle = s.spawn(gort::current);
///     let id = handle.goroutine().id();
///     while !handle.is_finished() {
///         gort::yield_now();
///     }
///     assert_eq!(handle.join().unwrap().id(), id);
/// });
/// # });
/// ```
pub struct ScopedJoinHandle<'scope, T> {
    /// There until it is joined.
    handle: Option<Handle<T>>,
    goroutine: Named,
    data: &'scope Data,
}

impl<'scope, T> ScopedJoinHandle<'scope, T> {
    fn new(handle: Handle<T>, name: Option<Arc<str>>, data: &'scope Data) -> Self {
        let goroutine = Named::new(handle.gp(), name);
        Self { handle: Some(handle), goroutine, data }
    }

    /// Blocks until the goroutine is over and gives its result.
    ///
    /// # Errors
    /// The payload of its panic.
    pub fn join(mut self) -> std::thread::Result<T> {
        self.handle.take().expect("joined once").join()
    }

    /// Whether [`join`](Self::join) would not wait.
    pub fn is_finished(&self) -> bool {
        self.handle.as_ref().is_some_and(Handle::is_finished)
    }

    /// The goroutine.
    pub fn goroutine(&self) -> &Goroutine {
        self.goroutine.get(self.handle.as_ref().expect("not joined").gp())
    }
}

impl<T> Drop for ScopedJoinHandle<'_, T> {
    fn drop(&mut self) {
        if self.handle.take().is_some_and(Handle::release) {
            self.data.panicked.store(true, Ordering::Relaxed);
        }
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").field("goroutine", self.goroutine()).finish_non_exhaustive()
    }
}
