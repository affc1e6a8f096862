//! Go's own tests of package context, as far as there is something to test here: custom contexts, keys that are not
//! types, and texts for debugging have no counterpart.
//!
//! Go: context/x_test.go, context/context_test.go.

mod api_support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use api_support::limit;
use gort::channel::{Receiver, TryRecvError, bounded};
use gort::context::{Cause, Context, ContextError};
use gort::sync::WaitGroup;

const HOUR: Duration = Duration::from_secs(3600);
const MS: Duration = Duration::from_millis(1);

fn is_done(ctx: &Context) -> bool {
    ctx.done().try_recv() == Err(TryRecvError::Disconnected)
}

fn is_closed(done: &Receiver<()>) -> bool {
    done.try_recv() == Err(TryRecvError::Disconnected)
}

fn text(cause: Option<Cause>) -> Option<String> {
    cause.map(|cause| cause.to_string())
}

/// `TestCause`.
#[gort::test]
fn causes() {
    const CANCELED: (Option<ContextError>, Option<&str>) =
        (Some(ContextError::Canceled), Some("context canceled"));
    let check = |ctx: Context, expected: (Option<ContextError>, Option<&str>)| {
        assert_eq!((ctx.err(), text(ctx.cause()).as_deref()), expected);
    };
    let root = Context::background;
    let canceled = |cause: &'static str| (Some(ContextError::Canceled), Some(cause));
    let late = |cause: &'static str| (Some(ContextError::DeadlineExceeded), Some(cause));
    check(root(), (None, None));

    let (ctx, cancel) = root().with_cancel();
    cancel.cancel();
    check(ctx, CANCELED);

    let (ctx, cancel) = root().with_cancel_cause();
    cancel.cancel("parent");
    check(ctx, canceled("parent"));

    let (ctx, cancel) = root().with_cancel_cause();
    cancel.cancel(ContextError::Canceled);
    check(ctx, CANCELED);

    // Parent and child, each with or without a cause, either first.
    let (parent, cancel_parent) = root().with_cancel_cause();
    let (child, cancel_child) = parent.with_cancel_cause();
    cancel_parent.cancel("parent");
    cancel_child.cancel("child");
    check(child, canceled("parent"));

    let (parent, cancel_parent) = root().with_cancel_cause();
    let (child, cancel_child) = parent.with_cancel_cause();
    cancel_child.cancel("child");
    cancel_parent.cancel("parent");
    check(child, canceled("child"));
    check(parent, canceled("parent"));

    let (parent, cancel_parent) = root().with_cancel_cause();
    let (child, cancel_child) = parent.with_cancel();
    cancel_parent.cancel("parent");
    cancel_child.cancel();
    check(child, canceled("parent"));

    let (parent, cancel_parent) = root().with_cancel_cause();
    let (child, cancel_child) = parent.with_cancel();
    cancel_child.cancel();
    cancel_parent.cancel("parent");
    check(child, CANCELED);

    let (parent, cancel_parent) = root().with_cancel();
    let (child, cancel_child) = parent.with_cancel_cause();
    cancel_parent.cancel();
    cancel_child.cancel("child");
    check(child, CANCELED);

    let (parent, cancel_parent) = root().with_cancel();
    let (child, cancel_child) = parent.with_cancel_cause();
    cancel_child.cancel("child");
    cancel_parent.cancel();
    check(child, canceled("child"));

    // Deadlines.
    let (ctx, cancel) = root().with_timeout(Duration::ZERO);
    cancel.cancel();
    check(ctx, late("context deadline exceeded"));

    let (ctx, cancel) = root().with_timeout(HOUR);
    cancel.cancel();
    check(ctx, CANCELED);

    let (ctx, cancel) = root().with_timeout_cause(Duration::ZERO, "too slow");
    cancel.cancel();
    check(ctx, late("too slow"));

    let (ctx, cancel) = root().with_timeout_cause(HOUR, "too slow");
    cancel.cancel();
    check(ctx, CANCELED);

    let (ctx, cancel) = root().with_cancel_cause();
    let (ctx, _cancel) = ctx.with_timeout_cause(Duration::ZERO, "too slow");
    cancel.cancel("finished early");
    check(ctx, late("too slow"));

    let (ctx, cancel) = root().with_cancel_cause();
    let (ctx, _cancel) = ctx.with_timeout_cause(HOUR, "too slow");
    cancel.cancel("finished early");
    check(ctx, canceled("finished early"));

    // A parent that is over when the child is made, whose own deadline has passed.
    let (ctx, cancel) = root().with_cancel_cause();
    cancel.cancel("finished early");
    let (ctx, _cancel) = ctx.with_timeout_cause(Duration::ZERO, "too slow");
    check(ctx, canceled("finished early"));

    // Those that end with nobody.
    check(root().without_cancel(), (None, None));
    let (ctx, cancel) = root().with_cancel_cause();
    let free = ctx.without_cancel();
    cancel.cancel("finished early");
    check(free, (None, None));
    let (ctx, _cancel) = root().with_timeout_cause(Duration::ZERO, "too slow");
    check(ctx.without_cancel(), (None, None));
}

/// `WithDeadline`: the child of one with the same deadline, or an earlier one, is over with it.
#[gort::test]
fn equal_and_earlier_deadlines_are_the_parents() {
    let _limit = limit();
    let at = Instant::now() + 2 * MS;
    for later in [Duration::ZERO, HOUR] {
        let (parent, _c1) = Context::background().with_deadline_cause(at, "parent");
        let (child, _c2) = parent.with_deadline_cause(at + later, "child");
        assert_eq!(child.deadline(), Some(at));
        child.done().recv().unwrap_err();
        assert_eq!(text(child.cause()).as_deref(), Some("parent"));
    }
    // The earlier one is the child's: it is over alone.
    let (parent, _c1) = Context::background().with_timeout_cause(HOUR, "parent");
    let (child, _c2) = parent.with_timeout_cause(MS, "child");
    child.done().recv().unwrap_err();
    assert_eq!(text(child.cause()).as_deref(), Some("child"));
    assert!(!is_done(&parent));
}

/// `TestCanceledTimeout`, `TestDeadline`: at once, and for those below that carry values.
#[gort::test]
fn cancelling_is_synchronous() {
    let (outer, _c) = Context::background().with_timeout(HOUR);
    let (inner, cancel) = outer.with_value(1).with_timeout(2 * HOUR);
    let below = inner.with_value(2);
    cancel.cancel();
    assert!(is_done(&inner) && is_done(&below) && !is_done(&outer));
    assert_eq!(below.err(), Some(ContextError::Canceled));
}

/// `XTestParentFinishesChild`, `XTestChildFinishesFirst`.
#[gort::test]
fn parents_and_children_that_finish_first() {
    for child_first in [false, true] {
        let (parent, cancel_parent) = Context::background().with_cancel();
        let (child, cancel_child) = parent.with_cancel();
        let valued = parent.with_value(1);
        let (timed, _cancel) = valued.with_timeout(HOUR);
        let stops = parent.after_func(|| {});
        if child_first {
            cancel_child.cancel();
            assert!(is_done(&child));
            assert!(!is_done(&parent) && !is_done(&valued) && !is_done(&timed));
            assert!(stops.stop());
        }
        cancel_parent.cancel();
        for ctx in [&parent, &child, &valued, &timed] {
            assert!(is_done(ctx));
            assert_eq!(ctx.err(), Some(ContextError::Canceled));
        }
        assert!(!stops.stop());
        let (late, _cancel) = valued.with_cancel();
        assert!(is_done(&late) && late.err() == Some(ContextError::Canceled));
    }
}

/// `TestSimultaneousCancels`.
#[gort::test]
fn a_tree_is_cancelled_everywhere_at_once() {
    let _limit = limit();
    let mut tree = vec![Context::background().with_cancel()];
    let mut parent = 0;
    while tree.len() < 100 {
        for _ in 0..4 {
            let child = tree[parent].0.with_cancel();
            tree.push(child);
        }
        parent += 1;
    }
    let cancels = WaitGroup::new();
    // In an order that is neither that of the tree nor its opposite.
    for i in 0..tree.len() {
        let cancel = tree[i * 37 % tree.len()].1.clone();
        cancels.go(move || cancel.cancel());
    }
    for (ctx, _) in &tree {
        ctx.done().recv().unwrap_err();
    }
    cancels.wait();
}

/// `TestInterlockedCancels`.
#[gort::test]
fn the_end_of_the_parent_cancels_the_child_twice() {
    let _limit = limit();
    let (parent, cancel_parent) = Context::background().with_cancel();
    let (child, cancel_child) = parent.with_cancel();
    gort::go!(move || {
        parent.done().recv().unwrap_err();
        cancel_child.cancel();
    });
    cancel_parent.cancel();
    child.done().recv().unwrap_err();
}

/// `TestLayersCancel`, `TestLayersTimeout`.
#[gort::test]
fn layers_in_any_order() {
    let _limit = limit();
    struct Value<const N: usize>(u64);
    for seed in 0..50_u64 {
        for times_out in [false, true] {
            let mut random = seed;
            let mut below = move |n: u64| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (random >> 33) % n
            };
            let mut ctx = Context::background();
            let (mut cancels, mut timers, mut values) = (Vec::new(), 0, [None; 3]);
            let mut layer = 0;
            while layer < 30 || timers == 0 || cancels.is_empty() || values.contains(&None) {
                layer += 1;
                match below(5) {
                    0 => {
                        let (child, cancel) = ctx.with_cancel();
                        ctx = child;
                        cancels.push(cancel);
                    }
                    1 => {
                        let (child, cancel) = ctx.with_timeout(if times_out { MS } else { HOUR });
                        ctx = child;
                        cancels.push(cancel);
                        timers += 1;
                    }
                    2 => {
                        ctx = ctx.with_value(Value::<0>(layer));
                        values[0] = Some(layer);
                    }
                    3 => {
                        ctx = ctx.with_value(Value::<1>(layer));
                        values[1] = Some(layer);
                    }
                    _ => {
                        ctx = ctx.with_value(Value::<2>(layer));
                        values[2] = Some(layer);
                    }
                }
            }
            let check_values = || {
                assert_eq!(ctx.value::<Value<0>>().map(|v| v.0), values[0]);
                assert_eq!(ctx.value::<Value<1>>().map(|v| v.0), values[1]);
                assert_eq!(ctx.value::<Value<2>>().map(|v| v.0), values[2]);
            };
            check_values();
            if times_out {
                ctx.done().recv().unwrap_err();
                assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
            } else {
                assert!(!is_done(&ctx));
                cancels[below(cancels.len() as u64) as usize].cancel();
                assert!(is_done(&ctx));
                assert_eq!(ctx.err(), Some(ContextError::Canceled));
            }
            check_values();
        }
    }
}

/// `TestWithCancelCanceledParent`, `TestWithCancelSimultaneouslyCanceledParent`.
#[gort::test]
fn a_child_of_one_that_is_cancelled_meanwhile() {
    let _limit = limit();
    for round in 0..200 {
        let (parent, cancel) = Context::background().with_cancel_cause();
        if round == 0 {
            cancel.cancel("because");
        } else {
            gort::go!(move || cancel.cancel("because"));
        }
        let (child, _cancel) = parent.with_cancel();
        if round == 0 {
            assert!(is_done(&child), "immediately");
        }
        child.done().recv().unwrap_err();
        assert_eq!(child.err(), Some(ContextError::Canceled));
        assert_eq!(text(child.cause()).as_deref(), Some("because"));
    }
}

/// `TestCauseRace`.
#[gort::test]
fn a_cause_that_is_polled() {
    let _limit = limit();
    let (ctx, cancel) = Context::background().with_cancel_cause();
    gort::go!(move || cancel.cancel("because"));
    while ctx.cause().is_none() {
        gort::yield_now();
    }
    assert_eq!(text(ctx.cause()).as_deref(), Some("because"));
}

/// `TestAfterFuncCalledAfterTimeout`, `TestAfterFuncCalledAsynchronously`, and below values and without an end.
#[gort::test]
fn after_func_in_all_places() {
    let _limit = limit();
    let (ctx, _cancel) = Context::background().with_timeout(MS);
    let (tx, rx) = bounded(0);
    let (t, value) = (tx.clone(), ctx.with_value(1));
    value.clone().after_func(move || t.send(value.err()).unwrap());
    assert_eq!(rx.recv(), Ok(Some(ContextError::DeadlineExceeded)));
    // `cancel` does not wait for it.
    let (ctx, cancel) = Context::background().with_cancel();
    let stop = ctx.after_func(move || tx.send(None).unwrap());
    cancel.cancel();
    assert_eq!(rx.recv(), Ok(None));
    assert!(!stop.stop());
    // Its context has no end.
    let (ctx, cancel) = Context::background().with_cancel();
    let stop = ctx.without_cancel().after_func(|| unreachable!("never over"));
    cancel.cancel();
    assert!(stop.stop() && !stop.stop());
}

/// Stops against cancels: each function is either stopped or called.
#[gort::test]
fn a_function_is_stopped_or_called() {
    let _limit = limit();
    for _ in 0..200 {
        let (ctx, cancel) = Context::background().with_cancel();
        let (tx, rx) = bounded(8);
        let stops: Vec<_> = (0..4)
            .map(|_| {
                let tx = tx.clone();
                ctx.after_func(move || tx.send(()).unwrap())
            })
            .collect();
        drop(tx);
        let cancelled = gort::spawn(move || cancel.cancel());
        let stopped = stops.iter().filter(|stop| stop.stop()).count();
        cancelled.join().unwrap();
        assert_eq!(stopped + rx.iter().count(), 4);
    }
}

/// The channel of a context that nobody had a handle on any more was closed, as if the context were over.
#[gort::test]
fn done_outlives_the_handles() {
    let _limit = limit();
    let done = |(ctx, _): (Context, _)| ctx.done();
    // Nothing can end it.
    let forever = done(Context::background().with_cancel());
    assert!(!is_closed(&forever));
    // Nor a deadline in a thousand years.
    let deadline = Instant::now() + Duration::from_secs(1 << 35);
    let forever = done(Context::background().with_deadline(deadline));
    assert!(!is_closed(&forever));
    // Those above end it, also when they have no handles but their functions.
    let (top, cancel) = Context::background().with_cancel();
    let below = {
        let (middle, _) = top.with_value(1).with_timeout(HOUR);
        done(middle.with_value(2).with_cancel())
    };
    drop(top);
    assert!(!is_closed(&below));
    cancel.cancel();
    assert!(is_closed(&below));
    // Its deadline ends it, and that of one above.
    let begin = Instant::now();
    let timed = done(Context::background().with_timeout(2 * MS));
    timed.recv().unwrap_err();
    assert!(begin.elapsed() >= 2 * MS);
    let begin = Instant::now();
    let timed = done(Context::background().with_timeout(2 * MS).0.with_value(1).with_cancel());
    timed.recv().unwrap_err();
    assert!(begin.elapsed() >= 2 * MS);
    // It joins one that is over meanwhile: cancels against the last handle.
    for _ in 0..500 {
        let (top, cancel) = Context::background().with_cancel();
        let (child, _) = top.with_cancel();
        let done = child.done();
        let cancelled = gort::spawn(move || cancel.cancel());
        drop(child);
        done.recv().unwrap_err();
        cancelled.join().unwrap();
    }
}

/// `XTestCancelRemoves`: what is over, or has nobody, is not kept by those above, however many were waited for.
#[gort::test]
fn nothing_is_kept_of_those_that_are_over() {
    let (top, _cancel) = Context::background().with_cancel();
    let held = Arc::new(());
    for _ in 0..100 {
        let (middle, _) = top.with_value(held.clone()).with_cancel();
        let (child, cancel) = middle.with_timeout(HOUR);
        child.after_func(|| ());
        cancel.cancel();
        let (child, _) = middle.with_timeout(Duration::ZERO);
        child.after_func(|| ());
        let (child, cancel) = middle.with_timeout(HOUR);
        let done = child.done();
        drop((middle, child));
        cancel.cancel();
        done.recv().unwrap_err();
    }
    assert_eq!(Arc::strong_count(&held), 1);
    // One that lives on for its channel is gone when its time has come.
    let (timed, _) = top.with_value(held.clone()).with_timeout(MS);
    let done = timed.done();
    drop(timed);
    done.recv().unwrap_err();
    while Arc::strong_count(&held) > 1 {
        gort::yield_now();
    }
}
