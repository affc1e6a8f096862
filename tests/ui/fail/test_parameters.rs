#[gort::test]
fn works(n: u8) {
    println!("{n}");
}

fn main() {}
