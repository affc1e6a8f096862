//! Random programs of channel operations, by seed, run by goroutines and plain threads together and held against a
//! sequential model of channels.
//!
//! - [`exact`]: one goroutine, operations that do not wait, and a model that knows each result beforehand.
//! - [`run`]: several workers at once. What they did is recorded with the times of call and return, and [`history`]
//!   looks for an order of all operations that agrees with these times and with the model ([`spec`]). If there is
//!   none, a message was lost, doubled, out of order, or an error was not true at any moment of the call.
//!
//! A run that gets stuck though somebody could go on has lost a wake-up, and panics. A seed makes the same program
//! each time; how its workers interleave is the scheduler's.

pub mod exact;
pub mod history;
mod payload;
pub mod program;
pub mod run;
pub mod spec;
