//! `ws_chat ADDRESS`: a chat room over WebSocket. `ws://ADDRESS/NAME` enters it.
//!
//! ```text
//! $ cargo run --release -p examples --bin ws_chat 127.0.0.1:8082
//! listening on 127.0.0.1:8082
//! ```
//!
//! and elsewhere `websocat ws://127.0.0.1:8082/Ann`, or `new WebSocket("ws://127.0.0.1:8082/Ann")` in a browser's
//! console. What is said is text; whose name is taken, or who says something else, is told and shown out.
//!
//! A member is two goroutines. One reads: what the member says goes to the outboxes of all, as one frame that
//! was made once. The other writes what it finds in the member's outbox, a bounded channel.
//!
//! ```text
//!  socket ─▶ reader: tungstenite ─┬─▶ outbox ─▶ writer ─▶ socket
//!                                 ├─▶ outbox ─▶ writer ─▶ socket
//!                                 └─▶ outbox ─▶ …
//! ```
//!
//! tungstenite reads from the socket and answers pings, closing and the handshake itself; what it writes goes
//! through the outbox too ([`Half`]), so that only the writer writes. A member whose outbox is full reads too
//! slowly and is shown out: one slow reader delays nobody.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use gort::channel::{Receiver, Sender, TrySendError, bounded};
use gort::go;
use gort::net::{Shutdown, TcpListener, TcpStream};
use gort::sync::Mutex;
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::StatusCode;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame, coding::CloseCode};
use tungstenite::{Bytes, Message, accept_hdr_with_config};

const MAX_MESSAGE: usize = 16 << 10;
const MAX_NAME: usize = 32;
/// Frames that may wait for a member.
const OUTBOX: usize = 256;
/// How long the handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);

struct Member {
    outbox: Sender<Bytes>,
    stream: Arc<TcpStream>,
}

#[derive(Default)]
struct Room {
    members: Mutex<HashMap<String, Member>>,
}

#[gort::main]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address] = args.as_slice() else {
        eprintln!("usage: ws_chat ADDRESS");
        return ExitCode::from(2);
    };
    let Err(e) = serve(address);
    eprintln!("ws_chat: {address}: {e}");
    ExitCode::FAILURE
}

fn serve(address: &str) -> io::Result<std::convert::Infallible> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let room = Arc::new(Room::default());
    loop {
        match listener.accept() {
            Ok((stream, _)) => go!(member(Arc::new(stream), room.clone())),
            // Too many open files, say: those that are in the room stay.
            Err(e) => {
                eprintln!("ws_chat: accept: {e}");
                gort::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// The whole visit of a member.
#[allow(clippy::result_large_err, reason = "tungstenite's callback is of this type")]
fn member(stream: Arc<TcpStream>, room: Arc<Room>) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let (outbox, frames) = bounded(OUTBOX);
    go!(write(stream.clone(), frames));

    let half = Half { stream: stream.clone(), outbox: outbox.clone() };
    let mut name = String::new();
    let enter = |request: &Request, response: Response| {
        let wanted = request.uri().path().trim_start_matches('/');
        let member = Member { outbox, stream: stream.clone() };
        room.enter(wanted, member).map_err(refusal)?;
        name = wanted.to_owned();
        Ok(response)
    };
    let limits =
        WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    if let Ok(mut socket) = accept_hdr_with_config(half, enter, Some(limits)) {
        let _ = stream.set_read_timeout(None);
        room.say(&format!("* {name} is here"));
        // Until the member closes, or is gone.
        while let Ok(message) = socket.read() {
            match message {
                Message::Text(text) => room.say(&format!("{name}: {text}")),
                Message::Binary(_) => {
                    let reason = "only text, please".into();
                    let _ = socket.close(Some(CloseFrame { code: CloseCode::Unsupported, reason }));
                }
                _ => {} // pings are answered, and closing is seen to, by tungstenite
            }
        }
    }
    if !name.is_empty() {
        room.leave(&name);
        room.say(&format!("* {name} has left"));
    }
    // The last two senders of the outbox are gone with the room's and the socket's: the writer ends.
}

fn refusal(why: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(format!("{why}\n")));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

/// Writes frames until there will be no more, or until the member cannot be reached.
fn write(stream: Arc<TcpStream>, frames: Receiver<Bytes>) {
    for frame in frames {
        if (&*stream).write_all(&frame).is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

impl Room {
    fn enter(&self, name: &str, member: Member) -> Result<(), &'static str> {
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err("a name is needed: ws://ADDRESS/NAME, of letters and digits");
        }
        let mut members = self.members.lock().unwrap();
        if members.contains_key(name) {
            return Err("the name is taken");
        }
        members.insert(name.to_owned(), member);
        Ok(())
    }

    fn leave(&self, name: &str) {
        self.members.lock().unwrap().remove(name);
    }

    /// To all, in the same order for each.
    fn say(&self, text: &str) {
        let mut frame = Vec::new();
        let message = Frame::message(text.to_owned(), OpCode::Data(Data::Text), true);
        message.format(&mut frame).expect("a vector takes it");
        let frame = Bytes::from(frame);
        self.members.lock().unwrap().retain(|_, member| match member.outbox.try_send(frame.clone()) {
            Ok(()) => true,
            Err(TrySendError::Disconnected(_)) => false,
            Err(TrySendError::Full(_)) => {
                let _ = member.stream.shutdown(Shutdown::Both);
                false
            }
        });
    }
}

/// The socket as tungstenite sees it: reads are its own, writes go through the outbox.
struct Half {
    stream: Arc<TcpStream>,
    outbox: Sender<Bytes>,
}

impl Read for Half {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.stream).read(buffer)
    }
}

impl Write for Half {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.outbox.send(Bytes::copy_from_slice(bytes));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
