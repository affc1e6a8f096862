//! `#[gort::test]`, many in one binary, side by side.

use std::error::Error;
use std::process::{ExitCode, Termination};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Waits until `n` goroutines have counted themselves.
fn wait(count: &AtomicUsize, n: usize) {
    while count.load(SeqCst) < n {
        gort::yield_now();
    }
}

#[gort::test]
fn unit() {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    gort::go!(COUNT.fetch_add(1, SeqCst));
    gort::go! {
        let n = 1;
        COUNT.fetch_add(n, SeqCst)
    }
    wait(&COUNT, 2);
}

/// Docs, visibility and attributes stay.
#[gort::test]
#[allow(unused_variables)]
#[allow(clippy::unused_unit)]
pub fn attributes() -> () {
    let unused = 1;
}

#[gort::test]
fn result() -> Result<(), Box<dyn Error>> {
    assert_eq!("7".parse::<u8>()?, 7);
    Ok(())
}

#[gort::test]
fn exit_code() -> ExitCode {
    ExitCode::SUCCESS
}

#[gort::test]
fn not_send() -> impl Termination {
    struct Local(Rc<u8>);
    impl Termination for Local {
        fn report(self) -> ExitCode {
            ExitCode::from(*self.0)
        }
    }
    Local(Rc::new(0))
}

#[gort::test]
#[should_panic(expected = "on purpose")]
fn panics() {
    panic!("on purpose");
}

#[gort::test]
#[should_panic]
fn panics_with_a_value() {
    std::panic::panic_any(5);
}

#[gort::test]
#[ignore = "shows that it is"]
fn ignored() {
    panic!("not ignored");
}

#[gort::test(gomaxprocs = 2, stack_size = 1 << 18, lock_os_thread, crate = ::gort)]
fn options() {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    gort::go!(COUNT.fetch_add(1, SeqCst));
    wait(&COUNT, 1);
}

// A macro's tests: the body and its expressions are inserted.
macro_rules! sum {
    ($name:ident, $sum:expr, $body:block) => {
        #[gort::test]
        fn $name() $body

        mod $name {
            #[gort::test]
            fn doubled() {
                assert_eq!(2 * $sum, $sum + $sum);
            }
        }
    };
}

sum!(inserted, 1 + 1, { wait(&AtomicUsize::new(1), 1) });

mod nested {
    // Not the crate's.
    #[allow(dead_code)]
    mod gort {}

    #[::gort::test]
    fn main() {}
}
