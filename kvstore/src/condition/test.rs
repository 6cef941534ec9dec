use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::scalar::{Found, Scalar, find};
use crate::value::Value;

/// One test of a [`Condition`](super::Condition): what is looked at, and what is expected there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Test {
    place: Place,
    comparison: Comparison,
}

/// What a test looks at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Place {
    /// The value.
    Whole,
    /// A part of it, by names of fields and indices.
    Field(Vec<String>),
}

/// What is expected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Comparison {
    /// Something.
    Exists,
    /// Nothing.
    Absent,
    /// This value of this type.
    Same(Value),
    /// A scalar that is equal.
    Equal(Scalar),
    /// Anything else, nothing included.
    NotEqual(Scalar),
    /// A smaller one of the same kind.
    Below(Scalar),
    /// One that is not larger.
    AtMost(Scalar),
    /// A larger one.
    Above(Scalar),
    /// One that is not smaller.
    AtLeast(Scalar),
    /// A text that begins so.
    StartsWith(String),
}

impl Test {
    pub(super) fn new(place: Place, comparison: Comparison) -> Self {
        Self { place, comparison }
    }

    pub(super) fn holds(&self, value: Option<&Value>) -> bool {
        let path = match &self.place {
            Place::Whole => &[][..],
            Place::Field(path) => path,
        };
        match (&self.comparison, &self.place) {
            (Comparison::Exists, Place::Whole) => return value.is_some(),
            (Comparison::Absent, Place::Whole) => return value.is_none(),
            (Comparison::Same(expected), _) => return value == Some(expected),
            _ => {}
        }
        let found = value.map_or(Found::Nothing, |value| find(value, path));
        let compared = |expected: &Scalar| match &found {
            Found::Scalar(scalar) => scalar.compared_with(expected),
            Found::Nothing | Found::Composite => None,
        };
        match &self.comparison {
            Comparison::Exists => !matches!(found, Found::Nothing),
            Comparison::Absent => matches!(found, Found::Nothing),
            Comparison::Same(_) => false,
            Comparison::Equal(expected) => compared(expected) == Some(Ordering::Equal),
            Comparison::NotEqual(expected) => compared(expected) != Some(Ordering::Equal),
            Comparison::Below(bound) => compared(bound).is_some_and(Ordering::is_lt),
            Comparison::AtMost(bound) => compared(bound).is_some_and(Ordering::is_le),
            Comparison::Above(bound) => compared(bound).is_some_and(Ordering::is_gt),
            Comparison::AtLeast(bound) => compared(bound).is_some_and(Ordering::is_ge),
            Comparison::StartsWith(prefix) => {
                matches!(&found, Found::Scalar(Scalar::Text(text)) if text.starts_with(prefix))
            }
        }
    }
}
