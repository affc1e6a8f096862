//! `GODEBUG=schedtrace`: the scheduler's state in one line, with `scheddetail=1` followed by one for
//! each P, M and G. The format is Go 1.12's.
//!
//! Go: proc.go `schedtrace`.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use super::SCHED;
use super::p::P;
use crate::g::slab;
use crate::g::status::Status;
use crate::g::wait_reason::WaitReason;
use crate::sys::write_stderr;

fn queued(pp: &P) -> u32 {
    pp.runq.len() + u32::from(pp.runq.runnext() != 0)
}

/// Writes the state to standard error.
pub(crate) fn schedtrace(detailed: bool, now: u64) {
    let mut text = String::new();
    let ms = (now - SCHED.start_time.load(Ordering::Relaxed)) / 1_000_000;
    let (threads, idle_threads, locked) =
        SCHED.locked(|s| (s.all_ms.len() - s.free_ms.len(), s.idle_ms.len(), s.locked_idle));
    let _ = write!(
        text,
        "SCHED {ms}ms: gomaxprocs={} idleprocs={} threads={threads} spinningthreads={} idlethreads={idle_threads} runqueue={}",
        SCHED.procs(),
        SCHED.idle.idle_ps(),
        SCHED.idle.spinning(),
        SCHED.global.len(),
    );
    let ps = || SCHED.all_ps().filter(|pp| pp.id < SCHED.procs());
    if !detailed {
        let lens: Vec<String> = ps().map(|pp| queued(pp).to_string()).collect();
        let _ = writeln!(text, " [{}]", lens.join(" "));
        return write_stderr(text.as_bytes());
    }
    let _ = writeln!(
        text,
        " gcwaiting=0 nmidlelocked={locked} stopwait=0 sysmonwait={}",
        u8::from(SCHED.sysmon_sleeps.load(Ordering::Relaxed))
    );
    for pp in ps() {
        let _ = writeln!(
            text,
            "  P{}: status={} schedtick={} syscalltick=0 m={} runqsize={} gfreecnt={}",
            pp.id,
            pp.status() as u32,
            pp.schedtick(),
            pp.owner().map_or(-1, |mp| i64::from(mp.id)),
            queued(pp),
            pp.stock.len(),
        );
    }
    let (gs, all_ms) = (goroutines(), SCHED.locked(|s| s.all_ms.clone()));
    let id_of = |found: Option<&Row>| found.map_or(-1, |row| row.id as i64);
    for mp in all_ms {
        let p = SCHED.all_ps().find(|pp| pp.owner().is_some_and(|owner| owner.id == mp.id));
        let m = i64::from(mp.id);
        let _ = writeln!(
            text,
            "  M{m}: p={} curg={} mallocing=0 throwing=0 preemptoff= locks=0 dying=0 spinning={} blocked=false lockedg={}",
            p.map_or(-1, |pp| i64::from(pp.id)),
            id_of(gs.iter().find(|row| row.m == m && !row.hosts)),
            mp.spinning.get(),
            id_of(gs.iter().find(|row| row.lockedm == m)),
        );
    }
    for Row { id, status, reason, m, lockedm, .. } in gs {
        let reason = if status == Status::Waiting { reason.text() } else { "" };
        let _ = writeln!(text, "  G{id}: status={}({reason}) m={m} lockedm={lockedm}", status as u32);
    }
    write_stderr(text.as_bytes());
}

/// What a goroutine's line says.
struct Row {
    id: u64,
    status: Status,
    reason: WaitReason,
    /// Where it runs, or sits in a call.
    m: i64,
    lockedm: i64,
    /// Whether another runs on its stack, and so in its place.
    hosts: bool,
}

/// The goroutines that live, as each was at the moment it was looked at. What an M says of its goroutine is taken
/// from here: its own fields are for its thread alone.
fn goroutines() -> Vec<Row> {
    let mut gs = Vec::new();
    slab::for_each(|gp| {
        let (status, reason) = gp.shown_status();
        if matches!(status, Status::Dead | Status::Idle) {
            return;
        }
        let runs = matches!(status, Status::Running | Status::Syscall);
        gs.push(Row {
            id: gp.id(),
            status,
            reason,
            m: if runs { i64::from(gp.m.load(Ordering::Relaxed)) - 1 } else { -1 },
            lockedm: i64::from(gp.lockedm.load(Ordering::Relaxed)) - 1,
            hosts: gp.guest().is_some(),
        });
    });
    gs
}
