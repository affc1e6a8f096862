//! Why a context is over.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// What [`Context::err`](super::Context::err) gives. The texts are Go's.
///
/// ```
/// use gort::context::ContextError;
///
/// assert_eq!(ContextError::Canceled.to_string(), "context canceled");
/// assert_eq!(ContextError::DeadlineExceeded.to_string(), "context deadline exceeded");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContextError {
    /// Somebody has cancelled it.
    Canceled,
    /// Its deadline has passed.
    DeadlineExceeded,
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ContextError::Canceled => "context canceled",
            ContextError::DeadlineExceeded => "context deadline exceeded",
        })
    }
}

impl Error for ContextError {}

/// What [`Context::cause`](super::Context::cause) gives: an error, which clones share. Made from any error, or
/// from a text.
///
/// ```
/// use gort::context::Cause;
///
/// let cause = Cause::from(std::io::Error::other("broken"));
/// assert!(cause.downcast_ref::<std::io::Error>().is_some());
/// assert_eq!(Cause::from("because").to_string(), "because");
/// ```
#[derive(Clone, Debug)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    /// The error itself, if it is an `E`.
    ///
    /// ```
    /// use gort::context::{Cause, ContextError};
    ///
    /// let cause = Cause::from(ContextError::Canceled);
    /// assert_eq!(cause.downcast_ref(), Some(&ContextError::Canceled));
    /// ```
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }

    /// The error itself.
    ///
    /// ```
    /// let cause = gort::context::Cause::from("because");
    /// assert_eq!(cause.get().to_string(), "because");
    /// ```
    pub fn get(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Cause {
    fn from(error: E) -> Self {
        Self(error.into().into())
    }
}
