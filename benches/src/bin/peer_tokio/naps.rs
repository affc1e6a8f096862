//! Sleepers: many at once, and one among others that compute or block.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use benches::cpu;
use benches::lateness::Lateness;
use benches::outcome::Outcome;
use benches::peer;
use benches::work::{BURST, CALL_MS, CALLS, NAPS, PIECES, burst, nap_ms, naps_total, piece, pieces_total};
use tokio::spawn;
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::countdown::Countdown;

pub(super) async fn sleepers(n: u64) -> Outcome {
    let lateness = Arc::new(Lateness::new(n * NAPS));
    let total = Arc::new(AtomicU64::new(0));
    let countdown = Countdown::new(n);
    let before = cpu::used();
    for i in 0..n {
        let (lateness, total, countdown) = (lateness.clone(), total.clone(), countdown.clone());
        spawn(async move {
            for k in 0..NAPS {
                nap(&lateness, i * NAPS + k, Duration::from_millis(nap_ms(i, k))).await;
                total.fetch_add(i, Relaxed);
            }
            countdown.done();
        });
    }
    countdown.wait().await;
    let used = cpu::used() - before;
    let figures = lateness
        .figures(n * NAPS)
        .into_iter()
        .chain([("cpu_us", used.as_secs_f64() * 1e6 / (n * NAPS) as f64)]);
    Outcome::checked(total.load(Relaxed), naps_total(n), figures)
}

async fn nap(lateness: &Lateness, slot: u64, length: Duration) {
    let start = Instant::now();
    sleep(length).await;
    lateness.note(slot, start, length);
}

/// One alone, while nothing else happens.
pub(super) async fn lone(n: u64) -> Outcome {
    let lateness = Lateness::new(n);
    let mut naps = 0;
    for slot in 0..n {
        nap(&lateness, slot, Duration::from_millis(1)).await;
        naps += 1;
    }
    Outcome::checked(naps, n, lateness.figures(n))
}

/// The hogs yield between their bursts, or else the sleeper would never wake.
pub(super) async fn hogs(n: u64) -> Outcome {
    let procs = peer::procs() as u64;
    let stop = Arc::new(AtomicBool::new(false));
    let start = Instant::now();
    let hogs: Vec<_> = (0..2 * procs)
        .map(|_| {
            let stop = stop.clone();
            spawn(async move {
                let mut right = 0;
                while !stop.load(Relaxed) {
                    assert_eq!(burst(), BURST);
                    right += 1;
                    yield_now().await;
                }
                right
            })
        })
        .collect();
    let lateness = Lateness::new(n);
    for slot in 0..n {
        nap(&lateness, slot, Duration::from_millis(1)).await;
    }
    stop.store(true, Relaxed);
    let mut bursts: Vec<u64> = Vec::new();
    for hog in hogs {
        bursts.push(hog.await.unwrap());
    }
    let burst_ms = start.elapsed().as_secs_f64() * 1e3 * procs as f64 / bursts.iter().sum::<u64>() as f64;
    let worked = bursts.iter().filter(|&&bursts| bursts > 0).count() as u64;
    let figures = lateness.figures(n).into_iter().chain([("burst_ms", burst_ms)]);
    Outcome::checked(worked, 2 * procs, figures)
}

/// A sleeper takes at most so many naps while the others block.
const MOST_NAPS: u64 = 100_000;

pub(super) async fn blocking(n: u64) -> Outcome {
    let done = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    for _ in 0..n {
        let done = done.clone();
        spawn(async move {
            for _ in 0..CALLS {
                thread::sleep(Duration::from_millis(CALL_MS));
                done.fetch_add(1, Relaxed);
            }
        });
    }
    let lateness = Lateness::new(MOST_NAPS);
    let mut naps = 0;
    while done.load(Relaxed) < n * CALLS && naps < MOST_NAPS {
        nap(&lateness, naps, Duration::from_millis(1)).await;
        naps += 1;
    }
    let total_ms = start.elapsed().as_secs_f64() * 1e3;
    let figures = lateness.figures(naps).into_iter().chain([("total_ms", total_ms)]);
    Outcome::checked(done.load(Relaxed), n * CALLS, figures)
}

/// A job for several comes every millisecond, and is waited for.
pub(super) async fn jobs(n: u64) -> Outcome {
    let (took, mut total) = (Lateness::new(n), 0_u64);
    for slot in 0..n {
        sleep(Duration::from_millis(1)).await;
        let start = Instant::now();
        let pieces: Vec<_> = (0..PIECES).map(|_| spawn(async { piece() })).collect();
        for piece in pieces {
            total = total.wrapping_add(piece.await.unwrap());
        }
        took.note(slot, start, Duration::ZERO);
    }
    Outcome::checked(total, pieces_total(n), took.figures(n))
}
