//! Doc comments, attributes and visibility stay, and nothing is warned about.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unused, unused_qualifications, unreachable_pub, clippy::all)]

/// The program.
#[gort::main]
#[allow(clippy::needless_return)]
#[expect(unused_variables)]
pub(crate) fn main() {
    #![allow(unused_mut)]
    let mut noticed = 1;
    gort::go!(work(2));
    return;
}

fn work(_: i32) {}
