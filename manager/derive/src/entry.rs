use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, ItemFn, Lit, LitInt, Result};

use crate::paths::face_crate;

/// What `#[main(…)]` asks for.
#[derive(Default)]
pub(crate) struct Runtime {
    current_thread: Option<bool>,
    worker_threads: Option<LitInt>,
}

impl Runtime {
    pub(crate) fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let span = meta.path.span();
        let option = meta.path.get_ident().map(Ident::to_string).unwrap_or_default();
        let twice = match option.as_str() {
            "flavor" => self.current_thread.replace(flavor(meta.value()?.parse()?)?).is_some(),
            "worker_threads" => self.worker_threads.replace(threads(meta.value()?.parse()?)?).is_some(),
            _ => {
                return Err(Error::new(
                    span,
                    format!("`{option}` is not an option of `main`; expected `flavor` or `worker_threads`"),
                ));
            }
        };
        if twice {
            return Err(Error::new(span, format!("`{option}` is given twice; expected it once at the most")));
        }
        if let (Some(true), Some(threads)) = (self.current_thread, &self.worker_threads) {
            return Err(Error::new_spanned(
                threads,
                "`worker_threads` is for the flavor \"multi_thread\": \"current_thread\" has one thread",
            ));
        }
        Ok(())
    }

    /// The function, run from outside any runtime.
    pub(crate) fn expand(&self, program: &ItemFn) -> Result<TokenStream> {
        let ItemFn { attrs, vis, sig, block, .. } = program;
        if sig.asyncness.is_none() {
            return Err(Error::new_spanned(sig.fn_token, "expected an `async fn`"));
        }
        if let Some(argument) = sig.inputs.first() {
            return Err(Error::new_spanned(
                argument,
                "the program's start takes no arguments; expected none",
            ));
        }
        if let Some(parameter) = sig.generics.params.first() {
            return Err(Error::new_spanned(parameter, "the program's start cannot be generic"));
        }
        let edri = face_crate()?;
        let (name, output) = (&sig.ident, &sig.output);
        let multi_thread = !self.current_thread.unwrap_or(false);
        let worker_threads = match &self.worker_threads {
            Some(threads) => quote!(::core::option::Option::Some(#threads)),
            None => quote!(::core::option::Option::None),
        };
        // An inner function, and not a block: what is wrong in the body is reported as in any `async fn`.
        Ok(quote! {
            #(#attrs)*
            #vis fn #name() #output {
                #sig #block
                #edri::runtime::run(
                    #edri::runtime::Settings { multi_thread: #multi_thread, worker_threads: #worker_threads },
                    #name(),
                )
            }
        })
    }
}

/// Whether it is `current_thread`.
fn flavor(value: Expr) -> Result<bool> {
    if let Expr::Lit(ExprLit { lit: Lit::Str(flavor), .. }) = &value {
        match flavor.value().as_str() {
            "multi_thread" => return Ok(false),
            "current_thread" => return Ok(true),
            _ => {}
        }
    }
    Err(Error::new_spanned(value, "expected `flavor = \"multi_thread\"` or `flavor = \"current_thread\"`"))
}

fn threads(value: Expr) -> Result<LitInt> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Int(count), .. })
            if count.base10_parse::<usize>().is_ok_and(|count| count >= 1) =>
        {
            Ok(count)
        }
        other => Err(Error::new_spanned(
            other,
            "expected a number of threads of at least 1, as in `worker_threads = 4`",
        )),
    }
}
