//! The runtime calls code of the user's at many places: destructors, callbacks, initialisers, hooks. One that computes
//! there stands in nobody's way either. With one P each of these would hang if the runtime called it as part of itself.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::super::PROCS;
use gort::channel::{bounded, unbounded};
use gort::context::Context as Ctx;
use gort::time::Timer;

/// Computes until another goroutine has run.
fn compute() {
    let ran = Arc::new(AtomicBool::new(false));
    let set = ran.clone();
    gort::go!(move || set.store(true, Ordering::Relaxed));
    while !ran.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

/// How often something has computed.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn compute(&self) {
        compute();
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// What computes when it is dropped.
    fn value(&self) -> Computes {
        Computes(self.clone())
    }

    fn wait_for(&self, n: usize) {
        while self.0.load(Ordering::SeqCst) < n {
            gort::yield_now();
        }
    }

    #[track_caller]
    fn is(&self, n: usize) {
        assert_eq!(self.0.load(Ordering::SeqCst), n);
    }
}

struct Computes(Count);

impl Drop for Computes {
    fn drop(&mut self) {
        self.0.compute();
    }
}

#[gort::test(gomaxprocs = PROCS)]
fn results_that_nobody_asks_for() {
    let count = Count::default();
    let value = || {
        let count = count.clone();
        move || count.value()
    };
    drop(gort::spawn(value()));
    count.wait_for(1);
    let returned = count.value();
    gort::go!(move || returned);
    count.wait_for(2);
    gort::scope(|s| {
        s.spawn(value());
    });
    count.is(3);
    let handle = gort::spawn(value());
    while !handle.is_finished() {
        gort::yield_now();
    }
    drop(handle);
    count.is(4);
}

#[gort::test(gomaxprocs = PROCS)]
fn panics_that_nobody_asks_for() {
    let count = Count::default();
    let payload = count.value();
    drop(gort::spawn(|| std::panic::resume_unwind(Box::new(payload))));
    count.wait_for(1);
}

gort::goroutine_local! {
    static LOCAL: std::cell::RefCell<Option<Computes>> = std::cell::RefCell::new(None);
    static MADE_BY_COMPUTING: () = compute();
}

#[gort::test(gomaxprocs = PROCS)]
fn goroutine_locals() {
    /// Its destructor leaves one that computes.
    struct Sets(Count);
    impl Drop for Sets {
        fn drop(&mut self) {
            LOCAL.set(Some(self.0.value()));
        }
    }
    let count = Count::default();
    let value = count.value();
    gort::go!(move || LOCAL.set(Some(value)));
    count.wait_for(1);
    let value = count.value();
    gort::spawn(move || LOCAL.set(Some(value))).join().unwrap();
    count.is(2);
    let result = Sets(count.clone());
    // Who drops the handle of one that has ended drops its result too, and has the locals.
    let (tx, rx) = bounded::<()>(0);
    drop(gort::spawn(move || {
        rx.recv().unwrap_err();
        result
    }));
    drop(tx);
    count.wait_for(3);
    gort::spawn(|| MADE_BY_COMPUTING.with(|()| ())).join().unwrap();
}

#[gort::test(gomaxprocs = PROCS)]
fn messages_that_nobody_receives() {
    let count = Count::default();
    let (tx, rx) = bounded(1);
    tx.send(count.value()).unwrap();
    drop(rx);
    count.is(1);
    assert!(tx.send(count.value()).is_err());
    count.is(2);
    let (tx, rx) = unbounded();
    (0..2).for_each(|_| tx.send(count.value()).unwrap());
    tx.close();
    drop(tx);
    drop(rx);
    count.is(4);
    // One who waits to send has it back when the receiver goes.
    let (tx, rx) = bounded(0);
    let value = count.value();
    let sender = gort::spawn(move || drop(tx.send(value)));
    gort::yield_now();
    drop(rx);
    sender.join().unwrap();
    count.is(5);
}

#[gort::test(gomaxprocs = PROCS)]
fn functions_of_timers() {
    let count = Count::default();
    let (called, value) = (count.clone(), count.value());
    let timer = Timer::after_func(Duration::ZERO, move || {
        black_box(&value);
        called.compute();
    });
    count.wait_for(1);
    // The goroutine that has called it may not be over.
    drop(timer);
    count.wait_for(2);
    let value = count.value();
    let timer = Timer::after_func(Duration::from_secs(3600), move || _ = black_box(&value));
    assert!(timer.stop());
    drop(timer);
    count.is(3);
}

#[gort::test(gomaxprocs = PROCS)]
fn functions_of_contexts() {
    let count = Count::default();
    let (ctx, cancel) = Ctx::background().with_cancel();
    let called = count.clone();
    ctx.after_func(move || called.compute());
    cancel.cancel();
    count.wait_for(1);
    let (ctx, _cancel) = Ctx::background().with_timeout(Duration::from_millis(1));
    let called = count.clone();
    ctx.after_func(move || called.compute());
    count.wait_for(2);
    let value = count.value();
    let (ctx, cancel) = Ctx::background().with_cancel();
    assert!(ctx.after_func(move || drop(value)).stop());
    count.is(3);
    drop((ctx, cancel));
    let value = count.value();
    drop(Ctx::background().after_func(move || drop(value)));
    count.is(4);
}

#[gort::test(gomaxprocs = PROCS)]
fn values_of_contexts() {
    let count = Count::default();
    drop(Ctx::background().with_value(count.value()));
    count.is(1);
    // Its last holder is the timer.
    let done = Ctx::background().with_value(count.value()).with_timeout(Duration::from_millis(1)).0.done();
    assert!(done.recv().is_err());
    count.wait_for(2);
}

/// Passes a wake-up on, and computes first.
struct Relay(Waker, Count);

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.1.compute();
        self.0.wake_by_ref();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.1.compute();
    }
}

/// Ready when another goroutine has sent; computes whenever it is polled, and when it is dropped.
struct Polled {
    count: Count,
    wakes: Option<gort::JoinHandle<()>>,
    _drops: Computes,
}

impl Future for Polled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.count.compute();
        match self.wakes.take() {
            Some(wakes) => {
                wakes.join().unwrap();
                Poll::Ready(())
            }
            None => {
                let relay = Waker::from(Arc::new(Relay(context.waker().clone(), self.count.clone())));
                self.wakes = Some(gort::spawn(move || relay.wake()));
                Poll::Pending
            }
        }
    }
}

#[gort::test(gomaxprocs = PROCS)]
fn futures_and_wakers() {
    let count = Count::default();
    gort::block_on(Polled { count: count.clone(), wakes: None, _drops: count.value() });
    // Two polls, the waker and its drop, the future's drop.
    count.is(5);
    drop(gort::block_on(poll_fn(|_| Poll::Ready(count.value()))));
    count.is(6);
}

#[gort::test(gomaxprocs = PROCS)]
fn functions_that_are_never_run() {
    let count = Count::default();
    let value = count.value();
    let too_large = gort::Builder::new().stack_size(usize::MAX).spawn(move || drop(value));
    assert!(too_large.is_err());
    count.is(1);
    let value = count.value();
    gort::scope(|s| {
        let too_large = gort::Builder::new().stack_size(usize::MAX).spawn_scoped(s, move || drop(value));
        assert!(too_large.is_err());
    });
    count.is(2);
    let group = gort::sync::ErrGroup::<()>::new();
    group.set_limit(0);
    let value = count.value();
    assert!(!group.try_go(move || {
        drop(value);
        Ok(())
    }));
    count.is(3);
}

#[gort::test(gomaxprocs = PROCS)]
fn functions_that_are_run_in_place() {
    let count = Count::default();
    gort::spawn({
        let count = count.clone();
        move || count.compute()
    })
    .join()
    .unwrap();
    gort::blocking(|| count.compute());
    gort::blocking_on_system_stack(|| count.compute());
    gort::sync::Once::new().call_once(|| count.compute());
    gort::sync::OnceLock::new().get_or_init(|| count.compute());
    gort::sync::LazyLock::force(&gort::sync::LazyLock::new(|| count.compute()));
    gort::sync::SingleFlight::new().run((), || count.compute());
    gort::runtime::with_labels(&[("a", "b")], || count.compute());
    assert!(gort::catch_unwind(std::panic::AssertUnwindSafe(|| count.compute())).is_ok());
    let (mutex, condvar) = (gort::sync::Mutex::new(()), gort::sync::Condvar::new());
    drop(condvar.wait_while(mutex.lock().unwrap(), |()| {
        count.compute();
        false
    }));
    count.is(10);
    assert!(gort::net::TcpStream::connect(Name(count.clone())).is_err());
    count.is(11);
}

/// Its resolution computes, and finds nothing.
struct Name(Count);

impl ToSocketAddrs for Name {
    type Iter = std::iter::Empty<SocketAddr>;

    fn to_socket_addrs(&self) -> std::io::Result<Self::Iter> {
        self.0.compute();
        Ok(std::iter::empty())
    }
}

#[gort::test(gomaxprocs = PROCS)]
fn destructors_that_goexit_runs() {
    let count = Count::default();
    let value = count.value();
    let ended = gort::spawn(move || {
        let _value = value;
        gort::goexit();
    });
    assert!(ended.join().is_err());
    count.is(1);
}

/// A hook that computes when the payload is its own.
#[gort::test(gomaxprocs = PROCS)]
fn panic_hooks() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| match info.payload().downcast_ref::<Count>() {
        Some(count) => count.compute(),
        None => before(info),
    }));
    let count = Count::default();
    let payload = count.clone();
    assert!(gort::spawn(move || std::panic::panic_any(payload)).join().is_err());
    count.is(1);
}
