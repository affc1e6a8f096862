//! gort side by side with Go, may, tokio and plain threads.
//!
//! The `compare` binary runs every row of [`rows::ROWS`] for every peer, each
//! run in a fresh process. A peer is a program that is called as
//! `PEER WORKLOAD N`, does the work N times, checks its result and prints one
//! line of JSON, an [`outcome::Outcome`]. The peers in Rust are the binaries
//! `peer_*`; the one in Go is in `benches/go`.
//!
//! - [`rows`]: what is measured, and how much of it
//! - [`work`]: what the workloads are made of and what must come out of them
//! - [`outcome`], [`memory`], [`cpu`], [`lateness`], [`peer`]: what the peers in
//!   Rust share
//! - [`compare`]: building the peers, running them, medians and ratios

pub mod compare;
pub mod cpu;
pub mod lateness;
pub mod memory;
pub mod outcome;
pub mod peer;
pub mod rows;
pub mod serve;
pub mod work;
