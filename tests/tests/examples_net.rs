//! The examples `tcp_proxy`, `fetch`, `tls_echo` and `ws_chat`, by clients of the same crates on plain threads.

#[path = "example_support/mod.rs"]
mod example_support;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use example_support::{Server, check_usage, example, stderr, stdout};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket};

fn http_server() -> Server {
    Server::start("http_server", &["127.0.0.1:0"])
}

fn proxy(upstream: &str, procs: &str) -> Server {
    Server::start_with("tcp_proxy", &["127.0.0.1:0", upstream], procs)
}

#[test]
fn the_proxy_passes_on_both_directions_at_once() {
    for procs in ["1", "2", "8"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = proxy(&listener.local_addr().unwrap().to_string(), procs);
        // Says back what it hears, as it hears it.
        let echo = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            std::io::copy(&mut stream.try_clone().unwrap(), &mut stream).unwrap()
        });
        let mut stream = proxy.connect();
        let mut reader = stream.try_clone().unwrap();
        let sent: Vec<u8> =
            (0..10_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let expected = sent.clone();
        let writer = std::thread::spawn(move || {
            stream.write_all(&sent).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        });
        let mut heard = Vec::new();
        reader.read_to_end(&mut heard).unwrap();
        assert!(heard == expected, "{} bytes came back", heard.len());
        writer.join().unwrap();
        assert_eq!(echo.join().unwrap(), 10_000_000);
    }
}

#[test]
fn the_proxy_passes_on_a_half_close() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = proxy(&listener.local_addr().unwrap().to_string(), "2");
    let mut client = proxy.connect();
    let mut upstream = listener.accept().unwrap().0;
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut heard = String::new();
    upstream.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "question");
    upstream.write_all(b"answer").unwrap();
    drop(upstream);
    heard.clear();
    client.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "answer");
}

/// Closes so that the other side sees a reset.
fn reset(stream: TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the option is a `linger`, whose size is given.
    let done = unsafe {
        let size = size_of::<libc::linger>() as u32;
        let fd = std::os::fd::AsRawFd::as_raw_fd(&stream);
        libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), size)
    };
    assert_eq!(done, 0);
}

#[test]
fn the_proxy_passes_on_a_reset() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = proxy(&listener.local_addr().unwrap().to_string(), "2");
    for client_first in [true, false] {
        let client = proxy.connect();
        let upstream = listener.accept().unwrap().0;
        let (gone, mut other) = if client_first { (client, upstream) } else { (upstream, client) };
        reset(gone);
        assert!(matches!(other.read(&mut [0]), Ok(0) | Err(_)));
        drop(other);
    }
}

#[test]
fn the_proxy_without_an_upstream() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let proxy = proxy(&nobody, "2");
    assert_eq!(proxy.connect().read(&mut [0]).unwrap(), 0);
    proxy.signal(libc::SIGTERM);
    let (_, err) = proxy.end();
    assert_eq!(err, format!("tcp_proxy: {nobody}: Connection refused (os error 111)\n"));
    check_usage("tcp_proxy", &[], "usage: tcp_proxy ADDRESS UPSTREAM");
}

#[test]
fn fetch_by_the_proxy_from_the_server() {
    for procs in ["1", "2", "8"] {
        let server = http_server();
        let proxy = proxy(&server.address.to_string(), procs);
        let mut urls = Vec::new();
        let mut expected = String::new();
        for i in 0..100 {
            let url = match i % 3 {
                0 => format!("http://{}", server.address),
                1 => format!("http://{}/slow/{i}", proxy.address),
                _ => format!("http://{}/nowhere/{i}", proxy.address),
            };
            let (status, bytes) = [(200, 14), (200, 8), (404, 13)][i % 3];
            expected += &format!("{status} {bytes:8} {url}\n");
            urls.push(url);
        }
        let output = example("fetch").args(&urls).env("GOMAXPROCS", procs).output().unwrap();
        assert_eq!((stdout(&output), stderr(&output)), (expected.clone(), String::new()));
        assert_eq!(output.status.code(), Some(0));
        let text = urls.join("\n");
        let mut sh = example_support::command("sh");
        let fetch = example_support::program("fetch");
        let output =
            sh.args(["-c", r#"printf '%s\n' "$1" | "$2""#, "sh", &text]).arg(fetch).output().unwrap();
        assert_eq!(stdout(&output), expected, "from standard input");
    }
}

/// Answers each of `n` requests once all of the first `wait_for` are there, and gives how many there were at most.
fn counting_server(n: usize, wait_for: usize) -> (String, std::thread::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let all = move || {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|s| {
            for _ in 0..n {
                let mut stream = listener.accept().unwrap().0;
                s.spawn(|| {
                    most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    while reader.by_ref().lines().next().is_some_and(|line| line.unwrap() != "") {}
                    while most.load(SeqCst) < wait_for {
                        std::thread::yield_now();
                    }
                    now.fetch_sub(1, SeqCst);
                    let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nwell");
                    drop(stream);
                });
            }
        });
        most.into_inner()
    };
    (address, std::thread::spawn(all))
}

#[test]
fn fetch_keeps_to_its_concurrency() {
    let (address, server) = counting_server(40, 7);
    let url = format!("http://{address}/");
    let output = example("fetch").args(["-c", "7"]).args(vec![&url; 40]).output().unwrap();
    assert_eq!(
        (stdout(&output), stderr(&output)),
        (format!("200        4 {url}\n").repeat(40), String::new())
    );
    assert_eq!(server.join().unwrap(), 7);
}

#[test]
fn fetch_tells_what_it_could_not_get() {
    let server = http_server();
    let begun = Instant::now();
    let slow = format!("http://{}/slow/60000", server.address);
    let cut = TcpListener::bind("127.0.0.1:0").unwrap();
    let cut_url = format!("http://{}/", cut.local_addr().unwrap());
    let cutter = std::thread::spawn(move || {
        for answer in ["HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\nfive", "SSH-2.0-hello\r\n", ""] {
            let mut stream = cut.accept().unwrap().0;
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = format!("http://{nobody}/");
    let urls = [&slow, "ftp://x/", "http://", "http://a b/", &refused, &cut_url, &cut_url, &cut_url];
    let output = example("fetch").args(["-t", "1", "-c", "1"]).args(urls).output().unwrap();
    cutter.join().unwrap();
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    let err = stderr(&output);
    let mut lines: Vec<_> = err.lines().collect();
    assert_eq!(lines.len(), 8, "{err}");
    // The last three are of one URL, and which of them comes first is open.
    lines[5..].sort_unstable();
    let check = |i: usize, why: &str| assert_eq!(lines[i], format!("fetch: {}: {why}", urls[i]));
    check(0, "timed out");
    check(1, "not an http:// URL");
    check(2, "not a URL");
    check(3, "not a URL");
    check(4, "Connection refused (os error 111)");
    check(5, "the answer is cut off");
    check(6, "the answer is not HTTP");
    check(7, "the answer is not HTTP");
    assert!(begun.elapsed() < Duration::from_secs(30), "it does not wait for the slow one");
    let usage = "usage: fetch [-c CONCURRENCY] [-t SECONDS] [URL…]";
    for args in [&["-c"][..], &["-c", "0"], &["-t", "0"], &["-t", "-1"], &["--help"]] {
        check_usage("fetch", args, usage);
    }
}

fn tls_server(procs: &str) -> (Server, Arc<ClientConfig>, TempDir) {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("certificate.pem");
    let server = Server::start_with("tls_echo", &["127.0.0.1:0", file.to_str().unwrap()], procs);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (server, Arc::new(config), dir)
}

fn tls_client(server: &Server, config: &Arc<ClientConfig>) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(config.clone(), name).unwrap(), server.connect())
}

#[test]
fn tls_says_back_what_it_is_told() {
    for procs in ["1", "2", "8"] {
        let (server, config, _dir) = tls_server(procs);
        let mut clients: Vec<_> = (0..30).map(|_| tls_client(&server, &config)).collect();
        for round in 0..5 {
            for (i, client) in clients.iter_mut().enumerate() {
                client.write_all(format!("client {i}, round {round}\n").as_bytes()).unwrap();
            }
            for (i, client) in clients.iter_mut().enumerate() {
                let expected = format!("client {i}, round {round}\n");
                let mut said = vec![0; expected.len()];
                client.read_exact(&mut said).unwrap();
                assert_eq!(String::from_utf8_lossy(&said), expected);
            }
        }
        for mut client in clients {
            client.conn.send_close_notify();
            client.flush().unwrap();
            assert_eq!(client.read(&mut [0]).unwrap(), 0, "the end in good order, not cut off");
        }
    }
}

#[test]
fn tls_many_records_and_bad_clients() {
    let (server, config, _dir) = tls_server("2");
    let mut plain = server.connect();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut client = tls_client(&server, &config);
    for i in 0..200_u8 {
        let block = vec![i; 20_000];
        client.write_all(&block).unwrap();
        let mut said = vec![0; block.len()];
        client.read_exact(&mut said).unwrap();
        assert!(said == block, "block {i}");
    }
    let mut rest = Vec::new();
    let _ = plain.read_to_end(&mut rest);
    assert!(rest.len() < 100, "an alert at most");
    server.signal(libc::SIGTERM);
    let (_, err) = server.end();
    assert!(err.contains("InvalidContentType") || err.contains("corrupt message"), "{err}");
    check_usage("tls_echo", &["127.0.0.1:0"], "usage: tls_echo ADDRESS CERTIFICATE");
    let output = example("tls_echo").args(["127.0.0.1:0", "/nowhere/at/all"]).output().unwrap();
    assert_eq!(stderr(&output), "tls_echo: /nowhere/at/all: No such file or directory (os error 2)\n");
}

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
    let needed = "a name is needed: ws://ADDRESS/NAME, of letters and digits";
    refused("Ann", "the name is taken");
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
    for expected in ["* Bob is here", "* Bob has left", "* Eve is here", "* Eve has left"] {
        hears(&mut ann, expected);
    }
    check_usage("ws_chat", &[], "usage: ws_chat ADDRESS");
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
