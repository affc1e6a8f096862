//! A goroutine's labels: shown by tracebacks, inherited by what it makes.
//!
//! Go: runtime/pprof `Do`, `SetGoroutineLabels`.

use std::sync::Arc;

use super::current;
use crate::g::extras::{self, Labels};

/// The labels that were there.
pub(crate) type Before = Option<Labels>;

/// Adds labels to the running goroutine's and gives the former set.
pub(crate) fn set(labels: &[(&str, &str)]) -> Before {
    // SAFETY: this is that goroutine, and nothing of the user's runs while the reference lives.
    let extras = unsafe { extras::of(current::g()) };
    let before = extras.labels.clone();
    let mut all = before.as_deref().cloned().unwrap_or_default();
    all.extend(labels.iter().map(|&(k, v)| (k.to_string(), v.to_string())));
    extras.labels = Some(Arc::new(all));
    before
}

/// Puts a former set back.
pub(crate) fn restore(before: Before) {
    // SAFETY: as in `set`.
    unsafe { extras::of(current::g()) }.labels = before;
}
