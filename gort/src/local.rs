//! Goroutine-locals: `thread_local!` for goroutines.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;

use crate::g::extras;
use crate::sched::current;

/// Declares goroutine-locals, in the shape of `std::thread_local!`. Each goroutine (and each plain
/// thread) has its own value, made on first use and dropped when it ends.
///
/// Unlike a thread-local, it may be used before and after a blocking call without a thought: the value
/// moves with the goroutine.
///
/// ```
/// use std::cell::Cell;
///
/// gort::goroutine_local! {
///     static REQUEST: Cell<u64> = const { Cell::new(0) };
///     pub static NAME: String = "nobody".to_string();
/// }
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// REQUEST.set(7);
/// gort::spawn(|| assert_eq!(REQUEST.get(), 0)).join().unwrap();
/// assert_eq!(REQUEST.get(), 7);
/// NAME.with(|n| assert_eq!(n, "nobody"));
/// # });
/// ```
#[macro_export]
macro_rules! goroutine_local {
    () => {};
    ($(#[$attr:meta])* $vis:vis static $name:ident : $t:ty = const $init:block; $($rest:tt)*) => {
        $crate::goroutine_local!(@one $(#[$attr])* $vis $name $t, $init);
        $crate::goroutine_local!($($rest)*);
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident : $t:ty = const $init:block) => {
        $crate::goroutine_local!(@one $(#[$attr])* $vis $name $t, $init);
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident : $t:ty = $init:expr; $($rest:tt)*) => {
        $crate::goroutine_local!(@one $(#[$attr])* $vis $name $t, $init);
        $crate::goroutine_local!($($rest)*);
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident : $t:ty = $init:expr) => {
        $crate::goroutine_local!(@one $(#[$attr])* $vis $name $t, $init);
    };
    (@one $(#[$attr:meta])* $vis:vis $name:ident $t:ty, $init:expr) => {
        $(#[$attr])*
        $vis static $name: $crate::LocalKey<$t> = {
            fn init() -> $t {
                $init
            }
            $crate::LocalKey::new(init)
        };
    };
}

/// The key of a goroutine-local; made by [`goroutine_local!`](crate::goroutine_local).
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// use std::cell::{Cell, RefCell};
///
/// gort::goroutine_local! {
///     static COUNT: Cell<u32> = Cell::new(1);
///     static NAMES: RefCell<Vec<u32>> = RefCell::new(vec![1]);
/// }
/// assert_eq!(COUNT.try_with(Cell::get), Ok(1));
/// assert_eq!((COUNT.replace(2), COUNT.take()), (1, 2));
/// NAMES.with_borrow_mut(|names| names.push(2));
/// assert_eq!(NAMES.with_borrow(Vec::len), 2);
/// # });
/// ```
pub struct LocalKey<T: 'static> {
    init: fn() -> T,
    /// So that two keys never share an address.
    _address: u8,
}

/// The value cannot be had: the goroutine's locals are being dropped. Only
/// [`LocalKey::try_with`] returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessError;

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the goroutine's locals are gone")
    }
}

impl std::error::Error for AccessError {}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn new(init: fn() -> T) -> Self {
        Self { init, _address: 0 }
    }

    /// The value, if it is there.
    fn find(&'static self) -> Result<Option<*const T>, AccessError> {
        let key = std::ptr::from_ref(self) as usize;
        let gp = current::g();
        // SAFETY: this is that goroutine, and the reference ends with this function, before user code
        // runs.
        let Some(extras) = (unsafe { extras::get(gp) }) else { return Ok(None) };
        if extras.gone.contains(&key) {
            return Err(AccessError);
        }
        let value = extras.locals.iter().find(|(k, _)| *k == key);
        Ok(value.and_then(|(_, v)| v.downcast_ref::<T>()).map(std::ptr::from_ref))
    }

    /// The value, made now if it is not there yet.
    fn value(&'static self) -> Result<*const T, AccessError> {
        if let Some(value) = self.find()? {
            return Ok(value);
        }
        let value = (self.init)();
        // `init` has run user code, which may have set the value: then its own is kept, as std does.
        if let Some(value) = self.find()? {
            return Ok(value);
        }
        let value: Box<dyn Any> = Box::new(value);
        let gp = current::g();
        // SAFETY: as in `find`.
        let locals = unsafe { &mut extras::of(gp).locals };
        locals.push((std::ptr::from_ref(self) as usize, value));
        let (_, value) = locals.last().expect("just pushed");
        Ok(std::ptr::from_ref(value.downcast_ref::<T>().expect("of this type")))
    }

    /// Runs `f` with the goroutine's value, made now if it is not there yet.
    ///
    /// # Panics
    /// When the value has been dropped already: in a destructor of a local, at the goroutine's end. On a
    /// plain thread when no runtime runs.
    #[track_caller]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(f) {
            Ok(r) => r,
            Err(e) => panic!("gort: cannot access a goroutine-local during or after its destruction: {e}"),
        }
    }

    /// [`with`](Self::with) that does not panic.
    ///
    /// # Errors
    /// The value has been dropped already.
    #[track_caller]
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        let value = self.value()?;
        // SAFETY: the value is boxed: it stays where it is until the goroutine ends, which it does not
        // while it runs `f`.
        Ok(f(unsafe { &*value }))
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// Sets the value.
    pub fn set(&'static self, value: T) {
        self.with(|c| c.set(value));
    }

    /// A copy of the value.
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// Takes the value and leaves the default.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// Sets the value and gives the former.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|c| c.replace(value))
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// Runs `f` with a shared borrow.
    pub fn with_borrow<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        self.with(|c| f(&c.borrow()))
    }

    /// Runs `f` with an exclusive borrow.
    pub fn with_borrow_mut<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&mut T) -> R,
    {
        self.with(|c| f(&mut c.borrow_mut()))
    }

    /// Sets the value.
    pub fn set(&'static self, value: T) {
        self.with(|c| *c.borrow_mut() = value);
    }

    /// Takes the value and leaves the default.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }

    /// Sets the value and gives the former.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|c| c.replace(value))
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}
