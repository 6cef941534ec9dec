//! Two routers, and a link between them.

use std::time::Duration;

use edri_event::{Notification, Request, Tunnel};
use edri_link::memory::{Conditions, MemoryStream, pair};
use edri_link::{End, Identity, Link, Settings, Transport};
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

pub(crate) struct Routers {
    pub(crate) left: Router,
    pub(crate) right: Router,
    pub(crate) links: [Link; 2],
}

/// Ready when it is so.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Lets everything that can happen without the clock happen, and a little more: what is consumed at one end is known at
/// the other then.
pub(crate) async fn rest() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

pub(crate) async fn link_over<T: Transport>(
    [left, right]: [(Router, T); 2],
    change: impl Fn(&mut Settings),
) -> Routers {
    let start = |(router, transport): (Router, T), end| {
        let mut settings = settings_of(&router, &format!("{end:?}"));
        change(&mut settings);
        let link = Link::start(&router, transport, end, settings);
        (router, link)
    };
    let (left, near) = start(left, End::Connecting);
    let (right, far) = start(right, End::Accepting);
    near.opened().await.unwrap();
    far.opened().await.unwrap();
    Routers { left, right, links: [near, far] }
}

/// Two routers with a link between them.
pub(crate) async fn linked(conditions: Conditions) -> Routers {
    let (near, far): (MemoryStream, MemoryStream) = pair(conditions);
    link_over([(Router::new(), near), (Router::new(), far)], |_| {}).await
}
