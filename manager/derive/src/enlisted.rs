use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Error, Expr, ItemImpl, LitStr, Result};

use crate::paths::worker_crate;

/// What `#[worker(…)]` asks for.
#[derive(Default)]
pub(crate) struct Enlisted {
    make: Option<Expr>,
    name: Option<LitStr>,
}

impl Enlisted {
    pub(crate) fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let span = meta.path.span();
        let option = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        let twice = match option.as_str() {
            "make" => self.make.replace(meta.value()?.parse()?).is_some(),
            "name" => self.name.replace(meta.value()?.parse()?).is_some(),
            _ => {
                return Err(Error::new(
                    span,
                    format!("`{option}` is not an option of `worker`; expected `make` or `name`"),
                ));
            }
        };
        if twice {
            return Err(Error::new(span, format!("`{option}` is given twice; expected it once at the most")));
        }
        Ok(())
    }

    /// The block as it was, and the worker's entry in the program's table.
    pub(crate) fn expand(&self, block: &ItemImpl) -> Result<TokenStream> {
        let Some((of, _)) = &block.trait_ else {
            return Err(Error::new_spanned(
                &block.self_ty,
                "expected the block that makes it a worker, as in `impl Worker for Hasher { … }`",
            ));
        };
        if let Some(parameter) = block.generics.params.first() {
            return Err(Error::new_spanned(
                parameter,
                "a process has to know which worker it is to be, and this block is of many; expected one without \
                 parameters, or `edri::worker::enlist!(…)` for each that has them filled in",
            ));
        }
        let edri = worker_crate()?;
        let worker = &block.self_ty;
        let span = worker.span();
        let make = match &self.make {
            Some(make) => quote!(#make),
            // Located at the type: one that has no default is reported there.
            None => quote_spanned!(span=> <#worker as ::core::default::Default>::default),
        };
        let name = self.name.as_ref().map(|name| quote!(, #name));
        let shareable = quote_spanned!(span=>
            ::core::assert!(
                <<#worker as #of>::Job as #edri::__private::Event>::SHAREABLE,
                "the job of a worker in a process of its own has to be shareable: \
                 `#[request(response = …, shareable)]`"
            );
        );
        Ok(quote! {
            #block
            #edri::enlist!(#worker, #make #name);
            const _: () = { #shareable };
        })
    }
}
