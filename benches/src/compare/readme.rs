//! The section of `benches/README.md` that shows the last full run: written
//! from here, so that no figure is ever copied by hand.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::args::Options;
use super::machine;
use super::peers::{FOLDER, Missing};

const BEGIN: &str = "<!-- The last full run, by `compare --readme`: begin -->\n";
const END: &str = "<!-- The last full run: end -->\n";

/// The chart, beside the README.
const CHART: &str = "compare.svg";

/// Puts the table and the chart there.
pub(super) fn write(options: &Options, missing: &Missing, table: &str, chart: &str) -> Result<(), String> {
    let folder = Path::new(FOLDER);
    let readme = folder.join("README.md");
    let text = fs::read_to_string(&readme).map_err(|error| format!("{}: {error}", readme.display()))?;
    let section =
        format!("{}\n![the peers, compared to gort]({CHART})\n{table}", circumstances(options, missing));
    let text = replaced(&text, &section).ok_or("README.md has no place for the last run")?;
    fs::write(&readme, text).map_err(|error| format!("{}: {error}", readme.display()))?;
    fs::write(folder.join(CHART), chart).map_err(|error| format!("{CHART}: {error}"))
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
    match options.procs {
        Some(procs) => lines += &format!(", GOMAXPROCS={procs}.\n"),
        None => lines += ".\n",
    }
    for (name, why) in missing {
        lines += &format!("Without {name}: {why}\n");
    }
    lines
}

/// The text with `section` between the markers.
fn replaced(text: &str, section: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}\n\n{END}{after}", section.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let text = format!("a\n{BEGIN}old\n{END}b\n");
        let new = replaced(&text, "new").unwrap();
        assert_eq!(new, format!("a\n{BEGIN}\nnew\n\n{END}b\n"));
        assert_eq!(replaced(&new, "new"), Some(new.clone()));
        assert_eq!(replaced("a\n", "new"), None);
    }

    #[test]
    fn the_readme_has_the_place() {
        let text = fs::read_to_string(Path::new(FOLDER).join("README.md")).unwrap();
        assert!(replaced(&text, "new").is_some());
    }
}
