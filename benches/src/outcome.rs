//! What a peer says about one run: the line of JSON between it and `compare`.
//!
//! One of
//!
//! ```json
//! {"workload":"spawn","n":1000000,"ns_per_op":123.4,"check":"ok"}
//! {"workload":"spawn","n":1000000,"check":"total is 3, not 499999500000"}
//! {"unsupported":"no such workload"}
//! ```
//!
//! Every number other than `n` is a metric, known by its key. A metric counts
//! only if `check` is `ok`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::memory::Memory;

/// How one run of a workload ended, as the peer sees it.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The work was done and its result was right: metrics by name.
    Measured(BTreeMap<String, f64>),
    /// The work was done and its result was wrong: what was wrong.
    Wrong(String),
    /// This peer has no such workload: why.
    Unsupported(String),
}

impl Outcome {
    /// `ns_per_op` for `ops` operations that took `elapsed`, provided that the
    /// work yielded `got == want`.
    pub fn timed(elapsed: Duration, ops: u64, got: u64, want: u64) -> Outcome {
        let ns = elapsed.as_nanos() as f64 / ops as f64;
        Outcome::checked(got, want, [("ns_per_op", ns)])
    }

    /// `bytes_per_op` and `pte_bytes_per_op` for `ops` objects that came into
    /// being between `before` and `after` and were all there after `start`, provided that `got == want`.
    pub fn grown(before: Memory, after: Memory, start: Duration, ops: u64, got: u64, want: u64) -> Outcome {
        let per_op = |before: u64, after: u64| (after as f64 - before as f64) / ops as f64;
        Outcome::checked(
            got,
            want,
            [
                ("bytes_per_op", per_op(before.resident, after.resident)),
                ("pte_bytes_per_op", per_op(before.page_tables, after.page_tables)),
                ("start_ms", start.as_secs_f64() * 1e3),
            ],
        )
    }

    /// The metrics given, provided that the work yielded `got == want`.
    pub fn checked(got: u64, want: u64, metrics: impl IntoIterator<Item = (&'static str, f64)>) -> Outcome {
        if got == want {
            Outcome::Measured(metrics.into_iter().map(|(name, v)| (name.to_string(), v)).collect())
        } else {
            Outcome::Wrong(format!("result is {got}, not {want}"))
        }
    }

    /// The line that the peer prints.
    pub fn to_line(&self, workload: &str, n: u64) -> String {
        match self {
            Outcome::Measured(metrics) => {
                let mut line = Map::new();
                line.insert("workload".into(), workload.into());
                line.insert("n".into(), n.into());
                for (name, value) in metrics {
                    line.insert(name.clone(), json!(value));
                }
                line.insert("check".into(), "ok".into());
                Value::Object(line).to_string()
            }
            Outcome::Wrong(what) => json!({ "workload": workload, "n": n, "check": what }).to_string(),
            Outcome::Unsupported(why) => json!({ "unsupported": why }).to_string(),
        }
    }

    /// Reads a peer's line back. An error says what is amiss with the line.
    pub fn from_line(line: &str, workload: &str, n: u64) -> Result<Outcome, String> {
        let value: Value = serde_json::from_str(line).map_err(|e| format!("{e}: {line:?}"))?;
        let object = value.as_object().ok_or("not a JSON object")?;
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        if let Some(why) = text("unsupported") {
            return Ok(Outcome::Unsupported(why.to_string()));
        }
        if text("workload") != Some(workload) || object.get("n") != Some(&n.into()) {
            return Err(format!("answer to another question: {line}"));
        }
        match text("check") {
            Some("ok") => Ok(Outcome::Measured(
                object
                    .iter()
                    .filter(|(key, _)| *key != "n")
                    .filter_map(|(key, v)| Some((key.clone(), v.as_f64()?)))
                    .collect(),
            )),
            Some(what) => Ok(Outcome::Wrong(what.to_string())),
            None => Err(format!("says nothing about its check: {line}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_round_trip(outcome: Outcome) {
        let line = outcome.to_line("spawn", 10);
        assert_eq!(Outcome::from_line(&line, "spawn", 10), Ok(outcome));
    }

    #[test]
    fn every_outcome_survives_its_line() {
        check_round_trip(Outcome::timed(Duration::from_nanos(1234), 10, 45, 45));
        check_round_trip(Outcome::timed(Duration::from_nanos(1234), 10, 44, 45));
        check_round_trip(Outcome::Unsupported("no tasks".into()));
    }

    #[test]
    fn a_wrong_result_yields_no_metric() {
        let outcome = Outcome::timed(Duration::from_nanos(1), 10, 44, 45);
        assert_eq!(outcome, Outcome::Wrong("result is 44, not 45".into()));
    }

    #[test]
    fn an_answer_to_another_question_is_refused() {
        let line = Outcome::timed(Duration::from_nanos(1), 10, 45, 45).to_line("spawn", 10);
        assert!(Outcome::from_line(&line, "spawn", 11).is_err());
        assert!(Outcome::from_line(&line, "yield1", 10).is_err());
        assert!(Outcome::from_line(r#"{"workload":"spawn","n":10}"#, "spawn", 10).is_err());
        assert!(Outcome::from_line("thread 'main' panicked", "spawn", 10).is_err());
    }
}
