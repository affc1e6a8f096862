//! A queue's entry: a goroutine's address and generation in one word, so that an entry of an earlier
//! life is recognised as stale.
//!
//! ```text
//!   bits 23..=63  address / 128     bits 0..=22  generation
//! ```

use super::G;
use super::status::GENERATIONS;
use crate::runq::Entry;

const GEN_BITS: u32 = GENERATIONS.trailing_zeros();
const ALIGN_BITS: u32 = align_of::<G>().trailing_zeros();

// User addresses have at most 48 bits on the supported processors: 41 are left.
const _: () = assert!(48 - ALIGN_BITS + GEN_BITS <= 64);

/// The entry of `gp` in its present life.
#[inline]
pub(crate) fn pack(gp: &'static G) -> Entry {
    ((std::ptr::from_ref(gp) as u64) >> ALIGN_BITS) << GEN_BITS | u64::from(gp.status.generation())
}

/// The goroutine that a nonzero entry names, and the generation that it had.
#[inline]
pub(crate) fn unpack(entry: Entry) -> (&'static G, u32) {
    let address = (entry >> GEN_BITS) << ALIGN_BITS;
    // SAFETY: entries are made by `pack` alone, and a G is never freed.
    (unsafe { &*(address as *const G) }, entry as u32 & (GENERATIONS - 1))
}
