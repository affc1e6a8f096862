//! `#[gort::main]`: a `fn main` that starts the runtime, with the user's inside it.
//!
//! ```text
//! /// Docs.                          /// Docs.
//! #[gort::main(gomaxprocs = N)]      fn main() {
//! fn main() -> R { … }                   fn main() -> R { … }
//!                                        let gomaxprocs: usize = N;
//!                                        ::gort::__rt::main(Options::new().gomaxprocs(gomaxprocs), main)
//!                                    }
//! ```
//!
//! The user's function stays whole, with its own tokens, so that errors in it read as they do in
//! plain Rust; its attributes are on the outer function, where lint levels reach the inner one.
//!
//! On an error the function still comes out, in a form that the compiler accepts: an editor then
//! knows the body, and the user sees one error.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::Error;

use crate::function::{Function, keyword_span};
use crate::invisible;
use crate::options::Options;

const ATTRIBUTE: &str = "#[gort::main]";

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let item = invisible::keep_together(item);
    let Ok(mut function) = syn::parse2::<Function>(item.clone()) else {
        let message = "`#[gort::main]` goes on a function: `fn main() { … }`";
        let error = Error::new(keyword_span(item.clone()), message);
        return beside(&error, item, stand_in());
    };
    match check(options, &mut function) {
        Ok(options) => program(&options, &function),
        Err(error) if function.sig.ident == "main" => recover(&error, function),
        Err(error) => beside(&error, quote!(#[allow(dead_code)] #function), stand_in()),
    }
}

fn check(options: TokenStream, function: &mut Function) -> syn::Result<Options> {
    function.check_attributes("main", ATTRIBUTE)?;
    let options = Options::parse(options)?;
    let ident = &function.sig.ident;
    if ident != "main" {
        let message = format!(
            "`#[gort::main]` goes on the program's `fn main`: rename `{ident}` to `main`, or \
             remove the attribute"
        );
        return Err(Error::new(ident.span(), message));
    }
    function.check_signature(ATTRIBUTE)?;
    Ok(options)
}

fn program(options: &Options, function: &Function) -> TokenStream {
    let Function { attrs, vis, sig, body } = function;
    let (fn_token, ident) = (&sig.fn_token, &sig.ident);
    let gort = options.crate_path();
    let (bindings, options) = options.build(&gort);
    let entry = function.value();
    quote! {
        #(#attrs)*
        #vis #fn_token #ident() {
            #sig #body
            #bindings
            #gort::__rt::main(#options, #entry)
        }
    }
}

/// The error beside a `fn main` around the user's: what is wrong for `main` is right one level
/// deeper. A signature that is right stays where it is.
fn recover(error: &Error, mut function: Function) -> TokenStream {
    if function.sig.receiver().is_some() || function.check_signature(ATTRIBUTE).is_ok() {
        return beside(error, quote!(#function), None);
    }
    // A `const` body would be checked as one.
    function.sig.constness = None;
    let (fn_token, ident) = (&function.sig.fn_token, &function.sig.ident);
    let outer = quote!(#fn_token #ident() { #[allow(dead_code)] #function });
    beside(error, outer, None)
}

fn beside(error: &Error, item: TokenStream, stand_in: Option<TokenStream>) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#item #error #stand_in)
}

/// A `fn main` if the file has none, which spares the user a second error about that.
fn stand_in() -> Option<TokenStream> {
    // Outside of a compiler (in a unit test) there is no file to look at.
    let span = proc_macro::is_available().then(proc_macro::Span::call_site)?;
    let source = std::fs::read_to_string(span.local_file()?).ok()?;
    let tokens: Vec<TokenTree> = source.parse::<TokenStream>().ok()?.into_iter().collect();
    let is = |tree: &TokenTree, name| matches!(tree, TokenTree::Ident(ident) if ident == name);
    let has_main = tokens.windows(2).any(|pair| is(&pair[0], "fn") && is(&pair[1], "main"));
    (!has_main).then(|| {
        quote!(
            #[allow(dead_code)]
            fn main() {}
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_function_stays_whole() {
        let check = |options: TokenStream, item: TokenStream, expected: TokenStream| {
            assert_eq!(expand(options, item).to_string(), expected.to_string());
        };
        check(
            quote!(),
            quote!(
                fn main() {
                    body();
                }
            ),
            quote! {
                fn main() {
                    fn main() { body(); }
                    ::gort::__rt::main(::gort::__rt::Options::new(), main)
                }
            },
        );
        check(
            quote!(lock_os_thread, stack_size = SIZE, gomaxprocs = 2, crate = crate::g,),
            quote! {
                /// Docs.
                #[expect(unused)]
                pub fn main() -> Result<(), E> { #![allow(x)] body() }
            },
            quote! {
                /// Docs.
                #[expect(unused)]
                pub fn main() {
                    fn main() -> Result<(), E> { #![allow(x)] body() }
                    let gomaxprocs: ::core::primitive::usize = 2;
                    let stack_size: ::core::primitive::usize = SIZE;
                    crate::g::__rt::main(
                        crate::g::__rt::Options::new()
                            .gomaxprocs(gomaxprocs)
                            .stack_size(stack_size)
                            .lock_os_thread(),
                        main
                    )
                }
            },
        );
    }

    #[test]
    fn a_refused_function_comes_out() {
        let check = |item: TokenStream, expected: TokenStream| {
            let expanded = expand(quote!(), item).to_string();
            let error = expanded.find(":: core :: compile_error !").expect("an error");
            assert_eq!(expanded[..error].trim_end(), expected.to_string());
        };
        check(
            quote!(
                async fn main() {
                    f().await
                }
            ),
            quote!(
                fn main() {
                    #[allow(dead_code)]
                    async fn main() {
                        f().await
                    }
                }
            ),
        );
        check(
            quote!(
                pub const fn main() {}
            ),
            quote!(
                fn main() {
                    #[allow(dead_code)]
                    pub fn main() {}
                }
            ),
        );
        check(
            quote!(
                fn start() {}
            ),
            quote!(
                #[allow(dead_code)]
                fn start() {}
            ),
        );
        check(
            quote!(
                fn main(self) {}
            ),
            quote!(
                fn main(self) {}
            ),
        );
        check(
            quote!(
                struct S;
            ),
            quote!(
                struct S;
            ),
        );
        check(
            quote!(
                fn main();
            ),
            quote!(
                fn main();
            ),
        );
        // The second attribute is taken off; an imported one stays in use, and is then the only.
        check(
            quote!(
                #[gort::main]
                fn main() {}
            ),
            quote!(
                fn main() {}
            ),
        );
        check(
            quote!(
                #[main]
                fn main() {}
            ),
            quote!(
                #[main]
                fn main() {}
            ),
        );
    }
}
