//! The functions at an address, and which of them are the runtime's own business.
//!
//! Go: symtab.go `FuncForPC`, traceback.go `showframe`.

use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::sorted::Sorted;

/// One function at an address: several when some are inlined there.
pub(super) struct Symbol {
    pub(super) name: String,
    pub(super) place: Option<(String, u32)>,
}

/// Where this crate's sources lie, as debug information has it.
const OWN_SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");

impl Symbol {
    /// Whether it is the function of this name, in whatever module.
    pub(super) fn is_function(&self, name: &str) -> bool {
        self.name.rsplit("::").next() == Some(name)
    }

    /// Whether it is gort's or std's own business. With full debug information the name tells; with
    /// line tables alone inlined functions have short names, and the file tells.
    pub(super) fn is_internal(&self) -> bool {
        const NAMES: [&str; 16] = [
            "gort::",
            "__gort_",
            "backtrace::",
            "context::",
            "std::panicking::",
            "panic_unwind::",
            "std::panic::",
            "core::ops::function::",
            "core::panicking::",
            "core::panic::",
            "alloc::boxed::Box<dyn ",
            "std::sys::backtrace::",
            "std::rt::",
            "__rust",
            "_rust",
            "rust_",
        ];
        const FILES: [&str; 11] = [
            "/library/std/src/panic",
            "/library/panic_unwind/",
            "/library/std/src/rt.rs",
            "/library/std/src/sys/backtrace.rs",
            "/library/core/src/panic",
            "/library/core/src/ops/function.rs",
            "/library/alloc/src/boxed.rs",
            "/backtrace-",
            "/context-3",
            "jump_x86_64",
            "make_x86_64",
        ];
        const WHOLE: [&str; 13] = [
            "trampoline",
            "make_fcontext",
            "jump_fcontext",
            "ontop_fcontext",
            "__go",
            "_Unwind_Backtrace",
            "_Unwind_RaiseException",
            "main",
            "_start",
            "__libc_start_main",
            "start_thread",
            "clone",
            "clone3",
        ];
        let name = self.name.trim_start_matches(['<', '&']);
        let whole = name.split('@').next().unwrap_or(name);
        NAMES.iter().any(|p| name.starts_with(p))
            || name.contains("as core::ops::function::FnOnce")
            // C's own `main` has no place; a program's has.
            || WHOLE.contains(&whole) && (whole != "main" || self.place.is_none())
            // What `go!` expands to.
            || name.starts_with("__go<")
            || name.ends_with("::__go")
            || name.contains("::__go::")
            || name.contains("::__go<")
            || self.place.as_ref().is_some_and(|(file, _)| {
                file.starts_with(OWN_SOURCES) || FILES.iter().any(|f| file.contains(f))
            })
    }
}

/// Symbols by address, each looked up once: the stacks of a dump have most of their addresses in common.
#[derive(Default)]
pub(super) struct Symbols(Sorted<usize, Rc<[Symbol]>>);

impl Symbols {
    /// The functions at a return address, innermost first.
    pub(super) fn at(&mut self, pc: usize) -> Rc<[Symbol]> {
        self.0.get_or_insert_with(pc, || look_up(pc)).clone()
    }

    /// The function that an address recorded by `getcallerpc` lies in: what `go!` and `spawn` are inlined
    /// from lies there too.
    pub(super) fn function_of(&mut self, pc: usize) -> String {
        let symbols = self.at(pc);
        symbols
            .iter()
            .find(|symbol| !symbol.is_internal())
            .map_or_else(|| format!("{pc:#x}"), |symbol| symbol.name.clone())
    }
}

/// How many addresses were looked up so far.
static LOOKED_UP: AtomicU32 = AtomicU32::new(0);

/// How many addresses were looked up so far, by anybody: whether a report makes progress.
pub(crate) fn looked_up() -> u32 {
    LOOKED_UP.load(Ordering::Relaxed)
}

fn look_up(pc: usize) -> Rc<[Symbol]> {
    let mut symbols = Vec::new();
    if cfg!(feature = "symbols") {
        backtrace::resolve(pc as *mut _, |symbol| {
            let name = symbol.name().map_or_else(|| format!("{pc:#x}"), |n| format!("{n:#}"));
            let place = symbol.filename().map(|f| (f.display().to_string(), symbol.lineno().unwrap_or(0)));
            symbols.push(Symbol { name, place });
        });
    }
    LOOKED_UP.fetch_add(1, Ordering::Relaxed);
    symbols.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_business() {
        let check = |name: &str, place: Option<&str>, internal: bool| {
            let place = place.map(|file| (file.to_string(), 1));
            assert_eq!(Symbol { name: name.into(), place }.is_internal(), internal, "{name}");
        };
        check("gort::sched::park::gopark", None, true);
        check("<gort::channel::Receiver<T>>::recv", None, true);
        check("start_thread", None, true);
        check("main", None, true);
        check("main", Some("src/main.rs"), false);
        check("my_program::main", Some("src/main.rs"), false);
        check("my_program::gort_user", Some("src/main.rs"), false);
        check("clock_nanosleep@GLIBC_2.17", None, false);
        check("closure_env$0", Some("/rust/library/std/src/panicking.rs"), true);
    }
}
