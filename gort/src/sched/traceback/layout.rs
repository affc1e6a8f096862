//! A goroutine in Go's layout.
//!
//! ```text
//!   goroutine 7 [chan receive, 3 minutes, locked to thread, "name"] {label: value}:
//!           waits for …                        where it is known
//!   function()
//!           file:line
//!   created by function in goroutine 1
//!           file:line
//!   [originating from goroutine 1]:            with tracebackancestors
//!   …
//! ```
//!
//! Go: traceback.go `goroutineheader`, `traceback2`, `printcreatedby`, `printAncestorTraceback`.

use std::fmt::Write as _;
use std::panic::Location;

use super::frames::Trace;
use super::symbol::Symbols;
use crate::g::extras::{Labels, Shown};
use crate::sched::debugvars::{TracebackLevel, traceback_level};

/// What a dump has found out about a goroutine.
pub(super) struct Found {
    pub(super) id: u64,
    /// Address of its descriptor, and the number of its M if it runs.
    pub(super) gp: usize,
    pub(super) m: Option<u32>,
    /// What stands between the brackets.
    pub(super) state: String,
    pub(super) shown: Shown,
    pub(super) trace: Result<Trace, Missing>,
    /// An address in the function that made it, and where; that function's goroutine, or 0.
    pub(super) made: Made,
    /// What it waits for.
    pub(super) waits: Option<String>,
}

/// Who made a goroutine. The main goroutine has no maker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Made {
    pub(super) pc: usize,
    pub(super) location: Option<&'static Location<'static>>,
    pub(super) parent: u64,
}

/// Why there are no frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Missing {
    /// Its thread has not answered.
    OtherThread,
    /// Too little of its stack is left to walk it.
    NoRoom,
}

impl Missing {
    fn text(self) -> &'static str {
        match self {
            Missing::OtherThread => "goroutine running on other thread; stack unavailable",
            Missing::NoRoom => "goroutine has too little stack left to be walked; stack unavailable",
        }
    }
}

/// Half a label, quoted if need be. Go: `tracebackStringNeedsQuoting`.
fn label(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '_');
    if text.chars().all(plain) { text.to_string() } else { format!("{text:?}") }
}

fn labels_of(labels: &Labels) -> String {
    let list: Vec<_> = labels.iter().map(|(k, v)| format!("{}: {}", label(k), label(v))).collect();
    format!(" {{{}}}", list.join(", "))
}

/// The first line after the id.
pub(super) fn heading(found: &Found) -> String {
    let mut text = format!("[{}", found.state);
    if let Some(name) = &found.shown.name {
        let _ = write!(text, ", {name:?}");
    }
    text.push(']');
    if let Some(labels) = found.shown.labels.as_ref().filter(|labels| !labels.is_empty()) {
        text.push_str(&labels_of(labels));
    }
    text
}

/// Puts texts together, with symbols looked up once.
#[derive(Default)]
pub(super) struct Layout {
    symbols: Symbols,
}

impl Layout {
    /// One goroutine.
    pub(super) fn goroutine(&mut self, found: &Found) -> String {
        let mut text = format!("goroutine {} ", found.id);
        if traceback_level() == TracebackLevel::System {
            let _ = write!(text, "gp={:#x} ", found.gp);
            let _ = match found.m {
                Some(m) => write!(text, "m={m} "),
                None => write!(text, "m=nil "),
            };
        }
        let _ = writeln!(text, "{}:", heading(found));
        if let Some(waits) = &found.waits {
            let _ = writeln!(text, "\twaits for {waits}");
        }
        match &found.trace {
            Ok(trace) => self.trace(&mut text, trace),
            Err(missing) => {
                let _ = writeln!(text, "\t{}", missing.text());
            }
        }
        self.created_by(&mut text, found.id, found.made);
        for ancestor in found.shown.ancestors.iter().flat_map(|list| list.iter()) {
            let _ = writeln!(text, "[originating from goroutine {}]:", ancestor.goid);
            self.frames(&mut text, &ancestor.pcs);
            let made = Made { pc: ancestor.gopc, location: ancestor.location, parent: 0 };
            self.created_by(&mut text, ancestor.goid, made);
        }
        text
    }

    /// What is nobody's but the runtime's.
    pub(super) fn runtime_stack(&mut self, trace: &Trace) -> String {
        let mut text = String::from("runtime stack:\n");
        self.trace(&mut text, trace);
        text
    }

    fn trace(&mut self, text: &mut String, trace: &Trace) {
        let (inner, elided, outer) = trace.parts();
        self.frames(text, inner);
        if elided > 0 {
            let _ = writeln!(text, "...{elided} frames elided...");
        }
        self.frames(text, outer);
    }

    fn frames(&mut self, text: &mut String, pcs: &[usize]) {
        let all = traceback_level() == TracebackLevel::System;
        for &pc in pcs {
            let symbols = self.symbols.at(pc);
            if symbols.is_empty() {
                let _ = writeln!(text, "non-Rust function at pc={pc:#x}");
            }
            for symbol in symbols.iter().filter(|symbol| all || !symbol.is_internal()) {
                let _ = writeln!(text, "{}()", symbol.name);
                if let Some((file, line)) = &symbol.place {
                    let _ = write!(text, "\t{file}:{line}");
                    let _ = if all { writeln!(text, " pc={pc:#x}") } else { writeln!(text) };
                }
            }
        }
    }

    /// The line that says who made a goroutine.
    fn created_by(&mut self, text: &mut String, id: u64, made: Made) {
        let Some(location) = made.location.filter(|_| id != 1) else { return };
        let _ = write!(text, "created by {}", self.symbols.function_of(made.pc));
        if made.parent != 0 {
            let _ = write!(text, " in goroutine {}", made.parent);
        }
        let _ = writeln!(text, "\n\t{}:{}", location.file(), location.line());
    }
}
