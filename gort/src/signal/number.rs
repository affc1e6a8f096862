//! Signals by number and by name.

use std::fmt;

use crate::sched::sigqueue::MAX_SIGNAL;

/// A signal of the system's.
///
/// ```
/// use gort::signal::Signal;
///
/// assert_eq!(format!("{:?}", Signal::SIGTERM), "SIGTERM");
/// assert_eq!(Signal::SIGTERM.to_string(), "terminated");
/// assert_eq!(Signal::SIGTERM.as_raw(), 15);
/// assert_eq!(Signal::from_raw(2), Some(Signal::SIGINT));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

macro_rules! signals {
    ($($name:ident $text:literal;)*) => {
        impl Signal {
            $(
                #[doc = concat!("`", stringify!($name), "`: ", $text, ".")]
                pub const $name: Signal = Signal(libc::$name);
            )*
        }

        /// Number, name, and what Go calls it.
        const NAMES: &[(i32, &str, &str)] = &[$((libc::$name, stringify!($name), $text),)*];
    };
}

signals! {
    SIGHUP "hangup";
    SIGINT "interrupt";
    SIGQUIT "quit";
    SIGILL "illegal instruction";
    SIGTRAP "trace/breakpoint trap";
    SIGABRT "aborted";
    SIGBUS "bus error";
    SIGFPE "floating point exception";
    SIGKILL "killed";
    SIGUSR1 "user defined signal 1";
    SIGSEGV "segmentation fault";
    SIGUSR2 "user defined signal 2";
    SIGPIPE "broken pipe";
    SIGALRM "alarm clock";
    SIGTERM "terminated";
    SIGSTKFLT "stack fault";
    SIGCHLD "child exited";
    SIGCONT "continued";
    SIGSTOP "stopped (signal)";
    SIGTSTP "stopped";
    SIGTTIN "stopped (tty input)";
    SIGTTOU "stopped (tty output)";
    SIGURG "urgent I/O condition";
    SIGXCPU "CPU time limit exceeded";
    SIGXFSZ "file size limit exceeded";
    SIGVTALRM "virtual timer expired";
    SIGPROF "profiling timer expired";
    SIGWINCH "window changed";
    SIGIO "I/O possible";
    SIGPWR "power failure";
    SIGSYS "bad system call";
}

impl Signal {
    /// The signal with this number, if there is one: 1 to 64.
    ///
    /// ```
    /// # use gort::signal::Signal;
    /// assert_eq!(Signal::from_raw(15), Some(Signal::SIGTERM));
    /// assert_eq!(format!("{:?}", Signal::from_raw(40).unwrap()), "signal 40");
    /// assert_eq!(Signal::from_raw(0), None);
    /// ```
    pub fn from_raw(number: i32) -> Option<Self> {
        (1..=MAX_SIGNAL).contains(&number).then_some(Self(number))
    }

    /// Its number.
    ///
    /// ```
    /// # use gort::signal::Signal;
    /// assert_eq!(Signal::SIGINT.as_raw(), 2);
    /// ```
    pub fn as_raw(self) -> i32 {
        self.0
    }

    /// Whether it can be asked for. Not: what no process can handle, faults of the program's own, and the C
    /// library's private signals.
    pub(super) fn is_deliverable(self) -> bool {
        const NOT: [Signal; 6] = [
            Signal::SIGKILL,
            Signal::SIGSTOP,
            Signal::SIGSEGV,
            Signal::SIGBUS,
            Signal::SIGFPE,
            Signal::SIGILL,
        ];
        !NOT.contains(&self) && !(32..libc::SIGRTMIN()).contains(&self.0)
    }

    pub(super) fn bit(self) -> u64 {
        1 << (self.0 - 1)
    }

    /// Those that are asked for when none is named.
    pub(super) fn deliverable() -> impl Iterator<Item = Signal> {
        (1..=MAX_SIGNAL).map(Signal).filter(|signal| signal.is_deliverable())
    }

    fn names(self) -> Option<(&'static str, &'static str)> {
        NAMES.iter().find(|(number, ..)| *number == self.0).map(|(_, name, text)| (*name, *text))
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names() {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names() {
            Some((_, text)) => f.write_str(text),
            None => write!(f, "signal {}", self.0),
        }
    }
}
