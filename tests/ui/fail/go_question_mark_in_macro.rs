fn show(_: Vec<u8>) {}

fn main() -> Result<(), std::num::ParseIntError> {
    gort::go!(show(vec![1, "4".parse()?]));
    Ok(())
}
