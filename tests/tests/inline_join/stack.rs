//! How much stack a guest may count on.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gort::spawn;

use crate::{here, join_inline, just_below};

/// Uses `bytes` of stack below `top`, and gives how many frames that took.
#[inline(never)]
fn use_stack(top: usize, bytes: usize) -> usize {
    let page = black_box([1u8; 1024]);
    if top - here() >= bytes {
        page[0] as usize
    } else {
        use_stack(top, bytes) + black_box(page[1023]) as usize
    }
}

#[gort::test]
fn each_may_count_on_128_kib() {
    fn nested(depth: usize) -> usize {
        let used = usize::from(use_stack(here(), 120 << 10) > 0);
        if depth == 0 { used } else { spawn(move || nested(depth - 1)).join().unwrap() + used }
    }
    assert_eq!(nested(1000), 1001);
}

#[gort::test]
fn deeper_than_one_stack() {
    fn nested(depth: u64, stacks: &Arc<AtomicUsize>, above: usize) -> u64 {
        let own = here();
        if !just_below(own, above) {
            stacks.fetch_add(1, Ordering::Relaxed);
        }
        if depth == 0 {
            return 0;
        }
        let stacks = stacks.clone();
        spawn(move || nested(depth - 1, &stacks, own)).join().unwrap() + 1
    }
    let stacks = Arc::new(AtomicUsize::new(0));
    let counted = stacks.clone();
    // From a fresh goroutine of the default size, whatever the test's own has.
    assert_eq!(spawn(move || nested(20_000, &counted, usize::MAX)).join().unwrap(), 20_000);
    let stacks = stacks.load(Ordering::Relaxed);
    assert!(stacks > 20 && stacks < 20_000, "{stacks} stacks");
}

#[gort::test]
fn one_that_asks_for_more_stack_gets_it() {
    let deep = || {
        gort::Builder::new()
            .stack_size(1 << 20)
            .spawn(|| (here(), use_stack(here(), 700 << 10) > 100))
            .unwrap()
    };
    for _ in 0..10 {
        let outer = here();
        let (inner, used) = deep().join().unwrap();
        assert!(used);
        assert!(!just_below(inner, outer), "this goroutine has less than a MiB");
    }
    // One that has more to give may host it.
    let host = gort::Builder::new().stack_size(8 << 20).spawn(move || join_inline(deep).unwrap()).unwrap();
    assert!(host.join().unwrap());
}
