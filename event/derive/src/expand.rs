use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, GenericParam, Generics, Member, Result, Type, parse_quote};

use crate::kind::Kind;
use crate::options::{Codec, Options, Particular};
use crate::paths::event_crate;
use crate::retain::Retain;

/// The implementations of `Event` and of the kind's own trait.
pub(crate) fn expand(kind: Kind, input: &DeriveInput) -> Result<TokenStream> {
    if let Data::Union(union) = &input.data {
        return Err(Error::new(
            union.union_token.span,
            "a union cannot be an event; expected a struct or an enum",
        ));
    }
    if let Some(lifetime) = input.generics.lifetimes().next() {
        return Err(Error::new_spanned(
            lifetime,
            format!(
                "an event owns its data: expected no lifetime on `{}`, as in `String` in place of `&str`",
                input.ident
            ),
        ));
    }
    kind.refuse_second(&input.attrs)?;
    let options = Options::read(kind, &input.ident, &input.attrs)?;
    Expansion { event: event_crate()?, input, options }.tokens()
}

struct Expansion<'a> {
    /// The path to `edri-event`.
    event: TokenStream,
    input: &'a DeriveInput,
    options: Options,
}

impl Expansion<'_> {
    fn tokens(&self) -> Result<TokenStream> {
        let Self { event, input: DeriveInput { ident, .. }, .. } = self;
        let keyed = self.keyed_field()?;
        let generics = self.bounded_generics(keyed.map(|(_, field)| field));
        let (impl_generics, type_generics, where_clause) = generics.split_for_impl();

        let name = self.name();
        let version = self.options.version.map(|version| quote!(const VERSION: u32 = #version;));
        let priority = self
            .options
            .priority
            .as_ref()
            .map(|variant| quote!(const PRIORITY: #event::Priority = #event::Priority::#variant;));
        let key = keyed.map(|(member, _)| {
            // Located at the option, so that a field that cannot be hashed is reported there.
            let span = Span::call_site().located_at(member.span());
            let key = quote_spanned!(span=> #event::Key::of(&self.#member));
            quote! {
                fn key(&self) -> ::core::option::Option<#event::Key> {
                    ::core::option::Option::Some(#key)
                }
            }
        });
        let shareable = self.options.codec.is_some().then(|| {
            quote!(
                const SHAREABLE: bool = true;
            )
        });
        let wire = self.wire("wire", &quote!(Self), &quote!(#ident #type_generics));
        let (kind, items) = self.particular();

        Ok(quote! {
            #[automatically_derived]
            impl #impl_generics #event::Event for #ident #type_generics #where_clause {
                #version
                #priority
                #shareable
                fn name() -> &'static str {
                    #name
                }
                #key
                #wire
            }

            #[automatically_derived]
            impl #impl_generics #event::#kind for #ident #type_generics #where_clause {
                #items
            }
        })
    }

    /// The kind's trait and what it holds.
    fn particular(&self) -> (Ident, TokenStream) {
        let (kind, items) = match &self.options.particular {
            Particular::Notification { retain } => {
                let items = retain.as_ref().map(|retain| self.retention(retain));
                ("Notification", items.unwrap_or_default())
            }
            Particular::Request { response, policy, idempotent } => {
                let policy = self.policy(policy.as_ref());
                let idempotent = idempotent.then(|| {
                    quote!(
                        const IDEMPOTENT: bool = true;
                    )
                });
                let wire = self.wire("response_wire", &quote!(Self::Response), &response.to_token_stream());
                ("Request", quote!(type Response = #response; #policy #idempotent #wire))
            }
            Particular::Tunnel { send, receive, policy } => {
                let policy = self.policy(policy.as_ref());
                let send_wire = self.wire("send_wire", &quote!(Self::Send), &send.to_token_stream());
                let receive_wire =
                    self.wire("receive_wire", &quote!(Self::Receive), &receive.to_token_stream());
                let types = quote!(type Send = #send; type Receive = #receive;);
                ("Tunnel", quote!(#types #policy #send_wire #receive_wire))
            }
        };
        (Ident::new(kind, self.input.ident.span()), items)
    }

    /// The bounds of what is kept, and what counts its bytes.
    fn retention(&self, retain: &Retain) -> TokenStream {
        let event = &self.event;
        let events = retain.events.map(|events| quote!(.and_last(#events)));
        let age =
            retain.milliseconds.map(|age| quote!(.and_within(::core::time::Duration::from_millis(#age))));
        let bytes = retain.bytes.map(|bytes| quote!(.and_sized(#bytes)));
        let measure = retain.measure.as_ref().map(|measure| {
            quote! {
                fn retained_bytes(&self) -> usize {
                    #measure(self)
                }
            }
        });
        quote! {
            const RETENTION: #event::Retention = #event::Retention::NOTHING #events #age #bytes;
            #measure
        }
    }

    fn policy(&self, variant: Option<&Ident>) -> Option<TokenStream> {
        let event = &self.event;
        variant.map(|variant| quote!(const POLICY: #event::RoutePolicy = #event::RoutePolicy::#variant;))
    }

    /// A method that answers how `payload` travels, or nothing for an event that stays in its process.
    ///
    /// The payload is named as its author wrote it, so that a missing `Serialize` is reported there.
    fn wire(&self, method: &str, returned: &TokenStream, payload: &TokenStream) -> Option<TokenStream> {
        let event = &self.event;
        let codec = match self.options.codec.as_ref()? {
            Codec::Postcard => quote!(#event::Postcard),
            Codec::MessagePack => quote!(#event::MessagePack),
            Codec::Named(path) => path.to_token_stream(),
        };
        let method = Ident::new(method, Span::call_site());
        Some(quote! {
            fn #method() -> ::core::option::Option<#event::Wire<#returned>> {
                ::core::option::Option::Some(#event::__private::wire::<#payload, #codec>())
            }
        })
    }

    fn name(&self) -> TokenStream {
        let Self { event, input: DeriveInput { ident, generics, .. }, options } = self;
        let base = match &options.name {
            Some(name) => name.to_token_stream(),
            None => {
                let ident = ident.unraw().to_string();
                quote!(::core::concat!(::core::module_path!(), "::", #ident))
            }
        };
        if generics.params.is_empty() {
            return base;
        }
        let parameters = generics.params.iter().map(|parameter| match parameter {
            GenericParam::Const(parameter) => {
                let ident = &parameter.ident;
                quote!(&::std::string::ToString::to_string(&#ident))
            }
            GenericParam::Type(parameter) => {
                let ident = &parameter.ident;
                quote!(::core::any::type_name::<#ident>())
            }
            GenericParam::Lifetime(_) => unreachable!("refused before"),
        });
        quote!(#event::__private::generic_name::<Self>(#base, &[#(#parameters),*]))
    }

    /// The generics with the bounds the implementations need.
    ///
    /// Bounds are put on generic types only: elsewhere the bodies are checked as they stand, which reads better
    /// than a bound that can never hold.
    fn bounded_generics(&self, keyed: Option<&Type>) -> Generics {
        let event = &self.event;
        let mut generics = self.input.generics.clone();
        let parameters: Vec<Ident> =
            generics.type_params().map(|parameter| parameter.ident.clone()).collect();
        if parameters.is_empty() {
            return generics;
        }
        let sync = matches!(self.options.particular, Particular::Notification { .. })
            .then(|| quote!(+ ::core::marker::Sync));
        let predicates = &mut generics.make_where_clause().predicates;
        for parameter in &parameters {
            predicates.push(parse_quote!(#parameter: ::core::marker::Send #sync + 'static));
        }
        let payloads: Vec<&Type> = match &self.options.particular {
            Particular::Notification { .. } => Vec::new(),
            Particular::Request { response, .. } => vec![response],
            Particular::Tunnel { send, receive, .. } => vec![send, receive],
        };
        let payloads = payloads.into_iter().filter(|payload| mentions(*payload, &parameters));
        for payload in payloads.clone() {
            predicates.push(parse_quote!(#payload: ::core::marker::Send + 'static));
        }
        if let Some(field) = keyed.filter(|field| mentions(*field, &parameters)) {
            predicates.push(parse_quote!(#field: ::core::hash::Hash));
        }
        if self.options.codec.is_some() {
            let itself: Type = parse_quote!(Self);
            for shared in std::iter::once(&itself).chain(payloads) {
                predicates.push(parse_quote! {
                    #shared: #event::__private::Serialize + #event::__private::DeserializeOwned
                });
            }
        }
        generics
    }

    /// The field that is the key, and its type.
    fn keyed_field(&self) -> Result<Option<(&Member, &Type)>> {
        let Some(member) = &self.options.key else { return Ok(None) };
        let Data::Struct(data) = &self.input.data else {
            return Err(Error::new(member.span(), "`key` names a field of a struct, and this is an enum"));
        };
        match data.fields.members().zip(&data.fields).find(|(known, _)| known == member) {
            Some((_, field)) => Ok(Some((member, &field.ty))),
            None => Err(Error::new(
                member.span(),
                format!(
                    "`{}` has no field `{}`; {}",
                    self.input.ident,
                    member.to_token_stream(),
                    expected_fields(&data.fields)
                ),
            )),
        }
    }
}

fn expected_fields(fields: &Fields) -> String {
    let names: Vec<_> = fields.members().map(|member| format!("`{}`", member.to_token_stream())).collect();
    match names.as_slice() {
        [] => "it has no fields at all".into(),
        [only] => format!("expected {only}"),
        several => format!("expected one of {}", several.join(", ")),
    }
}

/// Whether a type is made with one of the type parameters.
fn mentions(tokens: impl ToTokens, parameters: &[Ident]) -> bool {
    tokens.into_token_stream().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => parameters.contains(&ident),
        TokenTree::Group(group) => mentions(group.stream(), parameters),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
