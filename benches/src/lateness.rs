//! How late sleepers wake.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What a slot holds before its nap is over.
const NEVER: u32 = u32::MAX;

/// Lateness of naps in microseconds, one slot each, so that noting one costs a
/// store. A nap that ended early or was never noted is an error.
#[derive(Debug)]
pub struct Lateness {
    slots: Box<[AtomicU32]>,
}

impl Lateness {
    /// Room for `naps` naps.
    pub fn new(naps: u64) -> Lateness {
        Lateness { slots: (0..naps).map(|_| AtomicU32::new(NEVER)).collect() }
    }

    /// Notes that a nap of `length`, which began at `start`, is over now.
    ///
    /// # Panics
    ///
    /// If it is over too early, or if there is no such slot.
    pub fn note(&self, slot: u64, start: Instant, length: Duration) {
        let late = start.elapsed().checked_sub(length).expect("a sleeper woke too early");
        let late = u32::try_from(late.as_micros()).unwrap_or(NEVER - 1);
        self.slots[slot as usize].store(late, Relaxed);
    }

    /// `late_mean_us`, `late_p99_us` and `late_max_us` of the naps in the first
    /// `noted` slots.
    ///
    /// # Panics
    ///
    /// If one of them was not noted, or there are none.
    pub fn figures(&self, noted: u64) -> [(&'static str, f64); 3] {
        let slots = &self.slots[..noted as usize];
        let mut late: Vec<u32> = slots.iter().map(|slot| slot.load(Relaxed)).collect();
        late.sort_unstable();
        assert_ne!(late.last(), Some(&NEVER), "a sleeper did not wake");
        let mean = late.iter().map(|&us| us as f64).sum::<f64>() / late.len() as f64;
        [
            ("late_mean_us", mean),
            ("late_p99_us", quantile(&late, 0.99) as f64),
            ("late_max_us", late[late.len() - 1] as f64),
        ]
    }
}

/// The least value that at least a share of `q` of the sorted values do not exceed.
pub fn quantile<T: Copy>(sorted: &[T], q: f64) -> T {
    let rank = (sorted.len() as f64 * q).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        let values: Vec<u32> = (1..=200).collect();
        assert_eq!(quantile(&values, 0.99), 198);
        assert_eq!(quantile(&values, 0.5), 100);
        assert_eq!(quantile(&[7], 0.99), 7);
    }

    #[test]
    fn lateness_is_what_exceeds_the_nap() {
        let lateness = Lateness::new(2);
        let start = Instant::now() - Duration::from_millis(30);
        lateness.note(0, start, Duration::from_millis(10));
        let [(_, mean), (_, p99), (_, max)] = lateness.figures(1);
        assert!(mean >= 20_000.0 && mean == p99 && p99 == max);
    }

    #[test]
    #[should_panic = "did not wake"]
    fn a_nap_that_was_never_noted_counts() {
        Lateness::new(1).figures(1);
    }
}
