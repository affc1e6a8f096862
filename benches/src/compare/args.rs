//! The command line of `compare`.

use std::path::PathBuf;

use lexopt::prelude::*;

use super::peers;
use crate::rows::{ROWS, Row};

pub(super) const HELP: &str = "\
Runs the workloads on gort and its peers and shows medians and ratios.

usage: cargo run --release -p benches --bin compare -- [OPTIONS]

  --only ROW[,ROW]   only these rows
  --peers P[,P]      only these peers (gort, go, may, tokio, threads, flume,
                     rayon, floor)
  --rounds N         how often everything is run (default 5)
  --procs N          threads that run goroutines or tasks (default: CPUs)
  --quick            a tenth of the work, and one round unless said otherwise
  --json FILE        write every sample to FILE as well
  --svg FILE         draw a chart
  --readme           put table and chart into benches/README.md; only of a run
                     of everything
  --list             show the rows
";

pub(super) enum Command {
    Compare(Options),
    List,
    Help,
}

pub(super) struct Options {
    pub(super) rows: Vec<&'static Row>,
    pub(super) peers: Vec<&'static str>,
    pub(super) rounds: usize,
    pub(super) procs: Option<usize>,
    pub(super) quick: bool,
    pub(super) json: Option<PathBuf>,
    pub(super) svg: Option<PathBuf>,
    pub(super) readme: bool,
}

pub(super) fn parse() -> Result<Command, lexopt::Error> {
    parse_from(lexopt::Parser::from_env())
}

fn parse_from(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut options = Options {
        rows: ROWS.iter().collect(),
        peers: peers::NAMES.to_vec(),
        rounds: 0,
        procs: None,
        quick: false,
        json: None,
        svg: None,
        readme: false,
    };
    while let Some(arg) = parser.next()? {
        match arg {
            Long("only") => {
                let names = parser.value()?.string()?;
                options.rows = pick(&names, |name| ROWS.iter().find(|row| row.name == name))?;
            }
            Long("peers") => {
                let names = parser.value()?.string()?;
                options.peers =
                    pick(&names, |name| peers::NAMES.iter().find(|known| **known == name).copied())?;
            }
            Long("rounds") => options.rounds = positive(&mut parser)?,
            Long("procs") => options.procs = Some(positive(&mut parser)?),
            Long("quick") => options.quick = true,
            Long("json") => options.json = Some(parser.value()?.into()),
            Long("svg") => options.svg = Some(parser.value()?.into()),
            Long("readme") => options.readme = true,
            Long("list") => return Ok(Command::List),
            Short('h') | Long("help") => return Ok(Command::Help),
            other => return Err(other.unexpected()),
        }
    }
    if options.rounds == 0 {
        options.rounds = if options.quick { 1 } else { 5 };
    }
    let everything = options.rows.len() == ROWS.len() && options.peers == peers::NAMES && !options.quick;
    if options.readme && !everything {
        return Err("--readme shows runs of everything".into());
    }
    Ok(Command::Compare(options))
}

/// Looks each of the comma-separated names up.
fn pick<T>(names: &str, find: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, lexopt::Error> {
    names.split(',').map(|name| find(name).ok_or_else(|| format!("unknown name {name:?}").into())).collect()
}

fn positive(parser: &mut lexopt::Parser) -> Result<usize, lexopt::Error> {
    match parser.value()?.parse()? {
        0 => Err("0 where a positive number is needed".into()),
        n => Ok(n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(args: &[&str]) -> Options {
        match parse_from(lexopt::Parser::from_args(args)).unwrap() {
            Command::Compare(options) => options,
            _ => panic!("not a comparison: {args:?}"),
        }
    }

    #[test]
    fn everything_by_default() {
        let options = options(&[]);
        assert_eq!(options.rows.len(), ROWS.len());
        assert_eq!(options.peers, peers::NAMES);
        assert_eq!(options.rounds, 5);
    }

    #[test]
    fn a_selection_keeps_its_order() {
        let options = options(&["--quick", "--only", "yield1,spawn", "--peers=tokio,gort"]);
        let rows: Vec<_> = options.rows.iter().map(|row| row.name).collect();
        assert_eq!(rows, ["yield1", "spawn"]);
        assert_eq!(options.peers, ["tokio", "gort"]);
        assert_eq!(options.rounds, 1);
    }

    #[test]
    fn the_readme_shows_nothing_less_than_everything() {
        assert!(options(&["--readme", "--rounds", "3"]).readme);
        for less in [&["--quick"][..], &["--only", "spawn"], &["--peers", "go"]] {
            let args = ["--readme"].iter().chain(less);
            assert!(parse_from(lexopt::Parser::from_args(args)).is_err(), "{less:?}");
        }
    }

    #[test]
    fn unknown_names_and_zeroes_are_refused() {
        for args in [["--only", "spwan"], ["--peers", "erlang"], ["--rounds", "0"], ["--procs", "x"]] {
            assert!(parse_from(lexopt::Parser::from_args(args)).is_err(), "{args:?}");
        }
    }
}
