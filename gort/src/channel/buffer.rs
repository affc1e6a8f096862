//! How much memory the buffer of a channel has: what is sure to be used from the first message to the last; beyond that it
//! grows, and gives back what is not needed any more.

use std::collections::VecDeque;

/// Of a buffer that has become large, what it keeps.
const KEEP_BYTES: usize = 16 << 10;

/// A bound up to this size is allocated whole with its channel: no send allocates.
const WHOLE_BYTES: usize = 1 << 20;

/// How many messages a buffer has memory for from the first to the last: all that are possible, or of a bound that is
/// large a few. Such a bound is a limit, not a promise that it will be used.
pub(super) fn reserved<T>(cap: usize) -> usize {
    if cap.saturating_mul(size_of::<T>()) <= WHOLE_BYTES { cap } else { cap.min(256) }
}

/// How many it keeps memory for when it has been larger, if `fixed` are [`reserved`].
pub(super) fn kept<T>(fixed: usize) -> usize {
    fixed.max(KEEP_BYTES / size_of::<T>().max(1))
}

/// Gives back half of a buffer of which little more than an eighth is used: it has to be filled to twice that, or
/// emptied by half, before it is moved again.
#[inline(always)]
pub(super) fn give_back<T>(queue: &mut VecDeque<T>, keep: usize) {
    // One of nothing has room without end.
    if size_of::<T>() != 0 && queue.capacity() > keep && queue.len() < queue.capacity() / 8 {
        shrink(queue, keep);
    }
}

#[cold]
#[inline(never)]
fn shrink<T>(queue: &mut VecDeque<T>, keep: usize) {
    queue.shrink_to(keep.max(queue.capacity() / 2));
}
