//! The rows of the network: a server's process, and the load from here.

use std::io;
use std::path::Path;
use std::time::Duration;

use benches::outcome::Outcome;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::exchange::Exchange;
use super::load::{Load, Taken};
use super::server::Server;
use super::wrk;

/// How many connections are busy.
const ACTIVE: usize = 100;

/// How many requests a second wrk is taken to make: it is told how long to run,
/// not how much to do.
const WRK_RATE: u64 = 50_000;

/// `n` requests over 100 connections.
pub(super) fn echo(program: &Path, n: u64) -> io::Result<Outcome> {
    let server = Server::start(program, "echo")?;
    let mut load = Load::connect(server.address(), ACTIVE, Exchange::Echo)?;
    load.run(ACTIVE, n / 10)?;
    let before = server.cpu()?;
    let taken = load.run(ACTIVE, n)?;
    let cpu = server.cpu()? - before;
    Ok(Outcome::checked(n, n, figures(cpu, n, taken)))
}

/// `n` connections, of which 100 are busy with ten times as many requests.
pub(super) fn idle(program: &Path, n: u64) -> io::Result<Outcome> {
    raise_file_limit()?;
    let server = Server::start(program, "echo")?;
    // What the first connection brings with it is not the connections' own.
    let mut first = Load::connect(server.address(), 1, Exchange::Echo)?;
    first.run(1, 1000)?;
    let before = server.memory()?.resident;
    let mut load = Load::connect(server.address(), n as usize, Exchange::Echo)?;
    let grown = server.memory()?.resident as f64 - before as f64;
    let used = server.cpu()?;
    let taken = load.run(ACTIVE, 10 * n)?;
    let cpu = server.cpu()? - used;
    let figures = figures(cpu, 10 * n, taken).into_iter().chain([("bytes_per_op", grown / n as f64)]);
    Ok(Outcome::checked(n, n, figures))
}

/// About `n` requests over 100 connections, by wrk if there is one.
pub(super) fn http(program: &Path, n: u64) -> io::Result<Outcome> {
    let server = Server::start(program, "http")?;
    // Looks at the answers, which wrk does not.
    let mut load = Load::connect(server.address(), ACTIVE, Exchange::Http)?;
    load.run(ACTIVE, n / 10)?;
    let before = server.cpu()?;
    if let Some(report) = wrk::run(server.address(), ACTIVE, (n / WRK_RATE).max(1))? {
        let cpu = server.cpu()? - before;
        let elapsed = Duration::from_secs_f64(report.requests as f64 / report.rate);
        let taken = Taken { elapsed, p50: report.p50, p99: report.p99 };
        return Ok(Outcome::checked(report.errors as u64, 0, figures(cpu, report.requests, taken)));
    }
    let taken = load.run(ACTIVE, n)?;
    let cpu = server.cpu()? - before;
    Ok(Outcome::checked(n, n, figures(cpu, n, taken)))
}

fn figures(cpu: Duration, requests: u64, taken: Taken) -> [(&'static str, f64); 4] {
    let us = |duration: Duration| duration.as_secs_f64() * 1e6;
    [
        ("cpu_us", us(cpu) / requests as f64),
        ("rate", requests as f64 / taken.elapsed.as_secs_f64()),
        ("p50_us", us(taken.p50)),
        ("p99_us", us(taken.p99)),
    ]
}

/// A connection is a descriptor here and, by inheritance, may be one there.
fn raise_file_limit() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(())
}
