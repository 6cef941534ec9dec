use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::expand::Expansion;
use crate::handlers::{Handler, Hook, Kind};
use crate::tokens::located_at;

/// In whose hands the manager is while a handler is called.
#[derive(Clone, Copy)]
pub(crate) enum Hands {
    Exclusive,
    Shared,
}

/// How handlers are called.
impl Expansion<'_> {
    /// One event put on its route: how it gets into the inbox, and how it is handled without.
    pub(crate) fn attachment(&self, handler: &Handler) -> TokenStream {
        let Self { inbox, private, .. } = self;
        let variant = &handler.variant;
        let event = self.event(handler);
        let payload = self.payload(handler);
        let (method, calls) = match handler.kind {
            Kind::Notification => ("notification", "CallNotification"),
            Kind::Response => ("response", "CallNotification"),
            Kind::Request => ("request", "CallRequest"),
            Kind::Tunnel => return quote!(entrance.tunnel::<#event>(#inbox::#variant)),
        };
        let (method, calls) = (format_ident!("{method}"), format_ident!("{calls}"));
        let is_request = handler.kind == Kind::Request;
        let call = match (handler.shape.is_async, is_request) {
            (false, _) => {
                let answer = self.answer(handler, &quote!(event));
                quote!(Now(|manager, event, cx| #answer))
            }
            (true, true) => {
                let answer = self.answer(handler, &quote!(event));
                quote! {
                    Later(|mut held, event| ::std::boxed::Box::pin(async move {
                        let (manager, cx) = held.parts();
                        let outcome = #private::caught(async move { #answer }).await;
                        #private::note(&outcome, cx);
                        outcome
                    }))
                }
            }
            (true, false) => {
                let answer = self.answer(handler, &quote!(&envelope.event));
                quote! {
                    Later(|mut held, envelope| ::std::boxed::Box::pin(async move {
                        let (manager, cx) = held.parts();
                        let outcome = #private::caught(async move { #answer }).await;
                        #private::settle::<#payload>(outcome, cx);
                    }))
                }
            }
        };
        quote!(entrance.#method::<#event>(#inbox::#variant, #private::#calls::#call))
    }

    /// The body that handles one message out of the inbox.
    pub(crate) fn handling(&self, hands: Hands) -> TokenStream {
        let Self { inbox, private, .. } = self;
        let manager = match hands {
            Hands::Exclusive => quote!(let manager: &mut Self = &mut *self;),
            Hands::Shared => quote!(let manager: &Self = self;),
        };
        let context = quote!(let cx: &#private::Context = cx;);
        let arms = self.each(|handler| {
            let variant = &handler.variant;
            let payload = self.payload(handler);
            let (begin, event, settle) = match handler.kind {
                Kind::Request => {
                    let answer = self.answer(handler, &quote!(event));
                    let ready = quote!(#manager #context);
                    let answered = quote!(#private::caught(async move { #answer }).await);
                    let handled = self.around_request(handler, &ready, &answered);
                    return quote!(#inbox::#variant(parcel) => { #handled });
                }
                Kind::Notification | Kind::Response => self.around_notification(&payload),
                Kind::Tunnel => self.around_tunnel(&payload),
            };
            let answer = self.answer(handler, &event);
            quote! {
                #inbox::#variant(parcel) => {
                    #begin
                    #manager
                    #context
                    let outcome = #private::caught(async move { #answer }).await;
                    #settle
                }
            }
        });
        let impossible = self
            .has_impossible()
            .then(|| quote!(#inbox::__Impossible(impossible, _) => match impossible {},));
        quote! {
            match message {
                #(#arms,)*
                #impossible
            }
        }
    }

    /// The same for handlers that never wait, if there are any; the messages of others are given back.
    pub(crate) fn handling_now(&self) -> Option<TokenStream> {
        let Self { inbox, private, handlers, .. } = self;
        if handlers.handlers.iter().all(|handler| handler.shape.is_async) {
            return None;
        }
        let arms = handlers.handlers.iter().filter(|handler| !handler.shape.is_async).map(|handler| {
            let (conditions, variant) = (&handler.conditions, &handler.variant);
            let handled = self.handled_now(handler);
            quote! {
                #(#conditions)*
                #inbox::#variant(parcel) => {
                    #handled
                    ::core::option::Option::None
                }
            }
        });
        Some(quote! {
            #[inline]
            fn handle_now(
                &mut self,
                message: Self::Inbox,
                cx: &mut #private::Context,
            ) -> ::core::option::Option<Self::Inbox> {
                match message {
                    #(#arms)*
                    #[allow(unreachable_patterns)]
                    waits => ::core::option::Option::Some(waits),
                }
            }
        })
    }

    fn handled_now(&self, handler: &Handler) -> TokenStream {
        let private = &self.private;
        let payload = self.payload(handler);
        let ready = quote! {
            let manager: &mut Self = &mut *self;
            let cx: &#private::Context = cx;
        };
        let (begin, event, settle) = match handler.kind {
            Kind::Request => {
                let answer = self.answer(handler, &quote!(event));
                return self.around_request(handler, &ready, &quote!(#private::caught_now(move || #answer)));
            }
            Kind::Notification | Kind::Response => self.around_notification(&payload),
            Kind::Tunnel => self.around_tunnel(&payload),
        };
        let answer = self.answer(handler, &event);
        quote! {
            #begin
            #ready
            let outcome = #private::caught_now(move || #answer);
            #settle
        }
    }

    /// A request taken from its parcel and answered with `answered`; the context is set only for those who want it.
    fn around_request(&self, handler: &Handler, ready: &TokenStream, answered: &TokenStream) -> TokenStream {
        let private = &self.private;
        let (begin, end) = if handler.shape.takes_context {
            (quote!(#private::begin_request(parcel, cx)), Some(quote!(cx.end();)))
        } else {
            (quote!(#private::begin_request_alone(parcel)), None)
        };
        quote! {
            if let ::core::option::Option::Some((event, reply)) = #begin {
                let outcome = {
                    #ready
                    #answered
                };
                #private::note(&outcome, cx);
                #end
                reply.answer(outcome);
            }
        }
    }

    /// What comes before the handler, what it is given, and what comes after.
    fn around_notification(&self, payload: &TokenStream) -> (TokenStream, TokenStream, TokenStream) {
        let private = &self.private;
        (
            quote!(let event = #private::begin(parcel, cx);),
            quote!(&event),
            quote!(#private::settle::<#payload>(outcome, cx);),
        )
    }

    /// The same for a tunnel.
    fn around_tunnel(&self, payload: &TokenStream) -> (TokenStream, TokenStream, TokenStream) {
        let private = &self.private;
        (
            quote!(let (event, tunnel, verdict) = #private::begin_tunnel(parcel, cx);),
            quote!(event),
            quote!(#private::settle_tunnel::<#payload>(outcome, verdict, cx);),
        )
    }

    /// The call of a handler as an expression of type `Result<_, Failure>`; expects `manager`, `cx`, and for a
    /// tunnel `tunnel`.
    fn answer(&self, handler: &Handler, event: &TokenStream) -> TokenStream {
        let private = &self.private;
        let response = match handler.kind {
            Kind::Request => {
                let event = self.event(handler);
                quote!(<#event as #private::Request>::Response)
            }
            Kind::Notification | Kind::Response | Kind::Tunnel => quote!(()),
        };
        let tunnel = (handler.kind == Kind::Tunnel).then(|| quote!(tunnel,));
        let cx = handler.shape.takes_context.then(|| quote!(cx,));
        let wait = handler.shape.is_async.then(|| quote!(.await));
        let method = &handler.method;
        let answer = quote! {
            #private::IntoAnswer::<#response>::into_answer(Self::#method(manager, #event, #tunnel #cx) #wait)
        };
        // Located at the return type, so that one that does not fit is reported there.
        located_at(handler.shape.output, answer)
    }

    pub(crate) fn hook(&self, name: &str, hook: &Hook) -> TokenStream {
        let private = &self.private;
        let Hook { method, conditions, shape } = hook;
        let name = format_ident!("{name}");
        let cx = shape.takes_context.then(|| quote!(cx));
        let wait = shape.is_async.then(|| quote!(.await));
        let answer = quote!(#private::IntoAnswer::<()>::into_answer(Self::#method(self, #cx) #wait));
        let answer = located_at(shape.output, answer);
        quote! {
            #(#conditions)*
            async fn #name(
                &mut self,
                cx: &#private::Context,
            ) -> ::core::result::Result<(), #private::Failure> {
                #answer
            }
        }
    }

    pub(crate) fn health(&self, hook: &Hook) -> TokenStream {
        let private = &self.private;
        let Hook { method, conditions, shape } = hook;
        let answer = quote!(::core::convert::Into::<#private::Health>::into(Self::#method(self)));
        let answer = located_at(shape.output, answer);
        quote! {
            #(#conditions)*
            fn health(&self) -> #private::Health {
                #answer
            }
        }
    }

    /// What the log says was handled.
    fn payload(&self, handler: &Handler) -> TokenStream {
        let (private, event) = (&self.private, self.event(handler));
        match handler.kind {
            Kind::Response => quote!(#private::Answer<#event>),
            Kind::Notification | Kind::Request | Kind::Tunnel => event,
        }
    }
}
