use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Error, Result};

/// Where the items of `edri-manager` are for the crate being compiled.
///
/// `edri-manager` goes before `edri`, which re-exports it: the search does not tell dependencies from
/// dev-dependencies, and a crate that builds on `edri-manager` may well have the whole of `edri` for its tests.
pub(crate) fn manager_crate() -> Result<TokenStream> {
    if let Ok(found) = crate_name("edri-manager") {
        let name = identifier(found, "edri_manager");
        return Ok(quote!(::#name));
    }
    face_crate().map(|face| quote!(#face::manager))
}

/// Where the items of `edri-worker` are, likewise.
pub(crate) fn worker_crate() -> Result<TokenStream> {
    if let Ok(found) = crate_name("edri-worker") {
        let name = identifier(found, "edri_worker");
        return Ok(quote!(::#name));
    }
    face_crate().map(|face| quote!(#face::worker))
}

/// Where `edri` itself is.
pub(crate) fn face_crate() -> Result<TokenStream> {
    match crate_name("edri") {
        Ok(found) => {
            let name = identifier(found, "edri");
            Ok(quote!(::#name))
        }
        Err(_) => Err(Error::new(
            Span::call_site(),
            "expected `edri` among the dependencies in this crate's Cargo.toml",
        )),
    }
}

/// Both crates say `extern crate self as …`, so that their own name leads to them from inside as well.
fn identifier(found: FoundCrate, own: &str) -> Ident {
    let name = match &found {
        FoundCrate::Itself => own,
        FoundCrate::Name(name) => name,
    };
    Ident::new(name, Span::call_site())
}
