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
        let calls = format_ident!("{calls}");
        let (method, from) = match &handler.from {
            None => (format_ident!("{method}"), None),
            Some(from) => {
                let from = from.value(private);
                (format_ident!("{method}_from"), Some(quote!(#from,)))
            }
        };
        let is_request = handler.kind == Kind::Request;
        let call = match (handler.shape.is_async, is_request) {
            (false, _) => {
                let answer = self.answer(handler, &quote!(event));
                quote!(Now(|manager, event, cx| #answer))
            }
            (true, true) => {
                let outcome = self.watched(&self.answer(handler, &quote!(event)));
                quote! {
                    Later(|mut held, event| ::std::boxed::Box::pin(async move {
                        let mut watching = held.watch(#private::event_name::<#payload>());
                        let outcome = {
                            let (manager, cx) = held.parts();
                            #outcome
                        };
                        held.settle_request(&outcome);
                        outcome
                    }))
                }
            }
            (true, false) => {
                let outcome = self.watched(&self.lent(handler));
                quote! {
                    Later(|held, event| {
                        let mut held = held.lend(event);
                        ::std::boxed::Box::pin(async move {
                            let mut watching = held.watch(#private::event_name::<#payload>());
                            let outcome = {
                                let (manager, cx, lent) = held.parts();
                                #outcome
                            };
                            held.settle(outcome, #inbox::#variant);
                        })
                    })
                }
            }
        };
        quote!(entrance.#method::<#event>(#from #inbox::#variant, #private::#calls::#call))
    }

    /// The body that handles one message out of the inbox.
    pub(crate) fn handling(&self, hands: Hands) -> TokenStream {
        let inbox = &self.inbox;
        let manager = match hands {
            Hands::Exclusive => quote!(let manager: &mut Self = &mut *self;),
            Hands::Shared => quote!(let manager: &Self = self;),
        };
        let arms = self.each(|handler| {
            let variant = &handler.variant;
            let handled = match handler.shape.is_async {
                true => self.handled_later(handler, &manager),
                false => self.handled_now(handler, &manager),
            };
            quote!(#inbox::#variant(parcel) => { #handled })
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
    pub(crate) fn handling_now(&self) -> TokenStream {
        let Self { inbox, edri, private, handlers, .. } = self;
        if handlers.handlers.iter().all(|handler| handler.shape.is_async) {
            return quote! {
                #[inline]
                fn may_wait(_message: &Self::Inbox) -> bool {
                    true
                }
            };
        }
        let manager = quote!(let manager: &mut Self = &mut *self;);
        let arms = handlers.handlers.iter().filter(|handler| !handler.shape.is_async).map(|handler| {
            let (conditions, variant) = (&handler.conditions, &handler.variant);
            let handled = self.handled_now(handler, &manager);
            quote! {
                #(#conditions)*
                #inbox::#variant(parcel) => ::core::result::Result::Ok({ #handled }),
            }
        });
        let waits = handlers.handlers.iter().filter(|handler| handler.shape.is_async).map(|handler| {
            let (conditions, variant) = (&handler.conditions, &handler.variant);
            quote!(#(#conditions)* #inbox::#variant(_) => true,)
        });
        quote! {
            #[inline]
            fn may_wait(message: &Self::Inbox) -> bool {
                match message {
                    #(#waits)*
                    #[allow(unreachable_patterns)]
                    _ => false,
                }
            }

            #[inline]
            fn handle_now(
                &mut self,
                message: Self::Inbox,
                cx: &mut #private::Context,
            ) -> ::core::result::Result<#edri::Handled<Self::Inbox>, Self::Inbox> {
                match message {
                    #(#arms)*
                    #[allow(unreachable_patterns)]
                    waits => ::core::result::Result::Err(waits),
                }
            }
        }
    }

    /// One event by a handler that never waits: an expression of type `Handled`.
    fn handled_now(&self, handler: &Handler, manager: &TokenStream) -> TokenStream {
        let Self { inbox, private, .. } = self;
        let (variant, payload) = (&handler.variant, self.payload(handler));
        let ready = quote! {
            #manager
            let cx: &#private::Context = cx;
        };
        match handler.kind {
            Kind::Request => {
                let answer = self.answer(handler, &quote!(event));
                self.around_request(handler, &ready, &quote!(#private::caught_now(move || #answer)))
            }
            Kind::Notification | Kind::Response => {
                let answer = self.lent(handler);
                self.unless_expired(
                    &quote!(begin),
                    &quote!(event),
                    &quote! {
                        let mut event = #private::Lent::new(event);
                        #ready
                        let outcome = {
                            let lent = &mut event;
                            #private::caught_now(move || #answer)
                        };
                        event.settle(outcome, cx, #inbox::#variant)
                    },
                )
            }
            Kind::Tunnel => {
                let answer = self.answer(handler, &quote!(event));
                self.unless_expired(
                    &quote!(begin_tunnel),
                    &quote!((event, tunnel, verdict)),
                    &quote! {
                        #ready
                        let outcome = #private::caught_now(move || #answer);
                        #private::settle_tunnel::<#payload, _>(outcome, verdict, cx)
                    },
                )
            }
        }
    }

    /// The same by one that may wait: it is under watch, and may be ended from outside.
    fn handled_later(&self, handler: &Handler, manager: &TokenStream) -> TokenStream {
        let Self { inbox, private, .. } = self;
        let (variant, payload) = (&handler.variant, self.payload(handler));
        let watch = quote!(let mut watching = cx.watch(#private::event_name::<#payload>()););
        let ready = quote! {
            #watch
            #manager
            let cx: &#private::Context = cx;
        };
        match handler.kind {
            Kind::Request => {
                let outcome = self.watched(&self.answer(handler, &quote!(event)));
                self.around_request(handler, &ready, &outcome)
            }
            Kind::Notification | Kind::Response => {
                let outcome = self.watched(&self.lent(handler));
                self.unless_expired(
                    &quote!(begin),
                    &quote!(event),
                    &quote! {
                        #ready
                        let mut event = #private::Entrusted::new(event, cx);
                        let outcome = {
                            let lent = event.lent();
                            #outcome
                        };
                        event.settle(outcome, #inbox::#variant)
                    },
                )
            }
            Kind::Tunnel => {
                let outcome = self.watched(&self.answer(handler, &quote!(event)));
                self.unless_expired(
                    &quote!(begin_tunnel),
                    &quote!((event, tunnel, verdict)),
                    &quote! {
                        #ready
                        let outcome = { #outcome };
                        #private::settle_tunnel::<#payload, _>(outcome, verdict, cx)
                    },
                )
            }
        }
    }

    /// What is begun by `begin` as `begun` is `handled`; one whose deadline has passed has been lost.
    fn unless_expired(&self, begin: &TokenStream, begun: &TokenStream, handled: &TokenStream) -> TokenStream {
        let Self { edri, private, .. } = self;
        quote! {
            match #private::#begin(parcel, cx) {
                ::core::option::Option::Some(#begun) => { #handled }
                ::core::option::Option::None => #edri::Handled::Done,
            }
        }
    }

    /// The answer of a handler that may wait, with what goes wrong in it, as the end of a block; expects `watching`.
    fn watched(&self, answer: &TokenStream) -> TokenStream {
        let private = &self.private;
        quote! {
            // In its place for good: to move it would be to have room for it twice.
            let handling = ::core::pin::pin!(::core::option::Option::Some(
                #private::caught(async move { #answer })
            ));
            let outcome = #private::Watched::new(handling, &mut watching).await;
            outcome
        }
    }

    /// The answer of a handler that borrows its event from `lent`, which has it back only if all is well.
    fn lent(&self, handler: &Handler) -> TokenStream {
        let answer = self.answer(handler, &quote!(lent.get()));
        quote!({
            let outcome = #answer;
            lent.end(outcome)
        })
    }

    /// A request taken from its parcel and answered with `answered`; the context is set only for those who want it.
    fn around_request(&self, handler: &Handler, ready: &TokenStream, answered: &TokenStream) -> TokenStream {
        let Self { edri, private, .. } = self;
        let (begin, end) = if handler.shape.takes_context {
            (quote!(#private::begin_request(parcel, cx)), Some(quote!(cx.end();)))
        } else {
            (quote!(#private::begin_request_alone(parcel)), None)
        };
        quote! {
            match #begin {
                ::core::option::Option::Some((event, reply)) => {
                    let outcome = {
                        #ready
                        #answered
                    };
                    #end
                    let handled = #private::judge(&outcome);
                    cx.answer(reply, outcome);
                    handled
                }
                ::core::option::Option::None => #edri::Handled::Done,
            }
        }
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
