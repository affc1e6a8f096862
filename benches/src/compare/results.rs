//! What the runs yielded: a cell for each row and peer.

use std::collections::BTreeMap;

use super::OURS;
use super::peers::{FLOOR, Peer};
use super::process::Ended;
use crate::outcome::Outcome;
use crate::rows::{Better, Metric, Row, Target};

/// All that is known of one row on one peer.
#[derive(Default)]
pub(super) struct Cell {
    /// How often the work was done in each run.
    pub(super) n: u64,
    /// The metrics of each run that went well.
    pub(super) runs: Vec<BTreeMap<String, f64>>,
    /// Set by the first run that went otherwise; there are no more after it.
    pub(super) trouble: Option<Trouble>,
}

/// Why a cell has no figure.
pub(super) struct Trouble {
    /// One word for the table.
    pub(super) word: &'static str,
    /// The rest of it.
    pub(super) why: String,
}

impl Cell {
    /// The values of `metric`, one a run, unless there was trouble.
    pub(super) fn samples(&self, metric: &Metric) -> Vec<f64> {
        if self.trouble.is_some() {
            return Vec::new();
        }
        let values = self.runs.iter().filter_map(|run| run.get(metric.key));
        values.copied().collect()
    }

    pub(super) fn median(&self, metric: &Metric) -> Option<f64> {
        median(self.samples(metric))
    }
}

pub(super) struct Results {
    rows: Vec<(&'static Row, BTreeMap<&'static str, Cell>)>,
}

impl Results {
    /// An empty cell for every peer that a row is for.
    pub(super) fn new(rows: &[&'static Row], peers: &[Peer], quick: bool) -> Results {
        let cells = |row: &Row| {
            peers
                .iter()
                .filter(|peer| row.includes(peer.name))
                .map(|peer| {
                    let n = row.n(peer.name, quick);
                    (peer.name, Cell { n, ..Cell::default() })
                })
                .collect()
        };
        Results { rows: rows.iter().map(|&row| (row, cells(row))).collect() }
    }

    /// How often `peer` shall do the row's work next, if at all.
    pub(super) fn due(&self, row: &Row, peer: &str) -> Option<u64> {
        let cell = self.cell(row, peer)?;
        cell.trouble.is_none().then_some(cell.n)
    }

    pub(super) fn add(&mut self, row: &Row, peer: &str, ended: Ended) {
        let cell = self
            .rows
            .iter_mut()
            .find(|(known, _)| known.name == row.name)
            .and_then(|(_, cells)| cells.get_mut(peer))
            .expect("a cell that was due");
        let (word, why) = match ended {
            Ok(Outcome::Measured(metrics)) => {
                cell.runs.push(metrics);
                return;
            }
            Ok(Outcome::Wrong(what)) => ("wrong", what),
            Ok(Outcome::Unsupported(why)) => ("–", why),
            Err(failure) => (failure.word(), failure.why()),
        };
        cell.trouble = Some(Trouble { word, why });
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &'static Row> + '_ {
        self.rows.iter().map(|(row, _)| *row)
    }

    /// The cell of `peer`, unless the row is not for it.
    pub(super) fn cell(&self, row: &Row, peer: &str) -> Option<&Cell> {
        let (_, cells) = self.rows.iter().find(|(known, _)| known.name == row.name)?;
        cells.get(peer)
    }

    /// gort's median divided by the peer's, or the other way round where more is
    /// better: below 1 gort is ahead.
    pub(super) fn ratio(&self, row: &Row, metric: &Metric, peer: &str) -> Option<f64> {
        let ours = self.cell(row, OURS)?.median(metric)?;
        let theirs = self.cell(row, peer)?.median(metric)?;
        let (above, below) = match metric.better {
            Better::Less => (ours, theirs),
            Better::More => (theirs, ours),
        };
        (below > 0.0).then_some(above / below)
    }

    /// The best of the other peers, and gort's ratio to it.
    pub(super) fn best(&self, row: &Row, metric: &Metric) -> Option<(&'static str, f64)> {
        let (_, cells) = self.rows.iter().find(|(known, _)| known.name == row.name)?;
        cells
            .keys()
            .filter(|peer| **peer != OURS && **peer != FLOOR)
            .filter_map(|&peer| Some((peer, self.ratio(row, metric, peer)?)))
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    /// Whether gort reaches the target, as far as that was measured.
    pub(super) fn met(&self, row: &Row, metric: &Metric, target: Target) -> Option<bool> {
        match target {
            Target::OfGo(share) => Some(self.ratio(row, metric, "go")? <= share),
            Target::Best => Some(self.best(row, metric)?.1 <= 1.0),
            Target::AtMost(limit) => Some(self.cell(row, OURS)?.median(metric)? <= limit),
        }
    }

    /// Whether a result was wrong or gort failed.
    pub(super) fn bad(&self) -> bool {
        self.rows.iter().flat_map(|(_, cells)| cells).any(|(peer, cell)| match &cell.trouble {
            Some(trouble) => *peer == OURS || trouble.word == "wrong",
            None => false,
        })
    }
}

/// The value in the middle, or the mean of the two there.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::process::Failure;
    use crate::rows::ROWS;
    use std::path::PathBuf;

    fn measured(ns: f64) -> Ended {
        Ok(Outcome::Measured([("ns_per_op".to_string(), ns)].into()))
    }

    fn results(names: &[&'static str]) -> Results {
        let peer = |&name| Peer { name, folder: PathBuf::new() };
        let peers: Vec<_> = names.iter().map(peer).collect();
        Results::new(&[&ROWS[0]], &peers, true)
    }

    #[test]
    fn medians() {
        let check = |values: &[f64], expected| assert_eq!(median(values.to_vec()), expected);
        check(&[], None);
        check(&[3.0, 1.0, 2.0], Some(2.0));
        check(&[4.0, 1.0, 2.0, 3.0], Some(2.5));
    }

    #[test]
    fn ratios_are_of_medians() {
        let row = &ROWS[0];
        let mut results = results(&["gort", "go"]);
        for ns in [9.0, 2.0, 1.0] {
            results.add(row, "gort", measured(ns));
        }
        results.add(row, "go", measured(8.0));
        assert_eq!(results.ratio(row, &row.metrics[0], "go"), Some(0.25));
        assert_eq!(results.ratio(row, &row.metrics[0], "may"), None);
    }

    #[test]
    fn the_best_other_peer_is_neither_gort_nor_the_floor() {
        let row = &ROWS[0];
        let mut results = results(&["gort", "go", "may", "tokio"]);
        for (peer, ns) in [("gort", 2.0), ("go", 8.0), ("tokio", 4.0)] {
            results.add(row, peer, measured(ns));
        }
        assert_eq!(results.best(row, &row.metrics[0]), Some(("tokio", 0.5)));
        let met = |target| results.met(row, &row.metrics[0], target);
        assert_eq!(met(Target::OfGo(0.25)), Some(true));
        assert_eq!(met(Target::OfGo(0.2)), Some(false));
        assert_eq!(met(Target::AtMost(1.9)), Some(false));
    }

    #[test]
    fn level_with_the_best_or_ahead() {
        let row = ROWS.iter().find(|row| row.name == "echo").unwrap();
        let metric = |key| row.metrics.iter().find(|metric| metric.key == key).unwrap();
        let peers = ["gort", "go", "tokio", "floor"];
        let peers = peers.map(|name| Peer { name, folder: PathBuf::new() });
        let mut results = Results::new(&[row], &peers, true);
        let figures =
            |rate: f64, p99: f64| [("rate", rate), ("p99_us", p99)].map(|(k, v)| (k.to_string(), v));
        let mut add = |peer, rate, p99| {
            results.add(row, peer, Ok(Outcome::Measured(figures(rate, p99).into())));
        };
        add("gort", 90.0, 3.0);
        add("go", 60.0, 2.9);
        add("tokio", 90.0, 4.0);
        // What the kernel alone can do is no peer.
        add("floor", 200.0, 1.0);
        assert_eq!(results.met(row, metric("rate"), Target::Best), Some(true), "level");
        assert_eq!(results.met(row, metric("p99_us"), Target::Best), Some(false));
        assert_eq!(results.met(row, metric("p50_us"), Target::Best), None);
    }

    #[test]
    fn one_failure_voids_the_cell() {
        let row = &ROWS[0];
        let mut results = results(&["gort", "may"]);
        results.add(row, "may", measured(1.0));
        assert!(results.due(row, "may").is_some());
        results.add(row, "may", Err(Failure::Hangs));
        assert!(results.due(row, "may").is_none());
        let cell = results.cell(row, "may").unwrap();
        assert_eq!(cell.median(&row.metrics[0]), None);
        assert!(!results.bad());
        results.add(row, "gort", Err(Failure::Hangs));
        assert!(results.bad());
    }
}
