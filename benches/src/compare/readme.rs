//! The section of `benches/README.md` that shows the last full run: written
//! from here, so that no figure is ever copied by hand.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::args::Options;
use super::machine;
use super::peers::{FOLDER, Missing};

/// The lines between which a section lies.
type Place = (&'static str, &'static str);

const FULL_RUN: Place =
    ("<!-- The last full run, by `compare --readme`: begin -->\n", "<!-- The last full run: end -->\n");
const BY_PROCS: Place =
    ("<!-- By GOMAXPROCS, by `compare --readme --procs N,N`: begin -->\n", "<!-- By GOMAXPROCS: end -->\n");

/// The chart, beside the README.
const CHART: &str = "compare.svg";

/// Puts the table there, and the chart of a full run.
pub(super) fn write(
    options: &Options,
    missing: &Missing,
    table: &str,
    chart: Option<String>,
) -> Result<(), String> {
    let folder = Path::new(FOLDER);
    let readme = folder.join("README.md");
    let text = fs::read_to_string(&readme).map_err(|error| format!("{}: {error}", readme.display()))?;
    let picture =
        if chart.is_some() { format!("\n![the peers, compared to gort]({CHART})\n") } else { String::new() };
    let place = if options.by_procs() { BY_PROCS } else { FULL_RUN };
    let section = format!("{}{picture}{table}", circumstances(options, missing));
    let text = replaced(&text, place, &section).ok_or("README.md has no place for the last run")?;
    fs::write(&readme, text).map_err(|error| format!("{}: {error}", readme.display()))?;
    match chart {
        Some(chart) => fs::write(folder.join(CHART), chart).map_err(|error| format!("{CHART}: {error}")),
        None => Ok(()),
    }
}

/// Where, when and with what the figures were taken.
fn circumstances(options: &Options, missing: &Missing) -> String {
    let machine = machine::machine();
    let versions = machine::versions();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let with: Vec<String> = versions
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, version)| match text(version) {
            version if version.starts_with(name) => version,
            version => format!("{name} {version}"),
        })
        .collect();
    let mut lines = format!(
        "{}; {} × {}; {}; {}. Medians of {} interleaved rounds",
        machine::date().unwrap_or_default(),
        machine["cpus"],
        text(&machine["cpu"]),
        text(&machine["system"]),
        with.join(", "),
        options.rounds,
    );
    match options.procs[..] {
        [Some(procs)] => lines += &format!(", GOMAXPROCS={procs}.\n"),
        _ => lines += ".\n",
    }
    for (name, why) in missing {
        lines += &format!("Without {name}: {why}\n");
    }
    lines
}

/// The text with `section` in its place.
fn replaced(text: &str, (begin, end): Place, section: &str) -> Option<String> {
    let (before, rest) = text.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n{}\n\n{end}{after}", section.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let (begin, end) = FULL_RUN;
        let text = format!("a\n{begin}old\n{end}b\n");
        let new = replaced(&text, FULL_RUN, "new").unwrap();
        assert_eq!(new, format!("a\n{begin}\nnew\n\n{end}b\n"));
        assert_eq!(replaced(&new, FULL_RUN, "new"), Some(new.clone()));
        assert_eq!(replaced("a\n", FULL_RUN, "new"), None);
    }

    #[test]
    fn the_readme_has_the_places() {
        let text = fs::read_to_string(Path::new(FOLDER).join("README.md")).unwrap();
        assert!([FULL_RUN, BY_PROCS].into_iter().all(|place| replaced(&text, place, "new").is_some()));
    }
}
