//! Models of the locks, as they are, over the scheduler of [`crate::sched`]'s model.

use loom::thread;

use super::barrier::Barrier;
use super::condvar::Condvar;
use super::mutex::Mutex;
use super::once::Once;
use super::raw_mutex::RawMutex;
use super::raw_rwlock::RawRwLock;
use super::semaphore::Semaphore;
use super::wait_group::WaitGroup;
use crate::primitive::Arc;
use crate::sched::{Guarded, check, mutexes_spin, time_comes, waiters_are_threads};
use std::time::Duration;

/// A lock and what it guards.
struct Locked<L> {
    lock: L,
    data: Guarded,
}

impl<L> Locked<L> {
    fn new(lock: L) -> Arc<Self> {
        Arc::new(Self { lock, data: Guarded::new() })
    }
}

fn lockings(threads: u32, rounds: u32) {
    let mutex = Locked::new(RawMutex::new());
    let work = move |mutex: &Locked<RawMutex>| {
        for _ in 0..rounds {
            mutex.lock.lock();
            mutex.data.add();
            mutex.lock.unlock();
        }
    };
    let others: Vec<_> = (1..threads)
        .map(|_| {
            let mutex = mutex.clone();
            thread::spawn(move || work(&mutex))
        })
        .collect();
    work(&mutex);
    others.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(mutex.data.get(), threads * rounds);
    assert!(mutex.lock.try_lock(), "it is free, and no waiter was left behind");
}

/// Newcomers take the lock ahead of those who were woken.
#[test]
fn mutex_barging() {
    check(3, || lockings(2, 2));
}

#[test]
fn mutex_of_three() {
    check(3, || lockings(3, 1));
}

#[test]
fn mutex_of_spinning_takers() {
    check(3, || {
        mutexes_spin();
        lockings(3, 1);
    });
}

#[test]
fn mutex_of_threads() {
    check(3, || {
        waiters_are_threads();
        lockings(3, 1);
    });
}

/// Time comes at any moment, so that whoever waits may find that it starves: hand-overs meet takers.
#[test]
fn mutex_hands_over_when_starving() {
    check(2, || {
        let time = thread::spawn(time_comes);
        lockings(3, 1);
        time.join().unwrap();
    });
}

#[test]
fn mutex_starving_and_barging() {
    check(3, || {
        let time = thread::spawn(time_comes);
        lockings(2, 2);
        time.join().unwrap();
    });
}

fn reads_and_writes(readers: u32, writers: u32) {
    let rwlock = Locked::new(RawRwLock::new());
    let write = |rwlock: &Locked<RawRwLock>| {
        rwlock.lock.write();
        rwlock.data.add();
        rwlock.lock.unlock_write();
    };
    let mut others = Vec::new();
    for _ in 0..readers {
        let rwlock = rwlock.clone();
        others.push(thread::spawn(move || {
            let reader = rwlock.lock.read();
            rwlock.data.get();
            rwlock.lock.unlock_read(reader);
        }));
    }
    for _ in 1..writers {
        let rwlock = rwlock.clone();
        others.push(thread::spawn(move || write(&rwlock)));
    }
    write(&rwlock);
    others.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(rwlock.data.get(), writers);
    assert!(rwlock.lock.try_write(), "it is free, and no waiter was left behind");
}

#[test]
fn rwlock_of_two_writers_and_a_reader() {
    check(3, || reads_and_writes(1, 2));
}

#[test]
fn rwlock_of_two_readers_and_a_writer() {
    check(3, || reads_and_writes(2, 1));
}

#[test]
fn rwlock_of_threads() {
    check(3, || {
        waiters_are_threads();
        reads_and_writes(1, 2);
    });
}

#[test]
fn rwlock_downgrades_with_waiters() {
    check(3, || {
        let rwlock = Locked::new(RawRwLock::new());
        let reader = {
            let rwlock = rwlock.clone();
            thread::spawn(move || {
                let reader = rwlock.lock.read();
                let seen = rwlock.data.get();
                rwlock.lock.unlock_read(reader);
                seen
            })
        };
        let writer = {
            let rwlock = rwlock.clone();
            thread::spawn(move || {
                rwlock.lock.write();
                rwlock.data.add();
                rwlock.lock.unlock_write();
            })
        };
        rwlock.lock.write();
        rwlock.data.add();
        let written = rwlock.data.get();
        let own = rwlock.lock.downgrade();
        assert_eq!(rwlock.data.get(), written, "nobody writes between");
        rwlock.lock.unlock_read(own);
        assert!(reader.join().unwrap() <= 2);
        writer.join().unwrap();
        assert_eq!(rwlock.data.get(), 2);
        assert!(rwlock.lock.try_write());
    });
}

/// A wait, and a timed one if the time comes, against one who sets the condition and notifies.
fn notified(threads: bool) {
    check(2, move || {
        if threads {
            waiters_are_threads();
        }
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let notifier = {
            let pair = pair.clone();
            thread::spawn(move || {
                *pair.0.lock().unwrap() = true;
                pair.1.notify_one();
            })
        };
        let time = thread::spawn(time_comes);
        let mut guard = pair.0.lock().unwrap();
        while !*guard {
            let (again, result) = pair.1.wait_timeout(guard, Duration::from_secs(1)).unwrap();
            guard = again;
            if result.timed_out() {
                break;
            }
        }
        // Without a time: a notification that a timed-out waiter has used up would be missing here.
        while !*guard {
            guard = pair.1.wait(guard).unwrap();
        }
        drop(guard);
        notifier.join().unwrap();
        time.join().unwrap();
    });
}

#[test]
fn condvar_times_out_against_a_notify() {
    notified(false);
}

#[test]
fn condvar_of_a_thread_times_out_against_a_notify() {
    notified(true);
}

#[test]
fn once_runs_once_and_all_see_it() {
    check(3, || {
        let once = Locked::new(Once::new());
        let enter = |once: &Locked<Once>| {
            once.lock.call_once(|| once.data.add());
            assert_eq!(once.data.get(), 1);
        };
        let others: Vec<_> = (0..2)
            .map(|_| {
                let once = once.clone();
                thread::spawn(move || enter(&once))
            })
            .collect();
        enter(&once);
        others.into_iter().for_each(|t| t.join().unwrap());
    });
}

/// One who wants both permits is not overtaken for ever, and permits exclude.
#[test]
fn semaphore_of_one_and_two() {
    check(3, one_and_two);
}

#[test]
fn semaphore_of_threads() {
    check(3, || {
        waiters_are_threads();
        one_and_two();
    });
}

fn one_and_two() {
    let semaphore = Locked::new(Semaphore::new(2));
    let both = |semaphore: &Locked<Semaphore>| {
        let _permits = semaphore.lock.acquire_many(2);
        semaphore.data.add();
    };
    let others = [1, 2].map(|n| {
        let semaphore = semaphore.clone();
        thread::spawn(move || match n {
            1 => drop(semaphore.lock.acquire()),
            _ => both(&semaphore),
        })
    });
    both(&semaphore);
    others.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(semaphore.data.get(), 2);
    assert_eq!(semaphore.lock.available_permits(), 2);
}

/// Permits for two who wait come at once.
#[test]
fn semaphore_grants_to_all_whom_it_suffices_for() {
    check(3, || {
        let semaphore = Locked::new(Semaphore::new(0));
        let others = [1, 2].map(|n| {
            let semaphore = semaphore.clone();
            thread::spawn(move || semaphore.lock.acquire_many(n).forget())
        });
        semaphore.lock.add_permits(3);
        others.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!(semaphore.lock.available_permits(), 0);
    });
}

/// Two who wait see what was done before the count was zero, and the group is used again.
#[test]
fn wait_group_waits_for_all() {
    check(3, || {
        let group = Locked::new(WaitGroup::new());
        group.lock.add(2);
        let waiter = {
            let group = group.clone();
            thread::spawn(move || {
                group.lock.wait();
                group.data.get()
            })
        };
        let other = {
            let group = group.clone();
            thread::spawn(move || group.lock.done())
        };
        group.data.add();
        group.lock.done();
        group.lock.wait();
        assert_eq!(waiter.join().unwrap(), 1);
        other.join().unwrap();
    });
}

/// Whoever goes on knows that all have come, also who is still on its way into the queue when the last one comes; and
/// the barrier is used again. Each meeting has a leader.
fn meetings(n: usize, rounds: u32) {
    let barrier = Arc::new((Barrier::new(n), [(); 3].map(|()| Guarded::new())));
    let work = move |barrier: &(Barrier, [Guarded; 3]), me: usize| {
        let mut led = 0;
        for round in 1..=rounds {
            barrier.1[me].add();
            led += u32::from(barrier.0.wait().is_leader());
            assert!(barrier.1[..n].iter().all(|other| other.get() == round));
            if round < rounds {
                barrier.0.wait();
            }
        }
        led
    };
    let others: Vec<_> = (1..n)
        .map(|i| {
            let barrier = barrier.clone();
            thread::spawn(move || work(&barrier, i))
        })
        .collect();
    let led = work(&barrier, 0) + others.into_iter().map(|t| t.join().unwrap()).sum::<u32>();
    assert_eq!(led, rounds);
}

#[test]
fn barrier_of_two_is_used_again() {
    check(3, || meetings(2, 2));
    check(3, || {
        waiters_are_threads();
        meetings(2, 2);
    });
}

#[test]
fn barrier_of_three() {
    check(3, || meetings(3, 1));
}
