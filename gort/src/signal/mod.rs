//! Go's package os/signal: signals of the system's, received from channels.
//!
//! ```no_run
//! use gort::signal::{self, Signal};
//!
//! #[gort::main]
//! fn main() {
//!     let (tx, rx) = gort::channel::bounded(1);
//!     signal::notify(&tx, &[Signal::SIGINT, Signal::SIGTERM]);
//!     println!("{:?}: tidying up", rx.recv().unwrap());
//! }
//! ```
//!
//! - A signal that is asked for has no other effect; one that is not does what it does in any program. So
//!   `SIGTERM` ends a program which has not asked for it, without running destructors.
//! - Nobody waits for a channel: what finds it full is dropped. A buffer of one is enough to be told of one
//!   signal. Signals of one number that come faster than they are delivered may be one.
//! - While any signal is asked for, a program of which all goroutines wait is no deadlock.
//! - Where no signal is named (`&[]`), all are meant that can be asked for. `SIGKILL` and `SIGSTOP` cannot,
//!   nor those that tell of a fault of the program itself (`SIGSEGV`, `SIGBUS`, `SIGFPE`, `SIGILL`): naming
//!   them does nothing.
//! - A signal that was ignored when the program was started (`nohup`) is so until it is asked for, and again
//!   after [`stop`] or [`reset`]; one that was blocked, likewise.
//! - The handler is `signal-hook`'s. Actions that other libraries have registered there run as well, until the
//!   last [`stop`] takes the handler away.
//!
//! Invariants
//! - `CHANGES` is held while the table and the dispositions change, so that they agree afterwards. Who
//!   delivers takes `TABLE` alone, for as long as it takes to clone a few senders: `CHANGES` may be held while
//!   its holder waits for a delivery.
//! - A signal is enabled exactly if a registration of the table wants it.

mod number;

use std::borrow::Borrow;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use self::number::Signal;
use crate::channel::{Sender, bounded};
use crate::context::{CancelFunc, Context};
use crate::sched::newproc::{getcallerpc, newproc};
use crate::sched::{current, sigqueue};

struct Registration {
    sender: Sender<Signal>,
    /// Bits of signals.
    wants: u64,
}

struct Table {
    active: Vec<Registration>,
    /// The one that is being stopped: signals that came before go to it still.
    stopping: Option<Registration>,
}

impl Table {
    fn is_wanted(&self, signal: Signal) -> bool {
        self.active.iter().any(|r| r.wants & signal.bit() != 0)
    }
}

static CHANGES: Mutex<()> = Mutex::new(());
static TABLE: Mutex<Table> = Mutex::new(Table { active: Vec::new(), stopping: None });

fn changes() -> MutexGuard<'static, ()> {
    CHANGES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Those of `signals` that can be asked for; all if none is named.
fn named(signals: &[Signal]) -> Vec<Signal> {
    if signals.is_empty() {
        Signal::deliverable().collect()
    } else {
        signals.iter().copied().filter(|signal| signal.is_deliverable()).collect()
    }
}

/// On the signal thread.
fn deliver(number: i32) {
    let Some(signal) = Signal::from_raw(number) else { return };
    let senders: Vec<_> = {
        let table = table();
        let all = table.active.iter().chain(&table.stopping);
        all.filter(|r| r.wants & signal.bit() != 0).map(|r| r.sender.clone()).collect()
    };
    for sender in senders {
        // Full: dropped, as documented.
        let _ = sender.try_send(signal);
    }
}

/// Has `signals` sent to the channel from now on, besides those that it gets already; all signals if none is
/// named. Several channels get a copy each. Takes the sender or a reference to it. Never blocks the
/// goroutine; the channel is never waited for. Go: `signal.Notify`.
///
/// # Panics
/// When no runtime runs.
///
/// ```
/// use gort::signal::{self, Signal};
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let (tx, rx) = gort::channel::bounded(1);
/// signal::notify(&tx, &[Signal::SIGUSR1]);
/// unsafe { libc::raise(libc::SIGUSR1) };
/// assert_eq!(rx.recv(), Ok(Signal::SIGUSR1));
/// signal::stop(&tx);
/// # });
/// ```
#[doc(alias = "Notify")]
#[track_caller]
pub fn notify(tx: impl Borrow<Sender<Signal>>, signals: &[Signal]) {
    current::require_runtime();
    let tx = tx.borrow();
    let signals = named(signals);
    let bits = signals.iter().fold(0, |bits, signal| bits | signal.bit());
    let _changes = changes();
    {
        let mut table = table();
        match table.active.iter_mut().find(|r| r.sender.same_channel(tx)) {
            Some(r) => r.wants |= bits,
            None if bits == 0 => {}
            None => table.active.push(Registration { sender: tx.clone(), wants: bits }),
        }
    }
    for signal in signals {
        sigqueue::enable(signal.as_raw(), deliver);
    }
}

/// Ends what [`notify`] has begun for this channel. Signals that nobody else has asked for do again what they
/// did before. When it returns, every signal has either been sent to the channel or had that effect, and no
/// more will be sent. Go: `signal.Stop`.
///
/// ```
/// use gort::signal::{self, Signal};
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// let (tx, rx) = gort::channel::bounded(1);
/// signal::notify(&tx, &[Signal::SIGWINCH]);
/// signal::stop(&tx);
/// unsafe { libc::raise(libc::SIGWINCH) };
/// assert!(rx.try_recv().is_err());
/// ```
#[doc(alias = "Stop")]
pub fn stop(tx: impl Borrow<Sender<Signal>>) {
    let tx = tx.borrow();
    let _changes = changes();
    let unwanted: Vec<Signal> = {
        let mut table = table();
        let Some(i) = table.active.iter().position(|r| r.sender.same_channel(tx)) else { return };
        let stopped = table.active.remove(i);
        let wants = stopped.wants;
        table.stopping = Some(stopped);
        Signal::deliverable().filter(|s| wants & s.bit() != 0 && !table.is_wanted(*s)).collect()
    };
    for signal in unwanted {
        sigqueue::disable(signal.as_raw());
    }
    sigqueue::wait_until_idle();
    let stopped = table().stopping.take();
    drop(stopped);
}

/// Takes `signals` from all channels.
fn withdraw(signals: &[Signal], then: fn(i32)) {
    let signals = named(signals);
    let _changes = changes();
    let unused: Vec<_> = {
        let mut table = table();
        for r in &mut table.active {
            signals.iter().for_each(|signal| r.wants &= !signal.bit());
        }
        table.active.extract_if(.., |r| r.wants == 0).collect()
    };
    drop(unused);
    for signal in signals {
        then(signal.as_raw());
    }
}

/// Has nothing happen when one of `signals` comes, whoever has asked for it; all signals if none is named.
/// Processes that are started from now on inherit it. Go: `signal.Ignore`.
///
/// ```
/// use gort::signal::{self, Signal};
///
/// signal::ignore(&[Signal::SIGHUP]);
/// unsafe { libc::raise(libc::SIGHUP) };
/// println!("still here");
/// ```
#[doc(alias = "Ignore")]
pub fn ignore(signals: &[Signal]) {
    withdraw(signals, sigqueue::ignore);
}

/// Undoes whatever [`notify`] and [`ignore`] have done about `signals`; about all if none is named. Go:
/// `signal.Reset`.
///
/// ```
/// use gort::signal::{self, Signal};
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// let (tx, rx) = gort::channel::bounded(1);
/// signal::notify(&tx, &[Signal::SIGWINCH]);
/// signal::reset(&[Signal::SIGWINCH]);
/// unsafe { libc::raise(libc::SIGWINCH) };
/// assert!(rx.try_recv().is_err());
/// ```
#[doc(alias = "Reset")]
pub fn reset(signals: &[Signal]) {
    withdraw(signals, sigqueue::disable);
}

/// A child of `ctx` that is cancelled when one of `signals` comes; any signal if none is named. Its
/// [`cause`](Context::cause) is then Go's text, such as `terminated signal received`. Until the function is
/// called (or the signals are [`reset`]), further signals have no effect; calling it cancels the context and
/// gives the signals their former effect, so that the next interrupt ends a program that is slow to stop. Go:
/// `signal.NotifyContext`.
///
/// # Panics
/// When no runtime runs.
///
/// ```
/// use gort::context::Context;
/// use gort::signal::{self, Signal};
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let (ctx, stop) = signal::notify_context(&Context::background(), &[Signal::SIGUSR2]);
/// unsafe { libc::raise(libc::SIGUSR2) };
/// assert!(ctx.done().recv().is_err(), "the channel is closed when it is over");
/// assert_eq!(ctx.cause().unwrap().to_string(), "user defined signal 2 signal received");
/// stop.cancel();
/// # });
/// ```
#[doc(alias = "NotifyContext")]
#[track_caller]
pub fn notify_context(ctx: &Context, signals: &[Signal]) -> (Context, CancelFunc) {
    let (ctx, cancel) = ctx.with_cancel_cause();
    let (tx, rx) = bounded(1);
    notify(&tx, signals);
    let done = ctx.done();
    let for_signals = cancel.clone();
    newproc(getcallerpc(), std::panic::Location::caller(), None, move || {
        crate::select! {
            recv(rx) -> signal => if let Ok(signal) = signal {
                for_signals.cancel(format!("{signal} signal received"));
            },
            recv(done) -> _ => {}
        }
    });
    (ctx, cancel.and_then(move || stop(&tx)))
}
