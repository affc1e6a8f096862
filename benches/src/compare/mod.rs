//! The comparison: finds and builds the peers, runs every row for each of
//! them, and shows medians and ratios.
//!
//! The peers take turns within a row, the rows within a round, so that a slow
//! minute of the machine falls on all alike; who starts changes by the round.

mod args;
mod by_procs;
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
use std::path::{Path, PathBuf};
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
                println!("{:<13} {} (n = {})", row.name, row.about, table::thousands(row.n));
            }
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("compare: {error} (--help shows the options)");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = outputs(&options).try_for_each(writable) {
        eprintln!("compare: {error}");
        return ExitCode::from(2);
    }
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
    let table = match &results[..] {
        [one] => table::show(one, &peers),
        several => by_procs::show(several, &options, &peers),
    };
    print!("{table}");
    if let Err(error) = keep(&results, &options, &peers, &missing, &table) {
        eprintln!("compare: {error}");
        return ExitCode::FAILURE;
    }
    let ours_missing = missing.iter().any(|(name, _)| *name == OURS);
    ExitCode::from((ours_missing || results.iter().any(Results::bad)) as u8)
}

/// The files that the options ask for.
fn outputs(options: &Options) -> impl Iterator<Item = &Path> {
    [&options.json, &options.svg].into_iter().flatten().map(PathBuf::as_path)
}

/// Whether a file can be written: known before the run, which may take an hour.
fn writable(file: &Path) -> Result<(), String> {
    let opened = fs::OpenOptions::new().append(true).create(true).open(file);
    opened.map(drop).map_err(|error| format!("{}: {error}", file.display()))
}

/// Writes what the options ask for into files.
fn keep(
    results: &[Results],
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
        write(file, chart::svg(&results[0], peers)?)?;
    }
    if options.readme {
        let chart = if options.by_procs() { None } else { Some(chart::svg(&results[0], peers)?) };
        readme::write(options, missing, table, chart)?;
    }
    Ok(())
}

/// One [`Results`] for each of the `GOMAXPROCS` asked for.
fn measure(options: &Options, peers: &[Peer]) -> Vec<Results> {
    let empty = || Results::new(&options.rows, peers, options.quick);
    let mut all: Vec<Results> = options.procs.iter().map(|_| empty()).collect();
    for round in 0..options.rounds {
        for row in &options.rows {
            for (results, &procs) in all.iter_mut().zip(&options.procs) {
                for turn in 0..peers.len() {
                    let peer = &peers[(round + turn) % peers.len()];
                    if let Some(n) = results.due(row, peer.name) {
                        let outcome = process::run(peer, row, n, procs);
                        progress(round, options, procs, row, peer, &outcome);
                        results.add(row, peer.name, outcome);
                    }
                }
            }
        }
    }
    all
}

fn progress(
    round: usize,
    options: &Options,
    procs: Option<usize>,
    row: &Row,
    peer: &Peer,
    outcome: &process::Ended,
) {
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
    let with = match procs.filter(|_| options.by_procs()) {
        Some(procs) => format!("GOMAXPROCS={procs:<3} "),
        None => String::new(),
    };
    eprintln!("round {}/{}  {with}{:<13} {:<8} {what}", round + 1, options.rounds, row.name, peer.name);
}
