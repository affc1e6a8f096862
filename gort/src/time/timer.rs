//! One time in the future.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::alarm::{Action, Alarm};
use crate::channel::Receiver;
use crate::sys::clock;

/// A single event in the future: its time is sent to a channel, or a function is called.
///
/// As in Go since 1.23, nothing stale is received after [`stop`](Timer::stop) or [`reset`](Timer::reset) has
/// returned. Dropping a timer does not stop it. All of it works on plain threads too.
///
/// ```
/// use gort::time::{Duration, Timer};
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let timer = Timer::new(Duration::from_millis(1));
/// timer.channel().recv().unwrap();
/// assert!(!timer.stop(), "its time was received");
/// # });
/// ```
#[doc(alias = "NewTimer")]
pub struct Timer {
    alarm: Arc<Alarm>,
    action: Action,
}

impl Timer {
    /// A timer that sends the time to its [`channel`](Timer::channel) after `duration`.
    ///
    /// # Panics
    /// When no runtime runs.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::time::{Duration, Instant, Timer};
    ///
    /// let begin = Instant::now();
    /// let timer = Timer::new(Duration::from_millis(1));
    /// assert!(timer.channel().recv().unwrap() - begin >= Duration::from_millis(1));
    /// ```
    #[track_caller]
    pub fn new(duration: Duration) -> Self {
        Self::start(Alarm::new(true), Action::Send, duration)
    }

    /// A timer that calls `f` in a goroutine of its own after `duration`, and again after each
    /// [`reset`](Timer::reset). Its channel never delivers anything.
    ///
    /// # Panics
    /// When no runtime runs. A panic of `f` is one of a `go!` goroutine: it ends the process.
    ///
    /// ```
    /// use gort::time::{Duration, Timer};
    ///
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (tx, rx) = gort::channel::bounded(1);
    /// let timer = Timer::after_func(Duration::from_millis(1), move || tx.send("called").unwrap());
    /// assert_eq!(rx.recv(), Ok("called"));
    /// assert!(!timer.stop());
    /// # });
    /// ```
    #[doc(alias = "AfterFunc")]
    #[track_caller]
    pub fn after_func<F>(duration: Duration, f: F) -> Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        Self::start(Alarm::new(false), Action::Call(Arc::new(f)), duration)
    }

    fn start(alarm: Arc<Alarm>, action: Action, duration: Duration) -> Self {
        alarm.set(clock::after(duration), Duration::ZERO, action.clone());
        Self { alarm, action }
    }

    /// Where the time is sent. It holds one time at most.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let timer = gort::time::Timer::new(std::time::Duration::from_secs(3600));
    /// assert!(timer.channel().try_recv().is_err());
    /// # });
    /// ```
    pub fn channel(&self) -> &Receiver<Instant> {
        self.alarm.channel()
    }

    /// Takes the time back. True if that was in time: it had not come, or had been sent and not received. For
    /// a function, true means that it will not be called; false does not mean that it has returned.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let timer = gort::time::Timer::new(std::time::Duration::from_secs(3600));
    /// assert!(timer.stop());
    /// assert!(!timer.stop());
    /// # });
    /// ```
    #[doc(alias = "Stop")]
    pub fn stop(&self) -> bool {
        self.alarm.stop()
    }

    /// Sets the time anew, to `duration` from now. True if it was still set, or sent and not received.
    ///
    /// ```
    /// use gort::time::{Duration, Timer};
    ///
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let timer = Timer::new(Duration::from_secs(3600));
    /// assert!(timer.reset(Duration::from_millis(1)));
    /// timer.channel().recv().unwrap();
    /// assert!(!timer.reset(Duration::ZERO));
    /// timer.channel().recv().unwrap();
    /// # });
    /// ```
    #[doc(alias = "Reset")]
    pub fn reset(&self, duration: Duration) -> bool {
        self.alarm.set(clock::after(duration), Duration::ZERO, self.action.clone())
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Timer { .. }")
    }
}
