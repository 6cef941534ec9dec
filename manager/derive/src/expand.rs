use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::{Error, Item, ItemImpl, Result, Type};

use crate::calls::Hands;
use crate::handlers::{Handler, Handlers};
use crate::options::{Mode, Options};
use crate::paths::manager_crate;
use crate::tokens::replace_self;

/// The `impl` block without our attributes, and what they ask for: `Manager` for its type, or what is wrong.
pub(crate) fn expand(options: &Options, item: Item, refused: Option<Error>) -> TokenStream {
    let Item::Impl(mut block) = item else {
        let error = Error::new_spanned(&item, "expected an `impl` block, as in `impl Calculator { … }`");
        return with_error(&item, &error);
    };
    let handlers = Handlers::take(&mut block);
    let implementations = match (refused, handlers) {
        (Some(mut refused), Err(errors)) => {
            refused.combine(errors);
            Err(refused)
        }
        (Some(error), Ok(_)) | (None, Err(error)) => Err(error),
        (None, Ok(handlers)) => {
            Expansion::new(options, &block, &handlers).map(|expansion| expansion.tokens())
        }
    };
    match implementations {
        Ok(implementations) => quote!(#block #implementations),
        Err(error) => with_error(&block, &error),
    }
}

/// What was written stays, so that nothing else is reported for want of it.
fn with_error(item: &impl ToTokens, error: &Error) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#item #error)
}

/// What the implementations are made of.
pub(crate) struct Expansion<'a> {
    pub(crate) options: &'a Options,
    pub(crate) block: &'a ItemImpl,
    pub(crate) handlers: &'a Handlers,
    /// The manager's own name.
    name: Ident,
    pub(crate) inbox: Ident,
    /// The path to `edri-manager`.
    pub(crate) edri: TokenStream,
    /// The path to what it has for this macro alone.
    pub(crate) private: TokenStream,
}

impl<'a> Expansion<'a> {
    fn new(options: &'a Options, block: &'a ItemImpl, handlers: &'a Handlers) -> Result<Self> {
        if let Some((path, _)) = &block.trait_ {
            return Err(Error::new_spanned(
                path,
                "a manager's handlers are methods of its own; expected an `impl` block without a trait, as in \
                 `impl Calculator { … }`",
            ));
        }
        let name = match &*block.self_ty {
            Type::Path(path) => path.path.segments.last().map(|last| last.ident.clone()),
            _ => None,
        };
        let Some(name) = name else {
            return Err(Error::new_spanned(&block.self_ty, "expected the name of a struct or an enum"));
        };
        if let Some(lifetime) = block.generics.lifetimes().next() {
            return Err(Error::new_spanned(
                lifetime,
                format!(
                    "a manager owns its data: expected no lifetime on `{name}`, as in `String` in place of `&str`"
                ),
            ));
        }
        if let Some(Mode::Concurrent { .. }) = options.mode {
            refuse_exclusive(handlers)?;
        }
        let edri = manager_crate()?;
        let private = quote!(#edri::__private);
        let inbox = format_ident!("{name}Inbox", span = Span::call_site());
        Ok(Self { options, block, handlers, name, inbox, edri, private })
    }

    fn tokens(&self) -> TokenStream {
        let (inbox, message) = (self.inbox(), self.message());
        let (manager, shared) = (self.manager(), self.handlers.are_shared().then(|| self.shared_manager()));
        // A scope of its own: the inbox has no name outside, where two blocks for one type could both want it.
        quote! {
            #[doc(hidden)]
            const _: () = {
                #inbox
                #message
                #manager
                #shared
            };
        }
    }

    fn manager(&self) -> TokenStream {
        let Self { inbox, edri, private, .. } = self;
        let attachments = self.each(|handler| self.attachment(handler));
        let handle = self.handling(Hands::Exclusive);
        let handle_now = self.handling_now();
        let started = self.handlers.started.as_ref().map(|hook| self.hook("started", hook));
        let stopping = self.handlers.stopping.as_ref().map(|hook| self.hook("stopping", hook));
        let health = self.handlers.health.as_ref().map(|hook| self.health(hook));
        let run = matches!(self.options.mode, Some(Mode::Concurrent { .. })).then(|| {
            quote! {
                fn run(self, engine: #private::Engine<Self>) -> #private::Run {
                    engine.run_shared(self)
                }
            }
        });
        let settings = self.settings();
        let manager = &self.block.self_ty;
        let (impl_generics, type_generics, where_clause) = self.block.generics.split_for_impl();
        quote! {
            #[automatically_derived]
            #[allow(unused_variables)]
            impl #impl_generics #edri::Manager for #manager #where_clause {
                type Inbox = #inbox #type_generics;

                fn settings() -> #edri::Settings {
                    #settings
                }

                fn attach(entrance: &mut #edri::Entrance<'_, Self>) {
                    #(#attachments;)*
                }

                async fn handle(
                    &mut self,
                    message: Self::Inbox,
                    cx: &mut #private::Context,
                ) -> #edri::Handled<Self::Inbox> {
                    #handle
                }

                #handle_now
                #started
                #stopping
                #health
                #run
            }
        }
    }

    /// Its bound is a generic one even if the manager is not: one that never holds is then no error here, but
    /// where somebody wants handlers to run at the same time.
    fn shared_manager(&self) -> TokenStream {
        let Self { edri, private, block, .. } = self;
        let handle = self.handling(Hands::Shared);
        let manager = &block.self_ty;
        let mut generics = block.generics.clone();
        let bound = syn::parse_quote!(for<'edri> #manager: #private::SyncFor<'edri>);
        generics.make_where_clause().predicates.push(bound);
        let (impl_generics, _, where_clause) = generics.split_for_impl();
        quote! {
            #[automatically_derived]
            #[allow(unused_variables)]
            impl #impl_generics #edri::SharedManager for #manager #where_clause {
                async fn handle_shared(
                    &self,
                    message: Self::Inbox,
                    cx: &mut #private::Context,
                ) -> #edri::Handled<Self::Inbox> {
                    #handle
                }
            }
        }
    }

    fn settings(&self) -> TokenStream {
        let Self { edri, private, options, .. } = self;
        let name = match &options.name {
            Some(name) => name.to_token_stream(),
            None => self.name.unraw().to_string().to_token_stream(),
        };
        let capacity = options.capacity.as_ref().map(|capacity| quote!(.capacity(#capacity)));
        let overflow =
            options.overflow.as_ref().map(|overflow| quote!(.overflow(#private::Overflow::#overflow)));
        let mode = options.mode.as_ref().map(|mode| match mode {
            Mode::Inline => quote!(.mode(#edri::Mode::Inline)),
            Mode::Concurrent { order, limit } => {
                quote!(.mode(#edri::Mode::Concurrent(#edri::Concurrency::#order(#limit))))
            }
        });
        let supervision = options.supervision.settings(edri);
        quote!(#edri::Settings::new(#name) #capacity #overflow #mode #supervision)
    }

    /// What is written for each handler, under the conditions under which the handler exists.
    pub(crate) fn each(&self, write: impl Fn(&Handler) -> TokenStream) -> Vec<TokenStream> {
        self.handlers
            .handlers
            .iter()
            .map(|handler| {
                let (conditions, written) = (&handler.conditions, write(handler));
                quote!(#(#conditions)* #written)
            })
            .collect()
    }

    pub(crate) fn event(&self, handler: &Handler) -> TokenStream {
        self.without_self(&handler.event)
    }

    /// In the inbox, `Self` would be the inbox.
    pub(crate) fn without_self(&self, tokens: &impl ToTokens) -> TokenStream {
        replace_self(tokens.to_token_stream(), &self.block.self_ty.to_token_stream())
    }
}

fn refuse_exclusive(handlers: &Handlers) -> Result<()> {
    match handlers.handlers.iter().find(|handler| handler.shape.exclusive) {
        None => Ok(()),
        Some(handler) => Err(Error::new(
            handler.shape.receiver,
            format!(
                "with `concurrency`, handlers run at the same time, and none can have the manager to itself; \
                 expected `&self` in `{}`",
                handler.method
            ),
        )),
    }
}
