//! Processor time that a process has used.

use std::fs;
use std::io::{self, ErrorKind};
use std::time::Duration;

use rustix::param::clock_ticks_per_second;
use rustix::time::{ClockId, clock_gettime};

/// User and system time of all threads so far, those that ended included.
pub fn used() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// The same of another process, in the kernel's ticks of a hundredth of a second.
///
/// # Errors
///
/// If there is no such process.
pub fn used_by(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = ticks(&stat).ok_or(ErrorKind::InvalidData)?;
    Ok(Duration::from_secs(ticks) / clock_ticks_per_second() as u32)
}

/// User and system time, the 14th and 15th field; the 2nd is the program's
/// name in brackets, which may contain anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_read_behind_any_name() {
        let stat = "12 (a) b 7) S 1 2 3 4 5 6 7 8 9 10 130 20 0 0 20 0 1 0";
        assert_eq!(ticks(stat), Some(150));
        assert!(used_by(std::process::id()).is_ok());
    }
}
