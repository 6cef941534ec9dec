//! What every event can be relied on for.

use edri_event::{Event, EventId, Meta, Notification, Request};
use serde::{Deserialize, Serialize};

#[derive(Request, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[request(response = u64, shareable)]
struct Add {
    a: u64,
    b: u64,
}

#[derive(Notification, Clone, PartialEq, Debug)]
struct Local;

/// An event and what travels beside it, as a router sends it.
fn sent<E: Event>(event: E) -> (E, Meta) {
    let mut meta = Meta::new();
    if E::SHAREABLE {
        meta.set_id(EventId::fresh());
    }
    (event, meta)
}

/// A request is its question alone: its size has no room for an answer, and its bytes hold none.
#[test]
fn a_new_request_carries_no_response() {
    assert_eq!(size_of::<Add>(), 2 * size_of::<u64>());
    let mut bytes = Vec::new();
    Add::wire().unwrap().encode(&Add { a: 1, b: 2 }, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2]);
}

#[test]
fn a_shareable_event_gets_a_fresh_identity_each_time() {
    let add = Add { a: 1, b: 2 };
    let (_, first) = sent(add.clone());
    let (_, second) = sent(add);
    assert!(first.id().is_some() && second.id().is_some());
    assert_ne!(first.id(), second.id());
}

#[test]
fn equal_shareable_events_are_equal_though_their_identities_differ() {
    let (first, first_meta) = sent(Add { a: 1, b: 2 });
    let (second, second_meta) = sent(Add { a: 1, b: 2 });
    assert_eq!(first, second);
    assert_ne!(first_meta.id(), second_meta.id());
}

#[test]
fn an_event_that_is_not_shareable_has_no_transport_identity() {
    let (_, meta) = sent(Local);
    assert!(Local::wire().is_none());
    assert!(meta.id().is_none());
}
