//! The ring against thieves, under loom.

use super::*;
use loom::sync::Arc;
use loom::thread;

fn thief(q: Arc<Runq>) -> thread::JoinHandle<Vec<Entry>> {
    thread::spawn(move || {
        let mine = Runq::new();
        let mut got: Vec<_> = q.grab(&mine).into_iter().collect();
        got.extend(std::iter::from_fn(|| mine.get()));
        got
    })
}

fn put(q: &Runq, e: Entry, got: &mut Vec<Entry>) {
    while !q.put(e) {
        if let Some(batch) = q.overflow(e) {
            got.extend(batch);
            return;
        }
    }
}

fn check(
    preemptions: usize,
    owner: impl Fn(&Runq, &mut Vec<Entry>) + Sync + Send + 'static,
    all: u64,
    thieves: usize,
) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(move || {
        let q = Arc::new(Runq::new());
        let thieves: Vec<_> = (0..thieves).map(|_| thief(q.clone())).collect();
        let mut got = Vec::new();
        owner(&q, &mut got);
        got.extend(std::iter::from_fn(|| q.get()));
        for t in thieves {
            got.extend(t.join().unwrap());
        }
        got.sort_unstable();
        assert_eq!(got, (1..=all).collect::<Vec<_>>());
    });
}

/// The owner pushes past the ring's size while one thief steals: every entry comes out once.
#[test]
fn overflow_and_a_thief() {
    check(3, |q, got| (1..=5).for_each(|e| put(q, e, got)), 5, 1);
}

/// The owner pushes and pops while two thieves steal.
#[test]
fn pops_and_two_thieves() {
    let owner = |q: &Runq, got: &mut Vec<Entry>| {
        put(q, 1, got);
        put(q, 2, got);
        got.extend(q.get());
        put(q, 3, got);
    };
    check(2, owner, 3, 2);
}

/// The owner forgets what it has queued and compacts the ring while a thief steals: what is not forgotten
/// comes out at least once (a race for the head may double it: entries are hints).
#[test]
fn holes_and_a_thief() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let q = Arc::new(Runq::new());
        assert!(q.put(1));
        let thief = thief(q.clone());
        for e in 2..=6 {
            while !q.put(e) {
                assert!(q.compact());
            }
            if e != 4 {
                q.forget(e);
            }
        }
        let mut got = thief.join().unwrap();
        got.extend(std::iter::from_fn(|| q.get()));
        got.sort_unstable();
        got.dedup();
        // What was forgotten may have been stolen before.
        got.retain(|e| matches!(e, 1 | 4));
        assert_eq!(got, [1, 4]);
    });
}

/// Positions are reused: the owner pops what a thief may be copying and pushes over it.
#[test]
fn slots_are_reused() {
    let owner = |q: &Runq, got: &mut Vec<Entry>| {
        for e in 1..=6 {
            put(q, e, got);
            if e % 2 == 0 {
                got.extend(q.get());
            }
        }
    };
    check(2, owner, 6, 1);
}
