use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Attribute, Error, ImplItem, ImplItemFn, ItemImpl, Result, Type, parse_quote};

use crate::marker::Marker;
use crate::replay::From;
use crate::signature::Shape;

/// The methods of a manager that are called for events, and its hooks.
#[derive(Default)]
pub(crate) struct Handlers {
    pub(crate) handlers: Vec<Handler>,
    pub(crate) started: Option<Hook>,
    pub(crate) stopping: Option<Hook>,
    pub(crate) health: Option<Hook>,
}

/// A method that handles an event.
pub(crate) struct Handler {
    pub(crate) kind: Kind,
    pub(crate) event: Type,
    pub(crate) method: Ident,
    pub(crate) variant: Ident,
    /// How much of the past it begins with, if any.
    pub(crate) from: Option<From>,
    /// The conditions under which it exists.
    pub(crate) conditions: Vec<Attribute>,
    pub(crate) shape: Shape,
}

/// What a handler handles.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Notification,
    Request,
    Response,
    Tunnel,
}

/// A method that is called at a turn in the manager's life.
pub(crate) struct Hook {
    pub(crate) method: Ident,
    pub(crate) conditions: Vec<Attribute>,
    pub(crate) shape: Shape,
}

impl Handlers {
    /// Takes the attributes off the methods and reads what they say. All that is wrong is told at once.
    pub(crate) fn take(block: &mut ItemImpl) -> Result<Self> {
        let mut found = Self::default();
        let mut errors: Option<Error> = None;
        for item in &mut block.items {
            if let ImplItem::Fn(method) = item
                && let Err(error) = found.take_method(method)
            {
                match &mut errors {
                    Some(errors) => errors.combine(error),
                    None => errors = Some(error),
                }
            }
        }
        errors.map_or(Ok(found), Err)
    }

    /// Whether handlers may run at the same time.
    pub(crate) fn are_shared(&self) -> bool {
        self.handlers.iter().all(|handler| !handler.shape.exclusive)
    }

    fn take_method(&mut self, method: &mut ImplItemFn) -> Result<()> {
        let Some((marker, from)) = Marker::take(&mut method.attrs)? else { return Ok(()) };
        let mut shape = Shape::read(marker, &method.sig)?;
        // The signature is prescribed: lints that would have another one are not the author's to answer.
        method.attrs.push(parse_quote! {
            #[allow(clippy::needless_pass_by_value, clippy::trivially_copy_pass_by_ref, clippy::unused_self)]
        });
        let conditions = conditions(&method.attrs);
        let name = &method.sig.ident;
        let kind = match marker {
            Marker::Notification => Kind::Notification,
            Marker::Request => Kind::Request,
            Marker::Response => Kind::Response,
            Marker::Tunnel => Kind::Tunnel,
            Marker::Started => return set_hook(&mut self.started, "started", name, conditions, shape),
            Marker::Stopping => return set_hook(&mut self.stopping, "stopping", name, conditions, shape),
            Marker::Health => return set_hook(&mut self.health, "health", name, conditions, shape),
        };
        let Some(event) = shape.event.take() else { return Ok(()) };
        if let Some(first) = self.handler_of(kind, &event)
            // Two that exist under conditions may well exclude each other.
            && (first.conditions.is_empty() || conditions.is_empty())
        {
            let event = event.to_token_stream();
            return Err(Error::new(
                name.span(),
                format!(
                    "`{}` already handles this {} of `{event}`; expected one handler for each event",
                    first.method,
                    marker.name(),
                ),
            ));
        }
        let variant = self.fresh_variant(name);
        self.handlers.push(Handler { kind, event, method: name.clone(), variant, from, conditions, shape });
        Ok(())
    }

    fn handler_of(&self, kind: Kind, event: &Type) -> Option<&Handler> {
        let event = event.to_token_stream().to_string();
        self.handlers
            .iter()
            .find(|known| known.kind == kind && known.event.to_token_stream().to_string() == event)
    }

    /// The method's name in camel case, and a number where two methods would share it.
    fn fresh_variant(&self, method: &Ident) -> Ident {
        let base = camel_case(&method.unraw().to_string());
        let taken = |name: &String| self.handlers.iter().any(|known| known.variant == name.as_str());
        let numbered = (2..).map(|number| format!("{base}{number}"));
        let name = std::iter::once(base.clone()).chain(numbered).find(|name| !taken(name));
        Ident::new(&name.unwrap_or(base), Span::call_site())
    }
}

fn set_hook(
    hook: &mut Option<Hook>,
    kind: &str,
    method: &Ident,
    conditions: Vec<Attribute>,
    shape: Shape,
) -> Result<()> {
    if let Some(first) = hook {
        return Err(Error::new(
            method.span(),
            format!("`{}` is already the hook `#[{kind}]`; expected one at the most", first.method),
        ));
    }
    *hook = Some(Hook { method: method.clone(), conditions, shape });
    Ok(())
}

fn conditions(attributes: &[Attribute]) -> Vec<Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect()
}

/// `add_one` becomes `AddOne`; a name of which too little is left gets a word in front.
fn camel_case(snake: &str) -> String {
    let words = snake.split('_').filter(|word| !word.is_empty());
    let joined: String = words
        .map(|word| {
            let mut letters = word.chars();
            letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
        })
        .collect();
    if joined == "Self" || !joined.starts_with(char::is_alphabetic) {
        format!("Event{joined}")
    } else {
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::camel_case;

    #[test]
    fn variants_are_named_after_methods() {
        for (method, variant) in [
            ("add", "Add"),
            ("add_one", "AddOne"),
            ("_add__one_", "AddOne"),
            ("add2", "Add2"),
            ("_1", "Event1"),
            ("self_", "EventSelf"),
            ("__", "Event"),
        ] {
            assert_eq!(camel_case(method), variant, "{method}");
        }
    }
}
