//! What outlasts programs, between routers that a switch or a connection joins.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::path::Path;
use std::time::Duration;

use edri_connector::switch::{Switch, SwitchSettings};
use edri_connector::{Connector, DurableSettings};
use edri_manager::Host;
use edri_router::{Router, Status};
use support::routers::{Joined, LONG, Ping};
use tokio::time::{sleep, timeout};

/// A router that keeps what lasts in that folder.
async fn keeper(connector: Connector, folder: &Path) -> Joined {
    let durable = DurableSettings::in_folder(folder);
    Joined::on(durable.router().unwrap(), connector.durable(durable)).await
}

async fn wanted(router: &Router) {
    let waiting = async {
        while !router.has_subscribers::<Ping>() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(LONG, waiting).await.unwrap();
}

async fn survives(connector: impl Fn(&str) -> Connector) {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let there = keeper(connector("there"), folders[0].path()).await;
    let mut pings = there.router.subscribe::<Ping>();
    let here = keeper(connector("here"), folders[1].path()).await;
    wanted(&here.router).await;
    here.router.notify(Ping(0)).await.unwrap();
    assert_eq!(timeout(LONG, pings.recv()).await.unwrap().map(|ping| ping.0), Some(0));
    // It stops, with its connector last, as programs do.
    drop(pings);
    there.leave().await;

    here.router.notify_all((1..100).map(Ping)).await.unwrap();
    let durable = here.connections.durable().unwrap();
    durable.synced().await.unwrap();
    assert_eq!(durable.status().destinations[0].name, "there");
    here.leave().await;
    let here = keeper(connector("here"), folders[1].path()).await;
    assert!(here.router.has_subscribers::<Ping>(), "it knows who wanted it");
    here.router.notify(Ping(100)).await.unwrap();

    let there = keeper(connector("there"), folders[0].path()).await;
    let mut pings = there.router.subscribe::<Ping>();
    for number in 1..=100 {
        let ping = timeout(LONG, pings.recv()).await.unwrap();
        assert_eq!(ping.map(|ping| ping.0), Some(number));
    }
    let durable = here.connections.durable().unwrap();
    timeout(LONG, durable.delivered()).await.unwrap().unwrap();
    assert_eq!(here.router.dead_letter_counts().total(), 0);
    here.leave().await;
    there.leave().await;
}

#[tokio::test]
async fn through_a_switch_what_lasts_survives_restarts_of_both_ends() {
    let switch = Switch::new(SwitchSettings::new(["127.0.0.1:0"])).start().await.unwrap();
    let address = switch.addresses()[0].to_string();
    survives(|name| Connector::to_switch([&*address]).name(name)).await;
}

#[tokio::test]
async fn and_where_one_connects_to_the_other() {
    // Nobody else takes an address so soon that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    survives(|name| match name {
        "there" => Connector::listen([&*address]).name(name),
        _ => Connector::connect([&*address]).name(name),
    })
    .await;
}

#[tokio::test]
async fn a_folder_of_another_router_or_of_another_process_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let connector = || Connector::listen(["127.0.0.1:0"]).durable(folder.path());
    let owner = DurableSettings::in_folder(folder.path()).router().unwrap();
    let other = Host::new(connector()).start(&Router::new()).await.unwrap_err().to_string();
    assert!(other.contains("belongs to the router") && other.contains(&owner.id().to_string()), "{other}");

    let first = Joined::on(owner, connector()).await;
    assert_eq!(first.connector.health(LONG).await.status, Status::Ok);
    let same = DurableSettings::in_folder(folder.path()).router().unwrap();
    let second = Host::new(connector()).start(&same).await.unwrap_err().to_string();
    assert!(second.contains("has a writer already"), "{second}");
    first.leave().await;
}
