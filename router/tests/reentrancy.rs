//! The router's own code runs no user's code under its locks: what is dropped or woken may call the router.

mod support;

use std::collections::VecDeque;
use std::future::Future as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use edri_event::{Notification, Priority};
use edri_router::{Deliver, Delivery, Envelope, InboxSettings, Overflow, Registration, Router, Ticket, Wait};
use support::{Ask, Ping, responder, settings, subscriber, waiting};
use tokio_test::{assert_pending, assert_ready_ok, task};

/// Uses the router in every way when it is dropped.
#[derive(Notification, Debug)]
struct Busy {
    router: Router,
    registration: Mutex<Option<Registration>>,
}

impl Busy {
    fn new(router: &Router) -> Self {
        Self { router: router.clone(), registration: Mutex::new(None) }
    }

    /// Drops this registration too.
    fn ending(router: &Router, registration: Registration) -> Self {
        Self { router: router.clone(), registration: Mutex::new(Some(registration)) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        drop(self.registration.lock().map(|mut registration| registration.take()));
        let _counted = self.router.try_notify(Ping(1));
        let brief = self.router.subscribe::<Busy>();
        drop(brief);
        let answering = self.router.respond(|ask: Ask| async move { Ok(ask.0) });
        assert!(task::spawn(self.router.request(Ask(1))).poll().is_ready());
        drop(answering);
    }
}

#[test]
fn an_event_that_uses_the_router_when_dropped_by_policy() {
    let router = Router::new();
    let mut pings = router.subscribe::<Ping>();
    for policy in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Reject] {
        let full = router.subscribe_with::<Busy>(settings(1, policy));
        for _ in 0..3 {
            let _refused = router.try_notify(Busy::new(&router));
        }
        assert_eq!(waiting(&mut pings), [1, 1], "{policy:?}");
        drop(full);
        assert_eq!(waiting(&mut pings), [1], "{policy:?}");
    }
}

#[test]
fn an_event_that_uses_the_router_when_its_subscriber_goes() {
    let router = Router::new();
    let mut pings = router.subscribe::<Ping>();
    let stalled = router.subscribe_with::<Busy>(settings(1, Overflow::Wait));
    let other = router.subscribe_with::<Busy>(settings(4, Overflow::Wait));
    let mut sending: Vec<_> = (0..3).map(|_| task::spawn(router.notify(Busy::new(&router)))).collect();
    assert_ready_ok!(sending[0].poll());
    assert_pending!(sending[1].poll());
    assert_pending!(sending[2].poll());
    drop(sending.pop());
    drop(stalled);
    drop(other);
    assert_eq!(waiting(&mut pings), [1, 1, 1]);
}

#[test]
fn an_event_that_ends_a_subscription_of_its_own_type_when_dropped() {
    let router = Router::new();
    let (receiver, inbox, registration) = subscriber::<Busy>(&router, settings(1, Overflow::DropOldest));
    drop(inbox);
    router.try_notify(Busy::ending(&router, registration)).unwrap();
    router.try_notify(Busy::new(&router)).unwrap();
    assert_eq!(router.try_notify(Ping(0)).unwrap().accepted, 0);
    drop(receiver);
}

#[test]
fn a_registration_that_is_dropped_by_its_own_responder() {
    let router = Router::new();
    let registration: Arc<Mutex<Option<Registration>>> = Arc::default();
    let own = Arc::clone(&registration);
    let registered = router.respond(move |ask: Ask| {
        // Before the future: the route is being read here.
        drop(own.lock().map(|mut own| own.take()));
        async move { Ok(ask.0) }
    });
    *registration.lock().unwrap() = Some(registered);
    assert_eq!(assert_ready_ok!(task::spawn(router.request(Ask(1))).poll()), 1);
    assert!(matches!(task::spawn(router.request(Ask(2))).poll(), std::task::Poll::Ready(Err(_))));
}

#[test]
fn a_responder_that_asks_and_registers_on_its_own_route() {
    let router = Router::new();
    let own = router.clone();
    let _registration = router.respond(move |ask: Ask| {
        let brief = own.respond(|_: Ask| async { Ok(100) });
        let observer = own.responses::<Ask>();
        drop((brief, observer));
        let own = own.clone();
        async move { if ask.0 == 0 { Ok(0) } else { Ok(1 + own.request(Ask(ask.0 - 1)).await.unwrap()) } }
    });
    assert_eq!(assert_ready_ok!(task::spawn(router.request(Ask(5))).poll()), 5);
}

/// A subscriber that takes others along when it is dropped.
struct Captain {
    crew: Mutex<Vec<Registration>>,
    router: Router,
}

impl Drop for Captain {
    fn drop(&mut self) {
        if let Ok(mut crew) = self.crew.lock() {
            crew.clear();
        }
        self.router.try_notify(Ping(1)).map_or_else(|_| unreachable!("there is room"), drop);
    }
}

impl Deliver<Envelope<Ping>> for Captain {
    fn deliver(&self, parcel: &mut Option<Envelope<Ping>>, _: Priority, _: Wait<'_>) -> Delivery {
        drop(parcel.take());
        Delivery::Accepted
    }

    fn deliver_many(&self, parcels: &mut VecDeque<Envelope<Ping>>, _: Priority) -> bool {
        parcels.clear();
        true
    }

    fn taken_in(&self, _: Ticket, _: &Waker) -> bool {
        true
    }

    fn withdraw(&self, _: Ticket) {}

    fn name(&self) -> &str {
        "captain"
    }
}

#[test]
fn a_subscriber_that_takes_others_along_when_it_is_dropped() {
    let router = Router::new();
    let mut steady = router.subscribe::<Ping>();
    let crew: Vec<_> = (0..3).map(|_| subscriber::<Ping>(&router, InboxSettings::default())).collect();
    let (receivers, registrations): (Vec<_>, Vec<_>) =
        crew.into_iter().map(|(receiver, _, registration)| (receiver, registration)).unzip();
    let captain = Captain { crew: Mutex::new(registrations), router: router.clone() };
    let captain = router.attach_subscriber(Arc::new(captain));
    assert_eq!(router.try_notify(Ping(0)).unwrap().accepted, 5);
    drop(captain);
    assert_eq!(router.try_notify(Ping(2)).unwrap().accepted, 1);
    assert_eq!(waiting(&mut steady), [0, 1, 2]);
    assert!(receivers.iter().all(|receiver| receiver.len() == 1));
}

#[test]
fn a_request_whose_answer_is_dropped_may_use_the_router() {
    #[derive(edri_event::Request)]
    #[request(response = Busy)]
    struct Fetch;

    let router = Router::new();
    let mut pings = router.subscribe::<Ping>();
    let (mut asked, _inbox, _registration) = responder::<Fetch>(&router, InboxSettings::default());
    let mut late = task::spawn(router.request(Fetch));
    let mut untaken = task::spawn(router.request(Fetch));
    assert_pending!(late.poll());
    assert_pending!(untaken.poll());
    drop(late);
    asked.try_recv().unwrap().reply.answer(Ok(Busy::new(&router)));
    assert_eq!(waiting(&mut pings), [1]);
    asked.try_recv().unwrap().reply.answer(Ok(Busy::new(&router)));
    drop(untaken);
    assert_eq!(waiting(&mut pings), [1]);
}

#[test]
fn items_in_a_tunnel_may_use_the_router_when_they_are_dropped() {
    #[derive(edri_event::Tunnel)]
    #[tunnel(send = Busy, receive = ())]
    struct Haul;

    let router = Router::new();
    let mut pings = router.subscribe::<Ping>();
    let (mut openings, _registration) = support::acceptor::<Haul>(&router, InboxSettings::default());
    let mut opened = assert_ready_ok!(task::spawn(router.open(Haul).window(1)).poll());
    let accepted = openings.try_recv().unwrap().tunnel;
    assert!(task::spawn(opened.send(Busy::new(&router))).poll().is_ready());
    let mut in_line = task::spawn(opened.send(Busy::new(&router)));
    assert_pending!(in_line.poll());
    drop(in_line);
    assert_eq!(waiting(&mut pings), [1]);
    drop(accepted);
    assert_eq!(waiting(&mut pings), [1]);
    assert!(task::spawn(opened.send(Busy::new(&router))).poll().is_ready());
    assert_eq!(waiting(&mut pings), [1]);
}

/// A waker that uses the router at once, as an executor that runs woken tasks in place would.
struct Eager {
    router: Router,
    woken: AtomicUsize,
}

impl Wake for Eager {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Ordering::Relaxed);
        drop(self.router.subscribe::<Ping>());
        let _full = self.router.try_notify(Ping(9));
    }
}

#[test]
fn a_waker_may_use_the_router() {
    let router = Router::new();
    let eager = Arc::new(Eager { router: router.clone(), woken: AtomicUsize::new(0) });
    let woken = || eager.woken.load(Ordering::Relaxed);
    let waker = Waker::from(Arc::clone(&eager));
    let mut cx = Context::from_waker(&waker);
    let (mut receiver, inbox, registration) = subscriber::<Ping>(&router, settings(1, Overflow::Wait));

    assert!(receiver.poll_recv(&mut cx).is_pending());
    router.try_notify(Ping(0)).unwrap();
    assert_eq!(woken(), 1, "the receiver");
    let mut sending = Box::pin(router.notify(Ping(1)));
    assert!(sending.as_mut().poll(&mut cx).is_pending());
    assert_eq!(receiver.try_recv().unwrap().event.0, 0);
    assert_eq!(woken(), 2, "the sender in line");
    assert!(sending.as_mut().poll(&mut cx).is_ready());
    drop(sending);
    assert_eq!(receiver.try_recv().unwrap().event.0, 1);

    assert!(receiver.poll_recv(&mut cx).is_pending());
    drop((inbox, registration));
    assert_eq!(woken(), 3, "the receiver, by the end");
    assert!(receiver.poll_recv(&mut cx).is_ready());
}
