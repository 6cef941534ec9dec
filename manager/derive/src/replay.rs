use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, Result};

use crate::marker::Marker;

/// How much of the past a handler begins with.
pub(crate) struct From {
    /// The variant of `Replay`.
    variant: Ident,
    /// What it is called with.
    argument: Option<Expr>,
}

const EXPECTED: &str = "expected how much of what is retained comes first: `from = All`, `from = Last(100)`, \
                        `from = Within(duration)` or `from = Since(instant)`";

impl From {
    /// What `#[notification(from = …)]` or `#[response(from = …)]` asks for, if anything.
    pub(crate) fn read(marker: Marker, attribute: &Attribute) -> Result<Option<Self>> {
        if attribute.meta.require_path_only().is_ok() {
            return Ok(None);
        }
        if !matches!(marker, Marker::Notification | Marker::Response) {
            let alone = format!("`#[{}]` takes no options here; expected it alone", marker.name());
            return Err(Error::new_spanned(attribute, alone));
        }
        let mut from = None;
        attribute.parse_nested_meta(|meta| {
            if from.is_some() {
                return Err(Error::new(
                    meta.path.span(),
                    "`from` is given twice; expected it once at the most",
                ));
            }
            from = Some(Self::read_option(marker, &meta)?);
            Ok(())
        })?;
        Ok(from)
    }

    fn read_option(marker: Marker, meta: &ParseNestedMeta<'_>) -> Result<Self> {
        if !meta.path.is_ident("from") {
            let option = meta.path.to_token_stream();
            return Err(Error::new(
                meta.path.span(),
                format!("`{option}` is not an option of `#[{}]` here; expected `from = All`", marker.name()),
            ));
        }
        let value: Expr = meta.value()?.parse()?;
        let refused = Error::new_spanned(&value, EXPECTED);
        let last = |path: &syn::ExprPath| path.path.segments.last().map(|last| last.ident.clone());
        match value {
            Expr::Path(path) => match last(&path) {
                Some(variant) if variant == "All" => Ok(Self { variant, argument: None }),
                _ => Err(refused),
            },
            Expr::Call(call) => {
                let variant = match &*call.func {
                    Expr::Path(path) => last(path),
                    _ => None,
                };
                let mut arguments = call.args.into_iter();
                match (variant, arguments.next(), arguments.next()) {
                    (Some(variant), argument @ Some(_), None)
                        if ["Last", "Within", "Since"].iter().any(|known| variant == known) =>
                    {
                        Ok(Self { variant, argument })
                    }
                    _ => Err(refused),
                }
            }
            _ => Err(refused),
        }
    }

    /// As a value; `private` is the path to `Replay`.
    pub(crate) fn value(&self, private: &TokenStream) -> TokenStream {
        let Self { variant, argument } = self;
        let argument = argument.as_ref().map(|argument| quote!((#argument)));
        quote!(#private::Replay::#variant #argument)
    }
}
