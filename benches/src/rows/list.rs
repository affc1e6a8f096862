//! Every row. To add one, add it here and to the peers; one that a peer lacks is shown as unsupported there.

use super::Target::{AtMost, Best, OfGo};
use super::{Metric, Program, Row};

/// The peers that have tasks.
const TASKS: &[&str] = &["gort", "go", "may", "tokio", "threads"];

/// The peers that have channels.
const CHANNELS: &[&str] = &["gort", "go", "may", "tokio", "threads", "flume"];

/// Nanoseconds an operation, in which most rows are measured.
const NS: Metric = Metric::new("ns_per_op", "ns");

const LATE_MEAN: Metric = Metric::new("late_mean_us", "µs");
const LATE_P99: Metric = Metric::new("late_p99_us", "µs");
const LATE_MAX: Metric = Metric::new("late_max_us", "µs");

/// CPU a wake-up or request, the rate, and how long an answer takes.
const RATE: Metric = Metric::new("rate", "/s").aside("requests").more();
const P50: Metric = Metric::new("p50_us", "µs").aside("p50");
const P99: Metric = Metric::new("p99_us", "µs").aside("p99");
const CPU: Metric = Metric::new("cpu_us", "µs");

/// A parked goroutine's memory.
const BYTES: &[Metric] = &[
    Metric::new("bytes_per_op", "B").expect(&[AtMost(4.7 * 1024.0)]),
    Metric::new("pte_bytes_per_op", "B").aside("page tables"),
    Metric::new("start_ms", "ms").aside("time to start all"),
];

/// What rows have if they say nothing else.
const ROW: Row = Row {
    name: "",
    workload: "",
    about: "",
    n: 1,
    quick: 1,
    scaled: &[],
    peers: TASKS,
    procs: None,
    program: Program::Peer,
    metrics: &[NS],
};

/// Every row, in the order of the table.
pub const ROWS: &[Row] = &[
    Row {
        name: "spawn",
        workload: "spawn",
        about: "start one after the other, wait for all",
        n: 1_000_000,
        quick: 100_000,
        scaled: &[("threads", 20_000)],
        metrics: &[NS.expect(&[OfGo(0.25)])],
        ..ROW
    },
    Row {
        name: "spawn_chain",
        workload: "spawn_chain",
        about: "each starts the next and ends",
        n: 1_000_000,
        quick: 100_000,
        scaled: &[("may", 20_000), ("threads", 20_000)],
        metrics: &[NS.expect(&[OfGo(0.25)])],
        ..ROW
    },
    Row {
        name: "spawn_join",
        workload: "spawn_join",
        about: "start one and wait for its result",
        n: 1_000_000,
        quick: 100_000,
        scaled: &[("may", 20_000), ("threads", 20_000)],
        metrics: &[NS.expect(&[OfGo(0.1)])],
        ..ROW
    },
    Row {
        name: "spawn_join_p1",
        workload: "spawn_join",
        about: "the same with GOMAXPROCS=1",
        n: 1_000_000,
        quick: 100_000,
        scaled: &[("may", 20_000), ("threads", 20_000)],
        procs: Some(1),
        metrics: &[NS.expect(&[OfGo(0.1)])],
        ..ROW
    },
    Row {
        name: "yield1",
        workload: "yield1",
        about: "yield with nobody else about",
        n: 10_000_000,
        quick: 1_000_000,
        metrics: &[NS.expect(&[OfGo(0.15)])],
        ..ROW
    },
    Row {
        name: "yield1000",
        workload: "yield1000",
        about: "yield among 1,000",
        n: 10_000_000,
        quick: 1_000_000,
        scaled: &[("threads", 2_000_000)],
        metrics: &[NS.expect(&[OfGo(0.15)])],
        ..ROW
    },
    Row {
        name: "pingpong",
        workload: "pingpong",
        about: "round trip over two unbuffered channels",
        n: 1_000_000,
        quick: 100_000,
        scaled: &[("threads", 100_000), ("flume", 100_000)],
        peers: CHANNELS,
        metrics: &[NS.expect(&[OfGo(0.2)])],
        ..ROW
    },
    Row {
        name: "prodcons0",
        workload: "prodcons0",
        about: "one sends, one receives, unbuffered",
        n: 2_000_000,
        quick: 200_000,
        scaled: &[("threads", 100_000), ("flume", 100_000)],
        peers: CHANNELS,
        metrics: &[NS.expect(&[OfGo(0.5)])],
        ..ROW
    },
    Row {
        name: "prodcons1",
        workload: "prodcons1",
        about: "the same, capacity 1",
        n: 2_000_000,
        quick: 200_000,
        scaled: &[("threads", 100_000), ("flume", 100_000)],
        peers: CHANNELS,
        ..ROW
    },
    Row {
        name: "prodcons100",
        workload: "prodcons100",
        about: "the same, capacity 100",
        n: 5_000_000,
        quick: 500_000,
        peers: CHANNELS,
        metrics: &[NS.expect(&[OfGo(0.45)])],
        ..ROW
    },
    Row {
        name: "mpmc",
        workload: "mpmc",
        about: "four send, four receive, capacity 100",
        n: 5_000_000,
        quick: 500_000,
        peers: CHANNELS,
        metrics: &[NS.expect(&[OfGo(0.6)])],
        ..ROW
    },
    Row {
        name: "ring",
        workload: "ring",
        about: "a hop in a ring of 503",
        n: 2_000_000,
        quick: 200_000,
        scaled: &[("threads", 50_000), ("flume", 50_000)],
        peers: CHANNELS,
        metrics: &[NS.expect(&[OfGo(0.35)])],
        ..ROW
    },
    Row {
        name: "sieve",
        workload: "sieve",
        about: "a message in the chain of the first 1,000 primes",
        n: 1_000,
        quick: 300,
        scaled: &[("threads", 100), ("flume", 100)],
        peers: CHANNELS,
        metrics: &[NS.expect(&[OfGo(0.6)])],
        ..ROW
    },
    Row {
        name: "select2",
        workload: "select2",
        about: "receive from either of two that send",
        n: 1_000_000,
        quick: 100_000,
        scaled: &[("threads", 100_000), ("flume", 100_000)],
        peers: CHANNELS,
        metrics: &[NS.expect(&[OfGo(0.5)])],
        ..ROW
    },
    Row {
        name: "select8",
        workload: "select8",
        about: "receive from any of eight that send",
        n: 1_000_000,
        quick: 100_000,
        scaled: &[("threads", 100_000), ("flume", 100_000)],
        peers: CHANNELS,
        ..ROW
    },
    Row {
        name: "select_nb",
        workload: "select_nb",
        about: "look whether there is a message: none",
        n: 20_000_000,
        quick: 2_000_000,
        peers: CHANNELS,
        metrics: &[NS.expect(&[OfGo(0.3)])],
        ..ROW
    },
    Row {
        name: "mutex8",
        workload: "mutex8",
        about: "a lock that eight want",
        n: 10_000_000,
        quick: 1_000_000,
        metrics: &[NS.expect(&[OfGo(0.9)])],
        ..ROW
    },
    Row {
        name: "mutex1",
        workload: "mutex1",
        about: "a lock that nobody else wants",
        n: 20_000_000,
        quick: 2_000_000,
        ..ROW
    },
    Row {
        name: "skynet",
        workload: "skynet",
        about: "tree of tasks, ten children each, per leaf",
        n: 1_000_000,
        quick: 100_000,
        scaled: &[("threads", 10_000)],
        metrics: &[NS.expect(&[OfGo(0.3)])],
        ..ROW
    },
    Row {
        name: "fib",
        workload: "fib",
        about: "fork-join fib(27), per fork",
        n: 27,
        quick: 20,
        scaled: &[("may", 15), ("threads", 15)],
        peers: &["gort", "go", "may", "tokio", "threads", "rayon"],
        metrics: &[NS.expect(&[OfGo(0.03)])],
        ..ROW
    },
    Row {
        name: "fib_p1",
        workload: "fib",
        about: "the same with GOMAXPROCS=1",
        n: 27,
        quick: 20,
        scaled: &[("may", 15), ("threads", 15)],
        peers: &["gort", "go", "may", "tokio", "threads", "rayon"],
        procs: Some(1),
        metrics: &[NS.expect(&[OfGo(0.03)])],
        ..ROW
    },
    Row {
        name: "fib34",
        workload: "fib",
        about: "fork-join fib(34), per fork",
        n: 34,
        quick: 25,
        peers: &["gort", "go", "tokio", "rayon"],
        metrics: &[NS.expect(&[OfGo(0.03)])],
        ..ROW
    },
    Row {
        name: "fib34_p1",
        workload: "fib",
        about: "the same with GOMAXPROCS=1",
        n: 34,
        quick: 25,
        peers: &["gort", "go", "tokio", "rayon"],
        procs: Some(1),
        metrics: &[NS.expect(&[OfGo(0.03)])],
        ..ROW
    },
    Row {
        name: "sleepers",
        workload: "sleepers",
        about: "100,000 that sleep five times: CPU a wake-up",
        peers: &["gort", "go", "may", "tokio", "threads", "floor"],
        n: 100_000,
        quick: 10_000,
        scaled: &[("may", 20_000), ("threads", 10_000)],
        metrics: &[CPU.expect(&[OfGo(0.5)]), LATE_MEAN.aside("late, mean"), LATE_P99.aside("late, p99")],
        ..ROW
    },
    Row {
        name: "lone",
        workload: "lone",
        about: "lateness of a 1 ms sleeper while nothing else happens",
        n: 500,
        quick: 50,
        metrics: &[LATE_MEAN.expect(&[AtMost(100.0)]), LATE_P99.aside("p99"), LATE_MAX.aside("max")],
        ..ROW
    },
    Row {
        name: "hogs",
        workload: "hogs",
        about: "lateness of a 1 ms sleeper among 2×GOMAXPROCS that compute",
        n: 500,
        quick: 50,
        scaled: &[("may", 50), ("tokio", 50)],
        metrics: &[
            LATE_P99.expect(&[OfGo(0.12), AtMost(2_500.0)]),
            LATE_MEAN.aside("mean"),
            LATE_MAX.aside("max"),
            Metric::new("burst_ms", "ms").aside("CPU time a 50 ms burst"),
        ],
        ..ROW
    },
    Row {
        name: "jobs",
        workload: "jobs",
        about: "a job of 16 pieces of 10 µs after each millisecond of rest",
        n: 1_000,
        quick: 100,
        peers: &["gort", "go", "may", "tokio", "threads", "rayon"],
        metrics: &[LATE_MEAN, LATE_P99.aside("p99")],
        ..ROW
    },
    Row {
        name: "blocking",
        workload: "blocking",
        about: "lateness of a 1 ms sleeper beside 64 × 4 blocking calls of 50 ms",
        n: 64,
        quick: 16,
        metrics: &[
            LATE_P99.expect(&[OfGo(0.6), AtMost(2_000.0)]),
            LATE_MEAN.aside("mean"),
            LATE_MAX.aside("max"),
            Metric::new("total_ms", "ms").aside("all calls").expect(&[AtMost(230.0)]),
        ],
        ..ROW
    },
    Row {
        name: "parked",
        workload: "parked",
        about: "memory of one that waits, of 200,000",
        n: 200_000,
        quick: 50_000,
        scaled: &[("may", 30_000), ("threads", 10_000)],
        peers: &["gort", "go", "may", "tokio", "threads", "floor"],
        metrics: BYTES,
        ..ROW
    },
    Row {
        name: "parked1m",
        workload: "parked",
        about: "memory of one that waits, of 1,000,000",
        n: 1_000_000,
        quick: 200_000,
        peers: &["gort", "go", "tokio", "floor"],
        metrics: BYTES,
        ..ROW
    },
    Row {
        name: "echo",
        workload: "echo",
        about: "TCP echo, 64 bytes, 100 connections: server CPU a request",
        n: 200_000,
        quick: 20_000,
        peers: &["gort", "go", "may", "tokio", "threads", "floor"],
        program: Program::Serve,
        metrics: &[CPU.expect(&[AtMost(9.0)]), RATE.expect(&[Best]), P50, P99.expect(&[Best])],
        ..ROW
    },
    Row {
        name: "idle",
        workload: "idle",
        about: "the same with 10,000 connections, 100 of them busy: memory of each",
        n: 10_000,
        quick: 1_000,
        peers: &["gort", "go", "may", "tokio", "threads", "floor"],
        program: Program::Serve,
        metrics: &[Metric::new("bytes_per_op", "B"), CPU.aside("server CPU a request"), RATE, P99],
        ..ROW
    },
    Row {
        name: "http",
        workload: "http",
        about: "HTTP plain text, 100 connections: server CPU a request",
        n: 200_000,
        quick: 50_000,
        peers: &["gort", "go", "may", "tokio"],
        program: Program::Serve,
        metrics: &[CPU.expect(&[AtMost(14.0)]), RATE.expect(&[Best]), P50, P99.expect(&[Best])],
        ..ROW
    },
    Row {
        name: "hello",
        workload: "hello",
        about: "a whole process that starts one, which says hello",
        n: 200,
        quick: 20,
        peers: &["gort", "go", "may", "tokio", "threads", "floor"],
        program: Program::Hello,
        metrics: &[Metric::new("ms_per_op", "ms").expect(&[OfGo(0.4)])],
        ..ROW
    },
    Row {
        name: "size",
        workload: "size",
        about: "its size without symbols",
        peers: &["gort", "go", "may", "tokio", "threads", "floor"],
        program: Program::Hello,
        metrics: &[Metric::new("kib", "KiB")],
        ..ROW
    },
];
