//! How two routers meet, and how they do not.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::time::Duration;

use edri_event::RouterId;
use edri_link::{Closed, Event, Identity, Limits, Refusal, Token};
use support::{LEFT, Pair, RIGHT, settings};

fn closed(pair: &Pair, end: usize) -> Closed {
    match pair.events[end].last() {
        Some(Event::Closed(closed)) => closed.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_routers_learn_who_the_other_is() {
    let mut pair = Pair::ordinary();
    pair.run(Duration::from_millis(10));
    for (end, name, bits) in [(LEFT, "right", 2), (RIGHT, "left", 1)] {
        let Event::Opened(peer) = &pair.events[end][0] else { panic!("{:?}", pair.events[end]) };
        assert_eq!((peer.identity.name.as_str(), peer.identity.router), (name, RouterId::from_bits(bits)));
        assert_eq!(peer.limits, Limits::default());
    }
}

#[test]
fn a_restarted_router_is_another_incarnation() {
    let router = RouterId::from_bits(1);
    assert_ne!(Identity::new(router, "a").incarnation, Identity::new(router, "a").incarnation);
}

#[test]
fn whoever_does_not_fit_is_refused_with_the_reason_at_both_ends() {
    let mut network = settings(2, "right");
    network.identity.network = "another".to_owned();
    let mut token = settings(2, "right");
    token.token = Some(Token::new("secret"));
    let refusals = [
        (settings(1, "itself"), Refusal::Itself, "itself"),
        (network, Refusal::Network, "another"),
        (token, Refusal::Token, "token"),
    ];
    for (right, code, word) in refusals {
        let mut pair = Pair::new(settings(1, "left"), right);
        pair.run(Duration::from_secs(1));
        let Closed::RefusedHere(here) = closed(&pair, RIGHT) else { panic!("{:?}", closed(&pair, RIGHT)) };
        let Closed::RefusedThere(there) = closed(&pair, LEFT) else { panic!("{:?}", closed(&pair, LEFT)) };
        assert_eq!((here.code, &here), (code, &there));
        assert!(here.reason.contains(word), "{}", here.reason);
    }
}

#[test]
fn the_right_token_opens_and_a_wrong_one_does_not() {
    let with = |bits, token: &str| {
        let mut settings = settings(bits, "with a token");
        settings.token = Some(Token::new(token));
        settings
    };
    let mut pair = Pair::new(with(1, "secret"), with(2, "secret"));
    pair.run(Duration::from_secs(1));
    assert!(pair.ends.iter().all(|end| end.is_open()));
    let mut pair = Pair::new(with(1, "secreT"), with(2, "secret"));
    pair.run(Duration::from_secs(1));
    let Closed::RefusedHere(refused) = closed(&pair, RIGHT) else { panic!("{:?}", closed(&pair, RIGHT)) };
    assert_eq!(refused.code, Refusal::Token);
    assert!(!format!("{:?}", with(1, "secret")).contains("secret"), "a token shows in a log");
}

#[test]
fn limits_that_would_stall_the_link_are_refused() {
    let mut left = settings(1, "left");
    left.limits.window = 0;
    let mut pair = Pair::new(left, settings(2, "right"));
    pair.run(Duration::from_secs(1));
    let Closed::RefusedThere(refused) = closed(&pair, LEFT) else { panic!("{:?}", closed(&pair, LEFT)) };
    assert_eq!(refused.code, Refusal::Limits);
    assert!(refused.reason.contains("window"), "{refused}");
}

#[test]
fn a_busy_end_says_so() {
    let mut pair = Pair::ordinary();
    pair.ends[RIGHT].refuse_as_busy("64 links are being opened: expected fewer");
    pair.run(Duration::from_secs(1));
    let Closed::RefusedThere(refused) = closed(&pair, LEFT) else { panic!("{:?}", closed(&pair, LEFT)) };
    assert_eq!(refused.code, Refusal::Busy);
}

#[test]
fn a_peer_that_connects_and_says_nothing_is_left_after_the_deadline() {
    let mut pair = Pair::ordinary();
    pair.cut_off();
    pair.run(Duration::from_millis(4_999));
    assert!(pair.events.iter().all(Vec::is_empty));
    pair.run(Duration::from_millis(1));
    for end in [LEFT, RIGHT] {
        assert_eq!(closed(&pair, end), Closed::HandshakeTimedOut { within: Duration::from_secs(5) });
    }
}

#[test]
fn whoever_is_no_router_is_told_what_was_wrong() {
    for nonsense in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 64], &[5, 0, 0, 0, 1, b'X', b'D', b'R', b'I']] {
        let mut pair = Pair::ordinary();
        let now = pair.now;
        pair.ends[RIGHT].receive(nonsense, now);
        let Some(Event::Closed(Closed::Violation { .. })) = pair.ends[RIGHT].poll_event() else {
            panic!("{nonsense:?} was taken for a greeting")
        };
        let mut last_words = Vec::new();
        pair.ends[RIGHT].transmit(&mut last_words, usize::MAX, now);
        assert!(!last_words.is_empty());
    }
}
