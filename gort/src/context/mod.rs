//! Go's package context: deadlines, cancellation and values that belong to one task, handed from function to
//! function and from goroutine to goroutine.
//!
//! A [`Context`] is a cheap handle on a node of a tree. Cancelling one cancels all below it, never those above.
//! Functions that may take long get one as their first argument and give up when [`Context::done`] says so.
//!
//! ```
//! use gort::context::Context;
//! use std::time::Duration;
//!
//! # unsafe { gort::boot(gort::Options::default()).unwrap() };
//! # gort::run(|| {
//! let (ctx, cancel) = Context::background().with_timeout(Duration::from_secs(5));
//! let worker = gort::spawn({
//!     let ctx = ctx.clone();
//!     move || {
//!         gort::select! {
//!             recv(ctx.done()) -> _ => ctx.err().unwrap().to_string(),
//!             recv(gort::channel::after(Duration::from_secs(60))) -> _ => "worked".to_string(),
//!         }
//!     }
//! });
//! cancel.cancel();
//! assert_eq!(worker.join().unwrap(), "context canceled");
//! # });
//! ```

mod error;
mod func;
mod group;
mod node;

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::error::{Cause, ContextError};
pub use self::func::{AfterFunc, CancelCauseFunc, CancelFunc};
use self::node::{Kind, Node};
use crate::channel::{Receiver, never};
use crate::time::Alarm;

/// See the [module](self). A clone is the same context.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # use gort::context::Context;
/// fn work(ctx: &Context) -> Result<(), gort::context::ContextError> {
///     for _part in 0..10 {
///         if let Some(over) = ctx.err() {
///             return Err(over);
///         }
///         // …
///     }
///     Ok(())
/// }
///
/// let (ctx, cancel) = Context::background().with_cancel();
/// assert_eq!(work(&ctx), Ok(()));
/// cancel.cancel();
/// assert!(work(&ctx).is_err());
/// ```
#[derive(Clone)]
pub struct Context {
    node: Arc<Node>,
}

impl Context {
    /// The root: never cancelled, no deadline, no values.
    ///
    /// ```
    /// let ctx = gort::context::Context::background();
    /// assert!(ctx.err().is_none() && ctx.deadline().is_none());
    /// ```
    #[doc(alias = "Background")]
    #[doc(alias = "TODO")]
    pub fn background() -> Self {
        Self { node: Arc::new(Node::new(None, Kind::Background)) }
    }

    fn child(&self, kind: Kind) -> Self {
        Self { node: Arc::new(Node::new(Some(self.node.clone()), kind)) }
    }

    /// A child that is cancelled by its function, or with this one.
    ///
    /// # Panics
    /// When no runtime runs.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let (ctx, cancel) = gort::context::Context::background().with_cancel();
    /// assert!(ctx.err().is_none());
    /// cancel.cancel();
    /// assert_eq!(ctx.err().unwrap().to_string(), "context canceled");
    /// ```
    #[doc(alias = "WithCancel")]
    #[track_caller]
    pub fn with_cancel(&self) -> (Self, CancelFunc) {
        crate::sched::current::require_runtime();
        let ctx = self.child(Kind::cancel(self.deadline(), None));
        ctx.node.join_parent();
        let cancel = CancelFunc { node: ctx.node.clone(), then: None };
        (ctx, cancel)
    }

    /// [`with_cancel`](Self::with_cancel) whose function says why.
    ///
    /// # Panics
    /// When no runtime runs.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let (ctx, cancel) = gort::context::Context::background().with_cancel_cause();
    /// cancel.cancel("no more disk");
    /// assert_eq!(ctx.err().unwrap().to_string(), "context canceled");
    /// assert_eq!(ctx.cause().unwrap().to_string(), "no more disk");
    /// ```
    #[doc(alias = "WithCancelCause")]
    #[track_caller]
    pub fn with_cancel_cause(&self) -> (Self, CancelCauseFunc) {
        let (ctx, cancel) = self.with_cancel();
        (ctx, CancelCauseFunc { node: cancel.node })
    }

    /// A child that is cancelled at `deadline` at the latest; at this one's own if that is earlier.
    ///
    /// # Panics
    /// When no runtime runs.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let now = std::time::Instant::now();
    /// let (ctx, _cancel) = gort::context::Context::background().with_deadline(now);
    /// assert_eq!(ctx.err().unwrap().to_string(), "context deadline exceeded");
    /// assert_eq!(ctx.deadline(), Some(now));
    /// ```
    #[doc(alias = "WithDeadline")]
    #[track_caller]
    pub fn with_deadline(&self, deadline: Instant) -> (Self, CancelFunc) {
        self.until(deadline, None)
    }

    /// [`with_deadline`](Self::with_deadline); `cause` is the cause if the deadline is what cancels it.
    ///
    /// # Panics
    /// When no runtime runs.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let now = std::time::Instant::now();
    /// let (ctx, _cancel) = gort::context::Context::background().with_deadline_cause(now, "too slow");
    /// assert_eq!(ctx.cause().unwrap().to_string(), "too slow");
    /// ```
    #[doc(alias = "WithDeadlineCause")]
    #[track_caller]
    pub fn with_deadline_cause(&self, deadline: Instant, cause: impl Into<Cause>) -> (Self, CancelFunc) {
        self.until(deadline, Some(cause.into()))
    }

    /// [`with_deadline`](Self::with_deadline) `timeout` from now.
    ///
    /// # Panics
    /// When no runtime runs.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let ms = std::time::Duration::from_millis(1);
    /// let (ctx, _cancel) = gort::context::Context::background().with_timeout(ms);
    /// assert!(ctx.done().recv().is_err(), "the channel is closed when it is over");
    /// ```
    #[doc(alias = "WithTimeout")]
    #[track_caller]
    pub fn with_timeout(&self, timeout: Duration) -> (Self, CancelFunc) {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.until(deadline, None),
            None => self.with_cancel(),
        }
    }

    /// [`with_timeout`](Self::with_timeout) with the cause that [`with_deadline_cause`](Self::with_deadline_cause)
    /// takes.
    ///
    /// # Panics
    /// When no runtime runs.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let zero = std::time::Duration::ZERO;
    /// let (ctx, _cancel) = gort::context::Context::background().with_timeout_cause(zero, "too slow");
    /// assert_eq!(ctx.cause().unwrap().to_string(), "too slow");
    /// ```
    #[doc(alias = "WithTimeoutCause")]
    #[track_caller]
    pub fn with_timeout_cause(&self, timeout: Duration, cause: impl Into<Cause>) -> (Self, CancelFunc) {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.until(deadline, Some(cause.into())),
            None => self.with_cancel(),
        }
    }

    #[track_caller]
    fn until(&self, deadline: Instant, cause: Option<Cause>) -> (Self, CancelFunc) {
        if self.deadline().is_some_and(|own| own <= deadline) {
            // This one's comes first, and takes the child with it.
            return self.with_cancel();
        }
        crate::sched::current::require_runtime();
        let ctx = self.child(Kind::cancel(Some(deadline), cause));
        ctx.node.join_parent();
        if deadline <= Instant::now() {
            ctx.node.expire();
        } else {
            // The timer keeps nobody alive.
            let node = Arc::downgrade(&ctx.node);
            let expire = move || {
                if let Some(node) = node.upgrade() {
                    node.expire();
                }
            };
            ctx.node.set_alarm(Alarm::new(false), expire);
        }
        let cancel = CancelFunc { node: ctx.node.clone(), then: None };
        (ctx, cancel)
    }

    /// A child that carries `value`, in place of one of the same type further up. Values are for data that
    /// belongs to the task and crosses interfaces, not for optional arguments; a type of one's own is the key.
    ///
    /// ```
    /// # use gort::context::Context;
    /// struct RequestId(u64);
    /// let ctx = Context::background().with_value(RequestId(7));
    /// assert_eq!(ctx.value::<RequestId>().unwrap().0, 7);
    /// assert!(ctx.value::<String>().is_none());
    /// ```
    #[doc(alias = "WithValue")]
    pub fn with_value<T: Any + Send + Sync>(&self, value: T) -> Self {
        self.child(Kind::Value(TypeId::of::<T>(), Box::new(value)))
    }

    /// The value of type `T` nearest above.
    ///
    /// ```
    /// # use gort::context::Context;
    /// let outer = Context::background().with_value("outer");
    /// let inner = outer.with_value("inner");
    /// assert_eq!(inner.value::<&str>(), Some(&"inner"));
    /// assert_eq!(outer.value::<&str>(), Some(&"outer"));
    /// ```
    #[doc(alias = "Value")]
    pub fn value<T: Any>(&self) -> Option<&T> {
        self.node.chain().find_map(|node| match &node.kind {
            Kind::Value(key, value) if *key == TypeId::of::<T>() => value.downcast_ref(),
            _ => None,
        })
    }

    /// A child with the values of this one, that is not cancelled with it and has no deadline.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let (ctx, cancel) = gort::context::Context::background().with_value(5).with_cancel();
    /// let free = ctx.without_cancel();
    /// cancel.cancel();
    /// assert!(free.err().is_none());
    /// assert_eq!(free.value::<i32>(), Some(&5));
    /// ```
    #[doc(alias = "WithoutCancel")]
    #[must_use]
    pub fn without_cancel(&self) -> Self {
        self.child(Kind::WithoutCancel)
    }

    /// A channel that is closed when the context is over, also when all handles on it are gone by then. It never
    /// delivers anything: a receive that returns is the message. That of a context which cannot be cancelled never
    /// closes.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let (ctx, cancel) = gort::context::Context::background().with_cancel();
    /// gort::go!(move || cancel.cancel());
    /// assert!(ctx.done().recv().is_err());
    /// ```
    #[doc(alias = "Done")]
    pub fn done(&self) -> Receiver<()> {
        self.node.canceller().map_or_else(never, |(_, c)| c.done.clone())
    }

    /// Why the context is over; none while it is not. There is an error exactly if [`done`](Self::done) is closed.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # use gort::context::{Context, ContextError};
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// cancel.cancel();
    /// assert_eq!(ctx.err(), Some(ContextError::Canceled));
    /// ```
    #[doc(alias = "Err")]
    pub fn err(&self) -> Option<ContextError> {
        self.node.canceller().and_then(|(_, c)| c.err())
    }

    /// What the first to cancel it, or the context above through which it was cancelled, has said; if nothing,
    /// [`err`](Self::err).
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # use gort::context::Context;
    /// let (parent, cancel) = Context::background().with_cancel_cause();
    /// let (child, _cancel_child) = parent.with_cancel();
    /// cancel.cancel("shutdown");
    /// assert_eq!(child.cause().unwrap().to_string(), "shutdown");
    /// ```
    #[doc(alias = "Cause")]
    pub fn cause(&self) -> Option<Cause> {
        self.node.canceller().and_then(|(_, c)| c.cause())
    }

    /// When it will be cancelled at the latest.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # use gort::context::Context;
    /// let (ctx, _cancel) = Context::background().with_timeout(std::time::Duration::from_secs(9));
    /// let (child, _cancel) = ctx.with_timeout(std::time::Duration::from_secs(99));
    /// assert_eq!(child.deadline(), ctx.deadline());
    /// ```
    #[doc(alias = "Deadline")]
    pub fn deadline(&self) -> Option<Instant> {
        self.node.canceller().and_then(|(_, c)| c.deadline)
    }

    /// Has `f` called in a goroutine of its own when the context is over; at once if it is. Also when all
    /// handles on the context are gone by then, as long as somebody can cancel one above.
    ///
    /// # Panics
    /// When no runtime runs.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # use gort::context::Context;
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// let (tx, rx) = gort::channel::bounded(1);
    /// ctx.after_func(move || tx.send("over").unwrap());
    /// cancel.cancel();
    /// assert_eq!(rx.recv(), Ok("over"));
    /// ```
    #[doc(alias = "AfterFunc")]
    #[track_caller]
    pub fn after_func<F>(&self, f: F) -> AfterFunc
    where
        F: FnOnce() + Send + 'static,
    {
        crate::sched::current::require_runtime();
        AfterFunc::register(&self.node, Box::new(f))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("deadline", &self.deadline())
            .field("err", &self.err())
            .finish_non_exhaustive()
    }
}
