use std::collections::BTreeSet;

/// Which events may go over a link, in either direction, by their names.
///
/// A name that ends with `*` stands for all that begin as it does.
///
/// ```
/// use edri_link::Filter;
///
/// let filter = Filter::all().only(["orders::*"]).deny(["orders::Secret"]);
/// assert!(filter.allows("orders::Placed"));
/// assert!(!filter.allows("orders::Secret") && !filter.allows("prices::Changed"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    only: Option<Names>,
    deny: Names,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    whole: BTreeSet<String>,
    beginnings: BTreeSet<String>,
}

impl Filter {
    /// All that are shareable.
    pub fn all() -> Self {
        Self::default()
    }

    /// No others than those, and those that were named so before.
    #[must_use]
    pub fn only<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.only.get_or_insert_default().extend(names);
        self
    }

    /// None of those, whatever else is said.
    #[must_use]
    pub fn deny<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.deny.extend(names);
        self
    }

    /// Whether the event of that name may.
    pub fn allows(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.hold(name)) && !self.deny.hold(name)
    }
}

impl Names {
    fn extend<N: Into<String>>(&mut self, names: impl IntoIterator<Item = N>) {
        for name in names {
            let mut name = name.into();
            if name.ends_with('*') {
                name.pop();
                self.beginnings.insert(name);
            } else {
                self.whole.insert(name);
            }
        }
    }

    fn hold(&self, name: &str) -> bool {
        self.whole.contains(name) || self.beginnings.iter().any(|beginning| name.starts_with(beginning))
    }
}
