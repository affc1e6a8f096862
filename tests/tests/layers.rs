//! The house's layers as a table: which module of gort may name which. Calls go only downward, and
//! siblings stay apart unless the table says otherwise.
//!
//! Go: go/build/deps_test.go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Module, and the modules it may name beside itself. What stands on the right stands above as well.
const ALLOWED: &[(&str, &[&str])] = &[
    // L0 ground
    ("primitive", &[]),
    ("sys", &[]),
    // Names the M and the pseudo goroutine in its docs; the words are plain numbers to it.
    ("tls", &[]),
    // L1 parts
    ("gobuf", &[]),
    ("rand", &["sys"]),
    ("note", &["sys"]),
    ("lock", &["primitive", "sys"]),
    ("contention", &["primitive", "sys"]),
    ("biased_lock", &["primitive", "contention", "lock", "sys"]),
    // Docs name the claim on the status word.
    ("runq", &["primitive"]),
    ("global_runq", &["primitive", "lock", "runq"]),
    ("stack", &["lock", "sys"]),
    // L2: knows nothing of the scheduler.
    ("g", &["primitive", "sys", "lock", "biased_lock", "gobuf", "runq", "stack"]),
    // L3: returns runnable goroutines, never calls the scheduler.
    ("netpoll", &["primitive", "sys", "g"]),
    // A deadline of a socket's is an entry of a heap.
    ("timer", &["sys", "lock", "g", "netpoll"]),
    // L4
    (
        "sched",
        &[
            "primitive",
            "sys",
            "tls",
            "gobuf",
            "rand",
            "note",
            "lock",
            "biased_lock",
            "contention",
            "runq",
            "global_runq",
            "stack",
            "g",
            "netpoll",
            "timer",
        ],
    ),
    // In the place of `sched` and `sys` under loom.
    ("model", &["primitive", "sys", "lock", "biased_lock", "g", "netpoll", "sched"]),
    // L5
    ("parker", &["primitive", "g", "sched"]),
    ("wait", &["primitive", "sys", "lock", "g", "sched"]),
    // L6: above L4 only park, ready and who is current are used, but for starting goroutines.
    ("goroutine", &["sys", "g", "sched", "parker"]),
    ("spawn", &["stack", "g", "sched", "goroutine"]),
    ("scope", &["g", "sched", "goroutine", "spawn", "wait"]),
    ("local", &["g", "sched"]),
    ("runtime", &["sched", "goroutine", "spawn"]),
    ("block_on", &["g", "sched", "wait"]),
    ("channel", &["primitive", "sys", "biased_lock", "g", "sched", "wait"]),
    ("sync", &["primitive", "sys", "lock", "g", "sched", "wait", "goroutine", "channel"]),
    ("time", &["primitive", "sys", "timer", "sched", "goroutine", "channel"]),
    ("context", &["sys", "sched", "channel", "sync", "time"]),
    ("signal", &["sched", "channel", "context"]),
    // Look-ups share a semaphore.
    ("net", &["primitive", "sys", "g", "netpoll", "timer", "sched", "wait", "sync"]),
    ("start", &["sched", "channel"]),
    ("__rt", &["sched", "runtime", "spawn", "channel"]),
];

fn source_files(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// Modules of the crate that a file's code names by `crate::`; re-exports at the root count as their
/// module.
fn named(text: &str) -> BTreeSet<String> {
    const ROOT: &[(&str, &str)] = &[
        ("run", "spawn"),
        ("panicking", "goroutine"),
        ("go", "start"),
        ("LocalKey", "local"),
        ("select", "channel"),
    ];
    let mut names = BTreeSet::new();
    // Tests of a module may use what they like.
    let code = text.split("#[cfg(all(test").next().unwrap().split("#[cfg(test)]").next().unwrap();
    for line in code.lines() {
        let line = line.split("//").next().unwrap();
        for (i, _) in line.match_indices("crate::") {
            if line[..i].ends_with('$') {
                continue;
            }
            let rest = &line[i + "crate::".len()..];
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let name = ROOT.iter().find(|(n, _)| *n == name).map_or(name, |(_, m)| (*m).to_string());
            names.insert(name);
        }
    }
    names.remove("");
    names
}

#[test]
fn calls_go_downward() {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let order: Vec<_> = ALLOWED.iter().map(|(m, _)| *m).collect();
    for (i, (module, uses)) in ALLOWED.iter().enumerate() {
        for used in *uses {
            let j = order.iter().position(|m| m == used).expect("a module of the table");
            assert!(j < i, "{module} may not use {used}: it stands below");
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gort/src");
    let mut files = Vec::new();
    source_files(&src, &mut files);
    assert!(files.len() > 30, "sources found");
    for file in files {
        let path = file.strip_prefix(&src).unwrap();
        let module = path.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let may = allowed.get(module).unwrap_or_else(|| panic!("{module} is not in the table"));
        for name in named(&fs::read_to_string(&file).unwrap()) {
            assert!(
                name == module || may.contains(&name.as_str()),
                "{} names crate::{name}, which {module} may not use",
                path.display()
            );
        }
    }
}

#[test]
fn files_hold_one_idea() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gort/src");
    let mut files = Vec::new();
    source_files(&src, &mut files);
    for file in files {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 500, "{} has {lines} lines", file.display());
    }
}

/// On other platforms the crate is one error that says so. A module that was compiled there all the same, without those
/// that it needs, had hidden it among its own.
#[test]
fn bug_a_module_was_compiled_on_unsupported_platforms() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../gort/src/lib.rs")).unwrap();
    let mut attributes = String::new();
    let mut modules = 0;
    for line in text.lines() {
        if line.starts_with("#[") {
            attributes += line;
            continue;
        }
        if let Some(name) =
            line.trim_start_matches("pub ").strip_prefix("mod ").and_then(|l| l.strip_suffix(';'))
        {
            modules += 1;
            let gated = ["gort_runtime", "cfg(loom)", "cfg(all(test, loom))"];
            assert!(gated.iter().any(|cfg| attributes.contains(cfg)), "{name} is compiled everywhere");
        }
        attributes.clear();
    }
    assert!(modules > 30, "{modules}");
}
