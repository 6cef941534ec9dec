use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{
    Error, FnArg, GenericArgument, PatType, PathArguments, PathSegment, ReceiverKind, Result, ReturnType,
    Signature, Type,
};

use crate::marker::Marker;

/// How a method wants to be called.
pub(crate) struct Shape {
    /// The event's type; for a response the request's; for a hook none.
    pub(crate) event: Option<Type>,
    /// It takes `&mut self`.
    pub(crate) exclusive: bool,
    pub(crate) takes_context: bool,
    pub(crate) is_async: bool,
    pub(crate) receiver: Span,
    /// Where it says what it returns.
    pub(crate) output: Span,
}

impl Shape {
    pub(crate) fn read(marker: Marker, signature: &Signature) -> Result<Self> {
        let wrong = |at: &dyn ToTokens, what: &str| {
            Error::new_spanned(
                at,
                format!("{what}; expected of a `#[{}]`: {}", marker.name(), marker.expected()),
            )
        };
        if let Some(parameter) = signature.generics.type_params().next() {
            return Err(wrong(parameter, "a handler is for one type of event and cannot be generic"));
        }
        if let Some(parameter) = signature.generics.const_params().next() {
            return Err(wrong(parameter, "a handler is for one type of event and cannot be generic"));
        }
        let mut inputs = signature.inputs.iter();
        let (exclusive, receiver) = match inputs.next() {
            Some(FnArg::Receiver(receiver)) => match exclusive(&receiver.kind) {
                Some(exclusive) => (exclusive, receiver.span()),
                None => {
                    return Err(wrong(
                        receiver,
                        "the manager lives on after the call: it comes as `&self` or `&mut self`",
                    ));
                }
            },
            _ => return Err(wrong(&signature.ident, "it does not take the manager")),
        };
        let mut parameters: Vec<&PatType> = inputs
            .filter_map(|input| match input {
                FnArg::Typed(parameter) => Some(parameter),
                FnArg::Receiver(_) => None,
            })
            .collect();
        let own = match marker {
            Marker::Notification | Marker::Request | Marker::Response => 1,
            Marker::Tunnel => 2,
            Marker::Started | Marker::Stopping | Marker::Health => 0,
        };
        if parameters.len() < own {
            return Err(wrong(&signature.ident, too_few(marker)));
        }
        let rest = parameters.split_off(own);
        let takes_context = match rest.as_slice() {
            [] => false,
            [only] if is_context(&only.ty) => true,
            [first, ..] if !is_context(&first.ty) => {
                return Err(wrong(&first.ty, "what comes last can only be the context"));
            }
            [_, second, ..] => return Err(wrong(second, "it takes too much")),
            [only] => return Err(wrong(only, "it takes too much")),
        };
        let event = match parameters.first() {
            Some(first) => Some(event(marker, &first.ty).map_err(|what| wrong(&first.ty, what))?),
            None => None,
        };
        if let (Marker::Tunnel, Some(tunnel)) = (marker, parameters.get(1))
            && !last_segment(&tunnel.ty)
                .is_some_and(|last| last.ident == "Accepted" || last.ident == "TunnelEnd")
        {
            return Err(wrong(&tunnel.ty, "this is not its end of the tunnel"));
        }
        let output = match &signature.output {
            ReturnType::Default => signature.ident.span(),
            ReturnType::Type(_, returned) => returned.span(),
        };
        let is_async = signature.asyncness.is_some();
        if marker == Marker::Health {
            if exclusive {
                return Err(wrong(&signature.ident, "it looks at the manager and changes nothing"));
            }
            if is_async {
                return Err(wrong(&signature.ident, "it is answered at once, and cannot be `async`"));
            }
            if takes_context {
                return Err(wrong(&signature.ident, "it is called for no event, and has no context"));
            }
        }
        Ok(Self { event, exclusive, takes_context, is_async, receiver, output })
    }
}

/// `None` for what is neither `&self` nor `&mut self`.
fn exclusive(receiver: &ReceiverKind) -> Option<bool> {
    match receiver {
        ReceiverKind::Reference(_, _, mutability) => Some(mutability.is_some()),
        ReceiverKind::Typed(_, declared) => match &**declared {
            Type::Reference(reference) => match &*reference.elem {
                Type::Path(path) if path.path.is_ident("Self") => Some(reference.mutability.is_some()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn too_few(marker: Marker) -> &'static str {
    match marker {
        Marker::Response => "it does not take the answer",
        Marker::Tunnel => "it does not take the event and its end of the tunnel",
        _ => "it does not take the event",
    }
}

/// The event's type, out of the first parameter's.
fn event(marker: Marker, declared: &Type) -> std::result::Result<Type, &'static str> {
    let by_reference = match declared {
        Type::Reference(reference) if reference.mutability.is_some() => {
            return Err("a handler cannot change the event");
        }
        Type::Reference(reference) => Some(&*reference.elem),
        _ => None,
    };
    let event = match (marker, by_reference) {
        (Marker::Notification, Some(event)) => event,
        (Marker::Notification, None) => return Err("a notification is shared: it comes as `&Event`"),
        (Marker::Response, answer) => {
            answer.and_then(request_of).ok_or("what is observed comes as `&Answer<Event>`")?
        }
        (_, Some(_)) => return Err("the event is the handler's own: it comes by value, without `&`"),
        (_, None) => declared,
    };
    match event {
        Type::ImplTrait(_) => Err("a handler is for one type of event and cannot be generic"),
        known => Ok(known.clone()),
    }
}

/// The request in `Answer<Request>`.
fn request_of(answer: &Type) -> Option<&Type> {
    let last = last_segment(answer).filter(|last| last.ident == "Answer")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(request)) if arguments.args.len() == 1 => Some(request),
        _ => None,
    }
}

fn is_context(declared: &Type) -> bool {
    match declared {
        Type::Reference(reference) if reference.mutability.is_none() => {
            last_segment(&reference.elem).is_some_and(|last| last.ident.to_string().ends_with("Context"))
        }
        _ => false,
    }
}

fn last_segment(declared: &Type) -> Option<&PathSegment> {
    match declared {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}
