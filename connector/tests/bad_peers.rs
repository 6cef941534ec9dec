//! Bad peers harm nobody: whatever one of them does, two routers that behave go on talking.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use edri_connector::switch::RunningSwitch;
use edri_link::wire::{CloseCode, Departure, Frame, Hello, Refusal};
use support::{Client, PATIENCE, Pair, framed, hello, hello_in, switch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A switch with little patience, and two routers that behave.
async fn yard() -> (RunningSwitch, SocketAddr, Pair) {
    let switch = switch(|settings| {
        settings.limits.handshake = Duration::from_millis(300);
        settings.limits.handshakes = 8;
        settings.heartbeat = Duration::from_millis(500);
    })
    .await;
    let address = switch.addresses()[0];
    let pair = Pair::join(address).await;
    (switch, address, pair)
}

/// Waits until the switch has noticed something.
async fn until(switch: &RunningSwitch, is_so: impl Fn(&edri_connector::switch::status::Status) -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !is_so(&switch.status()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "{:?}", switch.status());
}

#[tokio::test]
async fn one_that_says_nothing_is_closed_after_the_time_for_handshakes() {
    let (switch, address, mut pair) = yard().await;
    let mut silent = Client::connect(address).await;
    pair.talk().await;
    silent.until_end().await;
    assert!(silent.close_reason().contains("handshake within 300ms"), "{}", silent.close_reason());
    until(&switch, |status| status.ended.unfinished_handshakes == 1).await;
    pair.talk().await;
}

#[tokio::test]
async fn a_crowd_that_says_nothing_keeps_nobody_out() {
    let (switch, address, mut pair) = yard().await;
    let mut crowd = Vec::new();
    for _ in 0..50 {
        crowd.push(TcpStream::connect(address).await.unwrap());
    }
    until(&switch, |status| status.ended.gave_way >= 42).await;
    assert!(switch.status().counts.pending <= 8);
    let _late = Client::join(address, "late").await;
    pair.talk().await;
}

#[tokio::test]
async fn half_a_handshake_is_none() {
    let (switch, address, mut pair) = yard().await;
    let mut half = Client::connect(address).await;
    let bytes = framed(&Frame::Hello(hello("half")));
    half.write(&bytes[..bytes.len() / 2]).await;
    pair.talk().await;
    half.until_end().await;
    assert!(half.picture.welcome.is_none());
    until(&switch, |status| status.ended.unfinished_handshakes == 1).await;
    pair.talk().await;
}

#[tokio::test]
async fn garbage_is_answered_with_what_was_expected() {
    let (switch, address, mut pair) = yard().await;
    let mut noise = 12_345_u32;
    for _ in 0..20 {
        let garbage: Vec<u8> = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        })
        .take(1_000)
        .collect();
        let mut peer = Client::connect(address).await;
        peer.write(&garbage).await;
        peer.until_end().await;
        let reason = peer.close_reason();
        // A length that is possible by chance is waited for.
        assert!(!reason.is_empty(), "{:?}", peer.picture);
    }
    let mut browser = TcpStream::connect(address).await.unwrap();
    browser.write_all(b"GET / HTTP/1.1\r\nHost: switch\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    browser.read_to_end(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("expected at most"), "{answer:?}");
    until(&switch, |status| status.ended.violations + status.ended.unfinished_handshakes == 21).await;
    pair.talk().await;
}

#[tokio::test]
async fn a_member_that_begins_to_send_garbage_is_expelled_and_others_learn_it() {
    let (_switch, address, mut pair) = yard().await;
    let mut bad = Client::join(address, "bad").await;
    pair.a.until(|picture| picture.member("bad").is_some()).await;
    bad.write(&[0xff; 5_000]).await;
    bad.until_end().await;
    assert_eq!(bad.picture.closed.as_ref().map(|close| close.code), Some(CloseCode::Violation));
    pair.a.until(|picture| picture.left.contains(&(bad.number(), Departure::Expelled))).await;
    pair.talk().await;
}

#[tokio::test]
async fn a_huge_length_takes_no_memory() {
    let (switch, address, mut pair) = yard().await;
    let mut peers = Vec::new();
    for _ in 0..8 {
        let mut peer = Client::connect(address).await;
        // As long as may be before the greeting, and nothing behind it; and too long.
        peer.write(&(64_u32 * 1024).to_le_bytes()).await;
        peers.push(peer);
    }
    let mut huge = Client::connect(address).await;
    huge.write(&u32::MAX.to_le_bytes()).await;
    huge.until_end().await;
    assert!(huge.close_reason().contains("4294967295 bytes was announced"), "{}", huge.close_reason());
    pair.talk().await;
    for mut peer in peers {
        peer.until_end().await;
    }
    until(&switch, |status| status.counts.open == 2).await;
}

#[tokio::test]
async fn one_that_reads_slowly_loses_what_it_does_not_take_and_slows_nobody() {
    let switch = switch(|settings| {
        settings.limits.queue = 1 << 20;
        settings.limits.stall = Duration::from_millis(700);
    })
    .await;
    let address = switch.addresses()[0];
    let mut pair = Pair::join(address).await;
    let mut slow = Client::join(address, "slow").await;
    pair.a.until(|picture| picture.member("slow").is_some()).await;
    let to = slow.number();
    // The system's buffers take some megabytes.
    for _ in 0..200 {
        pair.a.relay(to, &[0; 100_000]).await;
    }
    pair.talk().await;
    let named = |status: &edri_connector::switch::status::Status| {
        status.connections.iter().find(|connection| connection.name == "slow").cloned()
    };
    let seen = named(&switch.status());
    assert!(seen.is_none_or(|slow| slow.queue.bytes <= 1 << 20 && slow.dropped.relays > 0));
    // It sends signs of life, and takes nothing: in the end it is put out.
    let until = tokio::time::Instant::now() + PATIENCE;
    while switch.status().ended.stalled == 0 {
        assert!(tokio::time::Instant::now() < until, "it is still there: {:?}", switch.status());
        let _ = slow.stream.write_all(&framed(&Frame::Heartbeat)).await;
        pair.talk().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    pair.talk().await;
}

#[tokio::test]
async fn one_that_writes_a_byte_at_a_time_is_understood_and_slows_nobody() {
    let switch = switch(|_| {}).await;
    let address = switch.addresses()[0];
    let mut pair = Pair::join(address).await;
    let mut slow = Client::connect(address).await;
    for byte in framed(&Frame::Hello(hello("slow"))) {
        slow.write(&[byte]).await;
        tokio::task::yield_now().await;
    }
    slow.until(|picture| picture.is_complete).await;
    let mut relay = Vec::new();
    edri_link::wire::write_relay(&mut relay, pair.a.number(), b"slowly");
    for byte in relay {
        slow.write(&[byte]).await;
        tokio::task::yield_now().await;
    }
    pair.a.until(|picture| picture.relays.iter().any(|(_, blob)| blob == b"slowly")).await;
}

#[tokio::test]
async fn a_flood_to_one_member_leaves_room_for_others() {
    let switch = switch(|settings| settings.limits.queue = 1 << 20).await;
    let address = switch.addresses()[0];
    let Pair { mut a, b, .. } = Pair::join(address).await;
    let mut flood = Client::join(address, "flood").await;
    let victim = b.number();
    flood.until(|picture| picture.members.contains_key(&victim)).await;
    // `b` does not read yet.
    let flooding = tokio::spawn(async move {
        let mut bytes = Vec::new();
        for _ in 0..1_000 {
            edri_link::wire::write_relay(&mut bytes, victim, &[7; 1_000]);
        }
        for _ in 0..50 {
            flood.write(&bytes).await;
        }
        flood
    });
    let flood =
        tokio::time::timeout(PATIENCE, flooding).await.expect("a flood is read, and dropped").unwrap();
    a.relay(victim, b"important").await;
    let mut b = b;
    let from = a.number();
    b.until(|picture| picture.relays.iter().any(|(sender, blob)| *sender == from && blob == b"important"))
        .await;
    let status = switch.status();
    let victim = status.connections.iter().find(|connection| connection.name == "b").unwrap();
    assert!(victim.dropped.relays > 0, "{victim:?}");
    drop(flood);
}

#[tokio::test]
async fn a_flood_of_connections_is_turned_away_and_those_inside_go_on() {
    let switch = switch(|settings| {
        settings.limits.connections = 10;
        settings.limits.per_address = 6;
    })
    .await;
    let address = switch.addresses()[0];
    let mut pair = Pair::join(address).await;
    let mut refused = 0;
    let mut inside = Vec::new();
    for index in 0..20 {
        let mut client = Client::connect(address).await;
        let _ = client.stream.write_all(&framed(&Frame::Hello(hello(&index.to_string())))).await;
        while !client.ended && client.picture.welcome.is_none() && client.picture.refused.is_none() {
            client.read().await;
        }
        if client.picture.welcome.is_some() {
            inside.push(client);
        } else {
            refused += 1;
        }
    }
    assert_eq!((inside.len(), refused), (4, 16));
    assert_eq!(switch.status().ended.turned_away, 16);
    pair.talk().await;
}

#[tokio::test]
async fn what_was_recorded_and_is_played_again_is_not_its_router() {
    let (_switch, address, mut pair) = yard().await;
    let recorded = hello("victim");
    let mut victim = Client::greet(address, recorded.clone()).await;
    // Without what only that incarnation knows, a greeting proves nothing.
    let mut replay = Client::connect(address).await;
    replay.say(&Frame::Hello(recorded.clone())).await;
    replay.until(|picture| picture.refused.is_some()).await;
    assert_eq!(replay.picture.refused.as_ref().unwrap().code, Refusal::Taken);
    // Twice in one connection, it is none.
    let mut twice = framed(&Frame::Hello(hello("twice")));
    twice.extend_from_within(..);
    let mut peer = Client::connect(address).await;
    peer.write(&twice).await;
    peer.until_end().await;
    assert!(peer.close_reason().contains("`hello` came after the greeting"), "{}", peer.close_reason());
    victim.relay(pair.a.number(), b"alive").await;
    pair.a.until(|picture| picture.relays.iter().any(|(_, blob)| blob == b"alive")).await;
}

#[tokio::test]
async fn a_wrong_network_a_claimed_id_and_a_version_from_the_future_are_refused_by_code() {
    let switch = switch(|settings| {
        settings.networks = edri_connector::switch::Networks::only(["plant"]);
    })
    .await;
    let address = switch.addresses()[0];
    let mine = hello_in("plant", "mine");
    let mut victim = Client::greet(address, mine.clone()).await;
    let future = Hello { versions: (1_000, 2_000), ..hello_in("plant", "future") };
    let cases =
        [(hello_in("office", "a"), Refusal::Network), (mine, Refusal::Taken), (future, Refusal::Version)];
    for (hello, code) in cases {
        let mut peer = Client::connect(address).await;
        peer.say(&Frame::Hello(hello)).await;
        peer.until_end().await;
        assert_eq!(peer.picture.refused.as_ref().map(|refused| refused.code), Some(code));
    }
    assert_eq!(switch.status().ended.refused, 3);
    victim.say(&Frame::Ping(1)).await;
    victim.until(|picture| picture.pongs.len() == 1).await;
}

#[tokio::test]
async fn the_end_inside_a_frame_is_seen_and_told() {
    let (switch, address, mut pair) = yard().await;
    let mut bad = Client::join(address, "bad").await;
    pair.a.until(|picture| picture.member("bad").is_some()).await;
    bad.write(&framed(&Frame::Ping(7))[..3]).await;
    bad.stream.shutdown().await.unwrap();
    pair.a.until(|picture| picture.left.contains(&(bad.number(), Departure::Lost))).await;
    let departed = switch.status().departed;
    assert!(departed[0].reason.contains("inside a frame, after 3 bytes"), "{departed:?}");
    pair.talk().await;
}

#[tokio::test]
async fn a_member_that_falls_silent_is_found_out() {
    let (switch, address, mut pair) = yard().await;
    // It does not answer pings, since it does not read.
    let dead = Client::join(address, "dead").await;
    let begun = std::time::Instant::now();
    while switch.status().ended.silent == 0 {
        assert!(begun.elapsed() < PATIENCE, "{:?}", switch.status());
        pair.talk().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    pair.a.until(|picture| picture.left.contains(&(dead.number(), Departure::Lost))).await;
}
