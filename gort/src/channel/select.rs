//! Waiting for several channel operations at once.
//!
//! A select tries its operations in random order; if none can go on, it begins one wait on its commit word
//! and queues a waiter at each channel. Whoever wins that wait decides which operation it is. Then the
//! select takes its waiters off all queues, under their locks, and so learns which one was won.
//!
//! Go: select.go `selectgo`. Go locks all channels at once, in address order; here each is locked by
//! itself, since the commit word lets only one waker win.

use std::cell::OnceCell;
use std::fmt;
use std::time::{Duration, Instant};

use super::operation::{Operation, Wait};
use super::readiness::none_at_once;
use super::token::Token;
use super::{Receiver, SelectTimeoutError, SelectedOperation, Sender, TrySelectError};
use crate::g::G;
use crate::g::commit::Seq;
use crate::g::wait_reason::{Arms, WaitReason};
use crate::sched::{current, park};
use crate::sys::clock::{self, NEVER};
use crate::wait::Waiter;

/// An operation of a select, with the index it was given and its channel.
#[derive(Clone, Copy)]
pub(super) struct Arm<'a> {
    pub(super) operation: &'a dyn Operation,
    pub(super) index: usize,
    address: *const (),
}

/// How many arms need no allocation.
const INLINE: usize = 8;

/// Waits for one of several channel operations: `crossbeam_channel::Select`.
///
/// ```
/// use gort::channel::{Select, unbounded};
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let (tx, a) = unbounded();
/// let (_keep, b) = unbounded::<i32>();
/// tx.send(7).unwrap();
/// let mut select = Select::new();
/// let first = select.recv(&a);
/// let _second = select.recv(&b);
/// let operation = select.select();
/// assert_eq!(operation.index(), first);
/// assert_eq!(operation.recv(&a), Ok(7));
/// # });
/// ```
#[doc(alias = "selectgo")]
pub struct Select<'a> {
    inline: [Option<Arm<'a>>; INLINE],
    /// Arms past the inline ones.
    more: Vec<Arm<'a>>,
    pub(super) len: usize,
    next_index: usize,
    biased: bool,
    /// Whether an arm may have become ready by itself when its time comes.
    timed: bool,
}

// SAFETY: arms are shared references to ends of channels, which are `Send` and `Sync`; the raw
// addresses are only compared.
unsafe impl Send for Select<'_> {}
// SAFETY: as above.
unsafe impl Sync for Select<'_> {}

/// One waiter an arm, on the stack of the select while there are few.
pub(super) struct Waiters {
    inline: [OnceCell<Waiter>; INLINE],
    more: Vec<OnceCell<Waiter>>,
}

impl Waiters {
    #[inline(always)]
    pub(super) fn new(n: usize) -> Self {
        let more = (INLINE..n).map(|_| OnceCell::new()).collect();
        // Last, and one by one: so they are made where they stay, and no more is written than that there is none yet.
        Self { inline: std::array::from_fn(|_| OnceCell::new()), more }
    }

    pub(super) fn get(&self, i: usize) -> &OnceCell<Waiter> {
        if i < INLINE { &self.inline[i] } else { &self.more[i - INLINE] }
    }
}

/// Draws the numbers of up to [`INLINE`] arms one by one, each equally likely to be the next. To begin somewhere and go
/// around would prefer an arm that follows one that is never ready.
struct Draw {
    order: [u8; INLINE],
    left: usize,
    /// One random number is enough: each multiplication takes a digit off it.
    digits: u32,
}

impl Draw {
    #[inline(always)]
    fn of(len: usize) -> Self {
        Self { order: [0, 1, 2, 3, 4, 5, 6, 7], left: len, digits: current::random_below(u32::MAX) }
    }
}

impl Iterator for Draw {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let product = u64::from(self.digits) * self.left as u64;
        self.digits = product as u32;
        self.left = self.left.checked_sub(1)?;
        self.order.swap((product >> 32) as usize % INLINE, self.left % INLINE);
        Some(usize::from(self.order[self.left % INLINE]))
    }
}

impl<'a> Select<'a> {
    /// No operation yet.
    ///
    /// ```
    /// assert!(gort::channel::Select::new().try_select().is_err());
    /// ```
    pub fn new() -> Self {
        Self { inline: [None; INLINE], more: Vec::new(), len: 0, next_index: 0, biased: false, timed: false }
    }

    /// As [`new`](Self::new), but of several ready operations the first is taken.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::{Select, bounded};
    ///
    /// let (tx, rx) = bounded(2);
    /// tx.send(1).unwrap();
    /// let mut select = Select::new_biased();
    /// let receive = select.recv(&rx);
    /// select.send(&tx);
    /// assert_eq!(select.ready(), receive);
    /// # });
    /// ```
    pub fn new_biased() -> Self {
        Self { biased: true, ..Self::new() }
    }

    fn add(&mut self, operation: &'a dyn Operation, address: *const ()) -> usize {
        let index = self.next_index;
        self.next_index += 1;
        let arm = Arm { operation, index, address };
        if self.len < INLINE {
            self.inline[self.len] = Some(arm);
        } else {
            self.more.push(arm);
        }
        self.len += 1;
        index
    }

    /// Adds a send on `sender` and gives its index.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::{Select, bounded};
    ///
    /// let (tx, rx) = bounded(1);
    /// let mut select = Select::new();
    /// select.send(&tx);
    /// select.select().send(&tx, 5).unwrap();
    /// assert_eq!(rx.recv(), Ok(5));
    /// # });
    /// ```
    pub fn send<T>(&mut self, sender: &'a Sender<T>) -> usize {
        self.add(sender, sender.chan.address())
    }

    /// Adds a receive from `receiver` and gives its index.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::{Select, bounded};
    ///
    /// let (tx, rx) = bounded(1);
    /// tx.send(5).unwrap();
    /// let mut select = Select::new();
    /// select.recv(&rx);
    /// assert_eq!(select.select().recv(&rx), Ok(5));
    /// # });
    /// ```
    pub fn recv<T>(&mut self, receiver: &'a Receiver<T>) -> usize {
        self.timed |= receiver.is_timed();
        self.add(receiver, receiver.address())
    }

    /// Removes the operation with this index, so that it is not selected any more.
    ///
    /// # Panics
    /// When there is none.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::{Select, bounded};
    ///
    /// let (tx, rx) = bounded(1);
    /// let mut select = Select::new();
    /// let receive = select.recv(&rx);
    /// let send = select.send(&tx);
    /// assert_eq!(select.ready(), send);
    /// select.remove(send);
    /// tx.send(1).unwrap();
    /// assert_eq!(select.ready(), receive, "indices stay what they are");
    /// # });
    /// ```
    pub fn remove(&mut self, index: usize) {
        assert!(index < self.next_index, "index out of bounds; {index} >= {}", self.next_index);
        let i = (0..self.len).find(|&i| self.arm(i).index == index).expect("no operation with this index");
        for j in i + 1..self.len {
            self.set_arm(j - 1, self.arm(j));
        }
        self.len -= 1;
        if self.len < INLINE {
            self.inline[self.len] = None;
        }
        self.more.truncate(self.len.saturating_sub(INLINE));
    }

    pub(super) fn arm(&self, i: usize) -> Arm<'a> {
        if i < INLINE { self.inline[i].expect("an arm") } else { self.more[i - INLINE] }
    }

    fn set_arm(&mut self, i: usize, arm: Arm<'a>) {
        if i < INLINE {
            self.inline[i] = Some(arm);
        } else {
            self.more[i - INLINE] = arm;
        }
    }

    /// The first arm that `f` holds of, in the order in which they are tried: random, unless it is biased.
    #[inline]
    pub(super) fn find(&mut self, mut f: impl FnMut(&Arm<'a>) -> bool) -> Option<Arm<'a>> {
        if self.biased {
            return (0..self.len).map(|i| self.arm(i)).find(f);
        }
        if self.len <= INLINE {
            return Draw::of(self.len).map(|i| self.arm(i)).find(f);
        }
        for left in (1..=self.len).rev() {
            let j = current::random_below(left as u32) as usize;
            let (a, b) = (self.arm(left - 1), self.arm(j));
            self.set_arm(left - 1, b);
            self.set_arm(j, a);
            if f(&b) {
                return Some(b);
            }
        }
        None
    }

    fn operation(&self, arm: Arm<'_>, token: Token) -> SelectedOperation<'a> {
        SelectedOperation::new(token, arm.index, arm.address)
    }

    /// Commits to an operation that needs no waiting, if it sees one.
    fn first_ready(&mut self, token: &mut Token, stay: bool) -> Option<Arm<'a>> {
        self.find(|arm| arm.operation.commit(token, stay))
    }

    /// Whether there was a moment at which all operations would have had to wait: of several attempts, one an arm,
    /// each may come while another arm is ready.
    #[inline]
    pub(super) fn none_is_ready(&self) -> bool {
        none_at_once(self.len, |i| self.arm(i).operation.look())
    }

    /// Commits to an operation that needs no waiting, unless [`none_is_ready`](Self::none_is_ready). An attempt that
    /// fails leaves its arm marked so, or somebody else has gone on.
    #[inline]
    fn try_once(&mut self, token: &mut Token, stay: bool) -> Option<Arm<'a>> {
        while !self.none_is_ready() {
            let ready = self.first_ready(token, stay);
            if ready.is_some() {
                return ready;
            }
        }
        None
    }

    /// Whether `f` holds of all arms, asked in random order unless it is biased: of several arms at one channel the
    /// first that is queued is won. More than [`INLINE`] are in random order since they were tried.
    fn all_in_turn(&self, f: impl Fn(usize) -> bool) -> bool {
        if self.biased || self.len > INLINE {
            return (0..self.len).all(f);
        }
        Draw::of(self.len).all(f)
    }

    /// Queues a waiter for the `i`th arm, unless that needs no waiting.
    fn queue(&self, waiters: &Waiters, i: usize, gp: &'static G, seq: Seq, place: *mut ()) -> bool {
        self.arm(i).operation.enqueue(waiters.get(i), Wait { gp, seq, place })
    }

    /// Takes all waiters off; the arm whose waiter was won, if one was.
    fn withdraw(&self, waiters: &Waiters, token: &mut Token) -> Option<Arm<'a>> {
        let mut won = None;
        for i in 0..self.len {
            let arm = self.arm(i);
            if let Some(waiter) = waiters.get(i).get()
                && arm.operation.accept(waiter, token)
            {
                won = Some(arm);
            }
        }
        won
    }

    /// Selects an operation that needs no waiting; it must be completed.
    ///
    /// # Errors
    /// There is none.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::{Select, bounded};
    ///
    /// let (tx, rx) = bounded(1);
    /// let mut select = Select::new();
    /// select.recv(&rx);
    /// assert!(select.try_select().is_err());
    /// tx.send(5).unwrap();
    /// assert_eq!(select.try_select().unwrap().recv(&rx), Ok(5));
    /// # });
    /// ```
    pub fn try_select(&mut self) -> Result<SelectedOperation<'a>, TrySelectError> {
        let mut token = Token::new();
        match self.try_once(&mut token, true) {
            Some(arm) => Ok(self.operation(arm, token)),
            None => Err(TrySelectError),
        }
    }

    /// Blocks until an operation can go on; it must be completed. Of several that can, one is chosen at
    /// random.
    ///
    /// # Panics
    /// When there is no operation.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::{Select, bounded};
    ///
    /// let (a_tx, a) = bounded(0);
    /// let (_b_tx, b) = bounded::<i32>(0);
    /// gort::go!(move || a_tx.send(5).unwrap());
    /// let mut select = Select::new();
    /// let first = select.recv(&a);
    /// select.recv(&b);
    /// let operation = select.select();
    /// assert_eq!(operation.index(), first);
    /// assert_eq!(operation.recv(&a), Ok(5));
    /// # });
    /// ```
    pub fn select(&mut self) -> SelectedOperation<'a> {
        assert!(self.len > 0, "no operations have been added to `Select`");
        self.select_until(NEVER).expect("without a deadline it ends with an operation")
    }

    /// [`select`](Self::select) for at most `timeout`.
    ///
    /// # Errors
    /// The time has come.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::{Select, bounded};
    ///
    /// let (_tx, rx) = bounded::<i32>(0);
    /// let mut select = Select::new();
    /// select.recv(&rx);
    /// assert!(select.select_timeout(std::time::Duration::from_millis(1)).is_err());
    /// # });
    /// ```
    pub fn select_timeout(&mut self, timeout: Duration) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.select_until(clock::after(timeout)).ok_or(SelectTimeoutError)
    }

    /// [`select`](Self::select) until `deadline` at most.
    ///
    /// # Errors
    /// The time has come.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::channel::{Select, bounded};
    ///
    /// let (tx, rx) = bounded(1);
    /// tx.send(5).unwrap();
    /// let mut select = Select::new();
    /// select.recv(&rx);
    /// let operation = select.select_deadline(std::time::Instant::now()).unwrap();
    /// assert_eq!(operation.recv(&rx), Ok(5));
    /// # });
    /// ```
    pub fn select_deadline(
        &mut self,
        deadline: Instant,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.select_until(clock::at(deadline)).ok_or(SelectTimeoutError)
    }

    #[inline]
    fn select_until(&mut self, deadline: u64) -> Option<SelectedOperation<'a>> {
        park::check_preempt();
        loop {
            let mut token = Token::new();
            if let Some(arm) = self.first_ready(&mut token, false) {
                return Some(self.operation(arm, token));
            }
            let waiters = Waiters::new(self.len);
            let place = token.scratch.as_mut_ptr();
            self.park(deadline, |gp, seq, i| self.queue(&waiters, i, gp, seq, place));
            if let Some(arm) = self.withdraw(&waiters, &mut token) {
                return Some(self.operation(arm, token));
            }
            if clock::nanotime() >= deadline {
                // A last look: what has come meanwhile is not to be missed.
                return self.try_once(&mut token, false).map(|arm| self.operation(arm, token));
            }
        }
    }

    /// Parks until a waker wins, an arm's time comes, or the deadline. `queue` puts the `i`th arm's
    /// waiter into its queue, or says that there is nothing to wait for.
    #[inline(always)]
    pub(super) fn park(&self, deadline: u64, queue: impl Fn(&'static G, Seq, usize) -> bool) {
        let due = if self.timed {
            (0..self.len).map(|i| self.arm(i).operation.due()).min().unwrap_or(NEVER)
        } else {
            NEVER
        };
        let reason = if self.len == 0 { WaitReason::SelectNoCases } else { WaitReason::Select };
        park::park_select(deadline.min(due), self, reason, |gp, seq| self.all_in_turn(|i| queue(gp, seq, i)));
    }
}

impl Arms for Select<'_> {
    fn each(&self, f: &mut dyn FnMut(usize)) {
        (0..self.len).filter_map(|i| self.arm(i).operation.channel()).for_each(|lock| f(lock as usize));
    }
}

impl Clone for Select<'_> {
    fn clone(&self) -> Self {
        Self { more: self.more.clone(), ..*self }
    }
}

impl Default for Select<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Select { .. }")
    }
}
