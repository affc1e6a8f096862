//! While `boot` started sysmon, its M was counted as a thread that is there already: the booting thread
//! was then not seen to be foreign, and the first M that went to sleep reported a deadlock.

#[path = "api_support/program.rs"]
mod program;

use program::run_in;

#[test]
fn false_deadlock_at_boot() {
    let boots = || {
        for _ in 0..200 {
            // The real deadlock of this case shows who waits.
            run_in(&["boot_deadlock"], &[("GOMAXPROCS", Some("64"))]).status(2).err(&[" [chan receive]:\n"]);
        }
    };
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(boots);
        }
    });
}
