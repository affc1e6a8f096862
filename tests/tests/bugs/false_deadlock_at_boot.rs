//! While `boot` started sysmon, its M was counted as a thread that is there already: the booting thread
//! was then not seen to be foreign, and the first M that went to sleep reported a deadlock.
//!
//! And the other way round: an M that sysmon had just made could sleep, as the last to look, before it counted as a
//! thread; nobody looked again, and the program hung.

use crate::program::run_in;

#[test]
fn false_deadlock_at_boot() {
    let boots = || {
        for _ in 0..200 {
            // The real deadlock of this case comes when it has said so. Looking up frames would take most of the time.
            let env = [("GOMAXPROCS", Some("64")), ("GOTRACEBACK", Some("none"))];
            run_in(&["boot_announced_deadlock"], &env)
                .status(2)
                .out("about to wait")
                .err(&["all goroutines are asleep"]);
        }
    };
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(boots);
        }
    });
}
