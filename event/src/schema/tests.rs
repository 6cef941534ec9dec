#![allow(dead_code)]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroI8, NonZeroU32};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use serde::Deserializer;
use serde::de::Error as _;

use super::*;

fn of<T: DeserializeOwned>() -> u64 {
    explore::explore::<T>().digest()
}

/// Everything there is to know was learned: nothing is left unknown.
fn assert_complete<T: DeserializeOwned>() {
    let shapes = explore::explore::<T>();
    assert_eq!(shapes.unknown(), 0, "parts of {} are unknown", std::any::type_name::<T>());
}

/// An order, its line and its state, in a module of their own, so that variations have equal names.
macro_rules! order {
    ($module:ident, $order:tt, $line:tt, $state:tt) => {
        mod $module {
            #[derive(serde::Deserialize)]
            pub(super) struct Order $order
            #[derive(serde::Deserialize)]
            pub(super) struct Line $line
            #[derive(serde::Deserialize)]
            pub(super) enum State $state
        }
    };
}

order!(base, { id: u64, lines: Vec<Line>, state: Option<State> }, { text: String, count: u32 }, { New, Paid(u64), Sent { at: u64 } });
order!(same, { id: u64, lines: Vec<Line>, state: Option<State> }, { text: String, count: u32 }, { New, Paid(u64), Sent { at: u64 } });
order!(field_renamed, { number: u64, lines: Vec<Line>, state: Option<State> }, { text: String, count: u32 }, { New, Paid(u64), Sent { at: u64 } });
order!(field_type, { id: u32, lines: Vec<Line>, state: Option<State> }, { text: String, count: u32 }, { New, Paid(u64), Sent { at: u64 } });
order!(field_order, { lines: Vec<Line>, id: u64, state: Option<State> }, { text: String, count: u32 }, { New, Paid(u64), Sent { at: u64 } });
order!(field_added, { id: u64, lines: Vec<Line>, state: Option<State>, note: String }, { text: String, count: u32 }, { New, Paid(u64), Sent { at: u64 } });
order!(nested_type, { id: u64, lines: Vec<Line>, state: Option<State> }, { text: String, count: u64 }, { New, Paid(u64), Sent { at: u64 } });
order!(variant_added, { id: u64, lines: Vec<Line>, state: Option<State> }, { text: String, count: u32 }, { New, Paid(u64), Sent { at: u64 }, Lost });
order!(variant_renamed, { id: u64, lines: Vec<Line>, state: Option<State> }, { text: String, count: u32 }, { New, Payed(u64), Sent { at: u64 } });
order!(variant_order, { id: u64, lines: Vec<Line>, state: Option<State> }, { text: String, count: u32 }, { Paid(u64), New, Sent { at: u64 } });
order!(last_variant_type, { id: u64, lines: Vec<Line>, state: Option<State> }, { text: String, count: u32 }, { New, Paid(u64), Sent { at: u32 } });
order!(optional, { id: u64, lines: Vec<Line>, state: Vec<State> }, { text: String, count: u32 }, { New, Paid(u64), Sent { at: u64 } });

#[test]
fn equal_shapes_agree_and_every_change_shows() {
    assert_eq!(of::<base::Order>(), of::<same::Order>());
    let all = [
        of::<base::Order>(),
        of::<field_renamed::Order>(),
        of::<field_type::Order>(),
        of::<field_order::Order>(),
        of::<field_added::Order>(),
        of::<nested_type::Order>(),
        of::<variant_added::Order>(),
        of::<variant_renamed::Order>(),
        of::<variant_order::Order>(),
        of::<last_variant_type::Order>(),
        of::<optional::Order>(),
    ];
    assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), all.len(), "{all:x?}");
}

/// If this fails, programs built before and after the change do not understand each other.
#[test]
fn the_digest_is_pinned() {
    assert_eq!(of::<base::Order>(), 0x08e2_4c0a_98ff_892a);
}

#[test]
fn the_remembered_fingerprint_is_the_explored_one() {
    assert_eq!(fingerprint::<base::Order>().get(), of::<base::Order>());
    assert_eq!(fingerprint::<base::Order>(), fingerprint::<base::Order>());
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<u64>,
}

#[test]
fn instances_of_a_generic_type_differ_even_within_one_type() {
    #[derive(Deserialize)]
    struct Both<A, B> {
        a: Page<A>,
        b: Page<B>,
        last: u8,
    }
    assert_ne!(of::<Page<u32>>(), of::<Page<String>>());
    assert_ne!(of::<Both<u32, String>>(), of::<Both<String, u32>>());
    assert_complete::<Both<u32, Page<String>>>();
}

#[test]
fn recursive_types_end() {
    #[derive(Deserialize)]
    struct Tree<T> {
        value: T,
        children: Vec<Tree<T>>,
    }
    #[derive(Deserialize)]
    struct List<T> {
        next: Option<Box<List<T>>>,
        value: T,
    }
    #[derive(Deserialize)]
    enum Expression<T> {
        Not(Box<Expression<T>>),
        All(Vec<Expression<T>>),
        Both(Box<Expression<T>>, Box<Expression<T>>),
        If { condition: Box<Expression<T>>, then: Box<Statement<T>> },
        Literal(T),
    }
    #[derive(Deserialize)]
    enum Statement<T> {
        Loop(Box<Statement<T>>),
        Of(Expression<T>),
        By(HashMap<String, Statement<T>>),
        Empty,
    }
    assert_complete::<Tree<base::State>>();
    assert_complete::<List<base::State>>();
    assert_complete::<Expression<base::State>>();
    assert_complete::<Tree<Statement<List<base::Order>>>>();
    assert_ne!(of::<Tree<u32>>(), of::<Tree<u64>>());
    assert_ne!(of::<List<u32>>(), of::<List<u64>>());
    assert_ne!(of::<Expression<u32>>(), of::<Expression<u64>>());
    assert_ne!(of::<Statement<base::State>>(), of::<Statement<variant_added::State>>());
}

#[test]
fn types_without_values_end() {
    #[derive(Deserialize)]
    struct Endless(Box<Endless>);
    #[derive(Deserialize)]
    enum Never {
        Again(Box<Never>),
        Or { a: u8, b: Box<Never> },
    }
    #[derive(Deserialize)]
    enum Empty {}
    #[derive(Deserialize)]
    struct Has<T> {
        none: Option<T>,
        after: u8,
    }
    for digest in [of::<Endless>(), of::<Never>(), of::<Empty>(), of::<Has<Never>>(), of::<Has<Empty>>()] {
        assert_ne!(digest, 0);
    }
    assert_ne!(of::<Has<Empty>>(), of::<Has<Never>>());
}

#[test]
fn large_types_end_soon() {
    #[derive(Deserialize)]
    struct Wide<T>(Vec<T>, Option<Box<T>>, BTreeMap<u8, T>, Box<T>, Box<T>);
    type Deep<T> = Wide<Wide<Wide<Wide<Wide<Wide<T>>>>>>;
    let start = Instant::now();
    assert_complete::<Deep<base::State>>();
    assert_ne!(of::<Deep<base::State>>(), of::<Deep<variant_added::State>>());
    of::<Deep<Deep<base::State>>>();
    assert!(start.elapsed() < Duration::from_secs(20), "took {:?}", start.elapsed());
}

#[test]
fn types_of_the_standard_library_are_seen_completely() {
    #[derive(Deserialize)]
    struct Standard {
        port: NonZeroU32,
        signed: Option<NonZeroI8>,
        address: IpAddr,
        socket: SocketAddr,
        wait: Duration,
        since: SystemTime,
        path: PathBuf,
        result: Result<(), String>,
        other: Result<u8, base::State>,
        range: std::ops::Range<u64>,
        bound: std::ops::Bound<u8>,
        map: HashMap<String, Vec<(u8, char)>>,
        set: HashSet<(i8, bool)>,
        hash: [u8; 32],
        pairs: [(f32, f64); 2],
        big: (i128, u128),
        unit: (),
        shared: std::borrow::Cow<'static, str>,
        boxed: Box<[u16]>,
        last: base::State,
    }
    assert_complete::<Standard>();
    assert_ne!(of::<[u8; 32]>(), of::<[u8; 31]>());
    assert_ne!(of::<i128>(), of::<u128>());
}

/// Text that no sample looks like.
struct Picky;

impl<'de> Deserialize<'de> for Picky {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "open sesame" => Ok(Self),
            _ => Err(D::Error::custom("not that")),
        }
    }
}

#[test]
fn fields_around_a_type_that_rejects_everything_are_covered() {
    #[derive(Deserialize)]
    struct Around<A, B> {
        before: A,
        picky: Picky,
        after: B,
        several: Vec<Picky>,
        state: base::State,
    }
    #[derive(Deserialize)]
    enum Choice<T> {
        First(u8, Picky),
        Second { picky: Picky, after: T },
        Third(T),
    }
    assert_complete::<Around<u8, Picky>>();
    assert_complete::<Around<base::State, Around<Vec<base::State>, base::Order>>>();
    assert_ne!(of::<Around<u8, u8>>(), of::<Around<u8, u16>>());
    assert_ne!(of::<Around<u8, base::State>>(), of::<Around<u8, last_variant_type::State>>());
    assert_complete::<Choice<base::State>>();
    assert_ne!(of::<Choice<u8>>(), of::<Choice<u16>>());
}

#[test]
fn a_check_of_several_values_together_is_satisfied_by_another_sample() {
    #[derive(Deserialize)]
    #[serde(try_from = "(u8, Vec<u8>)")]
    struct Checked;
    impl TryFrom<(u8, Vec<u8>)> for Checked {
        type Error = &'static str;
        fn try_from((count, items): (u8, Vec<u8>)) -> Result<Self, Self::Error> {
            (usize::from(count) + 1 == items.len() && count > 1).then_some(Self).ok_or("wrong count")
        }
    }
    assert_complete::<(Checked, base::State)>();
}

#[test]
fn types_that_read_what_comes_are_deterministic() {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        A(u64),
        B { x: String },
    }
    #[derive(Deserialize)]
    struct Flat {
        a: u8,
        #[serde(flatten)]
        rest: base::Line,
    }
    #[derive(Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        A { x: u8 },
        B,
    }
    assert_eq!(of::<(Untagged, Flat, Tagged)>(), of::<(Untagged, Flat, Tagged)>());
}

#[test]
fn a_type_that_panics_is_covered_as_far_as_it_came() {
    struct Panics;
    impl<'de> Deserialize<'de> for Panics {
        fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            panic!("a sample made this panic, as it should")
        }
    }
    assert_ne!(of::<(u8, Panics)>(), of::<(u16, Panics)>());
}
