//! How the figures change with `GOMAXPROCS`: a column for each peer and number.

use super::args::Options;
use super::peers::Peer;
use super::results::Results;
use super::{OURS, table};
use crate::rows::{Metric, Row};

/// The table of the figures that count, below it why some cells have none.
pub(super) fn show(results: &[Results], options: &Options, peers: &[Peer]) -> String {
    let procs: Vec<usize> = options.procs.iter().flatten().copied().collect();
    let with_go = [OURS, "go"].iter().all(|name| peers.iter().any(|peer| peer.name == *name));
    let mut header: Vec<String> = ["row", "n", "unit"].map(String::from).to_vec();
    let mut names: Vec<&str> = peers.iter().map(|peer| peer.name).collect();
    if with_go {
        names.push("gort/go");
    }
    header.extend(names.iter().flat_map(|name| procs.iter().map(move |n| format!("{name}, {n}"))));
    let mut lines = vec![header];
    let mut notes = String::new();
    for row in results[0].rows() {
        lines.push(line(results, row, &row.metrics[0], peers, with_go));
        for (one, n) in results.iter().zip(&procs) {
            for peer in peers {
                if let Some(trouble) = one.cell(row, peer.name).and_then(|cell| cell.trouble.as_ref()) {
                    let (word, why) = (trouble.word, &trouble.why);
                    notes += &format!("- {}, {} with GOMAXPROCS={n}: {word}: {why}\n", row.name, peer.name);
                }
            }
        }
    }
    let mut text = format!("\n{}", table::align(&lines));
    if !notes.is_empty() {
        text += &format!("\n{notes}");
    }
    text
}

fn line(results: &[Results], row: &Row, metric: &Metric, peers: &[Peer], with_go: bool) -> Vec<String> {
    let cells = |name: &'static str| results.iter().map(move |one| one.cell(row, name));
    // The row's own N is what those do that need no smaller one.
    let n = peers.iter().flat_map(|peer| cells(peer.name)).flatten().map(|cell| cell.n).max().unwrap_or(0);
    let mut line = vec![row.name.to_string(), table::thousands(n), metric.unit.to_string()];
    for peer in peers {
        line.extend(cells(peer.name).map(|cell| table::entry(cell, metric, n)));
    }
    if with_go {
        let ratios = results.iter().map(|one| one.ratio(row, metric, "go").map(table::ratio));
        line.extend(ratios.map(|text| text.unwrap_or("–".to_string())));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::args::{Command, parse_from};
    use crate::outcome::Outcome;
    use std::path::PathBuf;

    #[test]
    fn a_column_for_each_peer_and_number() {
        let args = ["--procs", "1,2", "--only", "yield1", "--peers", "gort,go"];
        let Ok(Command::Compare(options)) = parse_from(lexopt::Parser::from_args(args)) else {
            panic!("not a comparison: {args:?}");
        };
        let peers: Vec<_> = options.peers.iter().map(|&name| Peer { name, folder: PathBuf::new() }).collect();
        let row = options.rows[0];
        let with = |ours: f64, theirs: f64| {
            let mut results = Results::new(&options.rows, &peers, false);
            for (peer, ns) in [("gort", ours), ("go", theirs)] {
                results.add(row, peer, Ok(Outcome::Measured([("ns_per_op".to_string(), ns)].into())));
            }
            results
        };
        let text = show(&[with(10.0, 40.0), with(30.0, 60.0)], &options, &peers);
        let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_string()).collect::<Vec<_>>();
        let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).map(cells).collect();
        let header =
            ["", "row", "n", "unit", "gort, 1", "gort, 2", "go, 1", "go, 2", "gort/go, 1", "gort/go, 2", ""];
        assert_eq!(lines[0], header);
        assert_eq!(
            lines[2],
            ["", "yield1", "10,000,000", "ns", "10.0", "30.0", "40.0", "60.0", "0.250", "0.500", ""]
        );
    }
}
