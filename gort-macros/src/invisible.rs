//! The invisible parentheses of `macro_rules!`, made visible.
//!
//! Where a `macro_rules!` macro puts an `$e:expr`, a procedural macro sees a group without
//! delimiter. The compiler forgets such a group when it comes out of a procedural macro
//! (rust-lang/rust#67062): `2 * $e` with `1 + 1` becomes `2 * 1 + 1`. So a group whose expression
//! could fall apart gets real parentheses; all others (names, types, blocks, …) stay as they are.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use syn::{Expr, UnOp};

/// `tokens` with parentheses around each inserted expression that needs them. A group that is the
/// whole of `tokens` needs none.
pub(crate) fn keep_together(tokens: TokenStream) -> TokenStream {
    changed(&tokens).unwrap_or(tokens)
}

/// `None` if nothing needs parentheses: the groups then keep the spans of both their delimiters,
/// which a rebuilt one cannot have.
fn changed(tokens: &TokenStream) -> Option<TokenStream> {
    let mut trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let alone = trees.len() == 1;
    let mut any = false;
    for i in 0..trees.len() {
        let is_punct = |at: Option<usize>, c: char| {
            let tree = at.and_then(|at| trees.get(at));
            matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == c)
        };
        // An attribute's `name = value` looks like an assignment.
        let before = i.checked_sub(1);
        let in_attribute =
            is_punct(before, '#') || (is_punct(before, '!') && is_punct(i.checked_sub(2), '#'));
        let before_dot = is_punct(Some(i + 1), '.');
        let TokenTree::Group(group) = &trees[i] else {
            continue;
        };
        if in_attribute {
            continue;
        }
        let content = changed(&group.stream());
        let wrap = group.delimiter() == Delimiter::None
            && !alone
            && falls_apart(content.clone().unwrap_or_else(|| group.stream()), before_dot);
        if content.is_none() && !wrap {
            continue;
        }
        let delimiter = if wrap { Delimiter::Parenthesis } else { group.delimiter() };
        let mut new = Group::new(delimiter, content.unwrap_or_else(|| group.stream()));
        // Parentheses of ours have our span, so that no lint calls them unnecessary.
        let span = group.span();
        new.set_span(if wrap { Span::mixed_site().located_at(span) } else { span });
        trees[i] = TokenTree::Group(new);
        any = true;
    }
    any.then(|| trees.into_iter().collect())
}

/// The braces that `tree` is, also inside the invisible parentheses of a `$b:block`.
pub(crate) fn braces(tree: &TokenTree) -> Option<Group> {
    let TokenTree::Group(group) = tree else {
        return None;
    };
    match group.delimiter() {
        Delimiter::Brace => Some(group.clone()),
        Delimiter::None => {
            let mut content = group.stream().into_iter();
            let only = content.next().filter(|_| content.next().is_none())?;
            braces(&only)
        }
        _ => None,
    }
}

fn falls_apart(content: TokenStream, before_dot: bool) -> bool {
    match syn::parse2::<Expr>(content) {
        // `-1` is also what a pattern or a const argument may be, where parentheses are wrong.
        Ok(Expr::Unary(unary)) if matches!(unary.op, UnOp::Neg(_)) && matches!(*unary.expr, Expr::Lit(_)) => {
            before_dot
        }
        Ok(expr) => matches!(
            expr,
            Expr::Assign(_)
                | Expr::Binary(_)
                | Expr::Cast(_)
                | Expr::Closure(_)
                | Expr::Range(_)
                | Expr::RawAddr(_)
                | Expr::Reference(_)
                | Expr::Unary(_)
        ),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    #[test]
    fn expressions_stay_together() {
        let check = |inserted: TokenStream, expected: TokenStream| {
            let e = TokenTree::Group(Group::new(Delimiter::None, inserted));
            let kept = keep_together(quote!(#e * 2));
            assert_eq!(kept.to_string(), expected.to_string());
        };
        check(quote!(1 + 1), quote!((1 + 1) * 2));
        check(quote!(&x), quote!((&x) * 2));
        check(quote!(|a| a), quote!((|a| a) * 2));
        check(quote!(!x), quote!((!x) * 2));
        check(quote!(x as u8), quote!((x as u8) * 2));
        let same = |inserted: TokenStream| {
            let e = TokenTree::Group(Group::new(Delimiter::None, inserted));
            for tokens in [quote!(#e * 2), quote!(#[#e] f()), quote!(#e)] {
                assert_eq!(keep_together(tokens.clone()).to_string(), tokens.to_string());
            }
        };
        same(quote!(x));
        same(quote!(f(1 + 1)));
        same(quote!(-1));
        same(quote!({ 1 + 1 }));
        same(quote!(Vec<u8>));
        same(quote!(pub));
        same(quote!());
    }

    #[test]
    fn a_negative_literal_is_one_value_before_a_method() {
        let e = TokenTree::Group(Group::new(Delimiter::None, quote!(-1)));
        assert_eq!(keep_together(quote!(#e.abs())).to_string(), quote!((-1).abs()).to_string());
    }

    #[test]
    fn an_attribute_is_no_assignment() {
        let e = TokenTree::Group(Group::new(Delimiter::None, quote!(doc = "x")));
        for tokens in [quote!(#[#e] fn f() {}), quote!({ #![#e] })] {
            assert_eq!(keep_together(tokens.clone()).to_string(), tokens.to_string());
        }
    }
}
