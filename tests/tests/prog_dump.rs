//! Dumps: SIGQUIT, `runtime::stack(true)`, and what deadlock reports say of who waits for whom. The programs are in
//! `src/bin/prog_dump/`.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

fn command(program: &str, env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prog_dump"));
    command.arg(program).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["GODEBUG", "GORTDEBUG", "GOTRACEBACK", "GORT_STACK", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    // Ids follow one another where there is one P.
    command.env("GOMAXPROCS", "1").envs(env.iter().copied());
    command
}

/// Waits for the end, which must come in time, and gives status and error output.
#[track_caller]
fn end(mut child: Child) -> (Option<i32>, Option<i32>, String) {
    let pid = child.id() as i32;
    let (tx, rx) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let mut stderr = child.stderr.take().unwrap();
        let read = stderr.read_to_string(&mut text);
        tx.send((read.map(|_| text), child.wait())).unwrap();
    });
    let (text, status) = rx.recv_timeout(LIMIT).unwrap_or_else(|_| {
        // SAFETY: sends a signal to our child.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        let (text, _) = rx.recv().unwrap();
        panic!("the program hangs; stderr:\n{}", text.unwrap());
    });
    let status = status.unwrap();
    (status.code(), status.signal(), text.unwrap())
}

/// Runs a program to its end and gives its output.
#[track_caller]
fn run(program: &str, env: &[(&str, &str)], code: i32) -> (String, String) {
    let mut child = command(program, env).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    let (status, _, stderr) = end(child);
    let stdout = reader.join().unwrap();
    assert_eq!(status, Some(code), "{program} {env:?}\nstdout:\n{stdout}\nstderr:\n{stderr}");
    (stdout, stderr)
}

/// Sends SIGQUIT to a program that is ready for it.
#[track_caller]
fn quit(program: &str, env: &[(&str, &str)]) -> (Option<i32>, Option<i32>, String) {
    let mut child = command(program, env).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    // SAFETY: sends a signal to our child.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGQUIT) }, 0);
    // Its input stays open until it has ended.
    let _stdin = child.stdin.take();
    end(child)
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing\n{text}");
    }
}

/// The goroutine in whose text a part is.
#[track_caller]
fn block<'a>(text: &'a str, part: &str) -> &'a str {
    text.split("\n\n")
        .find(|block| block.contains(part))
        .unwrap_or_else(|| panic!("{part:?} is missing\n{text}"))
}

/// The text without the minutes that goroutines have waited, as they do on a busy machine.
fn without_minutes(text: &str) -> String {
    let mut parts = text.split(" minutes");
    let mut result = parts.next().unwrap().to_string();
    for part in parts {
        result.truncate(result.trim_end_matches(|c: char| c.is_ascii_digit()).len() - ", ".len());
        result.push_str(part);
    }
    result
}

/// One with the frames of all. A machine that is too busy to answer within 100 ms is asked again.
#[track_caller]
fn quit_answered(program: &str, env: &[(&str, &str)]) -> String {
    loop {
        let (code, _, text) = quit(program, env);
        assert_eq!(code, Some(2), "{text}");
        if !text.contains("stack unavailable") {
            return without_minutes(&text);
        }
    }
}

#[test]
fn sigquit_shows_every_goroutine() {
    for env in [&[][..], &[("GOTRACEBACK", "all")], &[("GOTRACEBACK", "single")]] {
        let text = quit_answered("all_states", env);
        assert!(text.starts_with("SIGQUIT: quit\nPC=0x"), "{text}");
        has(text.lines().nth(1).unwrap(), &[" m=", " sigcode=0"]);
        has(&text, &["\n\ngoroutine 1 [syscall]:\n", "\n\ngoroutine 9 [sleep]:\n"]);
        has(
            block(&text, "goroutine 2 ["),
            &[
                "[running, \"the hog\"] {kind: \"a hog\"}:\n",
                "computes()\n",
                "created by ",
                " in goroutine 1\n",
            ],
        );
        has(block(&text, "goroutine 3 ["), &["[syscall]:\n", "sleeps_in_the_kernel()\n", "created by "]);
        has(block(&text, "goroutine 4 ["), &["[running]:\n", "sleeps_in_the_kernel_unwrapped()\n"]);
        has(block(&text, "goroutine 5 ["), &["[syscall]:\n", "sleeps_on_the_system_stack::{{closure}}()\n"]);
        has(
            block(&text, "goroutine 6 ["),
            &["[chan receive, \"the waiter\"] {kind: waiter}:\n\twaits for channel 0x", "waits_for_good()\n"],
        );
        has(block(&text, "goroutine 7 ["), &["[chan receive, locked to thread]:\n"]);
        let deep = block(&text, "goroutine 8 [");
        has(deep, &["waits_for_good()\n", " frames elided...\n", "created by "]);
        assert!((70..=100).contains(&deep.matches("deep()\n").count()), "{deep}");
        assert!(!text.contains("gort::") && !text.contains("stack unavailable"), "{text}");
    }
}

#[test]
fn sigquit_with_levels() {
    let (code, _, text) = quit("all_states", &[("GOTRACEBACK", "none")]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.starts_with("SIGQUIT: quit\n") && !text.contains("goroutine"), "{text}");
    let text = quit_answered("all_states", &[("GOTRACEBACK", "system")]);
    has(&text, &["goroutine 1 gp=0x", "m=nil [sleep]:\n", "gort::sched::park::gopark_inline()\n", " pc=0x"]);
    let (_, signal, text) = quit("all_states", &[("GOTRACEBACK", "crash")]);
    assert_eq!(signal, Some(libc::SIGABRT), "{text}");
    has(&text, &["goroutine 1 gp=0x", "gort::sched::park::gopark_inline()\n"]);
}

/// Whatever the interrupted thread was doing: allocating, unwinding, switching, making goroutines.
#[test]
fn sigquit_in_the_midst_of_work() {
    for procs in ["1", "2", "8"] {
        for _ in 0..4 {
            // On a busy machine nobody may have had a processor in time; not again and again.
            let answered = (0..20).any(|_| {
                let (code, _, text) = quit("busy", &[("GOMAXPROCS", procs)]);
                assert_eq!(code, Some(2), "{text}");
                has(&text, &["SIGQUIT: quit\n", "goroutine 1 [", "created by "]);
                let answered = text.contains("allocates()\n");
                assert!(answered || text.contains("stack unavailable"), "{text}");
                answered
            });
            assert!(answered, "with {procs} Ps");
        }
    }
}

#[test]
fn sigquit_is_the_programs_if_it_wants() {
    for program in ["quit_taken_before", "quit_taken_later"] {
        let (stdout, stderr) = run(program, &[], 0);
        assert_eq!((stdout.as_str(), stderr.as_str()), ("taken\n", ""));
    }
    let (code, _, text) = quit("quit_by_channel", &[]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.starts_with("SIGQUIT: quit\n") && text.matches("SIGQUIT").count() == 1, "{text}");
}

#[test]
fn running_goroutines_show_their_frames() {
    for procs in ["1", "2", "8"] {
        assert_eq!(run("asks_runners", &[("GOMAXPROCS", procs)], 0).0, "seen\n");
    }
}

#[test]
fn one_that_cannot_be_asked() {
    let (text, _) = run("deaf", &[("GOMAXPROCS", "2")], 0);
    has(
        &text,
        &[
            "[running, locked to thread]:\n\tgoroutine running on other thread; stack unavailable\ncreated by prog_dump::deaf in goroutine 1\n",
        ],
    );
    assert!(text.ends_with("heard\n"), "{text}");
}

#[test]
fn one_with_too_little_stack_left() {
    let (text, _) = run("little_stack_left", &[], 0);
    let block = block(&text, "[chan receive]");
    has(
        block,
        &[
            "\n\tgoroutine has too little stack left to be walked; stack unavailable\ncreated by prog_dump::little_stack_left in goroutine 1\n",
        ],
    );
    assert!(!block.contains("waits_near_the_end()"), "{text}");
    assert!(text.ends_with("went on\n"), "{text}");
}

#[test]
fn calls_on_the_system_stack_stand_above_their_callers() {
    let (text, panicked) = run("on_the_system_stack", &[("GOMAXPROCS", "2")], 2);
    has(&text, &["went on\n"]);
    let (own, rest) = text.split_once("asked:\n").unwrap();
    let (asked, host) = rest.split_once("host:\n").unwrap();
    // In this order, in one goroutine. A number stands for a closure so many deep.
    let check = |text: &str, frames: &[&str]| {
        let name = |frame: &str| match frame.parse() {
            Ok(depth) => format!("\nprog_dump::on_the_system_stack{}()\n", "::{{closure}}".repeat(depth)),
            Err(_) => format!("\nprog_dump::{frame}()\n"),
        };
        let in_order = |block: &&str| {
            let mut rest = *block;
            frames.iter().all(|frame| {
                let at = rest.find(&name(frame));
                rest = &rest[at.unwrap_or(0)..];
                at.is_some()
            })
        };
        assert!(text.split("\n\n").any(|block| in_order(&block)), "{frames:?}\n{text}");
    };
    check(own, &["2", "calls", "1"]);
    check(asked, &["computes", "2", "calls", "1"]);
    check(host, &["computes", "3", "calls", "2"]);
    has(block(host, "[join"), &["\nprog_dump::on_the_system_stack::{{closure}}()\n"]);
    check(&panicked, &["2", "calls", "1"]);
}

#[test]
fn the_signal_that_asks_is_everybodys() {
    assert_eq!(run("signal_is_passed_on", &[], 0).0, "passed on\n");
}

#[test]
fn nobody_is_interrupted_without_a_dump() {
    assert_eq!(run("no_eintr", &[("GOMAXPROCS", "2")], 0).0, "undisturbed\n");
}

#[test]
fn who_reads_does_not_see_dumps() {
    for procs in ["1", "2"] {
        assert_eq!(run("no_eintr_in_dumps", &[("GOMAXPROCS", procs)], 0).0, "undisturbed\n");
    }
}

#[test]
fn one_with_no_stack_left_for_a_handler() {
    let (text, _) = run("asked_with_a_full_stack", &[("GOMAXPROCS", "2")], 0);
    let left: usize = text.strip_suffix(" left\n").expect(&text).parse().unwrap();
    assert!((200..500).contains(&left), "{left}");
}

#[test]
fn dumped_a_thousand_times() {
    for procs in ["1", "4"] {
        assert_eq!(run("dumped_often", &[("GOMAXPROCS", procs)], 0).0, "went on\n");
    }
}

#[test]
fn many_goroutines_are_grouped() {
    assert_eq!(run("grouped", &[], 0).0, "grouped\n");
}

#[test]
fn ancestors_in_every_dump() {
    let (text, _) = run("ancestors", &[("GODEBUG", "tracebackancestors=5")], 0);
    let own = &text[..text.find("goroutine 1 [").unwrap()];
    has(own, &["goroutine 3 [running]:\n", "grandchild()\n"]);
    for block in [own, block(&text, "goroutine 3 [chan receive]")] {
        has(
            block,
            &[
                "ancestors::child in goroutine 2\n",
                "[originating from goroutine 2]:\n",
                "ancestors::child()\n",
                "[originating from goroutine 1]:\n",
                "ancestors()\n",
            ],
        );
    }
    let (text, _) = run("ancestors", &[("GODEBUG", "tracebackancestors=1")], 0);
    let third = block(&text, "goroutine 3 [chan receive]");
    has(third, &["[originating from goroutine 2]:\n"]);
    assert!(!third.contains("[originating from goroutine 1]:\n"), "{third}");
    let (text, _) = run("ancestors", &[], 0);
    assert!(!text.contains("originating"), "{text}");
}

/// The text without addresses.
fn without_addresses(text: &str) -> String {
    let mut parts = text.split("0x");
    let mut result = parts.next().unwrap().to_string();
    for part in parts {
        result.push_str("0x");
        result.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    result
}

#[test]
fn deadlocks_say_who_waits_for_whom() {
    const ASLEEP: &str = "fatal error: all goroutines are asleep - deadlock!\n";
    let check = |program: &str, circle: &str, parts: &[&str]| {
        let (_, text) = run(program, &[], 2);
        let text = without_addresses(&text);
        assert!(text.starts_with(&format!("{ASLEEP}\n{circle}goroutine 1 [")), "{text}");
        has(&text, parts);
        assert_eq!(text.contains("circle\n"), !circle.is_empty(), "{text}");
    };
    check(
        "deadlock_circle",
        "goroutine 2 waits for mutex 0x, held by goroutine 3,\nwhich waits for mutex 0x, held by goroutine 2: a circle\n\n",
        &[
            "goroutine 1 [join]:\n\twaits for goroutine 2 to end\n",
            "goroutine 2 [sync.Mutex.Lock]:\n\twaits for mutex 0x, held by goroutine 3\n",
            "goroutine 3 [sync.Mutex.Lock]:\n\twaits for mutex 0x, held by goroutine 2\n",
        ],
    );
    check(
        "deadlock_rwlock",
        "goroutine 1 waits for goroutine 2 to end,\nwhich waits for rwlock 0x, held by goroutine 1: a circle\n\n",
        &["goroutine 2 [sync.RWMutex.RLock]:\n\twaits for rwlock 0x, held by goroutine 1\n"],
    );
    check(
        "deadlock_once",
        "goroutine 1 waits for once 0x, held by goroutine 1: a circle\n\n",
        &["goroutine 1 [sync.Once.Do]:\n\twaits for once 0x, held by itself\n"],
    );
    check("deadlock_leaked_guard", "", &["\twaits for mutex 0x, held by goroutine 2, which has ended\n"]);
    check("deadlock_thread_holds", "", &["\twaits for mutex 0x, held by a thread that is no goroutine\n"]);
    check(
        "deadlock_wait_group",
        "",
        &["\twaits for WaitGroup 0x with counter 2, on the stack of goroutine 2\n"],
    );
    check(
        "deadlock_channel",
        "",
        &["[chan receive]:\n\twaits for channel 0x, on the stack of goroutine 2\n"],
    );
    check("deadlock_lonely_channel", "", &["\twaits for channel 0x, on no other goroutine's stack\n"]);
    check(
        "deadlock_select",
        "",
        &[
            "goroutine 1 [select]:\n\twaits for channel 0x, on the stack of goroutine 2,\n\tor channel 0x, on no other goroutine's stack\n",
        ],
    );
    check(
        "deadlock_condvar",
        "",
        &["goroutine 1 [sync.Cond.Wait]:\n\twaits for condvar 0x, on the stack of goroutine 2\n"],
    );
    check(
        "deadlock_semaphore",
        "",
        &["goroutine 1 [semacquire]:\n\twaits for semaphore 0x with 1 permits, taken by goroutine 2\n"],
    );
    check(
        "deadlock_barrier",
        "",
        &[
            "goroutine 1 [barrier]:\n\twaits for barrier 0x and 2 more to come, on the stack of goroutine 2\n",
            "goroutine 2 [barrier]:\n\twaits for barrier 0x and 2 more to come, on the stack of goroutine 1\n",
        ],
    );
    check(
        "deadlock_readers",
        "",
        &["goroutine 1 [sync.RWMutex.Lock]:\n\twaits for rwlock 0x, read by goroutine 2\n"],
    );
    check(
        "deadlock_upgrade",
        "goroutine 1 waits for rwlock 0x, read by goroutine 1: a circle\n\n",
        &["goroutine 1 [sync.RWMutex.Lock]:\n\twaits for rwlock 0x, read by itself\n"],
    );
    check(
        "deadlock_two_upgrades",
        "",
        &[
            "goroutine 1 [sync.RWMutex.Lock]:\n\twaits for rwlock 0x with 2 readers, read by itself and goroutine 2\n",
            "goroutine 2 [sync.RWMutex.Lock]:\n\twaits for rwlock 0x with 2 readers, read by goroutine 1 and itself\n",
        ],
    );
    check(
        "deadlock_reads_again",
        "goroutine 1 waits for rwlock 0x, after goroutine 2,\nwhich waits for rwlock 0x, read by goroutine 1: a circle\n\n",
        &[
            "goroutine 1 [sync.RWMutex.RLock]:\n\twaits for rwlock 0x, after goroutine 2, which waits to write\n",
            "goroutine 2 [sync.RWMutex.Lock]:\n\twaits for rwlock 0x, read by goroutine 1\n",
        ],
    );
    check("deadlock_thread_reads", "", &["\twaits for rwlock 0x, read by a thread that is no goroutine\n"]);
    check(
        "deadlock_own_permit",
        "goroutine 1 waits for semaphore 0x with 0 permits, taken by goroutine 1: a circle\n\n",
        &["goroutine 1 [semacquire]:\n\twaits for semaphore 0x with 0 permits, taken by itself\n"],
    );
    check("deadlock_park", "", &["goroutine 1 [park]:\n\twaits for unpark by one that has its handle\n"]);
    check(
        "deadlock_block_on",
        "",
        &[
            "goroutine 1 [block_on]:\n\twaits for its waker, which one had as it parked, on the stack of goroutine 2\n",
        ],
    );
    check(
        "deadlock_lonely_block_on",
        "",
        &["goroutine 1 [block_on]:\n\twaits for its waker, which nobody has\n"],
    );
    check(
        "deadlock_group",
        "",
        &[
            "goroutine 1 [semacquire]:\n\twaits for a place in ErrGroup 0x with limit 1, on the stack of goroutine 2\n",
        ],
    );
    check(
        "deadlock_scope",
        "",
        &[
            "goroutine 1 [scope]:\n\twaits for 3 goroutines of scope 0x, on the stacks of goroutines 2, 3 and 4\n",
        ],
    );
}

#[test]
fn traceback_none_shows_no_goroutines() {
    let (_, text) = run("deadlock_circle", &[("GOTRACEBACK", "none")], 2);
    assert_eq!(text, "fatal error: all goroutines are asleep - deadlock!\n");
}
