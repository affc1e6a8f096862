//! Calls with the same key share one run: Go's `golang.org/x/sync/singleflight`.
//!
//! Invariants
//! - A flight is in the map from before its function runs until that is over, on every path, or until
//!   it is forgotten. Who finds it waits for it; who does not makes one.
//! - A flight that is over has a result if and only if its function has returned and somebody waits.
//! - The user's code never runs under a [`Monitor`], hash, equality and clone of keys under the map's mutex,
//!   clone of results under the flight's, all else under nothing.
//!
//! [`Monitor`]: crate::wait::Monitor

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, PoisonError};

use super::{Mutex, MutexGuard, WaitGroup};

/// Keeps concurrent calls with the same key from doing the same work: one runs, the others wait for its
/// result and get clones.
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
    flights: Mutex<HashMap<K, Arc<Flight<V>>>>,
}

struct Flight<V> {
    over: WaitGroup,
    /// `waiting` is final once the flight has left the map.
    state: Mutex<State<V>>,
}

struct State<V> {
    waiting: usize,
    result: Option<V>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in there is whole also when a clone, a hash or a destructor has panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Eq + Hash + Clone, V: Clone> SingleFlight<K, V> {
    /// Nobody calls.
    pub fn new() -> Self {
        Self::default()
    }

    /// The result of `f`, or, if a call with the same key is running, of that one's; blocks until there
    /// is one. The next call after that runs anew. May move the goroutine to another thread. Calling it
    /// with the same key inside of `f` deadlocks.
    ///
    /// If the call that others wait for panics, or is ended by [`goexit`](crate::goexit), that is its
    /// alone: they go on as if it had not been, and one of them runs its own `f`.
    ///
    /// # Panics
    /// With `f`'s panic.
    #[doc(alias = "Do")]
    pub fn run<F: FnOnce() -> V>(&self, key: K, f: F) -> V {
        loop {
            let flight = {
                let mut flights = lock(&self.flights);
                match flights.get(&key) {
                    Some(flight) => {
                        lock(&flight.state).waiting += 1;
                        flight.clone()
                    }
                    None => {
                        let flight = Arc::new(Flight::new());
                        flights.insert(key.clone(), flight.clone());
                        drop(flights);
                        return self.lead(&key, &flight, f);
                    }
                }
            };
            flight.over.wait();
            let result = lock(&flight.state).result.clone();
            if let Some(result) = result {
                return result;
            }
        }
    }

    /// Runs the function of a flight that is in the map.
    fn lead(&self, key: &K, flight: &Arc<Flight<V>>, f: impl FnOnce() -> V) -> V {
        /// Ends the flight on every path.
        struct Landing<'a, K: Eq + Hash + Clone, V: Clone> {
            flights: &'a SingleFlight<K, V>,
            key: &'a K,
            flight: &'a Arc<Flight<V>>,
        }
        impl<K: Eq + Hash + Clone, V: Clone> Landing<'_, K, V> {
            fn leave_map(&self) {
                let mut flights = lock(&self.flights.flights);
                // It may have been forgotten, and another be there.
                if flights.get(self.key).is_some_and(|f| Arc::ptr_eq(f, self.flight)) {
                    flights.remove(self.key);
                }
            }
        }
        impl<K: Eq + Hash + Clone, V: Clone> Drop for Landing<'_, K, V> {
            fn drop(&mut self) {
                self.leave_map();
                self.flight.over.done();
            }
        }
        let landing = Landing { flights: self, key, flight };
        let result = f();
        landing.leave_map();
        if lock(&flight.state).waiting > 0 {
            let copy = result.clone();
            lock(&flight.state).result = Some(copy);
        }
        result
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
        lock(&self.flights).remove(key);
    }
}

impl<V> Flight<V> {
    fn new() -> Self {
        let over = WaitGroup::new();
        over.add(1);
        Self { over, state: Mutex::new(State { waiting: 0, result: None }) }
    }
}

impl<K, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self { flights: Mutex::new(HashMap::new()) }
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").finish_non_exhaustive()
    }
}
