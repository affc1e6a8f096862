#[gort::main(lock_os_thread, gomaxprocs = 1, lock_os_thread)]
fn main() {}
