//! What stands between the parentheses of `go!`: options, then a call, a value or statements.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Error, Expr, Item, Lit, Macro, Stmt, Token};

use crate::invisible;
use crate::options::{self, Number, peel};

/// What the goroutine runs.
pub(crate) enum Work {
    /// `f(a, b)` or `x.method(a)`: an `Expr::Call` or an `Expr::MethodCall`.
    Call(Expr),
    /// A closure, or any other expression whose value is called.
    Value(Expr),
    /// Statements, as they were written.
    Block(Statements),
}

/// The statements of a block form.
pub(crate) enum Statements {
    /// `go!({ … })`: the user's own braces.
    Braced(Group),
    /// `go! { … }`: what stood between the macro's braces.
    Bare(TokenStream),
}

/// An error, and the expression that comes out beside it: the compiler then knows the types that
/// depend on it, and says no more than this.
pub(crate) struct Refused {
    error: Error,
    shown: TokenStream,
}

impl Refused {
    pub(crate) fn showing(error: Error, expr: &Expr) -> Refused {
        Refused { error, shown: quote!(let _ = #expr;) }
    }

    pub(crate) fn to_tokens(&self) -> TokenStream {
        let error = self.error.to_compile_error();
        let shown = &self.shown;
        quote!({ #error #shown })
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused { error, shown: TokenStream::new() }
    }
}

const EMPTY: &str = "nothing to run: `go!` takes a call, a closure or statements, as in `go!(f(x))`";
const EMPTY_AFTER_OPTIONS: &str =
    "nothing to run: after the options comes `;`, and then a call, a closure or statements";
const KNOWN: &str = "the options are `name = \"…\"` and `stack_size = BYTES`";

pub(crate) fn parse(tokens: TokenStream) -> Result<(Options, Work), Refused> {
    let split = |input: ParseStream<'_>| {
        if input.is_empty() {
            return Err(Error::new(Span::call_site(), EMPTY));
        }
        Ok((Options::parse(input)?, input.parse::<TokenStream>()?))
    };
    let (options, tokens) = split.parse2(tokens)?;
    Ok((options, Work::parse(tokens)?))
}

/// The options in front of a `;`.
#[derive(Default)]
pub(crate) struct Options {
    name: Option<(Ident, Expr)>,
    stack_size: Option<Number>,
}

impl Options {
    /// Options are there if the first thing is an assignment.
    fn parse(input: ParseStream<'_>) -> syn::Result<Options> {
        let mut options = Options::default();
        if !input.peek(Ident::peek_any) || !input.peek2(Token![=]) || input.peek2(Token![==]) {
            return Ok(options);
        }
        loop {
            options.parse_one(input)?;
            let comma: Option<Token![,]> = input.parse()?;
            if comma.is_none() || input.is_empty() || input.peek(Token![;]) {
                break;
            }
        }
        if input.is_empty() {
            return Err(Error::new(Span::call_site(), EMPTY_AFTER_OPTIONS));
        }
        let semi: Token![;] = input.parse()?;
        if input.is_empty() {
            return Err(Error::new_spanned(semi, EMPTY_AFTER_OPTIONS));
        }
        Ok(options)
    }

    fn parse_one(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let name = input.call(Ident::parse_any)?;
        match name.to_string().as_str() {
            "name" => {
                let value = options::parse_value(input, &name, "\"worker\"")?;
                if matches!(peel(&value), Expr::Lit(lit) if !matches!(lit.lit, Lit::Str(_))) {
                    return Err(Error::new_spanned(value, "`name` must be a string"));
                }
                check_now(&value)?;
                options::set(&mut self.name, &name, |name| (name, value))
            }
            "stack_size" => {
                let value = options::parse_value(input, &name, "1 << 20")?;
                options::check_number(&value, "stack_size", u64::MAX)?;
                check_now(&value)?;
                options::set(&mut self.stack_size, &name, |name| Number { name, value })
            }
            unknown => {
                let mut message = format!("unknown option `{unknown}`: {KNOWN}");
                if self.name.is_none() && self.stack_size.is_none() {
                    // Perhaps it was not meant as one.
                    message.push_str("; to begin with an assignment, `go!(move || { … })`");
                }
                Err(Error::new(name.span(), message))
            }
        }
    }

    /// The statements that evaluate the options, and the expression that builds gort's
    /// `GoOptions`, if there is one.
    pub(crate) fn build(&self, gort: &TokenStream) -> (TokenStream, Option<TokenStream>) {
        let mut bindings = TokenStream::new();
        let mut built = TokenStream::new();
        if let Some((name, value)) = &self.name {
            let local = Ident::new("name", Span::mixed_site());
            let string = quote::quote_spanned!(name.span()=> ::std::string::String);
            bindings.extend(quote!(let #local: #string = ::core::convert::Into::into(#value);));
            built.extend(quote!(.name(#local)));
        }
        if let Some(stack_size) = &self.stack_size {
            let local = stack_size.local();
            bindings.extend(stack_size.binding());
            built.extend(quote!(.stack_size(#local)));
        }
        let value = (!built.is_empty()).then(|| quote!(#gort::__rt::GoOptions::new() #built));
        (bindings, value)
    }
}

impl Work {
    fn parse(tokens: TokenStream) -> syn::Result<Work> {
        let tokens = without_trailing_comma(tokens);
        let mut trees = tokens.clone().into_iter();
        let only = trees.next().filter(|_| trees.next().is_none());
        if let Some(braces) = only.as_ref().and_then(invisible::braces) {
            return Ok(Work::Block(Statements::Braced(braces)));
        }
        // Statements are told apart as the compiler does it: `if c { f() } (g)(x)` are two. What
        // syn cannot read goes to the compiler, which knows more syntax and reports errors best.
        let parsed = Block::parse_within.parse2(tokens.clone());
        let Ok([Stmt::Expr(expr, None)]) = parsed.as_deref() else {
            return Ok(Work::Block(Statements::Bare(tokens)));
        };
        match peel(expr) {
            call @ (Expr::Call(_) | Expr::MethodCall(_)) => Ok(Work::Call(call.clone())),
            Expr::Async(future) => Err(Error::new_spanned(
                future.async_token,
                "a goroutine runs blocking code: have it wait for the future, \
                 `go!(gort::block_on(async { … }))`",
            )),
            _ if is_statement(expr) => Ok(Work::Block(Statements::Bare(tokens))),
            _ => Ok(Work::Value(expr.clone())),
        }
    }
}

/// A call spread over lines is often written with a comma behind it.
fn without_trailing_comma(tokens: TokenStream) -> TokenStream {
    let mut trees: Vec<TokenTree> = tokens.into_iter().collect();
    if matches!(trees.last(), Some(TokenTree::Punct(punct)) if punct.as_char() == ',') {
        trees.pop();
    }
    trees.into_iter().collect()
}

/// Whether an expression stands for what it does, and not for a value that can be called.
/// Parentheses make it a value.
fn is_statement(expr: &Expr) -> bool {
    match expr {
        Expr::Group(group) => is_statement(&group.expr),
        Expr::Binary(binary) => is_assignment(&binary.op),
        Expr::Assign(_)
        | Expr::Block(_)
        | Expr::Break(_)
        | Expr::Continue(_)
        | Expr::ForLoop(_)
        | Expr::If(_)
        | Expr::Loop(_)
        | Expr::Macro(_)
        | Expr::Match(_)
        | Expr::Return(_)
        | Expr::TryBlock(_)
        | Expr::Unsafe(_)
        | Expr::Verbatim(_)
        | Expr::While(_) => true,
        _ => false,
    }
}

fn is_assignment(op: &BinOp) -> bool {
    matches!(
        op,
        BinOp::AddAssign(_)
            | BinOp::BitAndAssign(_)
            | BinOp::BitOrAssign(_)
            | BinOp::BitXorAssign(_)
            | BinOp::DivAssign(_)
            | BinOp::MulAssign(_)
            | BinOp::RemAssign(_)
            | BinOp::ShlAssign(_)
            | BinOp::ShrAssign(_)
            | BinOp::SubAssign(_)
    )
}

/// Refuses `?` and `.await` in what is evaluated now: the reader of `go!(f(x?))` cannot see
/// whether the caller returns or the goroutine does.
pub(crate) fn check_now(expr: &Expr) -> syn::Result<()> {
    let mut leaves = Leaves { first: None };
    leaves.visit_expr(expr);
    leaves.first.map_or(Ok(()), Err)
}

/// Finds the first expression that leaves or suspends the function around it.
struct Leaves {
    first: Option<Error>,
}

impl<'ast> Visit<'ast> for Leaves {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        let (found, bind) = match expr {
            Expr::Closure(_) | Expr::Async(_) => return,
            Expr::Try(_) => ("`?`", "let v = …?;"),
            Expr::Await(_) => ("`.await`", "let v = ….await;"),
            other => return visit::visit_expr(self, other),
        };
        self.first.get_or_insert_with(|| {
            let message =
                format!("{found} in what `go!` evaluates: take the value first, `{bind} go!(f(v));`");
            Error::new_spanned(expr, message)
        });
    }

    fn visit_item(&mut self, _: &'ast Item) {}

    /// The arguments of `vec!`, `format!` and their like are expressions too.
    fn visit_macro(&mut self, mac: &'ast Macro) {
        let parser = Punctuated::<Expr, Token![,]>::parse_terminated;
        let Ok(args) = mac.parse_body_with(parser) else {
            return;
        };
        if let Some(error) = args.iter().find_map(|arg| check_now(arg).err()) {
            self.first.get_or_insert(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proc_macro2::Delimiter;

    /// What `go!` makes of `tokens`: the options that are set, and the form of the rest.
    fn form(tokens: TokenStream) -> String {
        let (options, work) = match parse(tokens) {
            Ok(parsed) => parsed,
            Err(refused) => return refused.error.to_string(),
        };
        let name = options.name.map_or("", |_| "name ");
        let stack_size = options.stack_size.map_or("", |_| "stack_size ");
        let work = match work {
            Work::Call(_) => "call",
            Work::Value(_) => "value",
            Work::Block(Statements::Braced(_)) => "braced",
            Work::Block(Statements::Bare(_)) => "block",
        };
        format!("{name}{stack_size}{work}")
    }

    #[test]
    fn forms() {
        let check = |tokens: TokenStream, expected: &str| {
            let shown = tokens.to_string();
            let found = form(tokens);
            assert!(found.starts_with(expected), "{shown}: {found}");
        };
        for call in [
            quote!(f()),
            quote!(f(a, b)),
            quote!(f(a),),
            quote!((f(a))),
            quote!(m::f::<T>(a)),
            quote!(<T as Tr>::f(a)),
            quote!(Self::f(a)),
            quote!((g)(a)),
            quote!(t[0](a)),
            quote!((|| 1)()),
            quote!(x.f()),
            quote!(x.y.f::<T>(a)),
            quote!(f(a).g(b)),
            quote!({ x }.f()),
        ] {
            check(call, "call");
        }
        for value in [
            quote!(|| f()),
            quote!(move || { f() }),
            quote!(handler),
            quote!(m::handler),
            quote!(x.handler),
            quote!(t[0]),
            quote!(f as fn()),
            quote!((if c { f } else { g })),
            quote!(1 + 1),
        ] {
            check(value, "value");
        }
        for block in [
            quote!(f();),
            quote!(let a = 1; f(a)),
            quote!(f(); g()),
            quote!(if c {
                f()
            }),
            quote!(if c {
                f()
            }(g)(x)),
            quote!(match c {
                _ => f(),
            }),
            quote!(for i in 0..3 {
                f(i)
            }),
            quote!(loop {
                f()
            }),
            quote!(while c {
                f()
            }),
            quote!(unsafe { f() }),
            quote!(println!("x")),
            quote!(println!("x"),),
            quote!(x += f()),
            quote!(*x = f()),
            quote!(return),
            quote!(fn g() {}, g()),
            // Not Rust: the compiler says so.
            quote!(f(a) b),
            quote!(=> f),
        ] {
            check(block, "block");
        }
        check(quote!({ f() }), "braced");
        check(quote!({}), "braced");
        let inserted = TokenTree::Group(Group::new(Delimiter::None, quote!({ f() })));
        check(quote!(#inserted), "braced");
        let inserted = TokenTree::Group(Group::new(Delimiter::None, quote!(f(x))));
        check(quote!(#inserted), "call");
        let inserted = TokenTree::Group(Group::new(
            Delimiter::None,
            quote!(if c {
                f()
            }),
        ));
        check(quote!(#inserted), "block");

        check(quote!(name = "n"; f(a)), "name call");
        check(quote!(name = n, stack_size = 1,; || f()), "name stack_size value");
        check(quote!(stack_size = g(); f(); g()), "stack_size block");
        check(quote!(name = "n"; { f() }), "name braced");
        check(quote!(name == other), "value");

        check(quote!(), EMPTY);
        check(quote!(name = "n"), EMPTY_AFTER_OPTIONS);
        check(quote!(name = "n";), EMPTY_AFTER_OPTIONS);
        check(quote!(name = "n",), EMPTY_AFTER_OPTIONS);
        check(quote!(name = 1; f()), "`name` must be a string");
        check(quote!(name = ; f()), "`name` needs a value");
        check(quote!(name = "a", name = "b"; f()), "option `name` is given twice");
        check(quote!(stack_size = 0; f()), "`stack_size` must be at least 1");
        check(quote!(nice = 1; f()), "unknown option `nice`");
        check(quote!(async { f() }), "a goroutine runs blocking code");
    }

    #[test]
    fn question_mark_and_await() {
        let check = |expr: Expr, expected: Option<&str>| {
            let found = check_now(&expr).err().map(|error| error.to_string());
            assert_eq!(found.as_deref().map(|text| &text[..text.find(" in ").unwrap()]), expected);
        };
        let (question_mark, dot_await) = (Some("`?`"), Some("`.await`"));
        check(syn::parse_quote!(f(a)), None);
        check(syn::parse_quote!(a?), question_mark);
        check(syn::parse_quote!(a.await), dot_await);
        check(syn::parse_quote!(a.await?), question_mark);
        check(syn::parse_quote!(f(g(a.b?.c))), question_mark);
        check(
            syn::parse_quote!({
                let b = a?;
                b
            }),
            question_mark,
        );
        check(syn::parse_quote!(vec![a, b?]), question_mark);
        check(syn::parse_quote!(format!("{}", a.await)), dot_await);
        // These belong to another function.
        check(syn::parse_quote!(|| a?), None);
        check(syn::parse_quote!(async { a.await? }), None);
        check(
            syn::parse_quote!({
                fn g() -> Option<u8> {
                    a?
                }
                1
            }),
            None,
        );
        // And this is no expression.
        check(syn::parse_quote!(m!($(a)?)), None);
    }
}
