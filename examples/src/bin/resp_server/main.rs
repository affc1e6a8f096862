//! `resp_server [ADDRESS]`: a key-value server that speaks Redis's protocol. It keeps everything in memory.
//!
//! ```text
//! $ cargo run --release -p examples --bin resp_server 127.0.0.1:6379
//! listening on 127.0.0.1:6379
//! ```
//!
//! `redis-cli` talks to it, and `redis-benchmark` runs its default tests. A connection is a goroutine that reads
//! commands, carries them out under one lock, and writes the answers; commands that come together are answered
//! together (pipelining). [`resp`] is the protocol, [`store`] what is kept, [`commands`] what can be asked.

mod commands;
mod resp;
mod store;

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use gort::go;
use gort::net::{TcpListener, TcpStream};
use gort::sync::Mutex;
use gort::time::Ticker;
use resp::Reply;
use store::Store;

/// Answers that are put together before they are sent.
const BATCH: usize = 64 << 10;
/// How often what has expired is looked for; who asks for it sooner does not get it.
const SWEEP: Duration = Duration::from_secs(10);

#[gort::main]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let address = match args.as_slice() {
        [] => "127.0.0.1:6379",
        [address] if !address.starts_with('-') => address,
        _ => {
            eprintln!("usage: resp_server [ADDRESS]");
            return ExitCode::from(2);
        }
    };
    let Err(e) = serve(address);
    eprintln!("resp_server: {address}: {e}");
    ExitCode::FAILURE
}

fn serve(address: &str) -> io::Result<std::convert::Infallible> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let store = Arc::new(Mutex::new(Store::default()));
    go!(sweep(store.clone()));
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                let store = store.clone();
                // Whoever hangs up without a word is no concern of ours.
                go!(move || drop(talk(stream, &store)));
            }
            // Too many open files, say: those that are connected go on.
            Err(e) => {
                eprintln!("resp_server: accept: {e}");
                gort::sleep(Duration::from_millis(10));
            }
        }
    }
}

fn sweep(store: Arc<Mutex<Store>>) {
    let ticker = Ticker::new(SWEEP);
    for _ in ticker.channel() {
        store.lock().unwrap().sweep();
    }
}

/// The whole of a connection.
fn talk(mut stream: TcpStream, store: &Mutex<Store>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut answers, mut chunk) = (Vec::new(), Vec::new(), vec![0; 16 << 10]);
    loop {
        let mut done = 0;
        while answers.len() < BATCH {
            match resp::parse(&input[done..]) {
                Ok(None) => break,
                Ok(Some((command, length))) => {
                    done += length;
                    if command.first().is_some_and(|name| name.eq_ignore_ascii_case(b"quit")) {
                        answers.simple("OK");
                        return stream.write_all(&answers);
                    }
                    commands::run(&mut store.lock().unwrap(), &command, &mut answers);
                }
                Err(why) => {
                    answers.error(&format!("ERR Protocol error: {why}"));
                    return stream.write_all(&answers);
                }
            }
        }
        input.drain(..done);
        let full = answers.len() >= BATCH;
        stream.write_all(&answers)?;
        answers.clear();
        if !full {
            match stream.read(&mut chunk)? {
                0 => return Ok(()),
                n => input.extend_from_slice(&chunk[..n]),
            }
        }
    }
}
