//! `go!`: what runs now, in the calling goroutine, and what runs later, in the new one.
//!
//! A call is taken apart. Its arguments, and a function value or receiver that has to be computed,
//! become arguments of a local function `__go`, so they are evaluated now, in the order of the
//! source; a closure that takes their values makes the call later:
//!
//! ```text
//! go!(f(a(), "x"))      fn __go<T0, R, F>(_0: T0, f: F)
//!                       where T0: Send + 'static, F: FnOnce(T0) -> R + Send + 'static
//!                       { gort::__rt::go(move || f(_0)); }
//!                       __go(a(), move |_0| { f(_0, "x") });
//! ```
//!
//! - What needs no evaluation stays inside the closure: a variable or field that is called or is
//!   the receiver (`move` takes its value, and an argument may still borrow it before, as in
//!   `go!(v.push(v.len()))`; a `static` is not moved out of), a closure or `async` block (which
//!   gets its types from the call), a literal.
//! - Coercions happen at the call, where the parameter's type is known.
//! - The bounds are on a function of the user's crate, with one type parameter per argument, so
//!   the error about an `Rc` or a borrow names that argument, and shows no source of gort.
//! - `__go` is `#[inline(always)]` and `#[track_caller]`: the caller's PC and `Location`, which
//!   the runtime records, are those of the function that says `go!`.
//! - The result is the closure's value or goes to `_`: no `#[must_use]` is heard of.
//!
//! Rejected: a `let` for each argument in front of the closure. A borrow or an `Rc` is then
//! reported at the closure, a closure argument loses its expected type, and `v.push(v.len())` a
//! borrow that plain Rust allows.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, Token, UnOp};

use crate::go_syntax::{self, Refused, Statements, Work, check_now};
use crate::invisible;
use crate::options::peel;

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let mut input = input.into_iter();
    // The `macro_rules!` in front of this macro hands over its `$crate` as a bracket group.
    let Some(TokenTree::Group(gort)) = input.next() else {
        return quote!(::core::compile_error! { "`go!` is reached through `gort::go!`" });
    };
    let tokens = invisible::keep_together(input.collect());
    start(&gort.stream(), tokens).unwrap_or_else(|refused| refused.to_tokens())
}

fn start(gort: &TokenStream, tokens: TokenStream) -> Result<TokenStream, Refused> {
    let (options, work) = go_syntax::parse(tokens)?;
    Ok(match work {
        Work::Call(expr) => {
            let call = Call::new(&expr).map_err(|error| Refused::showing(error, &expr))?;
            launch(gort, &options, &call)
        }
        Work::Value(expr) => {
            check_now(&expr).map_err(|error| Refused::showing(error, &expr))?;
            launch(gort, &options, &Call::without_arguments(expr.into_token_stream()))
        }
        Work::Block(statements) => {
            // In the user's spans, so that an error about the closure shows the block.
            let body = match statements {
                Statements::Braced(body) => body,
                Statements::Bare(tokens) => braced(tokens.clone(), &tokens),
            };
            let head = quote_spanned!(body.stream().span()=> move ||);
            launch(gort, &options, &Call::without_arguments(quote!(#head #body)))
        }
    })
}

/// The statements that evaluate the options and the arguments and start the goroutine.
fn launch(gort: &TokenStream, options: &go_syntax::Options, call: &Call<'_>) -> TokenStream {
    let Call { now, names, later } = call;
    let types: Vec<Ident> = (0..now.len()).map(|i| format_ident!("T{i}")).collect();
    let (bindings, value) = options.build(gort);
    // Whoever sets no option pays for none.
    let run = if now.is_empty() { quote!(f) } else { quote!(move || f(#(#names),*)) };
    let (parameter, argument, go) = match value {
        Some(value) => (
            quote!(options: #gort::__rt::GoOptions,),
            quote!(#value,),
            quote!(#gort::__rt::go_with(options, #run)),
        ),
        None => (quote!(), quote!(), quote!(#gort::__rt::go(#run))),
    };
    quote! {{
        #[inline(always)]
        #[track_caller]
        fn __go<#(#types,)* R, F>(#parameter #(#names: #types,)* f: F)
        where
            #(#types: ::core::marker::Send + 'static,)*
            F: ::core::ops::FnOnce(#(#types),*) -> R + ::core::marker::Send + 'static,
        {
            #go;
        }
        #bindings
        __go(#argument #(#now,)* #later);
    }}
}

/// A call taken apart.
struct Call<'a> {
    /// What is evaluated now, in the order of the source.
    now: Vec<&'a Expr>,
    /// A name for each value, shown where its expression stands.
    names: Vec<Ident>,
    /// The closure that makes the call, with the names in the place of the expressions.
    later: TokenStream,
}

impl<'a> Call<'a> {
    fn new(expr: &'a Expr) -> syn::Result<Call<'a>> {
        let mut call = Call::without_arguments(TokenStream::new());
        let later = call.take_apart(expr)?;
        let names = &call.names;
        // A function's result is the closure's. A method's may borrow from the receiver, so it is
        // dropped here; the `if` is for clippy, which minds the `let _` of a call that never
        // returns.
        let body = match expr {
            Expr::MethodCall(_) => {
                quote!(let _ = if true { #later } else { ::core::unreachable!() };)
            }
            _ => later.clone(),
        };
        // In the user's spans, so that an error about the closure shows the call.
        let head = quote_spanned!(later.span()=> move |#(mut #names),*|);
        let body = braced(body, &later);
        call.later = quote!(#head #body);
        Ok(call)
    }

    fn without_arguments(later: TokenStream) -> Call<'a> {
        Call { now: Vec::new(), names: Vec::new(), later }
    }

    fn take_apart(&mut self, expr: &'a Expr) -> syn::Result<TokenStream> {
        match expr {
            Expr::Call(call) => {
                let function = self.subject(&call.func)?;
                let args = self.args(&call.args, call.paren_token.span.join())?;
                Ok(quote!(#function #args))
            }
            Expr::MethodCall(call) => {
                let receiver = self.subject(&call.receiver)?;
                let (dot, method, turbofish) = (&call.dot_token, &call.method, &call.turbofish);
                let args = self.args(&call.args, call.paren_token.span.join())?;
                Ok(quote!(#receiver #dot #method #turbofish #args))
            }
            other => Err(syn::Error::new_spanned(other, "not a call")),
        }
    }

    /// The function or the receiver.
    fn subject(&mut self, expr: &'a Expr) -> syn::Result<TokenStream> {
        if is_place(expr) || is_inert(expr) {
            return Ok(expr.to_token_stream());
        }
        self.evaluate(expr)
    }

    fn args(&mut self, args: &'a Punctuated<Expr, Token![,]>, span: Span) -> syn::Result<Group> {
        let mut tokens = TokenStream::new();
        for pair in args.pairs() {
            let (arg, comma) = pair.into_tuple();
            if is_inert(arg) {
                arg.to_tokens(&mut tokens);
            } else {
                tokens.extend(self.evaluate(arg)?);
            }
            comma.to_tokens(&mut tokens);
        }
        let mut group = Group::new(Delimiter::Parenthesis, tokens);
        group.set_span(span);
        Ok(group)
    }

    /// Has `expr` evaluated now, and returns the name of its value.
    fn evaluate(&mut self, expr: &'a Expr) -> syn::Result<TokenStream> {
        check_now(expr)?;
        // The underscore quiets the lint about a `mut` that is not needed.
        let span = Span::mixed_site().located_at(expr.span());
        let name = Ident::new(&format!("_{}", self.now.len()), span);
        self.now.push(expr);
        self.names.push(name.clone());
        Ok(name.into_token_stream())
    }
}

/// A variable, a field of one, or what a reference in one points to: naming it has no effect, and
/// a `move` closure takes it by value.
fn is_place(expr: &Expr) -> bool {
    match peel(expr) {
        Expr::Path(_) => true,
        Expr::Field(field) => is_place(&field.base),
        Expr::Unary(unary) => matches!(unary.op, UnOp::Deref(_)) && is_place(&unary.expr),
        _ => false,
    }
}

/// An expression whose evaluation does nothing but capture.
fn is_inert(expr: &Expr) -> bool {
    matches!(peel(expr), Expr::Async(_) | Expr::Closure(_) | Expr::Lit(_))
}

/// `{ content }`, whose end is where `shown` ends.
fn braced(content: TokenStream, shown: &TokenStream) -> Group {
    let mut group = Group::new(Delimiter::Brace, content);
    group.set_span(last_span(shown));
    group
}

fn last_span(tokens: &TokenStream) -> Span {
    match tokens.clone().into_iter().last() {
        Some(TokenTree::Group(group)) => group.span_close(),
        Some(tree) => tree.span(),
        None => Span::call_site(),
    }
}
