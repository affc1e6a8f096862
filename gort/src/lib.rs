//! A Go runtime for Rust programs: goroutines, channels and blocking calls in plain style, without
//! async.
//!
//! ```no_run
//! #[gort::main]
//! fn main() {
//!     let (tx, rx) = gort::channel::bounded(0);
//!     gort::go!(move || { for i in 0..3 { tx.send(i).unwrap(); } });
//!     for v in rx { println!("{v}"); }
//! }
//! ```
//!
//! [`main`](macro@main) boots the runtime and runs the function as the main goroutine; [`go!`] starts
//! another; [`spawn`] starts one with a handle. A library or a plain thread starts the runtime by
//! [`boot`] and enters it by [`run`].
//!
//! # The contract
//!
//! Goroutines move between threads at blocking calls. So:
//!
//! 1. **No value that depends on its thread may be held across a blocking gort call**: a borrow out of a
//!    `thread_local!`, a `!Send` guard such as a `StdoutLock` or a std `MutexGuard`.
//! 2. **A function that touches the same thread-local before and after a blocking call does so in
//!    separate `#[inline(never)]` functions**: the optimiser may keep the thread-local's address in a
//!    register across the call.
//!
//! It is the rule that `Send` futures obey, except that no compiler checks it here. Only calls that are
//! documented as blocking (`send`, `recv`, `lock`, `join`, `sleep`, `park`, `wait`, [`yield_now`], …) may
//! move a goroutine, also when they find nothing to wait for; all others (`go!`, `try_*`, clone, drop,
//! unlock, `len`) never do. The contract is accepted in one of three places: `#[gort::main]`,
//! `#[gort::test]`, or `unsafe { gort::boot(…) }`. [`goroutine_local!`] is the right tool instead of a
//! thread-local, and [`pin`] keeps a goroutine on its thread where nothing else will do.
//!
//! ```no_run
//! use std::cell::RefCell;
//! use gort::channel::Receiver;
//!
//! thread_local! { static SEEN: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) }; }
//!
//! // Wrong: the borrow belongs to a thread that the goroutine may leave in `recv`. Another goroutine there finds
//! // `SEEN` borrowed, and this one gives back what another thread may be using.
//! fn wrong(rx: &Receiver<u32>) {
//!     SEEN.with_borrow_mut(|seen| seen.extend(rx.recv()));
//! }
//!
//! // Wrong: inlined into one function, both uses may go to the thread of the first.
//! fn wrong_too(rx: &Receiver<u32>) {
//!     SEEN.with_borrow_mut(|seen| seen.push(0));
//!     let v = rx.recv().unwrap();
//!     SEEN.with_borrow_mut(|seen| seen.push(v));
//! }
//!
//! // Right: block first, then touch the thread-local, in a function of its own.
//! fn right(rx: &Receiver<u32>) {
//!     let v = rx.recv().unwrap();
//!     note(v);
//! }
//!
//! #[inline(never)]
//! fn note(v: u32) {
//!     SEEN.with_borrow_mut(|seen| seen.push(v));
//! }
//!
//! // Right, and the goroutine's own wherever it runs.
//! gort::goroutine_local! { static MINE: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) }; }
//! fn right_too(rx: &Receiver<u32>) {
//!     MINE.with_borrow_mut(|mine| mine.push(rx.recv().unwrap()));
//! }
//!
//! // Right: what must stay on its thread, a C library's handle for instance, is pinned.
//! fn pinned(rx: &Receiver<u32>) {
//!     let _pin = gort::pin();
//!     SEEN.with_borrow_mut(|seen| seen.extend(rx.recv()));
//! }
//! ```
//!
//! # Environment
//!
//! - `GOMAXPROCS`: how many goroutines run at the same time; without it, the number of processors.
//! - `GORT_STACK`: usable bytes of a goroutine's stack, a decimal number (`K` and `M` as suffixes), rounded up as
//!   [`Options::stack_size`] is. What is no such number, or is zero, is ignored.
//! - `GODEBUG` (`GORTDEBUG` wins): `inittrace=1`, `schedtrace=MS`, `scheddetail=1`, `tracebackancestors=N`.
//! - `GOTRACEBACK`: how much a crash shows: `none`, `single` (the goroutine that panics or has used up its stack; a
//!   deadlock, SIGQUIT and failures of the runtime show all), `all`, `system` (the runtime's frames too), `crash` (and
//!   SIGABRT at the end). As in Go, 1 is `all`, a greater number `system`, and anything else `none`.
//!
//! # Features
//!
//! - `symbols` (by default): tracebacks show the names of functions, and their lines. Without it they show addresses, as
//!   those of a stripped program do, and programs are some 240 KiB smaller.
//!
//! # When things go wrong
//!
//! An unrecovered panic of a [`go!`] goroutine, a stack that is used up, a deadlock, SIGQUIT, and memory or threads that
//! the runtime cannot get or [may not have](runtime::set_max_threads) end the process with status 2 after telling what the
//! goroutines do, in Go's layout; [`runtime::stack`] gives the same text. Running goroutines are asked for their frames by
//! SIGURG, during a dump only.
//!
//! The message of a panic is the panic hook's, whichever there is; what the runtime tells comes after it. So a program
//! may set its hook before boot or after it, and need not call the one that was there. Only where that ends the process
//! itself nothing is told. With `panic = "abort"` the runtime handles SIGABRT to that end, unless somebody does when it
//! boots: an abort that is none of a goroutine's panic is what it is without.

#![deny(unsafe_code)]
#![cfg_attr(loom, allow(dead_code, unreachable_pub, unused_imports))]

#[cfg(not(any(
    all(target_os = "linux", target_arch = "x86_64"),
    all(target_os = "linux", target_arch = "aarch64")
)))]
compile_error!("gort supports Linux on x86-64 and aarch64");

extern crate self as gort;

// L0 ground
#[cfg(any(gort_runtime, loom))]
mod primitive;
#[cfg(gort_runtime)]
#[allow(unsafe_code)]
mod sys;
#[cfg(loom)]
#[path = "model/sys.rs"]
mod sys;
#[cfg(gort_runtime)]
#[allow(unsafe_code)]
mod tls;

// L1 parts
#[cfg(any(gort_runtime, loom))]
#[allow(unsafe_code)]
mod biased_lock;
#[cfg(gort_runtime)]
mod contention;
#[cfg(any(gort_runtime, loom))]
#[allow(unsafe_code)]
mod global_runq;
#[cfg(gort_runtime)]
#[allow(unsafe_code)]
mod gobuf;
#[cfg(any(gort_runtime, loom))]
#[cfg_attr(loom, allow(unsafe_code))]
mod lock;
#[cfg(gort_runtime)]
mod note;
#[cfg(gort_runtime)]
#[allow(unsafe_code)]
mod rand;
#[cfg(any(gort_runtime, loom))]
mod runq;
#[cfg(gort_runtime)]
#[allow(unsafe_code)]
mod stack;

// L2 goroutine descriptors
#[cfg(any(gort_runtime, loom))]
#[allow(unsafe_code)]
mod g;

// L3 sockets and timers return runnable goroutines
#[cfg(any(gort_runtime, loom))]
#[allow(unsafe_code)]
mod netpoll;
#[cfg(gort_runtime)]
#[allow(unsafe_code)]
mod timer;

// L4 the scheduler
#[cfg(loom)]
#[path = "sched/claim.rs"]
#[allow(unsafe_code)]
mod claim;
#[cfg(loom)]
#[path = "sched/idle.rs"]
mod idle;
#[cfg(gort_runtime)]
#[allow(unsafe_code)]
mod sched;
#[cfg(loom)]
#[path = "model/sched.rs"]
#[allow(unsafe_code)]
mod sched;
#[cfg(loom)]
#[path = "sched/verdict.rs"]
mod verdict;
#[cfg(loom)]
pub(crate) use sched::timer;

// L5 waiting
#[cfg(any(gort_runtime, loom))]
mod parker;
#[cfg(any(gort_runtime, loom))]
#[allow(unsafe_code)]
mod wait;

// L6 what users see
#[cfg(gort_runtime)]
#[doc(hidden)]
pub mod __rt;
#[cfg(gort_runtime)]
mod block_on;
#[cfg(any(gort_runtime, loom))]
#[allow(unsafe_code)]
pub mod channel;
#[cfg(gort_runtime)]
pub mod context;
#[cfg(gort_runtime)]
#[allow(unsafe_code)]
mod goroutine;
#[cfg(gort_runtime)]
#[allow(unsafe_code)]
mod local;
#[cfg(gort_runtime)]
#[allow(unsafe_code)]
pub mod net;
#[cfg(gort_runtime)]
pub mod runtime;
#[cfg(gort_runtime)]
#[allow(unsafe_code)]
mod scope;
#[cfg(loom)]
#[path = "net/seat.rs"]
mod seat;
#[cfg(gort_runtime)]
pub mod signal;
#[cfg(gort_runtime)]
#[allow(unsafe_code)]
mod spawn;
#[cfg(gort_runtime)]
#[allow(unsafe_code)]
mod start;
#[cfg(any(gort_runtime, loom))]
#[allow(unsafe_code)]
pub mod sync;
#[cfg(any(gort_runtime, loom))]
pub mod time;
#[cfg(loom)]
#[path = "net/turn.rs"]
mod turn;

#[cfg(gort_runtime)]
mod exports {
    pub use crate::block_on::block_on;
    pub use crate::goroutine::{
        Goroutine, GoroutineId, catch_unwind, current, goexit, panicking, park, park_timeout, sleep,
        sleep_until, yield_now,
    };
    pub use crate::local::{AccessError, LocalKey};
    pub use crate::runtime::{
        PinGuard, blocking, blocking_on_system_stack, gomaxprocs, lock_os_thread, num_cpu, pin,
        unlock_os_thread,
    };
    pub use crate::sched::rt0::{BootError, Options};
    pub use crate::scope::{Scope, ScopedJoinHandle, scope};
    pub use crate::spawn::{Builder, JoinHandle, num_goroutine, run, spawn};
    pub use crate::start::{boot, chan};
    pub use gort_macros::{main, test};
}
#[cfg(gort_runtime)]
pub use exports::*;

/// In a model a panic is the end.
#[cfg(loom)]
pub(crate) use std::thread::panicking;
