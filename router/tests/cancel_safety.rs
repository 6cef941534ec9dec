//! Futures that are dropped at any point lose nothing, double nothing, and leave nothing behind.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::rc::Rc;

use edri_event::Priority;
use edri_router::{Context, Inbox, InboxSettings, Message, Router};
use proptest::prelude::*;
use support::{Ask, Fate, Ping, Pipe, acceptor, impatient, responder, subscriber, turns};
use tokio::task::{LocalSet, spawn_local};
use tokio_test::{assert_pending, assert_ready_ok, task};

const LANES: [Priority; 3] = [Priority::Normal, Priority::High, Priority::Control];

/// Runs on one thread with a fixed order of turns, so that a seed says everything.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    match runtime {
        Ok(runtime) => LocalSet::new().block_on(&runtime, test),
        Err(error) => panic!("no runtime: {error}"),
    }
}

/// How many polls something is given, and how many turns its task waits before it.
#[derive(Clone, Copy, Debug)]
struct Try {
    polls: usize,
    before: usize,
    lane: usize,
}

fn tries(most: usize) -> impl Strategy<Value = Vec<Try>> {
    let one = (prop_oneof![0_usize..5, Just(10_000)], 0_usize..4, 0_usize..3)
        .prop_map(|(polls, before, lane)| Try { polls, before, lane });
    prop::collection::vec(one, 0..most)
}

/// An inbox, with what the test itself knows of it.
struct Watched<M: Message> {
    inbox: Inbox<M>,
    received: Rc<Cell<u64>>,
}

impl<M: Message> Watched<M> {
    fn new(inbox: &Inbox<M>) -> Self {
        Self { inbox: inbox.clone(), received: Rc::default() }
    }

    fn in_line(&self) -> usize {
        self.inbox.len() - (self.inbox.tally().accepted - self.received.get()) as usize
    }

    /// Drops a sending future; whether its event stays nevertheless, because it had been taken in. Of those that
    /// still send, `others` in number, each may stand in line, but of nobody else.
    fn gives_up<F>(watched: &[&Self], future: F, others: usize) -> Vec<bool> {
        let before: Vec<_> = watched.iter().map(|watched| watched.in_line()).collect();
        drop(future);
        let after: Vec<_> = watched.iter().map(|watched| watched.in_line()).collect();
        assert!(after.iter().all(|&after| after <= others), "{after:?} stand in line, but {others} send");
        before.into_iter().zip(after).map(|(before, after)| before == after).collect()
    }
}

impl<M: Message> Clone for Watched<M> {
    fn clone(&self) -> Self {
        Self { inbox: self.inbox.clone(), received: Rc::clone(&self.received) }
    }
}

#[derive(Default)]
struct Sent {
    /// By sender and lane, in order.
    delivered: HashMap<(usize, usize), Vec<u64>>,
    count: u64,
}

#[test]
fn a_future_that_moves_to_another_task_is_woken_there() {
    let router = Router::new();
    let (mut receiver, _inbox, _subscribed) = subscriber::<Ping>(&router, InboxSettings::with_capacity(1));
    let (mut asked, _inbox, _responding) = responder::<Ask>(&router, InboxSettings::with_capacity(1));
    let (mut openings, _accepting) = acceptor::<Pipe>(&router, InboxSettings::with_capacity(1));

    let mut receiving = Box::pin(receiver.recv());
    assert_pending!(task::spawn(receiving.as_mut()).poll());
    let mut there = task::spawn(receiving.as_mut());
    assert_pending!(there.poll());
    router.try_notify(Ping(1)).unwrap();
    assert!(there.is_woken());
    drop(there);
    drop(receiving);

    let mut sending = Box::pin(router.notify(Ping(2)));
    assert_pending!(task::spawn(sending.as_mut()).poll());
    let mut there = task::spawn(sending.as_mut());
    assert_pending!(there.poll());
    assert!(receiver.try_recv().is_some());
    assert!(there.is_woken());

    let mut asking = Box::pin(router.request(Ask(1)));
    assert_pending!(task::spawn(asking.as_mut()).poll());
    let mut there = task::spawn(asking.as_mut());
    assert_pending!(there.poll());
    asked.try_recv().unwrap().reply.answer(Ok(1));
    assert!(there.is_woken());

    let mut opened = assert_ready_ok!(task::spawn(router.open(Pipe).window(1)).poll());
    let mut accepted = openings.try_recv().unwrap().tunnel;
    assert_ready_ok!(task::spawn(opened.send(1)).poll());
    let mut sending = Box::pin(opened.send(2));
    assert_pending!(task::spawn(sending.as_mut()).poll());
    let mut there = task::spawn(sending.as_mut());
    assert_pending!(there.poll());
    assert!(task::spawn(accepted.recv()).poll().is_ready());
    assert!(there.is_woken());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// What a completed send sent arrives once, in order; what a dropped one sent arrives if it had been taken
    /// in, and otherwise never.
    #[test]
    fn notifications_survive_dropped_sends_and_receives(
        capacities in (1_usize..4, 1_usize..9),
        senders in prop::collection::vec(tries(25), 1..4),
        receives in tries(60),
    ) {
        run(async move {
            let router = Router::new();
            let (receiver, inbox, registration) =
                subscriber::<Ping>(&router, InboxSettings::with_capacity(capacities.0));
            let (other, other_inbox, other_registration) =
                subscriber::<Ping>(&router, InboxSettings::with_capacity(capacities.1));
            let watched = [Watched::new(&inbox), Watched::new(&other_inbox)];
            let received = watched.each_ref().map(|watched| Rc::clone(&watched.received));
            let now_sending: Rc<Cell<usize>> = Rc::default();
            let sent: [Rc<RefCell<Sent>>; 2] = Default::default();
            let mut sending = Vec::new();
            for (sender, tries) in senders.into_iter().enumerate() {
                let (router, sent) = (router.clone(), sent.clone());
                let (watched, now_sending) = (watched.clone(), Rc::clone(&now_sending));
                sending.push(spawn_local(async move {
                    for (number, attempt) in (0..).zip(tries) {
                        turns(attempt.before).await;
                        let event = Ping(sender as u64 * 1_000_000 + attempt.lane as u64 * 1_000 + number);
                        let mut polled = attempt.polls > 0;
                        now_sending.update(|senders| senders + 1);
                        let send = router.notify(event).priority(LANES[attempt.lane]);
                        let send = impatient(attempt.polls, send, |future| {
                            now_sending.update(|senders| senders - 1);
                            Watched::gives_up(&[&watched[0], &watched[1]], future, now_sending.get())
                        });
                        let stays = match send.await {
                            Fate::Completed(delivered) => {
                                assert_eq!(delivered.map(|delivered| delivered.accepted), Ok(2));
                                now_sending.update(|senders| senders - 1);
                                polled = true;
                                vec![true; 2]
                            }
                            Fate::Dropped(stays) => stays,
                        };
                        for (sent, stays) in sent.iter().zip(stays) {
                            if polled && stays {
                                let mut sent = sent.borrow_mut();
                                let key = (sender, attempt.lane);
                                sent.delivered.entry(key).or_default().push(number);
                                sent.count += 1;
                            }
                        }
                    }
                }));
            }
            drop(watched);
            let mut receiving = Vec::new();
            for (mut receiver, received) in [receiver, other].into_iter().zip(received) {
                let mut receives = receives.clone().into_iter();
                receiving.push(spawn_local(async move {
                    let mut seen: HashMap<(usize, usize), Vec<u64>> = HashMap::new();
                    loop {
                        let attempt = receives.next().unwrap_or(Try { polls: usize::MAX, before: 0, lane: 0 });
                        turns(attempt.before).await;
                        if attempt.before > 1 {
                            receiver.let_in();
                        }
                        match impatient(attempt.polls, receiver.recv(), drop).await {
                            Fate::Dropped(()) => {}
                            Fate::Completed(None) => return (seen, receiver.tally()),
                            Fate::Completed(Some(envelope)) => {
                                received.update(|events| events + 1);
                                let event = envelope.event.0;
                                let key = ((event / 1_000_000) as usize, (event / 1_000 % 1_000) as usize);
                                seen.entry(key).or_default().push(event % 1_000);
                            }
                        }
                    }
                }));
            }
            for sending in sending {
                sending.await.unwrap();
            }
            drop((inbox, other_inbox, registration, other_registration));
            for (receiving, sent) in receiving.into_iter().zip(sent) {
                let (seen, tally) = receiving.await.unwrap();
                let sent = sent.take();
                assert_eq!(seen, sent.delivered);
                assert_eq!(tally.accepted, sent.count);
            }
        });
    }

    /// A batch that is dropped has delivered a beginning of itself to each subscriber.
    #[test]
    fn a_dropped_batch_has_delivered_a_beginning(
        capacities in (1_usize..20, 1_usize..400),
        polls in 0_usize..30,
        pauses in prop::collection::vec(0_usize..3, 0..40),
    ) {
        run(async move {
            let router = Router::new();
            let subscriptions = [capacities.0, capacities.1].map(|capacity| {
                router.subscribe_with::<Ping>(InboxSettings::with_capacity(capacity))
            });
            let receiving = subscriptions.map(|mut subscription| {
                let mut pauses = pauses.clone().into_iter().cycle();
                spawn_local(async move {
                    let mut next = 0;
                    while let Some(ping) = subscription.recv().await {
                        assert_eq!(ping.0, next);
                        next += 1;
                        turns(pauses.next().unwrap_or(0)).await;
                    }
                    next
                })
            });
            let fate = impatient(polls, router.notify_all((0..500).map(Ping)), drop).await;
            drop(router);
            for receiving in receiving {
                let seen = receiving.await.unwrap();
                match &fate {
                    Fate::Completed(_) => assert_eq!(seen, 500),
                    Fate::Dropped(()) => assert!(seen <= 500 && (polls > 0 || seen == 0)),
                }
            }
        });
    }

    /// A responder sees each request that was taken in, knows which were dropped, and never sees one that was
    /// taken back; a requester that stays gets the answer to its own request.
    #[test]
    fn requests_survive_being_dropped(
        capacity in 1_usize..4,
        requesters in prop::collection::vec(tries(20), 1..4),
        pauses in prop::collection::vec(0_usize..5, 1..40),
    ) {
        run(async move {
            let router = Router::new();
            let (mut receiver, inbox, registration) =
                responder::<Ask>(&router, InboxSettings::with_capacity(capacity));
            let watched = Watched::new(&inbox);
            let received = Rc::clone(&watched.received);
            let now_asking: Rc<Cell<usize>> = Rc::default();
            let gone: Rc<RefCell<HashSet<u64>>> = Rc::default();
            let expected: Rc<RefCell<HashSet<u64>>> = Rc::default();
            let mut asking = Vec::new();
            for (requester, tries) in requesters.into_iter().enumerate() {
                let (router, watched, now_asking) = (router.clone(), watched.clone(), Rc::clone(&now_asking));
                let (gone, expected) = (Rc::clone(&gone), Rc::clone(&expected));
                asking.push(spawn_local(async move {
                    for (number, attempt) in (0..).zip(tries) {
                        turns(attempt.before).await;
                        let id = requester as u64 * 1_000 + number;
                        let mut begun = attempt.polls > 0;
                        let ask = router.request(Ask(id)).priority(LANES[attempt.lane]);
                        now_asking.update(|requesters| requesters + 1);
                        let stays = impatient(attempt.polls, ask, |future| {
                            now_asking.update(|requesters| requesters - 1);
                            gone.borrow_mut().insert(id);
                            Watched::gives_up(&[&watched], future, now_asking.get())[0]
                        });
                        let stays = match stays.await {
                            Fate::Completed(answer) => {
                                assert_eq!(answer, Ok(id + 1));
                                now_asking.update(|requesters| requesters - 1);
                                begun = true;
                                true
                            }
                            Fate::Dropped(stays) => stays,
                        };
                        if begun && stays {
                            expected.borrow_mut().insert(id);
                        }
                    }
                }));
            }
            let knows = Rc::clone(&gone);
            let answering = spawn_local(async move {
                let mut cx = Context::new(Router::new(), "responder".into());
                let mut pauses = pauses.into_iter().cycle();
                let mut seen = HashSet::new();
                while let Some(asked) = receiver.recv().await {
                    received.update(|requests| requests + 1);
                    let id = asked.event.0;
                    assert!(seen.insert(id), "{id} came twice");
                    cx.begin_request::<Ask>(asked.meta, &asked.reply);
                    let pause = turns(pauses.next().unwrap_or(0));
                    tokio::select! {
                        biased;
                        () = cx.cancelled() => assert!(knows.borrow().contains(&id)),
                        () = pause => {}
                    }
                    assert_eq!(asked.reply.is_cancelled(), knows.borrow().contains(&id));
                    assert_eq!(cx.is_cancelled(), knows.borrow().contains(&id));
                    asked.reply.answer(Ok(id + 1));
                }
                seen
            });
            for asking in asking {
                asking.await.unwrap();
            }
            drop((inbox, watched, registration));
            assert_eq!(answering.await.unwrap(), expected.take());
        });
    }

    /// One model says exactly which items are in the window and which one stands in line.
    #[test]
    fn tunnels_survive_dropped_sends_and_receives(
        window in 1_usize..4,
        sends in tries(60),
        receives in tries(60),
    ) {
        run(async move {
            let router = Router::new();
            let (mut openings, _registration) = acceptor::<Pipe>(&router, InboxSettings::default());
            let mut opened = router.open(Pipe).window(window).await.unwrap();
            let mut accepted = openings.recv().await.unwrap().tunnel;
            let model: Rc<RefCell<Model>> = Rc::default();
            let sent = Rc::clone(&model);
            let sending = spawn_local(async move {
                for (item, attempt) in (0..).zip(sends) {
                    turns(attempt.before).await;
                    if attempt.polls == 0 {
                        drop(opened.send(item));
                        continue;
                    }
                    sent.borrow_mut().send(item, window);
                    match impatient(attempt.polls, opened.send(item), drop).await {
                        Fate::Completed(result) => {
                            assert_eq!(result, Ok(()));
                            assert_eq!(sent.borrow().in_line, None);
                        }
                        Fate::Dropped(()) => sent.borrow_mut().in_line = None,
                    }
                }
                opened.finish();
                opened
            });
            let mut receives = receives.into_iter();
            let ended = loop {
                let attempt = receives.next().unwrap_or(Try { polls: usize::MAX, before: 0, lane: 0 });
                turns(attempt.before).await;
                match impatient(attempt.polls, accepted.recv(), drop).await {
                    Fate::Dropped(()) => {}
                    Fate::Completed(Some(Ok(item))) => assert_eq!(Some(item), model.borrow_mut().receive()),
                    Fate::Completed(end) => break end,
                }
            };
            assert_eq!(ended, None);
            assert_eq!(*model.borrow(), Model::default(), "all was received");
            drop(sending.await.unwrap());
        });
    }
}

#[derive(Default, Debug, PartialEq)]
struct Model {
    window: std::collections::VecDeque<u64>,
    in_line: Option<u64>,
}

impl Model {
    fn send(&mut self, item: u64, window: usize) {
        if self.window.len() < window {
            self.window.push_back(item);
        } else {
            self.in_line = Some(item);
        }
    }

    fn receive(&mut self) -> Option<u64> {
        let item = self.window.pop_front();
        self.window.extend(self.in_line.take());
        item
    }
}
