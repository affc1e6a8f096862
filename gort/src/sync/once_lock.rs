//! `std::sync::OnceLock` for goroutines.
//!
//! std's cell keeps the value and [`Once`] lets one initialiser run: std's own locking is never waited
//! at, as the cell is written only inside of the `Once`. Invariant: the `Once` is complete only if the
//! cell is set. An initialiser that unwinds poisons nothing that anybody sees: all calls force.

use std::fmt;
use std::sync::OnceLock as Cell;

use super::Once;

/// A place that is written once: `std::sync::OnceLock`, except that who waits for another's initialiser
/// blocks a goroutine and not its thread. Initialisers may block. One that panics leaves it unset.
///
/// ```
/// use gort::sync::OnceLock;
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// static ANSWER: OnceLock<i32> = OnceLock::new();
/// assert_eq!(ANSWER.get(), None);
/// assert_eq!(*ANSWER.get_or_init(|| gort::spawn(|| 42).join().unwrap()), 42);
/// assert_eq!(ANSWER.set(1), Err(1));
/// # });
/// ```
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// use gort::sync::OnceLock;
///
/// let mut cell = OnceLock::from(1);
/// *cell.get_mut().unwrap() += 1;
/// assert_eq!(*cell.wait(), 2);
/// assert_eq!(cell.take(), Some(2));
/// assert_eq!(cell.into_inner(), None);
/// # });
/// ```
pub struct OnceLock<T> {
    once: Once,
    value: Cell<T>,
}

impl<T> OnceLock<T> {
    /// Without a value.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::OnceLock;
    ///
    /// static NAME: OnceLock<String> = OnceLock::new();
    /// assert_eq!(NAME.get_or_init(|| "gort".into()), "gort");
    /// ```
    pub const fn new() -> Self {
        Self { once: Once::new(), value: Cell::new() }
    }

    /// The value, if there is one. Never blocks.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let cell = gort::sync::OnceLock::new();
    /// assert_eq!(cell.get(), None);
    /// cell.set(1).unwrap();
    /// assert_eq!(cell.get(), Some(&1));
    /// ```
    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, if there is one.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let mut cell = gort::sync::OnceLock::from(1);
    /// *cell.get_mut().unwrap() += 1;
    /// assert_eq!(cell.get(), Some(&2));
    /// ```
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Sets the value; blocks while another's initialiser runs.
    ///
    /// # Errors
    /// There was a value: `value` comes back.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let cell = gort::sync::OnceLock::new();
    /// assert_eq!(cell.set(1), Ok(()));
    /// assert_eq!(cell.set(2), Err(2));
    /// ```
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.get_or_init(|| value.take().expect("called once"));
        value.map_or(Ok(()), Err)
    }

    /// The value; if there is none, `f`'s, or that of another's initialiser, for which it blocks. May
    /// move the goroutine to another thread. Initialising it inside of `f` deadlocks.
    ///
    /// # Panics
    /// With `f`'s panic.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let cell = gort::sync::OnceLock::new();
    /// assert_eq!(cell.get_or_init(|| 1), &1);
    /// assert_eq!(cell.get_or_init(|| unreachable!()), &1);
    /// ```
    #[track_caller]
    pub fn get_or_init<F: FnOnce() -> T>(&self, f: F) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        self.once.call_once_force(|_| {
            let set = self.value.set(f());
            debug_assert!(set.is_ok(), "set only here, once");
        });
        self.get().expect("complete implies set")
    }

    /// Blocks until there is a value. May move the goroutine to another thread.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::sync::OnceLock;
    ///
    /// static ANSWER: OnceLock<i32> = OnceLock::new();
    /// gort::go!(|| ANSWER.set(42).unwrap());
    /// assert_eq!(ANSWER.wait(), &42);
    /// # });
    /// ```
    #[track_caller]
    pub fn wait(&self) -> &T {
        self.once.wait_force();
        self.get().expect("complete implies set")
    }

    /// The value, if there is one.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let cell = gort::sync::OnceLock::from("value");
    /// assert_eq!(cell.into_inner(), Some("value"));
    /// ```
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Takes the value out; it is unset again.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let mut cell = gort::sync::OnceLock::from(1);
    /// assert_eq!(cell.take(), Some(1));
    /// assert_eq!(cell.get(), None);
    /// ```
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    fn clone(&self) -> Self {
        self.get().cloned().map_or_else(Self::new, Self::from)
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> Self {
        let lock = Self::new();
        let mut value = Some(value);
        lock.get_or_init(|| value.take().expect("called once"));
        lock
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}
