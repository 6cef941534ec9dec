//! Two routers, and a link between them.

use edri_event::{Notification, Request, Tunnel};
use edri_link::memory::{Conditions, MemoryStream, pair};
use edri_link::{End, Events, Identity, Link, Settings, Transport};
use edri_router::Router;
use serde::{Deserialize, Serialize};

#[derive(Notification, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[notification(shareable)]
pub(crate) struct Ping(pub(crate) u64);

#[derive(Notification, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[notification(shareable)]
pub(crate) struct Blob(pub(crate) Vec<u8>);

#[derive(Request, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[request(response = u64, shareable)]
pub(crate) struct Ask(pub(crate) u64);

#[derive(Tunnel, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[tunnel(send = u64, receive = String, shareable)]
pub(crate) struct Pipe(pub(crate) u64);

#[derive(Notification)]
pub(crate) struct Local;

pub(crate) fn settings_of(router: &Router, name: &str) -> Settings {
    Settings::new(Identity::new(router.id(), name))
}

/// Everything, in both directions.
pub(crate) fn all() -> Events {
    Events::new()
        .publishes::<Ping>()
        .subscribes::<Ping>()
        .publishes::<Blob>()
        .subscribes::<Blob>()
        .asks::<Ask>()
        .answers::<Ask>()
        .opens::<Pipe>()
        .accepts::<Pipe>()
}

pub(crate) struct Routers {
    pub(crate) left: Router,
    pub(crate) right: Router,
    pub(crate) links: [Link; 2],
}

pub(crate) async fn link_over<T: Transport>(
    [left, right]: [(Router, Events, T); 2],
    change: impl Fn(&mut Settings),
) -> Routers {
    let start = |(router, events, transport): (Router, Events, T), end| {
        let mut settings = settings_of(&router, &format!("{end:?}"));
        change(&mut settings);
        let link = Link::start(&router, transport, end, settings, events).unwrap();
        (router, link)
    };
    let (left, near) = start(left, End::Connecting);
    let (right, far) = start(right, End::Accepting);
    near.opened().await.unwrap();
    far.opened().await.unwrap();
    Routers { left, right, links: [near, far] }
}

/// The left router says, the right one hears.
pub(crate) async fn one_way(conditions: Conditions) -> Routers {
    let (near, far) = pair(conditions);
    let left = Events::new().publishes::<Ping>().publishes::<Blob>().asks::<Ask>().opens::<Pipe>();
    let right = Events::new().subscribes::<Ping>().subscribes::<Blob>().answers::<Ask>().accepts::<Pipe>();
    link_over([(Router::new(), left, near), (Router::new(), right, far)], |_| {}).await
}

/// Both say and hear everything.
pub(crate) async fn both_ways(conditions: Conditions) -> Routers {
    let (near, far): (MemoryStream, MemoryStream) = pair(conditions);
    link_over([(Router::new(), all(), near), (Router::new(), all(), far)], |_| {}).await
}
