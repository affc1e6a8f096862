//! `#[gort::test]`: a `#[test]` that runs the user's function as a goroutine.
//!
//! ```text
//! #[gort::test]                 #[::core::prelude::v1::test]
//! #[should_panic]               #[should_panic]
//! fn works() { … }              fn works() {
//!                                   fn works() { … }
//!                                   ::gort::__rt::test_unit(Options::new(), works)
//!                               }
//! ```
//!
//! A test that returns something else than `()` goes to `test_result`, which reports the value in
//! the goroutine (it need not be `Send`) and hands on an `ExitCode`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Error;

use crate::function::{Function, keyword_span};
use crate::invisible;
use crate::options::Options;

const ATTRIBUTE: &str = "#[gort::test]";

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let item = invisible::keep_together(item);
    let Ok(mut function) = syn::parse2::<Function>(item.clone()) else {
        let message = "`#[gort::test]` goes on a function: `fn name() { … }`";
        let error = Error::new(keyword_span(item.clone()), message).to_compile_error();
        return quote!(#item #error);
    };
    match check(options, &mut function) {
        Ok(options) => test(&options, &function),
        Err(error) => {
            let error = error.to_compile_error();
            quote!(#[allow(dead_code)] #function #error)
        }
    }
}

fn check(options: TokenStream, function: &mut Function) -> syn::Result<Options> {
    function.check_attributes("test", ATTRIBUTE)?;
    let options = Options::parse(options)?;
    function.check_signature(ATTRIBUTE)?;
    Ok(options)
}

fn test(options: &Options, function: &Function) -> TokenStream {
    let Function { attrs, vis, sig, body } = function;
    let (fn_token, ident) = (&sig.fn_token, &sig.ident);
    let gort = options.crate_path();
    let (bindings, options) = options.build(&gort);
    let entry = function.value();
    let (output, start) = if function.returns_unit() {
        (quote!(), quote!(test_unit))
    } else {
        (quote!(-> ::std::process::ExitCode), quote!(test_result))
    };
    quote! {
        #[::core::prelude::v1::test]
        #(#attrs)*
        #vis #fn_token #ident() #output {
            #sig #body
            #bindings
            #gort::__rt::#start(#options, #entry)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_return_type_decides_who_reports() {
        let check = |output: TokenStream, outer: TokenStream, start: TokenStream| {
            let expanded = expand(quote!(), quote!(#[ignore] fn t() #output { body() }));
            let expected = quote! {
                #[::core::prelude::v1::test]
                #[ignore]
                fn t() #outer {
                    fn t() #output { body() }
                    ::gort::__rt::#start(::gort::__rt::Options::new(), t)
                }
            };
            assert_eq!(expanded.to_string(), expected.to_string());
        };
        check(quote!(), quote!(), quote!(test_unit));
        check(quote!(-> ()), quote!(), quote!(test_unit));
        check(quote!(-> (())), quote!(), quote!(test_unit));
        let code = quote!(-> ::std::process::ExitCode);
        check(quote!(-> Result<(), E>), code.clone(), quote!(test_result));
        check(quote!(-> impl Termination), code.clone(), quote!(test_result));
        check(quote!(-> !), code, quote!(test_result));
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
                async fn t() {}
            ),
            quote!(
                #[allow(dead_code)]
                async fn t() {}
            ),
        );
        check(
            quote!(
                fn t(&self) {}
            ),
            quote!(
                #[allow(dead_code)]
                fn t(&self) {}
            ),
        );
        check(
            quote!(
                const C: u8 = 1;
            ),
            quote!(
                const C: u8 = 1;
            ),
        );
    }
}
