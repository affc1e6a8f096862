//! Destructors that wait while their goroutine panics or exits: nobody else runs on the thread meanwhile.
//! Hangs as in `bugs/waiting_while_panicking.rs`.

mod api_support;

use std::time::Duration;

use api_support::{limit, quiet_panic, thread_id};
use gort::channel::{Receiver, bounded};

#[gort::test]
fn destructors_may_block_while_a_goroutine_ends() {
    let _limit = limit();
    struct Blocks(Receiver<u8>);
    impl Drop for Blocks {
        fn drop(&mut self) {
            let thread = thread_id();
            assert_eq!(self.0.recv(), Ok(7));
            gort::sleep(Duration::from_micros(100));
            gort::yield_now();
            // std counts panics per thread.
            assert_eq!(thread_id(), thread);
            assert!(std::thread::panicking());
        }
    }
    for i in 0..50 {
        let (tx, rx) = bounded(0);
        let h = gort::spawn(move || {
            let _blocks = Blocks(rx);
            if i % 2 == 0 { gort::goexit() } else { quiet_panic() }
        });
        let calm: Vec<_> = (0..4).map(|_| gort::spawn(|| !std::thread::panicking())).collect();
        tx.send(7).unwrap();
        assert!(calm.into_iter().all(|c| c.join().unwrap()));
        let _: Result<(), _> = h.join();
        assert!(!std::thread::panicking());
    }
}
