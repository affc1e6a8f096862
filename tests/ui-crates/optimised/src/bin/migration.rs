//! Goroutines that move between threads all the time, and ask before and after each move which thread the runtime
//! takes theirs for, in one function: what was read before must not be taken for what holds after.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gort::channel::{Receiver, Sender, bounded};

#[inline(always)]
fn thread() -> i32 {
    // SAFETY: no arguments.
    unsafe { libc::syscall(libc::SYS_gettid) as i32 }
}

/// The runtime's word against the kernel's.
#[inline(always)]
fn check() -> i32 {
    let (runtime, kernel) = (gort::__rt::thread_of_m(), thread());
    assert_eq!(runtime, kernel, "the runtime takes this thread for another");
    kernel
}

fn wander(left: &AtomicUsize, tx: &Sender<()>, rx: &Receiver<()>) {
    let mut before = check();
    for turn in 0u32.. {
        match turn % 6 {
            0 => gort::yield_now(),
            1 => gort::sleep(Duration::from_micros(20)),
            // Sysmon takes the P away, and the next call finds another thread for the goroutine.
            2 => std::thread::sleep(Duration::from_micros(300)),
            3 => gort::blocking(|| std::thread::sleep(Duration::from_micros(100))),
            4 => {
                tx.send(()).unwrap();
                rx.recv().unwrap();
            }
            _ => {
                let pin = gort::pin();
                let pinned = check();
                gort::yield_now();
                gort::sleep(Duration::from_micros(20));
                assert_eq!(check(), pinned, "pinned, and moved all the same");
                drop(pin);
            }
        }
        let now = check();
        if now != before {
            before = now;
            if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_err() {
                return;
            }
        }
    }
}

#[gort::main(gomaxprocs = 4)]
fn main() {
    const MOVES: usize = 5_000;
    let left = Arc::new(AtomicUsize::new(MOVES));
    let (tx, rx) = bounded(64);
    let handles: Vec<_> = (0..16)
        .map(|_| {
            let (left, tx, rx) = (left.clone(), tx.clone(), rx.clone());
            gort::spawn(move || wander(&left, &tx, &rx))
        })
        .collect();
    for handle in handles {
        handle.join().unwrap();
    }
    println!("{MOVES} moves");
}
