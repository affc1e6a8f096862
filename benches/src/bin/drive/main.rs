//! Drives programs that are not called as a peer is: hellos and servers.
//!
//! Called as `drive WORKLOAD PROGRAM N`, it prints one line of JSON, as a peer
//! does.

mod exchange;
mod hello;
mod load;
mod net;
mod server;
mod wrk;

use std::env;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use benches::outcome::Outcome;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [workload, program, n] = args.as_slice() else {
        eprintln!("usage: drive WORKLOAD PROGRAM N");
        return ExitCode::from(2);
    };
    let Ok(n) = n.parse() else {
        eprintln!("not a number: {n}");
        return ExitCode::from(2);
    };
    match drive(workload, Path::new(program), n) {
        Ok(outcome) => {
            println!("{}", outcome.to_line(workload, n));
            ExitCode::from(matches!(outcome, Outcome::Wrong(_)) as u8)
        }
        Err(error) => {
            eprintln!("{program}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn drive(workload: &str, program: &Path, n: u64) -> io::Result<Outcome> {
    match workload {
        "hello" => hello::whole_process(program, n),
        "size" => hello::size(program),
        "echo" => net::echo(program, n),
        "idle" => net::idle(program, n),
        "http" => net::http(program, n),
        _ => Ok(Outcome::Unsupported("no such workload".into())),
    }
}
