//! `std::sync::LazyLock` for goroutines.
//!
//! As [`OnceLock`](super::OnceLock), with the function beside the value. Whoever runs inside of the
//! `Once` takes the function; std's mutex around it is held for that moment only, and is there because a
//! shared `LazyLock` gives it away. Invariant: no value and no function means poisoned.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, OnceLock as Cell, PoisonError};

use super::Once;

/// A value that is made when it is first used: `std::sync::LazyLock`, except that who waits for it to be
/// made blocks a goroutine and not its thread. The function may block. If it panics the value is
/// poisoned: all who ask for it panic.
///
/// Dereferencing may block, and so move the goroutine to another thread, until the value is there.
///
/// ```
/// use gort::sync::LazyLock;
///
/// static ANSWER: LazyLock<i32> = LazyLock::new(|| gort::spawn(|| 42).join().unwrap());
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// assert_eq!(*ANSWER, 42);
/// # });
/// ```
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// use gort::sync::LazyLock;
///
/// let mut lazy = LazyLock::new(|| 1);
/// assert_eq!(LazyLock::get(&lazy), None);
/// assert_eq!(*LazyLock::force(&lazy), 1);
/// *LazyLock::force_mut(&mut lazy) += 1;
/// assert_eq!(LazyLock::get_mut(&mut lazy), Some(&mut 2));
/// # });
/// ```
pub struct LazyLock<T, F = fn() -> T> {
    once: Once,
    value: Cell<T>,
    f: Mutex<Option<F>>,
}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// A value that `f` will make.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let lazy = gort::sync::LazyLock::new(|| 6 * 7);
    /// assert_eq!(*lazy, 42);
    /// ```
    pub const fn new(f: F) -> Self {
        Self { once: Once::new(), value: Cell::new(), f: Mutex::new(Some(f)) }
    }

    /// The value; makes it, or blocks while another does, if it is not there. What `*this` does.
    ///
    /// # Panics
    /// With the function's panic, and when it has panicked before.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::LazyLock;
    ///
    /// let lazy = LazyLock::new(|| 42);
    /// assert_eq!(LazyLock::force(&lazy), &42);
    /// ```
    #[inline]
    #[track_caller]
    pub fn force(this: &Self) -> &T {
        match this.value.get() {
            Some(value) => value,
            None => this.make(),
        }
    }

    /// [`force`](Self::force) for a value that nobody else can ask for.
    ///
    /// # Panics
    /// As [`force`](Self::force).
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::LazyLock;
    ///
    /// let mut lazy = LazyLock::new(|| 42);
    /// *LazyLock::force_mut(&mut lazy) += 1;
    /// assert_eq!(*lazy, 43);
    /// ```
    #[track_caller]
    pub fn force_mut(this: &mut Self) -> &mut T {
        Self::force(this);
        this.value.get_mut().expect("forced")
    }

    #[cold]
    #[track_caller]
    fn make(&self) -> &T {
        self.once.call_once_force(|_| {
            let f = self.f.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(f) = f else { panic!("LazyLock instance has previously been poisoned") };
            let set = self.value.set(f());
            debug_assert!(set.is_ok(), "set only here, once");
        });
        self.value.get().expect("complete implies set")
    }
}

impl<T, F> LazyLock<T, F> {
    /// The value, if it is there. Never blocks.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::LazyLock;
    ///
    /// let lazy = LazyLock::new(|| 42);
    /// assert_eq!(LazyLock::get(&lazy), None);
    /// LazyLock::force(&lazy);
    /// assert_eq!(LazyLock::get(&lazy), Some(&42));
    /// ```
    #[inline]
    pub fn get(this: &Self) -> Option<&T> {
        this.value.get()
    }

    /// The value, if it is there.
    ///
    /// ```
    /// use gort::sync::LazyLock;
    ///
    /// let mut lazy = LazyLock::new(|| 42);
    /// assert_eq!(LazyLock::get_mut(&mut lazy), None);
    /// ```
    pub fn get_mut(this: &mut Self) -> Option<&mut T> {
        this.value.get_mut()
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        Self::force(self)
    }
}

impl<T, F: FnOnce() -> T> DerefMut for LazyLock<T, F> {
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        Self::force_mut(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut d = f.debug_tuple("LazyLock");
        match self.value.get() {
            Some(value) => d.field(value),
            None => d.field(&format_args!("<uninit>")),
        };
        d.finish()
    }
}
