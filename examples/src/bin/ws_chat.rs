//! `ws_chat ADDRESS [SECONDS]`: a chat room over WebSocket. `ws://ADDRESS/NAME` enters it.
//!
//! ```text
//! $ cargo run --release -p examples --bin ws_chat 127.0.0.1:8082
//! listening on 127.0.0.1:8082
//! ```
//!
//! and elsewhere `websocat ws://127.0.0.1:8082/Ann`, or `new WebSocket("ws://127.0.0.1:8082/Ann")` in a browser's
//! console. What is said is text; whose name is taken, or who says something else, is told and shown out. So is who
//! does not answer a ping, which is sent after SECONDS (60) of silence.
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
//!
//! Not for the open internet: there may be any number of members, and nobody is asked who he is.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gort::channel::{Receiver, Sender, TrySendError, bounded};
use gort::go;
use gort::net::{Shutdown, TcpListener, TcpStream};
use gort::sync::Mutex;
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::StatusCode;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame, coding::CloseCode};
use tungstenite::{Bytes, Error, Message, WebSocket, accept_hdr_with_config};

const MAX_MESSAGE: usize = 16 << 10;
const MAX_NAME: usize = 32;
/// Frames that may wait for a member.
const OUTBOX: usize = 256;
/// How long the handshake may take, and the writing of a frame.
const PATIENCE: Duration = Duration::from_secs(10);

struct Member {
    outbox: Sender<Bytes>,
    stream: Arc<TcpStream>,
}

#[derive(Default)]
struct Room {
    /// By name, which nobody else may have until its member has left: also who is being shown out is still here.
    members: Mutex<HashMap<String, Member>>,
}

#[gort::main]
fn main() -> ExitCode {
    let (address, patience) = examples::arguments("ws_chat ADDRESS [SECONDS]", |args| match args {
        [address] => Some((examples::address(address)?, Duration::from_secs(60))),
        [address, time] => Some((examples::address(address)?, examples::seconds(time)?)),
        _ => None,
    });
    let Err(e) = serve(&address, patience);
    eprintln!("ws_chat: {address}: {e}");
    ExitCode::FAILURE
}

fn serve(address: &str, patience: Duration) -> io::Result<std::convert::Infallible> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let room = Arc::new(Room::default());
    loop {
        match listener.accept() {
            Ok((stream, _)) => go!(member(Arc::new(stream), room.clone(), patience)),
            // Too many open files, say: those that are in the room stay.
            Err(e) => {
                eprintln!("ws_chat: accept: {e}");
                gort::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// The whole visit of a member.
fn member(stream: Arc<TcpStream>, room: Arc<Room>, patience: Duration) {
    let (outbox, frames) = bounded(OUTBOX);
    go!(write(stream.clone(), frames));
    let half = Half { stream: stream.clone(), outbox: outbox.clone() };
    let Some((name, mut socket)) = shake_hands(half) else { return };
    let _ = stream.set_read_timeout(Some(patience));

    if room.enter(&name, Member { outbox, stream }) {
        listen(&mut socket, &name, &room);
        room.leave(&name);
    } else {
        show_out(&mut socket, CloseCode::Policy, "the name is taken");
        // Until the member closes, too; who talks on instead is heard no longer than this.
        let until = Instant::now() + patience.min(PATIENCE);
        let _ = socket.get_ref().stream.set_read_deadline(Some(until));
        while socket.read().is_ok() {}
    }
    // The last two senders of the outbox are gone with the room's and the socket's: the writer ends.
}

/// The member's name is the path.
#[allow(clippy::result_large_err, reason = "tungstenite's callback is of this type")]
fn shake_hands(half: Half) -> Option<(String, WebSocket<Half>)> {
    half.stream.set_nodelay(true).ok()?;
    half.stream.set_read_deadline(Some(Instant::now() + PATIENCE)).ok()?;
    let mut name = String::new();
    let take_name = |request: &Request, response: Response| {
        name = request.uri().path().trim_start_matches('/').to_owned();
        if (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Ok(response);
        }
        let needed = "a name is needed: ws://ADDRESS/NAME, of letters and digits\n";
        let mut response = ErrorResponse::new(Some(needed.to_owned()));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        Err(response)
    };
    let limits =
        WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    let socket = accept_hdr_with_config(half, take_name, Some(limits)).ok()?;
    socket.get_ref().stream.set_read_deadline(None).ok()?;
    Some((name, socket))
}

/// Passes on what the member says, until the member closes, or is gone.
fn listen(socket: &mut WebSocket<Half>, name: &str, room: &Room) {
    let mut is_asked = false;
    loop {
        let message = match socket.read() {
            Ok(message) => message,
            Err(Error::Io(e)) if e.kind() == io::ErrorKind::WouldBlock && !is_asked => {
                is_asked = true;
                if socket.send(Message::Ping(Bytes::new())).is_err() {
                    return;
                }
                continue;
            }
            Err(_) => return,
        };
        is_asked = false;
        match message {
            Message::Text(text) => room.say(&format!("{name}: {text}")),
            Message::Binary(_) => show_out(socket, CloseCode::Unsupported, "only text, please"),
            _ => {} // pings are answered, and closing is seen to, by tungstenite
        }
    }
}

fn show_out(socket: &mut WebSocket<Half>, code: CloseCode, reason: &'static str) {
    let _ = socket.close(Some(CloseFrame { code, reason: reason.into() }));
}

/// Writes frames until there will be no more, or until the member cannot be reached.
fn write(stream: Arc<TcpStream>, frames: Receiver<Bytes>) {
    for frame in frames {
        let _ = stream.set_write_deadline(Some(Instant::now() + PATIENCE));
        if (&*stream).write_all(&frame).is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

impl Room {
    /// False if the name is taken.
    fn enter(&self, name: &str, member: Member) -> bool {
        let mut members = self.members.lock().unwrap();
        if members.contains_key(name) {
            return false;
        }
        members.insert(name.to_owned(), member);
        say(&members, &format!("* {name} is here"));
        true
    }

    fn leave(&self, name: &str) {
        let mut members = self.members.lock().unwrap();
        members.remove(name);
        say(&members, &format!("* {name} has left"));
    }

    fn say(&self, text: &str) {
        say(&self.members.lock().unwrap(), text);
    }
}

/// To all, in the same order for each.
fn say(members: &HashMap<String, Member>, text: &str) {
    let mut frame = Vec::new();
    let message = Frame::message(text.to_owned(), OpCode::Data(Data::Text), true);
    message.format(&mut frame).expect("a vector takes it");
    let frame = Bytes::from(frame);
    for member in members.values() {
        if let Err(TrySendError::Full(_)) = member.outbox.try_send(frame.clone()) {
            member.stream.close(); // which ends both goroutines, whatever the member goes on saying
        }
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
