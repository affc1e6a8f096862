fn numbers() -> Result<Vec<u8>, std::fmt::Error> {
    Ok(Vec::new())
}

fn main() -> Result<(), std::fmt::Error> {
    gort::go!(numbers()?.len());
    Ok(())
}
