//! `md5sum DIR`: the MD5 of every regular file of a directory tree, as `md5sum` itself prints it, sorted
//! by name. Links are not followed; what cannot be read is told on standard error, and the status is 1.
//!
//! ```text
//! $ mkdir -p greetings/more
//! $ echo hello >greetings/en
//! $ echo salut >greetings/more/fr
//! $ cargo run --release -p examples --bin md5sum greetings
//! b1946ac92492d2347c6235b4d2611184  greetings/en
//! 6aba532a54c9eb9aa30496fa7f22734d  greetings/more/fr
//! ```
//!
//! It is the pipeline of Go's article "Pipelines and cancellation", three stages joined by two channels:
//!
//! ```text
//!            paths               sums
//!  walk ──────────────┬─▶ digest ──┬────▶ main: collects, sorts, prints
//!  one goroutine      ├─▶ digest ──┤
//!                     └─▶ digest ──┘  GOMAXPROCS of them
//! ```
//!
//! The channels are bounded, so the walker is never far ahead of the digesters, and as many files are open
//! as there are digesters; what grows with the tree is only the list that `main` sorts. The end travels
//! down the pipeline by itself: the walker returns and drops the only sender of `paths`, the digesters'
//! loops end, they drop the last senders of `sums`, and the loop in `main` ends.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gort::channel::{Receiver, Sender, bounded};
use gort::go;
use indicatif::{ProgressBar, ProgressStyle};
use md5::{Digest, Md5};
use walkdir::WalkDir;

type Sum = (PathBuf, io::Result<u128>);

#[gort::main]
fn main() -> ExitCode {
    let dir = examples::arguments("md5sum DIR", |args| match args {
        [dir] => Some(dir.clone()),
        _ => None,
    });
    // Drawn only if standard error is a terminal.
    let style = ProgressStyle::with_template("{spinner} {bytes} digested, {bytes_per_sec}");
    let progress = ProgressBar::no_length().with_style(style.expect("a template that indicatif knows"));

    let (paths, found) = bounded(64);
    let (sums, digested) = bounded(64);
    go!(walk(dir, paths, sums.clone()));
    for _ in 0..gort::gomaxprocs(0) {
        go!(digest(found.clone(), sums.clone(), progress.clone()));
    }
    drop(sums); // ours: the loop below ends when the last goroutine has dropped its own

    let (mut lines, mut status) = (BTreeMap::new(), ExitCode::SUCCESS);
    for (path, sum) in digested {
        match sum {
            Ok(sum) => drop(lines.insert(escape(&path), sum)),
            Err(e) => {
                let _ = progress.suspend(|| writeln!(io::stderr(), "md5sum: {}: {e}", path.display()));
                status = ExitCode::FAILURE;
            }
        }
    }
    progress.finish_and_clear();
    // A reader that has seen enough (`| head`) is no failure.
    if let Err(e) = print(&lines)
        && e.kind() != io::ErrorKind::BrokenPipe
    {
        let _ = writeln!(io::stderr(), "md5sum: write error: {e}");
        status = ExitCode::FAILURE;
    }
    status
}

/// First stage: sends the path of every regular file at or below `root`.
fn walk(root: OsString, paths: Sender<PathBuf>, sums: Sender<Sum>) {
    for entry in WalkDir::new(root).follow_root_links(false) {
        match entry {
            Ok(entry) if entry.file_type().is_file() => paths.send(entry.into_path()).unwrap(),
            Ok(_) => {}
            Err(e) => {
                let path = e.path().map(Path::to_owned).unwrap_or_default();
                sums.send((path, Err(e.into_io_error().expect("no links, no loops")))).unwrap();
            }
        }
    }
}

/// Second stage: digests files until there are no more.
fn digest(paths: Receiver<PathBuf>, sums: Sender<Sum>, progress: ProgressBar) {
    for path in paths {
        let sum = md5(&path, &progress);
        sums.send((path, sum)).unwrap();
    }
}

fn md5(path: &Path, progress: &ProgressBar) -> io::Result<u128> {
    let (mut file, mut md5, mut chunk) = (File::open(path)?, Md5::new(), vec![0; 64 << 10]);
    while let n @ 1.. = file.read(&mut chunk)? {
        md5.update(&chunk[..n]);
        progress.inc(n as u64);
    }
    Ok(u128::from_be_bytes(md5.finalize().into()))
}

/// The name as md5sum prints it: on one line, whatever is in it.
fn escape(path: &Path) -> Vec<u8> {
    let escaped = |&byte: &u8| match byte {
        b'\\' => br"\\".to_vec(),
        b'\n' => br"\n".to_vec(),
        b'\r' => br"\r".to_vec(),
        _ => vec![byte],
    };
    path.as_os_str().as_bytes().iter().flat_map(escaped).collect()
}

/// Prints the lines; that of an escaped name begins with a backslash.
fn print(lines: &BTreeMap<Vec<u8>, u128>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for (name, sum) in lines {
        let mark = if name.contains(&b'\\') { "\\" } else { "" };
        write!(out, "{mark}{sum:032x}  ")?;
        out.write_all(&[name, &b"\n"[..]].concat())?;
    }
    out.flush()
}
