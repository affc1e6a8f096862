//! Sleepers: many at once, and one among others that compute or block.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, sleep, spawn};
use std::time::{Duration, Instant};

use benches::cpu;
use benches::lateness::Lateness;
use benches::outcome::Outcome;
use benches::peer;
use benches::work::{BURST, CALL_MS, CALLS, NAPS, PIECES, burst, nap_ms, naps_total, piece, pieces_total};

pub(super) fn sleepers(n: u64) -> Outcome {
    let lateness = Arc::new(Lateness::new(n * NAPS));
    let total = Arc::new(AtomicU64::new(0));
    let before = cpu::used();
    let handles: Vec<_> = (0..n)
        .map(|i| {
            let (lateness, total) = (lateness.clone(), total.clone());
            spawn(move || {
                for k in 0..NAPS {
                    nap(&lateness, i * NAPS + k, Duration::from_millis(nap_ms(i, k)));
                    total.fetch_add(i, Relaxed);
                }
            })
        })
        .collect();
    handles.into_iter().for_each(|h| h.join().unwrap());
    let used = cpu::used() - before;
    let figures = lateness
        .figures(n * NAPS)
        .into_iter()
        .chain([("cpu_us", used.as_secs_f64() * 1e6 / (n * NAPS) as f64)]);
    Outcome::checked(total.load(Relaxed), naps_total(n), figures)
}

fn nap(lateness: &Lateness, slot: u64, length: Duration) {
    let start = Instant::now();
    sleep(length);
    lateness.note(slot, start, length);
}

/// One alone, while nothing else happens.
pub(super) fn lone(n: u64) -> Outcome {
    let lateness = Lateness::new(n);
    let mut naps = 0;
    for slot in 0..n {
        nap(&lateness, slot, Duration::from_millis(1));
        naps += 1;
    }
    Outcome::checked(naps, n, lateness.figures(n))
}

pub(super) fn hogs(n: u64) -> Outcome {
    let procs = peer::procs() as u64;
    let stop = Arc::new(AtomicBool::new(false));
    let start = Instant::now();
    let hogs: Vec<_> = (0..2 * procs)
        .map(|_| {
            let stop = stop.clone();
            spawn(move || {
                let mut right = 0;
                while !stop.load(Relaxed) {
                    assert_eq!(burst(), BURST);
                    right += 1;
                }
                right
            })
        })
        .collect();
    let lateness = Lateness::new(n);
    for slot in 0..n {
        nap(&lateness, slot, Duration::from_millis(1));
    }
    stop.store(true, Relaxed);
    let bursts: Vec<u64> = hogs.into_iter().map(|h| h.join().unwrap()).collect();
    let burst_ms = start.elapsed().as_secs_f64() * 1e3 * procs as f64 / bursts.iter().sum::<u64>() as f64;
    let worked = bursts.iter().filter(|&&bursts| bursts > 0).count() as u64;
    let figures = lateness.figures(n).into_iter().chain([("burst_ms", burst_ms)]);
    Outcome::checked(worked, 2 * procs, figures)
}

/// A sleeper takes at most so many naps while the others block.
const MOST_NAPS: u64 = 100_000;

pub(super) fn blocking(n: u64) -> Outcome {
    let done = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    for _ in 0..n {
        let done = done.clone();
        spawn(move || {
            for _ in 0..CALLS {
                thread::sleep(Duration::from_millis(CALL_MS));
                done.fetch_add(1, Relaxed);
            }
        });
    }
    let lateness = Lateness::new(MOST_NAPS);
    let mut naps = 0;
    while done.load(Relaxed) < n * CALLS && naps < MOST_NAPS {
        nap(&lateness, naps, Duration::from_millis(1));
        naps += 1;
    }
    let total_ms = start.elapsed().as_secs_f64() * 1e3;
    let figures = lateness.figures(naps).into_iter().chain([("total_ms", total_ms)]);
    Outcome::checked(done.load(Relaxed), n * CALLS, figures)
}

/// A job for several comes every millisecond, and is waited for.
pub(super) fn jobs(n: u64) -> Outcome {
    let (took, mut total) = (Lateness::new(n), 0_u64);
    for slot in 0..n {
        sleep(Duration::from_millis(1));
        let start = Instant::now();
        let pieces: Vec<_> = (0..PIECES).map(|_| spawn(piece)).collect();
        for piece in pieces {
            total = total.wrapping_add(piece.join().unwrap());
        }
        took.note(slot, start, Duration::ZERO);
    }
    Outcome::checked(total, pieces_total(n), took.figures(n))
}
