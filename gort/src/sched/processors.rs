//! How many processors others leave to this process, and what that means for a server.
//!
//! Where all processors have something to do, waking an M for goroutines whose sockets are ready takes a processor from
//! somebody: mostly from who sends them their requests, a load generator, a proxy, a database. Then one M that sees to
//! all of them does more, in larger batches and with fewer switches, than two that wake each other (measured on two
//! processors, of which one was the load generator's: 175,000 requests a second instead of 129,000). So a P that looks at
//! sockets by itself is left those that it will be through with in [`WAIT`]; more than that are worth any price, and so
//! are goroutines that stand behind one that computes or blocks, or whose P's own thread gets no processor: against those
//! who compete, two threads have more than one.
//!
//! How many threads of the whole machine are runnable is asked of the kernel each [`EVERY`], by sysmon, and averaged. The
//! threads that run this process's Ps are not "others".

use crate::sys::load;

/// Nanoseconds between two questions: each costs some microseconds.
const EVERY: u64 = 2_000_000;
/// What one answer counts for in the average.
const WEIGHT: f32 = 1.0 / 8.0;
/// How long, in nanoseconds, goroutines may stand in a queue before an M is woken for them though no processor is idle.
const WAIT: u64 = 1_000_000;

/// What sysmon knows of the machine.
#[derive(Debug, Default)]
pub(super) struct Processors {
    /// When the kernel is to be asked again.
    next: u64,
    /// Threads of other processes that want a processor, and threads of this one that have no P.
    others: f32,
}

/// What a round of sysmon has seen of the Ps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Busy {
    /// How many run.
    pub(super) ps: u32,
    /// How often the one that switches least has switched since the last round.
    pub(super) switches: u32,
    /// Nanoseconds since then.
    pub(super) elapsed: u64,
}

impl Processors {
    /// How many goroutines a P is left that looks at sockets by itself.
    pub(super) fn patience(&mut self, busy: Busy, now: u64) -> u32 {
        if now >= self.next {
            self.next = now + EVERY;
            // Sysmon asks, and is one of them.
            let others = load::runnable_threads().map_or(0, |n| n.saturating_sub(1 + busy.ps));
            self.others = averaged(self.others, others);
        }
        patience(load::processors(), self.others.round() as u32, busy)
    }
}

/// The average after another answer.
fn averaged(average: f32, answer: u32) -> f32 {
    average + (answer as f32 - average) * WEIGHT
}

/// With so many processors, of which others want some.
fn patience(processors: u32, others: u32, busy: Busy) -> u32 {
    let left = processors.saturating_sub(others).max(1);
    if busy.ps < left || others == 0 {
        return 0;
    }
    let switches = u64::from(busy.switches) * WAIT / busy.elapsed.max(1);
    u32::try_from(switches).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_follows_slowly() {
        let check = |answers: &[(u32, usize)], expected: u32| {
            let all = answers.iter().flat_map(|&(n, times)| std::iter::repeat_n(n, times));
            assert_eq!(all.fold(0.0, averaged).round() as u32, expected, "{answers:?}");
        };
        check(&[(0, 100)], 0);
        check(&[(1, 5)], 0);
        check(&[(1, 6)], 1);
        check(&[(3, 100)], 3);
        check(&[(2, 100), (0, 3)], 1);
        check(&[(2, 100), (0, 100)], 0);
        check(&[(1, 1), (0, 2)].repeat(50), 0);
        check(&[(1, 2), (0, 1)].repeat(50), 1);
    }

    #[test]
    fn who_is_left_alone() {
        let check = |processors: u32, others: u32, ps: u32, expected: u32| {
            let busy = Busy { ps, switches: 50, elapsed: WAIT / 2 };
            assert_eq!(patience(processors, others, busy), expected, "{ps} of {processors} beside {others}");
        };
        // Processors that nobody wants, and those that are ours.
        check(2, 0, 1, 0);
        check(2, 0, 2, 0);
        check(8, 3, 4, 0);
        // What others want is not for a further P.
        check(2, 1, 1, 100);
        check(2, 1, 2, 100);
        check(8, 3, 5, 100);
        // One is always ours.
        check(2, 9, 1, 100);
        check(1, 1, 1, 100);
        assert_eq!(patience(2, 1, Busy { ps: 1, switches: 0, elapsed: WAIT }), 0, "it does not switch");
        assert_eq!(patience(2, 1, Busy { ps: 1, switches: 7, elapsed: 0 }), u32::try_from(7 * WAIT).unwrap());
    }
}
