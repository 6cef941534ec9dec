use super::*;

/// What becomes of a connection that begins with these bytes.
fn first(bytes: &[u8]) -> Peer {
    let bench = Bench::new();
    let mut peer = bench.connect(Bearer::Plain);
    peer.session.receive(bytes, bench.now);
    peer.read(bench.now);
    peer
}

fn framed(frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, frame);
    bytes
}

#[test]
fn whoever_begins_otherwise_is_told_what_was_expected() {
    let http = first(b"GET / HTTP/1.1\r\n\r\n");
    assert!(http.close_reason().contains("expected at most"), "{}", http.close_reason());
    let early = first(&framed(&Frame::Heartbeat));
    assert!(early.close_reason().contains("`heartbeat` came before a hello"), "{}", early.close_reason());
    let other = Hello { magic: *b"MQTT", ..hello("a") };
    assert_eq!(first(&framed(&Frame::Hello(other))).picture.refused.unwrap().code, Refusal::NoRouter);
    let empty = first(&[0, 0, 0, 0]);
    assert!(empty.close_reason().contains("an empty frame"), "{}", empty.close_reason());
    let unknown = first(&[1, 0, 0, 0, 30]);
    assert!(unknown.close_reason().contains("unknown kind 30"), "{}", unknown.close_reason());
}

#[test]
fn a_version_from_the_future_is_refused_with_those_that_are_spoken() {
    let future = Hello { versions: (200, 300), ..hello("a") };
    let refused = first(&framed(&Frame::Hello(future))).picture.refused.unwrap();
    assert_eq!((refused.code, refused.versions), (Refusal::Version, (1, 1)));
    assert!(refused.reason.contains("200 to 300"), "{}", refused.reason);
    // One that speaks this version, too, is welcome.
    let both = Hello { versions: (1, 300), ..hello("a") };
    assert!(first(&framed(&Frame::Hello(both))).picture.welcome.is_some());
}

#[test]
fn a_huge_length_is_refused_before_anything_is_kept() {
    let huge = first(&[0xff, 0xff, 0xff, 0x7f]);
    assert!(huge.close_reason().contains("2147483647 bytes was announced"), "{}", huge.close_reason());
    // In pieces, too, and after the greeting.
    let bench = Bench::new();
    let mut peer = bench.join("a");
    for byte in [0xff, 0xff, 0xff, 0x7f] {
        peer.session.receive(&[byte], bench.now);
    }
    peer.read(bench.now);
    assert_eq!(peer.close_code(), Some(CloseCode::Violation));
}

#[test]
fn a_second_hello_and_frames_of_a_direct_connection_are_refused() {
    let bench = Bench::new();
    for frame in [Frame::Hello(hello("b")), Frame::Channel { kind: 40, body: Bytes::new() }] {
        let mut peer = bench.join("a");
        peer.say(&frame, bench.now);
        peer.read(bench.now);
        assert_eq!(peer.close_code(), Some(CloseCode::Violation));
        assert!(peer.close_reason().contains("after the greeting"), "{}", peer.close_reason());
    }
}

#[test]
fn a_handshake_has_its_time() {
    let bench = Bench::new();
    let mut peer = bench.connect(Bearer::Plain);
    assert_eq!(peer.session.next_timeout(), Some(bench.now + 5 * SECOND));
    // One byte a second is no handshake, either.
    for (second, byte) in (1..5).zip(framed(&Frame::Hello(hello("a")))) {
        peer.session.receive(&[byte], bench.now + second * SECOND);
        peer.session.handle_timeout(bench.now + second * SECOND);
    }
    assert!(peer.picture.closed.is_none());
    peer.session.handle_timeout(bench.now + 5 * SECOND);
    peer.read(bench.now + 5 * SECOND);
    assert!(peer.close_reason().contains("handshake within 5s"), "{}", peer.close_reason());
}

#[test]
fn a_peer_that_falls_silent_is_lost_after_three_heartbeats() {
    let bench = Bench::new();
    let (mut a, mut b) = (bench.join("a"), bench.join("b"));
    let mut now = bench.now;
    for _ in 0..3 {
        now += 5 * SECOND;
        b.say(&Frame::Heartbeat, now);
        for peer in [&mut a, &mut b] {
            peer.session.handle_timeout(now);
            peer.read(now);
        }
    }
    assert!(a.close_reason().contains("nothing was heard from it for 15s"), "{}", a.close_reason());
    bench.hub.broadcast();
    b.read(now);
    assert_eq!(b.picture.left, [(a.number(), Departure::Lost)]);
}

#[test]
fn the_shorter_heartbeat_of_both_holds() {
    let bench = Bench::new();
    let mut peer = bench.greet(Hello { heartbeat: 100, ..hello("a") });
    assert_eq!(peer.session.next_timeout(), Some(bench.now + Duration::from_millis(100)));
    peer.session.handle_timeout(bench.now + Duration::from_millis(299));
    assert!(!peer.session.is_closed());
    peer.session.handle_timeout(bench.now + Duration::from_millis(300));
    peer.read(bench.now + Duration::from_millis(300));
    assert!(peer.picture.closed.is_some());
    let refused = bench.greet(Hello { heartbeat: 1, ..hello("b") }).picture.refused.unwrap();
    assert_eq!(refused.code, Refusal::Limits);
    assert!(refused.reason.contains("every 1 ms: expected 20ms"), "{}", refused.reason);
}

#[test]
fn a_peer_that_takes_nothing_is_lost_though_it_speaks() {
    let bench = Bench::new();
    let (mut a, mut b) = (bench.join("a"), bench.join("b"));
    let mut now = bench.now;
    b.relay(a.number(), b"x", now);
    for second in 1..=32 {
        now = bench.now + second * SECOND;
        for peer in [&mut a, &mut b] {
            peer.say(&Frame::Heartbeat, now);
            peer.session.handle_timeout(now);
        }
        b.read(now);
        // It is asked what there is, and nothing of it is written.
        let _ = a.session.outgoing(now);
    }
    assert!(a.session.is_closed());
    bench.hub.broadcast();
    b.read(now);
    assert_eq!(b.picture.left, [(a.number(), Departure::Lost)]);
}

#[test]
fn what_a_slow_reader_does_not_take_is_dropped_and_counted_and_others_are_not_slowed() {
    let bench = Bench::with(|settings| settings.limits.queue = 1 << 20);
    let now = bench.now;
    let (mut slow, mut quick, mut sender) = (bench.join("slow"), bench.join("quick"), bench.join("sender"));
    let blob = vec![0; 10_000];
    bench.settle(&mut [&mut slow, &mut quick, &mut sender]);
    for _ in 0..200 {
        sender.relay(slow.number(), &blob, now);
        sender.relay(quick.number(), &blob, now);
        quick.read(now);
    }
    assert_eq!(quick.picture.relays.len(), 200);
    let members = bench.hub.networks()[0].members();
    let counts = members.iter().find(|member| member.number == slow.number()).unwrap().outgoing.lock().counts;
    assert_eq!(counts.relays + counts.dropped, 200);
    assert!(counts.dropped > 90, "{counts:?}");
    slow.read(now);
    assert_eq!(slow.picture.relays.len() as u64, counts.relays);
}

#[test]
fn when_all_memory_is_taken_those_who_are_not_slow_still_get_theirs() {
    let bench = Bench::with(|settings| {
        settings.limits.frame = 16 * 1024;
        settings.limits.queue = 1 << 20;
        settings.limits.memory = 2 << 20;
    });
    let now = bench.now;
    let mut sender = bench.join("sender");
    let slow: Vec<_> = (0..8).map(|index| bench.join(&format!("slow {index}"))).collect();
    let mut quick = bench.join("quick");
    let blob = vec![0; 10_000];
    for _ in 0..100 {
        for slow in &slow {
            sender.relay(slow.number(), &blob, now);
        }
        sender.relay(quick.number(), &blob, now);
        quick.read(now);
    }
    assert_eq!(quick.picture.relays.len(), 100);
    let waiting = bench.hub.memory.load(Ordering::Relaxed);
    assert!((2 << 20..3 << 20).contains(&waiting), "{waiting}");
    drop(slow);
    quick.read(now);
    assert_eq!(bench.hub.memory.load(Ordering::Relaxed), 0);
}

#[test]
fn a_member_that_does_not_keep_up_with_the_news_is_put_out() {
    let bench = Bench::with(|settings| settings.limits.backlog = 64 * 1024);
    let now = bench.now;
    let (mut slow, mut quick, mut busy) = (bench.join("slow"), bench.join("quick"), bench.join("busy"));
    for round in 0..200 {
        busy.announce(round, schema(&format!("{round}{}", "x".repeat(1_000)), Role::Subscriber), now);
        bench.settle(&mut [&mut quick, &mut busy]);
    }
    // What it does next ends it.
    let _ = slow.session.outgoing(now);
    assert!(slow.session.is_closed());
    bench.settle(&mut [&mut quick, &mut busy]);
    assert_eq!(quick.picture.left, [(slow.number(), Departure::Lost)]);
    assert_eq!(quick.picture.consumed_by("busy").len(), 200);
}

#[test]
fn what_all_have_read_is_not_kept() {
    let bench = Bench::new();
    let (mut a, mut b) = (bench.join("a"), bench.join("b"));
    let held = || bench.hub.networks()[0].sizes().log;
    for round in 0..100 {
        a.announce(round, schema(&format!("{round}{}", "x".repeat(1_000)), Role::Subscriber), bench.now);
        bench.settle(&mut [&mut a, &mut b]);
        assert!(held() < 3_000, "{}", held());
    }
}

#[test]
fn a_peer_that_asks_faster_than_it_listens_gets_so_many_answers_and_no_more() {
    let bench = Bench::new();
    let now = bench.now;
    let mut peer = bench.join("a");
    (0..100_000).for_each(|number| peer.say(&Frame::Ping(number), now));
    peer.read(now);
    assert!(peer.picture.closed.is_none());
    assert!((100..2_000).contains(&peer.picture.pongs.len()), "{}", peer.picture.pongs.len());
}

#[test]
fn the_end_inside_a_frame_is_told_as_what_it_is() {
    let bench = Bench::new();
    let mut peer = bench.join("a");
    peer.session.receive(&framed(&Frame::Ping(7))[..3], bench.now);
    peer.session.end_of_stream(bench.now);
    let told = peer.session.ended().unwrap().to_string();
    assert!(told.contains("inside a frame, after 3 bytes"), "{told}");
}

#[test]
fn a_relay_that_names_nobody_closes_the_connection() {
    let bench = Bench::new();
    let mut peer = bench.join("a");
    peer.session.receive(&[3, 0, 0, 0, 9, 1, 2], bench.now);
    peer.read(bench.now);
    assert!(peer.close_reason().contains("it names no member"), "{}", peer.close_reason());
}

#[test]
fn a_relay_that_is_longer_than_its_receiver_takes_ends_its_sender_and_not_its_receiver() {
    let bench = Bench::new();
    let now = bench.now;
    let (mut a, mut b) = (bench.join("a"), bench.join("b"));
    let most = Limits::default().frame as usize - 5;
    a.relay(b.number(), &vec![0; most], now);
    b.read(now);
    assert_eq!(b.picture.relays.len(), 1);
    a.relay(b.number(), &vec![0; most + 1], now);
    bench.settle(&mut [&mut a, &mut b]);
    assert_eq!(a.close_code(), Some(CloseCode::Violation));
    assert!(a.close_reason().contains("expected at most 65536"), "{}", a.close_reason());
    assert!(b.picture.closed.is_none() && b.picture.relays.len() == 1);
}

#[test]
fn relays_that_came_before_garbage_are_forwarded_and_their_sender_is_expelled() {
    let bench = Bench::new();
    let now = bench.now;
    let (mut a, mut b) = (bench.join("a"), bench.join("b"));
    let mut bytes = Vec::new();
    write_relay(&mut bytes, b.number(), b"good");
    bytes.extend([0xff; 100]);
    a.session.receive(&bytes, now);
    bench.settle(&mut [&mut a, &mut b]);
    assert_eq!(a.close_code(), Some(CloseCode::Violation));
    assert_eq!(b.picture.relays.len(), 1);
    assert_eq!(b.picture.left, [(a.number(), Departure::Expelled)]);
}

#[test]
fn a_session_that_is_dropped_leaves() {
    let bench = Bench::new();
    let (a, mut b) = (bench.join("a"), bench.join("b"));
    let number = a.number();
    drop(a);
    bench.settle(&mut [&mut b]);
    assert_eq!(b.picture.left, [(number, Departure::Lost)]);
}
