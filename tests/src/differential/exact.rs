//! One goroutine, operations that do not wait: each result is known beforehand.

use std::time::Duration;

use gort::channel::{self, Select};

use super::payload::{Census, Payload};
use super::program::Rng;
use super::spec::{Channel, Step, step};

type Message = Payload<3>;

/// Runs so many random operations by `seed` on three channels, against the model.
///
/// # Panics
/// When a result differs.
pub fn check(seed: u64, operations: u64) {
    let mut rng = Rng::new(seed);
    let census = Census::default();
    let capacities = [Some(rng.below(4) as usize), Some(0), None];
    let mut model: Vec<_> = capacities.iter().map(|&cap| Channel::new(cap, 1, 1)).collect();
    let (mut senders, mut receivers): (Vec<_>, Vec<_>) = capacities
        .iter()
        .map(|cap| match cap {
            Some(cap) => channel::bounded::<Message>(*cap),
            None => channel::unbounded(),
        })
        .map(|(s, r)| (Some(s), Some(r)))
        .unzip();
    for number in 0..operations {
        let c = rng.below(3) as usize;
        let what = rng.below(100);
        if let (0..25, Some(sender)) = (what, &senders[c]) {
            let sent = match rng.below(3) {
                0 => sender
                    .send_timeout(Message::new(number, &census), Duration::ZERO)
                    .map_err(|e| (e.is_disconnected(), e.into_inner().number())),
                _ => sender
                    .try_send(Message::new(number, &census))
                    .map_err(|e| (e.is_disconnected(), e.into_inner().number())),
            };
            let expected = if model[c].closed {
                Err((true, number))
            } else if step(&mut model, Step::Push(c, number)) {
                Ok(())
            } else {
                Err((false, number))
            };
            assert_eq!(sent, expected, "seed {seed}, operation {number}");
        } else if let (25..50, Some(receiver)) = (what, &receivers[c]) {
            let got = match rng.below(3) {
                0 => receiver.recv_timeout(Duration::ZERO).map_err(|e| e.is_disconnected()),
                _ => receiver.try_recv().map_err(|e| e.is_disconnected()),
            };
            assert_eq!(got.map(|m| m.number()), receive(&mut model, c), "seed {seed}, operation {number}");
        } else if let (50..75, Some(sender), Some(receiver)) = (what, &senders[c], &receivers[(c + 1) % 3]) {
            let selected = select(&mut rng, &mut model, c, number, |select| {
                (select.send(sender), select.recv(receiver))
            });
            match selected {
                None => {}
                Some((operation, true)) => {
                    let sent = operation.send(sender, Message::new(number, &census)).is_ok();
                    assert_eq!(
                        sent,
                        step(&mut model, Step::Push(c, number)),
                        "seed {seed}, operation {number}"
                    );
                }
                Some((operation, false)) => {
                    let got = operation.recv(receiver).map_err(|_| true).map(|m| m.number());
                    let expected = receive(&mut model, (c + 1) % 3);
                    assert_eq!(got, expected, "seed {seed}, operation {number}");
                }
            }
        } else if what == 75 && rng.below(8) == 0 {
            step(&mut model, Step::Close(c));
            match (&senders[c], &receivers[c]) {
                (Some(s), _) => s.close(),
                (None, Some(r)) => r.close(),
                (None, None) => {}
            }
        } else if what == 76 && rng.below(8) == 0 && senders[c].take().is_some() {
            step(&mut model, Step::DropSender(c));
        } else if what == 77 && rng.below(8) == 0 && receivers[c].take().is_some() {
            step(&mut model, Step::DropReceiver(c));
        }
        let m = &model[c];
        let said = (m.queue.len(), m.queue.is_empty(), !m.has_room(), m.capacity, m.closed);
        if let Some(s) = &senders[c] {
            let s = s.clone();
            assert_eq!(
                (s.len(), s.is_empty(), s.is_full(), s.capacity(), s.is_closed()),
                said,
                "seed {seed}"
            );
        }
        if let Some(r) = &receivers[c] {
            let r = r.clone();
            assert_eq!(
                (r.len(), r.is_empty(), r.is_full(), r.capacity(), r.is_closed()),
                said,
                "seed {seed}"
            );
        }
        let queued: usize = model.iter().map(|m| m.queue.len()).sum();
        assert_eq!(census.alive(), queued as i64, "seed {seed}: drops, at operation {number}");
    }
    drop((senders, receivers));
    assert_eq!(census.alive(), 0, "seed {seed}: drops at the end");
}

fn receive(model: &mut [Channel], c: usize) -> Result<u64, bool> {
    match model[c].queue.front().copied() {
        Some(number) => {
            step(model, Step::Pop(c, number));
            Ok(number)
        }
        None => Err(model[c].closed),
    }
}

/// A select of one send and one receive that does not wait; whether it sends.
fn select<'a>(
    rng: &mut Rng,
    model: &mut [Channel],
    c: usize,
    number: u64,
    add: impl FnOnce(&mut Select<'a>) -> (usize, usize),
) -> Option<(channel::SelectedOperation<'a>, bool)> {
    let from = &model[(c + 1) % 3];
    let can_recv = !from.queue.is_empty() || from.closed;
    let can_send = model[c].closed || model[c].has_room();
    let biased = rng.below(2) == 0;
    let mut select = if biased { Select::new_biased() } else { Select::new() };
    let (first, second) = add(&mut select);
    let ready = select.try_ready().ok();
    assert_eq!(ready.is_some(), can_send || can_recv, "ready, at operation {number}");
    let operation = match rng.below(2) {
        0 => select.try_select().ok(),
        _ => select.select_timeout(Duration::ZERO).ok(),
    };
    let Some(operation) = operation else {
        assert!(!can_send && !can_recv, "something was ready, at operation {number}");
        return None;
    };
    let sends = operation.index() == first;
    assert!(if sends { can_send } else { operation.index() == second && can_recv });
    assert!(!biased || !can_send || sends, "the first that is ready");
    Some((operation, sends))
}
