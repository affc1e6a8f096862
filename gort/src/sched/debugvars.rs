//! `GODEBUG` and its kin. `GORTDEBUG` wins, for programs that start Go children; an unknown knob is
//! ignored, as in Go.
//!
//! Go: runtime1.go `parsedebugvars`.

use std::fmt;
use std::sync::OnceLock;

/// The knobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DebugVars {
    /// Milliseconds between two lines of the scheduler's state, 0 for none.
    pub(crate) schedtrace: u64,
    /// Whether those lines are followed by one for each P, M and G.
    pub(crate) scheddetail: bool,
    /// How many ancestors a traceback shows.
    pub(crate) tracebackancestors: u32,
    /// Whether boot tells its steps.
    pub(crate) inittrace: bool,
    /// Guard pages by `mprotect` even where the kernel has better.
    pub(crate) noguardinstall: bool,
    /// Waits for sockets in whole milliseconds even where the kernel has better.
    pub(crate) noepollpwait2: bool,
    /// Full fences at every entry of the runtime even where the kernel has `membarrier`.
    pub(crate) nomembarrier: bool,
}

impl fmt::Display for DebugVars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "schedtrace={} scheddetail={} tracebackancestors={} inittrace={}",
            self.schedtrace,
            u8::from(self.scheddetail),
            self.tracebackancestors,
            u8::from(self.inittrace)
        )
    }
}

impl DebugVars {
    fn parse(&mut self, text: &str) {
        for (key, value) in text.split(',').filter_map(|knob| knob.split_once('=')) {
            // Go: a value that is no number leaves the knob alone.
            let Ok(n) = value.parse::<i32>() else { continue };
            let n = n.max(0) as u32;
            match key {
                "schedtrace" => self.schedtrace = u64::from(n),
                "scheddetail" => self.scheddetail = n > 0,
                "tracebackancestors" => self.tracebackancestors = n,
                "inittrace" => self.inittrace = n > 0,
                "nomembarrier" => self.nomembarrier = n > 0,
                "noepollpwait2" => self.noepollpwait2 = n > 0,
                "noguardinstall" => self.noguardinstall = n > 0,
                _ => {}
            }
        }
    }

    /// The knobs of the environment.
    pub(crate) fn from_env() -> Self {
        let mut vars = Self::default();
        for name in ["GODEBUG", "GORTDEBUG"] {
            if let Some(text) = std::env::var_os(name).as_deref().and_then(|v| v.to_str()) {
                vars.parse(text);
            }
        }
        vars
    }
}

/// The knobs, read once.
pub(crate) fn get() -> &'static DebugVars {
    static VARS: OnceLock<DebugVars> = OnceLock::new();
    VARS.get_or_init(DebugVars::from_env)
}

/// How much a traceback shows. Go: `GOTRACEBACK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) enum TracebackLevel {
    None,
    Single,
    All,
    System,
}

/// `GOTRACEBACK` as Go reads it: how much is shown, and whether the process ends by SIGABRT. A number asks for all
/// goroutines, from 2 on with the runtime's frames; what is neither a word nor a number is 0.
///
/// Go: runtime1.go `setTraceback`.
fn parse_traceback(text: &str) -> (TracebackLevel, bool) {
    let level = match text {
        "none" => TracebackLevel::None,
        "" | "single" => TracebackLevel::Single,
        "all" => TracebackLevel::All,
        "system" | "crash" => TracebackLevel::System,
        // Go keeps 30 bits of what fits 32.
        number => match number.parse::<i64>().ok().and_then(|n| u32::try_from(n).ok()).map(|n| n << 2 >> 2) {
            None | Some(0) => TracebackLevel::None,
            Some(1) => TracebackLevel::All,
            Some(_) => TracebackLevel::System,
        },
    };
    (level, text == "crash")
}

/// `GOTRACEBACK`, read once.
fn traceback() -> (TracebackLevel, bool) {
    static LEVEL: OnceLock<(TracebackLevel, bool)> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        parse_traceback(&std::env::var_os("GOTRACEBACK").unwrap_or_default().to_string_lossy())
    })
}

/// How much a traceback shows. Read at boot first: a handler may ask.
pub(crate) fn traceback_level() -> TracebackLevel {
    traceback().0
}

/// Whether a report ends in a core dump.
pub(crate) fn crash() -> bool {
    traceback().1
}

/// `GOMAXPROCS` as Go reads it: a positive decimal number that fits 32 bits, or nothing.
///
/// Go: string.go `atoi32`.
pub(crate) fn parse_gomaxprocs(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse::<i32>().ok().filter(|&n| n > 0).map(|n| n as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gomaxprocs_as_go_reads_it() {
        let check = |text: &str, expected: Option<u32>| {
            assert_eq!(parse_gomaxprocs(text), expected, "{text:?}");
        };
        check("1", Some(1));
        check("64", Some(64));
        check("007", Some(7));
        check("2147483647", Some(2_147_483_647));
        check("2147483648", None);
        check("0", None);
        check("-1", None);
        check("-", None);
        check("+4", None);
        check(" 4", None);
        check("4 ", None);
        check("4x", None);
        check("0x4", None);
        check("", None);
        check("four", None);
    }

    /// What Go 1.27 does with each, tried out with a panic beside other goroutines.
    #[test]
    fn gotraceback_as_go_reads_it() {
        let check = |text: &str, level: TracebackLevel, crash: bool| {
            assert_eq!(parse_traceback(text), (level, crash), "{text:?}");
        };
        check("none", TracebackLevel::None, false);
        check("", TracebackLevel::Single, false);
        check("single", TracebackLevel::Single, false);
        check("all", TracebackLevel::All, false);
        check("system", TracebackLevel::System, false);
        check("crash", TracebackLevel::System, true);
        for all in ["1", "+1", "01", "1073741825"] {
            check(all, TracebackLevel::All, false);
        }
        for system in ["2", "3", "07", "4294967295"] {
            check(system, TracebackLevel::System, false);
        }
        for none in ["0", "-0", "1073741824"] {
            check(none, TracebackLevel::None, false);
        }
        // Windows' alone, no words of Go's, and no numbers that fit.
        for none in ["wer", "nonsense", "ALL", " 1", "1.5", "0x1", "-1", "4294967296", "99999999999999999999"]
        {
            check(none, TracebackLevel::None, false);
        }
    }

    #[test]
    fn knobs() {
        let check = |text: &str, expected: DebugVars| {
            let mut vars = DebugVars::default();
            vars.parse(text);
            assert_eq!(vars, expected, "{text:?}");
        };
        check("", DebugVars::default());
        check("nonsense,unknown=1", DebugVars::default());
        check("schedtrace=x", DebugVars::default());
        check(
            "schedtrace=100,scheddetail=1,gctrace=1,inittrace=1",
            DebugVars { schedtrace: 100, scheddetail: true, inittrace: true, ..DebugVars::default() },
        );
        check("inittrace=1,inittrace=0", DebugVars::default());
    }
}
