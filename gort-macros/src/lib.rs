//! The attributes and the macros of [gort](https://docs.rs/gort), a Go runtime for Rust programs.
//!
//! Programs depend on `gort`, which re-exports what is here: as `gort::main`, `gort::test` and,
//! behind `macro_rules!` macros that hand over their `$crate`, `gort::go!`, `gort::select!` and
//! `gort::select_biased!`.
//!
//! What holds of every expansion:
//!
//! - Paths are absolute, so modules called `gort`, `std` or `core` don't matter; gort is found
//!   under the name that the user's manifest gives it.
//! - No `unsafe`: the user's crate may say `#![forbid(unsafe_code)]`.
//! - No warnings, neither the compiler's nor clippy's, about code that the user didn't write.
//! - An error is about the user's tokens, and the user's code comes out beside it.

use proc_macro::TokenStream;

mod crate_path;
mod function;
mod go;
mod go_syntax;
mod invisible;
mod main_attr;
mod options;
mod select;
mod select_syntax;
mod test_attr;

/// Starts the runtime and runs `fn main` as its first goroutine.
///
/// ```
/// #[gort::main]
/// fn main() {
///     gort::go!(println!("in a goroutine"));
/// }
/// ```
///
/// `main` returns what it may return without the attribute, any
/// [`Termination`](std::process::Termination) type; the process ends when it does, with the exit
/// status and the error output that plain Rust gives, and waits for no other goroutine. Doc
/// comments, attributes and visibility stay.
///
/// ```
/// use std::process::ExitCode;
///
/// /// Reads a number.
/// #[gort::main]
/// fn main() -> Result<ExitCode, std::num::ParseIntError> {
///     let status = "0".parse::<u8>()?;
///     Ok(ExitCode::from(status))
/// }
/// ```
///
/// # Options
///
/// - `gomaxprocs = N`: how many threads run goroutines at the same time. Without it, what the
///   environment variable `GOMAXPROCS` says, or else the number of CPUs.
/// - `stack_size = BYTES`: the size of a goroutine's stack, if its own `go!` says nothing else.
/// - `lock_os_thread`: main stays on the process's first thread, which some libraries demand (of
///   graphics, mostly).
/// - `crate = path`: where gort is, if not where the manifest says, as when another crate
///   re-exports it.
///
/// `N` and `BYTES` are any expressions of type `usize`; a literal is checked at compile time.
///
/// ```
/// const MIB: usize = 1 << 20;
///
/// #[gort::main(gomaxprocs = 2, stack_size = 4 * MIB, lock_os_thread)]
/// fn main() {
///     assert_eq!(gort::gomaxprocs(0), 2);
/// }
/// ```
///
/// # Errors
///
/// A function that is not called `main`, that is `async`, `const`, `unsafe` or `extern`, or that
/// has parameters, generics or a `where` clause does not compile:
///
/// ```compile_fail
/// #[gort::main]
/// async fn main() {}
/// ```
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    main_attr::expand(options.into(), item.into()).into()
}

/// A `#[test]` that runs as a goroutine.
///
/// All such tests of a binary share one runtime, which the first of them starts, and run side by
/// side. `#[should_panic]`, `#[ignore]` and a result work as with `#[test]`. The options are those
/// of [`#[gort::main]`](macro@main).
///
/// ```
/// # fn main() {}
/// #[gort::test]
/// fn sums() {
///     let (tx, rx) = gort::channel::bounded(0);
///     gort::go!(tx.send(1 + 1));
///     assert_eq!(rx.recv(), Ok(2));
/// }
///
/// #[gort::test]
/// fn parses() -> Result<(), std::num::ParseIntError> {
///     assert_eq!("4".parse::<u8>()?, 4);
///     Ok(())
/// }
///
/// #[gort::test(gomaxprocs = 2)]
/// #[should_panic(expected = "on purpose")]
/// fn panics() {
///     panic!("on purpose");
/// }
/// ```
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    test_attr::expand(options.into(), item.into()).into()
}

/// What `gort::go!` expands to: `go! { [$crate] … }`.
///
/// - `go!(f(a, b))`, `go!(x.method(a))`: a call. Arguments, and a function value or receiver that
///   has to be computed, are evaluated now, in the calling goroutine and in the order of the
///   source; the call is made in the new one.
/// - `go!(move || …)`, `go!(handler)`: a value that is called.
/// - `go! { statements }`: the same as `go!(move || { statements })`. So are `go!({ … })`,
///   `go!(loop { … })` and their like, and a macro, as in `go!(println!("{x}"))`.
/// - `go!(name = "worker", stack_size = 1 << 20; …)`: options, then one of these. They are
///   evaluated now.
///
/// The result is dropped. What the goroutine takes with it is `Send + 'static`.
///
/// ```
/// use gort::channel::{Sender, bounded};
///
/// fn square(n: u64, to: Sender<u64>) {
///     to.send(n * n).unwrap();
/// }
///
/// #[gort::main]
/// fn main() {
///     let (tx, rx) = bounded(0);
///     let mut n = 2;
///     gort::go!(square(n, tx.clone()));
///     n += 1;
///     gort::go!(name = "three"; move || square(n, tx));
///
///     assert_eq!(rx.iter().sum::<u64>(), 4 + 9);
/// }
/// ```
///
/// `?` and `.await` in what is evaluated now are refused, as it would be hard to see who returns
/// or waits:
///
/// ```compile_fail
/// fn start(text: &str) -> Result<(), std::num::ParseIntError> {
///     gort::go!(drop(text.parse::<u8>()?)); // write: let n = text.parse::<u8>()?;
///     Ok(())
/// }
/// ```
#[proc_macro]
pub fn go(input: TokenStream) -> TokenStream {
    go::expand(input.into()).into()
}

/// What `gort::select!` and `gort::select_biased!` expand to: `select! { [$crate] new … }`, with the
/// constructor of the `Select`. Documented there.
///
/// ```
/// use gort::channel::unbounded;
///
/// #[gort::main]
/// fn main() {
///     let (tx, rx) = unbounded();
///     gort::select! {
///         recv(rx) -> value => panic!("{value:?}"),
///         send(tx, 1) -> result => assert!(result.is_ok()),
///     }
///     let value = gort::select! {
///         recv(rx) -> value => value.unwrap(),
///         default => 0,
///     };
///     assert_eq!(value, 1);
/// }
/// ```
///
/// An arm that is neither `recv`, `send` nor `default` does not compile:
///
/// ```compile_fail
/// # let (tx, rx) = gort::channel::unbounded::<()>();
/// gort::select! {
///     receive(rx) -> _ => {}
/// }
/// ```
#[proc_macro]
pub fn select(input: TokenStream) -> TokenStream {
    select::expand(input.into()).into()
}
