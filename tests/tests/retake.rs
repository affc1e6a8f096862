//! A goroutine that computes, or that sits in a blocking call of any library, stops nobody: with one P, each
//! of these programs would hang without retake.

mod retake_cases;

const PROCS: usize = 1;
