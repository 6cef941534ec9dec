use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Error, Result};

/// Where the items of `edri-event` are for the crate being compiled.
///
/// `edri-event` goes before `edri`, which re-exports it: the search does not tell dependencies from
/// dev-dependencies, and a crate that builds on `edri-event` may well have the whole of `edri` for its tests,
/// while nobody who has `edri` needs `edri-event` only in tests.
pub(crate) fn event_crate() -> Result<TokenStream> {
    if let Ok(found) = crate_name("edri-event") {
        let name = identifier(found, "edri_event");
        return Ok(quote!(::#name));
    }
    if let Ok(found) = crate_name("edri") {
        let name = identifier(found, "edri");
        return Ok(quote!(::#name::event));
    }
    Err(Error::new(Span::call_site(), "expected `edri` among the dependencies in this crate's Cargo.toml"))
}

/// Both crates say `extern crate self as …`, so that their own name leads to them from inside as well.
fn identifier(found: FoundCrate, own: &str) -> Ident {
    let name = match &found {
        FoundCrate::Itself => own,
        FoundCrate::Name(name) => name,
    };
    Ident::new(name, Span::call_site())
}
