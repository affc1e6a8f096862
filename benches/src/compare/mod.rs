//! The comparison: finds and builds the peers, runs every row for each of
//! them, and shows medians and ratios.
//!
//! The peers take turns within a row, the rows within a round, so that a slow
//! minute of the machine falls on all alike; who starts changes by the round.

mod args;
mod chart;
mod golang;
mod machine;
mod peers;
mod process;
mod readme;
mod report;
mod results;
mod table;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use args::{Command, Options};
use peers::{Missing, Peer};
use results::Results;

use crate::outcome::Outcome;
use crate::rows::{ROWS, Row};

/// The peer that the others are compared with.
const OURS: &str = "gort";

/// Does what the command line says. Fails if a result was wrong, or if gort was
/// asked for and cannot be built or did not get through a row; not for what
/// else befalls another peer.
pub fn main() -> ExitCode {
    let options = match args::parse() {
        Ok(Command::Compare(options)) => options,
        Ok(Command::Help) => {
            print!("{}", args::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(Command::List) => {
            for row in ROWS {
                println!("{:<13} {} (n = {})", row.name, row.about, row.n);
            }
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("compare: {error} (--help shows the options)");
            return ExitCode::from(2);
        }
    };
    let (peers, missing) = peers::build(&options.peers, &options.rows);
    for (name, why) in &missing {
        eprintln!("compare: without {name}: {why}");
    }
    if let Err(why) = peers::build_drive(&options.rows) {
        eprintln!("compare: {why}");
        return ExitCode::FAILURE;
    }
    if peers.is_empty() {
        eprintln!("compare: no peer to run");
        return ExitCode::FAILURE;
    }

    let results = measure(&options, &peers);
    let table = table::show(&results, &peers);
    print!("{table}");
    if let Err(error) = keep(&results, &options, &peers, &missing, &table) {
        eprintln!("compare: {error}");
        return ExitCode::FAILURE;
    }
    let ours_missing = missing.iter().any(|(name, _)| *name == OURS);
    ExitCode::from((ours_missing || results.bad()) as u8)
}

/// Writes what the options ask for into files.
fn keep(
    results: &Results,
    options: &Options,
    peers: &[Peer],
    missing: &Missing,
    table: &str,
) -> Result<(), String> {
    let write = |file: &Path, text: String| {
        fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
    };
    if let Some(file) = &options.json {
        write(file, report::json(results, options, peers, missing))?;
    }
    if let Some(file) = &options.svg {
        write(file, chart::svg(results, peers)?)?;
    }
    if options.readme {
        readme::write(options, missing, table, &chart::svg(results, peers)?)?;
    }
    Ok(())
}

fn measure(options: &Options, peers: &[Peer]) -> Results {
    let mut results = Results::new(&options.rows, peers, options.quick);
    for round in 0..options.rounds {
        for row in &options.rows {
            for turn in 0..peers.len() {
                let peer = &peers[(round + turn) % peers.len()];
                if let Some(n) = results.due(row, peer.name) {
                    let outcome = process::run(peer, row, n, options.procs);
                    progress(round, options.rounds, row, peer, &outcome);
                    results.add(row, peer.name, outcome);
                }
            }
        }
    }
    results
}

fn progress(round: usize, rounds: usize, row: &Row, peer: &Peer, outcome: &process::Ended) {
    let metric = &row.metrics[0];
    let what = match outcome {
        Ok(Outcome::Measured(metrics)) => match metrics.get(metric.key) {
            Some(&value) => format!("{} {}", table::figure(value), metric.unit),
            None => format!("no {}", metric.key),
        },
        Ok(Outcome::Wrong(what)) => format!("wrong: {what}"),
        Ok(Outcome::Unsupported(why)) => format!("unsupported: {why}"),
        Err(failure) => format!("{}: {}", failure.word(), failure.why()),
    };
    eprintln!("round {}/{rounds}  {:<13} {:<8} {what}", round + 1, row.name, peer.name);
}
