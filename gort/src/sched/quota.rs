//! How many processors there are to use. The kernel tells at once to which ones the process is bound; that its
//! cgroup may have less of their time stands in files, which take longer to read than all the rest of boot. So
//! boot goes by the former, and sysmon reads the files, on its own thread, and lowers GOMAXPROCS if need be. Who asks
//! for GOMAXPROCS or sets it meanwhile sees to that first.
//!
//! Go: os_linux.go `getproccount`; cgroup_linux.go.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use super::SCHED;
use super::procresize::procresize;
use crate::sys::affinity::Processors;

/// Whether GOMAXPROCS is to go by the quota and does not yet.
static OPEN: AtomicBool = AtomicBool::new(false);

/// Processors that the calling thread may run on.
pub(crate) fn by_affinity() -> u32 {
    // None: more processors than a set has room for.
    Processors::of(0).map_or_else(|| num_cpus::get() as u32, |set| set.count())
}

/// GOMAXPROCS goes by the processors, of which the process is bound to `n`.
pub(crate) fn leave_open(n: u32) {
    // There is no less than one.
    OPEN.store(n > 1, Ordering::Relaxed);
}

/// Lowers GOMAXPROCS to the quota, unless that was done, or is not to be done. Whoever comes while it is being done
/// waits.
pub(crate) fn settle() {
    static SETTLED: Once = Once::new();
    if OPEN.load(Ordering::Relaxed) {
        SETTLED.call_once(|| {
            let n = num_cpus::get() as u32;
            if n < SCHED.procs() {
                procresize(n);
            }
            OPEN.store(false, Ordering::Relaxed);
        });
    }
}
