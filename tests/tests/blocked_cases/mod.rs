//! The cases of `retake_blocked.rs` and `retake_blocked_two.rs`.
//!
//! There are more goroutines than threads may run without a P because they compute: that their threads sleep, or have
//! said that they may, must have been seen. Nothing here computes for long: that would stand behind all these threads.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::FromRawFd;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::PROCS;
use super::retake_support::{all_block_then, until_all_have_begun};

/// 64 for each P go on when they compute.
const MANY: usize = 64 * PROCS + 8;

#[gort::test(gomaxprocs = PROCS)]
fn thread_sleep() {
    until_all_have_begun(MANY, |_| std::thread::sleep(Duration::from_millis(2)));
}

#[gort::test(gomaxprocs = PROCS)]
fn pipes_that_stall() {
    let mut fds = [0; 2];
    // SAFETY: two descriptors are written to the array.
    assert_eq!(unsafe { libc::pipe(fds.as_mut_ptr()) }, 0);
    // SAFETY: the descriptors are fresh and belong to nobody else.
    let (reader, mut writer) =
        unsafe { (std::fs::File::from_raw_fd(fds[0]), std::fs::File::from_raw_fd(fds[1])) };
    all_block_then(
        MANY,
        move |_| assert_eq!((&reader).read(&mut [0]).unwrap(), 1),
        || writer.write_all(&[7; MANY]).unwrap(),
    );
}

#[gort::test(gomaxprocs = PROCS)]
fn a_fifo_that_nobody_opens() {
    let path = std::env::temp_dir().join(format!("gort-fifo-{}", std::process::id()));
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: a NUL-terminated path.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let opened = path.clone();
    all_block_then(
        MANY,
        move |_| drop(std::fs::File::open(&opened).unwrap()),
        || {
            // Opened for both, it opens at once, and lets each reader through.
            let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
            std::mem::forget(file);
        },
    );
    std::fs::remove_file(&path).unwrap();
}

#[gort::test(gomaxprocs = PROCS)]
fn a_contended_std_mutex() {
    let mutex = Arc::new(Mutex::new(0));
    let held = mutex.clone();
    let guard = mutex.lock().unwrap();
    // Held while others block on it, but over no call of gort's that may move us to another thread.
    let arrived = Arc::new(AtomicUsize::new(0));
    let handles: Vec<_> = (0..MANY)
        .map(|_| {
            let (held, arrived) = (held.clone(), arrived.clone());
            gort::spawn(move || {
                arrived.fetch_add(1, Ordering::SeqCst);
                *held.lock().unwrap() += 1;
            })
        })
        .collect();
    while arrived.load(Ordering::SeqCst) < MANY {
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(guard);
    for handle in handles {
        handle.join().unwrap();
    }
    assert_eq!(*mutex.lock().unwrap(), MANY);
}

#[gort::test(gomaxprocs = PROCS)]
fn child_processes() {
    until_all_have_begun(MANY, |i| {
        let output = Command::new("sh").arg("-c").arg(format!("sleep 0.02; echo {i}")).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), i.to_string());
    });
}

#[gort::test(gomaxprocs = PROCS)]
fn sockets_of_std() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = gort::spawn(move || {
        let mut peers: Vec<TcpStream> = (0..MANY).map(|_| listener.accept().unwrap().0).collect();
        for (i, peer) in peers.iter_mut().enumerate() {
            peer.write_all(&[i as u8]).unwrap();
        }
    });
    all_block_then(
        MANY,
        move |_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.read_exact(&mut [0]).unwrap();
        },
        || (),
    );
    server.join().unwrap();
}

#[gort::test(gomaxprocs = PROCS)]
fn a_c_function_that_sleeps() {
    until_all_have_begun(MANY, |_| {
        // SAFETY: a plain number.
        unsafe { libc::usleep(2_000) };
    });
}

#[gort::test(gomaxprocs = PROCS)]
fn explicit_blocking_calls() {
    let (tx, rx) = std::sync::mpsc::channel::<()>();
    let rx = Mutex::new(rx);
    all_block_then(
        MANY,
        move |_| {
            gort::blocking(|| rx.lock().unwrap().recv().unwrap_err());
        },
        || drop(tx),
    );
}

/// They say that they may block, and compute: only the word of the call tells that their Ps may be taken.
#[gort::test(gomaxprocs = PROCS)]
fn explicit_blocking_calls_that_compute() {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    all_block_then(
        MANY,
        move |_| {
            gort::blocking(|| {
                // It never sleeps, but lets the kernel come to the next thread soon.
                while !seen.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
            });
        },
        || stop.store(true, Ordering::Relaxed),
    );
}

/// Everything once more without membarrier, in a process of its own.
#[test]
fn the_fallback() {
    let again = Command::new(std::env::current_exe().unwrap())
        .args(["--skip", "the_fallback"])
        .env("GODEBUG", "nomembarrier=1")
        .output()
        .unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stdout));
}
