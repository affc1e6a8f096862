//! The cases of `retake_blocked.rs` with two Ps.

mod blocked_cases;
mod retake_support;

const PROCS: usize = 2;
