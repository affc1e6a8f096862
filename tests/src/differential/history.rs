//! Whether a history of operations agrees with the model: the search of Wing and Gong, with what was seen before.
//!
//! An operation is one step or several in order, each at some moment between call and return: a select that sends
//! reserves and fills. One that ends by `default` or time-out has found all arms not ready at the same moment.
//!
//! With capacity 0 a message goes from hand to hand: the two operations act at the same moment. With another it may do
//! so while the buffer is empty, also if all of its places are promised.

use std::collections::HashSet;

use super::spec::{Channel, Step, step};

/// An operation that was done.
#[derive(Clone, Debug)]
pub struct Done {
    /// Of which worker; for messages.
    pub worker: usize,
    /// Moments of call and return; no two are the same.
    pub span: (u64, u64),
    /// What it must have done.
    pub steps: Vec<Step>,
    /// Whether the steps, which are findings, hold at the same moment.
    pub at_once: bool,
}

/// Looks for an order. `None` if there is none, and `Some(false)` when it gives up: too many orders.
pub fn is_explained(channels: &[Channel], history: &[Done]) -> Option<bool> {
    assert!(history.iter().map(|d| d.steps.len()).sum::<usize>() <= 128, "a history of at most 128 steps");
    let mut offsets = Vec::new();
    let mut next = 0;
    for done in history {
        offsets.push(next);
        next += done.steps.len();
    }
    let mut search =
        Search { history, offsets, seen: HashSet::new(), all: (0..next).map(|i| 1u128 << i).sum() };
    match search.go(channels.to_vec(), 0) {
        Outcome::Explained => Some(true),
        Outcome::GaveUp => Some(false),
        Outcome::Impossible => None,
    }
}

/// More states than any honest history of this size has needed.
const LIMIT: usize = 400_000;

#[derive(PartialEq)]
enum Outcome {
    Explained,
    Impossible,
    GaveUp,
}

struct Search<'a> {
    history: &'a [Done],
    /// Of each operation, the bit of its first step.
    offsets: Vec<usize>,
    seen: HashSet<(u128, Vec<Channel>)>,
    all: u128,
}

impl Search<'_> {
    /// The bits of all steps of operation `i`.
    fn bits(&self, i: usize) -> u128 {
        ((1u128 << self.history[i].steps.len()) - 1) << self.offsets[i]
    }

    fn is_done(&self, i: usize, did: u128) -> bool {
        did & self.bits(i) == self.bits(i)
    }

    /// The channel and the other half, if operation `i`, which is about to take this step, could be done from hand
    /// to hand.
    fn by_hand(&self, i: usize, s: Step) -> Option<(usize, Step)> {
        match (s, self.history[i].steps.last()) {
            (Step::Give(c, number), _) => Some((c, Step::Take(c, number))),
            (Step::Push(c, number), _) => Some((c, Step::Pop(c, number))),
            (Step::Reserve(c), Some(&Step::Fill(_, number, true))) => Some((c, Step::Pop(c, number))),
            _ => None,
        }
    }

    /// The step that operation `i` takes next, with its bit.
    fn next(&self, i: usize, did: u128) -> Option<(Step, u128)> {
        let steps = self.history[i].steps.iter().enumerate();
        steps.map(|(j, &s)| (s, 1u128 << (self.offsets[i] + j))).find(|(_, bit)| did & bit == 0)
    }

    fn go(&mut self, channels: Vec<Channel>, did: u128) -> Outcome {
        if did == self.all {
            return Outcome::Explained;
        }
        if !self.seen.insert((did, channels.clone())) {
            return Outcome::Impossible;
        }
        if self.seen.len() > LIMIT {
            return Outcome::GaveUp;
        }
        let open: Vec<usize> = (0..self.history.len()).filter(|&i| !self.is_done(i, did)).collect();
        // Nobody acts after somebody has returned who has not acted.
        let horizon = open.iter().map(|&i| self.history[i].span.1).min().expect("not all are done");
        let may: Vec<usize> = open.into_iter().filter(|&i| self.history[i].span.0 < horizon).collect();
        for &i in &may {
            if self.history[i].at_once {
                let mut after = channels.clone();
                if self.history[i].steps.iter().all(|&s| step(&mut after, s)) {
                    let outcome = self.go(after, did | self.bits(i));
                    if outcome != Outcome::Impossible {
                        return outcome;
                    }
                }
            } else if let Some((s, bit)) = self.next(i, did) {
                if let Some((c, theirs)) = self.by_hand(i, s)
                    && !channels[c].closed
                    && channels[c].queue.is_empty()
                {
                    let others = may.iter().filter(|&&j| j != i);
                    let taker = others.filter_map(|&j| self.next(j, did)).find(|next| next.0 == theirs);
                    if let Some((_, theirs)) = taker {
                        let outcome = self.go(channels.clone(), did | self.bits(i) | theirs);
                        if outcome != Outcome::Impossible {
                            return outcome;
                        }
                    }
                }
                // A select whose send has failed was promised a place before the channel was closed, or was not.
                if let (Step::Reserve(c), Some(Step::Fill(.., false))) = (s, self.history[i].steps.last())
                    && channels[c].closed
                {
                    let outcome = self.go(channels.clone(), did | self.bits(i));
                    if outcome != Outcome::Impossible {
                        return outcome;
                    }
                }
                let mut after = channels.clone();
                if step(&mut after, s) {
                    let outcome = self.go(after, did | bit);
                    if outcome != Outcome::Impossible {
                        return outcome;
                    }
                }
            }
        }
        Outcome::Impossible
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(span: (u64, u64), steps: &[Step]) -> Done {
        Done { worker: 0, span, steps: steps.to_vec(), at_once: false }
    }

    fn check(capacity: Option<usize>, history: &[Done], expected: bool) {
        let channels = [Channel::new(capacity, 1, 1)];
        assert_eq!(is_explained(&channels, history).is_some(), expected, "{history:#?}");
    }

    #[test]
    fn what_is_honest_is_explained() {
        check(Some(1), &[done((1, 2), &[Step::Push(0, 1)]), done((3, 4), &[Step::Pop(0, 1)])], true);
        check(Some(0), &[done((1, 4), &[Step::Give(0, 1)]), done((2, 3), &[Step::Take(0, 1)])], true);
        let early = done((1, 10), &[Step::Pop(0, 1)]);
        check(Some(1), &[early, done((3, 4), &[Step::Push(0, 1)])], true);
        let select = done((1, 10), &[Step::Reserve(0), Step::Fill(0, 1, true)]);
        let full_and_empty = [done((2, 3), &[Step::Full(0)]), done((4, 5), &[Step::Empty(0)])];
        check(Some(1), &[vec![select], full_and_empty.to_vec()].concat(), true);
    }

    #[test]
    fn what_is_not_is_found_out() {
        // Received before it was sent, received twice, never received by one who found it empty.
        check(Some(1), &[done((1, 2), &[Step::Pop(0, 1)]), done((3, 4), &[Step::Push(0, 1)])], false);
        let sent = done((1, 2), &[Step::Push(0, 1)]);
        let got = done((3, 4), &[Step::Pop(0, 1)]);
        check(Some(1), &[sent.clone(), got.clone(), done((5, 6), &[Step::Pop(0, 1)])], false);
        check(Some(1), &[sent.clone(), done((3, 4), &[Step::Empty(0)])], false);
        // Out of order.
        let second = done((3, 4), &[Step::Push(0, 2)]);
        check(None, &[sent.clone(), second.clone(), done((5, 6), &[Step::Pop(0, 2)])], false);
        // More than fit, fewer than fit.
        check(Some(1), &[sent.clone(), second], false);
        check(Some(2), &[sent.clone(), done((3, 4), &[Step::Full(0)])], false);
        // From hand to hand at different times.
        check(Some(0), &[done((1, 2), &[Step::Give(0, 1)]), done((3, 4), &[Step::Take(0, 1)])], false);
        // Errors that are not true.
        check(Some(1), &[sent.clone(), done((3, 4), &[Step::SendFails(0)])], false);
        check(Some(1), &[done((1, 2), &[Step::Close(0)]), done((3, 4), &[Step::Empty(0)])], false);
        let closed = done((3, 4), &[Step::Close(0)]);
        check(Some(1), &[sent.clone(), closed.clone(), done((5, 6), &[Step::RecvFails(0)])], false);
        check(Some(1), &[closed, done((5, 6), &[Step::Push(0, 1)])], false);
    }
}
