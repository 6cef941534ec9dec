use std::collections::HashSet;

use proc_macro2::{Ident, Span};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Lit, LitStr, Path, Result, Token};

use crate::supervision::Supervision;

/// The options, in the order in which errors name them.
const KNOWN: [&str; 10] = [
    "name",
    "capacity",
    "overflow",
    "inline",
    "concurrency",
    "restart",
    "redeliver",
    "handler_timeout",
    "abandon",
    "essential",
];

const OVERFLOWS: [&str; 4] = ["Wait", "Reject", "DropOldest", "DropNewest"];

/// What `#[manager(…)]` asks for.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) capacity: Option<Expr>,
    /// The variant of `Overflow`.
    pub(crate) overflow: Option<Ident>,
    pub(crate) mode: Option<Mode>,
    pub(crate) supervision: Supervision,
    seen: HashSet<String>,
}

/// How the manager is run, unless as a mailbox.
pub(crate) enum Mode {
    Inline,
    Concurrent {
        /// The variant of `Concurrency`.
        order: Ident,
        limit: Expr,
    },
}

impl Options {
    pub(crate) fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let span = meta.path.span();
        let option = meta.path.get_ident().map(Ident::to_string).unwrap_or_default();
        if !KNOWN.contains(&option.as_str()) {
            return Err(Error::new(
                span,
                format!("`{option}` is not an option of a manager; expected one of {}", listed(&KNOWN)),
            ));
        }
        if !self.seen.insert(option.clone()) {
            return Err(Error::new(span, format!("`{option}` is given twice; expected it once at the most")));
        }
        match option.as_str() {
            "name" => self.name = Some(name(meta)?),
            "capacity" => self.capacity = Some(at_least_one(meta.value()?.parse()?, "capacity = 64")?),
            "overflow" => self.overflow = Some(overflow(&meta.value()?.parse()?)?),
            "inline" => {
                is_flag(meta, "inline")?;
                self.set_mode(span, Mode::Inline)?;
            }
            "restart" | "redeliver" | "handler_timeout" | "abandon" | "essential" => {
                self.supervision.read(&option, meta)?;
            }
            // What is left: the names were checked above.
            _ => self.set_mode(span, concurrency(meta.value()?.parse()?)?)?,
        }
        Ok(())
    }

    fn set_mode(&mut self, span: Span, mode: Mode) -> Result<()> {
        if self.mode.is_some() {
            return Err(Error::new(
                span,
                "`inline` handles one event at a time on its sender's task, `concurrency` several on tasks of \
                 their own; expected one of the two",
            ));
        }
        self.mode = Some(mode);
        Ok(())
    }
}

fn name(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    let expected = "expected a name in quotes, as in `name = \"billing\"`";
    match meta.value()?.parse()? {
        Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) if !name.value().trim().is_empty() => Ok(name),
        other => Err(Error::new_spanned(other, expected)),
    }
}

/// That an option is given is all it says.
pub(crate) fn is_flag(meta: &ParseNestedMeta<'_>, option: &str) -> Result<()> {
    if meta.input.is_empty() || meta.input.peek(Token![,]) {
        return Ok(());
    }
    Err(meta.error(format!("`{option}` takes no value; leave it out to say no")))
}

/// Anything but a literal is left for the compiler and, if it comes to that, for the run time to judge.
pub(crate) fn at_least_one(count: Expr, example: &str) -> Result<Expr> {
    let fits = match &count {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => {
            number.base10_parse::<usize>().is_ok_and(|number| number >= 1)
        }
        Expr::Lit(_) => false,
        _ => true,
    };
    if fits {
        return Ok(count);
    }
    Err(Error::new_spanned(count, format!("expected a count of at least 1, as in `{example}`")))
}

/// `Wait`, or a longer path to it.
fn overflow(policy: &Path) -> Result<Ident> {
    match policy.segments.last() {
        Some(last) if OVERFLOWS.iter().any(|known| last.ident == known) => Ok(last.ident.clone()),
        _ => Err(Error::new_spanned(
            policy,
            format!("expected an overflow policy: one of {}", listed(&OVERFLOWS)),
        )),
    }
}

/// `PerKey(8)` or `Unordered(8)`, or longer paths to them.
fn concurrency(value: Expr) -> Result<Mode> {
    let expected =
        "expected `concurrency = PerKey(8)` (in order for each key) or `concurrency = Unordered(8)`";
    let refused = Error::new_spanned(&value, expected);
    let Expr::Call(call) = value else { return Err(refused) };
    let order = match &*call.func {
        Expr::Path(path) => path.path.segments.last().map(|last| last.ident.clone()),
        _ => None,
    };
    let mut arguments = call.args.into_iter();
    match (order, arguments.next(), arguments.next()) {
        (Some(order), Some(limit), None) if order == "PerKey" || order == "Unordered" => {
            let limit = at_least_one(limit, &format!("concurrency = {order}(8)"))?;
            Ok(Mode::Concurrent { order, limit })
        }
        _ => Err(refused),
    }
}

pub(crate) fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
