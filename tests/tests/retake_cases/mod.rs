//! The cases of `retake.rs` and `retake_two.rs`.

mod user_code;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::FromRawFd;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::PROCS;

/// Far more goroutines than Ps.
const MANY: usize = 40;
/// Those that compute: they share the processors with all else.
const HOGS: usize = 16;

/// Runs `block` in `n` goroutines. The last to arrive there is let through to `release`, which ends the
/// blocking of all: it must get to run although all others block.
fn all_block_then(n: usize, block: impl Fn(usize) + Send + Sync + 'static, release: impl FnOnce()) {
    let block = Arc::new(block);
    let arrived = Arc::new(AtomicUsize::new(0));
    let handles: Vec<_> = (0..n)
        .map(|i| {
            let (block, arrived) = (block.clone(), arrived.clone());
            gort::spawn(move || {
                arrived.fetch_add(1, Ordering::SeqCst);
                block(i);
            })
        })
        .collect();
    while arrived.load(Ordering::SeqCst) < n {
        gort::yield_now();
    }
    release();
    for handle in handles {
        handle.join().unwrap();
    }
}

#[gort::test(gomaxprocs = PROCS)]
fn loops_that_never_call_the_runtime() {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    all_block_then(
        HOGS,
        move |_| {
            while !seen.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        },
        || stop.store(true, Ordering::Relaxed),
    );
}

#[gort::test(gomaxprocs = PROCS)]
fn loops_of_operations_that_never_block() {
    let (tx, rx) = gort::channel::bounded::<()>(1);
    all_block_then(
        HOGS,
        move |_| while rx.try_recv() != Err(gort::channel::TryRecvError::Disconnected) {},
        || drop(tx),
    );
}

#[gort::test(gomaxprocs = PROCS)]
fn loops_that_start_goroutines() {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    all_block_then(
        HOGS,
        move |_| {
            while !seen.load(Ordering::Relaxed) {
                let done = Arc::new(AtomicBool::new(false));
                let set = done.clone();
                gort::go!(move || set.store(true, Ordering::Relaxed));
                // The child needs a P, and so does whoever stops us.
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }
        },
        || stop.store(true, Ordering::Relaxed),
    );
}

/// Runs `call` in many goroutines, each again and again until all of them have begun, which is never if the first few
/// keep their Ps: nothing but the call is between.
fn until_all_have_begun(call: impl Fn(usize) + Send + Sync + 'static) {
    let begun = Arc::new(AtomicUsize::new(0));
    let last = begun.clone();
    let again = move |i| {
        last.fetch_add(1, Ordering::SeqCst);
        while last.load(Ordering::SeqCst) < MANY {
            call(i);
        }
        call(i);
    };
    all_block_then(MANY, again, || ());
    assert_eq!(begun.load(Ordering::SeqCst), MANY);
}

#[gort::test(gomaxprocs = PROCS)]
fn thread_sleep() {
    until_all_have_begun(|_| std::thread::sleep(Duration::from_millis(2)));
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
    // Held while others block on it, but over no blocking gort call: `yield_now` in there would be one.
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
        std::hint::spin_loop();
    }
    drop(guard);
    for handle in handles {
        handle.join().unwrap();
    }
    assert_eq!(*mutex.lock().unwrap(), MANY);
}

#[gort::test(gomaxprocs = PROCS)]
fn child_processes() {
    until_all_have_begun(|i| {
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
fn name_resolution() {
    until_all_have_begun(|_| assert!(("localhost", 80).to_socket_addrs().unwrap().next().is_some()));
}

#[gort::test(gomaxprocs = PROCS)]
fn a_c_function_that_sleeps() {
    until_all_have_begun(|_| {
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

#[gort::test(gomaxprocs = PROCS)]
fn timers_of_a_p_whose_goroutine_computes() {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    let hog = gort::spawn(move || while !seen.load(Ordering::Relaxed) {});
    for _ in 0..20 {
        gort::sleep(Duration::from_millis(1));
    }
    stop.store(true, Ordering::Relaxed);
    hog.join().unwrap();
}

#[gort::test(gomaxprocs = PROCS)]
fn a_locked_goroutine_that_computes() {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    let hog = gort::spawn(move || {
        let pin = gort::pin();
        let thread = std::thread::current().id();
        while !seen.load(Ordering::Relaxed) {}
        gort::yield_now();
        gort::sleep(Duration::from_millis(1));
        assert_eq!(std::thread::current().id(), thread);
        drop(pin);
    });
    gort::sleep(Duration::from_millis(5));
    stop.store(true, Ordering::Relaxed);
    hog.join().unwrap();
}

#[gort::test(gomaxprocs = PROCS)]
fn a_goroutine_without_a_p_does_all_that_others_do() {
    let (tx, rx) = gort::channel::bounded::<usize>(4);
    // It computes until its P is taken, which it sees by another goroutine's running.
    let lose_p = || {
        let ran = Arc::new(AtomicBool::new(false));
        let set = ran.clone();
        gort::go!(move || set.store(true, Ordering::Relaxed));
        while !ran.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    };
    let worker = gort::spawn(move || {
        lose_p();
        tx.send(1).unwrap();
        lose_p();
        let child = gort::spawn(|| 2);
        lose_p();
        tx.send(child.join().unwrap()).unwrap();
        lose_p();
        gort::sleep(Duration::from_millis(1));
        lose_p();
        gort::yield_now();
        lose_p();
        let big = gort::Builder::new().stack_size(1 << 20).spawn(|| 3).unwrap();
        lose_p();
        gort::blocking(|| std::thread::sleep(Duration::from_millis(1)));
        lose_p();
        assert_eq!(gort::blocking_on_system_stack(|| 5), 5);
        lose_p();
        assert!(gort::runtime::stack(false).contains("[running]"));
        tx.send(big.join().unwrap()).unwrap();
        lose_p();
        let mutex = gort::sync::Mutex::new(0);
        *mutex.lock().unwrap() += 1;
        lose_p();
        // It ends without a P.
    });
    assert_eq!((rx.recv(), rx.recv(), rx.recv()), (Ok(1), Ok(2), Ok(3)));
    worker.join().unwrap();
}

#[gort::test(gomaxprocs = PROCS)]
fn panics_across_a_taken_p() {
    let caught = gort::spawn(|| {
        let r = gort::catch_unwind(|| {
            gort::blocking(|| {
                std::thread::sleep(Duration::from_millis(5));
                panic!("inside");
            })
        });
        assert!(r.is_err() && !std::thread::panicking());
        gort::sleep(Duration::from_millis(1));
        assert!(!std::thread::panicking());
    });
    gort::sleep(Duration::from_millis(2));
    caught.join().unwrap();
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

#[gort::test(gomaxprocs = PROCS)]
fn membarrier_is_used_unless_it_is_not_to_be() {
    let forbidden = std::env::var("GODEBUG").is_ok_and(|knobs| knobs.contains("nomembarrier=1"));
    // SAFETY: asks what the kernel can do.
    let can = unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_QUERY, 0, 0) };
    let lacking = can < 0 || can & i64::from(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
    let steps = gort::runtime::init_trace();
    let osinit = steps.iter().find(|step| step.name == "osinit").unwrap();
    assert_eq!(osinit.set.contains("no membarrier"), forbidden || lacking, "{osinit:?}");
}
