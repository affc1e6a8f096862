const PROCS: usize = 2;

fn stack_size() -> usize {
    1 << 18
}

mod reexported {
    pub use gort as runtime;
}

#[gort::main(
    gomaxprocs = PROCS + 1,
    stack_size = stack_size(),
    lock_os_thread,
    crate = crate::reexported::runtime,
)]
fn main() {
    // An option's expression sees the crate, and nothing of the expansion.
    literal::start();
}

mod literal {
    pub fn start() {
        let _: fn() = main;
    }

    // A function called `main` that nobody starts.
    #[gort::main(stack_size = 0x4_0000usize, gomaxprocs = 1)]
    fn main() {}
}
