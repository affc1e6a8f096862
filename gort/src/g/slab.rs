//! Where descriptors live: regions of address space carved into chunks, each populated in one go and never freed. The
//! first chunk is a page, as many programs need no more, and each doubles what there is up to 64 KiB. The list of
//! regions is `allgs`.
//!
//! Go: proc.go `malg`, `allgadd`, `forEachG`.

use std::io;
use std::sync::Mutex;

use super::status::Status;
use super::{G, Kind};
use crate::sys::mem;

/// Bytes populated at a time: at first, and at most.
const CHUNK_MIN: usize = 4 << 10;
const CHUNK: usize = 64 << 10;
const REGION: usize = 16 << 20;
/// Descriptors of one chunk, once there are as many.
pub(crate) const CHUNK_GS: usize = CHUNK / size_of::<G>();

struct Regions {
    /// First address and number of descriptors carved, region by region.
    list: Vec<(usize, usize)>,
}

static ALLGS: Mutex<Regions> = Mutex::new(Regions { list: Vec::new() });

fn regions() -> std::sync::MutexGuard<'static, Regions> {
    // Nothing that panics runs under the lock.
    ALLGS.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A chunk of fresh descriptors, all Dead.
///
/// # Errors
/// The kernel's, when there is no memory.
pub(crate) fn grow() -> io::Result<impl Iterator<Item = &'static G>> {
    let mut regions = regions();
    let full = regions.list.last().is_none_or(|&(_, n)| n * size_of::<G>() == REGION);
    if full {
        let base = mem::reserve(REGION)? as usize;
        regions.list.push((base, 0));
    }
    let (base, n) = *regions.list.last().expect("pushed above");
    let first = base + n * size_of::<G>();
    let bytes = if regions.list.len() == 1 { (n * size_of::<G>()).clamp(CHUNK_MIN, CHUNK) } else { CHUNK };
    let made = bytes / size_of::<G>();
    mem::populate(&[first], 0, bytes);
    for i in 0..made {
        let gp = (first as *mut G).wrapping_add(i);
        // SAFETY: inside the region, after what was carved before, aligned as the region is.
        unsafe {
            gp.write(G::new());
            (*gp).status.set(Status::Idle, Status::Dead);
        }
    }
    regions.list.last_mut().expect("pushed above").1 += made;
    // SAFETY: initialised above and never freed.
    Ok((0..made).map(move |i| unsafe { &*(first as *const G).wrapping_add(i) }))
}

/// A descriptor of its own for a g0 or a plain thread, outside `allgs`.
pub(crate) fn single(kind: Kind) -> &'static G {
    let gp: &'static G = Box::leak(Box::new(G::new()));
    gp.kind.set(kind);
    gp.status.set(Status::Idle, Status::Running);
    gp
}

/// Every descriptor made so far, dead ones included.
pub(crate) fn for_each(mut f: impl FnMut(&'static G)) {
    let list = regions().list.clone();
    for (base, n) in list {
        for i in 0..n {
            // SAFETY: carved and initialised under the lock, never freed.
            f(unsafe { &*(base as *const G).wrapping_add(i) });
        }
    }
}
