//! The cases of `retake.rs` with two Ps, which can take from each other what the first cannot run.

mod retake_cases;
mod retake_support;

const PROCS: usize = 2;
