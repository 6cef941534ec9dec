//! The ask scenarios: a manager with a mailbox, and one that runs inline.

use std::sync::Arc;

use edri::{
    manager::IntoHost,
    prelude::{Host, Managed, Router},
};

use super::{Answerer, AsyncAnswerer, Kept, Reached};
use crate::{
    contender::Contender,
    drive,
    runtime::on_two_workers,
    scenario::{ASKS_IN_FLIGHT, Scenario},
};

pub(super) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::Ask, "edri", |requests| {
            on_two_workers(async move { drive::ask(requests, start(Answerer).await).await })
        }),
        Contender::new(Scenario::Ask, "edri-requester", |requests| {
            on_two_workers(async move { drive::ask(requests, Kept::from(start(Answerer).await)).await })
        }),
        Contender::new(Scenario::AskInline, "edri sync", |requests| {
            let host = Host::new(Answerer).inline();
            on_two_workers(async move { drive::ask(requests, start(host).await).await })
        })
        .with_share(8.0),
        Contender::new(Scenario::AskInline, "edri-requester sync", |requests| {
            let host = Host::new(Answerer).inline();
            on_two_workers(async move { drive::ask(requests, Kept::from(start(host).await)).await })
        })
        .with_share(8.0),
        Contender::new(Scenario::AskInline, "edri async", |requests| {
            let host = Host::new(AsyncAnswerer).inline();
            on_two_workers(async move { drive::ask(requests, start(host).await).await })
        })
        .with_share(4.0),
        Contender::new(Scenario::AskInline, "edri-requester async", |requests| {
            let host = Host::new(AsyncAnswerer).inline();
            on_two_workers(async move { drive::ask(requests, Kept::from(start(host).await)).await })
        })
        .with_share(4.0),
        Contender::new(Scenario::AskInflight, "edri", |requests| {
            on_two_workers(async move {
                drive::ask_in_flight(requests, ASKS_IN_FLIGHT, start(Answerer).await).await
            })
        }),
        Contender::new(Scenario::AskInflightTasks, "edri", |requests| {
            on_two_workers(async move {
                drive::ask_from_tasks(requests, ASKS_IN_FLIGHT, start(Answerer).await).await
            })
        }),
    ]
}

async fn start(manager: impl IntoHost) -> Reached<Arc<Managed>> {
    let router = Router::new();
    let answerer = manager.into_host().start(&router).await.expect("the answerer starts");
    Reached { router, _kept: Arc::new(answerer) }
}
