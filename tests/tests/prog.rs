//! Whole programs: exit status and error output of each way to end, deadlocks, the environment. The
//! programs are the cases of `src/bin/prog_cases`.

#[path = "api_support/program.rs"]
mod program;

use std::os::unix::process::ExitStatusExt;

use program::{run, run_in};

/// With several Ps, whatever the test run's own setting is.
const TWO: (&str, Option<&str>) = ("GOMAXPROCS", Some("2"));
const ONE: (&str, Option<&str>) = ("GOMAXPROCS", Some("1"));

#[test]
fn status_is_what_main_returns() {
    let check = |arguments: &[&str], expected: i32| {
        let ended = run(arguments).status(expected);
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""), "{arguments:?}");
    };
    check(&["unit"], 0);
    check(&["result"], 0);
    check(&["exit_code", "0"], 0);
    check(&["exit_code", "1"], 1);
    check(&["exit_code", "200"], 200);
    check(&["exit_code", "255"], 255);
    check(&["result_exit_code", "42"], 42);
    check(&["never"], 9);
    check(&["exit_in_goroutine"], 7);
    check(&["goexit_main_then_exit"], 5);
}

#[test]
fn an_error_of_main_is_printed() {
    let ended = run(&["result", "on purpose"]).status(1);
    assert_eq!(ended.stderr, "Error: \"on purpose\"\n");
    let ended = run(&["result_exit_code", "x"]).status(1);
    assert_eq!(ended.stderr, "Error: ParseIntError { kind: InvalidDigit }\n");
}

#[test]
fn main_may_end_on_another_thread() {
    run_in(&["moved"], &[TWO]).status(0).out("moved").err_without(&["."]);
}

#[test]
fn timer_slack_is_not_inherited() {
    run_in(&["slack_is_not_inherited"], &[TWO]).status(0).out("kept").err_without(&["."]);
}

#[test]
fn a_panic_of_main() {
    for name in ["panic_main", "panic_main_moved"] {
        run_in(&[name], &[TWO]).status(101).err(&[
            "panicked at tests/src/bin/prog_cases/ends.rs:",
            "boom: in main",
            "dropped in user_function",
        ]);
    }
    run(&["panic_main"]).err(&["dropped by main"]);
}

/// The line of a text in the source of the cases, so that tests may ask for places.
fn line_of(text: &str) -> usize {
    let source = include_str!("../src/bin/prog_cases/ends.rs");
    1 + source.lines().position(|l| l.contains(text)).expect("the source has it")
}

fn cpus() -> String {
    let ended = run_in(&["gomaxprocs"], &[("GOMAXPROCS", None)]).status(0);
    ended.stdout.split_whitespace().last().expect("a number").to_string()
}

fn place_of(text: &str) -> String {
    format!("tests/src/bin/prog_cases/ends.rs:{}\n", line_of(text))
}

#[test]
fn a_panic_of_a_goroutine() {
    let check = |arguments: &[&str], creator: &str| {
        let boom = place_of("panic!(\"boom: {bomb}\")");
        let ended = run(arguments).status(2).err(&[
            "boom: on purpose",
            "dropped in user_function",
            "dropped captured",
            " [running]:\n",
            "user_function(",
            &boom,
            "starts_user_function in goroutine ",
            &format!("starts_user_function in goroutine {creator}"),
        ]);
        let order = |text| ended.stderr.find(text).expect("looked for above");
        assert!(order("boom: on purpose") < order("dropped in user_function"), "{}", ended.all());
        assert!(order("dropped in user_function") < order("dropped captured"), "{}", ended.all());
        assert!(order("dropped captured") < order("[running]"), "{}", ended.all());
        assert!(order("[running]") < order("created by"), "{}", ended.all());
        let place = &ended.stderr[order("created by")..];
        let line = line_of("fn starts_user_function") + 2;
        assert!(place.contains(&format!("\n\ttests/src/bin/prog_cases/ends.rs:{line}\n")), "{}", ended.all());
    };
    check(&["panic_go"], "1\n");
    check(&["panic_nested"], "");
    check(&["boot_panic_go"], "");
}

#[test]
fn a_panic_of_a_named_goroutine() {
    run(&["panic_go_named"]).status(2).err(&["boom: named", "[running"]);
}

#[test]
fn a_panic_while_a_result_is_dropped() {
    run(&["panic_go_result"]).status(2).err(&["boom: the result of a go! goroutine", "[running]:"]);
}

#[test]
fn a_panic_while_a_local_is_dropped() {
    run(&["panic_go_local"]).status(2).err(&["boom: a local", "[running]:", "user_function(", "created by"]);
}

/// The frames are there all the same, and nobody else's.
#[test]
fn a_panic_that_no_hook_of_ours_has_seen() {
    let check = |case: &str, status: i32, parts: &[&str], without: &[&str]| {
        run_in(&[case], &[("GOTRACEBACK", Some("all"))])
            .status(status)
            .err(parts)
            .err(&[" [running]:\n"])
            .err_without(without);
    };
    let replaced = &["rust_panic", "_Unwind", "gort::", "panic_unwind"];
    check(
        "panic_go_hook_replaced",
        2,
        &[
            "their hook: ",
            "boom: on purpose",
            "\nprog_cases::ends::user_function()\n",
            &place_of("panic!(\"boom: {bomb}\")"),
            "starts_user_function::{{closure}}()\n",
            "created by ",
        ],
        replaced,
    );
    check("panic_go_result_hook_replaced", 2, &["their hook: ", "::drop()\n", "created by "], replaced);
    check(
        "panic_main_hook_replaced",
        101,
        &["their hook: ", "\nprog_cases::ends::user_function()\n"],
        replaced,
    );
    check("raises_another_later", 2, &["raises_another()\n", "created by "], &["panics_first()"]);
    check("raises_again", 2, &["panics_first()\n", "created by "], &[]);
}

#[test]
fn a_panic_in_run_reaches_its_caller() {
    run(&["boot_panic_run"]).status(101).err(&["boom: in run"]).err_without(&["created by"]);
}

#[test]
fn gotraceback() {
    let check = |level: Option<&str>, header: bool, others: bool| {
        let ended = run_in(&["panic_go_dump"], &[("GOTRACEBACK", level)]).status(2);
        let ended = ended.err(&["boom: others are shown"]);
        assert_eq!(ended.stderr.contains(" [running]:\n"), header, "{level:?}\n{}", ended.all());
        assert_eq!(ended.stderr.contains("created by "), header, "{level:?}\n{}", ended.all());
        let main =
            if level == Some("system") || level == Some("3") { "goroutine 1 gp=0x" } else { "goroutine 1 [" };
        for part in [main, "[chan receive", "waits_for_good"] {
            assert_eq!(ended.stderr.contains(part), others, "{level:?} {part}\n{}", ended.all());
        }
    };
    check(Some("none"), false, false);
    check(Some("0"), false, false);
    check(Some("nonsense"), false, false);
    check(None, true, false);
    check(Some(""), true, false);
    check(Some("single"), true, false);
    check(Some("all"), true, true);
    check(Some("1"), true, true);
    check(Some("system"), true, true);
    check(Some("3"), true, true);
}

/// SIGABRT comes after what `system` shows.
#[test]
fn gotraceback_crash() {
    let check = |name: &str, parts: &[&str]| {
        let ended = run_in(&[name], &[("GOTRACEBACK", Some("crash")), ONE]).err(parts);
        assert_eq!(ended.status.signal(), Some(libc::SIGABRT), "{}", ended.all());
    };
    check(
        "panic_go_dump",
        &["boom: others are shown", "goroutine 1 gp=0x", "m=0 [running]:\n", "waits_for_good"],
    );
    check("panic_main", &["boom: in main", "goroutine 1 gp=0x"]);
    check("deadlock_pair", &[ASLEEP, "goroutine 1 gp=0x", " m=nil [chan receive]:\n"]);
}

/// Of main's panic plain Rust shows no more than the message, unless it is asked.
#[test]
fn a_panic_of_main_with_levels() {
    let check = |level: Option<&str>, shown: bool| {
        let ended = run_in(&["panic_main_beside_another"], &[("GOTRACEBACK", level)]).status(101);
        let ended = ended.err(&["boom: beside another"]);
        for part in ["goroutine 1 [running]:\n", "user_function(", "\n\ngoroutine 2 [chan receive]:\n"] {
            assert_eq!(ended.stderr.contains(part), shown, "{level:?} {part}\n{}", ended.all());
        }
    };
    check(None, false);
    check(Some("none"), false);
    check(Some("all"), true);
}

const ASLEEP: &str = "fatal error: all goroutines are asleep - deadlock!\n";

#[test]
fn deadlocks() {
    let check = |name: &str, parts: &[&str]| {
        let ended = run(&[name]).status(2).err(&[ASLEEP]).err(parts);
        assert!(ended.stderr.starts_with(ASLEEP), "{name}: something comes before\n{}", ended.all());
    };
    check("deadlock_recv", &["goroutine 1 [chan receive]:\n", "wait_forever("]);
    check(
        "deadlock_pair",
        &["goroutine 1 [sync.WaitGroup.Wait]:\n", " [chan receive]:\n", "deadlock_pair", "created by "],
    );
    check("deadlock_threads", &["goroutine 1 [chan receive]:\n", "deadlock_threads("]);
    check("deadlock_mutex", &["goroutine 1 [sync.Mutex.Lock]:\n", "deadlock_mutex("]);
    check("deadlock_send", &["goroutine 1 [chan send]:\n", "deadlock_send("]);
    check("deadlock_join", &["goroutine 1 [join]:\n", " [park]:\n", "deadlock_join("]);
    check("deadlock_scope", &["goroutine 1 [scope]:\n", " [park]:\n", "deadlock_scope("]);
    check("deadlock_park", &["goroutine 1 [park]:\n"]);
    check(
        "deadlock_locked",
        &["goroutine 1 [join, locked to thread]:\n", " [chan receive, locked to thread]:\n"],
    );
    check("deadlock_named", &["goroutine 1 [chan receive]:\n", " [park, \"the sleeper\"]:\n"]);
    check("deadlock_late", &["goroutine 1 [chan receive]:\n"]);
    check("boot_deadlock", &[" [chan receive]:\n", "wait_forever("]);
    // Nothing else: there are no goroutines.
    run(&["boot_thread_deadlock"]).status(2).err_is(ASLEEP);
}

#[test]
fn two_goroutines_wait_for_each_other() {
    let ended = run(&["deadlock_pair"]).status(2);
    assert_eq!(ended.stderr.matches(" [chan receive]:\n").count(), 2, "{}", ended.all());
    let created = "deadlock_pair in goroutine 1\n\ttests/src/bin/prog_cases/deadlocks.rs:";
    assert_eq!(ended.stderr.matches(created).count(), 2, "{}", ended.all());
}

#[test]
fn no_deadlock_while_somebody_can_wake() {
    let check = |name: &str| {
        for procs in [None, Some("1"), Some("2")] {
            run_in(&[name], &[("GOMAXPROCS", procs)]).status(0).out("woken").err_without(&["fatal"]);
        }
    };
    check("foreign_thread");
    check("foreign_thread_unparks");
    check("timer_pending");
    check("blocked_in_system_call");
    check("blocked_on_system_stack");
    check("boot_foreign");
}

#[test]
fn main_ends_by_goexit() {
    run(&["goexit_main"])
        .status(2)
        .out("still here")
        .err(&["dropped by main\n", "fatal error: no goroutines (main called runtime.Goexit) - deadlock!\n"]);
    run(&["goexit_main_others_wait"])
        .status(2)
        .err(&[ASLEEP, " [chan receive]:\n"])
        .err_without(&["goroutine 1 [", "no goroutines"]);
}

#[test]
fn without_a_runtime() {
    let check = |name: &str| {
        run(&[name]).status(101).err(&["#[gort::main]", "gort::boot"]);
    };
    check("no_runtime_go");
    check("no_runtime_spawn");
    check("no_runtime_run");
    check("no_runtime_builder");
}

#[test]
fn boot_is_called_once() {
    run(&["boot_twice"]).status(0).out("gort: the runtime runs already; boot is called once in a process");
    run(&["boot_then_main"]).status(101).err(&["runs already"]);
}

#[test]
fn run_from_several_threads() {
    for _ in 0..5 {
        run(&["runs_from_threads"]).status(0).out("summed");
    }
}

#[test]
fn gomaxprocs_of_the_environment() {
    let default = run_in(&["gomaxprocs"], &[("GOMAXPROCS", None)]).stdout;
    let num = &cpus();
    assert_eq!(default, format!("{num} {num}\n"));
    let check = |value: &str, expected: &str| {
        let ended = run_in(&["gomaxprocs"], &[("GOMAXPROCS", Some(value))]).status(0);
        assert_eq!(ended.stdout, format!("{expected} {num}\n"), "{value:?}");
    };
    check("1", "1");
    check("64", "64");
    check("007", "7");
    for ignored in
        ["0", "-1", "", " 4", "4 ", "4x", "+4", "0x4", "four", "2147483648", "99999999999999999999"]
    {
        check(ignored, num);
    }
    let huge = run_in(&["gomaxprocs"], &[("GOMAXPROCS", Some("2147483647"))]).status(0);
    let procs = huge.stdout.split_once(' ').and_then(|(p, _)| p.parse::<u32>().ok());
    assert!(procs.is_some_and(|p| p >= 1024), "{}", huge.all());
}

#[test]
fn the_programs_options_win() {
    run_in(&["four"], &[ONE]).status(0).out("4");
}

#[test]
fn main_stays_on_the_first_thread() {
    for procs in ["1", "2", "8"] {
        run_in(&["locked"], &[("GOMAXPROCS", Some(procs))]).status(0);
    }
}

#[test]
fn inittrace() {
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
    let check = |env: &[(&str, Option<&str>)], shown: bool| {
        let ended = run_in(&["unit"], env).status(0);
        if !shown {
            assert_eq!(ended.stderr, "", "{env:?}");
            return;
        }
        let mut steps = Vec::new();
        for line in ended.stderr.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let ["init", name, rest @ ..] = words.as_slice() else { panic!("{env:?}: {line:?}") };
            let text = rest.join(" ");
            let rest = text.strip_prefix('@').expect("a time").trim_start();
            let words: Vec<&str> = rest.split(' ').collect();
            assert!(words[0].parse::<u64>().is_ok() && words[1] == "ns", "{line:?}");
            assert!(words[2].parse::<u64>().is_ok() && words[3] == "ns", "{line:?}");
            assert!(words.len() > 4, "what it set: {line:?}");
            steps.push(*name);
        }
        // The main goroutine may begin before `mstart` is told.
        let mut expected = STEPS;
        steps.sort_unstable();
        expected.sort_unstable();
        assert_eq!(steps, expected, "{env:?}");
    };
    check(&[], false);
    check(&[("GODEBUG", Some("inittrace=1"))], true);
    check(&[("GODEBUG", Some("inittrace=0"))], false);
    check(&[("GODEBUG", Some("inittrace=yes"))], false);
    check(&[("GODEBUG", Some("gctrace=1,unknown=3,inittrace=1,x"))], true);
    check(&[("GODEBUG", Some("unknown=1,nonsense"))], false);
    check(&[("GORTDEBUG", Some("inittrace=1"))], true);
    check(&[("GODEBUG", Some("inittrace=1")), ("GORTDEBUG", Some("inittrace=0"))], false);
    check(&[("GODEBUG", Some("inittrace=0")), ("GORTDEBUG", Some("inittrace=1"))], true);
}

/// `SCHED 1009ms: gomaxprocs=2 idleprocs=0 threads=5 spinningthreads=1 idlethreads=2 runqueue=0`, and
/// what follows.
fn sched_line(line: &str) -> (u64, &str) {
    let mut rest = line.strip_prefix("SCHED ").expect(line);
    let number = |text: &mut &str| {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let n = text[..end].parse().expect(line);
        *text = &text[end..];
        n
    };
    let ms: u64 = number(&mut rest);
    rest = rest.strip_prefix("ms:").expect(line);
    for key in ["gomaxprocs", "idleprocs", "threads", "spinningthreads", "idlethreads", "runqueue"] {
        rest = rest.strip_prefix(&format!(" {key}=")).expect(line);
        let n: u64 = number(&mut rest);
        if key == "gomaxprocs" {
            assert_eq!(n, 2, "{line}");
        }
        if key == "idleprocs" {
            assert!(n <= 2, "{line}");
        }
    }
    (ms, rest)
}

#[test]
fn schedtrace() {
    let ended = run_in(&["traced"], &[("GODEBUG", Some("schedtrace=10")), TWO]).status(0);
    let mut last = 0;
    for line in ended.stderr.lines() {
        let (ms, rest) = sched_line(line);
        assert!(ms >= last, "{}", ended.all());
        last = ms;
        let queues = rest.strip_prefix(" [").and_then(|r| r.strip_suffix(']')).expect(line);
        let queues: Vec<u32> = queues.split(' ').map(|q| q.parse().expect(line)).collect();
        assert_eq!(queues.len(), 2, "{line}");
    }
    // In steps of 10 ms, with some lateness.
    let lines = ended.stderr.lines().count() as u64;
    assert!(lines >= 5 && lines <= last / 10 + 1, "{}", ended.all());
    let quiet =
        run_in(&["traced"], &[("GODEBUG", Some("schedtrace=10")), ("GORTDEBUG", Some("schedtrace=0"))]);
    assert_eq!(quiet.status(0).stderr, "");
}

#[test]
fn scheddetail() {
    let env = ("GODEBUG", Some("schedtrace=20,scheddetail=1"));
    let ended = run_in(&["traced"], &[env, TWO]).status(0);
    let mut seen = [0; 4];
    for line in ended.stderr.lines() {
        let kind = if line.starts_with("SCHED") {
            let (_, rest) = sched_line(line);
            for key in ["gcwaiting=", "nmidlelocked=", "stopwait=", "sysmonwait="] {
                assert!(rest.contains(&format!(" {key}")), "{line}");
            }
            0
        } else {
            let (kind, keys): (usize, &[&str]) = match line.get(..3) {
                Some("  P") => {
                    (1, &[" status=", " schedtick=", " syscalltick=", " m=", " runqsize=", " gfreecnt="])
                }
                Some("  M") => (
                    2,
                    &[" p=", " curg=", " mallocing=", " throwing=", " preemptoff=", " locks=", " spinning="],
                ),
                Some("  G") => (3, &[" status=", " m=", " lockedm="]),
                _ => panic!("{line:?}"),
            };
            assert!(line[3..].starts_with(|c: char| c.is_ascii_digit()), "{line}");
            for key in keys {
                assert!(line.contains(key), "{key} is missing: {line}");
            }
            kind
        };
        seen[kind] += 1;
    }
    let [sched, p, m, g] = seen;
    assert!(sched >= 3, "{}", ended.all());
    assert_eq!(p, sched * 2, "{}", ended.all());
    assert!(m >= sched * 2 && g >= sched, "{}", ended.all());
    assert!(ended.stderr.contains("  G1: status=4(sleep)"), "main sleeps half the time\n{}", ended.all());
}

/// An M's line names the goroutine that it runs and the one that has it for itself, as that one's line says too.
#[test]
fn scheddetail_names_the_goroutines_of_an_m() {
    let env = ("GODEBUG", Some("schedtrace=20,scheddetail=1"));
    let ended = run_in(&["traced_locked"], &[env, TWO]).status(0);
    let number = |line: &str, key: &str| -> i64 {
        let (_, rest) = line.split_once(key).unwrap_or_else(|| panic!("{key} is missing: {line}"));
        rest.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{line}"))
    };
    let mut locked = 0;
    for state in ended.stderr.split("SCHED ").skip(1) {
        let main = state.lines().find(|line| line.starts_with("  G1: ")).expect("main lives");
        let (m, lockedm) = (number(main, " m="), number(main, " lockedm="));
        for line in state.lines().filter(|line| line.starts_with("  M")) {
            let id: i64 = line[3..line.find(':').unwrap()].parse().unwrap();
            assert_eq!(number(line, " curg=") == 1, id == m, "{state}");
            assert_eq!(number(line, " lockedg=") == 1, id == lockedm, "{state}");
        }
        locked += u32::from(m >= 0 && m == lockedm);
    }
    assert!(locked >= 1, "main ran on its own thread all the time\n{}", ended.all());
}

#[test]
fn cases_that_check_themselves() {
    let check = |name: &str, env: &[(&str, Option<&str>)], out: &str| {
        run_in(&[name], env).status(0).out(out);
    };
    check("hundred_thousand", &[], "all released");
    check("system_stack_channel", &[ONE], "received");
    check("system_stack_channel", &[TWO], "received");
    check("yield_lets_timers_in", &[ONE], "let in");
    check("pair_lets_others_in", &[ONE], "let in");
    check("pair_lets_others_in", &[TWO], "let in");
    check("counts_goroutines", &[ONE], "counted");
    check("counts_goroutines", &[TWO], "counted");
    check("counts_goroutines", &[("GOMAXPROCS", Some("64"))], "counted");
    check("plenty_of_stack", &[], "deep");
    check("main_has_eight_mib", &[], "deep");
    for knob in ["noguardinstall=1", "noguardinstall=1,inittrace=0"] {
        check("plenty_of_stack", &[("GORTDEBUG", Some(knob))], "deep");
        check(
            "gomaxprocs",
            &[("GORTDEBUG", Some(knob)), ("GOMAXPROCS", Some("3"))],
            &format!("3 {}", cpus()),
        );
    }
    check("hundred_thousand", &[("GORT_STACK", Some("64K"))], "all released");
}

#[test]
fn yield_is_fair() {
    let ended = run_in(&["yields_fairly"], &[ONE]).status(0);
    let ahead: usize = ended.stdout.trim_end().parse().expect("a number");
    // One turn each, whatever the order; the global queue's turn may cost some.
    assert!(ahead <= 10, "somebody got {ahead} turns ahead");
}
