use syn::{Attribute, Error, Result};

/// Which derive is at work.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Notification,
    Request,
    Tunnel,
}

impl Kind {
    /// The helper attribute its options stand in.
    pub(crate) const fn attribute(self) -> &'static str {
        match self {
            Self::Notification => "notification",
            Self::Request => "request",
            Self::Tunnel => "tunnel",
        }
    }

    /// The options that only this kind has.
    pub(crate) const fn own_options(self) -> &'static [&'static str] {
        match self {
            Self::Notification => &["retain"],
            Self::Request => &["response", "policy", "idempotent"],
            Self::Tunnel => &["send", "receive", "policy"],
        }
    }

    /// The only kind that has this option, if it belongs to one kind.
    pub(crate) fn owner_of(option: &str) -> Option<Self> {
        [Self::Notification, Self::Request, Self::Tunnel]
            .into_iter()
            .find(|kind| kind.own_options().contains(&option))
    }

    /// Refuses a type that carries the attribute of another kind with that kind's required option.
    ///
    /// A pair of kinds is looked at from one side only, so that it is reported once. The option is asked for
    /// because an attribute of the same name may belong to somebody else's derive.
    pub(crate) fn refuse_second(self, attributes: &[Attribute]) -> Result<()> {
        let others: &[Self] = match self {
            Self::Notification => &[Self::Request, Self::Tunnel],
            Self::Request => &[Self::Tunnel],
            Self::Tunnel => &[],
        };
        for attribute in attributes {
            for other in others {
                if attribute.path().is_ident(other.attribute()) && other.is_meant_by(attribute) {
                    return Err(Error::new_spanned(
                        attribute,
                        format!(
                            "an event has exactly one kind: this type is already a {}, so it cannot be a {} too",
                            self.attribute(),
                            other.attribute(),
                        ),
                    ));
                }
            }
        }
        Ok(())
    }

    fn is_meant_by(self, attribute: &Attribute) -> bool {
        attribute.meta.require_list().is_ok_and(|list| {
            list.tokens
                .clone()
                .into_iter()
                .any(|token| self.own_options().iter().any(|option| token.to_string() == *option))
        })
    }
}
