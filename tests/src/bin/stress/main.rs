//! A random graph of goroutines, by seed: spawns, yields, parks, sleeps, channel traffic, locks, contexts, timers,
//! groups, joins, panics, plain threads, blocking calls, loops that compute. Checks that every message arrives once and
//! that `num_goroutine` comes back.
//!
//! ```text
//! $ cargo run --release -p tests --bin stress -- SEED ROUNDS
//! ```
//!
//! Short in CI (`tests/tests/stress.rs`), long by hand: `stress 1 1000000`.

mod steps;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gort::channel::{self, Receiver, Select, Sender};
use gort::context::Context;
use gort::sync::{Condvar, Mutex, RwLock, Semaphore, WaitGroup};

/// xorshift64*: the test's own, so that a seed means the same for ever.
#[derive(Clone)]
struct Rng(u64);

impl Rng {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }
}

/// What all goroutines of a round share.
struct World {
    tx: Sender<u64>,
    sent: AtomicU64,
    sum: Mutex<u64>,
    wg: WaitGroup,
    plain: std::sync::Mutex<u64>,
}

fn worker(world: Arc<World>, mut rng: Rng, depth: u32) {
    let steps = 1 + rng.below(8);
    for _ in 0..steps {
        match rng.below(21) {
            0 | 1 => {
                let message = rng.below(1000);
                world.sent.fetch_add(message, Ordering::Relaxed);
                world.tx.send(message).unwrap();
            }
            2 | 3 if depth < 4 => {
                let (w, r) = (world.clone(), Rng::new(rng.below(u64::MAX >> 33)));
                world.wg.add(1);
                gort::go!(move || {
                    worker(w.clone(), r, depth + 1);
                    w.wg.done();
                });
            }
            4 if depth < 4 => {
                let (w, r) = (world.clone(), Rng::new(rng.below(u64::MAX >> 33)));
                let handle = gort::spawn(move || {
                    worker(w, r, depth + 1);
                    depth
                });
                assert_eq!(handle.join().unwrap(), depth);
            }
            5 => {
                let me = gort::current();
                let waker = gort::spawn(move || me.unpark());
                gort::park();
                waker.join().unwrap();
            }
            6 => gort::sleep(Duration::from_micros(rng.below(300))),
            7 => gort::park_timeout(Duration::from_micros(rng.below(200))),
            8 => {
                let (a, b) = channel::bounded(rng.below(3) as usize);
                let n = rng.below(20);
                gort::scope(|s| {
                    s.spawn(|| (0..n).for_each(|i| a.send(i).unwrap()));
                    for i in 0..n {
                        assert_eq!(b.recv(), Ok(i));
                    }
                });
            }
            9 => {
                let mut sum = world.sum.lock().unwrap();
                *sum += 1;
                if rng.below(4) == 0 {
                    gort::yield_now();
                }
                drop(sum);
            }
            10 if rng.below(20) == 0 => {
                let handle = gort::spawn(|| -> () { gort::goexit() });
                assert!(handle.join().is_err());
            }
            11 if rng.below(50) == 0 => {
                let tx = world.tx.clone();
                world.sent.fetch_add(7, Ordering::Relaxed);
                let t = std::thread::spawn(move || tx.send(7).unwrap());
                if rng.below(2) == 0 {
                    gort::lock_os_thread();
                    gort::yield_now();
                    gort::unlock_os_thread();
                }
                gort::blocking_on_system_stack(|| t.join().unwrap());
            }
            12 if rng.below(3) == 0 => selects(&mut rng),
            13 => std::thread::sleep(Duration::from_micros(rng.below(200))),
            14 => gort::blocking(|| std::thread::sleep(Duration::from_micros(rng.below(200)))),
            15 if rng.below(8) == 0 => {
                // Long enough for the P to be taken, at times.
                let begun = Instant::now();
                let long = Duration::from_micros(rng.below(3000));
                while begun.elapsed() < long {
                    std::hint::spin_loop();
                }
            }
            16 => *world.plain.lock().unwrap() += 1,
            17 if rng.below(3) == 0 => locks(&mut rng),
            18 if rng.below(3) == 0 => timed(&mut rng),
            19 if rng.below(3) == 0 => contexts(&mut rng),
            20 if rng.below(2) == 0 => steps::any(&mut rng),
            _ => gort::yield_now(),
        }
    }
}

/// Readers and writers, permits, and waits with and without a time-out, side by side.
fn locks(rng: &mut Rng) {
    let pair = RwLock::new((0, 0));
    let (permits, inside) = (Semaphore::new(2), AtomicU64::new(0));
    let (turn, changed) = (Mutex::new(0), Condvar::new());
    let workers = 2 + rng.below(3);
    let rounds = 1 + rng.below(6);
    let seeds: Vec<u64> = (0..workers).map(|_| rng.below(1 << 30)).collect();
    gort::scope(|s| {
        for (me, seed) in seeds.into_iter().enumerate() {
            let (pair, permits, inside, turn, changed) = (&pair, &permits, &inside, &turn, &changed);
            s.spawn(move || {
                let mut rng = Rng::new(seed);
                for _ in 0..rounds {
                    if rng.below(3) == 0 {
                        let mut pair = pair.write().unwrap();
                        pair.0 += 1;
                        if rng.below(2) == 0 {
                            gort::yield_now();
                        }
                        pair.1 += 1;
                    } else {
                        let pair = pair.read().unwrap();
                        gort::yield_now();
                        assert_eq!(pair.0, pair.1, "a writer beside a reader");
                    }
                    let n = 1 + rng.below(2);
                    let held = permits.acquire_many(n as usize);
                    assert!(inside.fetch_add(n, Ordering::SeqCst) + n <= 2, "more inside than permits");
                    gort::yield_now();
                    inside.fetch_sub(n, Ordering::SeqCst);
                    drop(held);
                    // One after the other, in turn.
                    let mut guard = turn.lock().unwrap();
                    while *guard % workers != me as u64 {
                        guard = match rng.below(2) {
                            0 => changed.wait(guard).unwrap(),
                            _ => changed.wait_timeout(guard, Duration::from_micros(rng.below(80))).unwrap().0,
                        };
                    }
                    *guard += 1;
                    changed.notify_all();
                }
            });
        }
    });
    assert_eq!(turn.into_inner().unwrap(), workers * rounds);
}

/// Both sides have time-outs: what was sent is received, and nothing else.
fn timed(rng: &mut Rng) {
    let (tx, rx) = channel::bounded(rng.below(3) as usize);
    let timeout = Duration::from_micros(rng.below(60));
    let n = 1 + rng.below(15);
    gort::scope(|s| {
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let tx = tx.clone();
                s.spawn(move || (0..n).filter(|&i| tx.send_timeout(i, timeout).is_ok()).sum::<u64>())
            })
            .collect();
        drop(tx);
        let mut got = 0;
        loop {
            match rx.recv_timeout(timeout) {
                Ok(i) => got += i,
                Err(e) if e.is_timeout() => gort::yield_now(),
                Err(_) => break,
            }
        }
        let sent: u64 = senders.into_iter().map(|s| s.join().unwrap()).sum();
        assert_eq!(got, sent, "a timed message was lost or doubled");
    });
}

/// A tree of contexts that is cancelled by hand or by time while goroutines wait for it.
fn contexts(rng: &mut Rng) {
    let (root, cancel) = Context::background().with_cancel();
    let calls = Arc::new(AtomicU64::new(0));
    let n = 1 + rng.below(4);
    let handles: Vec<_> = (0..n)
        .map(|_| {
            let (ctx, cancel) = match rng.below(2) {
                0 => root.with_cancel(),
                _ => root.with_timeout(Duration::from_micros(rng.below(300))),
            };
            let calls = calls.clone();
            ctx.after_func(move || {
                calls.fetch_add(1, Ordering::SeqCst);
            });
            let by_hand = rng.below(4) == 0;
            gort::spawn(move || {
                if by_hand {
                    cancel.cancel();
                }
                gort::select! {
                    recv(ctx.done()) -> _ => {}
                    recv(channel::after(Duration::from_secs(3600))) -> _ => panic!("not cancelled"),
                }
                assert!(ctx.err().is_some());
            })
        })
        .collect();
    if rng.below(2) == 0 {
        gort::sleep(Duration::from_micros(rng.below(200)));
    }
    cancel.cancel();
    handles.into_iter().for_each(|h| h.join().unwrap());
    while calls.load(Ordering::SeqCst) < n {
        gort::yield_now();
    }
    assert!(root.err().is_some());
}

/// Producers and consumers that meet through selects on both sides, over two channels.
fn selects(rng: &mut Rng) {
    let (a, a_out) = channel::bounded::<u64>(rng.below(2) as usize);
    let (b, b_out) = channel::bounded::<u64>(rng.below(3) as usize);
    let n = 1 + rng.below(12);
    let producer = |seed: u64| {
        let (a, b) = (a.clone(), b.clone());
        move || {
            let mut rng = Rng::new(seed);
            for i in 1..=n {
                let mut select = Select::new();
                let (first, _) = (select.send(&a), select.send(&b));
                let operation = loop {
                    let tried = match rng.below(3) {
                        0 => select.try_select().ok(),
                        1 => select.select_timeout(Duration::from_micros(rng.below(50))).ok(),
                        _ => Some(select.select()),
                    };
                    match tried {
                        Some(operation) => break operation,
                        None => gort::yield_now(),
                    }
                };
                let to = if operation.index() == first { &a } else { &b };
                operation.send(to, i).unwrap();
            }
        }
    };
    let consumer = |seed: u64| {
        let (a, b) = (a_out.clone(), b_out.clone());
        move || {
            let mut rng = Rng::new(seed);
            let mut sum = 0;
            for _ in 0..n {
                match rng.below(4) {
                    // Not through a select: what the other consumer leaves may be on either channel.
                    0 => {
                        if let Ok(v) = a.recv_timeout(Duration::from_micros(rng.below(30))) {
                            sum += v;
                            continue;
                        }
                    }
                    1 => {
                        if let Ok(v) = b.try_recv() {
                            sum += v;
                            continue;
                        }
                    }
                    _ => {}
                }
                let mut select = Select::new();
                let (first, _) = (select.recv(&a), select.recv(&b));
                if rng.below(4) == 0 {
                    select.ready();
                }
                let operation = select.select();
                let from = if operation.index() == first { &a } else { &b };
                sum += operation.recv(from).unwrap();
            }
            sum
        }
    };
    let seeds: [u64; 4] = std::array::from_fn(|_| rng.below(1 << 30));
    let sum: u64 = gort::scope(|s| {
        let producers = [s.spawn(producer(seeds[0])), s.spawn(producer(seeds[1]))];
        let consumers = [s.spawn(consumer(seeds[2])), s.spawn(consumer(seeds[3]))];
        producers.into_iter().for_each(|p| p.join().unwrap());
        consumers.into_iter().map(|c| c.join().unwrap()).sum()
    });
    assert_eq!(sum, n * (n + 1), "selects lost or doubled a message");
}

fn round(seed: u64) {
    let mut rng = Rng::new(seed);
    let before = gort::num_goroutine();
    let (tx, rx): (Sender<u64>, Receiver<u64>) = match rng.below(4) {
        0 => channel::unbounded(),
        n => channel::bounded(n as usize * 2 - 2),
    };
    let receivers: Vec<_> = (0..1 + rng.below(3))
        .map(|_| {
            let rx = rx.clone();
            gort::spawn(move || rx.iter().sum::<u64>())
        })
        .collect();
    drop(rx);
    let world = Arc::new(World {
        tx,
        sent: AtomicU64::new(0),
        sum: Mutex::new(0),
        wg: WaitGroup::new(),
        plain: std::sync::Mutex::new(0),
    });
    for i in 0..4 + rng.below(30) {
        let (w, r) = (world.clone(), Rng::new(seed.wrapping_mul(1000) + i));
        world.wg.add(1);
        gort::go!(move || {
            worker(w.clone(), r, 0);
            w.wg.done();
        });
    }
    world.wg.wait();
    world.tx.close();
    let received: u64 = receivers.into_iter().map(|r| r.join().unwrap()).sum();
    assert_eq!(received, world.sent.load(Ordering::Relaxed), "seed {seed}: messages lost or doubled");
    // A goroutine that has called `done` may still be on its way out.
    while gort::num_goroutine() > before {
        gort::yield_now();
    }
    assert_eq!(gort::num_goroutine(), before, "seed {seed}: goroutines are miscounted");
}

#[gort::main]
fn main() {
    let mut args = std::env::args().skip(1).map(|a| a.parse::<u64>().expect("SEED ROUNDS are numbers"));
    let (seed, rounds) = (args.next().unwrap_or(1), args.next().unwrap_or(1000));
    for s in seed..seed + rounds {
        if std::env::var_os("STRESS_RESIZE").is_some() && s % 7 == 0 {
            gort::gomaxprocs(1 + (s % 5) as usize);
        }
        round(s);
    }
    println!("{rounds} rounds from seed {seed}: nothing lost");
}
