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
    let gp = current::g();
    // SAFETY: this is that goroutine, and nothing of the user's runs while the reference lives.
    let before = unsafe { extras::get(gp) }.and_then(|e| e.shown.labels.clone());
    let mut all = before.as_deref().cloned().unwrap_or_default();
    all.extend(labels.iter().map(|&(k, v)| (k.to_string(), v.to_string())));
    // What it replaces is `before`.
    let _ = exchange(Some(Arc::new(all)));
    before
}

/// Puts a former set back.
pub(crate) fn restore(before: Before) {
    drop(exchange(before));
}

fn exchange(labels: Before) -> Before {
    // SAFETY: as in `set`.
    unsafe { extras::change(current::g(), |shown| std::mem::replace(&mut shown.labels, labels)) }
}
