//! Waiting until an operation of a select needs no waiting, without carrying it out.
//!
//! Who waits is queued as a watcher at each channel, and is told of every change that may make an operation ready.

use std::time::{Duration, Instant};

use super::select::Waiters;
use super::{ReadyTimeoutError, Select, TryReadyError};
use crate::sched::{current, park};
use crate::sys::clock::{self, NEVER};
use crate::wait::Waiter;

impl Select<'_> {
    /// The index of an operation that needs no waiting, unless [`none_is_ready`](Self::none_is_ready).
    fn find_ready(&mut self) -> Option<usize> {
        while !self.none_is_ready() {
            let gp = current::g();
            let ready = self.find(|arm| arm.operation.is_ready(gp));
            if ready.is_some() {
                return ready.map(|arm| arm.index);
            }
        }
        None
    }

    /// The index of an operation that needs no waiting at this moment. Nothing is agreed on: somebody
    /// else may be quicker.
    ///
    /// # Errors
    /// There is none.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::{Select, bounded};
    ///
    /// let (tx, rx) = bounded(1);
    /// let mut select = Select::new();
    /// let receive = select.recv(&rx);
    /// assert!(select.try_ready().is_err());
    /// tx.send(5).unwrap();
    /// assert_eq!(select.try_ready(), Ok(receive));
    /// assert_eq!(rx.try_recv(), Ok(5));
    /// # });
    /// ```
    pub fn try_ready(&mut self) -> Result<usize, TryReadyError> {
        self.find_ready().ok_or(TryReadyError)
    }

    /// Blocks until an operation needs no waiting, and gives its index.
    ///
    /// # Panics
    /// When there is no operation.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::{Select, bounded};
    ///
    /// let (tx, rx) = bounded(0);
    /// gort::go!(move || tx.send(5).unwrap());
    /// let mut select = Select::new();
    /// let receive = select.recv(&rx);
    /// assert_eq!(select.ready(), receive);
    /// assert_eq!(rx.try_recv(), Ok(5), "nobody else receives here");
    /// # });
    /// ```
    pub fn ready(&mut self) -> usize {
        assert!(self.len > 0, "no operations have been added to `Select`");
        self.ready_until(NEVER).expect("without a deadline it ends with an operation")
    }

    /// [`ready`](Self::ready) for at most `timeout`.
    ///
    /// # Errors
    /// The time has come.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::{Select, bounded};
    ///
    /// let (_tx, rx) = bounded::<i32>(0);
    /// let mut select = Select::new();
    /// select.recv(&rx);
    /// assert!(select.ready_timeout(std::time::Duration::from_millis(1)).is_err());
    /// # });
    /// ```
    pub fn ready_timeout(&mut self, timeout: Duration) -> Result<usize, ReadyTimeoutError> {
        self.ready_until(clock::after(timeout)).ok_or(ReadyTimeoutError)
    }

    /// [`ready`](Self::ready) until `deadline` at most.
    ///
    /// # Errors
    /// The time has come.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::{Select, bounded};
    ///
    /// let (tx, rx) = bounded::<i32>(1);
    /// let mut select = Select::new();
    /// select.recv(&rx);
    /// let send = select.send(&tx);
    /// assert_eq!(select.ready_deadline(std::time::Instant::now()), Ok(send));
    /// # });
    /// ```
    pub fn ready_deadline(&mut self, deadline: Instant) -> Result<usize, ReadyTimeoutError> {
        self.ready_until(clock::at(deadline)).ok_or(ReadyTimeoutError)
    }

    fn ready_until(&mut self, deadline: u64) -> Option<usize> {
        park::check_preempt();
        loop {
            if let Some(index) = self.find_ready() {
                return Some(index);
            }
            if clock::nanotime() >= deadline {
                return None;
            }
            let waiters = Waiters::new(self.len);
            self.park(deadline, |gp, seq, i| {
                let waiter = waiters.get(i).get_or_init(|| Waiter::committed(gp, seq, std::ptr::null_mut()));
                self.arm(i).operation.watch(waiter)
            });
            for i in 0..self.len {
                if let Some(waiter) = waiters.get(i).get() {
                    self.arm(i).operation.unwatch(waiter);
                }
            }
        }
    }
}
