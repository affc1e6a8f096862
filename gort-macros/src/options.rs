//! The options in an attribute's parentheses, and the check of a literal that `go!` shares.
//!
//! A literal is judged here, on its own span; any other expression is left to the compiler, which
//! sees it as the initializer of a `usize`, so that a type error names the user's expression and
//! nothing of gort's.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Lit, Path, Token, UnOp};

use crate::crate_path;

/// `name = value`, whose value is a `usize`.
pub(crate) struct Number {
    pub(crate) name: Ident,
    pub(crate) value: Expr,
}

impl Number {
    /// A `let` that evaluates the value under the option's own name. The name is hygienic: the
    /// user's expressions don't see it.
    pub(crate) fn binding(&self) -> TokenStream {
        let Number { name, value } = self;
        let local = self.local();
        let ty = quote_spanned!(name.span()=> ::core::primitive::usize);
        quote!(let #local: #ty = #value;)
    }

    pub(crate) fn local(&self) -> Ident {
        Ident::new(&self.name.to_string(), Span::mixed_site())
    }
}

/// What `#[gort::main(…)]` and `#[gort::test(…)]` accept.
#[derive(Default)]
pub(crate) struct Options {
    gomaxprocs: Option<Number>,
    stack_size: Option<Number>,
    lock_os_thread: Option<Ident>,
    crate_path: Option<Path>,
}

const KNOWN: &str =
    "the options are `gomaxprocs = N`, `stack_size = BYTES`, `lock_os_thread` and `crate = path`";

impl Options {
    pub(crate) fn parse(tokens: TokenStream) -> syn::Result<Options> {
        let mut options = Options::default();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                options.parse_one(input)?;
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        };
        parser.parse2(tokens)?;
        Ok(options)
    }

    fn parse_one(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error(format!("expected an option: {KNOWN}")));
        }
        let name = input.call(Ident::parse_any)?;
        match name.to_string().as_str() {
            "gomaxprocs" => {
                let value = parse_value(input, &name, "4")?;
                check_number(&value, "gomaxprocs", u64::from(u32::MAX))?;
                set(&mut self.gomaxprocs, &name, |name| Number { name, value })
            }
            "stack_size" => {
                let value = parse_value(input, &name, "1 << 20")?;
                check_number(&value, "stack_size", u64::MAX)?;
                set(&mut self.stack_size, &name, |name| Number { name, value })
            }
            "lock_os_thread" => {
                if !input.is_empty() && !input.peek(Token![,]) {
                    return Err(input.error(
                        "`lock_os_thread` takes no value: write it to lock main to its thread, \
                         leave it out otherwise",
                    ));
                }
                set(&mut self.lock_os_thread, &name, |name| name)
            }
            "crate" => {
                require_eq(input, &name, "::gort")?;
                if input.peek(Lit) {
                    return Err(input.error("`crate` takes a path, without quotes: `crate = ::gort`"));
                }
                let path = input.call(Path::parse_mod_style)?;
                set(&mut self.crate_path, &name, |_| path)
            }
            unknown => Err(syn::Error::new(name.span(), format!("unknown option `{unknown}`: {KNOWN}"))),
        }
    }

    /// The path of gort: the user's, or where the manifest says that it is.
    pub(crate) fn crate_path(&self) -> TokenStream {
        match &self.crate_path {
            Some(path) => quote!(#path),
            None => crate_path::find(),
        }
    }

    /// The statements that evaluate the options, and the expression that builds gort's `Options`.
    pub(crate) fn build(&self, gort: &TokenStream) -> (TokenStream, TokenStream) {
        let mut bindings = TokenStream::new();
        let mut built = quote!(#gort::__rt::Options::new());
        for number in self.gomaxprocs.iter().chain(&self.stack_size) {
            bindings.extend(number.binding());
            // The method is named with a span of ours: the user's stays with the user's tokens.
            let method = Ident::new(&number.name.to_string(), Span::call_site());
            let value = number.local();
            built.extend(quote!(.#method(#value)));
        }
        if self.lock_os_thread.is_some() {
            built.extend(quote!(.lock_os_thread()));
        }
        (bindings, built)
    }
}

/// Fills an option's place, which must be empty.
pub(crate) fn set<T>(place: &mut Option<T>, name: &Ident, value: impl FnOnce(Ident) -> T) -> syn::Result<()> {
    if place.is_some() {
        return Err(syn::Error::new(name.span(), format!("option `{name}` is given twice: keep one")));
    }
    *place = Some(value(name.clone()));
    Ok(())
}

/// The expression after `name =`.
pub(crate) fn parse_value(input: ParseStream<'_>, name: &Ident, example: &str) -> syn::Result<Expr> {
    require_eq(input, name, example)?;
    input.parse()
}

fn require_eq(input: ParseStream<'_>, name: &Ident, example: &str) -> syn::Result<()> {
    if !input.peek(Token![=]) || input.peek(Token![==]) {
        let message = format!("`{name}` needs a value: `{name} = {example}`");
        return Err(syn::Error::new(name.span(), message));
    }
    let eq: Token![=] = input.parse()?;
    if input.is_empty() || input.peek(Token![,]) || input.peek(Token![;]) {
        let message = format!("`{name}` needs a value: `{name} = {example}`");
        return Err(syn::Error::new_spanned(eq, message));
    }
    Ok(())
}

/// Refuses a literal that is no positive whole number up to `max`. Other expressions pass.
pub(crate) fn check_number(value: &Expr, name: &str, max: u64) -> syn::Result<()> {
    let refuse = |why: &str| Err(syn::Error::new_spanned(value, format!("`{name}` {why}")));
    match peel(value) {
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) && is_number(&unary.expr) => {
            refuse("must be a positive whole number, found a negative one")
        }
        Expr::Lit(lit) => match &lit.lit {
            Lit::Int(int) if !matches!(int.suffix(), "" | "usize") => {
                refuse("is a `usize`: write the number without a suffix")
            }
            Lit::Int(int) => match int.base10_parse::<u64>() {
                Ok(0) => refuse("must be at least 1: leave it out for the default"),
                Ok(n) if n <= max => Ok(()),
                _ => refuse(&format!("is too large: {max} is the most")),
            },
            Lit::Str(_) => refuse("must be a positive whole number, found a string"),
            Lit::Float(_) => refuse("must be a positive whole number, found a fraction"),
            _ => refuse("must be a positive whole number"),
        },
        _ => Ok(()),
    }
}

fn is_number(value: &Expr) -> bool {
    matches!(peel(value), Expr::Lit(lit) if matches!(lit.lit, Lit::Int(_) | Lit::Float(_)))
}

/// The expression inside parentheses, and inside the invisible ones of a `$e:expr`.
pub(crate) fn peel(mut value: &Expr) -> &Expr {
    loop {
        value = match value {
            Expr::Paren(paren) => &paren.expr,
            Expr::Group(group) => &group.expr,
            other => return other,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_judged_here() {
        let check = |value: Expr, expected: Option<&str>| {
            let error = check_number(&value, "n", 1000).err().map(|error| error.to_string());
            let expected = expected.map(|why| format!("`n` {why}"));
            assert_eq!(error, expected, "{}", quote!(#value));
        };
        let whole = "must be a positive whole number";
        check(syn::parse_quote!(1), None);
        check(syn::parse_quote!(1000), None);
        check(syn::parse_quote!(0x10), None);
        check(syn::parse_quote!(1_0usize), None);
        check(syn::parse_quote!(0), Some("must be at least 1: leave it out for the default"));
        check(syn::parse_quote!((0)), Some("must be at least 1: leave it out for the default"));
        check(syn::parse_quote!(1001), Some("is too large: 1000 is the most"));
        check(syn::parse_quote!(99999999999999999999999), Some("is too large: 1000 is the most"));
        check(syn::parse_quote!(1i32), Some("is a `usize`: write the number without a suffix"));
        check(syn::parse_quote!(-1), Some(&format!("{whole}, found a negative one")));
        check(syn::parse_quote!("1"), Some(&format!("{whole}, found a string")));
        check(syn::parse_quote!(1.0), Some(&format!("{whole}, found a fraction")));
        check(syn::parse_quote!(true), Some(whole));
        check(syn::parse_quote!('1'), Some(whole));
        // The compiler's.
        check(syn::parse_quote!(N), None);
        check(syn::parse_quote!(-N), None);
        check(syn::parse_quote!(0 + 0), None);
        check(syn::parse_quote!(f("x")), None);
    }

    #[test]
    fn the_list_of_options() {
        let check = |tokens: TokenStream, expected: Option<&str>| {
            let error = Options::parse(tokens.clone()).err().map(|error| error.to_string());
            match (&error, expected) {
                (None, None) => {}
                (Some(error), Some(start)) => assert!(error.starts_with(start), "{error}"),
                _ => panic!("{tokens}: {error:?}"),
            }
        };
        check(quote!(), None);
        check(quote!(lock_os_thread), None);
        check(quote!(gomaxprocs = 1, stack_size = f(1, 2), lock_os_thread, crate = ::g,), None);
        check(quote!(crate = crate), None);
        check(quote!(procs = 1), Some("unknown option `procs`"));
        check(quote!(fn), Some("unknown option `fn`"));
        check(quote!(1), Some("expected an option"));
        check(quote!(,), Some("expected an option"));
        check(quote!(lock_os_thread lock_os_thread), Some("`lock_os_thread` takes no value"));
        check(quote!(lock_os_thread, lock_os_thread), Some("option `lock_os_thread` is given twice"));
        check(quote!(crate = a, crate = a), Some("option `crate` is given twice"));
        check(quote!(gomaxprocs), Some("`gomaxprocs` needs a value"));
        check(quote!(gomaxprocs == 1), Some("`gomaxprocs` needs a value"));
        check(quote!(gomaxprocs = , crate = a), Some("`gomaxprocs` needs a value"));
        check(quote!(crate = "gort"), Some("`crate` takes a path"));
    }
}
