//! Every random choice of the runtime. A seeded, replayable schedule replaces these functions.
//!
//! Go: rand.go `cheaprand`; the coprime stride is proc.go `randomOrder`.

use std::cell::Cell;

/// A small generator (xorshift64*), one per P or M; not for secrets.
#[derive(Debug)]
pub(crate) struct Rand(Cell<u64>);

impl Rand {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Cell::new(seed | 1))
    }

    pub(crate) fn reseed(&self, seed: u64) {
        self.0.set(seed | 1);
    }

    /// A number in `0..n`, `n > 0`.
    #[inline]
    pub(crate) fn below(&self, n: u32) -> u32 {
        let mut x = self.0.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.set(x);
        let r = (x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) as u32;
        // Lemire's multiplication instead of a modulo.
        ((u64::from(r) * u64::from(n)) >> 32) as u32
    }

    /// Every number of `0..n` once, in an order that starts anywhere and strides by a coprime step.
    pub(crate) fn order(&self, n: u32) -> impl Iterator<Item = u32> + use<> {
        let start = self.below(n);
        let mut step = 1 + self.below(n);
        while gcd(step, n) != 1 {
            step = 1 + step % n;
        }
        (0..n).map(move |i| ((u64::from(start) + u64::from(i) * u64::from(step)) % u64::from(n)) as u32)
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The process's random seed, from the kernel. Go: `randinit`.
pub(crate) fn seed() -> u64 {
    let mut seed = 0u64;
    // SAFETY: writes at most the 8 bytes of `seed`.
    unsafe { libc::getrandom((&raw mut seed).cast(), 8, libc::GRND_NONBLOCK) };
    seed ^ crate::sys::clock::nanotime()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_a_permutation() {
        let rand = Rand::new(42);
        for n in 1..70 {
            let mut seen: Vec<u32> = rand.order(n).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..n).collect::<Vec<_>>());
        }
    }
}
