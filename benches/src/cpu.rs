//! Processor time that this process has used.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// User and system time of all threads so far, those that ended included.
pub fn used() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
