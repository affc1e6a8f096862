//! gort's single operations, for criterion: `cargo bench -p benches --bench single_ops`.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group};
use gort::channel::{TryRecvError, bounded, unbounded};
use gort::sync::{Mutex, RwLock, Semaphore, WaitGroup};
use gort::{blocking, chan, current, go, select, spawn, yield_now};

fn goroutines(c: &mut Criterion) {
    c.bench_function("spawn_join", |b| b.iter(|| spawn(|| black_box(1)).join().unwrap()));
    c.bench_function("go_wait", |b| {
        let wg = WaitGroup::new();
        b.iter(|| {
            wg.add(1);
            let done = wg.clone();
            go!(move || done.done());
            wg.wait();
        });
    });
    c.bench_function("yield_now", |b| b.iter(yield_now));
    c.bench_function("current_id", |b| b.iter(|| current().id()));
    c.bench_function("blocking", |b| b.iter(|| blocking(|| black_box(()))));
}

fn channels(c: &mut Criterion) {
    let (ping, pinged) = chan::<u64>(0);
    let (pong, ponged) = chan::<u64>(0);
    go!(move || {
        for ball in pinged {
            pong.send(ball).unwrap();
        }
    });
    c.bench_function("pingpong", |b| {
        b.iter(|| {
            ping.send(black_box(1)).unwrap();
            ponged.recv().unwrap()
        });
    });
    let (tx, rx) = bounded::<u64>(1);
    c.bench_function("buffered_send_recv", |b| {
        b.iter(|| {
            tx.send(black_box(1)).unwrap();
            rx.recv().unwrap()
        });
    });
    c.bench_function("buffered_try_send_try_recv", |b| {
        b.iter(|| {
            tx.try_send(black_box(1)).unwrap();
            rx.try_recv().unwrap()
        });
    });
    c.bench_function("try_recv_empty", |b| {
        b.iter(|| assert_eq!(black_box(&rx).try_recv(), Err(TryRecvError::Empty)));
    });
    c.bench_function("recv_timeout_ready", |b| {
        b.iter(|| {
            tx.send(black_box(1)).unwrap();
            rx.recv_timeout(Duration::from_secs(1)).unwrap()
        });
    });
    let (tx, rx) = unbounded::<u64>();
    c.bench_function("unbounded_send_recv", |b| {
        b.iter(|| {
            tx.send(black_box(1)).unwrap();
            rx.recv().unwrap()
        });
    });
    c.bench_function("channel_new_drop", |b| b.iter(|| bounded::<u64>(black_box(1))));
    c.bench_function("sender_clone_drop", |b| b.iter(|| black_box(&tx).clone()));
}

fn selects(c: &mut Criterion) {
    let (tx_a, a) = bounded::<u64>(1);
    let (_tx_b, b) = bounded::<u64>(1);
    c.bench_function("select_one_default", |bench| {
        bench.iter(|| {
            select! {
                recv(black_box(&a)) -> v => v.unwrap(),
                default => 0,
            }
        });
    });
    c.bench_function("select_two_default", |bench| {
        bench.iter(|| {
            select! {
                recv(black_box(&a)) -> v => v.unwrap(),
                recv(black_box(&b)) -> v => v.unwrap(),
                default => 0,
            }
        });
    });
    let (full, _full_out) = bounded::<u64>(0);
    c.bench_function("select_lone_send_default", |bench| {
        bench.iter(|| {
            select! {
                send(black_box(&full), black_box(1)) -> sent => sent.is_ok(),
                default => false,
            }
        });
    });
    let rest: Vec<_> = (0..6).map(|_| bounded::<u64>(1)).collect();
    c.bench_function("select_eight_default", |bench| {
        bench.iter(|| {
            select! {
                recv(black_box(&a)) -> v => v.unwrap(),
                recv(black_box(&b)) -> v => v.unwrap(),
                recv(rest[0].1) -> v => v.unwrap(),
                recv(rest[1].1) -> v => v.unwrap(),
                recv(rest[2].1) -> v => v.unwrap(),
                recv(rest[3].1) -> v => v.unwrap(),
                recv(rest[4].1) -> v => v.unwrap(),
                recv(rest[5].1) -> v => v.unwrap(),
                default => 0,
            }
        });
    });
    c.bench_function("send_select_two", |bench| {
        bench.iter(|| {
            tx_a.send(black_box(1)).unwrap();
            select! {
                recv(a) -> v => v.unwrap(),
                recv(b) -> v => v.unwrap(),
            }
        });
    });
}

fn locks(c: &mut Criterion) {
    let mutex = Mutex::new(0_u64);
    c.bench_function("mutex", |b| b.iter(|| *black_box(&mutex).lock().unwrap() += 1));
    let rwlock = RwLock::new(0_u64);
    c.bench_function("rwlock_read", |b| b.iter(|| *black_box(&rwlock).read().unwrap()));
    c.bench_function("rwlock_write", |b| b.iter(|| *black_box(&rwlock).write().unwrap() += 1));
    let semaphore = Semaphore::new(1);
    c.bench_function("semaphore", |b| b.iter(|| drop(black_box(&semaphore).acquire())));
}

criterion_group!(single_ops, goroutines, channels, selects, locks);

// What `criterion_main!` expands to, as a goroutine.
#[gort::main]
fn main() {
    single_ops();
    Criterion::default().configure_from_args().final_summary();
}
