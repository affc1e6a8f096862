#[gort::main(gomaxprocs = procs(), stack_size = "64K".len() as u32)]
fn main() {}

fn procs() -> i32 {
    4
}
