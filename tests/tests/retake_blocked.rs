//! A goroutine that sits in a blocking call of any library stops nobody, however many do.

mod blocked_cases;
mod retake_support;

const PROCS: usize = 1;
