//! Where the expansions of the attributes find gort.
//!
//! `go!` needs none of this: it is reached through a `macro_rules!` macro that hands over its
//! `$crate`. An attribute has no `$crate`, so the manifest of the crate that is being compiled is
//! asked under which name it depends on gort.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// The absolute path of gort: absolute, so that a module called `gort` is not taken for it.
pub(crate) fn find() -> TokenStream {
    let name = match crate_name("gort") {
        Ok(FoundCrate::Name(name)) => name,
        // gort's own examples and doctests see it as any other crate does. Without a manifest
        // (another build system than cargo) the usual name is the best guess.
        Ok(FoundCrate::Itself) | Err(_) => "gort".to_owned(),
    };
    let name = Ident::new(&name, Span::call_site());
    quote!(::#name)
}
