//! The function under an attribute: how it is read, and what is refused.
//!
//! Only the signature is parsed. The body stays a token group, which the compiler parses alone:
//! it may use syntax that this version of syn doesn't know, and its errors come with the
//! compiler's own words.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, ReturnType, Safety, Signature, Type, Visibility};

use crate::invisible;

/// `ATTRS VIS fn name(…) -> R { BODY }`.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        let body = invisible::braces(&input.parse()?);
        match body {
            Some(body) if input.is_empty() => Ok(Function { attrs, vis, sig, body }),
            _ => Err(input.error("not a function")),
        }
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Function { attrs, vis, sig, body } = self;
        tokens.extend(quote!(#(#attrs)* #vis #sig #body));
    }
}

impl Function {
    /// Refuses the first thing in the signature that the entry of a goroutine cannot have.
    pub(crate) fn check_signature(&self, attribute: &str) -> syn::Result<()> {
        let refuse = |tokens: &dyn ToTokens, why: &str| {
            let message = format!("a `{attribute}` function {why}");
            Err(Error::new_spanned(tokens.to_token_stream(), message))
        };
        let Signature { constness, asyncness, safety, abi, generics, inputs, variadic, .. } = &self.sig;
        if constness.is_some() {
            return refuse(constness, "cannot be `const`: remove `const`");
        }
        if asyncness.is_some() {
            return refuse(
                asyncness,
                "is plain blocking code: remove `async`, and wait for a future with \
                 `gort::block_on(future)`",
            );
        }
        if !matches!(safety, Safety::Default) {
            return refuse(
                safety,
                "cannot be `unsafe`: remove `unsafe`, and write `unsafe { … }` in its body",
            );
        }
        if abi.is_some() {
            return refuse(abi, "has Rust's own calling convention: remove `extern`");
        }
        if !generics.params.is_empty() {
            return refuse(generics, "cannot be generic: remove the parameters");
        }
        if !inputs.is_empty() || variadic.is_some() {
            return refuse(&quote!(#inputs #variadic), "takes no arguments: remove them");
        }
        if let Some(clause) = &generics.where_clause {
            return refuse(clause, "has no `where` clause: remove it");
        }
        Ok(())
    }

    /// Whether it returns `()`.
    pub(crate) fn returns_unit(&self) -> bool {
        fn is_unit(ty: &Type) -> bool {
            match ty {
                Type::Tuple(tuple) => tuple.elems.is_empty(),
                Type::Paren(paren) => is_unit(&paren.elem),
                Type::Group(group) => is_unit(&group.elem),
                _ => false,
            }
        }
        match &self.sig.output {
            ReturnType::Default => true,
            ReturnType::Type(_, ty) => is_unit(ty),
        }
    }

    /// Refuses a second attribute, by whatever path it comes. `name` is the last segment of it.
    ///
    /// It is taken off, so that it does not expand too; one imported under its own name stays, or
    /// the import would be called unused.
    pub(crate) fn check_attributes(&mut self, name: &str, attribute: &str) -> syn::Result<()> {
        let second =
            |attr: &Attribute| attr.path().segments.last().is_some_and(|segment| segment.ident == name);
        if let Some(attr) = self.attrs.iter().find(|attr| second(attr)) {
            let message = format!("a second `{name}` attribute on this function: keep one `{attribute}`");
            let error = Error::new_spanned(attr, message);
            self.attrs.retain(|attr| !second(attr) || attr.path().get_ident().is_some());
            return Err(error);
        }
        // One that was imported under another name shows only after the first has expanded.
        let is_ours = |tree| matches!(tree, TokenTree::Ident(ident) if ident == "__rt");
        if self.body.stream().into_iter().any(is_ours) {
            let message = format!("a second attribute of gort: keep one `{attribute}`");
            return Err(Error::new(Span::call_site(), message));
        }
        Ok(())
    }

    /// The same name used as a value, shown where the return type stands: there the compiler then
    /// reports a type that cannot be returned.
    pub(crate) fn value(&self) -> TokenStream {
        let mut ident = self.sig.ident.clone();
        if let ReturnType::Type(_, ty) = &self.sig.output {
            ident.set_span(ident.span().located_at(first_span(ty)));
        }
        ident.into_token_stream()
    }
}

/// The span of an item's keyword, behind its attributes and visibility.
pub(crate) fn keyword_span(item: TokenStream) -> Span {
    let head = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let span = input.span();
        input.parse::<TokenStream>()?;
        Ok(span)
    };
    syn::parse::Parser::parse2(head, item).unwrap_or_else(|_| Span::call_site())
}

fn first_span(tokens: &impl ToTokens) -> Span {
    let first = tokens.to_token_stream().into_iter().next();
    first.map_or_else(Span::call_site, |tree| tree.span())
}
