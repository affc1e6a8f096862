//! How long an M that has found nothing spins before it sleeps: longer as that has paid lately, less as it has not.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::netpoll;
use crate::timer::storm::STORM;

/// In nanoseconds: at most what a sleep and a wake cost.
const MAX: u64 = 20_000;
const MIN: u64 = 1_000;
/// Beside sockets, and between timers that come many at a time: what comes next is an event or a time, which no spinning
/// M hastens.
const SHORT: u64 = 1_000;
/// Up to when it has paid: what is found later costs more than a sleep.
const PAYS: u64 = 10_000;

static TIME: AtomicU64 = AtomicU64::new(MAX);

/// How long to spin, now.
pub(super) fn time(now: u64) -> u64 {
    let time = TIME.load(Ordering::Relaxed);
    if netpoll::active() || STORM.is_on(now) { time.min(SHORT) } else { time }
}

/// An M has spun: for so many nanoseconds until it found something, or in vain.
pub(super) fn spun(found: Option<u64>) {
    let now = TIME.load(Ordering::Relaxed);
    // A race between two Ms loses a step, which does not matter.
    let paid = found.is_some_and(|after| after <= PAYS);
    let next = if paid { (now * 2).min(MAX) } else { (now - now / 4).max(MIN) };
    if next != now {
        TIME.store(next, Ordering::Relaxed);
    }
}
