//! Which of several responders, or acceptors, gets it.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use edri_event::{Request, RoutePolicy, Tunnel};
use edri_router::{
    Asked, Inbox, InboxSettings, Opening, Overflow, Receiver, Registration, RequestError, Router,
};
use support::{Ask, Pipe, acceptor, responder, settings};
use tokio_test::{assert_pending, assert_ready_err, task};

#[derive(Request)]
#[request(response = (), policy = "least_loaded")]
struct Job;

#[derive(Request)]
#[request(response = (), policy = "by_key", key = 0)]
struct Keyed(u64, u64);

#[derive(Tunnel)]
#[tunnel(send = (), receive = (), policy = "least_loaded")]
struct Hose;

type End<R> = (Receiver<Asked<R>>, Inbox<Asked<R>>, Registration);

fn responders<R: Request>(router: &Router, count: usize, settings: InboxSettings) -> Vec<End<R>> {
    (0..count).map(|_| responder::<R>(router, settings)).collect()
}

fn lengths<R: Request>(ends: &[End<R>]) -> Vec<usize> {
    ends.iter().map(|(receiver, ..)| receiver.len()).collect()
}

#[test]
fn the_responder_for_whom_the_fewest_wait_is_asked() {
    let router = Router::new();
    let mut ends = responders::<Job>(&router, 3, InboxSettings::default());
    let mut asking: Vec<_> = (0..9).map(|_| task::spawn(router.request(Job))).collect();
    asking.iter_mut().for_each(|asking| assert_pending!(asking.poll()));
    assert_eq!(lengths(&ends), [3, 3, 3]);
    let taken: Vec<_> = std::iter::from_fn(|| ends[1].0.try_recv()).collect();
    let mut more: Vec<_> = (0..3).map(|_| task::spawn(router.request(Job))).collect();
    more.iter_mut().for_each(|asking| assert_pending!(asking.poll()));
    assert_eq!(lengths(&ends), [3, 3, 3]);
    assert_eq!(taken.len(), 3);
}

#[test]
fn a_router_may_have_another_policy_than_the_type_and_keeps_it_while_responders_come_and_go() {
    let router = Router::new();
    router.route_requests::<Ask>(RoutePolicy::LeastLoaded);
    drop(responders::<Ask>(&router, 2, InboxSettings::default()));
    let ends = responders::<Ask>(&router, 2, InboxSettings::default());
    let mut one = task::spawn(router.request(Ask(1)).key("tea"));
    let mut two = task::spawn(router.request(Ask(2)).key("tea"));
    assert_pending!(one.poll());
    assert_pending!(two.poll());
    assert_eq!(lengths(&ends), [1, 1], "this policy does not look at keys");

    router.route_requests::<Ask>(RoutePolicy::ByKey);
    let mut three = task::spawn(router.request(Ask(3)).key("tea"));
    let mut four = task::spawn(router.request(Ask(4)).key("tea"));
    assert_pending!(three.poll());
    assert_pending!(four.poll());
    assert!([[1, 3], [3, 1]].map(Vec::from).contains(&lengths(&ends)), "{:?}", lengths(&ends));
}

#[test]
fn round_robin_does_not_look_at_keys() {
    let router = Router::new();
    router.route_requests::<Ask>(RoutePolicy::RoundRobin);
    let ends = responders::<Ask>(&router, 3, InboxSettings::default());
    let mut asking: Vec<_> =
        (0..6).map(|number| task::spawn(router.request(Ask(number)).key("tea"))).collect();
    asking.iter_mut().for_each(|asking| assert_pending!(asking.poll()));
    assert_eq!(lengths(&ends), [2, 2, 2]);
}

#[test]
fn requests_of_a_key_keep_their_order_at_a_full_responder_while_another_has_room() {
    let router = Router::new();
    let mut ends = responders::<Keyed>(&router, 2, InboxSettings::with_capacity(1));
    let mut asking: Vec<_> = (0..4).map(|number| task::spawn(router.request(Keyed(7, number)))).collect();
    asking.iter_mut().for_each(|asking| assert_pending!(asking.poll()));
    let whole = lengths(&ends).iter().position(|length| *length == 4).expect("one responder has them all");
    assert_eq!(lengths(&ends)[1 - whole], 0);
    let order: Vec<_> = std::iter::from_fn(|| ends[whole].0.try_recv()).map(|asked| asked.event.1).collect();
    assert_eq!(order, [0, 1, 2, 3]);
}

#[test]
fn a_full_responder_of_a_key_refuses_if_that_is_its_policy() {
    let router = Router::new();
    let _ends = responders::<Keyed>(&router, 2, settings(1, Overflow::Reject));
    let mut first = task::spawn(router.request(Keyed(7, 0)));
    assert_pending!(first.poll());
    let mut refused = task::spawn(router.request(Keyed(7, 1)));
    assert_eq!(assert_ready_err!(refused.poll()), RequestError::Overloaded);
}

#[test]
fn the_keys_of_a_responder_that_closed_its_inbox_go_to_the_others() {
    let router = Router::new();
    let ends = responders::<Keyed>(&router, 3, InboxSettings::default());
    ends[0].0.close();
    ends[2].0.close();
    let mut asking: Vec<_> = (0..20).map(|key| task::spawn(router.request(Keyed(key, 0)))).collect();
    asking.iter_mut().for_each(|asking| assert_pending!(asking.poll()));
    assert_eq!(lengths(&ends), [0, 20, 0]);
}

#[test]
fn tunnels_have_policies_too() {
    let router = Router::new();
    let mut acceptors: Vec<(Receiver<Opening<Hose>>, _)> =
        (0..2).map(|_| acceptor::<Hose>(&router, InboxSettings::default())).collect();
    let open = || task::spawn(router.open(Hose)).poll().is_ready();
    assert!((0..4).all(|_| open()));
    let lengths = |acceptors: &[(Receiver<Opening<Hose>>, Registration)]| {
        acceptors.iter().map(|(receiver, _)| receiver.len()).collect::<Vec<_>>()
    };
    assert_eq!(lengths(&acceptors), [2, 2]);
    while acceptors[0].0.try_recv().is_some() {}
    assert!(open() && open());
    assert_eq!(lengths(&acceptors), [2, 2]);

    router.route_tunnels::<Pipe>(RoutePolicy::ByKey);
    let pipes: Vec<_> = (0..3).map(|_| acceptor::<Pipe>(&router, InboxSettings::default())).collect();
    let _ends: Vec<_> = (0..5).map(|_| task::spawn(router.open(Pipe).key("tea")).poll()).collect();
    assert!(pipes.iter().any(|(receiver, _)| receiver.len() == 5));
}
