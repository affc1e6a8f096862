//! Dumps: what every goroutine does, its frames, who made it, in Go's layout.
//!
//! A dump goes through the descriptors while goroutines run, park and end:
//! - One that is parked or queued is held by the scan word beside its status, so that nobody runs it, and its
//!   stack is walked on the spot ([`frames`]).
//! - One that runs is asked by a signal ([`ask`]); all of them together have 100 ms.
//! - One that is just switching away (Waiting, its registers not saved yet) is looked at again.
//!
//! Only raw return addresses are collected there. Names come afterwards, on the system stack of the thread that
//! makes the dump, when no goroutine is held any more.
//!
//! Go: traceback.go `tracebackothers`, mprof.go `Stack`.

pub(crate) mod ask;
mod blame;
mod frames;
mod groups;
mod layout;
mod look;
mod sorted;
mod symbol;

use std::ptr;

pub(crate) use frames::{Frames, Interrupted, Step, Trace};
pub(crate) use symbol::looked_up;

use self::ask::{Answer, Asked, Asking};
use self::blame::{Hints, Wait};
use self::groups::{Groups, MANY};
use self::layout::{Found, Layout, Missing};
use self::look::{Look, Seen, found, look};
use self::sorted::Sorted;
use super::debugvars::{TracebackLevel, traceback_level};
use super::{inline, m::M, park, syscall};
use crate::g::extras::{self, Shown};
use crate::g::status::Status;
use crate::g::{G, Kind, slab};
use crate::sys::{clock, thread};
use crate::tls;

/// How long a goroutine that is in the runtime is left alone before it is looked at again, in nanoseconds.
const PAUSE: u64 = 100_000;

/// The goroutine that calls, also when it is in a blocking call.
pub(crate) fn caller() -> Option<&'static G> {
    // SAFETY: the word is zero or the address of an M, and Ms are never freed.
    let mp = unsafe { (tls::get::<{ tls::THREAD_OF }>() as *const M).as_ref() }?;
    let gp = mp.curg.get();
    if ptr::eq(gp, mp.g0) { mp.serves.get() } else { Some(gp) }
}

/// The caller's frames, as far as they are its goroutine's own.
pub(crate) fn here() -> Trace {
    // SAFETY: the word is zero or the address of an M, and Ms are never freed.
    let mp = unsafe { (tls::get::<{ tls::THREAD_OF }>() as *const M).as_ref() };
    match mp.and_then(|mp| mp.serves.get().map(|gp| (mp, gp))) {
        Some((mp, gp)) => frames::of_call(gp, mp.call_end.get()),
        None => frames::here_within(0..caller().map_or(usize::MAX, G::frames_end)),
    }
}

/// The goroutine whose frames are the calling thread's innermost; none while the thread schedules, is in the midst of a
/// switch, or is no M's.
pub(super) fn whose_frames(mp: &'static M) -> Option<&'static G> {
    let gp = mp.curg.get();
    if ptr::eq(gp, mp.g0) {
        return mp.serves.get();
    }
    let sp = inline::stack_pointer();
    gp.stack().filter(|stack| (stack.lo()..stack.hi()).contains(&sp)).map(|_| gp)
}

/// Collects the caller's frames, which are those of `gp`, or none of a goroutine's. Allocates nothing.
pub(super) fn collect(frames: &Frames, mp: Option<&'static M>, gp: Option<&'static G>) {
    match (mp, gp) {
        (Some(mp), Some(gp)) if ptr::eq(mp.curg.get(), mp.g0) => frames.walk_call(gp, mp.call_end.get()),
        (_, gp) => frames.walk_here(0..gp.map_or(usize::MAX, G::frames_end)),
    }
}

/// The frames of a system stack.
pub(super) fn runtime_stack(trace: &Trace) -> String {
    Layout::default().runtime_stack(trace)
}

/// Of the frames of a handler of SIGABRT, those that have led to a panic, if that has aborted: std calls the hook, and
/// `rust_panic` when it has come back. None if it has not. `handler` is the handler's name: if that is not known no other
/// is, and the hook is taken to have come back.
pub(crate) fn outside_of_abort(trace: Trace, handler: &str) -> Option<Trace> {
    let mut symbols = symbol::Symbols::default();
    let mut place =
        |name| trace.pcs.iter().position(|&pc| symbols.at(pc).iter().any(|s| s.is_function(name)));
    let begin = match place("rust_panic") {
        Some(at) => at + 1,
        None if place(handler).is_some() => return None,
        None => 0,
    };
    Some(Trace { pcs: trace.pcs[begin..].into(), elided: trace.elided })
}

/// A goroutine whose thread the caller is, or that is not coming back.
///
/// # Safety
/// It runs here, or does not run.
pub(crate) unsafe fn running(gp: &'static G, trace: Trace) -> String {
    // SAFETY: the caller's word.
    let shown = unsafe { extras::shown_if_quiet(gp) };
    // Not what it was locked for: a goroutine is locked while it panics, or dumps.
    let locked = if gp.lock_depth.get() > 0 { ", locked to thread" } else { "" };
    let state = format!("running{locked}");
    let found = look::found(gp, gp.id(), Seen::RUNNING, 0, Ok(trace), shown);
    Layout::default().goroutine(&Found { state, ..found })
}

/// The calling goroutine, whose frames are given.
pub(crate) fn own(gp: &'static G, trace: Trace) -> String {
    // SAFETY: the goroutine runs this itself.
    unsafe { running(gp, trace) }
}

/// Goroutines that are shown, by id. The ids are read once: a descriptor may be used again meanwhile.
fn listed(but: Option<&'static G>) -> Vec<(u64, &'static G)> {
    let system = traceback_level() == TracebackLevel::System;
    let mut list = Vec::new();
    slab::for_each(|gp| {
        let alive = !matches!(gp.status.get().0, Status::Dead | Status::Idle);
        if alive && (system || gp.kind.get() == Kind::User) && !but.is_some_and(|own| ptr::eq(gp, own)) {
            list.push((gp.id(), gp));
        }
    });
    list.sort_unstable_by_key(|&(id, _)| id);
    list
}

/// A dump that is being made.
struct Dump {
    list: Vec<(u64, &'static G)>,
    now: u64,
    /// The goroutine that makes the dump, and the id of the one that is left out.
    own: Option<&'static G>,
    but: Option<u64>,
    /// No goroutine was made after the list but those with larger ids.
    youngest: u64,
    many: bool,
    hints: Option<Hints>,
    groups: Groups,
}

impl Dump {
    fn new(but: Option<&'static G>) -> Self {
        let list = listed(but);
        // It may be one that is not coming back, and whose dump is made by another.
        let own = but.filter(|&but| caller().is_some_and(|caller| ptr::eq(but, caller)));
        let many = list.len() > MANY;
        let youngest = list.last().map_or(0, |&(id, _)| id);
        let now = clock::nanotime();
        Self { list, now, own, but: but.map(G::id), youngest, many, hints: None, groups: Groups::new(many) }
    }

    fn collect(mut self) -> Groups {
        let mut running = Vec::new();
        for i in 0..self.list.len() {
            let (id, gp) = self.list[i];
            match look(gp, id, self.now, self.own, self.many) {
                Look::Gone => {}
                Look::Found(found, waits) => self.add(found, waits),
                Look::Running(seen) => running.push(Open { id, gp, seen, asked: None, after: 0 }),
            }
        }
        if !running.is_empty() {
            self.ask(running);
        }
        self.groups
    }

    fn add(&mut self, mut found: Found, waits: Vec<Wait>) {
        let alive = |id: u64| {
            // One that is younger than the list may well live.
            self.but == Some(id)
                || id > self.youngest
                || self.list.binary_search_by_key(&id, |&(id, _)| id).is_ok()
        };
        found.waits = blame::text(&waits, found.id, alive, self.hints.as_ref());
        self.groups.add(found);
    }

    /// Asks those who run, and looks again at those who were on their way, until all are known or the time is over.
    fn ask(&mut self, mut open: Vec<Open>) {
        let mut asking = Asking::begin();
        let until = clock::nanotime() + ask::PATIENCE;
        loop {
            let seen = asking.answers();
            let now = clock::nanotime();
            open.retain_mut(|open| !self.settle(open, &asking, now));
            let now = clock::nanotime();
            if open.is_empty() || now >= until {
                break;
            }
            let pause = if open.iter().all(|open| open.asked.is_some()) { ask::PATIENCE } else { PAUSE };
            asking.wait(seen, until.min(now + pause));
        }
        for Open { id, gp, seen, asked, .. } in open {
            if let Some(asked) = asked {
                asking.give_up(asked);
            }
            let missing = found(gp, id, seen, self.now, Err(Missing::OtherThread), Shown::default());
            // Not of what came after it.
            if gp.id() == id {
                self.groups.add(missing);
            }
        }
    }

    /// One more step with a goroutine; true when it is done.
    fn settle(&mut self, open: &mut Open, asking: &Asking, now: u64) -> bool {
        let &mut Open { id, gp, seen, .. } = open;
        if let Some(asked) = open.asked.take() {
            match asked.look() {
                Answer::NotYet(asked) => open.asked = Some(asked),
                Answer::Declined => open.after = now + PAUSE,
                Answer::Here(trace, shown) => {
                    self.groups.add(found(gp, id, seen, self.now, Ok(trace), shown));
                    return true;
                }
            }
            return false;
        }
        match look(gp, id, self.now, self.own, self.many) {
            Look::Gone => return true,
            Look::Found(found, waits) => {
                self.add(found, waits);
                return true;
            }
            Look::Running(seen) if now >= open.after => {
                open.seen = seen;
                open.asked = asking.ask(gp, id);
            }
            Look::Running(_) => {}
        }
        false
    }
}

/// A goroutine that a dump does not know yet.
struct Open {
    id: u64,
    gp: &'static G,
    seen: Seen,
    asked: Option<Asked>,
    /// When it may be asked again.
    after: u64,
}

/// Every goroutine but that one, by id.
pub(crate) fn all_but(but: Option<&'static G>) -> Vec<String> {
    Dump::new(but).collect().texts()
}

/// The same for a process that is about to end: names have the processors to themselves.
pub(crate) fn last_words(but: Option<&'static G>) -> Vec<String> {
    let groups = Dump::new(but).collect();
    thread::others_give_way();
    groups.texts()
}

/// For a deadlock: every goroutine, by id, after those who wait in a circle.
///
/// # Safety
/// All of them sleep, for good.
pub(crate) unsafe fn deadlocked() -> Vec<String> {
    let mut dump = Dump { youngest: u64::MAX, ..Dump::new(None) };
    let mut waits = Sorted::default();
    for &(id, gp) in &dump.list {
        let wait = match gp.guest() {
            Some(guest) => vec![Wait::for_end(guest)],
            // SAFETY: it sleeps for good, which is as well as holding it.
            None if gp.status.get().0 == Status::Waiting => unsafe { blame::wait_of(gp) },
            None => Vec::new(),
        };
        waits.get_or_insert_with(id, || wait);
    }
    // SAFETY: the caller's word.
    dump.hints = unsafe { Hints::search(&dump.list, &waits) };
    let mut texts = blame::circles(&waits);
    texts.extend(dump.collect().texts());
    texts
}

/// Runs `f`, which takes some stack and time, on the system stack. The goroutine keeps its thread.
fn elsewhere<R>(f: impl FnOnce() -> R) -> R {
    park::keep_thread(|| syscall::blocking_on_g0(f))
}

/// The calling goroutine's traceback, and the others' after it if `everyone`.
pub(crate) fn stack(everyone: bool) -> String {
    let trace = here();
    let own = caller().map(|gp| (gp, trace));
    elsewhere(move || {
        let mut texts = Vec::new();
        let gp = own.as_ref().map(|&(gp, _)| gp);
        if let Some((gp, trace)) = own {
            // SAFETY: the goroutine waits for this.
            texts.push(unsafe { running(gp, trace) });
        }
        if everyone {
            texts.extend(all_but(gp));
        }
        texts.join("\n")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::{current, rt0};

    fn on_a_goroutine<T: Send>(f: impl FnOnce() -> T + Send) -> T {
        rt0::boot_once(rt0::Options::default());
        crate::run(f)
    }

    /// What stands between the brackets of a goroutine, for a reader some seconds from now.
    fn state_in(id: &str, seconds: u64) -> String {
        let now = clock::nanotime() + seconds * 1_000_000_000;
        let texts = Dump { now, ..Dump::new(None) }.collect().texts();
        let start = format!("goroutine {id} [");
        let text = texts.iter().find_map(|text| text.strip_prefix(&start)).expect("it lives");
        text[..text.find(']').unwrap()].to_string()
    }

    #[test]
    fn minutes_are_shown_from_one_on() {
        on_a_goroutine(|| {
            let sleeper = crate::spawn(crate::park);
            let id = sleeper.goroutine().id().to_string();
            while state_in(&id, 0) != "park" {
                crate::yield_now();
            }
            assert_eq!(state_in(&id, 50), "park");
            assert_eq!(state_in(&id, 70), "park, 1 minutes");
            assert_eq!(state_in(&id, 190), "park, 3 minutes");
            sleeper.goroutine().unpark();
            sleeper.join().unwrap();
        });
    }

    #[test]
    fn minutes_of_blocking_calls_are_shown() {
        on_a_goroutine(|| {
            let (go_on, gone_on) = std::sync::mpsc::channel::<()>();
            let blocked = crate::spawn(move || crate::blocking(|| gone_on.recv()));
            let id = blocked.goroutine().id().to_string();
            while state_in(&id, 0) != "syscall" {
                crate::yield_now();
            }
            assert_eq!(state_in(&id, 130), "syscall, 2 minutes");
            go_on.send(()).unwrap();
            blocked.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_guarded_walk_may_fault() {
        on_a_goroutine(|| {
            let mp = current::own_m();
            for _ in 0..3 {
                let mut steps = 0;
                // SAFETY: the closure holds nothing where it faults.
                let whole = unsafe {
                    mp.guard.call(|| {
                        steps += 1;
                        std::hint::black_box(8 as *const u8).read_volatile();
                        steps += 1;
                    })
                };
                assert!(!whole && steps == 1);
                // SAFETY: as above.
                assert!(unsafe { mp.guard.call(|| steps += 1) } && steps == 2);
            }
        });
    }

    #[test]
    fn code_of_a_library_is_not_ours() {
        use crate::sys::module::code_of;
        let ours = code_of(caller as *const () as usize).expect("this program");
        let libc = code_of(libc::getpid as *const () as usize).expect("a library");
        assert!(ours.contains(&(stack as *const () as usize)));
        assert!(libc == ours || !libc.contains(&ours.start) && !ours.contains(&libc.start));
        assert_eq!(code_of(8), None);
    }
}
