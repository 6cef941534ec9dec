//! Whether two ends mean the same bytes: a digest of a type's shape.
//!
//! ```text
//! deserializer   answers a type's `Deserialize` with sample values and notes what it asks for
//! access         hands it the parts of composite values
//! explore        lets the type ask again and again, until every variant of every enum was seen
//! samples        the values it is answered with
//! shape          what was learned, and its canonical digest
//! ```

mod access;
mod deserializer;
mod explore;
mod samples;
mod shape;

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A digest of a type's shape as serde sees it: names, types and order of fields, names, order and contents of
/// variants, through all nested types. The same in every process, on every machine and for every codec.
///
/// It is learned by letting the type's `Deserialize` read sample values, as often as it takes to see every variant of
/// every nested enum. From that follows what it cannot see:
///
/// * A `Deserialize` that rejects every sample (text in an uncommon format, a checked pair of numbers) hides what
///   would have been read after it by the same tuple or by a hand-written implementation. The fields of a derived
///   struct are looked at one by one and stay covered.
/// * `#[serde(flatten)]`, `#[serde(untagged)]` and internal tags decide by the data what they read; of their insides
///   only a part is seen. (Postcard cannot read them at all.)
/// * What `Serialize` writes is taken to be what `Deserialize` reads. Values are not part of the shape: what a number
///   means, or which strings are allowed, is for `VERSION` to say.
/// * A type that chooses its form by `is_human_readable` is seen in its compact form.
/// * A type of more than about a million parts, or nested more than 100 deep, is covered up to there.
///
/// In all these cases the digest is still deterministic.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The number behind it.
    pub const fn get(self) -> u64 {
        self.0
    }
}

static KNOWN: LazyLock<Mutex<HashMap<TypeId, Fingerprint>>> = LazyLock::new(Mutex::default);

pub(crate) fn fingerprint<T: DeserializeOwned + 'static>() -> Fingerprint {
    let known = KNOWN.lock().get(&TypeId::of::<T>()).copied();
    // Explored without the lock, because it runs code of the type's author.
    known.unwrap_or_else(|| {
        let fingerprint = Fingerprint(explore::explore::<T>().digest());
        KNOWN.lock().insert(TypeId::of::<T>(), fingerprint);
        fingerprint
    })
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests;
