fn show() -> Result<fn(), std::fmt::Error> {
    Ok(|| ())
}

fn main() -> Result<(), std::fmt::Error> {
    gort::go!(show()?);
    Ok(())
}
