#![forbid(unsafe_code)]
#![deny(warnings)]
use gort::go;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

static DONE: AtomicUsize = AtomicUsize::new(0);

fn done() {
    DONE.fetch_add(1, SeqCst);
}

fn handler() -> impl FnOnce() + Send + 'static {
    done
}

#[gort::main]
fn main() {
    let text = String::from("moved");
    go!(move || {
        assert_eq!(text, "moved");
        done()
    });
    go!(|| done());
    go!(|| -> Result<(), std::num::ParseIntError> {
        let n: usize = "1".parse()?;
        DONE.fetch_add(n, SeqCst);
        Ok(())
    });

    // Any expression whose value is called.
    go!(done);
    let boxed: Box<dyn FnOnce() + Send> = Box::new(handler());
    go!(boxed);
    let table = [done as fn(), done];
    go!(table[1]);
    let later = true;
    go!((if later { done } else { panic }));
    go!(Holder { call: handler() }.call);

    go!(done());

    // A closure's call is a call: it is made in the goroutine.
    let shared: Arc<dyn Fn(usize) + Send + Sync> = Arc::new(|n| {
        DONE.fetch_add(n, SeqCst);
    });
    go!(shared(1));
    let mut count = 0;
    let counter = move |n: usize| {
        count += n;
        assert_eq!(count, 1);
        done();
    };
    let mut counter = counter;
    go!(counter(1));
    go!((|n: usize| DONE.fetch_add(n, SeqCst))(1));

    while DONE.load(SeqCst) < 12 {
        gort::yield_now();
    }
}

struct Holder<F> {
    call: F,
}

fn panic() {
    panic!()
}
