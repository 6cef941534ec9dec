use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hasher;
use std::sync::LazyLock;

use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::hash::StableHasher;

/// A digest of a type's shape as serde sees it.
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
    *KNOWN.lock().entry(TypeId::of::<T>()).or_insert_with(trace::<T>)
}

fn trace<T: DeserializeOwned>() -> Fingerprint {
    let _ = StableHasher::new().finish();
    Fingerprint(0)
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
