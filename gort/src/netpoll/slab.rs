//! Where the descriptors of sockets live: they are reused and never freed, so that the number in a late event,
//! or a timer that comes too late, finds one at any time.
//!
//! Go: netpoll.go `pollCache`.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use super::PollDesc;

/// Descriptors made together.
const CHUNK: usize = 256;
/// A million descriptors, as many as a process may have open by default.
const CHUNKS: usize = 4096;

static TABLE: [AtomicPtr<[PollDesc; CHUNK]>; CHUNKS] = [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS];
/// Descriptors ever made.
static MADE: AtomicU32 = AtomicU32::new(0);
static FREE: Mutex<Vec<&'static PollDesc>> = Mutex::new(Vec::new());

/// The descriptor of this number, if it was ever made.
pub(super) fn get(index: u32) -> Option<&'static PollDesc> {
    let chunk = TABLE.get(index as usize / CHUNK)?;
    // SAFETY: null or a chunk, which is never freed. Acquire: pairs with the Release in `alloc`.
    let chunk = unsafe { chunk.load(Ordering::Acquire).as_ref() }?;
    Some(&chunk[index as usize % CHUNK])
}

/// One that nobody uses; none when there are too many.
pub(super) fn alloc() -> Option<&'static PollDesc> {
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(desc) = free.pop() {
        return Some(desc);
    }
    let made = MADE.load(Ordering::Relaxed);
    let place = TABLE.get(made as usize / CHUNK)?;
    let chunk: &'static mut [PollDesc; CHUNK] =
        Box::leak(Box::new(std::array::from_fn(|i| PollDesc::new(made + i as u32))));
    // Release: pairs with the Acquire in `get`.
    place.store(chunk, Ordering::Release);
    MADE.store(made + CHUNK as u32, Ordering::Release);
    free.extend(chunk.iter().rev());
    free.pop()
}

/// Gives one back.
pub(super) fn free(desc: &'static PollDesc) {
    FREE.lock().unwrap_or_else(PoisonError::into_inner).push(desc);
}

/// Whether `f` holds of any. Those where it held last are asked first.
pub(super) fn any(f: impl Fn(&PollDesc) -> bool) -> bool {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let made = MADE.load(Ordering::Acquire);
    if made == 0 {
        return false;
    }
    let last = LAST.load(Ordering::Relaxed);
    for i in 0..made {
        let i = (last + i) % made;
        if get(i).is_some_and(&f) {
            LAST.store(i, Ordering::Relaxed);
            return true;
        }
    }
    false
}
