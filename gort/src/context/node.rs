//! The tree behind contexts.
//!
//! Invariants
//! - A child holds its parent. A parent knows its children weakly, by the nearest node above that can be
//!   cancelled, and holds one only while a function waits below it, or somebody at the channel of one that has no handles
//!   any more (`held`).
//! - A node is cancelled once: under its lock `over` is set and its channel is closed, so that who sees one sees the
//!   other; then, with no lock held, its functions start, and its children are cancelled. A child that joins a parent
//!   which is over is cancelled by itself.
//! - Locks of nodes are taken one at a time.
//!
//! Go: context.go `cancelCtx`, `propagateCancel`, `removeChild`.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::{Cause, ContextError};
use crate::channel::{Receiver, Sender, bounded};
use crate::sched::newproc::{getcallerpc, newproc};
use crate::sys::clock;
use crate::time::{Action, Alarm};

/// A function that waits for the end.
pub(super) type Func = Box<dyn FnOnce() + Send>;

/// In a goroutine of its own.
#[track_caller]
pub(super) fn start(f: Func) {
    newproc(getcallerpc(), Location::caller(), None, f);
}

pub(super) enum Kind {
    Background,
    Value(TypeId, Box<dyn Any + Send + Sync>),
    WithoutCancel,
    Cancel(Canceller),
}

impl Kind {
    /// `late` is the cause when it is the deadline that ends it.
    pub(super) fn cancel(deadline: Option<Instant>, late: Option<Cause>) -> Self {
        let (closes, done) = bounded(0);
        Kind::Cancel(Canceller { deadline, late, closes, done, state: Mutex::default() })
    }
}

pub(super) struct Canceller {
    pub(super) deadline: Option<Instant>,
    late: Option<Cause>,
    closes: Sender<()>,
    pub(super) done: Receiver<()>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    over: Option<(ContextError, Option<Cause>)>,
    children: HashMap<usize, Child>,
    funcs: HashMap<u64, Func>,
    next_func: u64,
    alarm: Option<Arc<Alarm>>,
}

struct Child {
    node: Weak<Node>,
    /// While functions wait at it or below it.
    held: Option<Arc<Node>>,
}

impl Canceller {
    pub(super) fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn err(&self) -> Option<ContextError> {
        self.locked().over.as_ref().map(|(err, _)| *err)
    }

    pub(super) fn cause(&self) -> Option<Cause> {
        self.locked().over.as_ref().map(|(err, cause)| cause.clone().unwrap_or_else(|| Cause::from(*err)))
    }
}

pub(super) struct Node {
    parent: Option<Arc<Node>>,
    pub(super) kind: Kind,
}

impl Node {
    pub(super) fn new(parent: Option<Arc<Node>>, kind: Kind) -> Self {
        Self { parent, kind }
    }

    /// The node and those above it.
    pub(super) fn chain(&self) -> impl Iterator<Item = &Node> {
        std::iter::successors(Some(self), |node| node.parent.as_deref())
    }

    /// The nearest node, this one or above, whose end is this one's end.
    pub(super) fn canceller(&self) -> Option<(&Node, &Canceller)> {
        for node in self.chain() {
            match &node.kind {
                Kind::Cancel(canceller) => return Some((node, canceller)),
                Kind::WithoutCancel => return None,
                Kind::Background | Kind::Value(..) => {}
            }
        }
        None
    }

    fn own(&self) -> Option<&Canceller> {
        match &self.kind {
            Kind::Cancel(canceller) => Some(canceller),
            _ => None,
        }
    }

    fn above(&self) -> Option<(&Node, &Canceller)> {
        self.parent.as_ref().and_then(|parent| parent.canceller())
    }

    fn key(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }

    /// From now on the end of what is above is this one's end.
    pub(super) fn join_parent(self: &Arc<Self>) {
        let Some((_, above)) = self.above() else { return };
        let mut state = above.locked();
        match state.over.clone() {
            Some((err, cause)) => {
                drop(state);
                self.cancel(err, cause);
            }
            None => {
                state.children.insert(self.key(), Child { node: Arc::downgrade(self), held: None });
            }
        }
    }

    /// The deadline has passed.
    pub(super) fn expire(&self) {
        self.cancel(ContextError::DeadlineExceeded, self.own().and_then(|own| own.late.clone()));
    }

    /// Has `expire` called at its deadline.
    pub(super) fn set_alarm(&self, alarm: Arc<Alarm>, expire: impl Fn() + Send + Sync + 'static) {
        let own = self.own().expect("a node with a deadline can be cancelled");
        let Some(deadline) = own.deadline else { return };
        let when = clock::at(deadline);
        if when == clock::NEVER {
            // An alarm keeps no function that is never due: it would not hold the node (`live_on`).
            return;
        }
        alarm.set(when, Duration::ZERO, Action::Call(Arc::new(expire)));
        let mut state = own.locked();
        if state.over.is_none() {
            state.alarm = Some(alarm);
        } else {
            drop(state);
            alarm.stop();
        }
    }

    /// Ends it and all below, unless it is over.
    pub(super) fn cancel(&self, err: ContextError, cause: Option<Cause>) {
        // Not by recursion: the tree may be deep, and a goroutine's stack is not.
        let mut ends: Vec<Arc<Node>> = Vec::new();
        self.end(err, cause.clone(), &mut ends);
        while let Some(node) = ends.pop() {
            node.end(err, cause.clone(), &mut ends);
        }
        if let Some((node, above)) = self.above() {
            let gone = above.locked().children.remove(&self.key());
            if gone.is_some_and(|child| child.held.is_some()) {
                node.release();
            }
        }
    }

    /// Its own part of that; its children are the caller's to end.
    fn end(&self, err: ContextError, cause: Option<Cause>, children: &mut Vec<Arc<Node>>) {
        let Some(own) = self.own() else { return };
        let mut state = own.locked();
        if state.over.is_some() {
            return;
        }
        state.over = Some((err, cause));
        let alarm = state.alarm.take();
        let funcs = std::mem::take(&mut state.funcs);
        let below = std::mem::take(&mut state.children);
        // Wakes, and runs nothing of the user's.
        own.closes.close();
        drop(state);
        if let Some(alarm) = alarm {
            alarm.stop();
        }
        children.extend(below.into_values().filter_map(|child| child.held.or_else(|| child.node.upgrade())));
        for f in funcs.into_values() {
            start(f);
        }
    }

    /// Has `f` run at the end, which has not come; otherwise gives it back. The number is for
    /// [`Node::remove_func`].
    pub(super) fn add_func(self: &Arc<Self>, f: Func) -> Result<u64, Func> {
        let own = self.own().expect("asked of a node that can be cancelled");
        let mut state = own.locked();
        if state.over.is_some() {
            return Err(f);
        }
        let number = state.next_func;
        state.next_func += 1;
        state.funcs.insert(number, f);
        drop(state);
        self.hold();
        Ok(number)
    }

    pub(super) fn remove_func(&self, number: u64) -> Option<Func> {
        let own = self.own()?;
        let f = own.locked().funcs.remove(&number)?;
        self.release();
        Some(f)
    }

    /// Those above hold it, and each other: a function waits here.
    fn hold(self: &Arc<Self>) {
        let mut node = self.clone();
        while let Some(above) = node.canceller_above() {
            let Some(canceller) = above.own() else { break };
            let mut state = canceller.locked();
            match state.children.get_mut(&node.key()) {
                Some(child) if child.held.is_none() => child.held = Some(node.clone()),
                _ => break,
            }
            drop(state);
            node = above;
        }
    }

    /// Undoes [`Node::hold`] as far up as nothing else waits.
    fn release(&self) {
        let mut node = self.chain().next();
        let mut dropped = Vec::new();
        while let Some(here) = node {
            let Some(own) = here.own() else { break };
            {
                let state = own.locked();
                if !state.funcs.is_empty() || state.children.values().any(|c| c.held.is_some()) {
                    break;
                }
            }
            let Some((above, canceller)) = here.above() else { break };
            dropped.extend(canceller.locked().children.get_mut(&here.key()).and_then(|c| c.held.take()));
            node = Some(above);
        }
        // What is let go here may be the last of it: with no lock held.
        drop(dropped);
    }

    /// Nobody has a handle any more: those above forget it, and its timer is stopped. Unless it is not over and somebody
    /// has its channel.
    fn leave(&mut self) {
        let Kind::Cancel(own) = &self.kind else { return };
        if let Some((_, above)) = self.above() {
            let gone = above.locked().children.remove(&self.key());
            drop(gone);
        }
        let (is_over, alarm) = {
            let mut state = own.locked();
            (state.over.is_some(), state.alarm.take())
        };
        if let Some(alarm) = &alarm {
            alarm.stop();
        }
        if !is_over && own.done.is_shared() {
            self.live_on(alarm);
        }
    }

    /// Its channel is closed when the context is over, and not because nobody has a handle: what may still end it, its
    /// timer or those above, holds it from now on.
    fn live_on(&mut self, alarm: Option<Arc<Alarm>>) {
        let may_end = alarm.is_some() || self.above().is_some();
        let kind = std::mem::replace(&mut self.kind, Kind::Background);
        if !may_end {
            if let Kind::Cancel(own) = kind {
                // Leaked: it is never closed.
                std::mem::forget(own.closes);
            }
            return;
        }
        let node = Arc::new(Self::new(self.parent.take(), kind));
        node.join_parent();
        node.hold();
        if let Some(alarm) = alarm {
            let held = node.clone();
            node.set_alarm(alarm, move || held.expire());
        }
    }

    /// The nearest node above whose end is this one's, as a handle.
    fn canceller_above(&self) -> Option<Arc<Node>> {
        let mut node = self.parent.as_ref();
        while let Some(here) = node {
            match &here.kind {
                Kind::Cancel(_) => return Some(here.clone()),
                Kind::WithoutCancel => return None,
                Kind::Background | Kind::Value(..) => node = here.parent.as_ref(),
            }
        }
        None
    }

    /// The nearest node, this one or above, whose end is this one's, as a handle.
    pub(super) fn canceller_handle(self: &Arc<Self>) -> Option<Arc<Node>> {
        match &self.kind {
            Kind::Cancel(_) => Some(self.clone()),
            Kind::WithoutCancel => None,
            Kind::Background | Kind::Value(..) => self.canceller_above(),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.leave();
        // A long line of parents that nobody else holds is let go one by one, not by recursion.
        let mut parent = self.parent.take();
        while let Some(mut node) = parent.and_then(Arc::into_inner) {
            node.leave();
            parent = node.parent.take();
        }
    }
}
