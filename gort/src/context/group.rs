//! [`ErrGroup`]s with a context.

use std::fmt::Display;

use super::Context;
use crate::sync::ErrGroup;
use crate::sync::err_group::Ending;

impl<E: Display + Send + 'static> ErrGroup<E> {
    /// A group, and a child of `ctx` that is cancelled by the first error of a member, with that error's text
    /// as the cause, by the first panic, and when the first [`wait`](ErrGroup::wait) returns. Go:
    /// `errgroup.WithContext`.
    ///
    /// # Panics
    /// When no runtime runs.
    ///
    /// ```
    /// use gort::context::Context;
    /// use gort::sync::ErrGroup;
    ///
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (group, ctx) = ErrGroup::with_context(&Context::background());
    /// group.go(|| Err("failed"));
    /// group.go({
    ///     let ctx = ctx.clone();
    ///     move || {
    ///         assert!(ctx.done().recv().is_err(), "cancelled by the other");
    ///         Ok(())
    ///     }
    /// });
    /// assert_eq!(group.wait(), Err("failed"));
    /// assert_eq!(ctx.cause().unwrap().to_string(), "failed");
    /// # });
    /// ```
    #[doc(alias = "WithContext")]
    #[track_caller]
    pub fn with_context(ctx: &Context) -> (Self, Context) {
        let (ctx, cancel) = ctx.with_cancel_cause();
        let group = Self::with_end(move |ending: Ending<'_, E>| match ending {
            Ending::Failed(error) => cancel.cancel(error.to_string()),
            Ending::Panicked => cancel.cancel("gort: a goroutine of the ErrGroup has panicked"),
            Ending::Waited => cancel.cancel(super::ContextError::Canceled),
        });
        (group, ctx)
    }
}
