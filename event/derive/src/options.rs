use std::collections::HashSet;

use proc_macro2::{Ident, Span};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, Lit, LitStr, Member, Path, Result, Type};

use crate::kind::Kind;
use crate::retain::Retain;

/// The options every kind has, in the order in which errors name them.
const COMMON: [&str; 7] = ["name", "version", "priority", "key", "shareable", "evolving", "codec"];

/// What was asked for in the helper attribute, complete and free of contradictions.
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<u32>,
    /// The variant of `Priority`.
    pub(crate) priority: Option<Ident>,
    pub(crate) key: Option<Member>,
    /// `None` for an event that stays in its process.
    pub(crate) codec: Option<Codec>,
    pub(crate) particular: Particular,
}

/// How a shareable event travels.
pub(crate) enum Codec {
    Postcard,
    MessagePack,
    Named(Path),
}

/// What only one kind has.
#[expect(clippy::large_enum_variant, reason = "there is one of it per derive")]
pub(crate) enum Particular {
    Notification { retain: Option<Retain> },
    Request { response: Type, policy: Option<Ident>, idempotent: bool },
    Tunnel { send: Type, receive: Type, policy: Option<Ident> },
}

impl Options {
    /// Reads every `#[kind(…)]` on the type.
    pub(crate) fn read(kind: Kind, type_name: &Ident, attributes: &[Attribute]) -> Result<Self> {
        let mut draft = Draft::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(kind.attribute())) {
            // `#[notification]` and `#[notification()]` ask for nothing.
            if !matches!(attribute.meta, syn::Meta::Path(_)) {
                attribute.parse_nested_meta(|meta| draft.read(kind, meta))?;
            }
        }
        draft.finish(kind, type_name)
    }
}

/// The options while they are read: anything may still be missing.
#[derive(Default)]
struct Draft {
    seen: HashSet<String>,
    name: Option<LitStr>,
    version: Option<u32>,
    priority: Option<Ident>,
    key: Option<Member>,
    shareable: bool,
    evolving: Option<Span>,
    codec: Option<(Span, Path)>,
    retain: Option<Retain>,
    /// The variant of `RoutePolicy`.
    policy: Option<Ident>,
    idempotent: bool,
    response: Option<Type>,
    send: Option<Type>,
    receive: Option<Type>,
}

impl Draft {
    fn read(&mut self, kind: Kind, meta: ParseNestedMeta<'_>) -> Result<()> {
        let span = meta.path.span();
        let option = meta.path.get_ident().map(Ident::to_string).unwrap_or_default();
        if !COMMON.contains(&option.as_str()) && !kind.own_options().contains(&option.as_str()) {
            return Err(Error::new(span, unknown(kind, &option)));
        }
        if !self.seen.insert(option.clone()) {
            return Err(Error::new(span, format!("`{option}` is given twice; expected it once at the most")));
        }
        match option.as_str() {
            "name" => self.name = Some(name(&meta)?),
            "version" => self.version = Some(version(&meta)?),
            "priority" => self.priority = Some(priority(&meta)?),
            "key" => self.key = Some(key(&meta)?),
            "shareable" => {
                flag(&meta)?;
                self.shareable = true;
            }
            "evolving" => {
                flag(&meta)?;
                self.evolving = Some(span);
            }
            "codec" => {
                let path = meta.value()?.parse().map_err(|error| {
                    Error::new(error.span(), "expected a codec's path, as in `codec = Postcard`")
                })?;
                self.codec = Some((span, path));
            }
            "retain" => self.retain = Some(Retain::read(&meta)?),
            "policy" => self.policy = Some(policy(&meta)?),
            "idempotent" => {
                flag(&meta)?;
                self.idempotent = true;
            }
            "response" => self.response = Some(payload(&meta, "response")?),
            "send" => self.send = Some(payload(&meta, "send")?),
            // What is left: the names were checked above.
            _ => self.receive = Some(payload(&meta, "receive")?),
        }
        Ok(())
    }

    fn finish(self, kind: Kind, type_name: &Ident) -> Result<Options> {
        let required = |option: Option<Type>, name: &str, example: &str| {
            option.ok_or_else(|| {
                Error::new(
                    type_name.span(),
                    format!("`{type_name}` does not say its `{name}` type; expected `{example}`"),
                )
            })
        };
        let particular = match kind {
            Kind::Notification => Particular::Notification { retain: self.retain },
            Kind::Request => Particular::Request {
                response: required(self.response, "response", "#[request(response = Type)]")?,
                policy: self.policy,
                idempotent: self.idempotent,
            },
            Kind::Tunnel => {
                let example = "#[tunnel(send = Type, receive = Type)]";
                Particular::Tunnel {
                    send: required(self.send, "send", example)?,
                    receive: required(self.receive, "receive", example)?,
                    policy: self.policy,
                }
            }
        };
        let codec = match (self.shareable, self.evolving, self.codec) {
            (false, Some(span), _) => return Err(needs_shareable(span, "evolving")),
            (false, None, Some((span, _))) => return Err(needs_shareable(span, "codec")),
            (false, None, None) => None,
            (true, Some(_), Some((span, _))) => {
                return Err(Error::new(
                    span,
                    "`evolving` already chooses the codec (MessagePack); expected one of the two",
                ));
            }
            (true, Some(_), None) => Some(Codec::MessagePack),
            (true, None, Some((_, path))) => Some(Codec::Named(path)),
            (true, None, None) => Some(Codec::Postcard),
        };
        let Self { name, version, priority, key, .. } = self;
        Ok(Options { name, version, priority, key, codec, particular })
    }
}

fn unknown(kind: Kind, option: &str) -> String {
    let attribute = kind.attribute();
    let known: Vec<_> = kind.own_options().iter().chain(&COMMON).map(|known| format!("`{known}`")).collect();
    let known = known.join(", ");
    match Kind::owner_of(option) {
        Some(owner) => format!(
            "`{option}` is an option of a {}, and this is a {attribute}; expected one of {known}",
            owner.attribute()
        ),
        None if option.is_empty() => format!("expected an option of a {attribute}: one of {known}"),
        None => format!("`{option}` is not an option of a {attribute}; expected one of {known}"),
    }
}

fn needs_shareable(span: Span, option: &str) -> Error {
    Error::new(
        span,
        format!("`{option}` says how an event leaves its process; expected `shareable` beside it"),
    )
}

fn flag(meta: &ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.is_empty() || meta.input.peek(syn::Token![,]) {
        return Ok(());
    }
    Err(meta.error("this option takes no value; leave it out to say no"))
}

/// The literal after `=`; anything else is answered with what was expected.
fn literal(meta: &ParseNestedMeta<'_>, expected: &str) -> Result<Lit> {
    match meta.value()?.parse()? {
        Expr::Lit(ExprLit { lit, .. }) => Ok(lit),
        other => Err(Error::new_spanned(other, expected)),
    }
}

fn name(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    let expected = "expected a name in quotes, as in `name = \"billing::Paid\"`";
    match literal(meta, expected)? {
        Lit::Str(name) if !name.value().trim().is_empty() => Ok(name),
        other => Err(Error::new_spanned(other, expected)),
    }
}

fn version(meta: &ParseNestedMeta<'_>) -> Result<u32> {
    let expected = "expected a whole number from 1, as in `version = 3`";
    let literal = literal(meta, expected)?;
    match &literal {
        Lit::Int(number) => number.base10_parse().ok().filter(|version| *version >= 1),
        _ => None,
    }
    .ok_or_else(|| Error::new_spanned(literal, expected))
}

fn priority(meta: &ParseNestedMeta<'_>) -> Result<Ident> {
    let expected = "expected `priority = \"normal\"`, `\"high\"` or `\"control\"`";
    variant(meta, expected, &[("normal", "Normal"), ("high", "High"), ("control", "Control")])
}

fn policy(meta: &ParseNestedMeta<'_>) -> Result<Ident> {
    let expected =
        "expected `policy = \"local_first\"`, `\"round_robin\"`, `\"least_loaded\"` or `\"by_key\"`";
    variant(
        meta,
        expected,
        &[
            ("local_first", "LocalFirst"),
            ("round_robin", "RoundRobin"),
            ("least_loaded", "LeastLoaded"),
            ("by_key", "ByKey"),
        ],
    )
}

/// The variant that the text after `=` names.
fn variant(meta: &ParseNestedMeta<'_>, expected: &str, known: &[(&str, &str)]) -> Result<Ident> {
    let literal = literal(meta, expected)?;
    let variant = match &literal {
        Lit::Str(text) => known.iter().find(|(name, _)| text.value() == *name),
        _ => None,
    };
    match variant {
        Some((_, variant)) => Ok(Ident::new(variant, literal.span())),
        None => Err(Error::new_spanned(literal, expected)),
    }
}

fn key(meta: &ParseNestedMeta<'_>) -> Result<Member> {
    meta.value()?.parse().map_err(|error| {
        Error::new(error.span(), "expected the name or the index of a field, as in `key = id` or `key = 0`")
    })
}

fn payload(meta: &ParseNestedMeta<'_>, option: &str) -> Result<Type> {
    meta.value()?
        .parse()
        .map_err(|error| Error::new(error.span(), format!("expected a type, as in `{option} = u64`")))
}
