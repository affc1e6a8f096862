//! Small programs for `tests/tests/prog.rs`, chosen by the first argument: each ends in one of the ways
//! that a program can end in, or needs a process of its own for another reason.

mod boots;
mod deadlocks;
mod ends;
mod locals;
mod running;

use std::process::ExitCode;

use gort::channel::bounded;

fn argument(n: usize) -> String {
    std::env::args().nth(n).unwrap_or_default()
}

fn thread_id() -> u64 {
    let link = std::fs::read_link("/proc/thread-self").expect("/proc is there");
    link.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse().ok()).expect("a thread id")
}

/// Prints when it is dropped.
struct Says(&'static str);

impl Drop for Says {
    fn drop(&mut self) {
        eprintln!("dropped {}", self.0);
    }
}

fn wait_forever() {
    let (_tx, rx) = bounded::<()>(0);
    let _ = rx.recv();
}

mod unit {
    /// Runs a case that needs nothing special of its `main`.
    #[gort::main]
    pub(super) fn main() {
        let name = super::argument(1);
        let (_, case) = super::CASES.iter().find(|(n, _)| *n == name).expect("a known case");
        case();
    }
}

mod result {
    #[gort::main]
    pub(super) fn main() -> Result<(), String> {
        match super::argument(2).as_str() {
            "" => Ok(()),
            text => Err(text.to_string()),
        }
    }
}

mod exit_code {
    #[gort::main]
    pub(super) fn main() -> super::ExitCode {
        super::ExitCode::from(super::argument(2).parse::<u8>().expect("a number"))
    }
}

mod result_exit_code {
    #[gort::main]
    pub(super) fn main() -> Result<super::ExitCode, Box<dyn std::error::Error>> {
        Ok(super::ExitCode::from(super::argument(2).parse::<u8>()?))
    }
}

mod never {
    #[gort::main]
    pub(super) fn main() -> ! {
        std::process::exit(9)
    }
}

mod locked {
    #[gort::main(lock_os_thread)]
    pub(super) fn main() {
        super::running::stays_on_first_thread();
    }
}

mod four {
    #[gort::main(gomaxprocs = 4, stack_size = 1 << 20)]
    pub(super) fn main() {
        println!("{}", gort::gomaxprocs(0));
        // More than a default stack has.
        assert_eq!(gort::spawn(|| super::running::deep(700 << 10)).join().unwrap(), 700 << 10);
    }
}

mod slack {
    /// One that no thread has by itself.
    const SLACK: i32 = 77_000;

    pub(super) fn set() {
        // SAFETY: plain numbers.
        unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, SLACK, 0, 0, 0) };
    }

    #[gort::main]
    pub(super) fn main() {
        super::running::slack_is_not_inherited(SLACK);
    }
}

/// What needs a runtime and is called without one.
mod no_runtime {
    use gort::sync::*;

    pub(super) fn calls(name: &str) {
        match name {
            "no_runtime_mutex" => drop(Mutex::new(()).lock()),
            "no_runtime_read" => drop(RwLock::new(()).read()),
            "no_runtime_write" => drop(RwLock::new(()).write()),
            "no_runtime_barrier" => drop(Barrier::new(2).wait()),
            "no_runtime_semaphore" => drop(Semaphore::new(1).acquire()),
            "no_runtime_wait_group" => WaitGroup::new().wait(),
            "no_runtime_err_group" => drop(ErrGroup::<()>::new().wait()),
            "no_runtime_err_group_go" => ErrGroup::<()>::new().go(|| Ok(())),
            "no_runtime_run_chan" => drop(SingleFlight::new().run_chan(1, || 1)),
            "no_runtime_once" => Once::new().wait(),
            "no_runtime_once_lock" => *OnceLock::new().wait(),
            "no_runtime_timer" => drop(gort::time::Timer::new(gort::time::Duration::ZERO)),
            "no_runtime_ticker" => drop(gort::time::Ticker::new(gort::time::Duration::MAX)),
            "no_runtime_context" => drop(gort::context::Context::background().with_cancel()),
            "no_runtime_park" => gort::park(),
            "no_runtime_park_timeout" => gort::park_timeout(gort::time::Duration::ZERO),
            "no_runtime_current" => drop(gort::current()),
            "no_runtime_goexit" => gort::goexit(),
            "no_runtime_blocking" => gort::blocking(|| ()),
            "no_runtime_blocking_on_system_stack" => gort::blocking_on_system_stack(|| ()),
            "no_runtime_block_on" => gort::block_on(std::future::pending()),
            name if name.starts_with("no_runtime_channel_") => channels(name),
            name if name.starts_with("no_runtime_mpsc_") => mpsc(name),
            _ => unreachable!("{name}"),
        }
    }

    fn channels(name: &str) {
        let (tx, rx) = gort::channel::bounded(1);
        match name {
            "no_runtime_channel_recv" => drop(rx.recv()),
            "no_runtime_channel_recv_timeout" => drop(rx.recv_timeout(gort::time::Duration::ZERO)),
            "no_runtime_channel_send" => drop(tx.send(())),
            "no_runtime_channel_send_timeout" => drop(tx.send_timeout((), gort::time::Duration::ZERO)),
            "no_runtime_channel_next" => drop(rx.iter().next()),
            _ => unreachable!("{name}"),
        }
    }

    fn mpsc(name: &str) {
        let (sync_tx, rx) = mpsc::sync_channel(1);
        let (tx, _rx) = mpsc::channel();
        match name {
            "no_runtime_mpsc_recv" => drop(rx.recv()),
            "no_runtime_mpsc_recv_timeout" => drop(rx.recv_timeout(gort::time::Duration::ZERO)),
            "no_runtime_mpsc_send" => drop(tx.send(())),
            "no_runtime_mpsc_sync_send" => drop(sync_tx.send(())),
            "no_runtime_mpsc_next" => drop(rx.iter().next()),
            _ => unreachable!("{name}"),
        }
    }
}

/// Mistakes of the caller's where a runtime runs.
mod mistakes {
    use gort::sync::*;

    pub(super) fn makes(name: &str) {
        match name {
            "mistake_wait_group" => WaitGroup::new().done(),
            "mistake_permits" => Semaphore::new(1).add_permits(usize::MAX),
            "mistake_limit" => {
                let group = ErrGroup::<()>::new();
                group.go(|| {
                    gort::park();
                    Ok(())
                });
                group.set_limit(1);
            }
            "mistake_ticker" => drop(gort::time::Ticker::new(gort::time::Duration::ZERO)),
            _ => unreachable!("{name}"),
        }
    }
}

type Case = (&'static str, fn());

const CASES: &[Case] = &[
    ("unit", || ()),
    ("moved", running::moved),
    ("exit_in_goroutine", || {
        gort::go!(std::process::exit(7));
        wait_forever();
    }),
    ("panic_main", || {
        let _says = Says("by main");
        ends::user_function("in main");
    }),
    ("panic_main_moved", || {
        running::moved();
        ends::user_function("in main");
    }),
    ("panic_go", ends::starts_user_function),
    ("panic_go_hook_replaced", || {
        ends::replaces_the_hook();
        ends::starts_user_function();
    }),
    ("panic_go_result_hook_replaced", || {
        ends::replaces_the_hook();
        ends::panics_in_destructor_of_result();
    }),
    ("panic_main_hook_replaced", || {
        ends::replaces_the_hook();
        ends::user_function("in main");
    }),
    ("panic_go_local", locals::panics_in_destructor_of_local),
    ("raises_another_later", ends::raises_another_later),
    ("raises_again", ends::raises_again),
    ("panic_go_dump", ends::parks_in_user_function),
    ("panic_main_beside_another", ends::panics_beside_another),
    ("panic_go_result", ends::panics_in_destructor_of_result),
    ("panic_go_named", || {
        gort::go!(name = "the worker"; ends::user_function("named"));
        wait_forever();
    }),
    ("panic_nested", || {
        gort::go!(ends::starts_user_function());
        wait_forever();
    }),
    ("deadlock_recv", wait_forever),
    ("deadlock_pair", deadlocks::deadlock_pair),
    ("deadlock_threads", deadlocks::deadlock_threads),
    ("deadlock_mutex", deadlocks::deadlock_mutex),
    ("deadlock_send", deadlocks::deadlock_send),
    ("deadlock_join", deadlocks::deadlock_join),
    ("deadlock_scope", deadlocks::deadlock_scope),
    ("deadlock_park", gort::park),
    ("deadlock_locked", deadlocks::deadlock_locked),
    ("deadlock_named", deadlocks::deadlock_named),
    ("deadlock_late", deadlocks::deadlock_late),
    ("foreign_thread", deadlocks::foreign_thread),
    ("foreign_thread_unparks", deadlocks::foreign_thread_unparks),
    ("timer_pending", deadlocks::timer_pending),
    ("blocked_in_system_call", deadlocks::blocked_in_system_call),
    ("blocked_on_system_stack", deadlocks::blocked_on_system_stack),
    ("goexit_main", ends::goexit_main),
    ("goexit_main_others_wait", ends::goexit_main_others_wait),
    ("goexit_main_then_exit", ends::goexit_main_then_exit),
    ("side_by_side", running::side_by_side),
    ("hundred_thousand", running::hundred_thousand),
    ("gomaxprocs", running::gomaxprocs),
    ("yields_fairly", running::yields_fairly),
    ("yield_lets_timers_in", running::yield_lets_timers_in),
    ("pair_lets_others_in", running::pair_lets_others_in),
    ("system_stack_channel", running::system_stack_channel),
    ("blocking_while_panicking", ends::blocking_while_panicking),
    ("resizes", running::resizes),
    ("counts_goroutines", running::counts_goroutines),
    ("traced", running::traced),
    ("traced_locked", running::traced_locked),
    ("plenty_of_stack", running::plenty_of_stack),
    ("main_has_eight_mib", running::main_has_eight_mib),
    ("local_set_by_destructor_on_thread", locals::local_set_by_destructor_on_thread),
    ("dumps_while_many_end", running::dumps_while_many_end),
    ("waiting_while_panicking", ends::waiting_while_panicking),
    ("local_panics_when_dropped", locals::local_panics_when_dropped),
    ("scoped_result_panics_when_dropped", locals::scoped_result_panics_when_dropped),
    ("panic_inside_goexit", ends::panic_inside_goexit),
    ("local_used_by_its_destructor", locals::local_used_by_its_destructor),
];

fn main() {
    match argument(1).as_str() {
        "result" => result::main(),
        "exit_code" => exit_code::main(),
        "result_exit_code" => result_exit_code::main(),
        "never" => never::main(),
        "locked" => locked::main(),
        "four" => four::main(),
        "slack_is_not_inherited" => {
            slack::set();
            slack::main();
        }
        "no_runtime_go" => gort::go!(|| ()),
        "no_runtime_spawn" => drop(gort::spawn(|| ())),
        "no_runtime_run" => gort::run(|| ()),
        "no_runtime_builder" => drop(gort::Builder::new().stack_size(1 << 20).spawn(|| ())),
        "no_runtime_scope" => gort::scope(|s| drop(s.spawn(|| ()))),
        "no_runtime_channel" => wait_forever(),
        name if name.starts_with("no_runtime_") => no_runtime::calls(name),
        name if name.starts_with("mistake_") => {
            boots::boot();
            gort::run(|| mistakes::makes(&argument(1)));
        }
        "boot_twice" => {
            boots::boot();
            // SAFETY: as in `boots::boot`.
            let again = unsafe { gort::boot(gort::Options::default()) };
            println!("{}", again.unwrap_err());
            assert_eq!(gort::run(|| 6 * 7), 42);
        }
        "boot_then_main" => {
            boots::boot();
            unit::main();
        }
        "boot_deadlock" => {
            boots::boot();
            gort::run(wait_forever);
        }
        "boot_announced_deadlock" => {
            boots::boot();
            gort::run(|| {
                println!("about to wait");
                wait_forever();
            });
        }
        "boot_thread_deadlock" => {
            boots::boot();
            wait_forever();
        }
        "boot_foreign" => {
            boots::boot();
            gort::run(deadlocks::foreign_thread);
        }
        "boot_panic_go" => {
            boots::boot();
            gort::run(ends::starts_user_function);
        }
        "boot_panic_run" => {
            boots::boot();
            gort::run(|| ends::user_function("in run"));
        }
        "runs_again_and_again" => boots::runs_again_and_again(),
        "boots_at_once" => boots::boots_at_once(),
        "runs_from_threads" => boots::runs_from_threads(),
        _ => unit::main(),
    }
}
