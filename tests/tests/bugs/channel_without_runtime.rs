//! A receive that had to wait where no runtime runs panicked with the channel's lock held: dropping the
//! channel's ends while unwinding waited for that lock for ever.

use crate::program::run_in;

#[test]
fn channel_without_runtime() {
    run_in(&["no_runtime_channel"], &[]).status(101).err(&["#[gort::main]", "gort::boot"]);
}
