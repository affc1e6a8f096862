#[gort::main]
fn main()
where
    String: Clone,
{
}
