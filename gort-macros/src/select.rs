//! `select!` and `select_biased!`.
//!
//! ```text
//! select! {                      match (&(r()), &(s)) {
//!     recv(r()) -> v => a,         (c0, c1) => {
//!     send(s, m()) -> _ => b,        let c0: &Receiver<_> = c0;
//! }                                  let c1: &Sender<_> = c1;
//!                                    let operation = { let mut select = Select::new(); … };
//!                                    match operation.index() {
//!                                        0 => { let result = operation.recv(c0); let v = result; { a } }
//!                                        1 => { let result = operation.send(c1, m()); let _ = result; { b } }
//!                                        _ => no_such_arm(operation)
//! ```
//!
//! - The channels are evaluated once, in the order of the source, in a `match`, whose temporaries live
//!   until the end: `recv(o.unwrap_or(&never()))` works.
//! - The typed `let`s coerce, as a call's arguments are: `r` may be a `&&Receiver` or an `Arc` of one.
//! - The operation is used up before an arm's body runs, also before that of `default`: an arm may move
//!   its channel. This is why `default` is one more index and not the `None` of an `Option`, whose drop
//!   after the body would keep the channels borrowed.
//! - Bodies stand in no closure and in no labelled block: `break`, `continue`, `return` and `?` are the
//!   surrounding function's.
//! - A `recv` that is alone, but for a `default`, is a plain `recv`, `try_recv` or `recv_timeout`. A
//!   `send` alone with `default` is a `try_send` in two steps: its message must not be evaluated, or moved, before it is
//!   selected. Of a literal nobody can tell, so that is a plain `try_send`.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Pat};

use crate::invisible;
use crate::select_syntax::{self, Arm, Arms, Body, Default};

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let mut input = input.into_iter();
    // The `macro_rules!` in front of this macro hands over its `$crate`, and `new` or `new_biased`.
    let (Some(TokenTree::Group(gort)), Some(TokenTree::Ident(new))) = (input.next(), input.next()) else {
        return quote!(::core::compile_error! { "`select!` is reached through `gort::select!`" });
    };
    let (arms, error) = select_syntax::parse(invisible::keep_together(input.collect()));
    let expansion = Expansion { gort: gort.stream(), new };
    match error {
        None => expansion.select(&arms),
        Some(error) => {
            let error = error.to_compile_error();
            // The arms before the wrong one are shown, so that what they use is not called unused.
            let shown = if arms.operations.is_empty() {
                let body = arms.default.map(|default| braced(&default.body));
                quote!(#body)
            } else {
                expansion.select(&arms)
            };
            quote!({ #error #shown })
        }
    }
}

struct Expansion {
    gort: TokenStream,
    /// The constructor of the `Select`.
    new: Ident,
}

/// No name of the expansion is one of the user's.
fn site() -> Span {
    Span::mixed_site()
}

/// The name of the `i`th arm's channel.
fn channel_name(i: usize) -> Ident {
    Ident::new(&format!("c{i}"), site())
}

impl Expansion {
    fn select(&self, arms: &Arms) -> TokenStream {
        match (arms.operations.as_slice(), &arms.default) {
            ([], Some(Default { timeout: None, body })) => braced(body).into_token_stream(),
            ([], Some(Default { timeout: Some(timeout), body })) => {
                let (gort, body) = (&self.gort, braced(body));
                quote_spanned!(site()=> { #gort::sleep(#timeout); #body })
            }
            ([arm], default) if arm.message.is_none() => {
                self.with_channels(std::slice::from_ref(arm), &self.receive(arm, default.as_ref()))
            }
            ([arm @ Arm { message: Some(message), .. }], Some(Default { timeout: None, body }))
                if is_literal(message) =>
            {
                self.with_channels(std::slice::from_ref(arm), &self.try_send(arm, message, body))
            }
            (operations, default) => {
                self.with_channels(operations, &self.choose(operations, default.as_ref()))
            }
        }
    }

    /// `inner`, in which each channel has its name.
    fn with_channels(&self, operations: &[Arm], inner: &TokenStream) -> TokenStream {
        let gort = &self.gort;
        let names: Vec<Ident> = (0..operations.len()).map(channel_name).collect();
        let channels = operations.iter().map(|arm| parenthesized(&arm.channel));
        let coerced = operations.iter().zip(&names).map(|(arm, name)| {
            let end = Ident::new(if arm.message.is_some() { "Sender" } else { "Receiver" }, site());
            // An error about the type shows the channel.
            let shown = Ident::new(&name.to_string(), site().located_at(arm.channel.span()));
            quote_spanned!(site()=> let #name: &#gort::channel::#end<_> = #shown;)
        });
        quote_spanned! {site()=>
            match (#(&#channels,)*) {
                (#(#names,)*) => {
                    #(#coerced)*
                    #inner
                }
            }
        }
    }

    /// The only operation is a receive.
    fn receive(&self, arm: &Arm, default: Option<&Default>) -> TokenStream {
        let gort = &self.gort;
        let name = channel_name(0);
        let Some(Default { timeout, body }) = default else {
            let rest = bind(&quote_spanned!(site()=> #name.recv()), &arm.pat, &arm.body);
            return quote_spanned!(site()=> { #rest });
        };
        let (attempt, error) = match timeout {
            None => (
                quote_spanned!(site()=> #name.try_recv()),
                quote_spanned!(site()=> #gort::channel::TryRecvError::Empty),
            ),
            Some(timeout) => (
                quote_spanned!(site()=> #name.recv_timeout(#timeout)),
                quote_spanned!(site()=> #gort::channel::RecvTimeoutError::Timeout),
            ),
        };
        let default = braced(body);
        let value = quote_spanned!(site()=> received.map_err(|_| #gort::channel::RecvError));
        let rest = bind(&value, &arm.pat, &arm.body);
        quote_spanned! {site()=>
            match #attempt {
                ::core::result::Result::Err(#error) => #default
                received => { #rest }
            }
        }
    }

    /// The only operation is a send, of a literal, with a `default`.
    fn try_send(&self, arm: &Arm, message: &Expr, default: &Body) -> TokenStream {
        let gort = &self.gort;
        let name = channel_name(0);
        let default = braced(default);
        let value = quote_spanned! {site()=>
            sent.map_err(|error| #gort::channel::SendError(error.into_inner()))
        };
        let rest = bind(&value, &arm.pat, &arm.body);
        quote_spanned! {site()=>
            match #name.try_send(#message) {
                ::core::result::Result::Err(#gort::channel::TrySendError::Full(_)) => #default
                sent => { #rest }
            }
        }
    }

    /// A `Select` of all operations.
    fn choose(&self, operations: &[Arm], default: Option<&Default>) -> TokenStream {
        let (gort, new) = (&self.gort, &self.new);
        let new = Ident::new(&new.to_string(), site());
        let mut added = TokenStream::new();
        let mut cases = TokenStream::new();
        for (i, arm) in operations.iter().enumerate() {
            let name = channel_name(i);
            let (add, complete) = match &arm.message {
                None => (
                    quote_spanned!(site()=> select.recv(#name);),
                    quote_spanned!(site()=> operation.recv(#name)),
                ),
                Some(message) => (
                    quote_spanned!(site()=> select.send(#name);),
                    quote_spanned!(site()=> operation.send(#name, #message)),
                ),
            };
            added.extend(add);
            let rest = bind(&complete, &arm.pat, &arm.body);
            cases.extend(quote_spanned!(site()=> #i => { #rest }));
        }
        let of_all = |selected: TokenStream| quote_spanned!(site()=> { let mut select = #gort::channel::Select::#new(); #added #selected });
        let (before, operation) = match default {
            None => (quote!(), of_all(quote_spanned!(site()=> select.select()))),
            // A send: a receive would be a `try_recv`.
            Some(Default { timeout: None, .. }) if operations.len() == 1 => {
                let name = channel_name(0);
                (quote!(), quote_spanned!(site()=> #gort::__rt::try_select_send(#name)))
            }
            Some(Default { timeout: None, .. }) => {
                (quote!(), of_all(quote_spanned!(site()=> #gort::__rt::try_select(&mut select))))
            }
            Some(Default { timeout: Some(timeout), .. }) => (
                quote_spanned!(site()=> let timeout: ::core::time::Duration = #timeout;),
                of_all(quote_spanned!(site()=> #gort::__rt::select_timeout(&mut select, timeout))),
            ),
        };
        let last = match default {
            None => quote_spanned!(site()=> _ => #gort::__rt::no_such_arm(operation),),
            Some(Default { body, .. }) => {
                let body = braced(body);
                quote_spanned!(site()=> _ => { #gort::__rt::none_selected(operation); #body })
            }
        };
        quote_spanned! {site()=>
            #before
            let operation = #operation;
            match operation.index() {
                #cases
                #last
            }
        }
    }
}

/// Whether to evaluate it does nothing but make a value.
fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) => true,
        Expr::Tuple(tuple) => tuple.elems.iter().all(is_literal),
        Expr::Unary(unary) => matches!(unary.op, syn::UnOp::Neg(_)) && matches!(*unary.expr, Expr::Lit(_)),
        Expr::Paren(paren) => is_literal(&paren.expr),
        _ => false,
    }
}

/// Binds the result and runs the arm's body.
fn bind(value: &TokenStream, pat: &Pat, body: &Body) -> TokenStream {
    let body = braced(body);
    // Of a pattern with `|`, a `let` wants parentheses.
    let pat = match pat {
        Pat::Or(_) => Group::new(Delimiter::Parenthesis, pat.to_token_stream()).into_token_stream(),
        _ => pat.to_token_stream(),
    };
    quote_spanned! {site()=>
        let result = #value;
        let #pat = result;
        #body
    }
}

fn braced(body: &Body) -> TokenTree {
    TokenTree::Group(match body {
        Body::Block(block) => block.clone(),
        Body::Expr(expr) => {
            // At the beginning of a block, `{ 1 } as u8` would be two statements.
            let expr = match **expr {
                Expr::Binary(_) | Expr::Cast(_) | Expr::Index(_) | Expr::Range(_) => {
                    parenthesized(expr).into_token_stream()
                }
                _ => expr.to_token_stream(),
            };
            grouped(Delimiter::Brace, expr)
        }
    })
}

fn parenthesized(expr: &Expr) -> Group {
    grouped(Delimiter::Parenthesis, expr.to_token_stream())
}

/// With delimiters of ours, so that no lint calls them unnecessary.
fn grouped(delimiter: Delimiter, content: TokenStream) -> Group {
    let span = site().located_at(content.span());
    let mut group = Group::new(delimiter, content);
    group.set_span(span);
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a select becomes: of the calls that these tests know, the one that it makes.
    #[test]
    fn the_arms_decide_what_is_called() {
        let check = |arms: TokenStream, expected: &str| {
            let expanded = expand(quote!([gort] new #arms)).to_string().replace(' ', "");
            let calls: Vec<_> = [
                "c0.recv()",
                "c0.try_recv()",
                "c0.recv_timeout(d)",
                "c0.try_send(",
                "gort::__rt::try_select_send(c0)",
                "gort::__rt::try_select(&mutselect)",
                "gort::__rt::select_timeout(&mutselect,timeout)",
                "select.select()",
                "gort::sleep(d)",
            ]
            .into_iter()
            .filter(|call| expanded.contains(call))
            .collect();
            assert_eq!(calls, [expected], "{expanded}");
            // Those that are given a `Select`, and no other, have built one.
            assert_eq!(
                expanded.contains("Select::new()"),
                expected.replace("try_select_send", "").contains("select")
            );
        };
        check(quote!(recv(r) -> v => {}), "c0.recv()");
        check(quote!(recv(r) -> S { a } | T { a, .. } => {}), "c0.recv()");
        check(quote!(recv(r) -> v => {} default => {}), "c0.try_recv()");
        check(quote!(recv(r) -> v => {} default(d) => {}), "c0.recv_timeout(d)");
        // A message that is made only if it is sent.
        check(quote!(send(s, m()) -> v => {} default => {}), "gort::__rt::try_select_send(c0)");
        check(quote!(default => {} send(s, m) -> v => {}), "gort::__rt::try_select_send(c0)");
        check(quote!(send(s, (1, m)) -> v => {} default => {}), "gort::__rt::try_select_send(c0)");
        for literal in [quote!(1), quote!(-1.5), quote!(()), quote!((1, ("a", true)))] {
            check(quote!(send(s, #literal) -> v => {} default => {}), "c0.try_send(");
        }
        check(quote!(send(s, 1) -> v => {}), "select.select()");
        check(
            quote!(send(s, 1) -> v => {} default(d) => {}),
            "gort::__rt::select_timeout(&mutselect,timeout)",
        );
        check(quote!(recv(r) -> v => {} send(s, 1) -> v => {}), "select.select()");
        check(
            quote!(recv(r) -> v => {} recv(s) -> v => {} default => {}),
            "gort::__rt::try_select(&mutselect)",
        );
        check(quote!(default(d) => {}), "gort::sleep(d)");
    }
}
