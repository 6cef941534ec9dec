//! What every codec has to do; each codec runs all of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Circle(f64),
    Named { label: String, sides: Vec<u32> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sample {
    count: u64,
    text: String,
    maybe: Option<i16>,
    shapes: Vec<Shape>,
    table: BTreeMap<String, bool>,
}

fn sample() -> Sample {
    Sample {
        count: u64::MAX,
        text: "čeština 🦀".into(),
        maybe: Some(-3),
        shapes: vec![
            Shape::Empty,
            Shape::Circle(0.5),
            Shape::Named { label: "x".into(), sides: vec![1, 2, 3] },
        ],
        table: [("a".to_string(), true)].into(),
    }
}

fn encoded<C: Codec>() -> Vec<u8> {
    let mut bytes = Vec::new();
    C::encode(&sample(), &mut bytes).unwrap();
    bytes
}

fn reads_back_what_it_wrote<C: Codec>() {
    assert_eq!(C::decode::<Sample>(&encoded::<C>()).unwrap(), sample());
}

fn appends_and_leaves_what_was_there<C: Codec>() {
    let mut bytes = vec![1, 2, 3];
    C::encode(&sample(), &mut bytes).unwrap();
    assert_eq!(bytes[..3], [1, 2, 3]);
    assert_eq!(bytes[3..], encoded::<C>());
}

fn refuses_every_truncation<C: Codec>() {
    let bytes = encoded::<C>();
    for length in 0..bytes.len() {
        assert!(C::decode::<Sample>(&bytes[..length]).is_err(), "accepted the first {length} bytes");
    }
}

fn refuses_bytes_left_over<C: Codec>() {
    let mut bytes = encoded::<C>();
    bytes.push(0);
    let length = bytes.len();
    let error = C::decode::<Sample>(&bytes).unwrap_err();
    assert!(matches!(error, CodecError::Trailing { left: 1, length: l, .. } if l == length), "{error}");
}

fn names_codec_and_type_in_errors<C: Codec>() {
    let error = C::decode::<Sample>(&[0xff; 4]).unwrap_err().to_string();
    assert!(error.contains(C::NAME) && error.contains("Sample"), "{error}");
}

macro_rules! conformance {
    ($($codec:ident as $module:ident),*) => {$(
        mod $module {
            use crate::codec::$codec;
            #[test] fn reads_back_what_it_wrote() { super::reads_back_what_it_wrote::<$codec>() }
            #[test] fn appends_and_leaves_what_was_there() { super::appends_and_leaves_what_was_there::<$codec>() }
            #[test] fn refuses_every_truncation() { super::refuses_every_truncation::<$codec>() }
            #[test] fn refuses_bytes_left_over() { super::refuses_bytes_left_over::<$codec>() }
            #[test] fn names_codec_and_type_in_errors() { super::names_codec_and_type_in_errors::<$codec>() }
        }
    )*};
}

conformance!(Postcard as postcard, MessagePack as messagepack);

#[test]
fn messagepack_understands_an_added_optional_field_in_both_directions() {
    #[derive(Serialize, Deserialize)]
    struct Old {
        a: u32,
    }
    #[derive(Serialize, Deserialize)]
    struct New {
        a: u32,
        b: Option<String>,
    }
    let mut bytes = Vec::new();
    MessagePack::encode(&Old { a: 7 }, &mut bytes).unwrap();
    let new: New = MessagePack::decode(&bytes).unwrap();
    assert_eq!((new.a, new.b), (7, None));
    bytes.clear();
    MessagePack::encode(&New { a: 8, b: Some("x".into()) }, &mut bytes).unwrap();
    assert_eq!(MessagePack::decode::<Old>(&bytes).unwrap().a, 8);
}
