//! The bridge from futures: a goroutine that waits for one.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Wake, Waker};

use crate::g::wait_reason::WaitReason;
use crate::sched::current;
use crate::wait::Monitor;

/// Whether the future has asked to be polled again, and who waits for that. The note tells dumps how many others had the
/// waker when the goroutine parked.
struct Woken(Monitor<bool>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake_one_if(|woken| !std::mem::replace(woken, true));
    }
}

/// Runs a future to its end; the goroutine is parked while it is not ready, and may be woken from any
/// thread. A future that needs an executor's own reactor (tokio's timers or sockets) needs that executor
/// running elsewhere. May move the goroutine to another thread. Works on plain threads too.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// assert_eq!(gort::block_on(async { 6 * 7 }), 42);
/// # });
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let woken = Arc::new(Woken(Monitor::new(false)));
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => {
                current::require_runtime();
                // But our own handle, and the waker that has been lent.
                let others = Arc::strong_count(&woken) as i64 - 2;
                woken.0.note().store(others, Ordering::Relaxed);
                woken.0.wait_if(WaitReason::BlockOn, |woken| !*woken);
                woken.0.with(|woken| *woken = false);
            }
        }
    }
}
