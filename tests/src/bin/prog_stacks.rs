//! Programs for `tests/tests/prog_stacks.rs`: stacks in great numbers, and in none.
//!
//! By hand, a million goroutines that wait:
//!
//! ```text
//! $ cargo run --release -p tests --bin prog_stacks -- parked 1000000
//! ```

use std::fs;
use std::hint::black_box;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use gort::channel::{Receiver, bounded};

/// A number of kilobytes out of `/proc/self/status`.
fn kilobytes(field: &str) -> usize {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

/// Goroutines that wait for the end of a channel.
struct Waiters {
    rx: Receiver<()>,
    waiting: Arc<AtomicUsize>,
}

impl Waiters {
    fn new(rx: Receiver<()>) -> Self {
        Self { rx, waiting: Arc::default() }
    }

    fn one(&self) -> impl FnOnce() + Send + 'static {
        let (rx, waiting) = (self.rx.clone(), self.waiting.clone());
        move || {
            waiting.fetch_add(1, SeqCst);
            rx.recv().unwrap_err();
            waiting.fetch_sub(1, SeqCst);
        }
    }

    fn until(&self, n: usize) {
        while self.waiting.load(SeqCst) != n {
            gort::yield_now();
        }
    }
}

/// What a goroutine that waits costs.
fn parked(n: usize) {
    let (before, tables, maps) = (kilobytes("VmRSS:"), kilobytes("VmPTE:"), mappings());
    let (tx, rx) = bounded(0);
    let waiters = Waiters::new(rx);
    let begun = Instant::now();
    for _ in 0..n {
        let wait = waiters.one();
        gort::go!(wait());
    }
    waiters.until(n);
    println!("nanoseconds {}", begun.elapsed().as_nanos() as usize / n);
    println!("bytes {}", (kilobytes("VmRSS:") - before) * 1024 / n);
    println!("bytes_of_page_tables {}", (kilobytes("VmPTE:") - tables) * 1024 / n);
    println!("mappings {}", mappings() - maps);
    println!("threads {}", fs::read_dir("/proc/self/task").unwrap().count());
    drop(tx);
    waiters.until(0);
}

#[inline(never)]
fn touch_100_kib() {
    let mut deep = [0u8; 100 << 10];
    black_box(&mut deep);
}

/// Many goroutines go deep, at the same time, and end: their pages go back to the kernel, and come again.
fn burst(n: usize, rest: impl Fn()) {
    let before = kilobytes("VmRSS:");
    for _ in 0..2 {
        let (tx, rx) = bounded(0);
        let waiters = Waiters::new(rx);
        for _ in 0..n {
            let wait = waiters.one();
            gort::go!(move || {
                touch_100_kib();
                wait();
            });
        }
        waiters.until(n);
        let peak = kilobytes("VmRSS:");
        assert!(peak > n * 100, "{peak} KiB with {n} stacks");
        drop(tx);
        waiters.until(0);
        // Nothing but descriptors is left, and what busy Ps keep.
        while kilobytes("VmRSS:") > before + n + (20 << 10) {
            rest();
        }
    }
    println!("given back");
}

fn limit_address_space(more: usize) {
    let limit = libc::rlimit {
        rlim_cur: ((kilobytes("VmSize:") << 10) + more) as u64,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: `limit` is a valid limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

/// `Builder::spawn` says when there is no memory, or no mapping, for another stack; those that there are go on,
/// and their stacks serve others when they have ended.
fn refused(limit: impl FnOnce()) {
    // A vector that grows would be refused first.
    let mut handles = Vec::with_capacity(2 << 20);
    limit();
    let (tx, rx) = bounded(0);
    let waiters = Waiters::new(rx);
    let error = loop {
        match gort::Builder::new().spawn(waiters.one()) {
            Ok(handle) => handles.push(handle),
            Err(error) => break error,
        }
    };
    println!("{error}");
    assert_eq!(error.kind(), std::io::ErrorKind::OutOfMemory);
    let n = handles.len();
    assert!(n >= 50, "{n} stacks");
    waiters.until(n);
    drop(tx);
    handles.into_iter().for_each(|handle| handle.join().unwrap());
    for i in 0..n {
        assert_eq!(gort::Builder::new().spawn(move || i).unwrap().join().unwrap(), i);
    }
    println!("went on");
}

/// `go!` has nobody to tell.
fn fatal() {
    let (_tx, rx) = bounded(0);
    let waiters = Waiters::new(rx);
    loop {
        let wait = waiters.one();
        gort::go!(wait());
        gort::yield_now();
    }
}

/// A stack for which there is not enough memory at all.
fn too_large() {
    limit_address_space(512 << 20);
    let large = || gort::Builder::new().stack_size(900 << 20);
    let error = large().spawn(|| ()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::OutOfMemory);
    assert_eq!(gort::spawn(|| 7).join().unwrap(), 7);
    println!("{error}");
}

/// Whether the kernel can read the byte at `address`.
fn is_readable(address: usize) -> bool {
    let (_reader, writer) = std::io::pipe().unwrap();
    // SAFETY: the kernel looks at the address for us, and says EFAULT.
    unsafe { libc::write(writer.as_raw_fd(), address as *const libc::c_void, 1) == 1 }
}

/// Whether a mapping of ours covers `address`.
fn is_mapped(address: usize) -> bool {
    fs::read_to_string("/proc/self/maps").unwrap().lines().any(|line| {
        let range = line.split(' ').next().unwrap();
        let (lo, hi) = range.split_once('-').unwrap();
        let bound = |text| usize::from_str_radix(text, 16).unwrap();
        (bound(lo)..bound(hi)).contains(&address)
    })
}

/// Below the signal stack of this thread lies a guard: nothing that is mapped by chance, and nothing that can be used.
fn signal_stack() -> libc::pid_t {
    // SAFETY: zeroes are a value of it; it is only written.
    let stack = unsafe {
        let mut stack: libc::stack_t = std::mem::zeroed();
        assert_eq!(libc::sigaltstack(std::ptr::null(), &mut stack), 0);
        stack
    };
    let lo = stack.ss_sp as usize;
    assert_eq!(stack.ss_flags, 0, "in use or disabled");
    assert!(is_readable(lo) && is_readable(lo + stack.ss_size - 1));
    assert!(is_mapped(lo - 1) && !is_readable(lo - 1), "no guard below {lo:#x}");
    // SAFETY: no arguments.
    unsafe { libc::gettid() }
}

/// Of two threads.
fn signal_stacks() {
    let first = gort::spawn(|| {
        let (_pin, first) = (gort::pin(), signal_stack());
        let second = gort::spawn(signal_stack);
        // The other runs elsewhere: this thread is ours.
        assert_ne!(second.join().unwrap(), first);
    });
    first.join().unwrap();
    println!("guarded");
}

/// A process is forked on a goroutine's own stack, which the child goes on using until it is another program.
fn fork() {
    let (tx, rx) = bounded(1);
    gort::go!(move || {
        let mut child = Command::new("true");
        // SAFETY: the child only touches its stack.
        unsafe {
            child.pre_exec(|| {
                touch_100_kib();
                Ok(())
            });
        }
        tx.send(child.status().unwrap()).unwrap();
    });
    println!("{}", rx.recv().unwrap());
}

#[inline(never)]
fn recurse(n: u64) -> u64 {
    let big = black_box([n; 64]);
    if n == u64::MAX {
        return 0;
    }
    1 + recurse(black_box(n + 1)) + big[(n % 64) as usize]
}

/// Uses up its stack, whatever its size.
fn overflow() {
    black_box(recurse(0));
}

#[gort::main]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| arguments[i].parse().unwrap();
    match arguments[0].as_str() {
        "parked" => parked(number(1)),
        "burst" => burst(number(1), || gort::sleep(Duration::from_millis(20))),
        "burst_beside_work" => burst(number(1), gort::yield_now),
        "refused" => refused(|| ()),
        "refused_address_space" => refused(|| limit_address_space(512 << 20)),
        "fatal" => fatal(),
        "fatal_address_space" => {
            limit_address_space(512 << 20);
            fatal();
        }
        "too_large" => too_large(),
        // Not joined: it would run on the joiner's stack.
        "overflow" => {
            gort::go!(overflow());
            gort::park();
        }
        "overflow_builder" => {
            let _overflows = gort::Builder::new().stack_size(300 << 10).spawn(overflow).unwrap();
            gort::park();
        }
        "overflow_go" => {
            gort::go!(stack_size = 900 << 10; overflow());
            gort::park();
        }
        "signal_stacks" => signal_stacks(),
        "fork" => fork(),
        "sizes" => println!("{}", gort::spawn(|| 1).join().unwrap()),
        other => panic!("no program {other:?}"),
    }
}
