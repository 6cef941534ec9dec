//! x
mod blob;
mod condition;
mod core;
mod entry;
mod error;
mod event;
mod handle;
mod keep;
mod settings;
mod store;
mod value;
mod version;
mod watch;

pub use condition::{Comparison, Condition, Looking, Scalar, Test};
pub use entry::{Entry, Expiry, OnlyIf, Outcome};
pub use error::{Refusal, StoreError};
pub use event::*;
pub use handle::*;
pub use store::Store;
pub use settings::{Bounds, Durability, Namespace, WhenFull};
pub use value::{Storable, Value, ValueType};
pub use version::Version;
