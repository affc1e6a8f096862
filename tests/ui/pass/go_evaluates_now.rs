//! Function value, receiver and arguments are evaluated in the calling goroutine, in the order of
//! the source; only the call is left to the new one.
use gort::go;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

static LOG: Mutex<Vec<&str>> = Mutex::new(Vec::new());
static OPEN: AtomicBool = AtomicBool::new(false);
static DONE: AtomicUsize = AtomicUsize::new(0);

fn log<T>(what: &'static str, value: T) -> T {
    LOG.lock().unwrap().push(what);
    value
}

fn call(a: u32, b: u32) {
    while !OPEN.load(SeqCst) {
        gort::yield_now();
    }
    log("call", ());
    DONE.fetch_add((a + b) as usize, SeqCst);
}

struct Receiver;

impl Receiver {
    fn call(&self, a: u32, b: u32) {
        call(a, b);
    }
}

fn check(now: &[&str]) {
    assert_eq!(*LOG.lock().unwrap(), now);
    OPEN.store(true, SeqCst);
    while DONE.load(SeqCst) < 3 {
        gort::yield_now();
    }
    assert_eq!(LOG.lock().unwrap().last(), Some(&"call"));
    LOG.lock().unwrap().clear();
    OPEN.store(false, SeqCst);
    DONE.store(0, SeqCst);
}

#[gort::main]
fn main() {
    go!(log("function", call as fn(u32, u32))(log("a", 1), log("b", 2)));
    check(&["function", "a", "b"]);
    go!(log("receiver", Receiver).call(log("a", 1), log("b", 2)));
    check(&["receiver", "a", "b"]);
    go!(name = log("name", "n"), stack_size = log("stack", 1 << 18); call(log("a", 1), log("b", 2)));
    check(&["name", "stack", "a", "b"]);

    // A copy is taken now.
    let mut n = 1;
    go!(call(n, 2));
    n += 1;
    check(&[]);
    assert_eq!(n, 2);

    // Temporaries of the arguments are gone before the next statement.
    let lock = Mutex::new(2);
    go!(call(1, *lock.lock().unwrap()));
    assert!(lock.try_lock().is_ok());
    check(&[]);
}
