//! Channels of times and operations with a time-out: exact from below, on goroutines and on plain threads. From above a
//! busy machine sets the bounds, so they are told by what came before what.

use std::time::Duration;

use gort::channel::tick;

/// It had room for one, as if one could come.
#[gort::test]
fn tick_past_the_clock_was_not_never() {
    let rx = tick(Duration::MAX);
    assert_eq!((rx.capacity(), rx.len(), rx.is_full(), rx.is_empty()), (Some(0), 0, true, true));
    assert!(rx.try_recv().is_err() && rx.recv_timeout(Duration::from_millis(1)).is_err());
    assert!(rx.same_channel(&gort::channel::never()));
    assert_eq!(tick(Duration::from_secs(1 << 40)).capacity(), Some(1), "far off, but on the clock");
}
