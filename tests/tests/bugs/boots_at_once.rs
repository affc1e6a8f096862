//! `boot` said `AlreadyRunning` while another thread was still booting: who then went on as if a runtime ran
//! was told that none does.

use crate::program::run_in;

#[test]
fn boots_at_once() {
    for _ in 0..30 {
        run_in(&["boots_at_once"], &[]).status(0).out("6");
    }
}
