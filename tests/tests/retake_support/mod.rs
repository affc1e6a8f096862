//! Goroutines that stay where they are until all have been there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `block` in `n` goroutines. The last to arrive there is let through to `release`, which ends the
/// blocking of all: it must get to run although all others block.
pub(crate) fn all_block_then(
    n: usize,
    block: impl Fn(usize) + Send + Sync + 'static,
    release: impl FnOnce(),
) {
    let block = Arc::new(block);
    let arrived = Arc::new(AtomicUsize::new(0));
    let handles: Vec<_> = (0..n)
        .map(|i| {
            let (block, arrived) = (block.clone(), arrived.clone());
            gort::spawn(move || {
                arrived.fetch_add(1, Ordering::SeqCst);
                block(i);
            })
        })
        .collect();
    while arrived.load(Ordering::SeqCst) < n {
        gort::yield_now();
    }
    release();
    for handle in handles {
        handle.join().unwrap();
    }
}

/// Runs `call` in many goroutines, each again and again until all of them have begun, which is never if the first few
/// keep their Ps: nothing but the call is between.
pub(crate) fn until_all_have_begun(n: usize, call: impl Fn(usize) + Send + Sync + 'static) {
    let begun = Arc::new(AtomicUsize::new(0));
    let last = begun.clone();
    let again = move |i| {
        last.fetch_add(1, Ordering::SeqCst);
        while last.load(Ordering::SeqCst) < n {
            call(i);
        }
        call(i);
    };
    all_block_then(n, again, || ());
    assert_eq!(begun.load(Ordering::SeqCst), n);
}
