//! A select that waits queued its arms in the order in which they were added: of two at the same channel the first
//! was always the one.

use gort::channel::{bounded, unbounded};

#[gort::test]
fn waiting_select_preferred_an_arm() {
    let (tx, rx) = bounded(0);
    let (waits, waiting) = unbounded();
    let chosen = gort::spawn(move || {
        let mut chosen = [0; 2];
        for _ in 0..200 {
            waits.send(()).unwrap();
            let arm = gort::select! {
                recv(rx) -> _ => 0,
                recv(rx) -> _ => 1,
            };
            chosen[arm] += 1;
        }
        chosen
    });
    for () in waiting {
        // A few turns for the select to wait; if it does not yet, nothing is lost.
        (0..3).for_each(|_| gort::yield_now());
        tx.send(()).unwrap();
    }
    let chosen = chosen.join().unwrap();
    assert!(chosen.iter().all(|&n| n > 50), "{chosen:?}");
}
