//! Programs about sockets whose end, or whose descriptors, a test looks at. The argument chooses one.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use gort::net::unix::SocketAddr as SocketName;
use gort::net::{Shutdown, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use tests::open_descriptors;

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
    // None of them was lost, and there is room for one at a time.
    for _ in 0..4 {
        listener.accept().unwrap();
    }
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// Nobody has to ignore SIGPIPE for it: what is written to who has left is an error.
fn broken_pipe() {
    // SAFETY: the disposition that a process has unless it, as std does, chooses another.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut tcp = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    tcp.shutdown(Shutdown::Write).unwrap();
    let (mut unix, peer) = UnixStream::pair().unwrap();
    drop(peer);
    let (datagrams, peer) = UnixDatagram::pair().unwrap();
    peer.shutdown(Shutdown::Both).unwrap();
    for error in [
        tcp.write(b"x").unwrap_err(),
        tcp.write_vectored(&[IoSlice::new(b"x")]).unwrap_err(),
        unix.write(b"x").unwrap_err(),
        unix.write_vectored(&[IoSlice::new(b"x")]).unwrap_err(),
        datagrams.send(b"x").unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}

/// Addresses that take until somebody else has said something, and more stack than the goroutine has.
struct Slow {
    asked: Sender<()>,
    answer: Mutex<Receiver<SocketAddr>>,
}

impl ToSocketAddrs for Slow {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        std::hint::black_box([1_u8; 100 << 10]);
        self.asked.send(()).unwrap();
        Ok(vec![self.answer.lock().unwrap().recv().unwrap()].into_iter())
    }
}

/// Others go on for a while.
fn tick() {
    (0..20).for_each(|_| gort::sleep(Duration::from_micros(100)));
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("/proc is there").count()
}

/// With GOMAXPROCS=1: whoever connects, or looks up a name, stops nobody.
fn nobody_stops() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: shrinks the queue of a live listener.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let addr = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(5)) {
        held.push(stream);
    }
    for i in 0..100 {
        gort::go!(move || match i % 2 {
            0 => drop(TcpStream::connect(addr)),
            _ => drop(TcpStream::connect_timeout(&addr, Duration::from_secs(60))),
        });
    }
    while gort::runtime::stack(true).matches("[IO wait").count() < 100 {
        gort::yield_now();
    }
    tick();
    assert!(threads() < 20, "they need no threads: {}", threads());

    let here = UdpSocket::bind("127.0.0.1:0").unwrap();
    let lookups: [fn(Slow) -> io::Result<()>; 5] = [
        |slow| TcpStream::connect(slow).map(drop),
        |slow| TcpListener::bind(slow).map(drop),
        |slow| UdpSocket::bind(slow).map(drop),
        |slow| UdpSocket::bind("127.0.0.1:0")?.connect(slow),
        |slow| UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", slow).map(drop),
    ];
    for (i, lookup) in lookups.into_iter().enumerate() {
        let (asked, was_asked) = channel();
        let (answer, answers) = channel();
        let slow = Slow { asked, answer: Mutex::new(answers) };
        let builder = gort::Builder::new().stack_size(64 << 10);
        let lookup = builder.spawn(move || lookup(slow)).unwrap();
        while was_asked.try_recv().is_err() {
            gort::yield_now();
        }
        tick();
        assert!(!lookup.is_finished());
        let local = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        answer.send([local, any, any, here.local_addr().unwrap(), here.local_addr().unwrap()][i]).unwrap();
        // Nobody listens at the first; all else works.
        assert_eq!(
            lookup.join().unwrap().map_err(|e| e.kind()).err(),
            (i == 0).then_some(ErrorKind::ConnectionRefused)
        );
    }

    let dir = std::env::temp_dir().join(format!("gort-nobody-stops-{}", std::process::id()));
    let listener = UnixListener::bind(&dir).unwrap();
    // SAFETY: as above.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let dir = dir.clone();
            gort::spawn(move || UnixStream::connect(dir).map(drop))
        })
        .collect();
    tick();
    assert!(clients.iter().any(|client| !client.is_finished()), "the queue is full");
    clients.iter().for_each(|_| drop(listener.accept().unwrap()));
    clients.into_iter().for_each(|client| client.join().unwrap().unwrap());
    std::fs::remove_file(dir).unwrap();
}

/// A name whose look-up takes until the gate is open. It counts those under way.
#[derive(Clone)]
struct Gated(Arc<(Mutex<(usize, bool)>, Condvar)>);

impl ToSocketAddrs for Gated {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        state.0 += 1;
        drop(changed.wait_while(state, |(_, open)| !*open).unwrap());
        Ok(Vec::new().into_iter())
    }
}

/// With room for 30 look-ups: of 100 goroutines that look up a name as many do, the others wait for their turn without a
/// thread, and who knows the address waits for nobody.
fn lookups() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    limit_descriptors(60);
    let name = Gated(Arc::new((Mutex::new((0, false)), Condvar::new())));
    let connects: Vec<_> = (0..100)
        .map(|_| {
            let name = name.clone();
            gort::spawn(move || TcpStream::connect(name).unwrap_err().kind())
        })
        .collect();
    let (state, changed) = &*name.0;
    let under_way = || state.lock().unwrap().0;
    while under_way() + gort::runtime::stack(true).matches("[semacquire").count() < 100 {
        gort::yield_now();
    }
    assert_eq!(under_way(), 30);
    assert!(threads() < 50, "they need no threads: {}", threads());
    TcpStream::connect(addr).unwrap();
    TcpStream::connect(&[addr][..]).unwrap();
    TcpStream::connect((Ipv4Addr::LOCALHOST, addr.port())).unwrap();
    state.lock().unwrap().1 = true;
    changed.notify_all();
    for connect in connects {
        assert_eq!(connect.join().unwrap(), ErrorKind::InvalidInput);
    }
    assert_eq!(under_way(), 100);
}

/// Who waits for room in the queue of a Unix listener, or of a socket for datagrams, has no thread, and gets it.
fn unix_queues() {
    const MANY: usize = 300;
    let name = SocketName::from_abstract_name(format!("gort-queues-{}", std::process::id())).unwrap();
    let listener = UnixListener::bind_addr(&name).unwrap();
    // SAFETY: shrinks the queue of a live listener.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let wait_in_vain = || {
        let wait = || {
            let stack = gort::runtime::stack(true);
            stack.matches("[sleep").count() + stack.matches("[syscall").count()
        };
        // A queue takes a dozen at most.
        while wait() < MANY - 20 {
            gort::yield_now();
        }
        assert!(threads() < 20, "they need no threads: {}", threads());
    };
    let clients: Vec<_> = (0..MANY)
        .map(|i| {
            let name = name.clone();
            gort::spawn(move || UnixStream::connect_addr(&name).unwrap().write_all(&[i as u8]).unwrap())
        })
        .collect();
    wait_in_vain();
    let mut sum = 0;
    for _ in 0..MANY {
        let mut byte = [0];
        listener.accept().unwrap().0.read_exact(&mut byte).unwrap();
        sum += usize::from(byte[0]);
    }
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert_eq!(sum, (0..MANY).map(|i| i % 256).sum());

    let name = SocketName::from_abstract_name(format!("gort-queues-{}-d", std::process::id())).unwrap();
    let receiver = UnixDatagram::bind_addr(&name).unwrap();
    let clients: Vec<_> = (0..MANY)
        .map(|_| {
            let name = name.clone();
            gort::spawn(move || UnixDatagram::unbound().unwrap().send_to_addr(b"x", &name).unwrap())
        })
        .collect();
    wait_in_vain();
    (0..MANY).for_each(|_| assert_eq!(receiver.recv(&mut [0; 8]).unwrap(), 1));
    clients.into_iter().for_each(|client| assert_eq!(client.join().unwrap(), 1));
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
        Some("broken_pipe") => broken_pipe(),
        Some("nobody_stops") => nobody_stops(),
        Some("lookups") => lookups(),
        Some("unix_queues") => unix_queues(),
        other => panic!("no such program: {other:?}"),
    }
}
