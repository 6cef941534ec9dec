//! Who reaches a pool, and whom its workers reach.

use std::convert::identity;
use std::sync::Arc;

use edri_router::{Inbox, InboxSettings, Opening, RequestError, Router, ToInbox};
use futures_util::FutureExt as _;

use crate::place::Place;
use crate::program::failure_code;
use crate::smith::{Call, Forged, Price, Store, job};

everywhere!(
    a_private_pool_answers_its_holder_alone,
    a_worker_notifies_and_asks_as_if_it_were_anybody,
    what_a_worker_asks_of_nobody_is_answered_at_once,
    a_worker_hears_what_is_published,
    a_worker_opens_a_tunnel_which_arrives_whole_and_ends,
);

async fn a_private_pool_answers_its_holder_alone(place: Place) {
    let router = Router::new();
    let pool = place.smiths(1).start_private(&router).unwrap();
    let answer = router.request(job("echo")).now_or_never();
    assert!(matches!(answer, Some(Err(RequestError::NoResponder { .. }))), "{answer:?}");
    assert_eq!(pool.request(job("echo").text("mine")).await, Ok("mine".into()));
}

/// Behaviour 54 of the original: what a worker sends says who it was, and what it asks is answered to it and nobody else.
async fn a_worker_notifies_and_asks_as_if_it_were_anybody(place: Place) {
    let router = Router::new();
    let _prices = router.respond(|price: Price| async move { Ok(price.0.len() as u64) });
    let mut told = router.subscribe::<Forged>();
    let _pool = place.smiths(2).start(&router).unwrap();
    router.request(job("notify").number(300)).await.unwrap();
    for number in 0..300 {
        let told = told.recv().await.unwrap();
        assert_eq!(told.number, number);
        assert!(told.worker == "smith-0" || told.worker == "smith-1", "{}", told.worker);
    }
    let (short, long) =
        tokio::join!(router.request(job("ask").text("tin")), router.request(job("ask").text("silver")));
    assert_eq!((short, long), (Ok("3".into()), Ok("6".into())));
}

async fn what_a_worker_asks_of_nobody_is_answered_at_once(place: Place) {
    let router = Router::new();
    let _pool = place.smiths(1).start(&router).unwrap();
    assert_eq!(failure_code(router.request(job("ask").text("gold")).await), "asked");
}

async fn a_worker_hears_what_is_published(place: Place) {
    let router = Router::new();
    let mut told = router.subscribe::<Forged>();
    let _pool = place.smiths(1).start(&router).unwrap();
    let listening = router.request(job("listen").number(1));
    let call = async {
        assert_eq!(told.recv().await.map(|told| told.number), Some(1), "it listens");
        loop {
            router.notify(Call(7)).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        answer = listening => assert_eq!(answer, Ok("7".into())),
        () = call => unreachable!("it has no end"),
    }
}

async fn a_worker_opens_a_tunnel_which_arrives_whole_and_ends(place: Place) {
    let router = Router::new();
    let (inbox, mut openings) = Inbox::<Opening<Store>>::new(InboxSettings::default());
    let _acceptor = router.attach_acceptor(Arc::new(ToInbox::new("store".into(), inbox, identity)));
    let _pool = place.smiths(1).start(&router).unwrap();
    let bytes = 3 * 1024 * 1024 + 17;
    let storing = router.request(job("store").number(bytes));
    let counting = async {
        let mut tunnel = openings.recv().await.unwrap().tunnel;
        let mut counted = 0;
        while let Some(piece) = tunnel.recv().await {
            counted += piece.unwrap().len() as u64;
        }
        tunnel.send(counted).await.unwrap();
        tunnel.finish();
        while tunnel.recv().await.is_some() {}
        counted
    };
    let (answer, counted) = tokio::join!(storing, counting);
    assert_eq!((answer, counted), (Ok(bytes.to_string()), bytes));
}
