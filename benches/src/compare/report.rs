//! The results as JSON, with every sample and the circumstances.

use serde_json::{Map, Value, json};

use super::OURS;
use super::args::Options;
use super::machine;
use super::peers::{Missing, Peer};
use super::results::{Cell, Results};
use crate::rows::{Metric, Row, Target};

/// The text of the JSON file: `rows`, or `by_procs` with the rows of each setting.
pub(super) fn json(results: &[Results], options: &Options, peers: &[Peer], missing: &Missing) -> String {
    let missing: Map<_, _> = missing.iter().map(|(name, why)| (name.to_string(), json!(why))).collect();
    let mut report = json!({
        "date": machine::date(),
        "machine": machine::machine(),
        "versions": machine::versions(),
        "settings": {
            "rounds": options.rounds,
            "procs": options.procs[0],
            "quick": options.quick,
        },
        "missing": missing,
    });
    if options.by_procs() {
        let settings = options.procs.iter().zip(results);
        let settings = settings.map(|(procs, one)| json!({ "procs": procs, "rows": rows(one, peers) }));
        report["settings"]["procs"] = json!(options.procs);
        report["by_procs"] = settings.collect();
    } else {
        report["rows"] = rows(&results[0], peers);
    }
    format!("{report:#}\n")
}

fn rows(results: &Results, peers: &[Peer]) -> Value {
    results
        .rows()
        .flat_map(|row| row.metrics.iter().map(move |metric| (row, metric)))
        .map(|(row, metric)| entry(results, row, metric, peers))
        .collect()
}

fn entry(results: &Results, row: &Row, metric: &Metric, peers: &[Peer]) -> Value {
    let mut cells = Map::new();
    let mut ratios = Map::new();
    for peer in peers {
        if let Some(cell) = results.cell(row, peer.name) {
            cells.insert(peer.name.to_string(), figures(cell, metric));
        }
        let ratio = results.ratio(row, metric, peer.name);
        if let Some(ratio) = ratio.filter(|_| peer.name != OURS) {
            ratios.insert(peer.name.to_string(), json!(ratio));
        }
    }
    json!({
        "row": row.name,
        "about": row.about,
        "metric": metric.key,
        "unit": metric.unit,
        "peers": cells,
        "gort_to": ratios,
        "expected": metric.targets.iter().map(|&target| expected(results, row, metric, target)).collect::<Vec<_>>(),
    })
}

fn expected(results: &Results, row: &Row, metric: &Metric, target: Target) -> Value {
    let mut value = match target {
        Target::OfGo(share) => json!({ "of_go": share }),
        Target::Best => json!({ "of_best": 1.0 }),
        Target::AtMost(limit) => json!({ "at_most": limit }),
    };
    value["met"] = json!(results.met(row, metric, target));
    value
}

fn figures(cell: &Cell, metric: &Metric) -> Value {
    match &cell.trouble {
        Some(trouble) => json!({ "n": cell.n, "trouble": trouble.word, "why": trouble.why }),
        None => json!({
            "n": cell.n,
            "median": cell.median(metric),
            "samples": cell.samples(metric),
        }),
    }
}
