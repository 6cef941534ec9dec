use std::any::{TypeId, type_name};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use edri_event::{Codec as _, Fingerprint, MessagePack, Wire};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::blob;
use crate::error::{Refusal, StoreError};

/// What can be kept: any type of serde that owns its data.
///
/// Values are written in MessagePack, with the names of fields. So what is kept outlives a type that gains or loses
/// optional fields, and conditions can look into it.
pub trait Storable: Serialize + DeserializeOwned + Send + 'static {}

impl<T: Serialize + DeserializeOwned + Send + 'static> Storable for T {}

/// What is kept under a key: bytes, and of which type they are.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    kind: Option<ValueType>,
    #[serde(with = "blob")]
    bytes: Arc<[u8]>,
}

/// The type that a value was written as. Two are equal if their shapes are, whatever their names.
#[derive(Clone, Serialize, Deserialize)]
pub struct ValueType {
    fingerprint: Fingerprint,
    name: Cow<'static, str>,
}

impl PartialEq for ValueType {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for ValueType {}

impl Value {
    /// Plain bytes, of no type.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { kind: None, bytes: bytes.into() }
    }

    /// A value of a type.
    ///
    /// # Errors
    /// When serde cannot write it.
    pub fn of<T: Storable>(value: &T) -> Result<Self, StoreError> {
        Ok(Self { kind: Some(ValueType::of::<T>()), bytes: encode(value)? })
    }

    pub(crate) fn new(kind: Option<ValueType>, bytes: Arc<[u8]>) -> Self {
        Self { kind, bytes }
    }

    /// The value again.
    ///
    /// A value that was written as another type is read if both are integers and it fits, or if both types have the same name
    /// (an evolved type) and the fields allow it.
    ///
    /// # Errors
    /// [`Refusal::TypeMismatch`], which names both types.
    pub fn decode<T: Storable>(&self) -> Result<T, StoreError> {
        let kind = self.kind.as_ref().map(|kind| kind.fingerprint);
        decode(kind, &self.bytes, || self.kind.as_ref().map(|kind| kind.name.clone()))
    }

    /// The bytes as they are kept: of a value of a type, in MessagePack.
    pub fn as_bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// The type, if it is not plain bytes.
    pub fn value_type(&self) -> Option<&ValueType> {
        self.kind.as_ref()
    }

    pub(crate) fn into_parts(self) -> (Option<ValueType>, Arc<[u8]>) {
        (self.kind, self.bytes)
    }
}

impl ValueType {
    /// That of `T`.
    pub fn of<T: Storable>() -> Self {
        Self { fingerprint: fingerprint::<T>(), name: Cow::Borrowed(type_name::<T>()) }
    }

    pub(crate) fn new(fingerprint: Fingerprint, name: Cow<'static, str>) -> Self {
        Self { fingerprint, name }
    }

    /// The digest of its shape, by which types are compared.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Its name, to be kept.
    pub(crate) fn shared_name(&self) -> Cow<'static, str> {
        self.name.clone()
    }

    /// Its name in the program that wrote the value.
    pub fn name(&self) -> &str {
        &self.name
    }
}

thread_local! {
    /// The last type that was asked for on this thread: most ask for the same again.
    static LAST: Cell<Option<(TypeId, Fingerprint)>> = const { Cell::new(None) };
    /// All that were: as many as the program has.
    static KNOWN: RefCell<HashMap<TypeId, Fingerprint>> = RefCell::default();
    /// What a value is written into before its size is known.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// As much as a thread keeps for the next value.
const SCRATCH_KEPT: usize = 64 * 1024;

/// The digest of the shape of `T`; asked for with every read, so that threads do not meet at the table of all types.
#[inline]
pub(crate) fn fingerprint<T: Storable>() -> Fingerprint {
    let wanted = TypeId::of::<T>();
    match LAST.get() {
        Some((known, fingerprint)) if known == wanted => fingerprint,
        _ => {
            let fingerprint = find_fingerprint::<T>(wanted);
            LAST.set(Some((wanted, fingerprint)));
            fingerprint
        }
    }
}

fn find_fingerprint<T: Storable>(wanted: TypeId) -> Fingerprint {
    let known = KNOWN.with_borrow(|known| known.get(&wanted).copied());
    // Worked out without a borrow, because it runs code of the type's author.
    known.unwrap_or_else(|| {
        let fingerprint = Wire::<T>::of::<MessagePack>().fingerprint();
        KNOWN.with_borrow_mut(|known| known.insert(wanted, fingerprint));
        fingerprint
    })
}

pub(crate) fn encode<T: Storable>(value: &T) -> Result<Arc<[u8]>, StoreError> {
    SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
        Ok(mut scratch) => {
            scratch.clear();
            MessagePack::encode(value, &mut scratch)?;
            let bytes = scratch.as_slice().into();
            scratch.shrink_to(SCRATCH_KEPT);
            Ok(bytes)
        }
        // A `Serialize` that itself stores something.
        Err(_) => {
            let mut bytes = Vec::new();
            MessagePack::encode(value, &mut bytes)?;
            Ok(bytes.into())
        }
    })
}

/// Reads bytes that were written as the type with the fingerprint `kind`, whose name `name` knows.
#[inline]
pub(crate) fn decode<T: Storable>(
    kind: Option<Fingerprint>,
    bytes: &[u8],
    name: impl FnOnce() -> Option<Cow<'static, str>>,
) -> Result<T, StoreError> {
    if kind == Some(fingerprint::<T>()) {
        return Ok(MessagePack::decode(bytes)?);
    }
    decode_other(kind, bytes, name())
}

/// The same for bytes that were written as something else.
#[cold]
fn decode_other<T: Storable>(
    kind: Option<Fingerprint>,
    bytes: &[u8],
    name: Option<Cow<'static, str>>,
) -> Result<T, StoreError> {
    let evolved = name.as_deref() == Some(type_name::<T>());
    let integers = kind.is_some_and(is_integer) && is_integer(fingerprint::<T>());
    let (found, reason) = match kind {
        None => ("plain bytes".into(), None),
        Some(_) if evolved || integers => match MessagePack::decode(bytes) {
            Ok(value) => return Ok(value),
            Err(error) => (name.unwrap_or_default(), Some(error)),
        },
        Some(fingerprint) => {
            (name.unwrap_or_else(|| format!("a type with the digest {fingerprint}").into()), None)
        }
    };
    let wanted = type_name::<T>();
    Err(StoreError::refused(
        Refusal::TypeMismatch,
        match reason {
            None => format!("the value is {found}, and was asked for as {wanted}"),
            Some(reason) => {
                format!("the value was written as {found}, and cannot be read as {wanted}: {reason}")
            }
        },
    ))
}

/// Whether it is the fingerprint of a plain integer: those read each other's values.
pub(crate) fn is_integer(fingerprint: Fingerprint) -> bool {
    static INTEGERS: LazyLock<[Fingerprint; 10]> = LazyLock::new(|| {
        [
            Wire::<i64>::of::<MessagePack>().fingerprint(),
            Wire::<u64>::of::<MessagePack>().fingerprint(),
            Wire::<i32>::of::<MessagePack>().fingerprint(),
            Wire::<u32>::of::<MessagePack>().fingerprint(),
            Wire::<i16>::of::<MessagePack>().fingerprint(),
            Wire::<u16>::of::<MessagePack>().fingerprint(),
            Wire::<i8>::of::<MessagePack>().fingerprint(),
            Wire::<u8>::of::<MessagePack>().fingerprint(),
            Wire::<isize>::of::<MessagePack>().fingerprint(),
            Wire::<usize>::of::<MessagePack>().fingerprint(),
        ]
    });
    INTEGERS.contains(&fingerprint)
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            None => write!(formatter, "Value({} bytes)", self.bytes.len()),
            Some(kind) => write!(formatter, "Value({} in {} bytes)", kind.name, self.bytes.len()),
        }
    }
}

impl fmt::Debug for ValueType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ValueType({}, {})", self.name, self.fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Order {
        item: String,
        count: u32,
    }

    fn mismatch<T: Storable + fmt::Debug>(value: &Value) -> String {
        let error = value.decode::<T>().unwrap_err();
        assert_eq!(error.refusal(), Some(Refusal::TypeMismatch));
        error.to_string()
    }

    #[test]
    fn a_value_is_read_as_it_was_written() {
        let order = Order { item: "tea".into(), count: 2 };
        assert_eq!(Value::of(&order).unwrap().decode::<Order>().unwrap(), order);
        assert_eq!(Value::of(&Vec::<u8>::new()).unwrap().decode::<Vec<u8>>().unwrap(), []);
    }

    #[test]
    fn a_type_mismatch_names_both_types() {
        let text = mismatch::<u64>(&Value::of(&"tea".to_owned()).unwrap());
        assert!(text.contains("String") && text.contains("u64"), "{text}");
        let text = mismatch::<Order>(&Value::bytes(*b"tea"));
        assert!(text.contains("plain bytes") && text.contains("Order"), "{text}");
    }

    #[test]
    fn integers_read_each_other_where_they_fit() {
        let negative = Value::of(&-3i64).unwrap();
        assert_eq!(negative.decode::<i8>().unwrap(), -3);
        let text = mismatch::<u64>(&negative);
        assert!(text.contains("i64") && text.contains("u64"), "{text}");
        assert_eq!(Value::of(&7u8).unwrap().decode::<usize>().unwrap(), 7);
    }

    #[test]
    fn a_type_of_the_same_name_reads_what_its_older_shape_wrote() {
        let old = Value::of(&Order { item: "tea".into(), count: 2 }).unwrap();
        // As if `Order` had had another shape when it was written.
        let other = Wire::<(u8, u8)>::of::<MessagePack>().fingerprint();
        let name = old.value_type().unwrap().name.clone();
        let evolved = Value::new(Some(ValueType::new(other, name)), old.bytes.clone());
        assert_eq!(evolved.decode::<Order>().unwrap().count, 2);
        assert!(mismatch::<String>(&evolved).contains("Order"));
    }

    #[test]
    fn a_value_travels() {
        for value in [Value::bytes(*b"x"), Value::of(&5u8).unwrap()] {
            let wire = Wire::<Value>::of::<edri_event::Postcard>();
            let mut bytes = Vec::new();
            wire.encode(&value, &mut bytes).unwrap();
            assert_eq!(wire.decode(&bytes).unwrap(), value);
        }
    }
}
