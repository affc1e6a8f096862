//! Signals and whole processes: what they do when nobody has asked, who gets them, and what they do
//! afterwards.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

const PROCS: [&str; 4] = ["1", "2", "3", "8"];

struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

/// A program that is killed after a minute, which then shows as SIGALRM. Its signals are as by default, whatever this
/// test's are: it may have been started by `nohup`, or in the background of a script.
fn command(args: &[&str], procs: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prog_signal"));
    command.args(args).env("GOMAXPROCS", procs).stdout(Stdio::piped()).stderr(Stdio::piped());
    // SAFETY: the calls are async-signal-safe. The alarm's default is to end the process.
    unsafe {
        command.pre_exec(|| {
            for signal in 1..32 {
                // Fails for SIGKILL and SIGSTOP, which nobody can change.
                libc::signal(signal, libc::SIG_DFL);
            }
            libc::alarm(60);
            Ok(())
        })
    };
    command
}

/// Has the child begin with `signal` blocked, or ignored.
fn begin_with(command: &mut Command, signal: i32, blocked: bool) {
    // SAFETY: the calls are async-signal-safe; the set is initialised before use.
    unsafe {
        command.pre_exec(move || {
            if blocked {
                let mut set = std::mem::zeroed();
                libc::sigemptyset(&mut set);
                libc::sigaddset(&mut set, signal);
                libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
                libc::kill(libc::getpid(), signal);
            } else {
                libc::signal(signal, libc::SIG_IGN);
            }
            Ok(())
        })
    };
}

impl Program {
    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Waits until every thread of the process sleeps.
    fn asleep(&mut self) {
        let dir = format!("/proc/{}/task", self.child.id());
        let sleeps = |stat: &str| stat.rsplit(')').next().unwrap().trim_start().starts_with('S');
        loop {
            let all = std::fs::read_dir(&dir).unwrap().all(|task| {
                std::fs::read_to_string(task.unwrap().path().join("stat")).is_ok_and(|stat| sleeps(&stat))
            });
            if all {
                return;
            }
            std::thread::yield_now();
        }
    }

    fn kill(&mut self, signal: i32) {
        // SAFETY: plain numbers; the child has not been waited for, so the id is its own.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
    }

    /// How it ended, and the rest of both outputs.
    fn end(mut self) -> (ExitStatus, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.stdout.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap(), out, err)
    }

    #[track_caller]
    fn ended_well(self) -> String {
        let (status, out, err) = self.end();
        assert_eq!((status.code(), err.as_str()), (Some(0), ""), "{status:?}");
        out
    }

    #[track_caller]
    fn ended_by(self, signal: i32) {
        let (status, out, err) = self.end();
        assert_eq!((status.signal(), out.as_str(), err.as_str()), (Some(signal), "", ""), "{status:?}");
    }
}

#[test]
fn a_signal_that_nobody_has_asked_for() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1] {
        let mut program = Program::start(&mut command(&["nothing_asked"], "2"));
        assert_eq!(program.line(), "ready");
        program.kill(signal);
        program.ended_by(signal);
    }
}

/// Every goroutine waits and every thread sleeps: no deadlock, a signal may come.
#[test]
fn waiting_for_a_signal_is_no_deadlock() {
    for procs in PROCS {
        let mut program =
            Program::start(&mut command(&["waits", "SIGTERM", "SIGQUIT", "SIGPIPE", "SIGCHLD"], procs));
        assert_eq!(program.line(), "ready");
        for (signal, name) in [
            (libc::SIGTERM, "SIGTERM"),
            (libc::SIGQUIT, "SIGQUIT"),
            (libc::SIGPIPE, "SIGPIPE"),
            (libc::SIGCHLD, "SIGCHLD"),
        ] {
            program.asleep();
            program.kill(signal);
            assert_eq!(program.line(), name);
        }
        assert_eq!(program.ended_well(), "");
    }
}

#[test]
fn a_deadlock_after_the_last_stop() {
    for procs in PROCS {
        let (status, _, err) = Program::start(&mut command(&["deadlock_after_stop"], procs)).end();
        assert_eq!(status.code(), Some(2), "{err}");
        assert!(err.starts_with("fatal error: all goroutines are asleep - deadlock!"), "{err}");
    }
}

#[test]
fn a_signal_among_goroutines_that_compute() {
    for procs in PROCS {
        let mut program = Program::start(&mut command(&["among_hogs"], procs));
        assert_eq!(program.line(), "ready");
        program.kill(libc::SIGTERM);
        assert_eq!(program.ended_well(), "SIGTERM\n");
    }
}

#[test]
fn after_stop_a_signal_does_what_it_did_before() {
    let mut program = Program::start(&mut command(&["stopped", "SIGHUP"], "2"));
    assert_eq!(program.line(), "ready");
    program.ended_by(libc::SIGHUP);
    // Ignored by the kernel.
    let mut program = Program::start(&mut command(&["stopped", "SIGCHLD"], "2"));
    assert_eq!(program.line(), "ready");
    assert_eq!(program.ended_well(), "still here\n");
    // Ignored by whoever has started it.
    let mut nohup = command(&["stopped", "SIGHUP"], "2");
    begin_with(&mut nohup, libc::SIGHUP, false);
    let mut program = Program::start(&mut nohup);
    assert_eq!(program.line(), "ready");
    assert_eq!(program.ended_well(), "still here\n");
}

#[test]
fn a_signal_blocked_at_the_start_is_let_in_while_asked_for() {
    for procs in PROCS {
        let mut blocked = command(&["stopped_blocked"], procs);
        begin_with(&mut blocked, libc::SIGUSR1, true);
        assert_eq!(Program::start(&mut blocked).ended_well(), "still here\n");
    }
}

#[test]
fn reset_undoes_notify_and_ignore() {
    let mut program = Program::start(&mut command(&["reset", "SIGINT"], "2"));
    assert_eq!(program.line(), "ready");
    program.ended_by(libc::SIGINT);
}

#[test]
fn a_signal_that_meets_stop_is_not_lost() {
    let (mut received, mut killed) = (0, 0);
    for i in 0..40 {
        let (status, out, err) =
            Program::start(&mut command(&["while_stopping"], PROCS[i % PROCS.len()])).end();
        match status.signal() {
            None => {
                assert_eq!((status.code(), out.as_str(), err.as_str()), (Some(0), "received\n", ""));
                received += 1;
            }
            Some(signal) => {
                assert_eq!(signal, libc::SIGTERM, "{out}{err}");
                killed += 1;
            }
        }
    }
    println!("{received} received, {killed} killed");
}

#[test]
fn the_second_interrupt_ends_at_once() {
    for procs in PROCS {
        let mut program = Program::start(&mut command(&["two_interrupts"], procs));
        assert_eq!(program.line(), "ready");
        program.asleep();
        program.kill(libc::SIGINT);
        assert_eq!(program.line(), "interrupt signal received");
        program.kill(libc::SIGINT);
        program.ended_by(libc::SIGINT);
    }
}

#[test]
fn a_storm_of_signals() {
    let sum = (2000 * 40).to_string() + "\n";
    for procs in PROCS {
        assert_eq!(Program::start(&mut command(&["storm"], procs)).ended_well(), sum);
    }
}

/// std's signal stack of the first thread is unmapped by `exit`, on whichever thread that is called.
#[test]
fn bug_a_signal_at_the_end_found_no_stack() {
    for i in 0..20 {
        let (status, out, err) =
            Program::start(&mut command(&["exit_in_a_storm"], PROCS[i % PROCS.len()])).end();
        assert_eq!((status.code(), out.as_str(), err.as_str()), (Some(7), "", ""), "{status:?}");
    }
}
