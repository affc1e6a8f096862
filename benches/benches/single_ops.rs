//! gort's single operations, for criterion: `cargo bench -p benches --bench single_ops`.

use criterion::{Criterion, criterion_group};
use gort::{chan, go, spawn, yield_now};
use std::hint::black_box;

fn spawn_join(c: &mut Criterion) {
    c.bench_function("spawn_join", |b| {
        b.iter(|| spawn(|| black_box(1)).join().unwrap());
    });
}

fn yields(c: &mut Criterion) {
    c.bench_function("yield_now", |b| b.iter(yield_now));
}

fn pingpong(c: &mut Criterion) {
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
}

fn buffered(c: &mut Criterion) {
    let (tx, rx) = chan::<u64>(1);
    c.bench_function("buffered_send_recv", |b| {
        b.iter(|| {
            tx.send(black_box(1)).unwrap();
            rx.recv().unwrap()
        });
    });
}

criterion_group!(single_ops, spawn_join, yields, pingpong, buffered);

// What `criterion_main!` expands to, as a goroutine.
#[gort::main]
fn main() {
    single_ops();
    Criterion::default().configure_from_args().final_summary();
}
