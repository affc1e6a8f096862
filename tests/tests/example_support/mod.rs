//! The programs of package `examples`: where they are, and servers among them.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

pub(crate) const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The program, built with the profile of this test. Cargo gives a test the paths of its own package's
/// programs only, so the first call builds the others.
pub(crate) fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        // target/PROFILE/deps/examples-HASH; profile `dev` has its programs in `debug`.
        let this = std::env::current_exe().unwrap();
        let dir = this.ancestors().nth(2).unwrap();
        let profile = match dir.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            other => other,
        };
        let mut cargo = Command::new(env!("CARGO"));
        // What cargo tells this test of its package. Build scripts that look at it (ring's) would run anew.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|n| n.starts_with("CARGO_PKG_") || n.starts_with("CARGO_MANIFEST_"))
            {
                cargo.env_remove(name);
            }
        }
        let build = cargo
            .args(["build", "--package", "examples", "--bins", "--profile", profile, "--target-dir"])
            .arg(dir.parent().unwrap())
            .current_dir(WORKSPACE)
            .output()
            .unwrap();
        assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
        dir.to_owned()
    });
    built.join(name)
}

/// The program as a command that nothing in this test's environment disturbs, and that does not hang for
/// ever: past a minute its status is 124.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.arg("60").arg(program);
    undisturbed(&mut command);
    command
}

fn undisturbed(command: &mut Command) {
    for variable in ["GOMAXPROCS", "GODEBUG", "GORTDEBUG", "GOTRACEBACK", "GORT_STACK"] {
        command.env_remove(variable);
    }
}

#[allow(dead_code)]
pub(crate) fn example(name: &str) -> Command {
    command(program(name))
}

#[allow(dead_code)]
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[allow(dead_code)]
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs the command with nobody reading its output.
#[allow(dead_code)]
pub(crate) fn unread(command: &mut Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    child.wait_with_output().unwrap()
}

/// Reads some 200 KiB a second until the connection ends, in parts that make room for more several times a second, and
/// not more than `most` bytes.
#[track_caller]
#[allow(dead_code)]
pub(crate) fn read_slowly(mut stream: TcpStream, most: usize) {
    let (mut chunk, mut heard) = ([0; 4 << 10], 0);
    loop {
        match stream.read(&mut chunk) {
            Ok(n @ 1..) => heard += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Ok(0) => break,
            Err(e) => break assert_eq!(e.kind(), ErrorKind::ConnectionReset),
        }
        assert!(heard < most, "it is waited for");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A server among the examples, which listens. It is killed when this is dropped, and by SIGALRM after two
/// minutes.
#[allow(dead_code)]
pub(crate) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

#[allow(dead_code)]
impl Server {
    #[track_caller]
    pub(crate) fn start(name: &str, args: &[&str]) -> Self {
        Self::start_with(name, args, "2")
    }

    /// With GOMAXPROCS.
    #[track_caller]
    pub(crate) fn start_with(name: &str, args: &[&str], procs: &str) -> Self {
        let mut command = Command::new(program(name));
        undisturbed(&mut command);
        command.args(args).env("GOMAXPROCS", procs);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // SAFETY: `alarm` is async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                libc::alarm(120);
                Ok(())
            })
        };
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ").expect(&line).parse().unwrap();
        Self { child, stdout, address }
    }

    /// A connection on which a minute's silence is an error.
    #[track_caller]
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: plain numbers; the child has not been waited for, so the id is its own.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// From now on the server can open no file and no socket.
    pub(crate) fn use_up_descriptors(&self) {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: a limit is read, and none written.
        let done = unsafe {
            libc::prlimit(self.child.id() as i32, libc::RLIMIT_NOFILE, &none, std::ptr::null_mut())
        };
        assert_eq!(done, 0);
    }

    /// Waits for the end: status and standard error.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap(), err)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
