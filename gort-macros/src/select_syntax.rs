//! What `select!` accepts, arm by arm, and what it says about the rest.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, Lit, Pat, Token, token};

use crate::invisible;

const EMPTY: &str = "nothing to select: an arm is `recv(r) -> value => …`, `send(s, message) -> result => …` \
     or `default => …`";
const KNOWN: &str = "expected `recv`, `send` or `default`";
const RECV: &str = "`recv` takes one receiver, as in `recv(r) -> value => …`";
const SEND: &str = "`send` takes a sender and a message, as in `send(s, message) -> result => …`";
const DEFAULT: &str =
    "`default` takes nothing or a timeout, as in `default => …` or `default(duration) => …`";
const DEFAULT_ARROW: &str = "`default` has no result: `default => …`";
const ARROW: &str = "expected `=>` and what to do";
const SEMICOLON: &str = "arms are separated by `,`";

/// What is selected from: at most one `default`, and any number of operations.
#[derive(Default)]
pub(crate) struct Arms {
    pub(crate) operations: Vec<Arm>,
    pub(crate) default: Option<Default>,
}

/// `recv(channel) -> pat => body`, or with a message `send(channel, message) -> pat => body`.
pub(crate) struct Arm {
    pub(crate) channel: Expr,
    /// The message of a send.
    pub(crate) message: Option<Expr>,
    pub(crate) pat: Pat,
    pub(crate) body: Body,
}

/// `default => body`, `default(timeout) => body`.
pub(crate) struct Default {
    pub(crate) timeout: Option<Expr>,
    pub(crate) body: Body,
}

/// What an arm runs.
pub(crate) enum Body {
    /// Not parsed: what is wrong in it, the compiler says best.
    Block(Group),
    Expr(Box<Expr>),
}

impl ToTokens for Body {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Body::Block(block) => block.to_tokens(tokens),
            Body::Expr(expr) => expr.to_tokens(tokens),
        }
    }
}

/// The arms, and what is wrong with the first one that is not one.
pub(crate) fn parse(tokens: TokenStream) -> (Arms, Option<Error>) {
    let mut arms = Arms::default();
    let parser = |input: ParseStream<'_>| {
        if input.is_empty() {
            return Err(Error::new(Span::call_site(), EMPTY));
        }
        while !input.is_empty() {
            arms.parse_arm(input)?;
        }
        Ok(())
    };
    let error = parser.parse2(tokens).err();
    (arms, error)
}

impl Arms {
    fn parse_arm(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error(KNOWN));
        }
        let kind = Ident::parse_any(input)?;
        match kind.to_string().as_str() {
            "recv" => {
                let [channel] = arguments(input, &kind, RECV)?;
                let pat = result(input, &kind)?;
                self.operations.push(Arm { channel, message: None, pat, body: body(input)? });
            }
            "send" => {
                let [channel, message] = arguments(input, &kind, SEND)?;
                let pat = result(input, &kind)?;
                let message = Some(message);
                self.operations.push(Arm { channel, message, pat, body: body(input)? });
            }
            "default" => {
                if self.default.is_some() {
                    return Err(Error::new(kind.span(), "there can be only one `default`"));
                }
                let timeout = timeout(input)?;
                if input.peek(Token![->]) {
                    return Err(input.error(DEFAULT_ARROW));
                }
                self.default = Some(Default { timeout, body: body(input)? });
            }
            _ => return Err(Error::new(kind.span(), KNOWN)),
        }
        Ok(())
    }
}

/// What stands in the parentheses after `recv` and `send`.
fn arguments<const N: usize>(input: ParseStream<'_>, kind: &Ident, usage: &str) -> syn::Result<[Expr; N]> {
    if !input.peek(token::Paren) {
        return Err(Error::new(kind.span(), usage));
    }
    let group: Group = input.parse()?;
    let args = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(group.stream())?;
    let args: Vec<Expr> = args.into_iter().collect();
    args.try_into().map_err(|_| Error::new(group.span(), usage))
}

/// What stands in the parentheses after `default`, if there are any.
fn timeout(input: ParseStream<'_>) -> syn::Result<Option<Expr>> {
    if !input.peek(token::Paren) {
        return Ok(None);
    }
    let group: Group = input.parse()?;
    let args = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(group.stream())?;
    let mut args = args.into_iter();
    match (args.next(), args.next()) {
        (timeout, None) => Ok(timeout),
        _ => Err(Error::new(group.span(), DEFAULT)),
    }
}

/// `-> pat`.
fn result(input: ParseStream<'_>, kind: &Ident) -> syn::Result<Pat> {
    if !input.peek(Token![->]) {
        let message =
            format!("`{kind}` has a result: `{kind}(…) -> value => …`, or `{kind}(…) -> _ => …` to drop it");
        return Err(if input.is_empty() { Error::new(kind.span(), message) } else { input.error(message) });
    }
    let arrow: Token![->] = input.parse()?;
    if input.is_empty() || input.peek(Token![=>]) {
        return Err(Error::new_spanned(arrow, "a pattern comes after `->`, as in `-> value` or `-> _`"));
    }
    if let Some(found) = block_without_arrow(&input.fork()) {
        return Err(Error::new(found, ARROW));
    }
    Pat::parse_multi_with_leading_vert(input)
}

/// Where a body begins that has no `=>`: in `v { … }` it would be taken for the fields of a struct `v`.
fn block_without_arrow(pat: ParseStream<'_>) -> Option<Span> {
    while !pat.is_empty() && !pat.peek(Token![=>]) {
        if !pat.peek(token::Brace) {
            pat.parse::<TokenTree>().ok()?;
            continue;
        }
        let braces: Group = pat.parse().ok()?;
        let ends = pat.is_empty() || pat.peek(Token![,]) || pat.peek(Token![;]) || pat.peek(Ident::peek_any);
        if ends {
            return Some(braces.span_open());
        }
    }
    None
}

/// `=> body`, and the comma if there is one: after an expression that is not the last there must be.
fn body(input: ParseStream<'_>) -> syn::Result<Body> {
    if !input.peek(Token![=>]) {
        let found = if input.is_empty() { Span::call_site() } else { input.span() };
        return Err(Error::new(found, ARROW));
    }
    let arrow: Token![=>] = input.parse()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(Error::new_spanned(arrow, "an expression or a block comes after `=>`"));
    }
    if let Some(block) = block(input)? {
        input.parse::<Option<Token![,]>>()?;
        return Ok(Body::Block(block));
    }
    let expr = input.parse()?;
    if input.peek(Token![;]) {
        return Err(input.error(SEMICOLON));
    }
    if !input.is_empty() && !input.peek(Token![,]) {
        return Err(input.error("expected `,` between this and the arm before"));
    }
    input.parse::<Option<Token![,]>>()?;
    Ok(Body::Expr(Box::new(expr)))
}

/// A block that is a whole body, and not the beginning of an expression as in `{ a }.b()`.
fn block(input: ParseStream<'_>) -> syn::Result<Option<Group>> {
    let ahead = input.fork();
    let Some(block) = invisible::braces(&ahead.parse()?) else {
        return Ok(None);
    };
    if ahead.peek(Token![;]) {
        return Err(ahead.error(SEMICOLON));
    }
    // No operator: the next arm, or what is meant to be one.
    let next_arm = ahead.peek(Lit) || ahead.peek(Ident::peek_any) && !ahead.peek(Token![as]);
    if ahead.is_empty() || ahead.peek(Token![,]) || next_arm {
        input.advance_to(&ahead);
        return Ok(Some(block));
    }
    Ok(None)
}
