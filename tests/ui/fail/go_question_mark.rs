fn show(_: u8) {}

fn main() -> Result<(), std::num::ParseIntError> {
    gort::go!(show("4".parse()?));
    Ok(())
}
