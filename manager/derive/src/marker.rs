use syn::{Attribute, Error, Result};

use crate::replay::From;

/// What a method of a manager is for, as its attribute says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    Notification,
    Request,
    Response,
    Tunnel,
    Started,
    Stopping,
    Health,
}

impl Marker {
    const ALL: [Self; 7] = [
        Self::Notification,
        Self::Request,
        Self::Response,
        Self::Tunnel,
        Self::Started,
        Self::Stopping,
        Self::Health,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Notification => "notification",
            Self::Request => "request",
            Self::Response => "response",
            Self::Tunnel => "tunnel",
            Self::Started => "started",
            Self::Stopping => "stopping",
            Self::Health => "health",
        }
    }

    /// The signature of such a method, in its longest form.
    pub(crate) fn expected(self) -> String {
        let (parameters, answer) = match self {
            Self::Notification => ("event: &Event, ", ""),
            Self::Request => ("event: Event, ", " -> Response"),
            Self::Response => ("answer: &Answer<Event>, ", ""),
            Self::Tunnel => ("open: Event, tunnel: Accepted<Event>, ", ""),
            Self::Started | Self::Stopping => ("", ""),
            Self::Health => return "`fn name(&self) -> Health`".to_owned(),
        };
        format!("`async fn name(&mut self, {parameters}cx: &Context){answer}`, where `cx` may be left out")
    }

    /// Takes the attributes that say what a method is for off it; at most one may be there.
    pub(crate) fn take(attributes: &mut Vec<Attribute>) -> Result<Option<(Self, Option<From>)>> {
        let mut found = None;
        let mut from = None;
        let mut outcome = Ok(());
        attributes.retain(|attribute| {
            let Some(marker) = Self::of(attribute) else { return true };
            match From::read(marker, attribute) {
                Err(error) => outcome = Err(error),
                Ok(read) => {
                    if let Some(error) = found.map(|first: Self| first.refuses(marker)) {
                        outcome = Err(Error::new_spanned(attribute, error));
                    }
                    from = from.take().or(read);
                }
            }
            found = found.or(Some(marker));
            false
        });
        outcome.map(|()| found.map(|marker| (marker, from)))
    }

    /// What is said of a method that carries a second attribute.
    fn refuses(self, second: Self) -> String {
        if self == second {
            return format!("`#[{}]` is given twice; expected it once", self.name());
        }
        format!(
            "this method is already marked `#[{}]`; expected one method for each, so that it cannot be `#[{}]` too",
            self.name(),
            second.name()
        )
    }

    fn of(attribute: &Attribute) -> Option<Self> {
        Self::ALL.into_iter().find(|marker| attribute.path().is_ident(marker.name()))
    }
}
