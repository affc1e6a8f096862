//! The rows of the comparison: a workload, how often, and which of the
//! figures that a peer reports stand in the table.

mod list;

pub use list::ROWS;

/// A workload and how its figures are shown.
#[derive(Debug)]
pub struct Row {
    /// What `--only` selects by.
    pub name: &'static str,
    /// What the peers know the work by. Several rows may use one workload.
    pub workload: &'static str,
    /// One line for the reader of the table.
    pub about: &'static str,
    /// How often the work is done.
    pub n: u64,
    /// The same with `--quick`.
    pub quick: u64,
    /// Peers that cannot do that many, or would take minutes, and what they
    /// do instead. The figures are per operation, and the table shows this N.
    pub scaled: &'static [(&'static str, u64)],
    /// The peers that have it.
    pub peers: &'static [&'static str],
    /// `GOMAXPROCS` for this row, whatever `--procs` says.
    pub procs: Option<usize>,
    /// What is run, in which each peer has a program of its own.
    pub program: Program,
    /// The figures shown, the one that counts first.
    pub metrics: &'static [Metric],
}

/// A kind of program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// Called as `PROGRAM WORKLOAD N`; does it and reports.
    Peer,
    /// Says hello, and is run or looked at by `drive`.
    Hello,
    /// A server, started by `drive` for the load that it makes.
    Serve,
}

impl Program {
    /// What the names of these programs begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Program::Peer => "peer",
            Program::Hello => "hello",
            Program::Serve => "serve",
        }
    }
}

/// A figure that peers report.
#[derive(Debug)]
pub struct Metric {
    /// Its key in a peer's line of JSON.
    pub key: &'static str,
    /// Its unit, as shown.
    pub unit: &'static str,
    /// What sets it apart from the row's main figure, if it is another one.
    pub aside: Option<&'static str>,
    /// Which way is ahead.
    pub better: Better,
    /// What gort is to reach.
    pub targets: &'static [Target],
}

/// Whether small or large figures are good ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Better {
    /// Time, memory.
    Less,
    /// Rates.
    More,
}

/// A figure that gort is to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// At most this share of Go's figure in the same run.
    OfGo(f64),
    /// Level with, or ahead of, the best of the other peers.
    Best,
    /// At most this many of the unit, on a machine like the one of
    /// `benches/README.md`.
    AtMost(f64),
}

impl Row {
    /// How often `peer` does the work.
    pub fn n(&self, peer: &str, quick: bool) -> u64 {
        let n = if quick { self.quick } else { self.n };
        match self.scaled.iter().find(|(name, _)| *name == peer) {
            Some(&(_, scaled)) => scaled.min(n),
            None => n,
        }
    }

    /// Whether the row is for `peer` at all.
    pub fn includes(&self, peer: &str) -> bool {
        self.peers.contains(&peer)
    }
}

impl Metric {
    const fn new(key: &'static str, unit: &'static str) -> Metric {
        Metric { key, unit, aside: None, better: Better::Less, targets: &[] }
    }

    const fn aside(self, what: &'static str) -> Metric {
        Metric { aside: Some(what), ..self }
    }

    const fn more(self) -> Metric {
        Metric { better: Better::More, ..self }
    }

    const fn expect(self, targets: &'static [Target]) -> Metric {
        Metric { targets, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_every_row_has_a_figure() {
        let names: HashSet<_> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), ROWS.len());
        assert!(ROWS.iter().all(|row| !row.metrics.is_empty() && !row.workload.is_empty()));
    }

    #[test]
    fn a_scaled_peer_never_does_more() {
        let check = |name, peer, quick, expected| {
            let row = ROWS.iter().find(|row| row.name == name).unwrap();
            assert_eq!(row.n(peer, quick), expected, "{name} {peer}");
        };
        check("spawn", "go", false, 1_000_000);
        check("spawn", "threads", false, 20_000);
        check("yield1000", "threads", true, 1_000_000);
    }
}
