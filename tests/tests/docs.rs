//! Each public function of the modules that users see has an example: its own, or one of its file that calls it.
//!
//! A function that a macro of `net/descriptor.rs` makes for several types is asked for in each type's file.

use std::fs;
use std::path::{Path, PathBuf};

const SEEN: &[&str] = &[
    "block_on.rs",
    "channel",
    "context",
    "goroutine.rs",
    "local.rs",
    "net",
    "runtime.rs",
    "scope.rs",
    "signal",
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

/// The name of the public function that a line declares.
fn public_function(line: &str) -> Option<String> {
    let (before, rest) = line.trim_start().strip_prefix("pub ")?.split_once("fn ")?;
    let name = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    // `pub struct S(fn ())`; `pub fn $method`.
    (!before.contains(['(', ';']) && !name.is_empty()).then_some(name)
}

/// A macro and the public functions that it makes.
type Macro = (String, Vec<String>);

fn macros(text: &str) -> Vec<Macro> {
    let mut found: Vec<Macro> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("macro_rules! ") {
            found.push((name.trim_end_matches(" {").to_string(), Vec::new()));
        } else if let (Some((_, functions)), Some(name)) = (found.last_mut(), public_function(line)) {
            functions.push(name);
        }
    }
    found
}

/// The functions that macros make in a file; of `delegate!` the file itself lists them.
fn made_by_macros(text: &str, macros: &[Macro]) -> Vec<String> {
    let mut made = Vec::new();
    let mut delegates = false;
    for line in text.lines() {
        if let Some((_, functions)) = macros.iter().find(|(m, _)| line.starts_with(&format!("{m}!("))) {
            made.extend_from_slice(functions);
        }
        if delegates && line.starts_with("    ") {
            made.push(line.trim_start().split('(').next().unwrap().to_string());
        }
        delegates = line.starts_with("delegate! {") || delegates && !line.starts_with('}');
    }
    made
}

#[test]
fn each_public_function_has_an_example() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gort/src");
    let mut found = Vec::new();
    SEEN.iter().for_each(|path| files(&src.join(path), &mut found));
    assert!(found.len() > 40, "sources found");
    let shared = src.join("net/descriptor.rs");
    let macros = macros(&fs::read_to_string(&shared).unwrap());
    let (mut functions, mut made, mut without) = (0, 0, Vec::new());
    for file in found {
        if file == shared {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let examples = examples(&text);
        for name in made_by_macros(&text, &macros) {
            made += 1;
            if !is_named(&examples, &name) {
                without.push(format!("{}: {name}", file.display()));
            }
        }
        let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
        for (i, line) in lines.iter().enumerate() {
            let Some(name) = public_function(line) else { continue };
            let docs: Vec<&&str> =
                lines[..i].iter().rev().take_while(|l| l.starts_with(['/', '#'])).collect();
            functions += 1;
            let hidden = docs.iter().any(|l| l.contains("doc(hidden)"));
            if !hidden && !docs.iter().any(|l| l.contains("```")) && !is_named(&examples, &name) {
                without.push(format!("{}:{} {name}", file.display(), i + 1));
            }
        }
    }
    assert!(functions > 200, "functions found: {functions}");
    assert!(made > 75, "functions of macros found: {made}");
    assert!(without.is_empty(), "no example shows {without:#?}");
}

/// The name of the public item that a line declares, but for modules and what is exported again.
fn public_item(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub ")?;
    let rest = rest.strip_prefix("const ").unwrap_or(rest);
    let rest = ["fn ", "struct ", "enum ", "type "].iter().find_map(|kind| rest.strip_prefix(kind));
    // `pub const ONCE_INIT: Once`.
    let rest = rest.or(line.strip_prefix("pub const "))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

/// The documentation of each has one, so that nobody has to look for it.
#[test]
fn each_item_of_these_has_an_example_of_its_own() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gort/src");
    let mut found = Vec::new();
    ["channel", "sync", "time", "context"].iter().for_each(|path| files(&src.join(path), &mut found));
    let (mut items, mut without) = (0, Vec::new());
    for file in found {
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
        for (i, line) in lines.iter().enumerate() {
            let Some(name) = public_item(line) else { continue };
            items += 1;
            let mut docs = lines[..i].iter().rev().take_while(|l| l.starts_with(['/', '#']));
            if !docs.any(|l| l.contains("```") || l.contains("doc(hidden)")) {
                without.push(format!("{}:{} {name}", file.display(), i + 1));
            }
        }
    }
    assert!(items > 200, "items found: {items}");
    assert!(without.is_empty(), "no example of their own: {without:#?}");
}
