//! The programs of package `examples`, run as a newcomer runs them: what they print, their exit status,
//! and that their documentation shows what they print.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

#[path = "example_support/mod.rs"]
mod example_support;

use example_support::{WORKSPACE, command, example, program, stderr, stdout, unread};

/// The standard output of a run without errors.
#[track_caller]
fn printed(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{command:?}");
    output.stdout
}

/// Follows the session in a program's documentation, in an empty directory, and compares what the program
/// prints with what is shown.
#[track_caller]
fn check_documentation(name: &str) {
    let source = fs::read_to_string(format!("{WORKSPACE}/examples/src/bin/{name}.rs")).unwrap();
    let session = source.split("//! ```text\n").nth(1).and_then(|rest| rest.split("//! ```").next()).unwrap();
    let dir = TempDir::new().unwrap();
    let (mut shown, mut real) = (String::new(), Vec::new());
    for line in session.lines() {
        let line = line.strip_prefix("//! ").unwrap();
        let Some(typed) = line.strip_prefix("$ ") else {
            shown.push_str(line);
            shown.push('\n');
            continue;
        };
        let cargo = format!("cargo run --release -p examples --bin {name}");
        real.extend(match typed.strip_prefix(&cargo) {
            Some(args) => printed(example(name).args(args.split_whitespace()).current_dir(&dir)),
            None => printed(command("sh").args(["-c", typed]).current_dir(&dir)),
        });
    }
    assert_eq!(shown, String::from_utf8_lossy(&real), "the documentation of {name}");
}

#[test]
fn documentation_shows_what_is_printed() {
    // Not `boot`: its times differ from run to run.
    for name in ["hello", "sieve", "md5sum"] {
        check_documentation(name);
    }
}

#[test]
fn hello() {
    for procs in ["1", "2", "8"] {
        let text = printed(example("hello").env("GOMAXPROCS", procs));
        assert_eq!(String::from_utf8_lossy(&text), "hello from goroutine 1\n0\n1\n2\n");
    }
}

#[test]
fn sieve_prints_primes() {
    let mut composite = vec![false; 2000];
    let mut primes = Vec::new();
    for n in 2..composite.len() {
        if !composite[n] {
            primes.push(n.to_string());
            (n * n..composite.len()).step_by(n).for_each(|multiple| composite[multiple] = true);
        }
    }
    let check = |args: &[&str], procs: &str, n: usize| {
        let text = printed(example("sieve").args(args).env("GOMAXPROCS", procs));
        let lines: Vec<String> = String::from_utf8_lossy(&text).lines().map(str::to_owned).collect();
        assert_eq!(lines, primes[..n], "{args:?}, GOMAXPROCS={procs}");
    };
    for procs in ["1", "2", "8"] {
        check(&[], procs, 25);
        check(&["0"], procs, 0);
        check(&["1"], procs, 1);
        check(&["300"], procs, 300);
    }
}

#[test]
fn usage_is_told_by_all_alike() {
    let check = |usage: &str, wrong: &[&[&str]]| {
        let name = usage.split(' ').next().unwrap();
        let run = |args: &[&str]| {
            let output = example(name).args(args).output().unwrap();
            (output.status.code(), stdout(&output), stderr(&output))
        };
        let usage = format!("usage: {usage}\n");
        assert_eq!(run(&["--help"]), (Some(0), usage.clone(), String::new()));
        for args in wrong {
            assert_eq!(run(args), (Some(2), String::new(), usage.clone()), "{name} {args:?}");
        }
    };
    let (at, any) = ("127.0.0.1:0", "::1:0");
    check("boot", &[&["x"]]);
    check("sieve [N]", &[&["many"], &["-1"], &[""], &["99999999999"], &["1", "2"]]);
    check("md5sum DIR", &[&[], &["a", "b"]]);
    let usage = "http_server [ADDRESS [CONNECTIONS [SECONDS]]]";
    check(usage, &[&["nowhere"], &["-p"], &[at, "0"], &[at, "many"], &[at, "1", "0"], &[at, "1", "2", "3"]]);
    let usage = "fetch [-c CONCURRENCY] [-t SECONDS] [URL…]";
    check(usage, &[&["-c"], &["-c", "0"], &["-t", "0"], &["-t", "-1"], &["-t", "NaN"], &["-x"]]);
    let usage = "tcp_proxy ADDRESS UPSTREAM [SECONDS]";
    check(usage, &[&[], &[at], &[at, "nowhere"], &["nowhere", at], &[at, at, "0"], &[at, any, "1", "2"]]);
    check("tls_echo ADDRESS CERTIFICATE", &[&[], &[at], &["127.0.0.1:http", "file"], &[":0", "file"]]);
    check("ws_chat ADDRESS [SECONDS]", &[&[], &["127.0.0.1:65536"], &[at, "-1"], &[at, "1", "2"]]);
    check("resp_server [ADDRESS [SECONDS]]", &[&["-p"], &[at, "0"], &[at, "1", "2"]]);
}

#[test]
fn boot_walks_the_seed() {
    const STEPS: [&str; 19] = [
        "rt0",
        "settls",
        "check",
        "args",
        "osinit",
        "schedinit",
        "tracebackinit",
        "stackinit",
        "mallocinit",
        "mcommoninit",
        "initSigmask",
        "goenvs",
        "parsedebugvars",
        "procresize",
        "nocounterpart",
        "newproc",
        "mstart",
        "sysmon",
        "main",
    ];
    let output = example("boot").env("GOMAXPROCS", "3").env("GODEBUG", "inittrace=1").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    assert!(text.starts_with("gort ") && text.contains(" booted in 19 steps and "), "{text}");
    // A step begins at the margin; what it set is indented below.
    let steps: Vec<&str> = text.lines().skip(1).filter(|line| !line.starts_with(' ')).collect();
    let first_word = |line: &str| line.split_whitespace().next().unwrap().to_owned();
    assert_eq!(steps.iter().map(|line| first_word(line)).collect::<Vec<_>>(), STEPS);
    for line in steps {
        assert!(line.contains(" µs  ") && line.ends_with('.'), "took how long, and what for? {line}");
    }
    assert!(text.contains("gomaxprocs=3 by GOMAXPROCS\n"), "{text}");
    let traced = stderr(&output);
    let traced: Vec<String> = traced.lines().map(|line| first_word(&line["init".len()..])).collect();
    assert_eq!(traced, STEPS, "GODEBUG=inittrace=1");
}

/// What the system's own `md5sum` says, sorted by name.
fn system_md5sum() -> Command {
    let mut sh = command("sh");
    sh.args(["-c", r#"find "$1" -type f -exec md5sum {} + | LC_ALL=C sort -k2"#, "sh"]);
    sh
}

fn write(path: impl AsRef<Path>, content: &[u8]) {
    File::create(path).unwrap().write_all(content).unwrap();
}

/// A tree with every kind of file and name that is to be met, in a directory called `tree`.
fn tree() -> TempDir {
    let dir = TempDir::new().unwrap();
    let root = dir.path().join("tree");
    fs::create_dir_all(root.join("nested/empty")).unwrap();
    write(root.join("empty"), b"");
    let large: Vec<u8> =
        (0..(3 << 20) + 12345_u32).map(|i| (i.wrapping_mul(2654435761) >> 24) as u8).collect();
    write(root.join("large"), &large);
    write(root.join("one chunk"), &large[..64 << 10]);
    let names: [&[u8]; 12] = [
        b"  spaces at  both ends ",
        b"back\\slash",
        b"\\",
        b"back\\nslash-n",
        b"new\nline",
        b"carriage\rreturn",
        b"tab\tquote'\"star*",
        b"\xff\xfe not UTF-8 \x80",
        "größer".as_bytes(),
        b"-n",
        b".hidden",
        b"nested.", // sorts between `nested` and what is in it
    ];
    for name in names {
        let name = OsString::from_vec(name.to_vec());
        write(root.join(&name), name.as_encoded_bytes());
        let inner = root.join("nested").join(&name).join("inner");
        fs::create_dir_all(&inner).unwrap();
        write(inner.join(&name), b"inner");
    }
    // More than the channels hold, and deeper than a recursive walk would like.
    for i in 0..300 {
        write(root.join(format!("nested/{i}")), i.to_string().as_bytes());
    }
    let deep = root.join("deep").join("d/".repeat(500));
    fs::create_dir_all(&deep).unwrap();
    write(deep.join("bottom"), b"bottom");
    symlink("large", root.join("link to file")).unwrap();
    symlink("nested", root.join("link to directory")).unwrap();
    symlink("..", root.join("nested/loop")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    drop(UnixListener::bind(root.join("socket")).unwrap());
    printed(command("mkfifo").arg(root.join("fifo")));
    dir
}

#[test]
fn md5sum_equals_the_systems() {
    let dir = tree();
    let absolute = dir.path().join("tree");
    for root in ["tree", "tree/", "tree//", ".", "./tree/nested", "tree/large", absolute.to_str().unwrap()] {
        let expected = printed(system_md5sum().arg(root).current_dir(&dir));
        assert!(!expected.is_empty());
        for procs in ["1", "2", "8"] {
            let ours = printed(example("md5sum").arg(root).env("GOMAXPROCS", procs).current_dir(&dir));
            let (ours, expected) = (ours.escape_ascii().to_string(), expected.escape_ascii().to_string());
            assert_eq!(ours, expected, "{root}, GOMAXPROCS={procs}");
        }
    }
    // As `find` has it, a link is nothing, and a slash after it means the directory.
    assert_eq!(printed(example("md5sum").arg("tree/link to directory").current_dir(&dir)), b"");
    let behind = "tree/link to directory/";
    let expected = printed(system_md5sum().arg(behind).current_dir(&dir));
    assert!(printed(example("md5sum").arg(behind).current_dir(&dir)) == expected);
}

#[test]
fn md5sum_of_an_empty_directory_is_nothing() {
    assert_eq!(printed(example("md5sum").arg(TempDir::new().unwrap().path())), b"");
}

#[test]
fn md5sum_goes_on_after_what_it_cannot_read() {
    let dir = TempDir::new().unwrap();
    let set_mode = |path: &str, mode| {
        fs::set_permissions(dir.path().join(path), Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir_all(dir.path().join("tree/closed")).unwrap();
    for file in ["tree/a", "tree/b\\", "tree/closed/inner", "tree/shut", "tree/z"] {
        write(dir.path().join(file), file.as_bytes());
        set_mode(file, 0o644);
    }
    set_mode("", 0o755);
    set_mode("tree", 0o755);
    set_mode("tree/shut", 0);
    set_mode("tree/closed", 0);
    fs::copy(program("md5sum"), dir.path().join("md5sum")).unwrap();

    // Nothing is shut to root, who therefore runs the programs as nobody.
    let root = File::open(dir.path().join("tree/shut")).is_ok();
    let as_nobody = |mut command: Command| {
        if root {
            command.uid(65534).gid(65534);
        }
        command.arg("tree").current_dir(&dir).output().unwrap()
    };
    let expected = as_nobody(system_md5sum());
    assert_eq!(expected.stdout.iter().filter(|&&b| b == b'\n').count(), 3, "{expected:?}");
    for procs in ["1", "2", "8"] {
        let mut ours = command(dir.path().join("md5sum"));
        ours.env("GOMAXPROCS", procs);
        let ours = as_nobody(ours);
        assert_eq!(stdout(&ours), stdout(&expected));
        let errors = stderr(&ours);
        let mut errors: Vec<&str> = errors.lines().collect();
        errors.sort_unstable();
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors[0].starts_with("md5sum: tree/closed: Permission denied"), "{errors:?}");
        assert!(errors[1].starts_with("md5sum: tree/shut: Permission denied"), "{errors:?}");
        assert_eq!(ours.status.code(), Some(1));
    }
    set_mode("tree/closed", 0o755); // so that it can be removed
}

#[test]
fn md5sum_reports_and_exits() {
    let check = |args: &[&str], status, expected: &str| {
        let output = example("md5sum").args(args).output().unwrap();
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(status), ""), "{args:?}");
        let error = stderr(&output);
        assert!(error.starts_with(expected) && error.lines().count() == 1, "{args:?}: {error}");
    };
    check(&[""], 1, "md5sum: : No such file or directory");
    check(&["/nowhere/at/all"], 1, "md5sum: /nowhere/at/all: No such file or directory");
    // It opens, but its first page is not there to be read.
    check(&["/proc/self/mem"], 1, "md5sum: /proc/self/mem: Input/output error");
}

#[test]
fn md5sum_tells_a_full_disk() {
    let dir = tree();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = example("md5sum").arg("tree").current_dir(&dir).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("md5sum: write error: No space left"), "{}", stderr(&output));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let dir = tree();
    let md5sum = unread(example("md5sum").arg("tree").current_dir(&dir));
    assert_eq!((md5sum.status.code(), stderr(&md5sum).as_str()), (Some(0), ""));
    // So many primes would take for ever.
    let sieve = unread(example("sieve").arg(u32::MAX.to_string()));
    assert_eq!((sieve.status.code(), stderr(&sieve).as_str()), (Some(0), ""));
    let boot = unread(&mut example("boot"));
    assert_eq!((boot.status.code(), stderr(&boot).as_str()), (Some(0), ""));
}
