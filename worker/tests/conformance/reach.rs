//! Who reaches a pool, and whom its workers reach.

use edri_event::{Failure, Notification, Request};
use edri_router::{RequestError, Router};
use futures_util::FutureExt as _;
use futures_util::future::join_all;

use crate::support::{Crew, Hold, Job, Kind, made};

both_kinds!(
    a_private_pool_answers_its_holder_alone,
    a_pool_on_a_router_answers_its_holder_too,
    two_pools_on_a_router_share_the_load,
    a_pool_without_room_leaves_a_job_to_another,
    a_worker_notifies_and_asks_others,
);

async fn a_private_pool_answers_its_holder_alone(kind: Kind) {
    let (router, crew) = (Router::new(), Crew::new());
    let pool = kind.pool(1, crew.hands()).start_private(&router).unwrap();
    assert_eq!(router.request(Job::answer(1)).now_or_never(), Some(Err(no_responder())));
    assert_eq!(pool.request(Job::answer(2)).await, Ok(2));
}

async fn a_pool_on_a_router_answers_its_holder_too(kind: Kind) {
    let (router, mine, other) = (Router::new(), Crew::new(), Crew::new());
    let _other = kind.pool(1, other.hands()).start(&router).unwrap();
    let pool = kind.pool(1, mine.hands()).start(&router).unwrap();
    for _ in 0..4 {
        pool.request(Job::answer(0)).await.unwrap();
    }
    assert_eq!(pool.tally().accepted, 4);
}

async fn two_pools_on_a_router_share_the_load(kind: Kind) {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let one = kind.pool(2, crew.hands()).start(&router).unwrap();
    let other = kind.pool(2, crew.hands()).start(&router).unwrap();
    let asked: Vec<_> = (0..4).map(|number| made(router.request(Job::held(number, &hold)))).collect();
    assert_eq!(hold.begun_together(4).await, [0, 1, 2, 3]);
    assert_eq!((one.busy(), other.busy()), (2, 2));
    hold.let_all_go();
    assert!(join_all(asked).await.into_iter().eq((0..4).map(Ok)));
    drop(one);
    for number in 0..4 {
        assert_eq!(router.request(Job::answer(number)).await, Ok(number));
    }
}

async fn a_pool_without_room_leaves_a_job_to_another(kind: Kind) {
    let (router, mut hold) = (Router::new(), Hold::new());
    let full = kind.pool(1, Crew::new().hands()).capacity(1).start(&router).unwrap();
    let _running = made(full.request(Job::held(0, &hold)));
    hold.begun().await;
    let _waiting = made(full.request(Job::held(1, &hold)));
    let _roomy = kind.pool(1, Crew::new().hands()).start(&router).unwrap();
    for number in 0..4 {
        assert_eq!(router.request(Job::answer(number)).await, Ok(number));
    }
    assert_eq!((full.waiting(), full.tally().accepted), (1, 2));
    hold.let_all_go();
}

async fn a_worker_notifies_and_asks_others(kind: Kind) {
    #[derive(Request)]
    #[request(response = u64)]
    struct Price(u64);

    #[derive(Notification)]
    struct Sold(u64);

    let (router, crew) = (Router::new(), Crew::new());
    let _merchant = router.respond(|price: Price| async move { Ok(price.0 * 3) });
    let mut sold = router.subscribe::<Sold>();
    let _pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let sale = Job::new(|_, cx| {
        Box::pin(async move {
            let price = cx.router().request(Price(7)).await.map_err(Failure::from)?;
            cx.router().notify(Sold(price)).await.map_err(Failure::from)?;
            Ok(price)
        })
    });
    assert_eq!(router.request(sale).await, Ok(21));
    assert_eq!(sold.recv().await.map(|sold| sold.0), Some(21));
}

fn no_responder() -> RequestError {
    RequestError::NoResponder { event: <Job as edri_event::Event>::name() }
}
