//! Stacks at scale: a great many of them, more than there is room for, and what is left when they are gone.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

fn run(arguments: &[&str], env: &[(&str, &str)]) -> (Output, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_prog_stacks"))
        .args(arguments)
        .env_remove("GODEBUG")
        .env_remove("GORT_STACK")
        .env_remove("GOTRACEBACK")
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

const LIGHT: &[(&str, &str)] = &[];
const MPROTECT: &[(&str, &str)] = &[("GODEBUG", "noguardinstall=1")];

fn figure(out: &str, name: &str) -> usize {
    let line = out.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {out}")).parse().unwrap()
}

/// Whether guards are regions that split no mapping.
fn light_guards() -> bool {
    run(&["sizes"], &[("GODEBUG", "inittrace=1")]).2.contains("guard regions")
}

#[test]
fn a_hundred_thousand_wait() {
    if !light_guards() {
        eprintln!("not run: this kernel has no guard regions (Linux 6.13)");
        return;
    }
    let (_, out, err) = run(&["parked", "100000"], LIGHT);
    println!("{out}");
    // Of 25 GiB one for each slab at most: six that double from 16 MiB, 25 of 1 GiB. A few for descriptors and the heap.
    // A thread has five: its stack and that one's guard, its signal stack, the used and the unused part of its arena.
    let most = 40 + 5 * figure(&out, "threads");
    assert!(figure(&out, "mappings") < most, "{out}\n{err}");
    // A page, and the descriptor; frames that are not optimised may need another page.
    let most = if cfg!(debug_assertions) { 9 << 10 } else { 5 << 10 };
    assert!(figure(&out, "bytes") < most, "{out}");
    assert!(figure(&out, "bytes_of_page_tables") < 600, "{out}");
}

#[test]
fn guards_by_mprotect() {
    let (_, out, err) = run(&["parked", "1000"], MPROTECT);
    assert!(figure(&out, "mappings") >= 2000, "each guard splits its mapping\n{out}\n{err}");
}

#[test]
fn signal_stacks_have_guards() {
    for env in [LIGHT, MPROTECT] {
        let (_, out, err) = run(&["signal_stacks"], env);
        assert_eq!(out, "guarded", "{err}");
    }
}

/// No stack may be marked to stay behind in a fork.
#[test]
fn a_child_goes_on_on_a_goroutines_stack() {
    for env in [LIGHT, MPROTECT] {
        let (_, out, err) = run(&["fork"], env);
        assert_eq!(out, "exit status: 0", "{err}");
    }
}

#[test]
fn unused_stacks_go_back_to_the_kernel() {
    for program in ["burst", "burst_beside_work"] {
        for (n, env) in [("10000", LIGHT), ("2000", MPROTECT)] {
            let (_, out, err) = run(&[program, n], env);
            assert_eq!(out, "given back", "{err}");
        }
    }
}

#[test]
fn no_address_space_is_an_error_of_the_builder() {
    for env in [LIGHT, MPROTECT] {
        let (_, out, err) = run(&["refused_address_space"], env);
        let lines: Vec<_> = out.lines().collect();
        assert!(
            matches!(lines[..], [error, "went on"] if error.contains("Cannot allocate memory")),
            "{out}\n{err}"
        );
    }
}

#[test]
fn no_mapping_is_an_error_of_the_builder() {
    let (_, out, err) = run(&["refused"], MPROTECT);
    let lines: Vec<_> = out.lines().collect();
    assert!(matches!(lines[..], [error, "went on"] if error.contains("vm.max_map_count")), "{out}\n{err}");
}

#[test]
fn a_stack_larger_than_memory_is_an_error_of_the_builder() {
    let (_, out, err) = run(&["too_large"], LIGHT);
    assert!(out.starts_with("1073741824 bytes of address space: Cannot allocate memory"), "{out}\n{err}");
}

#[test]
fn without_memory_go_ends_the_process_with_words() {
    let check = |program: &str, env: &[(&str, &str)], signal: Option<i32>| {
        let (output, _, err) = run(&[program], env);
        assert_eq!(output.status.signal(), signal, "{err}");
        assert_eq!(output.status.code(), if signal.is_some() { None } else { Some(2) }, "{err}");
        assert!(err.starts_with("runtime: out of memory: cannot allocate "), "{err}");
        assert_eq!(err.contains("vm.max_map_count"), program == "fatal", "{err}");
        err.split_once("\nfatal error: out of memory").expect("the reason").1.to_owned()
    };
    for (program, env) in
        [("fatal_address_space", LIGHT), ("fatal_address_space", MPROTECT), ("fatal", MPROTECT)]
    {
        // The one that was to have a stack has no frames, but a maker.
        let text = check(program, env, None);
        let (own, others) = text.trim_start().split_once("\n\n").expect("several goroutines");
        let lines: Vec<_> = own.lines().collect();
        assert!(
            matches!(lines[..], [first, maker, place]
                if first.starts_with("goroutine ") && first.ends_with(" [running]:")
                    && maker == "created by prog_stacks::fatal in goroutine 1"
                    && place.starts_with("\ttests/src/bin/prog_stacks.rs:")),
            "{own}"
        );
        assert!(others.starts_with("goroutine 1 ["), "{others}");
    }
    let level = |level| [("GODEBUG", "noguardinstall=1"), ("GOTRACEBACK", level)];
    assert_eq!(check("fatal_address_space", &level("none"), None), "");
    check("fatal_address_space", &level("crash"), Some(libc::SIGABRT));
}

#[test]
fn gort_stack() {
    let check = |value: &str, kib: usize| {
        let (output, _, err) = run(&["sizes"], &[("GORT_STACK", value), ("GODEBUG", "inittrace=1")]);
        assert!(output.status.success(), "{value:?}: {err}");
        assert!(err.contains(&format!("default {kib} KiB with a guard of 64 KiB")), "{value:?}: {err}");
    };
    check("1", 128);
    check("64K", 128);
    check("65537", 256);
    check("192k", 256);
    check("1M", 2048);
    // No number: as if it were not there.
    for value in ["", "0", "0K", "-1", "+1M", " 1M", "1M ", "1G", "lots", "0x10000", "K", "1.5M"] {
        check(value, 256);
    }
    // More than the largest, also where the number is past all bounds: the largest.
    check("1023M", 1 << 20);
    check("1024M", 1 << 20);
    check("18446744073709551615", 1 << 20);
    check("99999999999999999999M", 1 << 20);
}

/// What a goroutine may use of its stack is what was asked for, rounded up, and then its guard stops it.
#[test]
fn sizes_and_their_guards() {
    for godebug in ["", "noguardinstall=1"] {
        let check = |program: &str, gort_stack: &str, limit: usize| {
            let (output, _, err) = run(&[program], &[("GORT_STACK", gort_stack), ("GODEBUG", godebug)]);
            assert_eq!(output.status.code(), Some(2), "{err}");
            let header =
                format!("runtime: goroutine stack exceeds {limit}-byte limit\nfatal error: stack overflow");
            assert!(err.starts_with(&header), "{err}");
        };
        check("overflow", "lots", (256 - 64) << 10);
        check("overflow", "64K", 64 << 10);
        check("overflow", "1M", (2048 - 64) << 10);
        check("overflow_builder", "64K", (512 - 64) << 10);
        check("overflow_go", "64K", (1024 - 64) << 10);
    }
}
