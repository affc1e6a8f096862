//! What allocates and what does not, counted by an allocator of the test's own. One test, as the count is the
//! process's.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gort::channel::{self, Receiver, Select, Sender, bounded, unbounded};
use gort::sync::{Arc, Condvar, Mutex, RwLock, Semaphore, WaitGroup};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's word.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's word.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Runs `round` often; what it allocates at first (queues and heaps that grow to their size, Ms, boxes that channels
/// keep) is not counted.
fn no_allocation(what: &str, mut round: impl FnMut()) {
    const ROUNDS: usize = 2000;
    (0..ROUNDS).for_each(|_| round());
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (0..ROUNDS).for_each(|_| round());
    let allocated = ALLOCATIONS.load(Ordering::Relaxed) - before;
    // An M that is started meanwhile, a heap of timers that grows once more.
    assert!(allocated < 40, "{what}: {allocated} allocations in {ROUNDS} rounds");
}

/// Somebody who sends back what it gets.
fn echo<T: Send + 'static>(cap: usize, on_thread: bool) -> (Sender<T>, Receiver<T>) {
    let (to, from_me) = bounded::<T>(cap);
    let (to_me, from) = bounded::<T>(cap);
    let echo = move || from_me.iter().try_for_each(|m| to_me.send(m));
    if on_thread {
        std::thread::spawn(echo);
    } else {
        gort::spawn(echo);
    }
    (to, from)
}

fn channels<T: Clone + Send + 'static>(message: &T, size: &str, on_thread: bool) {
    let minute = Duration::from_secs(60);
    for cap in [0, 1, 100] {
        let what = format!(
            "{size} through a channel of {cap}, {}",
            if on_thread { "threads" } else { "goroutines" }
        );
        let (to, from) = echo::<T>(cap, on_thread);
        no_allocation(&what, || {
            to.send(message.clone()).unwrap();
            from.recv().unwrap();
        });
        no_allocation(&format!("timed, {what}"), || {
            to.send_timeout(message.clone(), minute).ok().unwrap();
            from.recv_timeout(minute).unwrap();
        });
        let idle: Vec<_> = (0..7).map(|_| channel::never::<T>()).collect();
        no_allocation(&format!("select of 8, {what}"), || {
            gort::select! {
                send(to, message.clone()) -> sent => sent.unwrap(),
                recv(idle[0]) -> _ => unreachable!(),
            }
            gort::select! {
                recv(idle[0]) -> _ => unreachable!(),
                recv(idle[1]) -> _ => unreachable!(),
                recv(idle[2]) -> _ => unreachable!(),
                recv(idle[3]) -> _ => unreachable!(),
                recv(idle[4]) -> _ => unreachable!(),
                recv(idle[5]) -> _ => unreachable!(),
                recv(idle[6]) -> _ => unreachable!(),
                recv(from) -> got => drop(got.unwrap()),
            }
        });
        no_allocation(&format!("select of 2 with a time-out, {what}"), || {
            to.send(message.clone()).unwrap();
            gort::select! {
                recv(idle[0]) -> _ => unreachable!(),
                recv(from) -> got => drop(got.unwrap()),
                default(minute) => unreachable!(),
            }
        });
    }
    let (tx, rx) = unbounded::<T>();
    no_allocation(&format!("{size} through an unbounded channel"), || {
        (0..5).for_each(|_| tx.send(message.clone()).unwrap());
        rx.try_iter().for_each(drop);
    });
    let (other, other_rx) = bounded::<T>(0);
    no_allocation(&format!("{size} by selects that do not wait"), || {
        gort::select! {
            send(tx, message.clone()) -> sent => sent.unwrap(),
            default => unreachable!(),
        }
        gort::select! {
            recv(other_rx) -> _ => unreachable!(),
            recv(rx) -> got => drop(got.unwrap()),
            default => unreachable!(),
        }
        gort::select! {
            recv(other_rx) -> _ => unreachable!(),
            recv(rx) -> _ => unreachable!(),
            send(other, message.clone()) -> _ => unreachable!(),
            default => {}
        }
        let mut select = Select::new();
        select.recv(&rx);
        select.send(&tx);
        assert_eq!(select.ready(), 1);
    });
}

fn locks() {
    let shared = Arc::new((Mutex::new(0_u64), Condvar::new(), RwLock::new(0), Semaphore::new(1)));
    let other = gort::spawn({
        let shared = shared.clone();
        move || {
            let (turn, changed, lock, permits) = &*shared;
            let mut turns = turn.lock().unwrap();
            while *turns != u64::MAX {
                if *turns % 2 == 1 {
                    *turns += 1;
                    changed.notify_one();
                }
                turns = changed.wait(turns).unwrap();
                drop((lock.write(), permits.acquire()));
            }
        }
    });
    let (turn, changed, lock, permits) = &*shared;
    no_allocation("mutex, condvar, lock and semaphore", || {
        let permit = permits.acquire();
        let reader = lock.read().unwrap();
        let mut turns = turn.lock().unwrap();
        *turns += 1;
        changed.notify_one();
        drop((reader, permit));
        drop(changed.wait_timeout_while(turns, Duration::from_secs(60), |turns| *turns % 2 == 1).unwrap());
    });
    *turn.lock().unwrap() = u64::MAX;
    changed.notify_one();
    other.join().unwrap();
    let done = WaitGroup::new();
    no_allocation("sleeps, parks and waits", || {
        gort::sleep(Duration::from_nanos(1));
        gort::park_timeout(Duration::from_nanos(1));
        gort::current().unpark();
        gort::park();
        done.add(1);
        done.done();
        done.wait();
        gort::yield_now();
    });
}

/// Each turn waits at semaphores that nobody has waited at before: the first waiter allocates nothing either.
fn fresh_semaphores() {
    let turns = || (0..4000).map(|_| (Semaphore::new(0), Semaphore::new(0))).collect();
    let turns: Arc<Vec<(Semaphore, Semaphore)>> = Arc::new(turns());
    let other = gort::spawn({
        let turns = turns.clone();
        move || {
            for (ours, theirs) in turns.iter() {
                ours.acquire_many(2).forget();
                theirs.add_permits(3);
            }
        }
    });
    let mut turn = turns.iter();
    no_allocation("semaphores at which somebody waits for the first time", || {
        let (theirs, ours) = turn.next().unwrap();
        theirs.add_permits(2);
        ours.acquire_many(3).forget();
    });
    other.join().unwrap();
}

/// The buffer of a bounded channel is there from the beginning, and stays.
fn bounds_are_allocated_once() {
    for cap in [1000, 10_000, 100_000] {
        // What the first fill allocates is little: many channels show it.
        let channels: Vec<_> = (0..100_000 / cap).map(|_| bounded::<u64>(cap)).collect();
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        for (tx, rx) in channels.iter().chain(&channels).chain(&channels) {
            (0..cap as u64).for_each(|i| tx.send(i).unwrap());
            assert_eq!(rx.try_iter().count(), cap);
        }
        let allocated = ALLOCATIONS.load(Ordering::Relaxed) - before;
        assert!(allocated < 20, "{allocated} allocations in bursts through channels of {cap}");
    }
    let before = BYTES.load(Ordering::Relaxed);
    let huge = bounded::<u64>(usize::MAX);
    let reserved = BYTES.load(Ordering::Relaxed) - before;
    assert!(reserved < 8_000, "{reserved} bytes for a limit that nobody comes to");
    drop(huge);
}

/// A channel in which much was queued once does not keep the memory.
fn memory_comes_back() {
    let (tx, rx) = unbounded::<u64>();
    let before = BYTES.load(Ordering::Relaxed);
    (0..1_000_000).for_each(|i| tx.send(i).unwrap());
    let full = BYTES.load(Ordering::Relaxed) - before;
    assert!(full >= 8_000_000, "{full}");
    // The last thousand stay: it need not be empty.
    (0..999_000).for_each(|i| assert_eq!(rx.recv(), Ok(i)));
    let left = BYTES.load(Ordering::Relaxed).saturating_sub(before);
    assert!(left < 200_000, "{left} bytes of {full} are left for 1000 messages");
    assert_eq!(rx.try_iter().count(), 1000);
    let left = BYTES.load(Ordering::Relaxed).saturating_sub(before);
    assert!(left < 40_000, "{left} bytes of {full} are left for nothing");
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..100 {
        (0..10_000).for_each(|i| tx.send(i).unwrap());
        assert_eq!(rx.try_iter().count(), 10_000);
    }
    let allocated = ALLOCATIONS.load(Ordering::Relaxed) - before;
    assert!(allocated < 100 * 20, "{allocated} allocations for a million messages in bursts of 10,000");
}

#[gort::test(gomaxprocs = 2)]
fn operations_allocate_nothing() {
    for on_thread in [false, true] {
        channels(&[1_u8; 8], "8 bytes", on_thread);
        channels(&[1_u8; 300], "300 bytes", on_thread);
    }
    locks();
    fresh_semaphores();
    bounds_are_allocated_once();
    memory_comes_back();
}
