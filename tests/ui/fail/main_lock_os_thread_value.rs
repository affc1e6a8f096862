#[gort::main(lock_os_thread = true)]
fn main() {}
