//! What is counted and measured of those behind an inbox, and the picture of a whole router.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use edri_event::{Notification, Priority, Request, Retention, RoutePolicy, Tunnel};
use edri_router::{
    DeadLetterOffice, Deliver, Envelope, Inbox, InboxSettings, Overflow, Part, PartState, Receiver,
    RouteKind, Router, Snapshot, ToInbox, Wait,
};
use proptest::prelude::*;
use tokio::time::advance;

const MILLISECOND: Duration = Duration::from_millis(1);

#[derive(Notification)]
struct Tell;

#[derive(Request, Clone)]
#[request(response = ())]
struct Ask;

#[derive(Tunnel)]
#[tunnel(send = (), receive = ())]
struct Pipe;

/// An inbox of one who is known to the router.
struct Known {
    to: ToInbox<Envelope<Tell>, Envelope<Tell>>,
    part: Arc<dyn Part>,
    receiver: Receiver<Envelope<Tell>>,
}

impl Known {
    fn new(router: &Router, settings: InboxSettings) -> Self {
        let (inbox, receiver) = Inbox::reporting(settings, DeadLetterOffice::new(router, "known".into()));
        let part = inbox.part();
        router.attach_part(&part);
        Self { to: ToInbox::new("known".into(), inbox, std::convert::identity), part, receiver }
    }

    fn send(&self, lane: Priority) {
        let envelope = Envelope { event: edri_router::Shared::Own(Tell), meta: edri_event::Meta::new() };
        let _ = self.to.deliver(&mut Some(envelope), lane, Wait::Never);
    }

    fn send_many(&self, events: usize) {
        let envelope = || Envelope { event: edri_router::Shared::Own(Tell), meta: edri_event::Meta::new() };
        let mut envelopes: VecDeque<_> = (0..events).map(|_| envelope()).collect();
        assert!(self.to.deliver_many(&mut envelopes, Priority::Normal) && envelopes.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn of_the_events_that_wait_one_in_64_is_measured() {
    let router = Router::new();
    let mut known = Known::new(&router, InboxSettings::default());
    for _ in 0..640 {
        known.send(Priority::Normal);
        advance(MILLISECOND).await;
        known.receiver.try_recv().unwrap();
    }
    let waiting = known.part.vitals().waiting;
    assert_eq!(waiting.count, 10);
    assert_eq!(waiting.max.as_millis(), 1);
    assert!(waiting.p50 >= MILLISECOND && waiting.p50 <= waiting.max, "{waiting:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_measured_to_where_the_event_is_handed_out() {
    let router = Router::new();
    let mut known = Known::new(&router, InboxSettings::default());
    // The first is taken at once; of those that follow the 65th is followed, the last of this batch.
    known.send(Priority::Normal);
    known.receiver.try_recv().unwrap();
    known.send_many(64);
    for _ in 0..64 {
        advance(MILLISECOND).await;
        known.receiver.try_recv().unwrap();
    }
    let waiting = known.part.vitals().waiting;
    assert_eq!((waiting.count, waiting.max.as_millis()), (2, 64));
}

#[tokio::test(start_paused = true)]
async fn nobody_measures_what_waits_for_a_subscription() {
    let router = Router::new();
    let (inbox, mut receiver) = Inbox::<Envelope<Tell>>::new(InboxSettings::default());
    let to = ToInbox::new("to".into(), inbox.clone(), std::convert::identity);
    let _registration = router.attach_subscriber::<Tell>(Arc::new(to));
    for _ in 0..200 {
        router.notify(Tell).await.unwrap();
        receiver.try_recv().unwrap();
    }
    assert_eq!(inbox.monitor().part().vitals().waiting.count, 0);
    assert!(router.snapshot().parts.is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    Send(Priority),
    SendMany(usize),
    Take,
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Send(Priority::Normal)),
        1 => Just(Step::Send(Priority::High)),
        1 => Just(Step::Send(Priority::Control)),
        1 => (1..40_usize).prop_map(Step::SendMany),
        8 => Just(Step::Take),
        3 => (1..9_u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..600)
}

proptest! {
    /// A model that writes down when each event came and went agrees with what is measured of those followed: the
    /// lanes overtake each other, what is in hand is put back, the oldest is dropped.
    #[test]
    fn what_is_measured_is_how_long_that_event_waited(steps in steps(), drops in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let router = Router::new();
            let policy = if drops { Overflow::DropOldest } else { Overflow::Reject };
            let settings = InboxSettings::with_capacity(if drops { 30 } else { 10_000 }).overflow(policy);
            let mut known = Known::new(&router, settings);
            let begun = tokio::time::Instant::now();
            let (mut waits, mut accepted) = (Vec::new(), 0_u64);
            let mut lanes: [VecDeque<(Duration, bool)>; 3] = Default::default();
            let mut followed = false;
            for step in steps {
                match step {
                    Step::Send(lane) => {
                        if drops && lanes.iter().map(VecDeque::len).sum::<usize>() == 30 {
                            let lost = (0..3).find_map(|lane| lanes[lane].pop_front());
                            if lost.is_some_and(|(_, is_followed)| is_followed) {
                                followed = false;
                            }
                        }
                        accepted += 1;
                        let follow = accepted % 64 == 1 && !followed && lane == Priority::Normal;
                        followed |= follow;
                        let index = match lane {
                            Priority::Normal => 0,
                            Priority::High => 1,
                            Priority::Control => 2,
                        };
                        lanes[index].push_back((begun.elapsed(), follow));
                        known.send(lane);
                    }
                    Step::SendMany(_) if drops => {}
                    Step::SendMany(events) => {
                        let crossed = accepted.div_ceil(64) < (accepted + events as u64).div_ceil(64);
                        accepted += events as u64;
                        for event in 1..=events {
                            let follow = crossed && event == events && !followed;
                            lanes[0].push_back((begun.elapsed(), follow));
                            followed |= follow;
                        }
                        known.send_many(events);
                    }
                    Step::Take => {
                        let before = known.part.vitals().queued;
                        let Some(_) = known.receiver.try_recv() else { continue };
                        let after = known.part.vitals().queued;
                        let lane = match () {
                            () if after.normal < before.normal => 0,
                            () if after.high < before.high => 1,
                            () => 2,
                        };
                        let (came, is_followed) = lanes[lane].pop_front().unwrap();
                        if is_followed {
                            waits.push(begun.elapsed() - came);
                            followed = false;
                        }
                    }
                    Step::Pass(milliseconds) => advance(milliseconds as u32 * MILLISECOND).await,
                }
            }
            let measured = known.part.vitals().waiting;
            assert_eq!(measured.count, waits.len() as u64);
            assert_eq!(measured.max, waits.iter().max().copied().unwrap_or_default());
        });
    }
}

#[tokio::test]
async fn a_snapshot_tells_who_is_on_which_route_and_what_waits_for_them() {
    let router = Router::new();
    let subscriptions: Vec<_> = (0..70).map(|_| router.subscribe::<Tell>()).collect();
    let _responder = router.respond(|_: Ask| async { Ok(()) });
    let _observer = router.responses::<Ask>();
    router.route_requests::<Ask>(RoutePolicy::ByKey);
    router.retain::<Tell>(Retention::last(3));
    router.retain_responses::<Ask>(Retention::sized(1_000));
    router.request(Ask).await.unwrap();
    router.notify(Tell).await.unwrap();
    let snapshot = router.snapshot();
    let tell = snapshot.route("vitals::Tell").unwrap();
    assert_eq!((tell.kind, tell.registered, tell.consumers.len()), (RouteKind::Notification, 70, 64));
    assert!(
        tell.consumers.iter().all(|one| one.waiting == 1 && one.name == "a subscription to vitals::Tell")
    );
    let ask = snapshot.route("vitals::Ask").unwrap();
    assert_eq!((ask.kind, ask.registered, ask.observed), (RouteKind::Request, 1, 1));
    assert_eq!((tell.policy, ask.policy), (None, Some(RoutePolicy::ByKey)));
    assert_eq!((tell.retained.unwrap().events, tell.retained.unwrap().bytes), (1, 0));
    assert_eq!(ask.retained, Some(router.retained_responses::<Ask>()));
    assert!(ask.retained.unwrap().bytes > 0);
    assert_eq!(snapshot.routes.len(), 2);
    drop(subscriptions);
    let snapshot = router.snapshot();
    assert_eq!(snapshot.route("vitals::Tell").map(|tell| tell.registered), Some(0), "what is kept stays");
    assert_eq!((snapshot.dead_letters.stopped, snapshot.dead_letters), (70, router.dead_letter_counts()));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_can_be_written_down_read_back_and_shown() {
    let router = Router::new();
    let known = Known::new(&router, InboxSettings::default());
    let (inbox, _openings) = Inbox::new(InboxSettings::default());
    let acceptor = ToInbox::new("acceptor".into(), inbox, std::convert::identity);
    let _acceptor = router.attach_acceptor::<Pipe>(Arc::new(acceptor));
    known.send(Priority::High);
    let snapshot = router.snapshot();
    let json = serde_json::to_string(&snapshot).unwrap();
    let read: Snapshot = serde_json::from_str(&json).unwrap();
    assert_eq!((read.router, read.at, read.uptime), (snapshot.router, snapshot.at, snapshot.uptime));
    assert_eq!((&read.parts, &read.routes), (&snapshot.parts, &snapshot.routes));
    let part = read.part("known").unwrap();
    assert_eq!((part.vitals.queued.high, part.state), (1, PartState::Starting));
    let table = snapshot.to_string();
    for word in ["known", "starting", "vitals::Pipe", "acceptor (0)", "process", &router.id().to_string()] {
        assert!(table.contains(word), "{word} is not in\n{table}");
    }
}

#[tokio::test(start_paused = true)]
async fn rates_are_those_since_the_snapshot_before() {
    let router = Router::new();
    let known = Known::new(&router, InboxSettings::default());
    known.send_many(50);
    advance(10 * 1_000 * MILLISECOND).await;
    let rates = |snapshot: Snapshot| snapshot.parts[0].rates.unwrap();
    assert!((rates(router.snapshot()).accepted - 5.0).abs() < 0.001);
    known.send_many(50);
    advance(1_000 * MILLISECOND).await;
    let rates = rates(router.snapshot());
    assert!((rates.accepted - 50.0).abs() < 0.001 && rates.over.as_secs() == 1, "{rates:?}");
    assert_eq!(router.snapshot().parts[0].rates, None, "no time has passed");
}

#[test]
fn who_has_ended_is_forgotten_by_the_router() {
    let router = Router::new();
    for _ in 0..1_000 {
        drop(Known::new(&router, InboxSettings::default()));
    }
    let kept = Known::new(&router, InboxSettings::default());
    assert_eq!(router.snapshot().parts.len(), 1);
    assert_eq!(
        Arc::strong_count(&kept.part),
        4,
        "the inbox holds it twice, the receiver and this once: the router keeps none"
    );
}
