//! `resp_server [ADDRESS [SECONDS]]`: a key-value server that speaks Redis's protocol. It keeps everything in memory.
//!
//! ```text
//! $ cargo run --release -p examples --bin resp_server 127.0.0.1:6379
//! listening on 127.0.0.1:6379
//! ```
//!
//! `redis-cli` talks to it, and `redis-benchmark` runs its default tests. A connection is a goroutine that reads
//! commands, carries them out under one lock, and writes the answers; commands that come together are answered
//! together (pipelining). A client that is silent for SECONDS (300) is left, and so is one that takes as long to read
//! its answers. [`resp`] is the protocol, [`store`] what is kept, [`commands`] what can be asked.
//!
//! Not for the open internet: any number of clients may store what they like, a command of 64 MiB each at a time.

mod commands;
mod glob;
mod resp;
mod store;

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gort::go;
use gort::net::{TcpListener, TcpStream};
use gort::sync::Mutex;
use gort::time::Ticker;
use resp::{Parser, Reply};
use store::Store;

/// Answers that are put together before they are sent.
const BATCH: usize = 64 << 10;
/// How often what has expired is looked for; who asks for it sooner does not get it.
const SWEEP: Duration = Duration::from_secs(10);

#[gort::main]
fn main() -> ExitCode {
    let (address, patience) = examples::arguments("resp_server [ADDRESS [SECONDS]]", |args| {
        let address = args.first().map_or(Some("127.0.0.1:6379".to_owned()), |arg| examples::address(arg))?;
        let patience = args.get(1).map_or(Some(Duration::from_secs(300)), |arg| examples::seconds(arg))?;
        (args.len() <= 2).then_some((address, patience))
    });
    let Err(e) = serve(&address, patience);
    eprintln!("resp_server: {address}: {e}");
    ExitCode::FAILURE
}

fn serve(address: &str, patience: Duration) -> io::Result<std::convert::Infallible> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let store = Arc::new(Mutex::new(Store::default()));
    go!(sweep(store.clone()));
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                let store = store.clone();
                // Whoever hangs up without a word is no concern of ours.
                go!(move || drop(talk(stream, &store, patience)));
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
fn talk(mut stream: TcpStream, store: &Mutex<Store>, patience: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(patience))?;
    let (mut parser, mut quits) = (Parser::default(), false);
    let (mut input, mut answers, mut chunk) = (Vec::new(), Vec::new(), vec![0; 16 << 10]);
    loop {
        let mut done = 0;
        while answers.len() < BATCH && !quits {
            match parser.parse(&input[done..]) {
                Ok(None) => break,
                Ok(Some((command, length))) => {
                    done += length;
                    if command.first().is_some_and(|name| name.eq_ignore_ascii_case(b"quit")) {
                        answers.simple("OK");
                        quits = true;
                    } else {
                        commands::run(&mut store.lock().unwrap(), &command, &mut answers);
                    }
                }
                Err(why) => {
                    answers.error(&format!("ERR Protocol error: {why}"));
                    quits = true;
                }
            }
        }
        if done > 0 {
            input.drain(..done);
            input.shrink_to(BATCH); // after a large command
        }
        let full = answers.len() >= BATCH;
        stream.set_write_deadline(Some(Instant::now() + patience))?;
        stream.write_all(&answers)?;
        answers.clear();
        answers.shrink_to(2 * BATCH);
        if quits {
            return Ok(());
        }
        if !full {
            match stream.read(&mut chunk)? {
                0 => return Ok(()),
                n => input.extend_from_slice(&chunk[..n]),
            }
        }
    }
}
