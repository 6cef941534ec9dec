use super::*;

const SECRET: &str = "a secret of some length";

fn certified(names: &[&str]) -> Bearer {
    Bearer::Certified(names.iter().map(|name| (*name).to_owned()).collect())
}

fn greet_by(bench: &Bench, bearer: Bearer, hello: Hello) -> Peer {
    let mut peer = bench.connect(bearer);
    peer.say(&Frame::Hello(hello), bench.now);
    peer.read(bench.now);
    peer
}

fn with_token(name: &str, token: &str) -> Hello {
    Hello { credentials: Credentials::Token(Token::new(token)), ..hello(name) }
}

/// The same router, started again.
fn restarted(hello: &Hello) -> Hello {
    let mut again = hello.clone();
    again.identity.incarnation = again.identity.incarnation.wrapping_add(1);
    again
}

fn called(hello: &Hello, name: &str) -> Hello {
    let mut other = hello.clone();
    other.identity.name = name.to_owned();
    other
}

#[track_caller]
fn refused(peer: &Peer, code: Refusal, expected: &str) {
    let refused = peer.picture.refused.as_ref().expect("it is refused");
    assert_eq!(refused.code, code, "{}", refused.reason);
    assert!(refused.reason.contains(expected), "{}", refused.reason);
    assert!(peer.session.is_closed());
}

#[test]
fn a_network_that_does_not_exist_is_refused() {
    let bench = Bench::with(|settings| settings.networks = Networks::only(["plant"]));
    assert!(bench.greet(hello_in("plant", "a")).picture.welcome.is_some());
    refused(&bench.greet(hello_in("office", "a")), Refusal::Network, "no network \"office\"");
}

#[test]
fn there_are_no_more_networks_than_the_limit() {
    let bench = Bench::with(|settings| settings.limits.networks = 2);
    let _both = (bench.greet(hello_in("one", "a")), bench.greet(hello_in("two", "b")));
    refused(&bench.greet(hello_in("three", "c")), Refusal::Busy, "2 networks");
    assert!(bench.greet(hello_in("two", "d")).picture.welcome.is_some());
}

#[test]
fn a_token_is_asked_for_where_there_are_any_and_covers_what_it_names() {
    let bench = Bench::with(|settings| {
        let mut rule = TokenRule::new(Secret::new(SECRET).unwrap());
        rule.routers.push("press-*".into());
        settings.tokens.push(TokenRule::new(Secret::new("another secret of some length").unwrap()));
        settings.tokens.push(rule);
    });
    let greet = |hello| greet_by(&bench, Bearer::Encrypted, hello);
    assert!(greet(with_token("press-1", SECRET)).picture.welcome.is_some());
    refused(&greet(hello("press-1")), Refusal::Token, "no token was given");
    refused(&greet(with_token("press-1", "wrong")), Refusal::Token, "not one that is expected");
    refused(&greet(with_token("oven", SECRET)), Refusal::Forbidden, "not for a router \"oven\"");
    // A certificate is better.
    assert!(greet_by(&bench, certified(&["oven"]), hello("oven")).picture.welcome.is_some());
}

#[test]
fn a_token_in_clear_is_worth_nothing_but_from_this_machine() {
    let bench = Bench::with(|settings| settings.tokens.push(TokenRule::new(Secret::new(SECRET).unwrap())));
    refused(&greet_by(&bench, Bearer::Plain, with_token("a", SECRET)), Refusal::Token, "in clear");
    for here in ["[::1]:9", "127.0.0.1:9", "[::ffff:127.0.0.1]:9"] {
        let mut local = bench.connect_from(here, Bearer::Plain);
        local.say(&Frame::Hello(with_token("a", SECRET)), bench.now);
        local.read(bench.now);
        assert!(local.picture.welcome.is_some(), "{here}");
    }
}

#[test]
fn a_certificate_vouches_for_the_names_in_it_and_no_others() {
    let bench = Bench::new();
    let mut other = bench.join("other");
    let peer = greet_by(&bench, certified(&["press-1", "press-2"]), hello("press-2"));
    assert!(peer.picture.welcome.is_some());
    let _unnamed = greet_by(&bench, certified(&["press-3"]), hello(""));
    bench.settle(&mut [&mut other]);
    assert!(other.picture.member("press-3").is_some(), "who has no name gets that of its certificate");
    refused(
        &greet_by(&bench, certified(&["press-1"]), hello("oven")),
        Refusal::Forbidden,
        "expected press-1",
    );
    refused(&greet_by(&bench, certified(&[]), hello("oven")), Refusal::Forbidden, "names no router");
}

#[test]
fn a_token_that_is_taken_back_and_a_name_that_is_refused_put_out_those_who_are_inside() {
    let token = TokenRule::new(Secret::new(SECRET).unwrap());
    let bench = Bench::with(|settings| settings.tokens.push(token.clone()));
    let mut by_token = greet_by(&bench, Bearer::Encrypted, with_token("a", SECRET));
    let mut b = greet_by(&bench, certified(&["b"]), hello("b"));
    let mut c = greet_by(&bench, certified(&["c"]), hello("c"));
    let mut settings = SwitchSettings::clone(&bench.hub.settings());
    settings.refuse.push("b".into());
    assert_eq!(bench.hub.set_settings(settings.clone()), 1);
    settings.tokens = vec![TokenRule::new(Secret::new("another secret of some length").unwrap())];
    bench.settle(&mut [&mut by_token, &mut b, &mut c]);
    assert!(b.picture.closed.is_some() && by_token.picture.closed.is_none());
    refused(&greet_by(&bench, certified(&["b"]), hello("b")), Refusal::Forbidden, "whatever it shows");
    assert_eq!(bench.hub.set_settings(settings), 1);
    bench.settle(&mut [&mut by_token, &mut c]);
    assert!(by_token.picture.closed.is_some() && c.picture.closed.is_none());
}

#[test]
fn one_that_was_connected_before_the_settings_changed_is_greeted_by_those_that_count() {
    let bench = Bench::new();
    let mut early = bench.connect(Bearer::Plain);
    let mut settings = SwitchSettings::clone(&bench.hub.settings());
    settings.networks = Networks::only(["plant"]);
    bench.hub.set_settings(settings);
    early.say(&Frame::Hello(hello("a")), bench.now);
    early.read(bench.now);
    refused(&early, Refusal::Network, "no network");
}

#[test]
fn names_that_would_confuse_people_are_refused() {
    let bench = Bench::new();
    refused(&bench.join("a\nb"), Refusal::Forbidden, "no control characters");
    refused(&bench.join(&"x".repeat(300)), Refusal::Forbidden, "300 bytes");
}

#[test]
fn limits_that_would_stall_a_link_are_refused() {
    let bench = Bench::new();
    let mut limits = Limits::default();
    limits.window = 0;
    refused(&bench.greet(Hello { limits, ..hello("a") }), Refusal::Limits, "`window` is 0");
    let mut limits = Limits::default();
    limits.interests = 10;
    let few = bench.greet(Hello { limits, ..hello("a") });
    refused(&few, Refusal::Limits, "10 interests of each other router: expected 4096");
}

#[test]
fn a_router_that_comes_back_takes_the_place_of_its_old_connection_by_its_proof() {
    let bench = Bench::new();
    let mut other = bench.join("other");
    let mine = Hello { proof: Proof::fresh(), ..hello("a") };
    let mut old = bench.greet(mine.clone());
    let mut new = bench.greet(mine);
    assert!(new.picture.welcome.is_some());
    assert_ne!(old.number(), new.number());
    bench.settle(&mut [&mut other, &mut old, &mut new]);
    assert_eq!(old.close_code(), Some(CloseCode::Replaced));
    assert_eq!(other.picture.left, [(old.number(), Departure::Replaced)]);
    assert_eq!(other.picture.member("a"), Some(new.number()));
    // The end of the old one takes nothing from the new one.
    drop(old);
    bench.settle(&mut [&mut other]);
    assert_eq!(other.picture.member("a"), Some(new.number()));
}

#[test]
fn somebody_else_who_claims_to_be_a_router_is_refused_while_it_lives() {
    let bench = Bench::new();
    let mine = Hello { proof: Proof::fresh(), ..hello("a") };
    let mut victim = bench.greet(mine.clone());
    let thieves = [
        Hello { proof: Proof::default(), ..mine.clone() },
        Hello { proof: Proof::fresh(), ..mine.clone() },
        restarted(&mine),
    ];
    for thief in thieves {
        refused(&bench.greet(thief), Refusal::Taken, "has a connection already");
    }
    // It is asked to show that it lives, and does.
    let asked = victim.picture.pings.len();
    victim.read(bench.now);
    assert!(victim.picture.pings.len() > asked);
    victim.say(&Frame::Heartbeat, bench.now + SECOND);
    victim.session.handle_timeout(bench.now + 5 * SECOND);
    victim.read(bench.now + 5 * SECOND);
    assert!(victim.picture.closed.is_none());
}

#[test]
fn a_dead_connection_makes_way_within_a_heartbeat_when_its_router_was_started_again() {
    let bench = Bench::new();
    let before = hello("a");
    let mut dead = bench.greet(before.clone());
    refused(&bench.greet(restarted(&before)), Refusal::Taken, "has a connection already");
    let _ = dead.session.outgoing(bench.now);
    dead.session.handle_timeout(bench.now + 5 * SECOND);
    assert!(bench.greet(restarted(&before)).picture.welcome.is_some());
}

#[test]
fn a_certificate_proves_that_a_restarted_router_is_the_same() {
    let bench = Bench::new();
    let mut other = bench.join("other");
    let before = hello("press-1");
    let old = greet_by(&bench, certified(&["press-1"]), before.clone());
    let new = greet_by(&bench, certified(&["press-1"]), restarted(&before));
    assert!(new.picture.welcome.is_some());
    bench.settle(&mut [&mut other]);
    assert_eq!(
        other.picture.left,
        [(old.number(), Departure::Closed)],
        "that incarnation does not come back"
    );
    // A certificate for another does not, neither now nor when the router has left.
    let thief = called(&before, "oven");
    refused(&greet_by(&bench, certified(&["oven"]), thief.clone()), Refusal::Taken, "belongs to another");
    drop((old, new));
    refused(&greet_by(&bench, certified(&["oven"]), thief), Refusal::Taken, "belongs to another");
}

#[test]
fn nobody_is_the_switch_but_the_switch() {
    let bench = Bench::new();
    let mut itself = hello("a");
    itself.identity.router = bench.hub.identity.router;
    refused(&bench.greet(itself), Refusal::Itself, "it is this switch");
}

fn plant() -> Bench {
    Bench::with(|settings| {
        settings.access = AccessList::from_iter([
            Access::of(["press-*".into()]).publish("press::*").answer("press::Stop"),
            Access::of(["panel".into()]).publish("press::Stop").subscribe("press::*"),
            Access::of(["clerk".into()]).publish("*").subscribe("*").answer("*"),
        ]);
    })
}

#[test]
fn a_router_that_no_rule_is_about_is_refused() {
    refused(&plant().join("stranger"), Refusal::Forbidden, "no rule about the router \"stranger\"");
}

#[test]
fn what_a_router_may_not_consume_is_denied_and_it_is_told() {
    let bench = plant();
    let now = bench.now;
    let (mut press, mut clerk) = (bench.join("press-1"), bench.join("clerk"));
    press.announce(0, schema("press::Stop", Role::Responder), now);
    press.announce(1, schema("press::Start", Role::Responder), now);
    press.announce(2, schema("press::Stopped", Role::Subscriber), now);
    press.announce(3, schema("press::Stop", Role::Acceptor), now);
    press.announce(4, schema("press::Stop", Role::Observer), now);
    bench.settle(&mut [&mut press, &mut clerk]);
    assert_eq!(clerk.picture.consumed_by("press-1"), ["press::Stop", "press::Stop"]);
    let denied = &press.picture.denied;
    assert!(denied.iter().map(|(interest, _)| interest.number()).eq([1, 2, 4]));
    assert!(denied[0].1.contains("does not let it answer press::Start"), "{denied:?}");
    assert!(denied[1].1.contains("subscribe to press::Stopped"), "{denied:?}");
}

#[test]
fn denials_are_told_in_frames_that_any_router_takes_and_to_nobody_without_end() {
    let bench = plant();
    let now = bench.now;
    let mut press = bench.join("press-1");
    press.announce(0, schema("oven::Hot", Role::Subscriber), now);
    for round in 0..100 {
        let changes = (0..3_000).map(|index| Change::Announce {
            interest: Interest::from_number(1 + round * 3_000 + index),
            schema: 0,
            group: None,
            consumer: Consumer::default(),
        });
        press.say(&Frame::Interest(Interests { member: 0, changes: changes.collect() }), now);
    }
    let waiting: Vec<u8> = press.session.outgoing(now).iter().flat_map(|part| part.to_vec()).collect();
    assert!(waiting.len() < 512 * 1024, "{}", waiting.len());
    let mut rest = &waiting[..];
    while let Some((_, after)) = edri_link::wire::split(rest, 16 * 1024).unwrap() {
        rest = after;
    }
    press.read(now);
    assert!(press.picture.denied.len() > 1_000 && press.picture.closed.is_none());
}

#[test]
fn a_router_is_not_told_of_what_it_may_not_send_and_others_learn_what_it_may() {
    let bench = plant();
    let now = bench.now;
    let (mut press, mut panel, mut clerk) = (bench.join("press-1"), bench.join("panel"), bench.join("clerk"));
    clerk.announce(0, schema("press::Stopped", Role::Subscriber), now);
    clerk.announce(1, schema("oven::Hot", Role::Subscriber), now);
    clerk.announce(2, schema("press::Stop", Role::Responder), now);
    bench.settle(&mut [&mut press, &mut panel, &mut clerk]);
    let late = bench.join("press-2");
    assert_eq!(press.picture.consumed_by("clerk"), ["press::Stopped", "press::Stop"]);
    assert_eq!(late.picture.consumed_by("clerk"), ["press::Stopped", "press::Stop"]);
    assert_eq!(panel.picture.consumed_by("clerk"), ["press::Stop"]);
    // Nor is it told when that changes.
    clerk.change(Change::Load { interest: Interest::from_number(1), load: 3 }, now);
    bench.settle(&mut [&mut press, &mut panel, &mut clerk]);
    clerk.change(Change::Withdraw { interest: Interest::from_number(1) }, now);
    bench.settle(&mut [&mut press, &mut panel, &mut clerk]);
    let permit = |peer: &Peer| clerk.picture.members[&peer.number()].permit.clone();
    assert_eq!(permit(&press), Permit::Only(vec!["press::*".into()]));
    assert_eq!(permit(&panel), Permit::Only(vec!["press::Stop".into()]));
    assert_eq!(press.picture.members[&clerk.number()].permit, Permit::All);
}

#[test]
fn those_whose_rights_have_changed_are_told_to_connect_again_and_others_are_not() {
    let bench = plant();
    let (mut press, mut panel) = (bench.join("press-1"), bench.join("panel"));
    let mut settings = SwitchSettings::clone(&bench.hub.settings());
    settings.access = AccessList::from_iter([
        Access::of(["press-*".into()]).publish("press::*").answer("press::Stop"),
        Access::of(["panel".into()]).publish("*"),
    ]);
    assert_eq!(bench.hub.set_settings(settings), 1);
    bench.settle(&mut [&mut press, &mut panel]);
    assert!(press.picture.closed.is_none());
    assert_eq!(panel.close_code(), Some(CloseCode::GivenUp));
    assert!(panel.close_reason().contains("has changed"));
    assert!(bench.join("panel").picture.welcome.is_some());
    refused(&bench.join("clerk"), Refusal::Forbidden, "no rule");
}
