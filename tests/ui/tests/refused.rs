//! What the macros say about what they refuse.
//!
//! A program in `fail` gives the errors in the `.stderr` beside it; `TRYBUILD=overwrite cargo test -p ui` writes those
//! files anew.

#[test]
fn refused() {
    trybuild::TestCases::new().compile_fail("fail/*.rs");
}
