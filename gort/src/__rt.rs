//! What the macros expand to. Not part of the public interface.

use std::panic::Location;
use std::process::{ExitCode, Termination};

pub use gort_macros::{go as go_impl, select as select_impl};

pub use crate::channel::macros::{no_such_arm, none_selected, select_timeout, try_select, try_select_send};
use crate::sched::newproc::{Spec, getcallerpc, newproc};
pub use crate::sched::rt0::Options;
use crate::sched::{boundary, current, panic, park, rt0, schedinit};

/// The number of an exit code, found by comparing: std does not tell it.
fn status(code: ExitCode) -> i32 {
    (0..=255u8).find(|&n| code == ExitCode::from(n)).map_or(1, i32::from)
}

/// `#[gort::main]`: boots on this thread and runs `f` as the main goroutine. The process ends with it,
/// with the status and the error output that plain Rust would give.
pub fn main<T: Termination + 'static>(options: Options, f: fn() -> T) -> ! {
    let main = move || match boundary::catch(|| status(f().report())) {
        Ok(status) => std::process::exit(status),
        Err(payload) => match panic::is_goexit(payload) {
            Ok(()) => panic::main_exited(),
            Err(payload) => panic::die(current::g(), payload, 101),
        },
    };
    rt0::rt0(options, Box::new(main))
}

/// Applies what a test's attribute asks for; the runtime is the process's, shared by all tests.
fn prepare(options: Options) {
    rt0::boot_once(options);
    if let Some(n) = options.gomaxprocs {
        crate::runtime::gomaxprocs(n);
    }
    if let Some(bytes) = options.stack_size {
        schedinit::set_stack_size(bytes);
    }
}

fn in_test<T: Send>(options: Options, f: impl FnOnce() -> T + Send) -> T {
    prepare(options);
    crate::run(move || {
        if options.lock_os_thread {
            park::lock_os_thread();
        }
        f()
    })
}

/// `#[gort::test]` on a function without a result.
pub fn test_unit(options: Options, f: fn()) {
    in_test(options, f);
}

/// `#[gort::test]` on a function with one; it is reported inside the goroutine, so that it need not be
/// `Send`.
pub fn test_result<T: Termination>(options: Options, f: fn() -> T) -> ExitCode {
    in_test(options, move || f().report())
}

/// `go!` without options.
#[inline(always)]
#[track_caller]
pub fn go<F, T>(f: F)
where
    F: FnOnce() -> T + Send + 'static,
{
    newproc(getcallerpc(), Location::caller(), None, f);
}

/// `go!` with options.
#[inline(always)]
#[track_caller]
pub fn go_with<F, T>(options: GoOptions, f: F)
where
    F: FnOnce() -> T + Send + 'static,
{
    newproc(getcallerpc(), Location::caller(), Some(&options.spec), f);
}

/// The options of `go!`.
#[derive(Debug, Default)]
pub struct GoOptions {
    spec: Spec,
}

impl GoOptions {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// `name = …`
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.spec.name = Some(name.into().into());
        self
    }

    /// `stack_size = …`, usable bytes.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.spec.stack_size = Some(bytes);
        self
    }
}

/// The kernel's id of the thread that the runtime takes this one for; 0 on a plain thread. For the test of the
/// accessor: always inlined, as the runtime's own reads are.
#[inline(always)]
pub fn thread_of_m() -> i32 {
    crate::sched::current::m().map_or(0, |mp| mp.tid.load(std::sync::atomic::Ordering::Relaxed))
}
