use std::borrow::Cow;
use std::collections::HashMap;

use arc_swap::ArcSwap;
use edri_event::Fingerprint;

use super::slot::Content;
use crate::value::{Value, ValueType};

/// The names of the types of values, by which errors call them; each once, and not with each value.
///
/// They are looked at with every read and hardly ever change: nobody who looks disturbs another.
#[derive(Default)]
pub(crate) struct Types {
    names: ArcSwap<HashMap<Fingerprint, Cow<'static, str>>>,
}

/// Names may come from elsewhere: what is beyond is called by its fingerprint.
const MOST: usize = 10_000;

/// The longest name that is kept.
const LONGEST: usize = 1000;

impl Types {
    pub(crate) fn know(&self, kind: &ValueType) {
        if self.names.load().contains_key(&kind.fingerprint()) || kind.name().len() > LONGEST {
            return;
        }
        self.names.rcu(|names| {
            let mut names = HashMap::clone(names);
            if names.len() < MOST {
                names.entry(kind.fingerprint()).or_insert_with(|| kind.shared_name());
            }
            names
        });
    }

    pub(crate) fn name(&self, kind: Fingerprint) -> Option<Cow<'static, str>> {
        self.names.load().get(&kind).cloned()
    }

    /// The value with the name of its type, to be given away.
    pub(crate) fn value(&self, content: &Content) -> Value {
        let kind = content.kind.map(|kind| ValueType::new(kind, self.name(kind).unwrap_or_default()));
        Value::new(kind, content.bytes.clone())
    }

    /// All that are known.
    pub(crate) fn all(&self) -> Vec<ValueType> {
        self.names.load().iter().map(|(kind, name)| ValueType::new(*kind, name.clone())).collect()
    }
}
