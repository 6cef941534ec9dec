//! Two routers and the link between them: nothing is declared, and what works on one works across both.
//!
//! ```text
//! cargo run --example links
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use edri::prelude::*;
use edri_link::{End, Identity, Link, Settings};
use edri_router::{RequestError, Router};
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;

#[derive(Request, Clone, Debug, Serialize, Deserialize)]
#[request(response = u64, shareable)]
struct Price {
    tea: String,
}

#[derive(Notification, Clone, Debug, Serialize, Deserialize)]
#[notification(shareable, key = order)]
struct Placed {
    order: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (shop, depot) = (Router::new(), Router::new());
    let (near, far) = UnixStream::pair()?;
    let settings = |router: &Router, name| Settings::new(Identity::new(router.id(), name));
    let at_shop = Link::start(&shop, near, End::Connecting, settings(&shop, "shop"));
    let at_depot = Link::start(&depot, far, End::Accepting, settings(&depot, "depot"));
    at_shop.opened().await?;

    // Somebody answers at the depot. The shop's first question finds him once that is known there.
    let prices = depot.respond(|price: Price| async move {
        match price.tea.as_str() {
            "assam" => Ok(7),
            other => Err(Failure::new("unknown", format!("there is no {other}"))),
        }
    });
    let mut answers = depot.responses::<Price>();
    while !shop.has_responders::<Price>() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let price = |tea: &str| shop.request(Price { tea: tea.to_owned() }).timeout(Duration::from_secs(1));
    println!("assam costs {}", price("assam").await?);
    println!("{}", price("mint").await.expect_err("nobody sells mint"));
    for _ in 0..2 {
        let answer = answers.recv().await.ok_or("the depot is gone")?;
        println!("the depot saw what was answered about {}: {:?}", answer.request.tea, answer.outcome);
    }

    // The members of a group share the work, wherever they are.
    let packer = |router: &Router| router.subscription::<Placed>().group("packing").start();
    let (mut here, mut there) = (packer(&shop), packer(&depot));
    while shop.snapshot().routes.iter().all(|route| route.consumers.iter().all(|who| who.links == 0)) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    for order in 0..10 {
        shop.notify(Placed { order }).await?;
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    let count = |packer: &mut Subscription<Placed>| std::iter::from_fn(|| packer.try_recv()).count();
    println!("packed here: {}, there: {}", count(&mut here), count(&mut there));
    println!("\n{}", shop.snapshot());

    // When the link goes, whoever waits is told, and why.
    drop(prices);
    let _never = depot.respond(|_: Price| std::future::pending());
    tokio::time::sleep(Duration::from_millis(20)).await;
    let waiting = tokio::spawn({
        let shop = shop.clone();
        async move { shop.request(Price { tea: "assam".to_owned() }).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    at_depot.close();
    println!("the link ended: {}", at_shop.closed().await);
    match waiting.await? {
        Err(RequestError::LinkLost(lost)) => println!("who had asked was told: {lost}"),
        other => println!("unexpected: {other:?}"),
    }
    Ok(())
}
