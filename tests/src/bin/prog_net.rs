//! Programs about sockets whose end, or whose descriptors, a test looks at. The argument chooses one.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::time::Duration;

use gort::net::{TcpListener, TcpStream};

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc is there").count()
}

fn limit_descriptors(n: u64) {
    let limit = libc::rlimit { rlim_cur: n, rlim_max: n };
    // SAFETY: a valid limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
}

/// None is lost, neither by sockets that waited nor by those that did not; and when there are none left,
/// `accept` says so and the listener lives on.
fn descriptors() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let round = || {
        for waits in [false, true] {
            let client = TcpStream::connect(addr).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            if waits {
                server.set_read_timeout(Some(Duration::from_micros(10))).unwrap();
                assert!(server.read(&mut [0; 1]).is_err());
            }
            (&client).write_all(b"x").unwrap();
            assert_eq!(server.read(&mut [0; 1]).unwrap(), 1);
            let _clone = server.try_clone().unwrap();
        }
    };
    round();
    let before = (open_descriptors(), gort::num_goroutine());
    for _ in 0..100 {
        round();
    }
    assert_eq!((open_descriptors(), gort::num_goroutine()), before);

    let clients: Vec<_> = (0..4).map(|_| TcpStream::connect(addr).unwrap()).collect();
    // The next free number is the first that is not allowed any more.
    let next = std::fs::File::open("/dev/null").unwrap().as_raw_fd();
    limit_descriptors(next as u64);
    let e = listener.accept().unwrap_err();
    assert_eq!(e.raw_os_error(), Some(libc::EMFILE), "{e}");
    let mut clients = clients.into_iter();
    drop(clients.next());
    drop(clients.next());
    let mut accepted = 0;
    while let Ok((stream, _)) = listener.accept() {
        accepted += 1;
        std::mem::forget(stream);
        if accepted == 2 {
            break;
        }
    }
    assert!(accepted > 0, "the listener lives on");
}

/// All goroutines wait, one of them for a socket that a plain child process will write to.
fn no_deadlock() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut child = std::process::Command::new("bash")
        .args(["-c", &format!("sleep 0.1; exec 3<>/dev/tcp/127.0.0.1/{port}")])
        .spawn()
        .unwrap();
    let (stream, _) = listener.accept().unwrap();
    drop(stream);
    let _ = child.wait();
}

/// Sockets are open, but nobody waits for one.
fn deadlock() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_deadline(Some(std::time::Instant::now() + Duration::from_millis(1))).unwrap();
    assert!(listener.accept().is_err());
    let (tx, rx) = gort::channel::bounded::<()>(0);
    let _ = rx.recv();
    drop((tx, listener));
}

/// Opens many connections to a server that echoes, all at the same time, and has each of them answer thrice.
fn connect(addr: &str, connections: usize) {
    let open = gort::sync::WaitGroup::new();
    open.add(connections as i64);
    let handles: Vec<_> = (0..connections)
        .map(|i| {
            let (addr, open) = (addr.to_string(), open.clone());
            gort::spawn(move || {
                let mut stream = TcpStream::connect(addr).unwrap();
                open.done();
                for round in 0..3 {
                    if round == 1 {
                        // All are open now.
                        open.wait();
                    }
                    let message = format!("{i}:{round}");
                    stream.write_all(message.as_bytes()).unwrap();
                    let mut answer = vec![0; message.len()];
                    stream.read_exact(&mut answer).unwrap();
                    assert_eq!(answer, message.as_bytes());
                }
            })
        })
        .collect();
    for handle in handles {
        handle.join().unwrap();
    }
}

#[gort::main]
fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let [_, program, addr, n] = &args[..]
        && program == "connect"
    {
        return connect(addr, n.parse().unwrap());
    }
    match std::env::args().nth(1).as_deref() {
        Some("descriptors") => descriptors(),
        Some("no_deadlock") => no_deadlock(),
        Some("deadlock") => deadlock(),
        other => panic!("no such program: {other:?}"),
    }
}
