//! Who asks the kernel about sockets: a busy P, sysmon, the last M that falls asleep.

mod api_support;
mod net_support;

use std::fs;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api_support::{join_thread, limit, on_thread, thread_id};
use net_support::{pair, wait_for_io_waiters};

/// One test at a time: they look at what the process as a whole does.
fn alone() -> gort::sync::MutexGuard<'static, ()> {
    static ALONE: gort::sync::Mutex<()> = gort::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(gort::sync::PoisonError::into_inner)
}

/// What glibc calls for `epoll_wait`.
#[cfg(target_arch = "x86_64")]
const EPOLL_WAIT: libc::c_long = libc::SYS_epoll_wait;
#[cfg(not(target_arch = "x86_64"))]
const EPOLL_WAIT: libc::c_long = libc::SYS_epoll_pwait;

/// The thread that waits for sockets, by the number of the system call that it is in: sysmon, or another. Sysmon is the
/// second M.
fn who_waits_for_sockets(sysmon: bool) -> Option<u64> {
    who_waits_by(&[libc::SYS_epoll_pwait2, EPOLL_WAIT], sysmon)
}

fn who_waits_by(calls: &[libc::c_long], sysmon: bool) -> Option<u64> {
    let polls: Vec<_> = calls.iter().map(|call| format!("{call} ")).collect();
    let mut tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let task = tasks.find(|task| {
        let read = |file| fs::read_to_string(task.join(file)).unwrap_or_default();
        (read("comm") == "gort-m1\n") == sysmon && polls.iter().any(|poll| read("syscall").starts_with(poll))
    })?;
    Some(task.file_name()?.to_str()?.parse().unwrap())
}

fn waits_for_sockets(sysmon: bool) -> bool {
    who_waits_for_sockets(sysmon).is_some()
}

/// A goroutine that waits for a socket, and says by a 1 that it has read.
fn reader(mut server: gort::net::TcpStream) -> (gort::JoinHandle<usize>, Arc<AtomicUsize>) {
    let done = Arc::new(AtomicUsize::new(0));
    let says = done.clone();
    let reader = gort::spawn(move || {
        let n = server.read(&mut [0; 8]).unwrap();
        says.store(1, Ordering::Relaxed);
        n
    });
    wait_for_io_waiters(1);
    (reader, done)
}

/// Has `busy` keep the only P while a goroutine waits for a socket, until it has looked at sysmon `looks` times; then
/// has that one woken, which ends `busy`. How many looks found that sysmon waits for sockets.
fn sysmon_waits_for_sockets(looks: usize, busy: fn(&AtomicUsize, &mut dyn FnMut())) -> usize {
    let before = gort::gomaxprocs(1);
    let (client, server) = pair();
    let (reader, done) = reader(server);
    let (mut left, mut there) = (looks, 0);
    busy(&done, &mut || {
        there += usize::from(waits_for_sockets(true));
        if left == 1 {
            (&client).write_all(b"x").unwrap();
        }
        left = left.saturating_sub(1);
    });
    assert_eq!(reader.join().unwrap(), 1);
    gort::gomaxprocs(before);
    there
}

/// Goroutines that always have somebody to switch to never look for work. They see events all the same, so that sysmon
/// need not wait for any; without the look at each 61st switch it always does.
#[gort::test]
fn a_busy_p_polls_the_network() {
    let _alone = alone();
    let _limit = limit();
    let busy: fn(&AtomicUsize, &mut dyn FnMut()) = |done, look| {
        gort::scope(|s| {
            for _ in 0..2 {
                s.spawn(|| {
                    while done.load(Ordering::Relaxed) == 0 {
                        gort::yield_now();
                    }
                });
            }
            // An M without a P may wait there, until the next event.
            while waits_for_sockets(false) {
                let (client, mut server) = pair();
                let reads = gort::spawn(move || server.read(&mut [0; 8]).unwrap());
                wait_for_io_waiters(2);
                (&client).write_all(b"x").unwrap();
                reads.join().unwrap();
            }
            // Apart by what sysmon sleeps, so that they are looks at different rounds.
            let mut last = Instant::now();
            while done.load(Ordering::Relaxed) == 0 {
                if last.elapsed() > Duration::from_micros(700) {
                    look();
                    last = Instant::now();
                }
                gort::yield_now();
            }
        });
    };
    // Some: while this thread has to wait for a processor no P is busy. On a machine that is busy all the time it may be
    // most, so that this goes on until it is not.
    while sysmon_waits_for_sockets(100, busy) >= 85 {}
}

/// A goroutine that computes has the only P. Sysmon waits for sockets, or takes the P away so that another M can do
/// that: which of the two is faster depends on the machine, so that this goes on until it was sysmon.
#[gort::test]
fn sysmon_polls_when_goroutines_compute() {
    let _alone = alone();
    let _limit = limit();
    let hog = || {
        sysmon_waits_for_sockets(2000, |done, look| {
            while done.load(Ordering::Relaxed) == 0 {
                look();
            }
        })
    };
    while hog() == 0 {}
}

/// Whether waits for sockets may take other than whole milliseconds.
fn has_pwait2() -> bool {
    let forbidden = std::env::var("GODEBUG").is_ok_and(|knobs| knobs.contains("noepollpwait2=1"));
    // SAFETY: no descriptor has this number, which the kernel finds out before anything else.
    unsafe { libc::syscall(libc::SYS_epoll_pwait2, -1, 0, 0, 0, 0, 0) };
    !forbidden && std::io::Error::last_os_error().raw_os_error() != Some(libc::ENOSYS)
}

/// Who sleeps in the netpoller is the last to be disturbed. When nobody else is left, work from outside, a timer, and a
/// P that is handed on wake it there.
#[gort::test]
fn work_and_timers_wake_who_sleeps_in_the_netpoller() {
    let _alone = alone();
    let _limit = limit();
    let before = gort::gomaxprocs(1);
    let (client, mut server) = pair();
    let reader = gort::spawn(move || server.read(&mut [0; 8]).unwrap());
    wait_for_io_waiters(1);
    let (mut threads, mut blocked) = (Vec::new(), Vec::new());
    loop {
        let (to, from_thread) = gort::channel::bounded(0);
        threads.push(on_thread(move || {
            let asleep = loop {
                if let Some(poller) = who_waits_for_sockets(false) {
                    break poller;
                }
                std::thread::yield_now();
            };
            to.send(asleep).unwrap();
        }));
        if from_thread.recv() == Ok(thread_id()) {
            break;
        }
        // There was another M to wake. It is given something else to do.
        assert!(blocked.len() < 200, "who sleeps in the netpoller is never woken");
        let (release, released) = std::sync::mpsc::channel::<()>();
        let begun = Arc::new(AtomicUsize::new(0));
        blocked.push((release, begun.clone()));
        gort::go!(move || {
            begun.store(1, Ordering::Relaxed);
            gort::blocking_on_system_stack(|| released.recv().unwrap_err());
        });
        while blocked.last().unwrap().1.load(Ordering::Relaxed) == 0 {
            gort::yield_now();
        }
    }
    // So long that sysmon, who would see to a timer that is late, sleeps too.
    let nap = Duration::from_millis(30);
    let naps = (0..5).map(|_| {
        let begun = Instant::now();
        gort::sleep(nap);
        begun.elapsed()
    });
    let best = naps.min().unwrap();
    assert!(best < nap + Duration::from_millis(20), "the timer wakes nobody: {best:?}");
    drop(blocked);
    threads.into_iter().for_each(join_thread);
    (&client).write_all(b"x").unwrap();
    assert_eq!(reader.join().unwrap(), 1);
    gort::gomaxprocs(before);
}

/// Beside goroutines that take turns no M need wait for sockets, as their P looks by itself. When one of them computes
/// from then on, sockets are seen to all the same.
#[gort::test]
fn sockets_are_seen_to_when_a_p_stops_looking() {
    let _alone = alone();
    let _limit = limit();
    let before = gort::gomaxprocs(2);
    for _ in 0..20 {
        let (client, server) = pair();
        let (reader, done) = reader(server);
        gort::scope(|s| {
            s.spawn(|| {
                while done.load(Ordering::Relaxed) == 0 {
                    gort::yield_now();
                }
            });
            // One that waits from when all were idle is woken, until it does not come back.
            while waits_for_sockets(false) {
                let (client, mut server) = pair();
                let reads = gort::spawn(move || server.read(&mut [0; 8]).unwrap());
                wait_for_io_waiters(2);
                (&client).write_all(b"x").unwrap();
                reads.join().unwrap();
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_millis(1) {
                    gort::yield_now();
                }
            }
            (&client).write_all(b"x").unwrap();
            while done.load(Ordering::Relaxed) == 0 {
                std::hint::spin_loop();
            }
        });
        assert_eq!(reader.join().unwrap(), 1);
    }
    gort::gomaxprocs(before);
}

/// Where others keep the other processors busy, goroutines that answer each other over sockets are left to one P, as another
/// would take a processor from somebody. When one of them computes, the others go on all the same.
#[gort::test]
fn who_computes_in_a_server_beside_busy_processors_stops_nobody() {
    const PAIRS: usize = 4;
    let _alone = alone();
    let _limit = limit();
    let before = gort::gomaxprocs(2);
    let stop = Arc::new(AtomicUsize::new(0));
    let others = std::thread::available_parallelism().map_or(0, |n| n.get() - 1);
    let busy: Vec<_> = (0..others)
        .map(|_| {
            let stop = stop.clone();
            on_thread(move || while stop.load(Ordering::Relaxed) == 0 {})
        })
        .collect();
    let turns = Arc::new(AtomicUsize::new(0));
    let mut handles = Vec::new();
    for _ in 0..PAIRS {
        let (mut client, mut server) = pair();
        handles.push(gort::spawn(move || {
            let mut byte = [0];
            while server.read(&mut byte).unwrap() == 1 {
                server.write_all(&byte).unwrap();
            }
        }));
        let (stop, turns) = (stop.clone(), turns.clone());
        handles.push(gort::spawn(move || {
            while stop.load(Ordering::Relaxed) == 0 {
                client.write_all(b"x").unwrap();
                client.read_exact(&mut [0]).unwrap();
                turns.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    let more = |n: usize, mut meanwhile: Box<dyn FnMut()>| {
        let begun = turns.load(Ordering::Relaxed);
        while turns.load(Ordering::Relaxed) < begun + n {
            meanwhile();
        }
    };
    for _ in 0..20 {
        // Long enough that sysmon sees what kind of program it is.
        more(1_000, Box::new(|| gort::sleep(Duration::from_millis(1))));
        more(2 * PAIRS, Box::new(std::hint::spin_loop));
    }
    stop.store(1, Ordering::Relaxed);
    handles.into_iter().for_each(|handle| handle.join().unwrap());
    busy.into_iter().for_each(join_thread);
    gort::gomaxprocs(before);
}

#[gort::test]
fn work_from_outside_beside_a_wait_for_a_socket() {
    let _alone = alone();
    let _limit = limit();
    for procs in [1, 2] {
        let before = gort::gomaxprocs(procs);
        let (client, mut server) = pair();
        let reader = gort::spawn(move || server.read(&mut [0; 8]).unwrap());
        wait_for_io_waiters(1);
        let (to, from_thread) = gort::channel::bounded::<u32>(0);
        let (answer, answers) = std::sync::mpsc::channel();
        let thread = on_thread(move || {
            for i in 0..300 {
                to.send(i).unwrap();
                assert_eq!(answers.recv().unwrap(), i);
            }
        });
        for i in from_thread {
            gort::sleep(Duration::from_micros(20));
            answer.send(i).unwrap();
        }
        join_thread(thread);
        (&client).write_all(b"x").unwrap();
        assert_eq!(reader.join().unwrap(), 1);
        gort::gomaxprocs(before);
    }
}

#[gort::test]
fn a_locked_goroutine_waits_for_a_socket() {
    let _alone = alone();
    let _limit = limit();
    let before = gort::gomaxprocs(1);
    let (client, mut server) = pair();
    let reader = gort::spawn(move || {
        gort::lock_os_thread();
        let n = server.read(&mut [0; 8]).unwrap();
        gort::unlock_os_thread();
        n
    });
    wait_for_io_waiters(1);
    let thread = on_thread(move || (&client).write_all(b"x").unwrap());
    assert_eq!(reader.join().unwrap(), 1);
    join_thread(thread);
    gort::gomaxprocs(before);
}

#[gort::test]
fn epoll_pwait2_is_used_unless_it_is_not_to_be() {
    let _alone = alone();
    let _limit = limit();
    let (client, server) = pair();
    let (reader, _) = reader(server);
    let used = join_thread(on_thread(|| {
        loop {
            let by = |call| who_waits_by(&[call], true).or(who_waits_by(&[call], false)).is_some();
            match (by(libc::SYS_epoll_pwait2), by(EPOLL_WAIT)) {
                (false, false) => std::thread::yield_now(),
                (used, other) => return used && !other,
            }
        }
    }));
    assert_eq!(used, has_pwait2());
    (&client).write_all(b"x").unwrap();
    assert_eq!(reader.join().unwrap(), 1);
}

/// Everything once more without `epoll_pwait2`, in a process of its own.
#[test]
fn the_fallback() {
    net_support::all_without_pwait2("the_fallback");
}

#[test]
fn a_wait_for_a_socket_is_no_deadlock_and_its_end_may_be_one() -> io::Result<()> {
    for case in ["no_deadlock", "deadlock"] {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_prog_net")).arg(case).output()?;
        let err = String::from_utf8_lossy(&out.stderr);
        if case == "deadlock" {
            assert_eq!(out.status.code(), Some(2), "{err}");
            assert!(err.contains("all goroutines are asleep - deadlock!"), "{err}");
        } else {
            assert_eq!(out.status.code(), Some(0), "{err}");
        }
    }
    Ok(())
}
