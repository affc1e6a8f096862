//! Selects: what the trybuild programs of `select!` do not show.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use gort::channel::{self, Select, bounded, unbounded};

/// The arms were tried going round from a random start: an arm behind one that was never ready was chosen
/// three times as often as its neighbour.
#[gort::test]
fn ready_arms_were_not_chosen_alike() {
    let (tx_a, a) = unbounded();
    let (tx_b, b) = unbounded();
    let idle: Vec<_> = (0..2).map(|_| channel::never::<u32>()).collect();
    let rounds = 10_000;
    let mut from_b = 0;
    for i in 0..rounds {
        tx_a.send(i).unwrap();
        tx_b.send(i).unwrap();
        let mut select = Select::new();
        select.recv(&idle[0]);
        select.recv(&idle[1]);
        let first = select.recv(&a);
        select.recv(&b);
        let operation = select.select();
        if operation.index() == first {
            operation.recv(&a).unwrap();
            b.recv().unwrap();
        } else {
            operation.recv(&b).unwrap();
            a.recv().unwrap();
            from_b += 1;
        }
    }
    // 5,000 expected; 50 is one standard deviation.
    assert!((4_600..5_400).contains(&from_b), "{from_b} of {rounds} from the second of two ready arms");
}

/// More arms than lie in the select itself are put into random order as they are tried.
#[gort::test]
fn each_of_many_ready_arms_is_chosen() {
    const ARMS: usize = 12;
    const ROUNDS: usize = 12_000;
    let channels: Vec<_> = (0..ARMS).map(|_| unbounded()).collect();
    for ready in [false, true] {
        let mut chosen = [0; ARMS];
        // One select for all rounds, which keeps its order, and a new one for each.
        let mut kept = Select::new();
        for (_, rx) in &channels {
            kept.recv(rx);
        }
        channels.iter().for_each(|(tx, _)| tx.send(()).unwrap());
        for round in 0..ROUNDS {
            let mut new = Select::new();
            for (_, rx) in &channels {
                new.recv(rx);
            }
            let select = if round % 2 == 0 { &mut kept } else { &mut new };
            let i = if ready {
                select.ready()
            } else {
                let operation = select.select();
                let i = operation.index();
                operation.recv(&channels[i].1).unwrap();
                channels[i].0.send(()).unwrap();
                i
            };
            chosen[i] += 1;
        }
        drop(kept);
        channels.iter().for_each(|(_, rx)| assert_eq!(rx.try_iter().count(), 1));
        // 1000 expected; 30 is one standard deviation.
        assert!(chosen.iter().all(|n| (800..1200).contains(n)), "{chosen:?}");
    }
}

/// Of many arms at one channel the first that is queued is won: they are queued in random order too.
#[gort::test]
fn each_of_many_waiting_arms_is_chosen() {
    const ROUNDS: usize = 3_600;
    fn check<const ARMS: usize>() {
        let (tx, rx) = bounded(0);
        let sender = gort::spawn(move || {
            for i in 0..ROUNDS {
                // That there is somebody who waits is what makes it succeed.
                while tx.try_send(i).is_err() {
                    gort::yield_now();
                }
            }
        });
        let mut chosen = [0; ARMS];
        for _ in 0..ROUNDS {
            let mut select = Select::new();
            for _ in 0..ARMS {
                select.recv(&rx);
            }
            let operation = select.select();
            chosen[operation.index()] += 1;
            operation.recv(&rx).unwrap();
        }
        sender.join().unwrap();
        // Seven standard deviations, at least.
        let expected = ROUNDS / ARMS;
        assert!(chosen.iter().all(|&n| n > expected / 2 && n < expected * 3 / 2), "{chosen:?}");
    }
    check::<3>();
    check::<8>();
    check::<12>();
}

/// Arms that are added and removed in all places, some of them inside the select and some behind it: those that are left
/// are the ones that are selected, in their order if that is asked for.
#[gort::test]
fn arms_are_removed_from_many() {
    let channels: Vec<_> = (0..40).map(|_| unbounded()).collect();
    for biased in [false, true] {
        for round in 0..200_u32 {
            let mut rng = round.wrapping_mul(0x9E37_79B9) | 1;
            let mut below = |n: usize| {
                rng = rng.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (rng >> 8) as usize % n
            };
            let mut select = if biased { Select::new_biased() } else { Select::new() };
            // The indices that it has.
            let mut left = Vec::new();
            let mut next = 0;
            for _ in 0..60 {
                if !left.is_empty() && (next == channels.len() || below(5) < 2) {
                    let index = left.remove(below(left.len()));
                    select.remove(index);
                } else if next < channels.len() {
                    assert_eq!(select.recv(&channels[next].1), next);
                    left.push(next);
                    next += 1;
                }
                assert!(select.try_select().is_err(), "also puts many into another order");
            }
            // A copy has the same.
            let mut select = if round % 2 == 0 { select.clone() } else { select };
            channels[..next].iter().for_each(|(tx, _)| tx.send(()).unwrap());
            let mut selected = Vec::new();
            while let Ok(operation) = select.try_select() {
                selected.push(operation.index());
                let receiver = &channels[operation.index()].1;
                operation.recv(receiver).unwrap();
            }
            if !biased {
                selected.sort();
            }
            assert_eq!(selected, left);
            if round == 0 {
                let gone = (0..next).find(|i| !left.contains(i)).unwrap();
                for wrong in [gone, next] {
                    let removed = catch_unwind(AssertUnwindSafe(|| select.clone().remove(wrong)));
                    assert!(removed.is_err(), "{wrong} is not there");
                }
            }
            let unseen: usize = channels.iter().map(|(_, rx)| rx.try_iter().count()).sum();
            assert_eq!(unseen, next - left.len(), "of arms that are gone");
        }
    }
}

/// Both sides wait in selects on an unbuffered channel: the sender's message is evaluated once, after it
/// was selected, and arrives.
#[gort::test]
fn selects_meet() {
    let (tx, rx) = bounded(0);
    let (other_tx, other_rx) = bounded::<u32>(0);
    let sends = gort::spawn(move || {
        let mut evaluated = 0;
        for i in 0..1000 {
            gort::select! {
                send(tx, { evaluated += 1; i }) -> sent => sent.unwrap(),
                recv(other_rx) -> _ => unreachable!("nobody sends"),
            }
        }
        evaluated
    });
    for i in 0..1000 {
        gort::select! {
            recv(rx) -> message => assert_eq!(message, Ok(i)),
            default(Duration::from_secs(20)) => panic!("timed out"),
        }
    }
    assert_eq!(sends.join().unwrap(), 1000);
    drop(other_tx);
}

/// A queued message that panics when it is dropped does not take the process with it.
#[gort::test]
fn queued_message_that_panics_when_dropped_aborted() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let (tx, rx) = unbounded();
    tx.send(Panics).unwrap();
    tx.send(Panics).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
    let back = tx.send(Panics).unwrap_err();
    std::mem::forget(back);
}
