//! What the workloads are made of and what must come out of them, the same for
//! every peer. `go/work.go` is the twin of this file.

use std::hint::black_box;

/// 0 + 1 + … + (n-1): what `n` tasks that each add their number arrive at.
pub fn triangle(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

/// The n-th Fibonacci number, without any fork: what the forks must arrive at.
pub fn fibonacci(n: u64) -> u64 {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}

/// How often `fib(n)` forks, which it does whenever its argument is 2 or more.
pub fn forks(n: u64) -> u64 {
    fibonacci(n + 1) - 1
}

/// The work of the prime sieve: a chain of filters through which the numbers
/// from 2 on go, where each filter takes the first number that it sees as its
/// prime and passes on what this does not divide.
#[derive(Debug, PartialEq)]
pub struct Sieve {
    /// The last number sent into the chain, which is the last prime wanted.
    pub limit: u64,
    /// The sum of the primes found.
    pub sum: u64,
    /// How many messages all channels of the chain carry together.
    pub messages: u64,
}

impl Sieve {
    /// The sieve that finds the first `n` primes.
    pub fn new(n: u64) -> Sieve {
        let mut primes: Vec<u64> = Vec::new();
        let mut messages = 0;
        let mut candidate = 1;
        while (primes.len() as u64) < n {
            candidate += 1;
            // It comes to the filter of its least factor and ends there, or
            // goes through all of them and becomes a filter.
            match primes.iter().position(|prime| candidate % prime == 0) {
                Some(filter) => messages += filter as u64 + 1,
                None => {
                    messages += primes.len() as u64 + 1;
                    primes.push(candidate);
                }
            }
        }
        Sieve { limit: candidate, sum: primes.iter().sum(), messages }
    }
}

/// How many tasks the ring has.
pub const RING: u64 = 503;

/// How often each sleeper sleeps.
pub const NAPS: u64 = 5;

/// Milliseconds of the k-th nap of the i-th sleeper: 100 to 299, spread evenly.
pub fn nap_ms(i: u64, k: u64) -> u64 {
    100 + ((i * NAPS + k).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) * 200 / (1 << 32)
}

/// How many blocking calls each task makes, and for how many milliseconds.
pub const CALLS: u64 = 4;
/// See [`CALLS`].
pub const CALL_MS: u64 = 50;

/// What [`burst`] returns.
pub const BURST: u64 = 0x3a22_29c9_92e1_faa8;

/// Computes for about 50 ms and neither yields nor blocks, as a library does
/// that knows nothing of tasks.
#[inline(never)]
pub fn burst() -> u64 {
    scramble(30_000_000)
}

/// How many tasks share a job that comes now and then.
pub const PIECES: u64 = 16;

/// What [`piece`] returns.
pub const PIECE: u64 = 0x44cd_e7c5_0b16_5c3a;

/// Computes for about 10 µs.
#[inline(never)]
pub fn piece() -> u64 {
    scramble(6_000)
}

/// The sum of what the pieces of `jobs` jobs return.
pub fn pieces_total(jobs: u64) -> u64 {
    PIECE.wrapping_mul(jobs * PIECES)
}

#[inline(always)]
fn scramble(times: u32) -> u64 {
    let mut x = black_box(0x9E37_79B9_7F4A_7C15_u64);
    for _ in 0..times {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    x
}

/// The sum of the numbers that `sleepers` tasks add, each as often as it naps.
pub fn naps_total(sleepers: u64) -> u64 {
    triangle(sleepers) * NAPS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn fibonacci_and_its_forks() {
        fn count(n: u64, forks: &mut u64) -> u64 {
            if n < 2 {
                return n;
            }
            *forks += 1;
            count(n - 1, forks) + count(n - 2, forks)
        }
        for n in 0..15 {
            let mut counted = 0;
            assert_eq!(count(n, &mut counted), fibonacci(n));
            assert_eq!(counted, forks(n), "{n}");
        }
    }

    #[test]
    fn a_small_sieve() {
        // 2 3 4 5: four into the first filter, 3 and 5 into that of 3, 5 to its own.
        assert_eq!(Sieve::new(3), Sieve { limit: 5, sum: 10, messages: 7 });
    }

    #[test]
    fn naps_stay_in_their_range_and_differ() {
        let naps: HashSet<u64> = (0..1000).flat_map(|i| (0..NAPS).map(move |k| nap_ms(i, k))).collect();
        assert!(naps.iter().all(|ms| (100..300).contains(ms)));
        assert_eq!(naps.len(), 200);
    }

    #[test]
    fn a_burst_yields_what_all_peers_check() {
        assert_eq!(burst(), BURST);
    }
}
