//! The examples `tcp_proxy`, `fetch` and `tls_echo`, by clients of the same crates on plain threads.

#[path = "example_support/mod.rs"]
mod example_support;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use example_support::{Server, example, stderr, stdout, unread};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

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
fn a_reset_of_one_side_of_the_proxy_ends_the_other() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = proxy(&listener.local_addr().unwrap().to_string(), "2");
    for client_first in [true, false] {
        let client = proxy.connect();
        let upstream = listener.accept().unwrap().0;
        upstream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let (gone, mut other) = if client_first { (client, upstream) } else { (upstream, client) };
        reset(gone);
        assert_eq!(other.read_to_end(&mut Vec::new()).unwrap(), 0);
        // Both directions: nobody reads what is said after that.
        let error = loop {
            if let Err(e) = other.write_all(&[0]) {
                break e;
            }
        };
        assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
    }
}

#[test]
fn the_proxy_without_an_upstream() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let proxy = proxy(&nobody, "2");
    assert_eq!(proxy.connect().read_to_end(&mut Vec::new()).unwrap(), 0);
    proxy.signal(libc::SIGTERM);
    let (_, err) = proxy.end();
    assert_eq!(err, "tcp_proxy: upstream: Connection refused (os error 111)\n");
    // A name that cannot be, which is known without asking.
    let unknown = format!("{}:80", "x".repeat(64));
    let output = example("tcp_proxy").args(["127.0.0.1:0", &unknown]).output().unwrap();
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    let told = stderr(&output);
    assert!(told.starts_with(&format!("tcp_proxy: 127.0.0.1:0 to {unknown}: failed to lookup")), "{told}");
}

/// It waited for as long as the kernel does, which is minutes.
#[test]
fn the_proxy_does_not_wait_long_for_its_upstream() {
    // Who does not accept, and has room for one that waits, hears no others.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: no memory is passed.
    assert_eq!(unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&deaf), 0) }, 0);
    let address = deaf.local_addr().unwrap();
    let waits = TcpStream::connect(address).unwrap();
    let proxy = Server::start("tcp_proxy", &["127.0.0.1:0", &address.to_string(), "0.2"]);
    assert_eq!(proxy.connect().read_to_end(&mut Vec::new()).unwrap(), 0);
    proxy.signal(libc::SIGTERM);
    assert_eq!(proxy.end().1, "tcp_proxy: upstream: connection timed out\n");
    drop(waits);
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

/// Serves one client with `answer`, and gives the request.
fn serve_once(address: &str, answer: &'static str) -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind(address).unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move || {
        let mut stream = listener.accept().unwrap().0;
        let mut request = String::new();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while !request.ends_with("\r\n\r\n") && reader.read_line(&mut request).unwrap() > 0 {}
        stream.write_all(answer.as_bytes()).unwrap();
        // As long as the client wants.
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
        request
    };
    (port, std::thread::spawn(serve))
}

#[test]
fn fetch_by_name_and_without_a_port() {
    let (port, server) = serve_once("127.0.0.1:0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let url = format!("http://localhost:{port}?a#b");
    let output = example("fetch").arg(&url).output().unwrap();
    assert_eq!((stdout(&output), stderr(&output)), (format!("200        5 {url}\n"), String::new()));
    let expected = format!("GET /?a HTTP/1.0\r\nHost: localhost:{port}\r\nUser-Agent: gort-fetch\r\n\r\n");
    assert_eq!(server.join().unwrap(), expected);
    // Whatever there is at port 80, or nothing; and a name that cannot be.
    let unknown = format!("http://{}/", "x".repeat(64));
    let output = example("fetch").args(["-t", "1", "http://[::1]/", &unknown]).output().unwrap();
    let err = stderr(&output);
    assert!(!err.contains("[::1]/: failed to lookup") && !err.contains("[::1]/: invalid"), "{err}");
    assert!(err.contains(&format!("fetch: {unknown}: failed to lookup address information")), "{err}");
}

/// A name may take the C library half a minute.
#[test]
fn fetch_does_not_wait_long_for_a_name() {
    let dir = TempDir::new().unwrap();
    let slow = dir.path().join("slow.so");
    let mut cc = std::process::Command::new("cc");
    cc.args(["-shared", "-fPIC", "-xc", "-", "-o"]).arg(&slow).stdin(std::process::Stdio::piped());
    let mut cc = cc.spawn().unwrap();
    let source = b"extern unsigned sleep(unsigned); int getaddrinfo() { sleep(30); return -2; }";
    cc.stdin.take().unwrap().write_all(source).unwrap();
    assert!(cc.wait().unwrap().success());

    let server = http_server();
    let here = format!("http://{}/", server.address);
    let begun = Instant::now();
    let mut fetch = example("fetch");
    fetch.args(["-t", "0.5", "-c", "1", "http://localhost/", &here]).env("LD_PRELOAD", &slow);
    let output = fetch.output().unwrap();
    assert_eq!(stderr(&output), "fetch: http://localhost/: the name was not found in time\n");
    assert_eq!(stdout(&output), format!("200       14 {here}\n"));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

/// All of it was kept until its end.
#[test]
fn fetch_counts_a_body_and_keeps_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
        let block = vec![0; 1 << 20];
        (0..512).for_each(|_| stream.write_all(&block).unwrap());
        // The request, so that the end is no reset.
        stream.shutdown(Shutdown::Write).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    // With less address space than that there is no room for it.
    let mut sh = example_support::command("sh");
    let fetch = example_support::program("fetch");
    let output =
        sh.args(["-c", r#"ulimit -d 262144; exec "$@""#, "sh"]).arg(fetch).arg(&url).output().unwrap();
    assert_eq!((stdout(&output), stderr(&output)), (format!("200 {} {url}\n", 512 << 20), String::new()));
    server.join().unwrap();
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
    check(0, "i/o timeout");
    check(1, "not an http:// URL");
    check(2, "not a URL");
    check(3, "not a URL");
    check(4, "Connection refused (os error 111)");
    check(5, "the answer is cut off");
    check(6, "the answer is not HTTP");
    check(7, "the answer is not HTTP");
    assert!(begun.elapsed() < Duration::from_secs(30), "it does not wait for the slow one");
}

#[test]
fn a_reader_that_leaves_fetch_is_no_error() {
    let server = http_server();
    let urls = ["/", "/slow/60000"].map(|path| format!("http://{}{path}", server.address));
    let fetch = unread(example("fetch").args(urls));
    assert_eq!((fetch.status.code(), stderr(&fetch).as_str()), (Some(0), ""));
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
    let output = example("tls_echo").args(["127.0.0.1:0", "/nowhere/at/all"]).output().unwrap();
    assert_eq!(stderr(&output), "tls_echo: /nowhere/at/all: No such file or directory (os error 2)\n");
}
