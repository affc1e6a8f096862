//! Tracebacks in Go's layout.
//!
//! A parked goroutine's frames are found by running the unwinder on top of its stack
//! (`Context::resume_ontop`) and jumping back. The goroutine is claimed for that by the scan bit of its
//! status word, so that nobody runs it meanwhile. On its stack only raw return addresses are collected,
//! into a fixed buffer, and only when enough of it is left; symbols come afterwards, elsewhere.
//!
//! Several goroutines may stand on one stack ([`super::inline`]): a walk begins at the innermost and keeps the
//! frames between two boundaries.
//!
//! Go: traceback.go `traceback`, `printcreatedby`, `tracebackothers`.

use std::fmt::Write as _;
use std::ops::Range;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use context::{Context, Transfer};

use super::current;
use super::debugvars::{TracebackLevel, traceback_level};
use crate::g::extras::{self, Ancestor, Labels};
use crate::g::status::Status;
use crate::g::wait_reason::WaitReason;
use crate::g::{G, Kind, slab};

/// Frames that a walk keeps.
const MAX_FRAMES: usize = 100;
/// Frames that a walk looks at: those of a host lie behind the ones of its guests.
const MAX_WALK: usize = 1000;
/// Bytes of stack that must be left for a walk.
const ROOM: usize = 16 << 10;

/// Return addresses of the caller, as far as its own frames go.
pub(crate) fn here() -> Vec<usize> {
    here_within(0..current::goroutine().map_or(usize::MAX, G::frames_end))
}

/// Return addresses of the frames on the caller's stack whose stack pointers lie in `range`.
fn here_within(range: Range<usize>) -> Vec<usize> {
    let mut walk = Walk::new(range);
    backtrace::trace(|frame| walk.keep(frame));
    walk.frames[..walk.len].to_vec()
}

struct Walk {
    frames: [usize; MAX_FRAMES],
    len: usize,
    looked_at: usize,
    range: Range<usize>,
}

impl Walk {
    fn new(range: Range<usize>) -> Box<Self> {
        Box::new(Self { frames: [0; MAX_FRAMES], len: 0, looked_at: 0, range })
    }

    /// Keeps a frame if it is wanted. Whether to go on.
    fn keep(&mut self, frame: &backtrace::Frame) -> bool {
        let sp = frame.sp() as usize;
        if sp >= self.range.end {
            return false;
        }
        if sp >= self.range.start {
            self.frames[self.len] = frame.ip() as usize;
            self.len += 1;
        }
        self.looked_at += 1;
        self.len < MAX_FRAMES && self.looked_at < MAX_WALK
    }
}

/// Runs on top of a parked goroutine's stack: collects, jumps back, and when the goroutine is resumed
/// one day, hands on what it is resumed with.
extern "C" fn walk_ontop(transfer: Transfer) -> Transfer {
    let walk = transfer.data as *mut Walk;
    // SAFETY: `frames_of_parked` passes its buffer and waits for us. Nobody else unwinds on this
    // thread meanwhile.
    unsafe {
        backtrace::trace_unsynchronized(|frame| (*walk).keep(frame));
        transfer.context.resume(0)
    }
}

/// Return addresses, in `range`, on the stack of a goroutine that is held by the scan bit.
fn frames_of_parked(gp: &'static G, range: Range<usize>) -> Vec<usize> {
    let Some(context) = gp.gobuf.take() else { return Vec::new() };
    // SAFETY: a `Context` is the saved stack pointer (its crate tests the size); it is only looked at.
    let sp = unsafe { std::mem::transmute_copy::<Context, usize>(&context) };
    let lo = gp.stack().map_or(usize::MAX, crate::stack::Stack::lo);
    if sp < lo.saturating_add(ROOM) {
        gp.gobuf.save(context);
        return Vec::new();
    }
    let mut walk = Walk::new(range);
    // SAFETY: the scan bit makes the context ours; `walk_ontop` jumps right back.
    let transfer = unsafe { context.resume_ontop(&raw mut *walk as usize, walk_ontop) };
    gp.gobuf.save(transfer.context);
    walk.frames[..walk.len].to_vec()
}

/// One function at an address: several when some are inlined there.
struct Symbol {
    name: String,
    place: Option<(String, u32)>,
}

/// Where this crate's sources lie, as debug information has it.
const OWN_SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");

impl Symbol {
    /// Whether it is gort's or std's own business. With full debug information the name tells; with
    /// line tables alone inlined functions have short names, and the file tells.
    fn is_internal(&self) -> bool {
        const NAMES: [&str; 12] = [
            "gort::",
            "backtrace::",
            "context::",
            "std::panicking::",
            "std::panic::",
            "core::ops::function::",
            "core::panicking::",
            "core::panic::",
            "alloc::boxed::Box<dyn ",
            "std::sys::backtrace::",
            "__rust",
            "rust_",
        ];
        const FILES: [&str; 9] = [
            "/library/std/src/panic",
            "/library/std/src/sys/backtrace.rs",
            "/library/core/src/panic",
            "/library/core/src/ops/function.rs",
            "/library/alloc/src/boxed.rs",
            "/backtrace-",
            "/context-3",
            "jump_x86_64",
            "make_x86_64",
        ];
        let name = self.name.trim_start_matches(['<', '&']);
        NAMES.iter().any(|p| name.starts_with(p))
            || name.contains("as core::ops::function::FnOnce")
            || matches!(name, "trampoline" | "make_fcontext" | "jump_fcontext" | "ontop_fcontext")
            // What `go!` expands to.
            || name == "__go"
            || name.starts_with("__go<")
            || name.ends_with("::__go")
            || name.contains("::__go::")
            || name.contains("::__go<")
            || self.place.as_ref().is_some_and(|(file, _)| {
                file.starts_with(OWN_SOURCES) || FILES.iter().any(|f| file.contains(f))
            })
    }
}

/// The functions at one address, innermost first.
fn symbols(pc: usize) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    backtrace::resolve(pc as *mut _, |symbol| {
        let name = symbol.name().map_or_else(|| "?".to_string(), |n| format!("{n:#}"));
        let place = symbol.filename().map(|f| (f.display().to_string(), symbol.lineno().unwrap_or(0)));
        symbols.push(Symbol { name, place });
    });
    symbols
}

fn write_frames(text: &mut String, frames: &[usize]) {
    let all = traceback_level() == TracebackLevel::System;
    for symbol in frames.iter().flat_map(|&pc| symbols(pc)) {
        if !all && symbol.is_internal() {
            continue;
        }
        let _ = writeln!(text, "{}()", symbol.name);
        if let Some((file, line)) = symbol.place {
            let _ = writeln!(text, "\t{file}:{line}");
        }
    }
}

/// The function that an address recorded by `getcallerpc` lies in: what `go!` and `spawn` are inlined
/// from lies there too.
fn function_of(pc: usize) -> String {
    symbols(pc)
        .into_iter()
        .find(|symbol| !symbol.is_internal())
        .map_or_else(|| format!("{pc:#x}"), |symbol| symbol.name)
}

/// What of its extras a traceback shows.
#[derive(Default)]
struct Shown {
    name: Option<Arc<str>>,
    labels: Option<Labels>,
    ancestors: Vec<Ancestor>,
}

impl Shown {
    /// # Safety
    /// The goroutine is the caller, or held by its scan bit.
    unsafe fn of(gp: &'static G) -> Self {
        // SAFETY: the caller's word.
        match unsafe { extras::get(gp) } {
            Some(e) => {
                Self { name: e.name.clone(), labels: e.labels.clone(), ancestors: e.ancestors.clone() }
            }
            None => Self::default(),
        }
    }
}

/// The line that says who made a goroutine. Go: `printcreatedby1`.
fn write_created_by(text: &mut String, pc: usize, location: Option<&Location<'_>>, parent: u64) {
    let Some(location) = location else { return };
    let _ = write!(text, "created by {}", function_of(pc));
    if parent != 0 {
        let _ = write!(text, " in goroutine {parent}");
    }
    let _ = writeln!(text, "\n\t{}:{}", location.file(), location.line());
}

/// Half a label, quoted if need be. Go: `tracebackStringNeedsQuoting`.
fn label(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '_');
    if text.chars().all(plain) { text.to_string() } else { format!("{text:?}") }
}

/// One goroutine in Go's layout.
fn goroutine(gp: &'static G, state: &str, shown: &Shown, frames: &[usize]) -> String {
    let mut text = format!("goroutine {} [{state}", gp.id());
    if let Some(name) = &shown.name {
        let _ = write!(text, ", {name:?}");
    }
    text.push(']');
    if let Some(labels) = &shown.labels {
        let list: Vec<_> = labels.iter().map(|(k, v)| format!("{}: {}", label(k), label(v))).collect();
        let _ = write!(text, " {{{}}}", list.join(", "));
    }
    text.push_str(":\n");
    write_frames(&mut text, frames);
    if gp.id() != 1 {
        let pc = gp.gopc.load(Ordering::Relaxed);
        write_created_by(&mut text, pc, gp.location.get(), gp.parent.load(Ordering::Relaxed));
    }
    for ancestor in &shown.ancestors {
        let _ = writeln!(text, "[originating from goroutine {}]:", ancestor.goid);
        write_frames(&mut text, &ancestor.frames);
        if ancestor.goid != 1 {
            write_created_by(&mut text, ancestor.gopc, ancestor.location, 0);
        }
    }
    text
}

/// A goroutine that has used up its stack: its innermost and outermost frames. It is not coming back.
pub(crate) fn overflowed(gp: &'static G, first: &[usize], elided: usize, last: &[usize]) -> String {
    let mut text = format!("goroutine {} [running]:\n", gp.id());
    write_frames(&mut text, first);
    if elided > 0 {
        let _ = writeln!(text, "...{elided} frames elided...");
    }
    write_frames(&mut text, last);
    if gp.id() != 1 {
        let pc = gp.gopc.load(Ordering::Relaxed);
        write_created_by(&mut text, pc, gp.location.get(), gp.parent.load(Ordering::Relaxed));
    }
    text
}

/// The calling goroutine, whose frames are given.
pub(crate) fn own(gp: &'static G, frames: &[usize]) -> String {
    // SAFETY: the goroutine runs this itself.
    goroutine(gp, "running", &unsafe { Shown::of(gp) }, frames)
}

/// What stands between the brackets.
fn state(status: Status, reason: WaitReason, locked: bool) -> String {
    let mut state = match (status, reason) {
        (Status::Waiting, reason) if reason != WaitReason::None => reason.text().to_string(),
        _ => status.name().to_string(),
    };
    if locked {
        state.push_str(", locked to thread");
    }
    state
}

/// One whose stack another thread runs on.
fn elsewhere(gp: &'static G, state: &str) -> String {
    let text = goroutine(gp, state, &Shown::default(), &[]);
    // Go puts the line where the frames would be.
    let line = "\tgoroutine running on other thread; stack unavailable\n";
    text.replacen(":\n", &format!(":\n{line}"), 1)
}

/// One that waits for the goroutine on top of it on its own stack; none if it has gone on meanwhile.
fn host(gp: &'static G) -> Option<String> {
    let join = state(Status::Waiting, WaitReason::Join, false);
    let mut innermost = gp;
    while let Some(guest) = innermost.guest() {
        innermost = guest;
    }
    let own = current::goroutine().is_some_and(|own| std::ptr::eq(own, innermost));
    if !own && innermost.status.scan().is_none() {
        let running = matches!(innermost.status.get().0, Status::Running | Status::Syscall);
        std::hint::spin_loop();
        return (running && gp.guest().is_some()).then(|| elsewhere(gp, &join));
    }
    // Nobody on that stack runs, but for us: now it is sure who stands on it.
    let found = frames_of_host(gp, innermost).map(|range| {
        let frames = if own { here_within(range) } else { frames_of_parked(innermost, range) };
        // SAFETY: it does not run: it waits for its guests, of whom the innermost is held or is us.
        (frames, unsafe { Shown::of(gp) })
    });
    if !own {
        innermost.status.unscan();
    }
    found.map(|(frames, shown)| goroutine(gp, &join, &shown, &frames))
}

/// Where the frames of `gp` lie on the stack that `innermost` runs on, which is held; none if it is not on it.
fn frames_of_host(gp: &'static G, innermost: &'static G) -> Option<Range<usize>> {
    let mut guest = innermost;
    loop {
        let host = guest.host()?;
        if std::ptr::eq(host, gp) {
            return Some(guest.frames_end()..gp.frames_end());
        }
        guest = host;
    }
}

/// A goroutine that is not the caller; none if it is dead, or the runtime's own.
fn other(gp: &'static G) -> Option<String> {
    let shown = |gp: &'static G| gp.kind.get() == Kind::User || traceback_level() == TracebackLevel::System;
    loop {
        let (status, _) = gp.status.get();
        if matches!(status, Status::Dead | Status::Idle) || !shown(gp) {
            return None;
        }
        if gp.guest().is_some() {
            if let Some(text) = host(gp) {
                return Some(text);
            }
            continue;
        }
        if matches!(status, Status::Running | Status::Syscall) {
            return Some(elsewhere(gp, &state(status, WaitReason::None, false)));
        }
        if let Some(status) = gp.status.scan() {
            let frames = frames_of_parked(gp, 0..gp.frames_end());
            // SAFETY: held by the scan bit: it does not run, and so does not touch its extras.
            let shown = unsafe { Shown::of(gp) };
            let state = state(status, gp.wait_reason(), gp.lockedm.load(Ordering::Relaxed) != 0);
            gp.status.unscan();
            return Some(goroutine(gp, &state, &shown, &frames));
        }
        std::hint::spin_loop();
    }
}

/// Every goroutine but `own`, by id.
pub(crate) fn all_but(own: &'static G) -> Vec<String> {
    listed(Some(own))
}

/// Every goroutine, by id, on behalf of one that is none of them.
pub(crate) fn all() -> Vec<String> {
    listed(None)
}

fn listed(but: Option<&'static G>) -> Vec<String> {
    // The ids are read once: a descriptor may be used again while we sort.
    let mut list = Vec::new();
    slab::for_each(|gp| {
        if !but.is_some_and(|own| std::ptr::eq(gp, own)) {
            list.push((gp.id(), gp));
        }
    });
    list.sort_by_key(|&(id, _)| id);
    list.into_iter().filter_map(|(_, gp)| other(gp)).collect()
}

/// The calling goroutine's traceback, and the others' after it if `everyone`.
pub(crate) fn stack(everyone: bool) -> String {
    let Some(gp) = current::goroutine() else {
        return if everyone { all().join("\n") } else { String::new() };
    };
    let mut text = own(gp, &here());
    if everyone {
        for other in all_but(gp) {
            text.push('\n');
            text.push_str(&other);
        }
    }
    text
}
