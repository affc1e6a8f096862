//! The rows of the comparison: which workload, how often, and which of the
//! figures that a peer reports stand in the table.
//!
//! To add a row, add it here and to the peers; one that a peer lacks is shown
//! as unsupported there.

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
    /// The only peers of this row; empty if it is for all.
    pub peers: &'static [&'static str],
    /// The figures shown, the one that counts first.
    pub metrics: &'static [Metric],
}

/// A figure that peers report. Less is better.
#[derive(Debug)]
pub struct Metric {
    /// Its key in a peer's line of JSON.
    pub key: &'static str,
    /// Its unit, as shown.
    pub unit: &'static str,
    /// What sets it apart from the row's main figure, if it is another one.
    pub aside: Option<&'static str>,
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
        self.peers.is_empty() || self.peers.contains(&peer)
    }
}

const NS: &[Metric] = &[Metric { key: "ns_per_op", unit: "ns", aside: None }];

const BYTES: &[Metric] = &[
    Metric { key: "bytes_per_op", unit: "B", aside: None },
    Metric { key: "pte_bytes_per_op", unit: "B", aside: Some("page tables") },
];

/// Every row, in the order of the table.
pub const ROWS: &[Row] = &[
    Row {
        name: "spawn",
        workload: "spawn",
        about: "start one after the other, wait for all",
        n: 1_000_000,
        quick: 100_000,
        scaled: &[("threads", 20_000)],
        peers: &[],
        metrics: NS,
    },
    Row {
        name: "spawn_join",
        workload: "spawn_join",
        about: "start one and wait for its result",
        n: 1_000_000,
        quick: 100_000,
        scaled: &[("may", 20_000), ("threads", 20_000)],
        peers: &[],
        metrics: NS,
    },
    Row {
        name: "yield1",
        workload: "yield1",
        about: "yield with nobody else about",
        n: 10_000_000,
        quick: 1_000_000,
        scaled: &[],
        peers: &[],
        metrics: NS,
    },
    Row {
        name: "yield1000",
        workload: "yield1000",
        about: "yield among 1,000",
        n: 10_000_000,
        quick: 1_000_000,
        scaled: &[("threads", 2_000_000)],
        peers: &[],
        metrics: NS,
    },
    Row {
        name: "pingpong",
        workload: "pingpong",
        about: "round trip over two unbuffered channels",
        n: 1_000_000,
        quick: 100_000,
        scaled: &[("threads", 100_000)],
        peers: &[],
        metrics: NS,
    },
    Row {
        name: "skynet",
        workload: "skynet",
        about: "tree of tasks, ten children each, per leaf",
        n: 1_000_000,
        quick: 100_000,
        scaled: &[("threads", 10_000)],
        peers: &[],
        metrics: NS,
    },
    Row {
        name: "parked",
        workload: "parked",
        about: "memory of one that waits, of 200,000",
        n: 200_000,
        quick: 50_000,
        scaled: &[("may", 30_000), ("threads", 10_000)],
        peers: &[],
        metrics: BYTES,
    },
    Row {
        name: "parked1m",
        workload: "parked",
        about: "memory of one that waits, of 1,000,000",
        n: 1_000_000,
        quick: 200_000,
        scaled: &[],
        peers: &["gort", "go", "tokio"],
        metrics: BYTES,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_every_row_has_a_figure() {
        let names: HashSet<_> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), ROWS.len());
        assert!(ROWS.iter().all(|row| !row.metrics.is_empty()));
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
