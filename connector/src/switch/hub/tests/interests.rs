use super::*;

fn announce(interest: u32, schema: u32) -> Change {
    Change::Announce {
        interest: Interest::from_number(interest),
        schema,
        group: None,
        consumer: Consumer::default(),
    }
}

fn withdraw(interest: u32) -> Change {
    Change::Withdraw { interest: Interest::from_number(interest) }
}

fn load(interest: u32, load: u32) -> Change {
    Change::Load { interest: Interest::from_number(interest), load }
}

fn defined(number: u32, name: &str) -> Change {
    Change::Schema { number, schema: schema(name, Role::Subscriber) }
}

fn changes(changes: impl IntoIterator<Item = Change>) -> Frame {
    Frame::Interest(Interests { member: 0, changes: changes.into_iter().collect() })
}

#[test]
fn interests_reach_those_who_are_there_and_those_who_come_later() {
    let bench = Bench::new();
    let now = bench.now;
    let (mut a, mut b) = (bench.join("a"), bench.join("b"));
    a.announce(3, schema("x", Role::Subscriber), now);
    a.announce(7, schema("y", Role::Responder), now);
    bench.settle(&mut [&mut a, &mut b]);
    assert_eq!(b.picture.consumed_by("a"), ["x", "y"]);
    let mut c = bench.join("c");
    assert_eq!(c.picture.consumed_by("a"), ["x", "y"]);
    assert_eq!(c.picture.members[&a.number()], b.picture.members[&a.number()]);
    a.change(withdraw(3), now);
    bench.settle(&mut [&mut b, &mut c]);
    assert_eq!((b.picture.consumed_by("a"), c.picture.consumed_by("a")), (vec!["y"], vec!["y"]));
    assert_eq!(bench.join("d").picture.consumed_by("a"), ["y"]);
}

#[test]
fn groups_travel_with_what_their_members_consume() {
    let bench = Bench::new();
    let now = bench.now;
    let (mut a, mut b) = (bench.join("a"), bench.join("b"));
    let announced = [
        defined(5, "x"),
        Change::Group { number: 9, name: "workers".to_owned() },
        Change::Announce {
            interest: Interest::from_number(0),
            schema: 5,
            group: Some(9),
            consumer: Consumer::own(None, 4),
        },
        Change::Complete,
    ];
    a.say(&changes(announced), now);
    bench.settle(&mut [&mut b]);
    for picture in [&b.picture, &bench.join("c").picture] {
        let known = &picture.members[&a.number()];
        assert!(known.is_complete);
        let consumed = &known.interests[&Interest::from_number(0)];
        assert_eq!((consumed.group.as_deref(), consumed.load), (Some("workers"), 4));
    }
}

#[test]
fn what_a_router_calls_its_events_is_its_own_affair() {
    let bench = Bench::new();
    let now = bench.now;
    let (mut a, mut b, mut c) = (bench.join("a"), bench.join("b"), bench.join("c"));
    for (peer, number) in [(&mut a, 0), (&mut b, 77)] {
        peer.say(&changes([defined(number, "x"), announce(0, number)]), now);
    }
    bench.settle(&mut [&mut c]);
    assert_eq!((c.picture.consumed_by("a"), c.picture.consumed_by("b")), (vec!["x"], vec!["x"]));
    assert_eq!(bench.hub.networks()[0].sizes().types, 1);
}

#[test]
fn a_number_that_means_something_else_by_now_confuses_nobody() {
    let bench = Bench::new();
    let now = bench.now;
    let (mut a, mut b) = (bench.join("a"), bench.join("b"));
    // The switch gives the number of `x` to `y` when nobody consumes `x` any more; here within one frame.
    let within = [defined(0, "x"), announce(0, 0), withdraw(0), defined(0, "y"), announce(1, 0)];
    a.say(&changes(within), now);
    bench.settle(&mut [&mut b]);
    assert_eq!(b.picture.consumed_by("a"), ["y"]);
    a.change(withdraw(1), now);
    a.announce(2, schema("z", Role::Subscriber), now);
    let late = bench.join("late");
    bench.settle(&mut [&mut b]);
    assert_eq!((b.picture.consumed_by("a"), late.picture.consumed_by("a")), (vec!["z"], vec!["z"]));
}

#[test]
fn of_loads_that_change_often_the_latest_is_told() {
    let bench = Bench::new();
    let now = bench.now;
    let (mut a, mut b) = (bench.join("a"), bench.join("b"));
    a.announce(0, schema("x", Role::Responder), now);
    bench.settle(&mut [&mut a, &mut b]);
    let before = b.picture.frames;
    (1..=1_000).for_each(|latest| a.change(load(0, latest), now));
    b.read(now);
    assert_eq!(b.picture.frames, before, "nothing is told until it is time");
    bench.settle(&mut [&mut b]);
    assert_eq!(b.picture.frames, before + 1);
    let known = |peer: &Peer| peer.picture.members[&a.number()].interests[&Interest::from_number(0)].load;
    assert_eq!((known(&b), known(&bench.join("c"))), (1_000, 1_000));
    // Not after the interest is gone.
    a.change(load(0, 7), now);
    a.change(withdraw(0), now);
    bench.settle(&mut [&mut b]);
    assert!(b.picture.consumed_by("a").is_empty());
}

#[test]
fn a_router_that_leaves_takes_its_interests_with_it() {
    let bench = Bench::new();
    let now = bench.now;
    let (mut a, mut b) = (bench.join("a"), bench.join("b"));
    a.announce(0, schema("x", Role::Subscriber), now);
    a.session.lost("gone".to_owned(), now);
    bench.settle(&mut [&mut b]);
    assert!(b.picture.members.is_empty());
    assert!(bench.join("c").picture.member("a").is_none());
    let sizes = bench.hub.networks()[0].sizes();
    assert_eq!((sizes.interests, sizes.types), (0, 0));
}

#[test]
fn many_interests_are_spread_over_frames_and_a_newcomer_gets_all() {
    let bench = Bench::new();
    let now = bench.now;
    let mut a = bench.join("a");
    for round in 0..20 {
        let announced = (0..100).flat_map(|index| {
            let number = round * 100 + index;
            let name =
                format!("an event with a name of some length, as they have in real programs, {number}");
            [defined(number, &name), announce(number, number)]
        });
        a.say(&changes(announced), now);
    }
    assert_eq!(bench.join("b").picture.consumed_by("a").len(), 2_000);
}

#[test]
fn a_snapshot_is_encoded_once_for_all_who_come() {
    let bench = Bench::new();
    let now = bench.now;
    let mut all: Vec<_> = (0..200).map(|index| bench.join(&format!("router {index}"))).collect();
    for router in &mut all {
        router.announce(0, schema("x", Role::Subscriber), now);
    }
    let parts = |name: &str| {
        let mut peer = bench.connect(Bearer::Plain);
        peer.say(&Frame::Hello(hello(name)), now);
        let parts: Vec<_> = peer.session.outgoing(now).iter().cloned().collect();
        (peer, parts)
    };
    let ((_b, first), (_c, second)) = (parts("b"), parts("c"));
    // The welcome is each one's own, and so is what is known of those who came last. All else is the same memory.
    let is_shared = |part: &&Bytes| second.iter().any(|other| other.as_ptr() == part.as_ptr());
    let length = |parts: &mut dyn Iterator<Item = &Bytes>| parts.map(Bytes::len).sum::<usize>();
    let (shared, whole) = (length(&mut first.iter().filter(is_shared)), length(&mut first.iter()));
    assert!(2 * shared > whole, "{shared} of {whole} bytes are shared");
    assert!(first.len() < 20, "in {} pieces", first.len());
}

/// What is told together changes with each of those it is about.
#[test]
fn a_newcomer_is_told_of_what_has_just_changed_and_not_of_who_has_just_left() {
    let bench = Bench::new();
    let now = bench.now;
    let mut all: Vec<_> = (0..150).map(|index| bench.join(&format!("router {index}"))).collect();
    let look = |name: &str, of: &str| {
        let newcomer = bench.join(name);
        let picture = &newcomer.picture;
        let known = picture.members.values().filter(|member| member.identity.name == of).count();
        (picture.members.len(), (known > 0).then(|| picture.consumed_by(of).len()))
    };
    assert_eq!(look("x", "router 70"), (150, Some(0)));
    all[70].announce(0, schema("x", Role::Subscriber), now);
    let (members, consumed) = look("y", "router 70");
    assert_eq!(consumed, Some(1), "of {members}");
    all[70].close(now);
    assert_eq!(look("z", "router 70").1, None);
    all[70] = bench.join("router 70");
    assert_eq!(look("w", "router 70").1, Some(0));
}

#[test]
fn interests_beyond_what_the_peer_was_told_close_the_connection() {
    let bench = Bench::with(|settings| settings.limits.interests = 3);
    let now = bench.now;
    let mut a = bench.join("a");
    assert_eq!(a.picture.welcome.as_ref().unwrap().limits.interests, 3);
    (0..4).for_each(|interest| a.announce(interest, schema("x", Role::Subscriber), now));
    a.read(now);
    assert_eq!(a.close_code(), Some(CloseCode::Violation));
    assert!(a.close_reason().contains("at most 3"), "{}", a.close_reason());
}

#[test]
fn types_beyond_what_a_network_knows_are_denied_by_name_and_the_rest_goes_on() {
    let bench = Bench::with(|settings| settings.limits.types = 2);
    let now = bench.now;
    let (mut a, mut b) = (bench.join("a"), bench.join("b"));
    for (interest, name) in (0..).zip(["x", "y", "z", "x"]) {
        a.announce(interest, schema(name, Role::Subscriber), now);
    }
    bench.settle(&mut [&mut a, &mut b]);
    assert_eq!(b.picture.consumed_by("a"), ["x", "y", "x"]);
    let [(interest, reason)] = &a.picture.denied[..] else { panic!("{:?}", a.picture.denied) };
    assert_eq!(interest.number(), 2);
    assert!(reason.contains("2 types"), "{reason}");
    // What is withdrawn makes room; what was denied can be withdrawn without harm.
    a.change(withdraw(2), now);
    a.change(withdraw(1), now);
    a.announce(4, schema("z", Role::Subscriber), now);
    bench.settle(&mut [&mut a, &mut b]);
    assert_eq!(b.picture.consumed_by("a"), ["x", "x", "z"]);
}

#[test]
fn names_beyond_what_routers_keep_are_denied_and_the_rest_goes_on() {
    let bench = Bench::with(|settings| {
        settings.limits.interests = 16_384;
        settings.limits.backlog = 64 << 20;
    });
    let now = bench.now;
    let mut limits = Limits::default();
    limits.interests = 16_384;
    let mut a = bench.greet(Hello { limits, ..hello("a") });
    let mut b = bench.greet(Hello { limits, ..hello("b") });
    for number in 0..6_000 {
        // The router's own dictionary is bounded, too: it says them all under one number.
        let name = format!("{number} {}", "x".repeat(3_900));
        a.say(&changes([defined(0, &name), announce(number, 0)]), now);
        b.read(now);
    }
    bench.settle(&mut [&mut a, &mut b]);
    let (told, denied) = (b.picture.consumed_by("a").len(), a.picture.denied.len());
    assert!(told > 4_000 && told * 3_900 < 16 << 20, "{told}");
    assert_eq!(told + denied, 6_000);
    assert!(a.picture.denied[0].1.contains("expected at most 16777216"), "{:?}", a.picture.denied[0]);
}

#[test]
fn one_that_changes_its_mind_all_the_time_is_not_listened_to_all_the_time() {
    let bench = Bench::new();
    let (mut a, mut b) = (bench.join("a"), bench.join("b"));
    let mut now = bench.now;
    a.say(&changes([defined(0, "x")]), now);
    let (mut interest, mut deaf) = (0, 0);
    // It has some seconds, and says as much as it is let.
    while now < bench.now + 10 * SECOND {
        if a.session.is_deaf() {
            deaf += 1;
            now = a.session.next_timeout().unwrap().max(now + Duration::from_millis(1));
            a.session.handle_timeout(now);
            assert!(!a.session.is_closed());
        } else {
            a.say(&changes((0..500).map(|index| announce(interest + index, 0))), now);
            a.say(&changes((0..500).map(|index| withdraw(interest + index))), now);
            interest += 500;
        }
        b.say(&Frame::Heartbeat, now);
        bench.hub.broadcast();
        b.read(now);
        a.read(now);
    }
    // Each costs some forty bytes: 4 MiB at once, and 256 KiB a second.
    assert!(deaf > 10 && (100_000..250_000).contains(&interest), "{deaf} {interest}");
    assert!(a.picture.closed.is_none() && b.picture.closed.is_none());
}

#[test]
fn what_breaks_the_protocol_of_interests_closes_the_connection_and_says_why() {
    let bench = Bench::new();
    let now = bench.now;
    let refused = |changes: Vec<Change>, member: u32, expected: &str| {
        let mut peer = bench.join("a");
        peer.say(&Frame::Interest(Interests { member, changes }), now);
        peer.read(now);
        assert_eq!(peer.close_code(), Some(CloseCode::Violation));
        assert!(peer.close_reason().contains(expected), "{}", peer.close_reason());
    };
    refused(vec![announce(0, 0)], 0, "schema number 0 was used");
    refused(vec![defined(0, "x"), announce(1, 0), announce(1, 0)], 0, "expected 2 or more");
    refused(vec![Change::Complete], 5, "of the member 5");
    let denied = Change::Denied { interest: Interest::from_number(0), reason: String::new() };
    refused(vec![denied], 0, "`denied`");
    refused(vec![defined(0, &"x".repeat(5_000))], 0, "schema of 5008 bytes");
}
