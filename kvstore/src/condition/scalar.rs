use std::cmp::Ordering;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::value::Value;

/// A value that has no parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A whole number, of those that `Integer` does not have room for.
    Large(u64),
    /// Another number.
    Float(f64),
    /// A text.
    Text(String),
}

impl Scalar {
    /// How the two stand, if they are of the same kind: whole and other numbers are.
    pub(super) fn compared_with(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(one), Self::Bool(other)) => Some(one.cmp(other)),
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            _ => match (self.integer(), other.integer()) {
                (Some(one), Some(other)) => Some(one.cmp(&other)),
                _ => self.float()?.partial_cmp(&other.float()?),
            },
        }
    }

    fn integer(&self) -> Option<i128> {
        match self {
            Self::Integer(number) => Some((*number).into()),
            Self::Large(number) => Some((*number).into()),
            _ => None,
        }
    }

    fn float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            _ => self.integer().map(|number| number as f64),
        }
    }
}

impl From<u64> for Scalar {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or(Self::Large(number), Self::Integer)
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Scalar {
            fn from(number: $integer) -> Self {
                Self::Integer(number.into())
            }
        }
    )*};
}

integers!(i8, i16, i32, i64, u8, u16, u32);

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Scalar {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// What stands at a place in a value.
pub(super) enum Found {
    /// There is no such place, or nothing in it.
    Nothing,
    Scalar(Scalar),
    /// Something with parts of its own.
    Composite,
}

/// What stands in a value at the end of a path. Plain bytes have no places.
pub(super) fn find(value: &Value, path: &[String]) -> Found {
    if value.value_type().is_none() {
        return Found::Nothing;
    }
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(value.as_bytes());
    // A place that cannot be read is not there.
    At(path).deserialize(&mut deserializer).unwrap_or(Found::Nothing)
}

/// The place with that path, seen from here.
struct At<'p>(&'p [String]);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl At<'_> {
    fn here<E>(&self, scalar: impl FnOnce() -> Scalar) -> Result<Found, E> {
        Ok(if self.0.is_empty() { Found::Scalar(scalar()) } else { Found::Nothing })
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Found;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value in MessagePack")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Found, E> {
        self.here(|| value.into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Found, E> {
        self.here(|| number.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Found, E> {
        self.here(|| number.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Found, E> {
        self.here(|| number.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Found, E> {
        self.here(|| text.into())
    }

    fn visit_bytes<E: Error>(self, _bytes: &[u8]) -> Result<Found, E> {
        Ok(if self.0.is_empty() { Found::Composite } else { Found::Nothing })
    }

    fn visit_unit<E: Error>(self) -> Result<Found, E> {
        Ok(Found::Nothing)
    }

    fn visit_none<E: Error>(self) -> Result<Found, E> {
        Ok(Found::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Found, A::Error> {
        let Some((step, rest)) = self.0.split_first() else { return Ok(Found::Composite) };
        let Ok(index) = step.parse::<usize>() else { return Ok(Found::Nothing) };
        for _ in 0..index {
            if sequence.next_element::<IgnoredAny>()?.is_none() {
                return Ok(Found::Nothing);
            }
        }
        let found = sequence.next_element_seed(At(rest))?.unwrap_or(Found::Nothing);
        // What comes behind has to be passed over.
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let Some((step, rest)) = self.0.split_first() else { return Ok(Found::Composite) };
        let mut found = Found::Nothing;
        while let Some(is_it) = map.next_key_seed(Is(step))? {
            if is_it {
                found = map.next_value_seed(At(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Whether a key of a map is that step of a path.
struct Is<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        let found = At(&[]).deserialize(deserializer)?;
        Ok(match found {
            Found::Scalar(Scalar::Text(text)) => text == self.0,
            Found::Scalar(Scalar::Integer(number)) => number.to_string() == self.0,
            Found::Scalar(Scalar::Large(number)) => number.to_string() == self.0,
            _ => false,
        })
    }
}
