//! Calls with the same key share one run: Go's `golang.org/x/sync/singleflight`.
//!
//! Invariants
//! - A flight is in the map from before its function runs until that is over, on every path, or until
//!   it is forgotten. Who finds it shares it; who does not makes one.
//! - A flight that is over and has no outcome was ended by `goexit`.
//! - The user's code never runs under a [`Monitor`], hash, equality and clone of keys under the map's mutex,
//!   clone of results by those who share under the flight's, all else under nothing.
//!
//! [`Monitor`]: crate::wait::Monitor

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, Location, resume_unwind};
use std::sync::{Arc, PoisonError};

use super::{Mutex, MutexGuard, WaitGroup};
use crate::channel::{Receiver, Sender, bounded};
use crate::goroutine::{catch_unwind, goexit};
use crate::sched::current;
use crate::sched::newproc::{getcallerpc, newproc};

/// Keeps concurrent calls with the same key from doing the same work: one runs, the others wait for its
/// result and get clones.
///
/// If the function panics, so do all who share the call, and if it is ended by [`goexit`](crate::goexit) so
/// are they, as in Go: what failed for one has failed for all, and nobody runs it again unasked.
///
/// ```
/// use gort::sync::{Arc, SingleFlight};
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let flights = Arc::new(SingleFlight::<&str, String>::new());
/// let handles: Vec<_> = (0..8)
///     .map(|_| {
///         let flights = flights.clone();
///         gort::spawn(move || flights.run("key", || "found at some cost".to_string()))
///     })
///     .collect();
/// for h in handles {
///     assert_eq!(h.join().unwrap(), "found at some cost");
/// }
/// # });
/// ```
#[doc(alias = "singleflight")]
pub struct SingleFlight<K, V> {
    flights: Arc<Flights<K, V>>,
}

struct Flights<K, V>(Mutex<HashMap<K, Arc<Flight<V>>>>);

struct Flight<V> {
    over: WaitGroup,
    /// `waiting` and `channels` do not grow once the flight has left the map.
    state: Mutex<State<V>>,
}

struct State<V> {
    waiting: usize,
    channels: Vec<Sender<V>>,
    outcome: Option<Outcome<V>>,
}

enum Outcome<V> {
    Value(V),
    /// With this text.
    Panicked(String),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in there is whole also when a clone, a hash or a destructor has panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("Box<dyn Any>").to_string()
}

impl<K: Eq + Hash + Clone, V: Clone> SingleFlight<K, V> {
    /// Nobody calls.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let flights = gort::sync::SingleFlight::<u32, String>::new();
    /// assert_eq!(flights.run(1, || "one".into()), "one");
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// The result of `f`, or, if a call with the same key is running, of that one's; blocks until there
    /// is one. The next call after that runs anew. May move the goroutine to another thread. Calling it
    /// with the same key inside of `f` deadlocks.
    ///
    /// If the function is ended by [`goexit`](crate::goexit), so are the goroutines that share its run.
    ///
    /// # Panics
    /// With `f`'s panic. When the call that this one shares has panicked, with words that say so and end with
    /// its text. On a plain thread also when the call that it shares was ended by `goexit`.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let flights = gort::sync::SingleFlight::new();
    /// assert_eq!(flights.run("a", || 1), 1);
    /// assert_eq!(flights.run("a", || 2), 2, "nobody was running");
    /// ```
    #[doc(alias = "Do")]
    #[track_caller]
    pub fn run<F: FnOnce() -> V>(&self, key: K, f: F) -> V {
        self.run_shared(key, f).0
    }

    /// [`run`](Self::run) that says whether several calls got the result.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let flights = gort::sync::SingleFlight::new();
    /// assert_eq!(flights.run_shared("a", || 1), (1, false));
    /// ```
    #[track_caller]
    pub fn run_shared<F: FnOnce() -> V>(&self, key: K, f: F) -> (V, bool) {
        let (flight, leads) = self.flights.join(&key, |state| state.waiting += 1);
        if leads { self.flights.lead(&key, &flight, f) } else { (flight.follow(), true) }
    }

    /// [`run`](Self::run) that does not wait: the result comes through the channel. `f` runs in a goroutine of
    /// its own, unless a call with the same key is running.
    ///
    /// A panic of `f` is one of a `go!` goroutine: it ends the process, as in Go. When a [`run`](Self::run) that
    /// this shares panics, or the function is ended by [`goexit`](crate::goexit), the channel is disconnected and
    /// empty (in Go nobody would ever hear of it).
    ///
    /// # Panics
    /// When no runtime runs.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let flights = gort::sync::SingleFlight::new();
    /// let slow = || {
    ///     gort::sleep(Duration::from_millis(5));
    ///     7
    /// };
    /// let (first, second) = (flights.run_chan("key", slow), flights.run_chan("key", slow));
    /// assert!(first.recv_timeout(Duration::from_millis(1)).is_err(), "one can give up waiting");
    /// assert_eq!(second.recv(), Ok(7));
    /// # });
    /// ```
    #[doc(alias = "DoChan")]
    #[inline(always)]
    #[track_caller]
    pub fn run_chan<F>(&self, key: K, f: F) -> Receiver<V>
    where
        F: FnOnce() -> V + Send + 'static,
        K: Send + 'static,
        V: Send + 'static,
    {
        self.start(getcallerpc(), Location::caller(), key, f)
    }

    #[track_caller]
    fn start<F>(&self, pc: usize, location: &'static Location<'static>, key: K, f: F) -> Receiver<V>
    where
        F: FnOnce() -> V + Send + 'static,
        K: Send + 'static,
        V: Send + 'static,
    {
        current::require_runtime();
        let (tx, rx) = bounded(1);
        let mut tx = Some(tx);
        let (flight, leads) = self.flights.join(&key, |state| state.channels.extend(tx.take()));
        if leads {
            let flights = self.flights.clone();
            newproc(pc, location, None, move || {
                let (value, _) = flights.lead(&key, &flight, f);
                // An error: nobody asks any more.
                let _ = tx.expect("not given to another's flight").send(value);
            });
        }
        rx
    }

    /// Calls from now on do not wait for one with this key that is running: they run anew.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let flights = gort::sync::SingleFlight::new();
    /// let nested = flights.run(1, || {
    ///     flights.forget(&1);
    ///     flights.run(1, || 5)
    /// });
    /// assert_eq!(nested, 5);
    /// # });
    /// ```
    #[doc(alias = "Forget")]
    pub fn forget(&self, key: &K) {
        lock(&self.flights.0).remove(key);
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Flights<K, V> {
    /// The flight that goes, which is told of the caller by `share`, or a new one and true: the caller is to lead it.
    fn join(&self, key: &K, share: impl FnOnce(&mut State<V>)) -> (Arc<Flight<V>>, bool) {
        let mut flights = lock(&self.0);
        if let Some(flight) = flights.get(key) {
            share(&mut lock(&flight.state));
            return (flight.clone(), false);
        }
        let flight = Arc::new(Flight::new());
        flights.insert(key.clone(), flight.clone());
        (flight, true)
    }

    fn leave(&self, key: &K, flight: &Arc<Flight<V>>) {
        let mut flights = lock(&self.0);
        // It may have been forgotten, and another be there.
        if flights.get(key).is_some_and(|f| Arc::ptr_eq(f, flight)) {
            flights.remove(key);
        }
    }

    /// Runs the function of a flight that is in the map. Whether others got the result as well.
    fn lead(&self, key: &K, flight: &Arc<Flight<V>>, f: impl FnOnce() -> V) -> (V, bool) {
        /// Ends the flight on every path.
        struct Landing<'a, K: Eq + Hash + Clone, V: Clone> {
            flights: &'a Flights<K, V>,
            key: &'a K,
            flight: &'a Arc<Flight<V>>,
        }
        impl<K: Eq + Hash + Clone, V: Clone> Drop for Landing<'_, K, V> {
            fn drop(&mut self) {
                self.flights.leave(self.key, self.flight);
                drop(std::mem::take(&mut lock(&self.flight.state).channels));
                self.flight.over.done();
            }
        }
        let _landing = Landing { flights: self, key, flight };
        let run = || {
            let value = f();
            self.leave(key, flight);
            let (waiting, channels) = {
                let mut state = lock(&flight.state);
                (state.waiting, std::mem::take(&mut state.channels))
            };
            let shared = waiting > 0 || !channels.is_empty();
            for channel in channels {
                // There is room; an error says that nobody asks any more.
                let _ = channel.try_send(value.clone());
            }
            if waiting > 0 {
                let copy = value.clone();
                lock(&flight.state).outcome = Some(Outcome::Value(copy));
            }
            (value, shared)
        };
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(result) => result,
            Err(payload) => {
                lock(&flight.state).outcome = Some(Outcome::Panicked(text_of(&*payload)));
                resume_unwind(payload)
            }
        }
    }
}

impl<V: Clone> Flight<V> {
    fn new() -> Self {
        let over = WaitGroup::new();
        over.add(1);
        Self { over, state: Mutex::new(State { waiting: 0, channels: Vec::new(), outcome: None }) }
    }

    /// Waits for another's run.
    #[track_caller]
    fn follow(&self) -> V {
        self.over.wait();
        let text = match &lock(&self.state).outcome {
            Some(Outcome::Value(value)) => return value.clone(),
            Some(Outcome::Panicked(text)) => Some(text.clone()),
            None => None,
        };
        match text {
            Some(text) => {
                panic!("gort: the call of a SingleFlight that this one shares has panicked: {text}")
            }
            None if current::goroutine().is_some() => goexit(),
            None => panic!("gort: the call of a SingleFlight that this one shares was ended by goexit"),
        }
    }
}

impl<K, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self { flights: Arc::new(Flights(Mutex::new(HashMap::new()))) }
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").finish_non_exhaustive()
    }
}
