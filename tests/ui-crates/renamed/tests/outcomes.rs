//! Tests that pass and tests that fail; `tests/macros_crates.rs` looks at the verdicts.
use std::fmt::Error;
use std::process::ExitCode;

#[goroutines::test]
fn passes() {}

#[goroutines::test]
fn panics() {
    panic!("in a goroutine");
}

#[goroutines::test]
fn ok() -> Result<(), Error> {
    Ok(())
}

#[goroutines::test]
fn err() -> Result<(), Box<dyn std::error::Error>> {
    Err(Error)?
}

#[goroutines::test]
fn success() -> ExitCode {
    ExitCode::SUCCESS
}

#[goroutines::test]
fn failure() -> ExitCode {
    ExitCode::FAILURE
}

#[goroutines::test]
#[should_panic(expected = "on purpose")]
fn panics_as_it_should() {
    panic!("on purpose");
}

#[goroutines::test]
#[should_panic]
fn does_not_panic_as_it_should() {}

#[goroutines::test]
#[ignore = "shows that it is"]
fn is_ignored() {
    panic!("not ignored");
}
