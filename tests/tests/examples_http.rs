//! The example `http_server`: what a client may rely on, what it may not do, and how the server ends.

#[path = "example_support/mod.rs"]
mod example_support;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use example_support::{Server, read_slowly};

const HELLO: &[u8] = b"Hello, World!\n";
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";

fn server() -> Server {
    Server::start("http_server", &["127.0.0.1:0"])
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

/// Reads one answer; none at the end of the connection.
fn answer(reader: &mut impl BufRead) -> Option<Answer> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap() == 0 {
            assert_eq!(head, "", "the connection ends within an answer");
            return None;
        }
    }
    let status = head["HTTP/1.1 ".len()..][..3].parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let mut body = vec![0; length.map_or(0, |n| n.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    Some(Answer { status, head, body })
}

/// Sends `request` and reads all answers until the server closes.
fn talk(server: &Server, request: &[u8]) -> Vec<Answer> {
    let mut stream = server.connect();
    stream.write_all(request).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut reader = BufReader::new(stream);
    std::iter::from_fn(|| answer(&mut reader)).collect()
}

#[test]
fn two_hundred_connections_are_kept_alive() {
    for procs in ["1", "2", "8"] {
        let server = Server::start_with("http_server", &["127.0.0.1:0"], procs);
        let mut clients: Vec<_> = (0..200).map(|_| BufReader::new(server.connect())).collect();
        for _ in 0..10 {
            for client in &mut clients {
                client.get_mut().write_all(GET).unwrap();
            }
            for client in &mut clients {
                let answer = answer(client).expect("it is kept alive");
                assert_eq!((answer.status, answer.body.as_slice()), (200, HELLO));
                assert!(!answer.head.contains("Connection:"), "{}", answer.head);
            }
        }
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = server();
    let mut requests = Vec::new();
    for i in 0..500 {
        let body = format!("{i}.").repeat(i % 50);
        let length = body.len();
        write!(requests, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{body}")
            .unwrap();
    }
    let answers = talk(&server, &requests);
    assert_eq!(answers.len(), 500);
    for (i, answer) in answers.iter().enumerate() {
        assert_eq!(answer.body, format!("{i}.").repeat(i % 50).as_bytes());
    }
}

/// The first answer came with the second, when that was there.
#[test]
fn an_answer_does_not_wait_for_the_next_one() {
    let server = server();
    let mut client = BufReader::new(server.connect());
    client.get_mut().write_all(&[GET, b"GET /slow/60000 HTTP/1.1\r\nHost: test\r\n\r\n"].concat()).unwrap();
    client.get_ref().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(answer(&mut client).unwrap().body, HELLO);
}

/// More answers than buffers hold, to a client that does not read before it has sent all.
#[test]
fn a_client_that_reads_late_gets_everything() {
    let server = server();
    let mut stream = server.connect();
    let body = vec![b'x'; 100_000];
    let reader = BufReader::new(stream.try_clone().unwrap());
    let writer = std::thread::spawn(move || {
        for _ in 0..200 {
            write!(stream, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n").unwrap();
            stream.write_all(&vec![b'x'; 100_000]).unwrap();
        }
        stream.shutdown(Shutdown::Write).unwrap();
    });
    std::thread::sleep(Duration::from_millis(50)); // late, as it says
    let mut reader = reader;
    for _ in 0..200 {
        assert!(answer(&mut reader).unwrap().body == body);
    }
    writer.join().unwrap();
    assert!(answer(&mut reader).is_none());
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let server = server();
    let mut stream = server.connect();
    for &byte in b"POST /echo?what HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\nhello" {
        stream.write_all(&[byte]).unwrap();
    }
    let answer = answer(&mut BufReader::new(stream)).unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"hello"[..]));
}

#[test]
fn what_else_http_asks_for() {
    let server = server();
    let check = |request: &str, status: u16, closes: bool| {
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let first = answer(&mut reader).unwrap();
        assert_eq!(
            (first.status, first.head.contains("Connection: close\r\n")),
            (status, closes),
            "{request}"
        );
        assert!(first.head.contains("\r\nDate: ") && first.head.contains(" GMT\r\n"), "{}", first.head);
        if closes {
            assert!(answer(&mut reader).is_none(), "{request}");
        } else {
            reader.get_mut().write_all(GET).unwrap();
            assert_eq!(answer(&mut reader).unwrap().body, HELLO, "{request}");
        }
    };
    check("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", 200, true);
    check("GET / HTTP/1.0\r\n\r\n", 200, true);
    check("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 200, false);
    check("GET / HTTP/1.1\r\nHost: test\r\nConnection: upgrade, close\r\n\r\n", 200, true);
    check("GET /?a=b HTTP/1.1\r\nHost: test\r\n\r\n", 200, false);
    check("GET /nowhere HTTP/1.1\r\nHost: test\r\n\r\n", 404, false);
    check("GET http://test HTTP/1.1\r\nHost: test\r\n\r\n", 200, false);
    check("GET http://test/?a=b HTTP/1.1\r\nHost: test\r\n\r\n", 200, false);
    check("GET http://test/slow/1 HTTP/1.1\r\nHost: test\r\n\r\n", 200, false);
    check("GET http://test/nowhere HTTP/1.1\r\nHost: test\r\n\r\n", 404, false);
    check("GET /slow/1 HTTP/1.1\r\nHost: test\r\n\r\n", 200, false);
    check("GET /slow/x HTTP/1.1\r\nHost: test\r\n\r\n", 404, false);

    for (request, allowed) in [("DELETE /", "GET, HEAD"), ("GET /echo", "POST")] {
        let request = format!("{request} HTTP/1.1\r\nHost: test\r\n\r\n");
        check(&request, 405, false);
        let [answer] = &talk(&server, request.as_bytes())[..] else { panic!("one answer") };
        assert!(answer.head.contains(&format!("\r\nAllow: {allowed}\r\n")), "{}", answer.head);
    }

    let mut stream = server.connect();
    stream.write_all(b"HEAD / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.contains("Content-Length: 14\r\n") && text.ends_with("\r\n\r\n"), "{text}");

    let mut stream = server.connect();
    let head = "POST /echo HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    assert_eq!(answer(&mut reader).unwrap().status, 100);
    reader.get_mut().write_all(b"body").unwrap();
    assert_eq!(answer(&mut reader).unwrap().body, b"body");
}

#[test]
fn malformed_requests_are_answered_and_end_the_connection() {
    let server = server();
    let check = |request: &str, status: u16, why: &str| {
        // One that is good comes before it, to be answered all the same, and what comes after is not looked at.
        let request = [GET, request.as_bytes(), b"what else", GET].concat();
        let answers = talk(&server, &request);
        let got: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        let shown = String::from_utf8_lossy(&request[..request.len().min(200)]);
        assert_eq!(got, [200, status], "{shown}");
        assert!(answers[1].head.contains("Connection: close\r\n"), "{}", answers[1].head);
        assert_eq!(String::from_utf8_lossy(&answers[1].body), format!("{why}\n"), "{shown}");
    };
    let with = |header: &str| format!("POST /echo HTTP/1.1\r\nHost: test\r\n{header}\r\n\r\n");
    check("\u{1}\u{2}\r\n\r\n", 400, "this is not HTTP");
    check("GET  HTTP/1.1\r\n\r\n", 400, "this is not HTTP");
    check("GET / HTTP/2.0\r\n\r\n", 400, "this is not HTTP");
    check("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, "this is not HTTP");
    check("GET / HTTP/1.1\r\n\r\n", 400, "there must be one Host");
    check("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400, "there must be one Host");
    check(&with("Content-Length: many"), 400, "Content-Length makes no sense");
    check(&with("Content-Length: -1"), 400, "Content-Length makes no sense");
    check(&with("Content-Length: +1"), 400, "Content-Length makes no sense");
    check(&with("Content-Length: 99999999999999999999"), 400, "Content-Length makes no sense");
    check(&with("Content-Length: 1\r\nContent-Length: 2"), 400, "Content-Length makes no sense");
    check(&with("Content-Length: 1048577"), 413, "the body is too large");
    let te = "Transfer-Encoding is not supported: send Content-Length";
    check(&with("Transfer-Encoding: chunked"), 501, te);
    let large = "the head is too large";
    check(&with(&format!("A: {}", "a".repeat(9 << 10))), 431, large);
    check(&with(&vec!["A: b"; 64].join("\r\n")), 431, large);
    check(&"a".repeat(100 << 10), 431, large);
}

#[test]
fn connections_past_the_limit_wait() {
    let server = Server::start("http_server", &["127.0.0.1:0", "2"]);
    let mut clients: Vec<_> = (0..3).map(|_| BufReader::new(server.connect())).collect();
    for client in &mut clients[..2] {
        client.get_mut().write_all(GET).unwrap();
        assert_eq!(answer(client).unwrap().body, HELLO);
    }
    let mut third = clients.pop().unwrap();
    third.get_mut().write_all(GET).unwrap();
    third.get_ref().set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let waited = third.fill_buf().unwrap_err();
    assert_eq!(waited.kind(), ErrorKind::WouldBlock, "two are served already");
    third.get_ref().set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    clients.pop();
    assert_eq!(answer(&mut third).unwrap().body, HELLO);
}

#[test]
fn a_client_that_takes_too_long_is_left() {
    let server = Server::start("http_server", &["127.0.0.1:0", "100", "1"]);
    // Silent from the beginning, in between, or within a request: the end.
    for said in [&b""[..], GET, b"GET / HT"] {
        let mut stream = server.connect();
        stream.write_all(said).unwrap();
        let mut reader = BufReader::new(stream);
        assert_eq!(answer(&mut reader).is_some(), said == GET);
        assert!(said != GET || answer(&mut reader).is_none());
    }
    // Never silent for long, and never done.
    let stream = server.connect();
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut reader = BufReader::new(stream);
    reader.get_mut().write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
    while reader.fill_buf().is_err() {
        let _ = reader.get_mut().write_all(b"x");
    }
    assert_eq!(answer(&mut reader).unwrap().status, 408);
}

/// It had the time anew for each part of an answer that it took.
#[test]
fn a_client_that_reads_slowly_is_left() {
    let server = Server::start("http_server", &["127.0.0.1:0", "100", "1"]);
    let mut stream = server.connect();
    let reader = stream.try_clone().unwrap();
    std::thread::spawn(move || {
        let body = vec![b'x'; 1 << 20];
        for _ in 0..20 {
            let head = "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 1048576\r\n\r\n";
            // Until the server has hung up.
            if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).is_err() {
                return;
            }
        }
    });
    read_slowly(reader, 3 << 20);
}

fn wait_for_drain(server: &mut Server) {
    assert_eq!(server.line(), "draining");
    while TcpStream::connect(server.address).is_ok() {
        std::thread::yield_now();
    }
}

#[test]
fn sigterm_drains() {
    for procs in ["1", "2", "8"] {
        let mut server = Server::start_with("http_server", &["127.0.0.1:0"], procs);
        let [mut idle, mut unused, mut slow, mut half] = [(); 4].map(|()| BufReader::new(server.connect()));
        idle.get_mut().write_all(GET).unwrap();
        assert_eq!(answer(&mut idle).unwrap().status, 200);
        // The answer to the first says that the server has begun with the second.
        half.get_mut().write_all(&[GET, &GET[..20]].concat()).unwrap();
        assert_eq!(answer(&mut half).unwrap().status, 200);
        let request = b"GET /slow/500 HTTP/1.1\r\nHost: test\r\n\r\n";
        slow.get_mut().write_all(&[GET, &request[..20]].concat()).unwrap();
        assert_eq!(answer(&mut slow).unwrap().status, 200);
        slow.get_mut().write_all(&request[20..]).unwrap();

        server.signal(libc::SIGTERM);
        wait_for_drain(&mut server);
        assert!(answer(&mut idle).is_none(), "who waits for nothing is let go");
        assert!(answer(&mut unused).is_none());
        half.get_mut().write_all(&GET[20..]).unwrap();
        let last = answer(&mut half).expect("a request that has begun is answered");
        assert!(last.head.contains("Connection: close\r\n"), "{}", last.head);
        assert_eq!(answer(&mut slow).unwrap().body, b"at last\n");
        assert!(answer(&mut slow).is_none());
        let (status, err) = server.end();
        assert_eq!((status.code(), err.as_str()), (Some(0), ""));
    }
}

/// Nobody else was let in, but could still connect.
#[test]
fn sigterm_with_as_many_clients_as_may_be() {
    let mut server = Server::start("http_server", &["127.0.0.1:0", "1"]);
    let [mut half, mut waits] = [(); 2].map(|()| BufReader::new(server.connect()));
    half.get_mut().write_all(&[GET, &GET[..20]].concat()).unwrap();
    assert_eq!(answer(&mut half).unwrap().status, 200);
    server.signal(libc::SIGTERM);
    wait_for_drain(&mut server);
    let end = waits.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset, "it was never accepted");
    half.get_mut().write_all(&GET[20..]).unwrap();
    assert_eq!(answer(&mut half).unwrap().status, 200);
    let (status, err) = server.end();
    assert_eq!((status.code(), err.as_str()), (Some(0), ""));
}

/// The server connected to itself to end its waiting, which needs a descriptor.
#[test]
fn sigterm_without_a_descriptor_left() {
    let mut server = server();
    let mut idle = BufReader::new(server.connect());
    idle.get_mut().write_all(GET).unwrap();
    assert_eq!(answer(&mut idle).unwrap().status, 200);
    server.use_up_descriptors();
    server.signal(libc::SIGTERM);
    // Nobody else connects either.
    assert_eq!(server.line(), "draining");
    assert!(answer(&mut idle).is_none());
    let (status, err) = server.end();
    assert_eq!(status.code(), Some(0), "{err}");
    // It may have looked for another client after the descriptors were gone.
    assert!(err.lines().all(|l| l == "http_server: accept: Too many open files (os error 24)"), "{err}");
}

/// It was waited for until the time for answers was over, which then was an error.
#[test]
fn a_client_that_stays_does_not_hold_up_the_end() {
    let mut server = server();
    let mut stays = BufReader::new(server.connect());
    stays.get_mut().write_all(&[GET, &GET[..20]].concat()).unwrap();
    assert_eq!(answer(&mut stays).unwrap().status, 200);
    server.signal(libc::SIGTERM);
    wait_for_drain(&mut server);
    stays.get_mut().write_all(&GET[20..]).unwrap();
    let last = answer(&mut stays).expect("a request that has begun is answered");
    assert!(last.head.contains("Connection: close\r\n"), "{}", last.head);
    let (status, err) = server.end();
    assert_eq!((status.code(), err.as_str()), (Some(0), ""));
    assert!(answer(&mut stays).is_none());
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut server = server();
    let mut stream = BufReader::new(server.connect());
    // The answer to the first says that the server has begun with the second, for which it waits.
    stream.get_mut().write_all(&[GET, &GET[..20]].concat()).unwrap();
    assert_eq!(answer(&mut stream).unwrap().status, 200);
    server.signal(libc::SIGINT);
    // Nothing else in between: the request has ten seconds from here on, after which the server ends by itself.
    assert_eq!(server.line(), "draining");
    server.signal(libc::SIGTERM);
    assert_eq!(server.end().0.signal(), Some(libc::SIGTERM));
}

#[test]
fn an_address_in_use_is_told() {
    let first = server();
    let output = example_support::example("http_server").arg(first.address.to_string()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("http_server: {}: Address already in use (os error 98)\n", first.address);
    assert_eq!(example_support::stderr(&output), expected);
}
