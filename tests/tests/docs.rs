//! Each public function of the modules that users see has an example: its own, or one of its file that calls it.

use std::fs;
use std::path::{Path, PathBuf};

const SEEN: &[&str] = &[
    "block_on.rs",
    "channel",
    "context",
    "goroutine.rs",
    "local.rs",
    "scope.rs",
    "spawn.rs",
    "start.rs",
    "sync",
    "time",
];

fn files(path: &Path, into: &mut Vec<PathBuf>) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| files(&entry.unwrap().path(), into));
    } else if path.file_name().is_some_and(|name| name != "models.rs") {
        into.push(path.to_path_buf());
    }
}

/// The lines of all examples in the docs of a file.
fn examples(text: &str) -> String {
    let docs = text.lines().filter_map(|l| l.trim_start().strip_prefix("//"));
    let docs = docs.filter_map(|l| l.strip_prefix(['/', '!']));
    let mut inside = false;
    docs.filter(|l| {
        let fence = l.trim_start().starts_with("```");
        inside ^= fence;
        inside && !fence
    })
    .map(|l| format!("{l}\n"))
    .collect()
}

fn is_named(examples: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    examples.split(|c| !word(c)).any(|w| w == name)
}

#[test]
fn each_public_function_has_an_example() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gort/src");
    let mut found = Vec::new();
    SEEN.iter().for_each(|path| files(&src.join(path), &mut found));
    assert!(found.len() > 30, "sources found");
    let (mut functions, mut without) = (0, Vec::new());
    for file in found {
        let text = fs::read_to_string(&file).unwrap();
        let examples = examples(&text);
        let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
        for (i, line) in lines.iter().enumerate() {
            let Some(rest) = line.strip_prefix("pub ") else { continue };
            let Some((_, rest)) = rest.split_once("fn ").filter(|(before, _)| !before.contains(['(', ';']))
            else {
                continue;
            };
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let docs: Vec<&&str> =
                lines[..i].iter().rev().take_while(|l| l.starts_with(['/', '#'])).collect();
            functions += 1;
            let hidden = docs.iter().any(|l| l.contains("doc(hidden)"));
            if !hidden && !docs.iter().any(|l| l.contains("```")) && !is_named(&examples, &name) {
                without.push(format!("{}:{} {name}", file.display(), i + 1));
            }
        }
    }
    assert!(functions > 150, "functions found: {functions}");
    assert!(without.is_empty(), "no example shows {without:#?}");
}
