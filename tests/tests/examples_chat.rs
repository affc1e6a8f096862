//! The example `ws_chat`, by clients of `tungstenite` on plain threads.

#[path = "example_support/mod.rs"]
mod example_support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use example_support::Server;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket};

fn enter(server: &Server, name: &str) -> WebSocket<TcpStream> {
    let url = format!("ws://{}/{name}", server.address);
    tungstenite::client(url, server.connect()).unwrap().0
}

#[track_caller]
fn hears(member: &mut WebSocket<TcpStream>, expected: &str) {
    assert_eq!(member.read().unwrap(), Message::text(expected));
}

#[test]
fn a_chat() {
    for procs in ["1", "2", "8"] {
        let server = Server::start_with("ws_chat", &["127.0.0.1:0"], procs);
        let mut ann = enter(&server, "Ann");
        hears(&mut ann, "* Ann is here");
        let mut bob = enter(&server, "Bob");
        hears(&mut ann, "* Bob is here");
        hears(&mut bob, "* Bob is here");
        bob.send(Message::text("hello")).unwrap();
        ann.send(Message::Ping("ping".into())).unwrap();
        // In whatever order; what was said comes to both.
        let mut heard = [ann.read().unwrap(), ann.read().unwrap()];
        heard.sort_by_key(|message| !message.is_pong());
        assert_eq!(heard, [Message::Pong("ping".into()), Message::text("Bob: hello")]);
        hears(&mut bob, "Bob: hello");
        for i in 0..100 {
            ann.send(Message::text(i.to_string())).unwrap();
        }
        for i in 0..100 {
            hears(&mut ann, &format!("Ann: {i}"));
            hears(&mut bob, &format!("Ann: {i}"));
        }
        bob.close(None).unwrap();
        assert!(matches!(bob.read(), Ok(Message::Close(_))));
        hears(&mut ann, "* Bob has left");
        // The name is free again.
        let mut bob = enter(&server, "Bob");
        hears(&mut bob, "* Bob is here");
        hears(&mut ann, "* Bob is here");
        drop(bob);
        hears(&mut ann, "* Bob has left");
    }
}

#[test]
fn a_chat_refuses() {
    let server = Server::start("ws_chat", &["127.0.0.1:0"]);
    let mut ann = enter(&server, "Ann");
    hears(&mut ann, "* Ann is here");
    let refused = |name: &str, expected: &str| {
        let url = format!("ws://{}/{name}", server.address);
        let error = tungstenite::client(url, server.connect()).map(drop).unwrap_err();
        let tungstenite::HandshakeError::Failure(Error::Http(response)) = error else {
            panic!("{name}: {error}");
        };
        let body = response.body().as_deref().unwrap_or_default();
        let said = (response.status().as_u16(), String::from_utf8_lossy(body).into_owned());
        assert_eq!(said, (400, format!("{expected}\n")), "{name}");
    };
    let mut other = enter(&server, "Ann");
    let Message::Close(Some(frame)) = other.read().unwrap() else { panic!("closed") };
    assert_eq!((frame.code, frame.reason.as_str()), (CloseCode::Policy, "the name is taken"));
    assert!(matches!(other.read(), Err(Error::ConnectionClosed)));
    let needed = "a name is needed: ws://ADDRESS/NAME, of letters and digits";
    refused("", needed);
    refused("a-b", needed);
    refused(&"a".repeat(33), needed);
    // Not WebSocket at all.
    let mut plain = server.connect();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut said = String::new();
    let _ = plain.read_to_string(&mut said);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    // Too much, and of the wrong kind: that member only.
    let mut bob = enter(&server, "Bob");
    hears(&mut bob, "* Bob is here");
    bob.send(Message::binary(vec![1, 2, 3])).unwrap();
    let Message::Close(Some(frame)) = bob.read().unwrap() else { panic!("closed") };
    assert_eq!((frame.code, frame.reason.as_str()), (CloseCode::Unsupported, "only text, please"));
    drop(bob);
    // Before the next one enters, who would hear of it.
    hears(&mut ann, "* Bob is here");
    hears(&mut ann, "* Bob has left");
    let mut eve = enter(&server, "Eve");
    hears(&mut eve, "* Eve is here");
    eve.send(Message::text("x".repeat(17 << 10))).unwrap();
    assert!(loop {
        match eve.read() {
            Ok(Message::Text(_)) => {}
            other => break other.is_err() || other.is_ok_and(|message| message.is_close()),
        }
    });
    drop(eve);
    hears(&mut ann, "* Eve is here");
    hears(&mut ann, "* Eve has left");
}

#[test]
fn a_chat_is_not_delayed_by_who_does_not_read() {
    let server = Server::start("ws_chat", &["127.0.0.1:0"]);
    let mut ann = enter(&server, "Ann");
    hears(&mut ann, "* Ann is here");
    let mut deaf = enter(&server, "Deaf");
    hears(&mut ann, "* Deaf is here");
    let text = "x".repeat(10_000);
    let expected = format!("Ann: {text}");
    let mut shown_out = false;
    // Until the buffers of the kernel and the outbox are full.
    for _ in 0..5_000 {
        ann.send(Message::text(text.clone())).unwrap();
        loop {
            match ann.read().unwrap() {
                Message::Text(said) if said.as_str() == "* Deaf has left" => shown_out = true,
                said => break assert!(said == Message::text(expected.clone())),
            }
        }
        if shown_out {
            break;
        }
    }
    assert!(shown_out);
    let end = loop {
        if let Err(e) = deaf.read() {
            break e;
        }
    };
    assert!(matches!(end, Error::Io(e) if e.kind() != ErrorKind::WouldBlock) || !deaf.can_read());
}

/// The name of a member who was shown out was free before the member had left, whose leaving then was another's.
#[test]
fn a_name_is_its_members_until_he_has_left() {
    let server = Server::start("ws_chat", &["127.0.0.1:0"]);
    // Who had the name before may be about to leave.
    let enter_at_last = || {
        loop {
            let mut member = enter(&server, "Name");
            let first = member.read().unwrap();
            if !first.is_close() {
                assert_eq!(first, Message::text("* Name is here"));
                break member;
            }
        }
    };
    for _ in 0..10 {
        let mut deaf = enter_at_last();
        // So many that his outbox is full long before his goroutine has heard them all.
        let shouts = std::thread::spawn(move || {
            while (0..1000).all(|_| deaf.write(Message::text("x")).is_ok()) && deaf.flush().is_ok() {}
        });
        let mut next = enter_at_last();
        next.send(Message::text("hello")).unwrap();
        hears(&mut next, "Name: hello");
        next.close(None).unwrap();
        assert!(matches!(next.read(), Ok(Message::Close(_))));
        shouts.join().unwrap();
    }
}

/// One whose name was taken was listened to as long as he talked.
#[test]
fn who_is_refused_is_not_heard_for_good() {
    let server = Server::start("ws_chat", &["127.0.0.1:0", "1"]);
    let mut ann = enter(&server, "Ann");
    hears(&mut ann, "* Ann is here");
    let mut other = enter(&server, "Ann");
    assert!(other.read().unwrap().is_close());
    // A text of one byte, which tungstenite would not send any more.
    while other.get_mut().write_all(&[0x81, 0x81, 0, 0, 0, 0, b'x']).is_ok() {}
}

/// What others said could come before the handshake's answer.
#[test]
fn a_loud_room_is_entered_in_good_order() {
    let server = Server::start("ws_chat", &["127.0.0.1:0"]);
    let mut ann = enter(&server, "Ann");
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let speaks = std::thread::spawn(move || {
        while is_done.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            ann.send(Message::text("x")).unwrap();
            while ann.read().unwrap() != Message::text("Ann: x") {}
        }
    });
    for i in 0..200 {
        hears(&mut enter(&server, &format!("N{i}")), &format!("* N{i} is here"));
    }
    drop(done);
    speaks.join().unwrap();
}

#[test]
fn a_silent_member_is_asked_and_shown_out() {
    let server = Server::start("ws_chat", &["127.0.0.1:0", "2"]);
    let mut silent = enter(&server, "Silent");
    hears(&mut silent, "* Silent is here");
    let mut ann = enter(&server, "Ann");
    hears(&mut ann, "* Ann is here");
    // Ann reads on, and so answers; the other one is asked, does not, and is gone.
    let (mut pings, mut is_gone) = (0, false);
    while pings < 2 || !is_gone {
        match ann.read().unwrap() {
            Message::Ping(_) => pings += 1,
            said => is_gone = said == Message::text("* Silent has left"),
        }
    }
    ann.send(Message::text("hello")).unwrap();
    while ann.read().unwrap() != Message::text("Ann: hello") {}
}
