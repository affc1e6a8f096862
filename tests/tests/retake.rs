//! A goroutine that computes stops nobody: with one P, each of these programs would hang without retake.

mod retake_cases;
mod retake_support;

const PROCS: usize = 1;
