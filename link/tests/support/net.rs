//! Several routers, and links between them.

use std::time::Duration;

use edri_link::memory::{Conditions, pair};
use edri_link::{End, Link, Settings};
use edri_router::{Horizon, Router};

use super::routers::settings_of;

/// Links two routers of one network.
pub(crate) async fn link(one: &Router, other: &Router) -> [Link; 2] {
    link_with(one, other, |_| {}).await
}

/// Links two routers by a link that leads elsewhere for both: what is behind it is behind nothing else.
pub(crate) async fn link_apart(one: &Router, other: &Router) -> [Link; 2] {
    link_with(one, other, |settings| settings.horizon = Some(Horizon::new())).await
}

pub(crate) async fn link_with(one: &Router, other: &Router, change: impl Fn(&mut Settings)) -> [Link; 2] {
    let mut conditions = Conditions::default();
    conditions.latency = Duration::from_millis(1);
    let (near, far) = pair(conditions);
    let settings = |router: &Router, name| {
        let mut settings = settings_of(router, name);
        change(&mut settings);
        settings
    };
    let near = Link::start(one, near, End::Connecting, settings(one, "one"));
    let far = Link::start(other, far, End::Accepting, settings(other, "other"));
    near.opened().await.unwrap();
    far.opened().await.unwrap();
    [near, far]
}

/// Lets everything come to rest that is said over a few links.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}
