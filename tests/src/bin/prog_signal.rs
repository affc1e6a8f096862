//! Programs for `tests/tests/prog_signal.rs`: what signals do to a process.

use std::io::Write;
use std::time::Duration;

use gort::channel::{bounded, never};
use gort::context::Context;
use gort::signal::{self, Signal};

fn say(text: &str) {
    println!("{text}");
    std::io::stdout().flush().unwrap();
}

fn kill(signal: Signal) {
    // SAFETY: plain numbers.
    unsafe { libc::kill(libc::getpid(), signal.as_raw()) };
}

/// For as long as it takes the kernel.
fn until_killed() -> ! {
    loop {
        gort::sleep(Duration::from_secs(1));
    }
}

fn signal_of(name: &str) -> Signal {
    (1..=31)
        .filter_map(Signal::from_raw)
        .find(|signal| format!("{signal:?}") == name)
        .unwrap_or_else(|| panic!("no signal {name}"))
}

/// Waits for the signals named, one after the other, with nothing else in the process that could go on.
fn waits(names: &[String]) {
    let (tx, rx) = bounded(names.len());
    let signals: Vec<Signal> = names.iter().map(|name| signal_of(name)).collect();
    signal::notify(&tx, &signals);
    say("ready");
    for _ in names {
        say(&format!("{:?}", rx.recv().unwrap()));
    }
}

/// A goroutine computes on every P.
fn among_hogs() {
    let (tx, rx) = bounded(1);
    signal::notify(&tx, &[Signal::SIGTERM]);
    for _ in 0..gort::gomaxprocs(0) {
        gort::go!(|| {
            let mut n = 0_u64;
            loop {
                n = std::hint::black_box(n + 1);
            }
        });
    }
    say("ready");
    say(&format!("{:?}", rx.recv().unwrap()));
}

/// Asks for a signal and gives that up again; what the signal did before, it does now.
fn stopped(name: &str) {
    let (tx, rx) = bounded(1);
    let signal = signal_of(name);
    signal::notify(&tx, &[signal]);
    kill(signal);
    rx.recv().unwrap();
    signal::stop(tx);
    say("ready");
    kill(signal);
    say("still here");
}

/// As `stopped`, for one that stays blocked.
fn stopped_blocked() {
    let (tx, rx) = bounded(1);
    for _ in 0..3 {
        signal::notify(&tx, &[Signal::SIGUSR1]);
        assert_eq!(rx.recv(), Ok(Signal::SIGUSR1), "it was pending");
        signal::stop(&tx);
        kill(Signal::SIGUSR1);
    }
    say("still here");
}

fn reset(name: &str) {
    let (tx, _rx) = bounded(1);
    signal::notify(&tx, &[]);
    signal::ignore(&[signal_of(name)]);
    kill(signal_of(name));
    say("ready");
    signal::reset(&[]);
    kill(signal_of(name));
    until_killed();
}

/// A signal that meets `stop` is received, or ends the process.
fn while_stopping() {
    let (tx, rx) = bounded(1);
    signal::notify(&tx, &[Signal::SIGTERM]);
    let killer = std::thread::spawn(|| kill(Signal::SIGTERM));
    signal::stop(tx);
    killer.join().unwrap();
    match rx.try_recv() {
        Ok(_) => say("received"),
        Err(_) => until_killed(),
    }
}

/// The first interrupt is to end it in good order, the second at once.
fn two_interrupts() {
    let (ctx, stop) = signal::notify_context(&Context::background(), &[Signal::SIGINT]);
    say("ready");
    assert!(ctx.done().recv().is_err());
    stop.cancel();
    say(&ctx.cause().unwrap().to_string());
    until_killed();
}

fn deadlock_after_stop() {
    let (ctx, stop) = signal::notify_context(&Context::background(), &[]);
    stop.cancel();
    assert!(ctx.err().is_some());
    let _ = never::<()>().recv();
}

/// Signals from all sides while goroutines of small stacks call, park and end.
fn storm() {
    fn deep(n: usize) -> usize {
        let frame = std::hint::black_box([n; 64]);
        if n == 0 { 0 } else { deep(n - 1) + frame[63] / n }
    }
    let (tx, rx) = bounded(1);
    signal::notify(&tx, &[Signal::SIGUSR1, Signal::SIGUSR2]);
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2] {
        std::thread::spawn(move || {
            loop {
                kill(signal);
            }
        });
    }
    let (numbers, results) = bounded(8);
    let (begin, begun) = bounded(1);
    let worked = gort::spawn(move || {
        begun.recv().unwrap();
        for _ in 0..2000 {
            let numbers = numbers.clone();
            gort::go!(stack_size = 64 << 10; move || numbers.send(deep(40)).unwrap());
        }
    });
    // None before the storm has begun.
    rx.recv().unwrap();
    begin.send(()).unwrap();
    let mut sum = 0;
    loop {
        gort::select! {
            recv(rx) -> _ => {}
            recv(results) -> result => match result {
                Ok(result) => sum += result,
                Err(_) => break,
            }
        }
    }
    worked.join().unwrap();
    say(&sum.to_string());
}

/// The process ends on another thread than its first, which the kernel prefers for signals.
fn exit_in_a_storm() {
    let (tx, _rx) = bounded(1);
    signal::notify(&tx, &[Signal::SIGUSR1]);
    std::thread::spawn(|| {
        loop {
            kill(Signal::SIGUSR1);
            std::thread::yield_now();
        }
    });
    // SAFETY: no arguments.
    let on_first = || unsafe { libc::gettid() == libc::getpid() };
    gort::go! {
        if on_first() {
            // Nobody else runs on this thread any more.
            gort::lock_os_thread();
            let _ = gort::spawn(|| std::process::exit(7)).join();
        }
        std::process::exit(7);
    }
    until_killed();
}

#[gort::main]
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args[0].as_str() {
        "waits" => waits(&args[1..]),
        "among_hogs" => among_hogs(),
        "stopped" => stopped(&args[1]),
        "stopped_blocked" => stopped_blocked(),
        "reset" => reset(&args[1]),
        "while_stopping" => while_stopping(),
        "two_interrupts" => two_interrupts(),
        "deadlock_after_stop" => deadlock_after_stop(),
        "storm" => storm(),
        "exit_in_a_storm" => exit_in_a_storm(),
        "nothing_asked" => {
            say("ready");
            until_killed();
        }
        other => panic!("no program {other:?}"),
    }
}
