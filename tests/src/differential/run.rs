//! A program run by its workers, and what they did.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gort::channel::{self, Receiver, RecvTimeoutError, Select, SendTimeoutError, Sender};
use gort::sync::Mutex;

use super::history::{Done, is_explained};
use super::payload::{Census, Payload};
use super::program::{Arm, Op, Patience, Program, Rng};
use super::spec::{Channel, Step};

/// How long a run may stand still though somebody could go on. The machine may be busy.
const LOST: Duration = Duration::from_secs(60);
/// How long it stands still before a channel is closed; closing too early is no harm.
const STILL: Duration = Duration::from_millis(1);

/// What the workers of a run share.
struct World {
    /// The moments.
    clock: AtomicU64,
    history: Mutex<Vec<Done>>,
    /// What each worker is in the middle of.
    pending: Vec<Mutex<Option<Op>>>,
    finished: AtomicUsize,
    census: Census,
}

impl World {
    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// Does an operation and records it.
    fn record(&self, worker: usize, f: impl FnOnce() -> Vec<Step>) {
        let called = self.now();
        let steps = f();
        let span = (called, self.now());
        let at_once = steps.iter().all(|s| matches!(s, Step::Full(_) | Step::Empty(_)));
        self.history.lock().unwrap().push(Done { worker, span, steps, at_once });
    }
}

/// The ends of all channels, as far as their owner has them.
struct Ends<const W: usize> {
    capacities: Arc<[Option<usize>]>,
    senders: Vec<Option<Sender<Payload<W>>>>,
    receivers: Vec<Option<Receiver<Payload<W>>>>,
}

impl<const W: usize> Clone for Ends<W> {
    fn clone(&self) -> Self {
        Self {
            capacities: self.capacities.clone(),
            senders: self.senders.clone(),
            receivers: self.receivers.clone(),
        }
    }
}

impl<const W: usize> Ends<W> {
    fn new(capacities: &[Option<usize>]) -> Self {
        let channels = capacities.iter().map(|cap| match cap {
            Some(cap) => channel::bounded(*cap),
            None => channel::unbounded(),
        });
        let (senders, receivers) = channels.map(|(s, r)| (Some(s), Some(r))).unzip();
        Self { capacities: capacities.into(), senders, receivers }
    }

    fn sender(&self, c: usize) -> &Sender<Payload<W>> {
        self.senders[c].as_ref().expect("the program uses what its worker has")
    }

    fn receiver(&self, c: usize) -> &Receiver<Payload<W>> {
        self.receivers[c].as_ref().expect("the program uses what its worker has")
    }

    fn is_rendezvous(&self, c: usize) -> bool {
        self.capacities[c] == Some(0)
    }

    fn close(&self, c: usize) {
        match &self.senders[c] {
            Some(sender) => sender.close(),
            None => self.receiver(c).close(),
        }
    }

    /// Whether an arm that waits could go on, by what one end says of the buffer.
    fn could_go_on(&self, arm: Arm) -> bool {
        let (Arm::Send(c, _) | Arm::Recv(c)) = arm;
        let (closed, empty, full) = match (&self.senders[c], &self.receivers[c]) {
            (Some(s), _) => (s.is_closed(), s.is_empty(), s.is_full()),
            (None, Some(r)) => (r.is_closed(), r.is_empty(), r.is_full()),
            (None, None) => unreachable!("one end is kept"),
        };
        match arm {
            Arm::Send(..) => closed || !full,
            Arm::Recv(_) => closed || !empty,
        }
    }

    fn sent(&self, c: usize, number: u64, by_select: bool) -> Vec<Step> {
        match (self.is_rendezvous(c), by_select) {
            (true, _) => vec![Step::Give(c, number)],
            (false, false) => vec![Step::Push(c, number)],
            (false, true) => vec![Step::Reserve(c), Step::Fill(c, number, true)],
        }
    }

    fn received(&self, c: usize, message: &Payload<W>) -> Vec<Step> {
        let number = message.number();
        vec![if self.is_rendezvous(c) { Step::Take(c, number) } else { Step::Pop(c, number) }]
    }

    fn plain(&self, arm: Arm, patience: Patience, census: &Census) -> Vec<Step> {
        match arm {
            Arm::Send(c, number) => {
                let message = Payload::new(number, census);
                let sender = self.sender(c);
                let result = match patience {
                    Patience::None => sender.try_send(message).map_err(|e| match e {
                        channel::TrySendError::Full(m) => SendTimeoutError::Timeout(m),
                        channel::TrySendError::Disconnected(m) => SendTimeoutError::Disconnected(m),
                    }),
                    Patience::Micros(n) => sender.send_timeout(message, Duration::from_micros(n)),
                    Patience::Endless => {
                        sender.send(message).map_err(|e| SendTimeoutError::Disconnected(e.into_inner()))
                    }
                };
                match result {
                    Ok(()) => self.sent(c, number, false),
                    Err(e) => {
                        let step = if e.is_timeout() { Step::Full(c) } else { Step::SendFails(c) };
                        assert_eq!(e.into_inner().number(), number, "another message came back");
                        vec![step]
                    }
                }
            }
            Arm::Recv(c) => {
                let receiver = self.receiver(c);
                let result = match patience {
                    Patience::None => receiver.try_recv().map_err(|e| match e {
                        channel::TryRecvError::Empty => RecvTimeoutError::Timeout,
                        channel::TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
                    }),
                    Patience::Micros(n) => receiver.recv_timeout(Duration::from_micros(n)),
                    Patience::Endless => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
                };
                match result {
                    Ok(message) => self.received(c, &message),
                    Err(RecvTimeoutError::Timeout) => vec![Step::Empty(c)],
                    Err(RecvTimeoutError::Disconnected) => vec![Step::RecvFails(c)],
                }
            }
        }
    }

    fn select(
        &self,
        arms: &[Arm],
        patience: Patience,
        ready: bool,
        rng: &mut Rng,
        census: &Census,
    ) -> Vec<Step> {
        let mut select = if rng.below(4) == 0 { Select::new_biased() } else { Select::new() };
        for arm in arms {
            match *arm {
                Arm::Send(c, _) => select.send(self.sender(c)),
                Arm::Recv(c) => select.recv(self.receiver(c)),
            };
        }
        if ready {
            let _ = select.ready_timeout(Duration::from_micros(rng.below(50)));
        }
        let selected = match patience {
            Patience::None => select.try_select().ok(),
            Patience::Micros(n) => select.select_timeout(Duration::from_micros(n)).ok(),
            Patience::Endless => Some(select.select()),
        };
        let Some(operation) = selected else {
            let not_ready = |arm: &Arm| match *arm {
                Arm::Send(c, _) => Step::Full(c),
                Arm::Recv(c) => Step::Empty(c),
            };
            return arms.iter().map(not_ready).collect();
        };
        match arms[operation.index()] {
            Arm::Send(c, number) => {
                // The other side waits meanwhile.
                dawdle(rng);
                match operation.send(self.sender(c), Payload::new(number, census)) {
                    Ok(()) => self.sent(c, number, true),
                    Err(e) => {
                        assert_eq!(e.into_inner().number(), number, "another message came back");
                        match self.is_rendezvous(c) {
                            true => vec![Step::SendFails(c)],
                            false => vec![Step::Reserve(c), Step::Fill(c, number, false)],
                        }
                    }
                }
            }
            Arm::Recv(c) => match operation.recv(self.receiver(c)) {
                Ok(message) => self.received(c, &message),
                Err(_) => vec![Step::RecvFails(c)],
            },
        }
    }
}

/// Gives others a chance to be quicker, or not.
fn dawdle(rng: &mut Rng) {
    match rng.below(6) {
        0 => gort::yield_now(),
        1 => (0..rng.below(300)).for_each(|_| std::hint::spin_loop()),
        _ => {}
    }
}

fn work<const W: usize>(world: &World, worker: usize, mut rng: Rng, mut ends: Ends<W>, ops: Vec<Op>) {
    for op in ops {
        dawdle(&mut rng);
        *world.pending[worker].lock().unwrap() = Some(op.clone());
        world.record(worker, || match op {
            Op::Plain(arm, patience) => ends.plain(arm, patience, &world.census),
            Op::Select(arms, patience, ready) => ends.select(&arms, patience, ready, &mut rng, &world.census),
            Op::Close(c, true) => {
                ends.sender(c).close();
                vec![Step::Close(c)]
            }
            Op::Close(c, false) => {
                ends.receiver(c).close();
                vec![Step::Close(c)]
            }
            Op::DropSender(c) => {
                ends.senders[c] = None;
                vec![Step::DropSender(c)]
            }
            Op::DropReceiver(c) => {
                ends.receivers[c] = None;
                vec![Step::DropReceiver(c)]
            }
        });
        *world.pending[worker].lock().unwrap() = None;
    }
    // What it still has goes at one moment or another, one by one.
    for c in 0..ends.senders.len() {
        if ends.senders[c].is_some() {
            world.record(worker, || {
                ends.senders[c] = None;
                vec![Step::DropSender(c)]
            });
        }
        if ends.receivers[c].is_some() {
            world.record(worker, || {
                ends.receivers[c] = None;
                vec![Step::DropReceiver(c)]
            });
        }
    }
}

/// Closes channels, one at a time, whenever all workers that are left wait for each other.
fn unblock<const W: usize>(world: &World, rng: &mut Rng, kept: &Ends<W>) {
    let me = world.pending.len();
    let mut open: Vec<usize> = (0..kept.capacities.len()).collect();
    let (mut since, mut clock) = (Instant::now(), u64::MAX);
    while world.finished.load(Ordering::SeqCst) < me {
        let now = world.clock.load(Ordering::SeqCst);
        if now != clock {
            (since, clock) = (Instant::now(), now);
        } else if since.elapsed() > STILL {
            let pending: Vec<Op> = world.pending.iter().filter_map(|p| p.lock().unwrap().clone()).collect();
            let lost = open.is_empty() || may_go_on(&pending, kept);
            assert!(!lost || since.elapsed() < LOST, "stuck, though somebody could go on: {pending:#?}");
            if !lost {
                let c = open.swap_remove(rng.below(open.len() as u64) as usize);
                world.record(me, || {
                    kept.close(c);
                    vec![Step::Close(c)]
                });
            }
        }
        gort::sleep(Duration::from_micros(30));
    }
}

/// Whether one of those who wait could go on, by itself or with another.
fn may_go_on<const W: usize>(pending: &[Op], kept: &Ends<W>) -> bool {
    let meet = |a: &Arm, b: &Arm| matches!((a, b), (Arm::Send(c, _), Arm::Recv(d)) if c == d);
    pending.iter().enumerate().any(|(i, op)| {
        let others = || pending.iter().enumerate().filter(move |o| o.0 != i).flat_map(|o| o.1.arms());
        // Whoever comes late or does not wait for ever is on its way.
        op.is_short() || op.arms().iter().any(|a| kept.could_go_on(*a) || others().any(|b| meet(a, b)))
    })
}

fn run<const W: usize>(seed: u64, program: &Program) {
    let n = program.workers.len();
    let world = Arc::new(World {
        clock: AtomicU64::new(0),
        history: Mutex::new(Vec::new()),
        pending: (0..n).map(|_| Mutex::new(None)).collect(),
        finished: AtomicUsize::new(0),
        census: Census::default(),
    });
    let mut kept: Ends<W> = Ends::new(&program.capacities);
    let theirs: Vec<_> = program.workers.iter().map(|_| kept.clone()).collect();
    for (c, keeps_sender) in program.keeps_sender.iter().enumerate() {
        if *keeps_sender { drop(kept.receivers[c].take()) } else { drop(kept.senders[c].take()) }
    }
    for (w, ((thread, ops), ends)) in program.workers.iter().cloned().zip(theirs).enumerate() {
        let world = world.clone();
        let rng = Rng::new(seed.wrapping_mul(31).wrapping_add(w as u64));
        let work = move || {
            work(&world, w, rng, ends, ops);
            world.finished.fetch_add(1, Ordering::SeqCst);
        };
        if thread {
            std::thread::spawn(work);
        } else {
            gort::go!(work);
        }
    }
    unblock(&world, &mut Rng::new(!seed), &kept);
    let mut history = std::mem::take(&mut *world.history.lock().unwrap());
    let channels: Vec<_> = (program.capacities.iter().zip(&program.keeps_sender))
        .map(|(&cap, &sender)| Channel::new(cap, n + usize::from(sender), n + usize::from(!sender)))
        .collect();
    if is_explained(&channels, &history).is_none() {
        history.sort_by_key(|d| d.span);
        let told: String =
            history.iter().map(|d| format!("worker {} {:?} {:?}\n", d.worker, d.span, d.steps)).collect();
        panic!("seed {seed}: no order explains what happened\n{program:?}\n{told}");
    }
    drop(kept);
    assert_eq!(world.census.alive(), 0, "seed {seed}: messages that nobody has were not dropped");
}

/// Runs the program of `seed` and checks it.
///
/// # Panics
/// When it cannot be explained, a message is damaged or its drop miscounted, or a wake-up was lost.
pub fn check(seed: u64) {
    let program = Program::of(seed);
    if program.large { run::<24>(seed, &program) } else { run::<1>(seed, &program) }
}
