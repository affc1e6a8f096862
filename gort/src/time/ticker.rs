//! Times at equal distances.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::alarm::{Action, Alarm};
use crate::channel::Receiver;
use crate::sys::clock;

/// Sends the time to a channel again and again. The channel holds one tick at most: ticks that nobody is there
/// to receive are dropped. A dropped ticker is stopped.
///
/// ```
/// use gort::time::{Duration, Ticker};
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let ticker = Ticker::new(Duration::from_millis(1));
/// let first = ticker.channel().recv().unwrap();
/// assert!(ticker.channel().recv().unwrap() > first);
/// # });
/// ```
#[doc(alias = "NewTicker")]
pub struct Ticker {
    alarm: Arc<Alarm>,
}

impl Ticker {
    /// A ticker whose first tick comes after `period`.
    ///
    /// # Panics
    /// With Go's text when `period` is zero; when no runtime runs.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let ticker = gort::time::Ticker::new(std::time::Duration::from_millis(1));
    /// assert!(ticker.channel().recv().is_ok());
    /// ```
    #[track_caller]
    pub fn new(period: Duration) -> Self {
        assert!(!period.is_zero(), "non-positive interval for NewTicker");
        let ticker = Self { alarm: Alarm::new(true) };
        ticker.alarm.set(clock::after(period), period, Action::Send);
        ticker
    }

    /// Where the ticks are sent.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let ticker = gort::time::Ticker::new(std::time::Duration::from_secs(3600));
    /// assert!(ticker.channel().try_recv().is_err());
    /// # });
    /// ```
    pub fn channel(&self) -> &Receiver<Instant> {
        self.alarm.channel()
    }

    /// No more ticks, also not one that was sent and not received. The channel stays open.
    ///
    /// ```
    /// use gort::time::{Duration, Ticker};
    ///
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let ticker = Ticker::new(Duration::from_millis(1));
    /// ticker.stop();
    /// assert!(ticker.channel().recv_timeout(Duration::from_millis(5)).is_err());
    /// # });
    /// ```
    #[doc(alias = "Stop")]
    pub fn stop(&self) {
        self.alarm.stop();
    }

    /// Ticks each `period` from now on; the next one comes after `period`.
    ///
    /// # Panics
    /// With Go's text when `period` is zero.
    ///
    /// ```
    /// use gort::time::{Duration, Ticker};
    ///
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let ticker = Ticker::new(Duration::from_secs(3600));
    /// ticker.reset(Duration::from_millis(1));
    /// ticker.channel().recv().unwrap();
    /// # });
    /// ```
    #[doc(alias = "Reset")]
    #[track_caller]
    pub fn reset(&self, period: Duration) {
        assert!(!period.is_zero(), "non-positive interval for Ticker.Reset");
        self.alarm.set(clock::after(period), period, Action::Send);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.alarm.stop();
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Ticker { .. }")
    }
}
