//! What the derives write, option by option.

#![expect(clippy::assertions_on_constants, reason = "much of what the derives write is constant")]

use std::marker::PhantomData;
use std::time::Duration;

use edri_event::{
    Codec, CodecError, Event, Key, MessagePack, Notification, Postcard, Priority, Request, Retention,
    RoutePolicy, Tunnel,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Notification)]
struct Plain;

#[test]
fn without_options_an_event_has_the_defaults() {
    assert_eq!(Plain::name(), "derive::Plain");
    assert_eq!((Plain::VERSION, Plain::PRIORITY, Plain::SHAREABLE), (1, Priority::Normal, false));
    assert_eq!(Plain::RETENTION, Retention::NOTHING);
    assert!(Plain.key().is_none());
    assert!(Plain::wire().is_none());
}

mod inner {
    #[derive(edri_event::Request)]
    #[request(response = ())]
    pub(super) struct Deeper;

    #[derive(edri_event::Notification)]
    #[expect(non_camel_case_types, reason = "the name under test")]
    pub(super) struct r#type;
}

#[test]
fn the_default_name_is_crate_module_and_type() {
    assert_eq!(inner::Deeper::name(), "derive::inner::Deeper");
    assert_eq!(inner::r#type::name(), "derive::inner::type");
}

#[test]
fn every_common_option_is_taken() {
    #[derive(Request)]
    #[request(response = u64, name = "shop::Buy", version = 7, priority = "control", key = article)]
    struct Buy {
        article: String,
    }

    assert_eq!((Buy::name(), Buy::VERSION, Buy::PRIORITY), ("shop::Buy", 7, Priority::Control));
    assert_eq!(Buy { article: "tea".into() }.key(), Some(Key::of("tea")));
}

#[test]
fn options_may_be_spread_over_attributes() {
    #[derive(Tunnel)]
    #[tunnel(send = u8)]
    #[tunnel(receive = (String, Vec<u8>), priority = "high")]
    #[tunnel()]
    struct Spread;

    fn carries<T: Tunnel<Send = u8, Receive = (String, Vec<u8>)>>() -> Priority {
        T::PRIORITY
    }
    assert_eq!(carries::<Spread>(), Priority::High);
}

#[test]
fn priority_can_be_said_to_be_normal() {
    #[derive(Notification)]
    #[notification(priority = "normal")]
    struct Normal;

    assert_eq!(Normal::PRIORITY, Priority::Normal);
}

#[test]
fn a_tuple_struct_is_keyed_by_index() {
    #[derive(Notification)]
    #[notification(key = 1)]
    struct Pair(#[expect(dead_code, reason = "not the key")] u8, u32);

    assert_eq!(Pair(0, 5).key(), Some(Key::of(&5_u32)));
}

#[test]
fn a_raw_field_name_is_a_key() {
    #[derive(Notification)]
    #[notification(key = r#type)]
    struct Raw {
        r#type: u8,
    }

    assert_eq!(Raw { r#type: 3 }.key(), Some(Key::of(&3_u8)));
}

#[test]
fn retention_is_a_count_or_an_age() {
    #[derive(Notification)]
    #[notification(retain = 1_000)]
    struct Counted;
    #[derive(Notification)]
    #[notification(retain = "250ms")]
    struct Milliseconds;
    #[derive(Notification)]
    #[notification(retain = "2d")]
    struct Days;

    assert_eq!(Counted::RETENTION, Retention::last(1_000));
    assert_eq!(Milliseconds::RETENTION, Retention::within(Duration::from_millis(250)));
    assert_eq!(Days::RETENTION, Retention::within(Duration::from_secs(2 * 24 * 60 * 60)));
}

#[test]
fn retention_may_have_several_bounds_and_a_measure() {
    #[derive(Notification)]
    #[notification(retain(events = 10, age = "2m", bytes = "3kB", measure = Self::length))]
    struct Bounded(String);
    impl Bounded {
        fn length(&self) -> usize {
            self.0.len()
        }
    }
    #[derive(Notification)]
    #[notification(retain(bytes = 64))]
    struct Sized;
    #[derive(Notification, Serialize, Deserialize)]
    #[notification(shareable, retain(bytes = "1MB"))]
    struct Shared(String);

    let expected = Retention::last(10).and_within(Duration::from_secs(120)).and_sized(3_000);
    assert_eq!(Bounded::RETENTION, expected);
    assert_eq!(Bounded("four".into()).retained_bytes(), 4);
    assert_eq!((Sized::RETENTION, Sized.retained_bytes()), (Retention::sized(64), 0));
    assert_eq!(Shared(String::new()).retained_bytes(), size_of::<String>());
    assert_eq!(Shared("a".repeat(100)).retained_bytes(), 101, "as encoded, with its length in front");
}

#[test]
fn a_request_may_be_asked_again_only_if_it_says_so() {
    #[derive(Request)]
    #[request(response = u8, idempotent)]
    struct Look;
    #[derive(Request)]
    #[request(response = u8)]
    struct Pay;

    assert!(Look::IDEMPOTENT && !Pay::IDEMPOTENT);
}

#[test]
fn a_policy_is_named_for_responders_and_acceptors() {
    #[derive(Request)]
    #[request(response = (), policy = "least_loaded")]
    struct Ask;
    #[derive(Tunnel)]
    #[tunnel(send = (), receive = (), policy = "by_key")]
    struct Open;

    assert_eq!(Ask::POLICY, RoutePolicy::LeastLoaded);
    assert_eq!(Open::POLICY, RoutePolicy::ByKey);
    assert_eq!(inner::Deeper::POLICY, RoutePolicy::LocalFirst);
}

#[expect(clippy::unwrap_used, reason = "a test's own")]
fn there_and_back<E: Event>(event: &E) -> E {
    let wire = E::wire().unwrap();
    let mut bytes = Vec::new();
    wire.encode(event, &mut bytes).unwrap();
    wire.decode(&bytes).unwrap()
}

#[test]
fn a_shareable_event_of_every_form_travels() {
    #[derive(Notification, Serialize, Deserialize, PartialEq, Debug)]
    #[notification(shareable)]
    struct Unit;
    #[derive(Notification, Serialize, Deserialize, PartialEq, Debug)]
    #[notification(shareable)]
    struct Newtype(String);
    #[derive(Notification, Serialize, Deserialize, PartialEq, Debug)]
    #[notification(shareable)]
    enum Choice {
        Nothing,
        Tuple(u8, u16),
        Struct { text: String },
    }

    assert_eq!(there_and_back(&Unit), Unit);
    assert_eq!(there_and_back(&Newtype("a".into())), Newtype("a".into()));
    for choice in [Choice::Nothing, Choice::Tuple(1, 2), Choice::Struct { text: "b".into() }] {
        assert_eq!(there_and_back(&choice), choice);
    }
    assert_eq!(Unit::wire().unwrap().codec(), Postcard::NAME);
    assert!(Unit::SHAREABLE);
}

#[test]
fn payloads_travel_in_the_codec_of_their_event() {
    #[derive(Request, Serialize, Deserialize)]
    #[request(response = Vec<u8>, shareable, evolving)]
    struct Ask;
    #[derive(Tunnel, Serialize, Deserialize)]
    #[tunnel(send = u8, receive = String, shareable)]
    struct Open;
    #[derive(Request)]
    #[request(response = Plain)]
    struct Local;

    assert_eq!(Ask::wire().unwrap().codec(), MessagePack::NAME);
    assert_eq!(Ask::response_wire().unwrap().codec(), MessagePack::NAME);
    assert_eq!(Open::send_wire().unwrap().codec(), Postcard::NAME);
    assert_eq!(Open::receive_wire().unwrap().codec(), Postcard::NAME);
    assert!(Local::response_wire().is_none());
}

#[test]
fn a_codec_of_ones_own_is_used() {
    enum Backwards {}
    impl Codec for Backwards {
        const NAME: &'static str = "backwards";

        fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
            let start = out.len();
            Postcard::encode(value, out)?;
            out[start..].reverse();
            Ok(())
        }

        fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
            Postcard::decode(&bytes.iter().rev().copied().collect::<Vec<_>>())
        }
    }

    #[derive(Notification, Serialize, Deserialize, PartialEq, Debug)]
    #[notification(shareable, codec = Backwards)]
    struct Pair(u8, u8);

    assert_eq!(Pair::wire().unwrap().codec(), "backwards");
    assert_eq!(there_and_back(&Pair(1, 2)), Pair(1, 2));
}

#[derive(Request, Serialize, Deserialize)]
#[request(response = Vec<T>, shareable, key = id)]
struct Fetch<T, const N: usize = 1> {
    id: T,
}

#[derive(Tunnel)]
#[tunnel(send = T::Owned, receive = Option<T::Owned>)]
struct Stream<T: ToOwned + ?Sized>(PhantomData<T>)
where
    T::Owned: Clone;

#[test]
fn generic_events_are_named_after_their_parameters() {
    assert_eq!(Fetch::<u8, 3>::name(), "derive::Fetch<u8,3>");
    assert_eq!(Fetch::<String, 3>::name(), "derive::Fetch<alloc::string::String,3>");
    assert_eq!(<Stream<str> as Event>::name(), "derive::Stream<str>");
    assert!(std::ptr::eq(Fetch::<u8, 3>::name(), Fetch::<u8, 3>::name()));

    #[derive(Notification)]
    #[notification(name = "named")]
    struct Named<T>(T);
    assert_eq!(Named::<bool>::name(), "named<bool>");

    #[derive(Notification)]
    struct Constant<const N: usize>;
    assert_eq!(Constant::<5>::name(), "derive::Constant<5>");
}

#[test]
fn generic_events_do_what_others_do() {
    let fetch = Fetch::<u32, 1> { id: 4 };
    assert_eq!(fetch.key(), Some(Key::of(&4_u32)));
    assert_eq!(there_and_back(&fetch).id, 4);
    assert!(Fetch::<u32, 1>::response_wire().is_some());
    assert!(<Stream<str> as Tunnel>::send_wire().is_none());
}

#[test]
fn only_a_notification_has_to_be_sync() {
    #[derive(Request)]
    #[request(response = std::cell::Cell<u8>)]
    struct Celled<T>(T);

    fn is_request<R: Request>() {}
    is_request::<Celled<std::cell::Cell<u8>>>();
}

#[test]
fn the_fingerprint_tells_shapes_apart() {
    assert_ne!(
        Fetch::<u32, 1>::wire().unwrap().fingerprint(),
        Fetch::<u64, 1>::wire().unwrap().fingerprint()
    );
}

/// Names that the generated code could trip over.
#[test]
fn generated_code_is_not_disturbed_by_its_surroundings() {
    #[expect(dead_code, reason = "it is enough that it is here")]
    enum Option {}
    #[expect(dead_code, reason = "it is enough that it is here")]
    enum Some {}
    mod core {}
    mod std {}

    #[derive(Notification)]
    #[notification(key = 0, retain = "1s")]
    struct Calm<T>(T);
    assert_eq!(Calm::<u8>::VERSION, 1);
}
