//! Programs that boot the runtime by themselves.

use gort::channel::unbounded;
use std::sync::mpsc;

pub(super) fn boot() {
    // SAFETY: nothing here holds a value that depends on its thread across a blocking call.
    unsafe { gort::boot(gort::Options::default()) }.unwrap();
}

/// One thread that goes in and out: all is asleep often, and never for good.
pub(super) fn runs_again_and_again() {
    boot();
    for i in 0..100_000 {
        assert_eq!(gort::run(move || i), i);
    }
    println!("ran");
}

/// Two threads boot at the same time: whoever is told that a runtime runs may use it.
pub(super) fn boots_at_once() {
    let threads: Vec<_> = (0..4)
        .map(|i| {
            std::thread::spawn(move || {
                // SAFETY: as in `boot`.
                let _ = unsafe { gort::boot(gort::Options::default()) };
                gort::run(|| i)
            })
        })
        .collect();
    let sum: i32 = threads.into_iter().map(|t| t.join().unwrap()).sum();
    println!("{sum}");
}

/// From plain threads, each with its own sum.
pub(super) fn runs_from_threads() {
    boot();
    let (tx, rx) = mpsc::channel();
    for t in 0..4u64 {
        let tx = tx.clone();
        std::thread::spawn(move || {
            let (gtx, grx) = unbounded();
            let sum = gort::run(|| {
                for i in 0..100u64 {
                    let gtx = gtx.clone();
                    gort::go!(move || gtx.send(i * t).unwrap());
                }
                drop(gtx);
                grx.iter().sum::<u64>()
            });
            tx.send((t, sum)).unwrap();
        });
    }
    drop(tx);
    let mut sums: Vec<_> = rx.iter().collect();
    sums.sort_unstable();
    assert_eq!(sums, [(0, 0), (1, 4950), (2, 9900), (3, 14850)]);
    println!("summed");
}
