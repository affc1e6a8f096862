//! What a goroutine waits for, who has it, and who waits in a circle.
//!
//! What is waited for is the lock under which the goroutine has queued itself, which its after-switch action
//! names anyhow; beside that lock stands a note ([`Noted`]) whose meaning the wait reason tells. A select has queued
//! itself under several, and tells them when it is asked ([`Arms`](crate::g::wait_reason::Arms)).
//!
//! Who has the other end of a channel nobody knows, nor who has a waker or is to notify, nor which several have permits.
//! When everybody sleeps the stacks stand still, and those on which the address lies are named: a hint, as a moved value
//! may leave its address behind, and what lies in the heap is not seen. That nobody has it is said only where all who could
//! end the wait must refer to it by that address: they have an end of a channel, or the group. Which several read is
//! told by both: they are the ones on whose stacks the lock is, if their ids add up to what its state says.
//!
//! Go has no counterpart.

use std::ptr;
use std::sync::atomic::Ordering;

use super::sorted::Sorted;
use crate::g::status::Status;
use crate::g::wait_reason::WaitReason;
use crate::g::{After, G, slab};
use crate::lock::{self, Lock, NO_GOROUTINE, Noted, NotedReaders};
use crate::sched::SCHED;

/// What a goroutine waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    thing: Thing,
    /// Its address.
    at: usize,
    /// Who has it: an id, 0 if nobody knows, or [`NO_GOROUTINE`].
    holder: i64,
    /// How much is left of it, or how many have it.
    count: i64,
    /// The sum of the ids of those who have it, modulo 2^32.
    ids: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thing {
    Mutex,
    /// A lock that somebody writes under.
    RwLock,
    /// One that others read under while one waits to write.
    Read,
    /// One that others read under, and that one who came before waits to write under.
    Queue,
    Once,
    WaitGroup,
    Condvar,
    Semaphore,
    Barrier,
    /// A place in a group of goroutines.
    Group,
    Scope,
    Channel,
    Goroutine,
    /// The waker of a future.
    Waker,
    /// To be unparked.
    Unpark,
}

impl Thing {
    /// Whether the note beside its lock is a number, and not who has it.
    fn is_counted(self) -> bool {
        use Thing::*;
        matches!(self, WaitGroup | Semaphore | Barrier | Group | Scope | Waker)
    }

    /// Whether there may be several that can end the wait, all of whom refer to it.
    fn is_shared(self) -> bool {
        self == Thing::Channel || self == Thing::WaitGroup
    }

    /// What the one does who has it.
    fn had(self) -> &'static str {
        match self {
            Thing::Read => "read by",
            Thing::Queue => "after",
            Thing::Semaphore => "taken by",
            _ => "held by",
        }
    }
}

/// What `gp` waits for, as far as that is known: one thing, or one of several.
///
/// # Safety
/// It is Waiting, held by its scan word, and its registers are saved.
pub(super) unsafe fn wait_of(gp: &'static G) -> Vec<Wait> {
    match gp.after.get() {
        After::JoinOn(target) => vec![Wait::for_end(target)],
        // SAFETY: it has queued itself under this lock, which lives while it waits.
        After::Unlock(lock) => unsafe { wait_under(lock, gp.wait().0) }.into_iter().collect(),
        After::Commit if gp.wait().0 == WaitReason::Park => vec![Wait::NOTHING],
        After::UnlockBiased(lock) => vec![Wait::for_channel(lock as usize)],
        After::CommitOne(arms) => {
            let mut waits: Vec<Wait> = Vec::new();
            // SAFETY: it lies on the goroutine's stack, and lives while it waits.
            unsafe { *arms }.each(&mut |at| {
                if waits.iter().all(|wait| wait.at != at) {
                    waits.push(Wait::for_channel(at));
                }
            });
            waits
        }
        _ => Vec::new(),
    }
}

/// # Safety
/// The lock is alive, and who waits under it for this reason does so under a lock with a note where
/// the note is looked at.
unsafe fn wait_under(lock: *const Lock, reason: WaitReason) -> Option<Wait> {
    let at = lock as usize;
    let thing = match reason {
        WaitReason::Mutex => Thing::Mutex,
        WaitReason::RwLockRead | WaitReason::RwLockWrite => {
            // SAFETY: the caller's word.
            return Some(unsafe { wait_for_readers(lock, reason) });
        }
        WaitReason::BlockOn => Thing::Waker,
        WaitReason::Once => Thing::Once,
        WaitReason::WaitGroup => Thing::WaitGroup,
        WaitReason::Cond => Thing::Condvar,
        WaitReason::Semacquire => Thing::Semaphore,
        WaitReason::Barrier => Thing::Barrier,
        WaitReason::Group => Thing::Group,
        WaitReason::Scope => Thing::Scope,
        _ => return None,
    };
    // SAFETY: who waits for one of these does so under a lock with a note; see `Noted`.
    let note = unsafe { (*lock.cast::<Noted>()).note.load(Ordering::Relaxed) };
    let (holder, count) = match thing {
        Thing::Semaphore => (whole_id((note >> 32) as u32), note & i64::from(u32::MAX)),
        _ if thing.is_counted() => (0, note),
        _ => (note, 0),
    };
    Some(Wait { thing, at, holder, count, ids: 0 })
}

/// # Safety
/// As for [`wait_under`].
unsafe fn wait_for_readers(lock: *const Lock, reason: WaitReason) -> Wait {
    // SAFETY: the caller's word.
    let lock = unsafe { &*lock.cast::<NotedReaders>() };
    let (note, state) = (lock.note.load(Ordering::Relaxed), lock.state.load(Ordering::Relaxed));
    let at = ptr::from_ref(lock) as usize;
    let (readers, ids) = (lock::readers(state), lock::ids_of_readers(state));
    if state & lock::WRITER != 0 || readers == 0 {
        return Wait { thing: Thing::RwLock, at, holder: note, ..Wait::NOTHING };
    }
    if reason == WaitReason::RwLockRead {
        return Wait { thing: Thing::Queue, at, holder: note, ..Wait::NOTHING };
    }
    let holder = match (readers, ids) {
        (1, 0) => NO_GOROUTINE,
        (1, id) => whole_id(id),
        _ => 0,
    };
    Wait { thing: Thing::Read, at, holder, count: readers.into(), ids }
}

/// The id of which that is the lower half: of a goroutine that is alive, or else if there is but one. 0 if nobody knows.
fn whole_id(low: u32) -> i64 {
    let mut whole = i64::from(low);
    if SCHED.goidgen.load(Ordering::Relaxed) > u64::from(u32::MAX) {
        whole = 0;
        slab::for_each(|gp| {
            let alive = !matches!(gp.status.get().0, Status::Dead | Status::Idle);
            if alive && gp.id() as u32 == low {
                whole = gp.id() as i64;
            }
        });
    }
    whole
}

/// What one waits for who waits for one of `waits`: a line for each.
pub(super) fn text(
    waits: &[Wait],
    me: u64,
    alive: impl Fn(u64) -> bool,
    hints: Option<&Hints>,
) -> Option<String> {
    // Of one that has parked its state says enough, but when nobody is left to do it.
    let waits: Vec<_> = waits.iter().filter(|wait| hints.is_some() || wait.thing != Thing::Unpark).collect();
    let shown = waits.iter().take(SHOWN);
    let mut lines: Vec<_> = shown.map(|wait| wait.text(me, &alive, hints)).collect();
    if let more @ 1.. = waits.len().saturating_sub(SHOWN) {
        lines.push(format!("one of {more} others"));
    }
    (!lines.is_empty()).then(|| lines.join(",\n\tor "))
}

impl Wait {
    /// Nothing in particular: to be unparked.
    const NOTHING: Self = Self { thing: Thing::Unpark, at: 0, holder: 0, count: 0, ids: 0 };

    /// A join, or a host that waits for its guest.
    pub(super) fn for_end(target: &'static G) -> Self {
        Self { thing: Thing::Goroutine, holder: target.id() as i64, ..Self::NOTHING }
    }

    fn for_channel(at: usize) -> Self {
        Self { thing: Thing::Channel, at, ..Self::NOTHING }
    }

    /// `me` waits for this. `alive`: whether there is such a goroutine.
    fn text(&self, me: u64, alive: impl Fn(u64) -> bool, hints: Option<&Hints>) -> String {
        let mut text = self.thing();
        let had = self.thing.had();
        match self.holder {
            _ if self.thing == Thing::Goroutine => {}
            0 => {}
            NO_GOROUTINE => text.push_str(&format!(", {had} a thread that is no goroutine")),
            id if id as u64 == me => text.push_str(&format!(", {had} itself")),
            id if alive(id as u64) => text.push_str(&format!(", {had} goroutine {id}")),
            id => text.push_str(&format!(", {had} goroutine {id}, which has ended")),
        }
        if self.thing == Thing::Queue && self.holder != 0 {
            text.push_str(", which waits to write");
        }
        if let Some(readers) = self.readers(hints) {
            let name = |&id: &u64| if id == me { "itself".into() } else { format!("goroutine {id}") };
            let names: Vec<String> = readers.iter().map(name).collect();
            text.push_str(&format!(", read by {}", names.join(" and ")));
            return text;
        }
        if let Some(hints) = hints.filter(|_| self.is_searched()) {
            match hints.of(self.at, me).as_slice() {
                [] if !self.thing.is_shared() => {}
                [] => text.push_str(", on no other goroutine's stack"),
                [one] => text.push_str(&format!(", on the stack of goroutine {one}")),
                [some @ .., last] => {
                    let some: Vec<_> = some.iter().map(u64::to_string).collect();
                    text.push_str(&format!(", on the stacks of goroutines {} and {last}", some.join(", ")));
                }
            }
        }
        text
    }

    fn thing(&self) -> String {
        let Wait { at, count, holder, .. } = self;
        match self.thing {
            Thing::Mutex => format!("mutex {at:#x}"),
            Thing::RwLock | Thing::Queue => format!("rwlock {at:#x}"),
            Thing::Read if *count > 1 => format!("rwlock {at:#x} with {count} readers"),
            Thing::Read => format!("rwlock {at:#x}"),
            Thing::Once => format!("once {at:#x}"),
            Thing::WaitGroup => format!("WaitGroup {at:#x} with counter {count}"),
            Thing::Condvar => format!("condvar {at:#x}"),
            Thing::Semaphore => format!("semaphore {at:#x} with {count} permits"),
            Thing::Barrier => format!("barrier {at:#x} and {count} more to come"),
            Thing::Group => format!("a place in ErrGroup {at:#x} with limit {count}"),
            Thing::Scope => format!("{count} goroutines of scope {at:#x}"),
            Thing::Channel => format!("channel {at:#x}"),
            Thing::Goroutine => format!("goroutine {holder} to end"),
            Thing::Waker if *count <= 0 => "its waker, which nobody has".into(),
            Thing::Waker if *count == 1 => "its waker, which one had as it parked".into(),
            Thing::Waker => format!("its waker, which {count} had as it parked"),
            Thing::Unpark => "unpark by one that has its handle".into(),
        }
    }

    /// Whether stacks are searched for it: who has it is not noted, or it is not had by one alone.
    fn is_searched(&self) -> bool {
        match self.thing {
            Thing::Read | Thing::Semaphore => self.holder == 0,
            Thing::Channel | Thing::Condvar => true,
            Thing::Waker => self.count > 0,
            // The address of its descriptor lies on many a stack.
            Thing::Unpark => false,
            thing => thing.is_counted(),
        }
    }

    /// Who the several are that read: those on whose stacks the lock is, if they are as many and their ids add up.
    fn readers(&self, hints: Option<&Hints>) -> Option<Vec<u64>> {
        let ids = hints?.0.get(self.at).filter(|_| self.thing == Thing::Read && self.count > 1)?;
        let sum = ids.iter().fold(0, |sum: u32, &id| sum.wrapping_add(id as u32));
        (ids.len() as i64 == self.count && sum == self.ids).then(|| ids.clone())
    }

    /// The goroutine that alone can end the wait, if it is known.
    fn next(&self) -> Option<u64> {
        u64::try_from(self.holder).ok().filter(|&id| id != 0)
    }
}

/// On whose stacks channels and the like were seen.
#[derive(Default)]
pub(super) struct Hints(Sorted<usize, Vec<u64>>);

/// What each goroutine waits for, by id.
pub(super) type Waits = Sorted<u64, Vec<Wait>>;

/// The goroutine that alone can end the wait of one who waits for `waits`.
fn next(waits: &[Wait]) -> Option<u64> {
    match waits {
        [wait] => wait.next(),
        _ => None,
    }
}

/// Arms of a select that are shown.
const SHOWN: usize = 8;
/// Descriptors past which stacks are not searched.
const SEARCHED: usize = 1000;

impl Hints {
    /// Searches the stacks of goroutines that all sleep for what they wait for.
    ///
    /// # Safety
    /// All of them sleep for good: their stacks stand still.
    pub(super) unsafe fn search(all: &[(u64, &'static G)], waits: &Waits) -> Option<Self> {
        if all.len() > SEARCHED {
            return None;
        }
        let mut hints = Self::default();
        for wait in waits.values().flatten().filter(|wait| wait.is_searched()) {
            hints.0.get_or_insert_with(wait.at, Vec::new);
        }
        for &(id, gp) in all {
            let Some(stack) = gp.stack() else { continue };
            let lo = gp.guest().map_or(gp.gobuf.sp(), G::frames_end);
            if lo == 0 {
                continue;
            }
            let words = lo.next_multiple_of(WORD)..stack.hi().min(gp.frames_end());
            for address in words.step_by(WORD) {
                // SAFETY: inside a stack that stands still, aligned; what lies there is only compared.
                let word = unsafe { (address as *const usize).read_volatile() };
                // The lock comes first in what is waited for, and that after the two counts of its `Arc`.
                for at in [word, word.wrapping_add(ARC)] {
                    if let Some(ids) = hints.0.get_mut(at)
                        && ids.last() != Some(&id)
                    {
                        ids.push(id);
                    }
                }
            }
        }
        Some(hints)
    }

    fn of(&self, at: usize, me: u64) -> Vec<u64> {
        self.0.get(at).into_iter().flatten().copied().filter(|&id| id != me).collect()
    }
}

const WORD: usize = size_of::<usize>();
/// From the address of an `Arc`'s allocation to its value.
const ARC: usize = 2 * WORD;

/// Those who wait in a circle, a paragraph for each circle.
pub(super) fn circles(waits: &Waits) -> Vec<String> {
    let all = waits.as_slice();
    let mut texts = Vec::new();
    // In which walk a goroutine was first met.
    let mut met = vec![None; all.len()];
    for start in 0..all.len() {
        let mut path = Vec::new();
        let mut at = Some(start);
        while let Some(i) = at
            && met[i].is_none()
            && let Some(next) = next(&all[i].1)
        {
            met[i] = Some(start);
            path.push(i);
            at = waits.find(next).ok();
        }
        if let Some(i) = at
            && met[i] == Some(start)
            && let Some(first) = path.iter().position(|&p| p == i)
        {
            let path: Vec<_> = path[first..].iter().map(|&i| &all[i]).collect();
            texts.push(circle(&path));
        }
    }
    texts
}

/// One circle: each waits for the next, and the last for the first.
fn circle(path: &[&(u64, Vec<Wait>)]) -> String {
    let mut text = format!("goroutine {}", path[0].0);
    for (i, (_, waits)) in path.iter().enumerate() {
        let next = path[(i + 1) % path.len()].0;
        let wait = &waits[0];
        text.push_str(if i == 0 { " waits for " } else { ",\nwhich waits for " });
        text.push_str(&wait.thing());
        if wait.thing != Thing::Goroutine {
            text.push_str(&format!(", {} goroutine {next}", wait.thing.had()));
        }
    }
    text.push_str(": a circle\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutex(holder: i64) -> Wait {
        Wait { thing: Thing::Mutex, at: 0x10 * holder as usize, holder, ..Wait::NOTHING }
    }

    #[test]
    fn circles_are_found_once() {
        let check = |edges: &[(u64, i64)], expected: &[&str]| {
            let waits = edges.iter().map(|&(id, holder)| (id, vec![mutex(holder)])).collect();
            assert_eq!(circles(&waits), expected, "{edges:?}");
        };
        check(&[], &[]);
        check(&[(1, 2)], &[]);
        check(&[(1, 2), (2, 0)], &[]);
        check(&[(1, 1)], &["goroutine 1 waits for mutex 0x10, held by goroutine 1: a circle\n"]);
        check(
            &[(1, 2), (2, 3), (3, 2), (4, 3)],
            &[
                "goroutine 2 waits for mutex 0x30, held by goroutine 3,\nwhich waits for mutex 0x20, held by goroutine 2: a circle\n",
            ],
        );
        check(
            &[(5, 6), (6, 5), (7, 7)],
            &[
                "goroutine 5 waits for mutex 0x60, held by goroutine 6,\nwhich waits for mutex 0x50, held by goroutine 5: a circle\n",
                "goroutine 7 waits for mutex 0x70, held by goroutine 7: a circle\n",
            ],
        );
    }

    #[test]
    fn one_of_many() {
        let check = |n: usize, expected: &str| {
            let waits: Vec<_> = (1..=n).map(Wait::for_channel).collect();
            assert_eq!(text(&waits, 1, |_| true, None).as_deref().unwrap_or(""), expected);
        };
        check(0, "");
        check(1, "channel 0x1");
        check(2, "channel 0x1,\n\tor channel 0x2");
        let eight = "channel 0x1,\n\tor channel 0x2,\n\tor channel 0x3,\n\tor channel 0x4,\n\tor channel 0x5,\n\tor channel 0x6,\n\tor channel 0x7,\n\tor channel 0x8";
        check(8, eight);
        check(11, &format!("{eight},\n\tor one of 3 others"));
    }

    #[test]
    fn who_holds_it() {
        let check = |holder: i64, expected: &str| {
            assert_eq!(
                mutex(holder).text(7, |id| id < 10, None).split_once(", ").map_or("", |t| t.1),
                expected
            );
        };
        check(0, "");
        check(7, "held by itself");
        check(8, "held by goroutine 8");
        check(11, "held by goroutine 11, which has ended");
        let thread = Wait { holder: NO_GOROUTINE, ..mutex(0) };
        assert_eq!(thread.text(7, |_| true, None), "mutex 0x0, held by a thread that is no goroutine");
    }
}
