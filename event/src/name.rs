use std::any::TypeId;
use std::collections::HashMap;
use std::sync::LazyLock;

use parking_lot::Mutex;

static NAMES: LazyLock<Mutex<HashMap<TypeId, &'static str>>> = LazyLock::new(Mutex::default);

/// The name of a generic event: the base and the names of its parameters, made once per type.
///
/// What it leaks is bounded by the number of event types in the program.
pub fn generic_name<E: 'static>(base: &str, parameters: &[&str]) -> &'static str {
    NAMES
        .lock()
        .entry(TypeId::of::<E>())
        .or_insert_with(|| Box::leak(format!("{base}<{}>", parameters.join(",")).into_boxed_str()))
}
