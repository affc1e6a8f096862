//! The functions that go with a context.

use std::fmt;
use std::sync::Arc;

use super::node::{Func, Node};
use super::{Cause, ContextError};

/// Cancels a context and all below it. Dropping it cancels nothing; a second call does nothing.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// let (ctx, cancel) = gort::context::Context::background().with_cancel();
/// cancel.cancel();
/// cancel.cancel();
/// assert!(ctx.err().is_some());
/// ```
#[derive(Clone)]
pub struct CancelFunc {
    pub(super) node: Arc<Node>,
    /// What else each call does.
    pub(super) then: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl CancelFunc {
    /// See the type. Never blocks.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let (ctx, cancel) = gort::context::Context::background().with_cancel();
    /// cancel.cancel();
    /// assert!(ctx.done().is_closed());
    /// ```
    pub fn cancel(&self) {
        self.node.cancel(ContextError::Canceled, None);
        if let Some(then) = &self.then {
            then();
        }
    }
}

impl fmt::Debug for CancelFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("CancelFunc { .. }")
    }
}

/// [`CancelFunc`] that says why.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// let (ctx, cancel) = gort::context::Context::background().with_cancel_cause();
/// cancel.cancel("first");
/// cancel.cancel("second");
/// assert_eq!(ctx.cause().unwrap().to_string(), "first");
/// ```
#[derive(Clone)]
pub struct CancelCauseFunc {
    pub(super) node: Arc<Node>,
}

impl CancelCauseFunc {
    /// Cancels with `cause`, if it is the first to.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let (ctx, cancel) = gort::context::Context::background().with_cancel_cause();
    /// cancel.cancel(std::io::Error::other("broken"));
    /// assert!(ctx.cause().unwrap().downcast_ref::<std::io::Error>().is_some());
    /// ```
    pub fn cancel(&self, cause: impl Into<Cause>) {
        self.node.cancel(ContextError::Canceled, Some(cause.into()));
    }

    /// A function that cancels without a cause and then calls `then`, which is gort's own.
    pub(crate) fn and_then(self, then: impl Fn() + Send + Sync + 'static) -> CancelFunc {
        CancelFunc { node: self.node, then: Some(Arc::new(then)) }
    }
}

impl fmt::Debug for CancelCauseFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("CancelCauseFunc { .. }")
    }
}

/// A function that waits for the end of a context; see [`Context::after_func`](super::Context::after_func).
/// Dropping this leaves it waiting.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # use gort::context::Context;
/// let (ctx, cancel) = Context::background().with_cancel();
/// let waits = ctx.after_func(|| println!("over"));
/// cancel.cancel();
/// assert!(!waits.stop(), "it was started");
/// ```
pub struct AfterFunc {
    /// None when it was started at once, or can never be.
    waits: Option<(Arc<Node>, u64)>,
    /// Kept for a context that is never over, so that stopping it can say that it was in time.
    never: std::sync::Mutex<Option<Func>>,
}

impl AfterFunc {
    #[track_caller]
    pub(super) fn register(node: &Arc<Node>, f: Func) -> Self {
        let never = std::sync::Mutex::new(None);
        let Some(node) = node.canceller_handle() else {
            return Self { waits: None, never: std::sync::Mutex::new(Some(f)) };
        };
        match node.add_func(f) {
            Ok(number) => Self { waits: Some((node, number)), never },
            Err(f) => {
                super::node::start(f);
                Self { waits: None, never }
            }
        }
    }

    /// Has it not called. True if that was in time: false when it was started, or stopped before.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # use gort::context::Context;
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// let waits = ctx.after_func(|| unreachable!("stopped"));
    /// assert!(waits.stop());
    /// assert!(!waits.stop());
    /// cancel.cancel();
    /// ```
    pub fn stop(&self) -> bool {
        let f = match &self.waits {
            Some((node, number)) => node.remove_func(*number),
            None => self.never.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take(),
        };
        f.is_some()
    }
}

impl fmt::Debug for AfterFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("AfterFunc { .. }")
    }
}
