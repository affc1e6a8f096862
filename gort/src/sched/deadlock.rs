//! When nothing can ever happen again: the report, and status 2.
//!
//! All of these must hold: no M runs or spins, no timer is pending, nobody waits for a socket, no signal is asked
//! for, and every thread of the process is an M or waits in gort without a timeout. Then no one is left who could
//! ready anybody.
//!
//! They must hold at the same time, which [`verdict`](super::verdict) sees to.
//!
//! Go: proc.go `checkdead`.

use std::sync::atomic::Ordering;

use super::debugvars::{TracebackLevel, traceback_level};
use super::verdict::Look;
use super::{SCHED, quit, sigqueue, traceback, verdict};
use crate::sys::clock::NEVER;
use crate::sys::write_stderr;

/// Looks whether the caller, which is about to sleep and is counted as asleep already, is the last.
pub(crate) fn check() {
    if verdict::never_again(look, || !sigqueue::any_wanted() && no_foreign_thread()) {
        report();
    }
}

fn look() -> Look {
    // First: sysmon may be about to ready one that waits for a socket, which then stands in the global queue.
    let socket = crate::netpoll::has_waiter();
    SCHED.locked(|s| {
        let running = s.all_ms.len() as i64
            - s.free_ms.len() as i64
            - s.idle_ms.len() as i64
            - i64::from(s.locked_idle)
            - i64::from(s.system_ms);
        let to_come = socket || SCHED.next_timer() != NEVER;
        Look { running, queued: SCHED.global.len() != 0, to_come, sleeps: s.sleeps }
    })
}

/// Whether every thread of the process is the runtime's or waits in gort with no timeout.
fn no_foreign_thread() -> bool {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return false };
    let tasks = tasks.count();
    SCHED.locked(|s| {
        // While a thread is being started, whether it is among the tasks is anybody's guess. Who starts
        // it looks again (`newm::start_thread`).
        let threads = s.all_ms.iter().filter(|mp| mp.started.get()).count();
        threads == s.all_ms.len() - s.free_ms.len() && tasks <= threads + s.waiting_threads as usize
    })
}

#[cold]
fn report() -> ! {
    if SCHED.main_exited.load(Ordering::Relaxed) && SCHED.num_goroutine() == 0 {
        write_stderr(b"fatal error: no goroutines (main called runtime.Goexit) - deadlock!\n");
    } else {
        write_stderr(b"fatal error: all goroutines are asleep - deadlock!\n");
        if traceback_level() > TracebackLevel::None {
            // SAFETY: nobody runs, and nobody is left who could ready anybody.
            for goroutine in unsafe { traceback::deadlocked() } {
                write_stderr(format!("\n{goroutine}").as_bytes());
            }
        }
    }
    quit::exit()
}
