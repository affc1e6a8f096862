//! What the macros accept, and what they say about what they refuse.
//!
//! A program in `ui/pass` compiles and runs. One in `ui/fail` gives the errors in the `.stderr`
//! beside it; `TRYBUILD=overwrite cargo test -p tests --test ui` writes those files anew.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/fail/*.rs");
}
