//! One look at a goroutine, on whatever stack it stands.
//!
//! Several goroutines may stand on one stack ([`crate::sched::inline`]): the innermost runs or is parked, the others
//! wait for it. Who holds the innermost, or is it, knows who stands on the stack and where.

use std::ptr;
use std::sync::atomic::Ordering;

use super::blame::{self, Wait};
use super::frames::{self, Part, Trace};
use super::layout::{Found, Made, Missing};
use crate::g::G;
use crate::g::extras::{self, Shown};
use crate::g::status::Status;
use crate::g::wait_reason::WaitReason;
use crate::sys::clock;

/// What one look has shown.
pub(super) enum Look {
    Gone,
    Found(Found, Vec<Wait>),
    /// It runs, or is about to park or to run, or waits for one of which that is true.
    Running(Seen),
}

/// What a goroutine does, and why and since when it waits.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    status: Status,
    reason: WaitReason,
    since: u32,
}

impl Seen {
    pub(super) const RUNNING: Self = Self { status: Status::Running, reason: WaitReason::None, since: 0 };
    /// A host, which waits for its guest.
    const JOIN: Self = Self { status: Status::Waiting, reason: WaitReason::Join, since: 0 };

    fn of(gp: &'static G, status: Status) -> Self {
        let (reason, since) = gp.wait();
        match status {
            Status::Waiting | Status::Syscall => Self { status, reason, since },
            _ => Self { status, reason: WaitReason::None, since: 0 },
        }
    }

    /// What stands between the brackets.
    fn text(self, locked: bool, now: u64) -> String {
        let state = if self.reason == WaitReason::None { self.status.name() } else { self.reason.text() };
        let waited = match clock::minutes_since(self.since, now) {
            0 => String::new(),
            minutes => format!(", {minutes} minutes"),
        };
        let locked = if locked { ", locked to thread" } else { "" };
        format!("{state}{waited}{locked}")
    }
}

/// What is known of a goroutine.
pub(super) fn found(
    gp: &'static G,
    id: u64,
    seen: Seen,
    now: u64,
    trace: Result<Trace, Missing>,
    shown: Shown,
) -> Found {
    let runs = matches!(seen.status, Status::Running | Status::Syscall);
    let made = Made {
        pc: gp.gopc.load(Ordering::Relaxed),
        location: gp.location(),
        parent: gp.parent.load(Ordering::Relaxed),
    };
    Found {
        id,
        gp: ptr::from_ref(gp) as usize,
        m: gp.m.load(Ordering::Relaxed).checked_sub(1).filter(|_| runs),
        state: seen.text(gp.lockedm.load(Ordering::Relaxed) != 0, now),
        shown,
        trace,
        made,
        waits: None,
    }
}

/// The goroutine on top of those that stand on the stack of `gp`.
pub(super) fn innermost(gp: &'static G) -> &'static G {
    let mut innermost = gp;
    while let Some(guest) = innermost.guest() {
        innermost = guest;
    }
    innermost
}

/// Where the frames of `gp` lie on the stack of `innermost`, which is held or is interrupted by the caller; none if it
/// does not stand there.
pub(super) fn part_of(gp: &'static G, innermost: &'static G) -> Option<Part> {
    if ptr::eq(gp, innermost) {
        return Some(0..gp.frames_end());
    }
    let mut guest = innermost;
    loop {
        let host = guest.host()?;
        if ptr::eq(host, gp) {
            return Some(guest.frames_end()..gp.frames_end());
        }
        guest = host;
    }
}

/// Looks at the goroutine that was `id` when it was listed. `own`: the goroutine that makes the dump.
pub(super) fn look(gp: &'static G, id: u64, now: u64, own: Option<&'static G>, give_back: bool) -> Look {
    let (status, _) = gp.status.get();
    if gp.id() != id || matches!(status, Status::Dead | Status::Idle) {
        return Look::Gone;
    }
    let top = innermost(gp);
    if own.is_some_and(|own| ptr::eq(own, top)) {
        // It waits for us.
        return on_our_stack(gp, top, id, now, give_back);
    }
    let Some(status) = top.status.scan() else {
        return Look::Running(if ptr::eq(gp, top) { Seen::of(gp, status) } else { Seen::JOIN });
    };
    // Ids change between two lives only, and it does not end while the one on top is held.
    let looked = if ptr::eq(gp, top) && gp.id() != id {
        Look::Gone
    } else if status == Status::Waiting && top.gobuf.sp() == 0 {
        Look::Running(Seen::RUNNING)
    } else {
        match part_of(gp, top) {
            Some(part) if gp.id() == id => {
                let trace = frames::of_parked(top, part, give_back).ok_or(Missing::NoRoom);
                // SAFETY: held by the scan word, with the registers saved.
                unsafe { held(gp, top, id, status, now, trace) }
            }
            // Others stand on that stack by now.
            _ => Look::Running(Seen::RUNNING),
        }
    };
    top.status.unscan();
    looked
}

/// # Safety
/// `gp` waits for `top`, or is it; `top` is held or is the caller, and if it was found Waiting its registers are saved.
unsafe fn held(
    gp: &'static G,
    top: &'static G,
    id: u64,
    status: Status,
    now: u64,
    trace: Result<Trace, Missing>,
) -> Look {
    // SAFETY: the caller's word.
    let shown = unsafe { extras::shown_if_quiet(gp) };
    let (seen, wait) = if !ptr::eq(gp, top) {
        (Seen::JOIN, gp.guest().map(Wait::for_end).into_iter().collect())
    } else if status == Status::Waiting {
        // SAFETY: as above.
        (Seen::of(gp, status), unsafe { blame::wait_of(gp) })
    } else {
        (Seen::of(gp, status), Vec::new())
    };
    Look::Found(found(gp, id, seen, now, trace, shown), wait)
}

/// A host on whose stack the goroutine stands that makes the dump, from there or from the system stack.
fn on_our_stack(gp: &'static G, own: &'static G, id: u64, now: u64, give_back: bool) -> Look {
    let Some(part) = part_of(gp, own) else { return Look::Gone };
    let trace = if own.gobuf.sp() == 0 {
        Ok(frames::here_within(part))
    } else {
        frames::of_parked(own, part, give_back).ok_or(Missing::NoRoom)
    };
    // SAFETY: it waits for us.
    unsafe { held(gp, own, id, Status::Running, now, trace) }
}
