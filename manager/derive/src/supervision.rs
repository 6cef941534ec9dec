use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Lit, Path, Result};

use crate::options::{at_least_one, is_flag, listed};

const POLICIES: [&str; 3] = ["Never", "OnPanic", "Always"];

/// What `#[manager(…)]` asks for that keeps the manager up.
#[derive(Default)]
pub(crate) struct Supervision {
    /// The variant of `Restart`.
    restart: Option<Ident>,
    redeliver: Option<Expr>,
    /// An expression of type `Duration`.
    handler_timeout: Option<TokenStream>,
    abandon: Option<Span>,
    essential: bool,
}

/// The units of a time, and their milliseconds. `ms` stands before `m` and `s`, which it ends or begins with.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

impl Supervision {
    pub(crate) fn read(&mut self, option: &str, meta: &ParseNestedMeta<'_>) -> Result<()> {
        match option {
            "restart" => self.restart = Some(policy(&meta.value()?.parse()?)?),
            "redeliver" => self.redeliver = Some(at_least_one(meta.value()?.parse()?, "redeliver = 3")?),
            "handler_timeout" => self.handler_timeout = Some(time(meta.value()?.parse()?)?),
            "abandon" => {
                is_flag(meta, option)?;
                self.abandon = Some(meta.path.span());
            }
            // What is left: the names were checked before.
            _ => {
                is_flag(meta, option)?;
                self.essential = true;
            }
        }
        Ok(())
    }

    /// What does not go together, once all has been read.
    pub(crate) fn check(&self) -> Result<()> {
        if let (Some(abandon), None) = (self.abandon, &self.handler_timeout) {
            return Err(Error::new(
                abandon,
                "`abandon` is for handlers that take too long; expected how long that is, as in \
                 `handler_timeout = \"5s\"`",
            ));
        }
        if let (Some(times), Some(restart)) = (&self.redeliver, &self.restart)
            && restart == "Never"
        {
            return Err(Error::new_spanned(
                times,
                "an event is delivered again after a restart; expected `restart = OnPanic` or `restart = Always`",
            ));
        }
        Ok(())
    }

    /// The calls on `Settings`.
    pub(crate) fn settings(&self, edri: &TokenStream) -> TokenStream {
        let restart = self.restart.as_ref().map(|restart| quote!(.restart(#edri::Restart::#restart)));
        let redeliver = self.redeliver.as_ref().map(|times| quote!(.redeliver(#times)));
        let abandon = self.abandon.map(|_| quote!(.abandon()));
        let timeout = self
            .handler_timeout
            .as_ref()
            .map(|after| quote!(.handler_timeout(#edri::HandlerTimeout::after(#after) #abandon)));
        let essential = self.essential.then(|| quote!(.essential()));
        quote!(#restart #redeliver #timeout #essential)
    }
}

/// `OnPanic`, or a longer path to it.
fn policy(policy: &Path) -> Result<Ident> {
    match policy.segments.last() {
        Some(last) if POLICIES.iter().any(|known| last.ident == known) => Ok(last.ident.clone()),
        _ => Err(Error::new_spanned(
            policy,
            format!("expected a restart policy: one of {}", listed(&POLICIES)),
        )),
    }
}

/// `"5s"`, or any expression but another literal.
fn time(value: Expr) -> Result<TokenStream> {
    let parsed = match &value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            milliseconds(&text.value()).map(|time| quote!(::core::time::Duration::from_millis(#time)))
        }
        Expr::Lit(_) => None,
        _ => Some(quote!(#value)),
    };
    parsed.ok_or_else(|| {
        Error::new_spanned(
            value,
            "expected a time in `ms`, `s`, `m` or `h`, as in `handler_timeout = \"5s\"`, and more than nothing",
        )
    })
}

fn milliseconds(time: &str) -> Option<u64> {
    let (number, unit) = UNITS.iter().find_map(|&(unit, length)| Some((time.strip_suffix(unit)?, length)))?;
    // `parse` would also take a sign.
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|time| *time > 0)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn times_are_read_in_every_unit() {
        for (text, expected) in
            [("250ms", Some(250)), ("5s", Some(5_000)), ("2m", Some(120_000)), ("1h", Some(3_600_000))]
        {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }

    #[test]
    fn other_times_are_refused() {
        for text in ["", "s", "30", "0s", "-1s", "+1s", "1.5s", "30 s", "1d", "99999999999999999999h"] {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }
}
