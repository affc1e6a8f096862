//! `gort::context`: the behaviour of Go's package context.

mod api_support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use api_support::limit;
use gort::channel::{TryRecvError, bounded};
use gort::context::{Context, ContextError};
use gort::sync::ErrGroup;

const HOUR: Duration = Duration::from_secs(3600);
const MS: Duration = Duration::from_millis(1);

fn is_done(ctx: &Context) -> bool {
    ctx.done().try_recv() == Err(TryRecvError::Disconnected)
}

#[gort::test]
fn the_root_is_never_over() {
    let ctx = Context::background();
    assert!(!is_done(&ctx) && ctx.err().is_none() && ctx.cause().is_none() && ctx.deadline().is_none());
}

#[gort::test]
fn cancelling_goes_down_and_not_up() {
    let (top, cancel_top) = Context::background().with_cancel();
    let (left, cancel_left) = top.with_value(1).with_cancel();
    let (right, _cancel_right) = top.with_cancel();
    let (leaf, _cancel_leaf) = left.with_value("x").with_timeout(HOUR);
    cancel_left.cancel();
    assert!(is_done(&left) && is_done(&leaf));
    assert_eq!(leaf.err(), Some(ContextError::Canceled));
    assert!(!is_done(&top) && !is_done(&right));
    cancel_top.cancel();
    assert!(is_done(&right));
    let (late, _cancel) = top.with_cancel();
    assert!(is_done(&late), "a child of one that is over is over");
}

#[gort::test]
fn err_is_set_before_done_closes() {
    for _ in 0..200 {
        let (ctx, cancel) = Context::background().with_cancel();
        let (child, _cancel) = ctx.with_cancel();
        let waits = gort::spawn(move || {
            child.done().recv().unwrap_err();
            child.err()
        });
        cancel.cancel();
        assert_eq!(waits.join().unwrap(), Some(ContextError::Canceled));
    }
}

/// It said that it was over, and its channel was yet to be closed.
#[gort::test]
fn done_is_closed_once_err_is_set() {
    let (to_looker, contexts) = std::sync::mpsc::sync_channel::<Context>(0);
    let looks = std::thread::spawn(move || {
        contexts.into_iter().for_each(|ctx| {
            let done = ctx.done();
            let mut spins = 0;
            while ctx.err().is_none() {
                spins += 1;
                // On a busy machine who cancels may need this processor.
                if spins % 1_000 == 0 {
                    std::thread::yield_now();
                }
            }
            assert!(done.is_closed());
        });
    });
    for _ in 0..8_000 {
        let (ctx, cancel) = Context::background().with_cancel();
        to_looker.send(ctx).unwrap();
        cancel.cancel();
    }
    drop(to_looker);
    looks.join().unwrap();
}

#[gort::test]
fn deadlines() {
    let (ctx, _cancel) = Context::background().with_timeout(2 * MS);
    let begun = Instant::now();
    ctx.done().recv().unwrap_err();
    assert!(begun.elapsed() >= MS);
    assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
    assert_eq!(ctx.cause().unwrap().downcast_ref(), Some(&ContextError::DeadlineExceeded));
    // The earlier one counts, whoever has it.
    let (outer, _c1) = Context::background().with_timeout(HOUR);
    let (inner, _c2) = outer.with_timeout(MS);
    let (innermost, _c3) = inner.with_timeout(HOUR);
    assert_eq!(innermost.deadline(), inner.deadline());
    innermost.done().recv().unwrap_err();
    assert_eq!(innermost.err(), Some(ContextError::DeadlineExceeded));
    assert!(!is_done(&outer));
    // Past ones are over at once.
    let (past, _c4) = Context::background().with_deadline(Instant::now() - MS);
    assert_eq!(past.err(), Some(ContextError::DeadlineExceeded));
    // Cancelled before its deadline.
    let (early, cancel) = Context::background().with_timeout(HOUR);
    cancel.cancel();
    assert_eq!(early.err(), Some(ContextError::Canceled));
    let (forever, _c5) = Context::background().with_timeout(Duration::MAX);
    assert!(forever.deadline().is_none() && !is_done(&forever));
}

#[gort::test]
fn the_first_cause_wins_and_children_inherit_it() {
    let (parent, cancel_parent) = Context::background().with_cancel_cause();
    let (child, cancel_child) = parent.with_cancel_cause();
    let (grandchild, _cancel) = child.with_cancel();
    cancel_parent.cancel("parent");
    cancel_child.cancel("child");
    for ctx in [&parent, &child, &grandchild] {
        assert_eq!(ctx.cause().unwrap().to_string(), "parent");
        assert_eq!(ctx.err(), Some(ContextError::Canceled));
    }
    let (parent, cancel_parent) = Context::background().with_cancel_cause();
    let (child, cancel_child) = parent.with_cancel_cause();
    cancel_child.cancel("child");
    cancel_parent.cancel("parent");
    assert_eq!(child.cause().unwrap().to_string(), "child");
    assert_eq!(parent.cause().unwrap().to_string(), "parent");
    let (slow, _cancel) = Context::background().with_timeout_cause(MS, "too slow");
    slow.done().recv().unwrap_err();
    assert_eq!(slow.cause().unwrap().to_string(), "too slow");
    let (quick, cancel) = Context::background().with_timeout_cause(HOUR, "too slow");
    cancel.cancel();
    assert_eq!(quick.cause().unwrap().to_string(), "context canceled");
}

#[gort::test]
fn values_are_keyed_by_type() {
    #[derive(Debug, PartialEq)]
    struct User(&'static str);
    let ctx = Context::background().with_value(User("a")).with_value(7u8);
    let (inner, cancel) = ctx.with_value(User("b")).with_cancel();
    assert_eq!(inner.value(), Some(&User("b")));
    assert_eq!(ctx.value(), Some(&User("a")));
    assert_eq!(inner.value::<u8>(), Some(&7));
    assert_eq!(inner.value::<u16>(), None);
    let free = inner.without_cancel();
    cancel.cancel();
    assert!(free.err().is_none() && free.deadline().is_none() && !is_done(&free));
    assert_eq!(free.value(), Some(&User("b")));
    let (below, cancel_below) = free.with_cancel();
    assert!(!is_done(&below));
    cancel_below.cancel();
    assert!(is_done(&below) && !is_done(&free));
}

#[gort::test]
fn after_func_runs_once_and_can_be_stopped() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (tx, rx) = bounded(2);
    let first = ctx.after_func({
        let tx = tx.clone();
        move || tx.send(1).unwrap()
    });
    let second = ctx.after_func(move || tx.send(2).unwrap());
    assert!(second.stop());
    assert!(!second.stop());
    cancel.cancel();
    cancel.cancel();
    assert_eq!(rx.recv(), Ok(1));
    assert!(rx.recv().is_err(), "the other was dropped");
    assert!(!first.stop());
    let (tx, rx) = bounded(1);
    assert!(!ctx.after_func(move || tx.send(3).unwrap()).stop());
    assert_eq!(rx.recv(), Ok(3), "at once: it is over");
    assert!(Context::background().after_func(|| unreachable!()).stop());
}

#[gort::test]
fn after_func_of_a_forgotten_child_still_runs() {
    let (top, cancel) = Context::background().with_cancel();
    let (tx, rx) = bounded(1);
    {
        let (child, _) = top.with_value(1).with_cancel();
        let (grandchild, _) = child.with_timeout(HOUR);
        grandchild.after_func(move || tx.send(()).unwrap());
    }
    gort::yield_now();
    cancel.cancel();
    rx.recv().unwrap();
}

#[gort::test]
fn nothing_is_kept_of_children_that_are_gone() {
    let (top, _cancel) = Context::background().with_cancel();
    let held = Arc::new(());
    for _ in 0..100 {
        let (child, _c) = top.with_value(held.clone()).with_cancel();
        let (timed, _c) = child.with_timeout(HOUR);
        let kept = held.clone();
        assert!(timed.after_func(move || drop(kept)).stop());
    }
    assert_eq!(Arc::strong_count(&held), 1);
}

#[gort::test]
fn deep_trees_neither_overflow_nor_leak() {
    let (top, cancel) = Context::background().with_cancel();
    let mut ctx = top.clone();
    for i in 0..8_000 {
        ctx = if i % 2 == 0 { ctx.with_cancel().0 } else { ctx.with_value(i) };
    }
    let kept = ctx.clone();
    cancel.cancel();
    assert!(is_done(&kept));
    drop(kept);
    drop(ctx);
}

#[gort::test]
fn many_cancel_at_once() {
    for _ in 0..50 {
        let (ctx, cancel) = Context::background().with_cancel_cause();
        let waiters: Vec<_> = (0..8)
            .map(|_| {
                let (child, _c) = ctx.with_cancel();
                gort::spawn(move || {
                    child.done().recv().unwrap_err();
                    child.cause().unwrap().to_string()
                })
            })
            .collect();
        let cancellers: Vec<_> = (0..8)
            .map(|i| {
                let cancel = cancel.clone();
                gort::spawn(move || cancel.cancel(i.to_string()))
            })
            .collect();
        cancellers.into_iter().for_each(|c| c.join().unwrap());
        let cause = ctx.cause().unwrap().to_string();
        waiters.into_iter().for_each(|w| assert_eq!(w.join().unwrap(), cause));
    }
}

#[gort::test]
fn err_groups_cancel_their_context() {
    let (group, ctx) = ErrGroup::with_context(&Context::background());
    for i in 0..4 {
        let ctx = ctx.clone();
        group.go(move || {
            if i == 2 {
                return Err("second");
            }
            ctx.done().recv().unwrap_err();
            Ok(())
        });
    }
    assert_eq!(group.wait(), Err("second"));
    assert_eq!(ctx.cause().unwrap().to_string(), "second");
    let (group, ctx) = ErrGroup::<String>::with_context(&Context::background());
    group.go(|| Ok(()));
    assert_eq!(group.wait(), Ok(()));
    assert_eq!(ctx.err(), Some(ContextError::Canceled), "over when wait returns");
}

/// The others wait for the context, and the panic is raised by who waits for them.
#[gort::test]
fn a_member_that_panics_cancels_the_context_of_its_group() {
    let _limit = limit();
    let (group, ctx) = ErrGroup::<String>::with_context(&Context::background());
    let waits = ctx.clone();
    group.go(move || {
        waits.done().recv().unwrap_err();
        Ok(())
    });
    group.go(|| std::panic::resume_unwind(Box::new("quiet")));
    let wait = std::panic::AssertUnwindSafe(|| group.wait());
    let payload = gort::catch_unwind(wait).unwrap_err();
    assert_eq!(*payload.downcast::<&str>().unwrap(), "quiet");
    assert_eq!(ctx.cause().unwrap().to_string(), "gort: a goroutine of the ErrGroup has panicked");
}
