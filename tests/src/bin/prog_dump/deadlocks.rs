//! Programs that end in a deadlock, for the report of which `tests/tests/prog_dump.rs` looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use gort::channel::bounded;
use gort::sync::{Condvar, Mutex, Once, RwLock, Semaphore, WaitGroup};

use crate::{until, waits_for_good};

pub(super) fn program(name: &str) {
    match name {
        "deadlock_circle" => circle(),
        "deadlock_rwlock" => rwlock(),
        "deadlock_once" => once(),
        "deadlock_leaked_guard" => leaked_guard(),
        "deadlock_thread_holds" => thread_holds(),
        "deadlock_wait_group" => wait_group(),
        "deadlock_channel" => channel(),
        "deadlock_lonely_channel" => lonely_channel(),
        "deadlock_select" => select(),
        "deadlock_condvar" => condvar(),
        "deadlock_semaphore" => semaphore(),
        "deadlock_barrier" => barrier(),
        "deadlock_readers" => readers(),
        "deadlock_upgrade" => upgrade(),
        "deadlock_two_upgrades" => two_upgrades(),
        "deadlock_reads_again" => reads_again(),
        "deadlock_thread_reads" => thread_reads(),
        "deadlock_own_permit" => own_permit(),
        "deadlock_park" => gort::park(),
        "deadlock_block_on" => block_on(),
        "deadlock_lonely_block_on" => gort::block_on(std::future::pending()),
        "deadlock_group" => group(),
        "deadlock_scope" => scope(),
        other => panic!("no program {other:?}"),
    }
}

/// 1 waits for 2 to end, which waits for a mutex of 3, which waits for one of 2.
fn circle() {
    let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let met = Arc::new(gort::sync::Barrier::new(2));
    fn locks(mine: Arc<Mutex<()>>, other: Arc<Mutex<()>>, met: Arc<gort::sync::Barrier>) {
        let _mine = mine.lock().unwrap();
        met.wait();
        let _other = other.lock().unwrap();
    }
    let (a2, b2, met2) = (a.clone(), b.clone(), met.clone());
    let first = gort::spawn(move || locks(a2, b2, met2));
    gort::go!(locks(b, a, met));
    let _ = first.join();
}

fn rwlock() {
    let lock = Arc::new(RwLock::new(()));
    let theirs = lock.clone();
    let _written = lock.write().unwrap();
    gort::spawn(move || drop(theirs.read())).join().unwrap();
}

fn once() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| ONCE.call_once(|| ()));
}

fn leaked_guard() {
    let mutex: &'static Mutex<()> = Box::leak(Box::new(Mutex::new(())));
    gort::spawn(|| std::mem::forget(mutex.lock().unwrap())).join().unwrap();
    drop(mutex.lock());
}

fn thread_holds() {
    let mutex: &'static Mutex<()> = Box::leak(Box::new(Mutex::new(())));
    let thread = std::thread::spawn(|| std::mem::forget(mutex.lock().unwrap()));
    gort::blocking(|| thread.join().unwrap());
    drop(mutex.lock());
}

fn wait_group() {
    let wg = WaitGroup::new();
    wg.add(3);
    let theirs = wg.clone();
    gort::go!(move || {
        theirs.done();
        gort::park();
        drop(theirs);
    });
    wg.wait();
}

fn channel() {
    let (tx, rx) = bounded::<()>(0);
    gort::go!(move || {
        gort::park();
        drop(tx);
    });
    waits_for_good(&rx);
}

fn lonely_channel() {
    let (tx, rx) = bounded::<()>(0);
    waits_for_good(&rx);
    drop(tx);
}

fn select() {
    let (tx, rx) = bounded::<()>(0);
    let (other_tx, other_rx) = bounded::<()>(0);
    gort::go!(move || {
        gort::park();
        drop(tx);
    });
    gort::select! {
        recv(rx) -> _ => (),
        send(other_tx, ()) -> _ => (),
        recv(gort::channel::never::<()>()) -> _ => (),
    }
    drop(other_rx);
}

fn condvar() {
    let (mutex, condvar) = (Mutex::new(()), Arc::new(Condvar::new()));
    let theirs = condvar.clone();
    gort::go!(move || {
        gort::park();
        theirs.notify_all();
    });
    drop(condvar.wait(mutex.lock().unwrap()));
}

fn semaphore() {
    let semaphore = Arc::new(Semaphore::new(3));
    let (theirs, has) = (semaphore.clone(), Arc::new(AtomicBool::new(false)));
    let set = has.clone();
    gort::go!(move || {
        let _permit = theirs.acquire_many(2);
        set.store(true, SeqCst);
        gort::park();
    });
    until(|| has.load(SeqCst));
    let _permit = semaphore.acquire_many(2);
}

fn barrier() {
    let barrier = Arc::new(gort::sync::Barrier::new(4));
    let theirs = barrier.clone();
    gort::go!(move || theirs.wait());
    barrier.wait();
}

fn readers() {
    let lock = Arc::new(RwLock::new(()));
    let (theirs, has) = (lock.clone(), Arc::new(AtomicBool::new(false)));
    let set = has.clone();
    gort::go!(move || {
        let _read = theirs.read();
        set.store(true, SeqCst);
        gort::park();
    });
    until(|| has.load(SeqCst));
    drop(lock.write());
}

fn upgrade() {
    let lock = RwLock::new(());
    let _read = lock.read();
    drop(lock.write());
}

/// Two who read wait for each other to end that.
fn two_upgrades() {
    let lock = Arc::new(RwLock::new(()));
    let met = Arc::new(gort::sync::Barrier::new(2));
    let (theirs, they) = (lock.clone(), met.clone());
    let upgrades = |lock: Arc<RwLock<()>>, met: Arc<gort::sync::Barrier>| {
        let _read = lock.read();
        met.wait();
        drop(lock.write());
    };
    gort::go!(move || upgrades(theirs, they));
    upgrades(lock, met);
}

/// 1 reads, 2 waits to write, 1 reads again.
fn reads_again() {
    let lock = Arc::new(RwLock::new(()));
    let theirs = lock.clone();
    let _read = lock.read();
    gort::go!(move || drop(theirs.write()));
    until(|| lock.try_read().is_err());
    drop(lock.read());
}

fn thread_reads() {
    let lock: &'static RwLock<()> = Box::leak(Box::new(RwLock::new(())));
    let thread = std::thread::spawn(|| std::mem::forget(lock.read()));
    gort::blocking(|| thread.join().unwrap());
    drop(lock.write());
}

fn own_permit() {
    let semaphore = Semaphore::new(3);
    let _permit = semaphore.acquire_many(2);
    // These do not count any more.
    semaphore.acquire().forget();
    drop(semaphore.acquire());
}

fn block_on() {
    let waker = Arc::new(Mutex::new(None));
    let theirs = waker.clone();
    let (tx, rx) = bounded(0);
    gort::go!(move || {
        rx.recv().unwrap();
        let waker: std::task::Waker = theirs.lock().unwrap().take().unwrap();
        gort::park();
        waker.wake();
    });
    gort::block_on(std::future::poll_fn(|context| {
        *waker.lock().unwrap() = Some(context.waker().clone());
        tx.send(()).unwrap();
        std::task::Poll::<()>::Pending
    }));
}

fn group() {
    let group = gort::sync::ErrGroup::<()>::new();
    group.set_limit(1);
    for _ in 0..2 {
        group.go(|| {
            gort::park();
            Ok(())
        });
    }
}

fn scope() {
    gort::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(gort::park);
        }
        scope.spawn(|| ());
        gort::yield_now();
    });
}
