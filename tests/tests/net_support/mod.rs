//! What the tests of sockets need.

#![allow(dead_code)]

use gort::net::{TcpListener, TcpStream};

/// The two ends of a connection.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, peer) = listener.accept().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    (client, server)
}

/// Waits until as many goroutines or threads wait in I/O.
pub(crate) fn wait_for_io_waiters(n: usize) {
    while gort::runtime::stack(true).matches("[IO wait").count() < n {
        gort::yield_now();
    }
}

/// xorshift64*.
pub(crate) struct Rand(u64);

impl Rand {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % n
    }
}

/// Runs `round` for each seed, or that of `NET_SEED` alone, at different GOMAXPROCS. A failure tells the seed.
pub(crate) fn for_each_seed(last: u64, round: impl Fn(u64)) {
    let seeds: Vec<u64> = match std::env::var("NET_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (1..=last).collect(),
    };
    for seed in seeds {
        eprintln!("NET_SEED={seed}");
        let before = gort::gomaxprocs([1, 2, 3, 8][seed as usize % 4]);
        round(seed);
        gort::gomaxprocs(before);
    }
}

/// Runs the calling test program once more without `epoll_pwait2`, in a process of its own, but for the test that does.
#[track_caller]
pub(crate) fn all_without_pwait2(but: &str) {
    let again = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--skip", but])
        .env("GODEBUG", "noepollpwait2=1")
        .output()
        .unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stdout));
}
