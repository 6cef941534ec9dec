use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;

use crate::expand::Expansion;
use crate::handlers::{Handler, Kind};
use crate::tokens::located_at;

/// What may wait for the manager.
impl Expansion<'_> {
    pub(crate) fn inbox(&self) -> TokenStream {
        let inbox = &self.inbox;
        let variants = self.each(|handler| {
            let (variant, parcel) = (&handler.variant, self.parcel(handler));
            quote!(#variant(#parcel))
        });
        let parameters: Vec<_> =
            self.block.generics.type_params().map(|parameter| &parameter.ident).collect();
        let impossible = self.has_impossible().then(|| {
            quote! {
                __Impossible(
                    ::core::convert::Infallible,
                    ::core::marker::PhantomData<fn() -> (#(::core::marker::PhantomData<#parameters>,)*)>,
                ),
            }
        });
        let generics = &self.block.generics;
        let where_clause = self.without_self(&generics.where_clause);
        let generics = self.without_self(generics);
        quote! {
            #[allow(missing_debug_implementations, private_bounds, private_interfaces, unreachable_pub)]
            #[allow(clippy::large_enum_variant)]
            pub enum #inbox #generics #where_clause {
                #(#variants,)*
                #impossible
            }
        }
    }

    /// What comes of a handler's event into the inbox.
    fn parcel(&self, handler: &Handler) -> TokenStream {
        let (private, event) = (&self.private, self.event(handler));
        match handler.kind {
            Kind::Notification => quote!(#private::Envelope<#event>),
            Kind::Request => quote!(#private::Asked<#event>),
            Kind::Response => quote!(#private::Envelope<#private::Answer<#event>>),
            Kind::Tunnel => quote!(#private::Opening<#event>),
        }
    }

    pub(crate) fn message(&self) -> TokenStream {
        let Self { inbox, private, .. } = self;
        // Located at the event, so that one of another kind is reported there.
        let key = self.each(|Handler { variant, event, .. }| {
            let call = located_at(event.span(), quote!(#private::Message::key(payload)));
            quote!(Self::#variant(ref payload) => #call)
        });
        let info = self.each(|Handler { variant, event, kind, .. }| {
            let call = located_at(event.span(), quote!(#private::Message::info(payload)));
            let response = (*kind == Kind::Response)
                .then(|| quote!(.map(|info| info.handled_as(#private::EventKind::Response))));
            quote!(Self::#variant(ref payload) => #call #response)
        });
        let discard = self.each(|Handler { variant, event, .. }| {
            let call = located_at(event.span(), quote!(#private::Message::discard(payload, loss, office)));
            quote!(Self::#variant(payload) => #call)
        });
        let tags: Vec<u16> =
            (0..self.handlers.handlers.len()).filter_map(|tag| tag.try_into().ok()).collect();
        let tag = self.handlers.handlers.iter().zip(&tags).map(|(handler, tag)| {
            let Handler { variant, conditions, .. } = handler;
            quote!(#(#conditions)* Self::#variant(_) => #tag)
        });
        let name = self.handlers.handlers.iter().zip(&tags).map(|(handler, tag)| {
            let (conditions, parcel) = (&handler.conditions, self.parcel(handler));
            let name = quote!(<#parcel as #private::Message>::name_of(0));
            let name = located_at(handler.event.span(), name);
            quote!(#(#conditions)* #tag => #name)
        });
        let impossible = self.impossible_arm();
        let impossible_reference = self
            .has_impossible()
            .then(|| quote!(Self::__Impossible(ref impossible, _) => match *impossible {},));
        let (impl_generics, type_generics, where_clause) = self.block.generics.split_for_impl();
        let where_clause = self.without_self(&where_clause);
        quote! {
            #[automatically_derived]
            #[allow(unused_variables)]
            impl #impl_generics #private::Message for #inbox #type_generics #where_clause {
                fn key(&self) -> ::core::option::Option<#private::Key> {
                    match *self {
                        #(#key,)*
                        #impossible_reference
                    }
                }

                fn info(&self) -> ::core::option::Option<#private::EventInfo<'_>> {
                    match *self {
                        #(#info,)*
                        #impossible_reference
                    }
                }

                #[inline]
                fn tag(&self) -> u16 {
                    match *self {
                        #(#tag,)*
                        #impossible_reference
                    }
                }

                fn name_of(tag: u16) -> &'static str {
                    match tag {
                        #(#name,)*
                        _ => "an event",
                    }
                }

                fn discard(self, loss: #private::Loss, office: &#private::DeadLetterOffice) {
                    match self {
                        #(#discard,)*
                        #impossible
                    }
                }
            }
        }
    }

    /// An enum has to use its type parameters: one variant does, which cannot be made.
    pub(crate) fn has_impossible(&self) -> bool {
        self.block.generics.type_params().next().is_some()
    }

    fn impossible_arm(&self) -> Option<TokenStream> {
        self.has_impossible().then(|| quote!(Self::__Impossible(impossible, _) => match impossible {},))
    }
}
