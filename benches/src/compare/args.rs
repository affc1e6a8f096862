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
  --procs N[,N]      threads that run goroutines or tasks (default: CPUs);
                     several: everything is run with each, and the table shows
                     how the figures change
  --quick            a tenth of the work, and one round unless said otherwise
  --json FILE        write every sample to FILE as well
  --svg FILE         draw a chart
  --readme           put table and chart into benches/README.md; only of a run
                     of everything, or, in a place of its own, of one with
                     several --procs
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
    /// One entry a setting that everything is run with; `None` is the peers' own default.
    pub(super) procs: Vec<Option<usize>>,
    pub(super) quick: bool,
    pub(super) json: Option<PathBuf>,
    pub(super) svg: Option<PathBuf>,
    pub(super) readme: bool,
}

impl Options {
    /// Whether the figures are to be compared between several settings of `GOMAXPROCS`.
    pub(super) fn by_procs(&self) -> bool {
        self.procs.len() > 1
    }
}

pub(super) fn parse() -> Result<Command, lexopt::Error> {
    parse_from(lexopt::Parser::from_env())
}

pub(super) fn parse_from(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut options = Options {
        rows: ROWS.iter().collect(),
        peers: peers::NAMES.to_vec(),
        rounds: 0,
        procs: vec![None],
        quick: false,
        json: None,
        svg: None,
        readme: false,
    };
    while let Some(arg) = parser.next()? {
        match arg {
            Long("only") => {
                let names = parser.value()?.string()?;
                options.rows =
                    pick(&names, "row", &names_of_rows(), |name| ROWS.iter().find(|row| row.name == name))?;
            }
            Long("peers") => {
                let names = parser.value()?.string()?;
                options.peers = pick(&names, "peer", peers::NAMES, |name| {
                    peers::NAMES.iter().find(|known| **known == name).copied()
                })?;
            }
            Long("rounds") => options.rounds = positive("--rounds", &parser.value()?.string()?)?,
            Long("procs") => {
                let numbers = parser.value()?.string()?;
                let each = numbers.split(',').map(|number| positive("--procs", number).map(Some));
                options.procs = each.collect::<Result<_, _>>()?;
            }
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
    if options.by_procs() {
        if options.svg.is_some() {
            return Err("--svg shows runs with one --procs".into());
        }
        // Whose number is fixed.
        options.rows.retain(|row| row.procs.is_none());
    }
    let everything = options.rows.len() == ROWS.len() && options.peers == peers::NAMES;
    if options.readme && (options.quick || !everything && !options.by_procs()) {
        return Err("--readme shows runs of everything, without --quick".into());
    }
    Ok(Command::Compare(options))
}

fn names_of_rows() -> Vec<&'static str> {
    ROWS.iter().map(|row| row.name).collect()
}

/// Looks each of the comma-separated names up.
fn pick<T>(
    names: &str,
    what: &str,
    known: &[&str],
    find: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, lexopt::Error> {
    let unknown = |name: &str| format!("no {what} {name:?}; there are {}", known.join(", "));
    names.split(',').map(|name| find(name).ok_or_else(|| unknown(name).into())).collect()
}

fn positive(option: &str, number: &str) -> Result<usize, lexopt::Error> {
    match number.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(format!("{option} {number}: a positive number is needed").into()),
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
        assert!(
            options(&["--readme", "--procs", "1,2", "--only", "spawn,yield1", "--peers", "gort,go"]).readme
        );
        for less in [&["--quick"][..], &["--only", "spawn"], &["--peers", "go"]] {
            let args = ["--readme"].iter().chain(less);
            assert!(parse_from(lexopt::Parser::from_args(args)).is_err(), "{less:?}");
        }
    }

    #[test]
    fn several_procs_leave_rows_out_that_fix_theirs() {
        let options = options(&["--procs", "1,2,8"]);
        assert_eq!(options.procs, [Some(1), Some(2), Some(8)]);
        assert!(options.rows.len() > 20 && options.rows.iter().all(|row| row.procs.is_none()));
    }

    #[test]
    fn unknown_names_and_zeroes_are_refused() {
        for args in [
            ["--only", "spwan"],
            ["--peers", "erlang"],
            ["--rounds", "0"],
            ["--procs", "x"],
            ["--procs", "1,"],
        ] {
            assert!(parse_from(lexopt::Parser::from_args(args)).is_err(), "{args:?}");
        }
    }
}
