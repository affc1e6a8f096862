//! A queue's entry: a goroutine's address and tag (its generation, and whether it is fresh) in one word, so
//! that an entry of an earlier life is recognised as stale.
//!
//! ```text
//!   bits 23..=63  address / 128     bits 1..=22  generation     bit 0  fresh
//! ```

use super::G;
use super::status::TAG_BITS;
use crate::runq::Entry;

const ALIGN_BITS: u32 = align_of::<G>().trailing_zeros();

// User addresses have at most 48 bits on the supported processors: 41 are left.
const _: () = assert!(48 - ALIGN_BITS + TAG_BITS <= 64);

/// The entry of `gp` as it is runnable now.
#[inline]
pub(crate) fn pack(gp: &'static G) -> Entry {
    pack_tag(gp, gp.status.tag())
}

/// The entry of `gp` with a tag that is known.
#[inline]
pub(crate) fn pack_tag(gp: &'static G, tag: u32) -> Entry {
    ((std::ptr::from_ref(gp) as u64) >> ALIGN_BITS) << TAG_BITS | u64::from(tag)
}

/// Whether the goroutine that a nonzero entry names had not run yet.
#[inline(always)]
pub(crate) fn is_fresh(entry: Entry) -> bool {
    entry & 1 != 0
}

/// The goroutine that a nonzero entry names, and the tag that it had.
#[inline]
pub(crate) fn unpack(entry: Entry) -> (&'static G, u32) {
    let address = (entry >> TAG_BITS) << ALIGN_BITS;
    // SAFETY: entries are made by `pack` alone, and a G is never freed.
    (unsafe { &*(address as *const G) }, entry as u32 & ((1 << TAG_BITS) - 1))
}
