//! A switch and real sockets: routers that behave.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::time::Duration;

use edri_connector::switch::{Networks, Switch, SwitchSettings};
use edri_connector::{Probe, ProbeError, ProbeSettings};
use edri_link::wire::{CloseCode, Departure, Frame, Hello, Pong, Proof, Purpose, Refusal};
use support::{Client, PATIENCE, Pair, hello, hello_in, switch};

#[tokio::test]
async fn routers_talk_through_a_switch() {
    let switch = switch(|_| {}).await;
    let mut pair = Pair::join(switch.addresses()[0]).await;
    for _ in 0..100 {
        pair.talk().await;
    }
    pair.a.announce("a::Event").await;
    pair.b.until(|picture| picture.consumed_by("a") == ["a::Event"]).await;
    let Pair { a, mut b, .. } = pair;
    drop(a);
    b.until(|picture| picture.members.is_empty()).await;
    assert_eq!(b.picture.left[0].1, Departure::Lost);
}

#[tokio::test]
async fn large_relays_arrive_whole_and_in_order() {
    let switch = switch(|_| {}).await;
    let Pair { mut a, mut b, .. } = Pair::join(switch.addresses()[0]).await;
    let lengths: Vec<usize> = (0..60).map(|index| (index * 7919) % 250_000).collect();
    let to = b.number();
    let expected = lengths.clone();
    let sends = async {
        for (index, length) in lengths.into_iter().enumerate() {
            a.relay(to, &vec![index as u8; length]).await;
        }
    };
    tokio::join!(sends, b.until(|picture| picture.relays.len() == 60));
    for (index, ((_, blob), length)) in b.picture.relays.iter().zip(expected).enumerate() {
        assert_eq!(blob.len(), length);
        assert!(blob.iter().all(|byte| *byte == index as u8));
    }
}

#[tokio::test]
async fn several_networks_share_a_switch_and_see_nothing_of_each_other() {
    let switch = switch(|settings| settings.networks = Networks::only(["one", "two"])).await;
    let address = switch.addresses()[0];
    let mut one = Client::greet(address, hello_in("one", "a")).await;
    let mut two = Client::greet(address, hello_in("two", "a")).await;
    let mut both = Client::greet(address, hello_in("two", "b")).await;
    two.until(|picture| picture.member("b").is_some()).await;
    assert!(both.picture.members.len() == 1 && one.picture.members.is_empty());
    one.relay(both.number(), b"across").await;
    two.relay(both.number(), b"within").await;
    both.until(|picture| !picture.relays.is_empty()).await;
    assert_eq!(both.picture.relays, [(two.number(), b"within".to_vec())]);
    let status = switch.status();
    let networks: Vec<_> =
        status.networks.iter().map(|network| (&network.name[..], network.members)).collect();
    assert_eq!(networks, [("one", 1), ("two", 2)]);
    assert_eq!(status.networks[0].astray, 1);
}

#[tokio::test]
async fn ipv4_and_ipv6_meet() {
    let mut settings = SwitchSettings::new(["127.0.0.1:0", "[::1]:0"]);
    settings.heartbeat = Duration::from_secs(1);
    let switch = match Switch::new(settings).start().await {
        Ok(switch) => switch,
        Err(error) => {
            println!("skipped: there is no IPv6 here: {error}");
            return;
        }
    };
    let [four, six] = *switch.addresses() else { panic!("it listens at {:?}", switch.addresses()) };
    let (mut a, mut b) = (Client::join(four, "a").await, Client::join(six, "b").await);
    a.until(|picture| picture.member("b").is_some()).await;
    b.relay(a.number(), b"from six to four").await;
    a.until(|picture| picture.relays.len() == 1).await;
}

#[tokio::test]
async fn given_the_hub_is_killed_and_started_again_when_routers_come_back_then_they_talk() {
    let first = switch(|_| {}).await;
    let address = first.addresses()[0];
    let mut pair = Pair::join(address).await;
    pair.talk().await;
    first.kill();
    pair.a.until_end().await;
    pair.b.until_end().await;
    let settings = SwitchSettings::new([address.to_string()]);
    let _second = Switch::new(settings).start().await.unwrap();
    let mut pair = Pair::join(address).await;
    pair.talk().await;
}

#[tokio::test]
async fn a_router_that_comes_back_before_its_old_connection_is_known_to_be_dead_replaces_it() {
    let switch = switch(|_| {}).await;
    let address = switch.addresses()[0];
    let mut other = Client::join(address, "other").await;
    let mine = Hello { proof: Proof::fresh(), ..hello("mine") };
    let mut old = Client::greet(address, mine.clone()).await;
    let new = Client::greet(address, mine).await;
    old.until_end().await;
    assert_eq!(old.picture.closed.as_ref().map(|close| close.code), Some(CloseCode::Replaced));
    other.until(|picture| picture.member("mine") == Some(new.number())).await;
    assert_eq!(other.picture.left, [(old.number(), Departure::Replaced)]);
}

#[tokio::test]
async fn a_drain_gives_out_what_waits_tells_everybody_and_ends() {
    let switch = switch(|_| {}).await;
    let address = switch.addresses()[0];
    let Pair { mut a, mut b, .. } = Pair::join(address).await;
    a.relay(b.number(), b"last").await;
    b.until(|picture| picture.relays.len() == 1).await;
    let drained = tokio::spawn(switch.drain());
    for client in [&mut a, &mut b] {
        client.until_end().await;
        assert!(client.close_reason().contains("about to stop"), "{}", client.close_reason());
    }
    drop((a, b));
    let drained = tokio::time::timeout(PATIENCE, drained).await.unwrap().unwrap();
    assert_eq!((drained.closed, drained.cut_off), (2, 0));
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "it still listens");
}

#[tokio::test]
async fn a_drain_does_not_wait_for_those_who_are_no_members() {
    let switch = switch(|settings| settings.drain = PATIENCE * 10).await;
    let address = switch.addresses()[0];
    let mut probe = Client::connect(address).await;
    probe.say(&Frame::Hello(Hello { purpose: Purpose::Probe, ..hello("probe") })).await;
    probe.until(|picture| picture.welcome.is_some()).await;
    let mut silent = Client::connect(address).await;
    while switch.status().counts.open < 2 {
        tokio::task::yield_now().await;
    }
    let drained = tokio::time::timeout(PATIENCE, switch.drain()).await.unwrap();
    assert_eq!(drained.cut_off, 0);
    probe.until_end().await;
    silent.until_end().await;
}

#[tokio::test]
async fn a_drain_waits_for_nobody_longer_than_it_was_told() {
    let switch = switch(|settings| {
        settings.drain = Duration::from_millis(200);
        settings.limits.queue = 16 << 20;
    })
    .await;
    let Pair { mut a, b, .. } = Pair::join(switch.addresses()[0]).await;
    // It takes nothing, and the system's buffers do not hold all that.
    for _ in 0..100 {
        a.relay(b.number(), &[0; 100_000]).await;
    }
    let drained = switch.drain().await;
    assert_eq!((drained.closed, drained.cut_off), (1, 1));
}

#[tokio::test]
async fn a_probe_says_why_it_failed() {
    let switch = switch(|settings| settings.networks = Networks::only(["plant"])).await;
    let address = switch.addresses()[0];
    let outside = Probe::connect(address, ProbeSettings::new("a")).await.unwrap_err();
    assert!(outside.to_string().contains("refused: there is no network"), "{outside}");
    let mut settings = ProbeSettings::new("a");
    settings.identity.network = "plant".to_owned();
    let mut probe = Probe::connect(address, settings.clone()).await.unwrap();
    assert_eq!(probe.welcome().identity.network, "plant");
    assert!(probe.ping(PATIENCE).await.unwrap() < PATIENCE);
    probe.wait(Duration::from_millis(10)).await.unwrap();
    switch.kill();
    assert!(probe.ping(PATIENCE).await.is_err());
    let nobody = Probe::connect(address, settings.clone()).await.unwrap_err();
    assert!(matches!(nobody, ProbeError::Connect(_)), "{nobody}");
    // One that listens and says nothing.
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    settings.within = Duration::from_millis(50);
    let silent = Probe::connect(deaf.local_addr().unwrap(), settings).await.unwrap_err();
    assert_eq!(silent.to_string(), "no answer within 50ms");
}

#[tokio::test]
async fn a_probe_measures_and_is_no_member() {
    let switch = switch(|_| {}).await;
    let address = switch.addresses()[0];
    let mut other = Client::join(address, "other").await;
    let mut probe = Client::connect(address).await;
    probe.say(&Frame::Hello(Hello { purpose: Purpose::Probe, ..hello("probe") })).await;
    probe.until(|picture| picture.welcome.is_some()).await;
    probe.say(&Frame::Ping(9)).await;
    probe.until(|picture| picture.pongs == [Pong { number: 9, resent: 0 }]).await;
    let _late = Client::join(address, "late").await;
    other.until(|picture| picture.member("late").is_some()).await;
    assert_eq!(other.picture.members.len(), 1);
}

#[tokio::test]
async fn other_settings_count_from_when_they_are_loaded() {
    let switch = switch(|_| {}).await;
    let address = switch.addresses()[0];
    let mut stays = Client::greet(address, hello_in("one", "a")).await;
    let mut goes = Client::greet(address, hello_in("two", "b")).await;
    let mut settings = SwitchSettings::new([address.to_string()]);
    settings.networks = Networks::only(["one"]);
    settings.status = Some("127.0.0.1:0".to_owned());
    let reloaded = switch.reload(settings).unwrap();
    assert_eq!(reloaded.reconnecting, 1);
    // It was given another address: that cannot be changed while it runs.
    assert_eq!(reloaded.need_restart, ["listen", "status"]);
    goes.until_end().await;
    assert!(goes.close_reason().contains("has changed"));
    let mut again = Client::connect(address).await;
    again.say(&Frame::Hello(hello_in("two", "b"))).await;
    again.until(|picture| picture.refused.is_some()).await;
    assert_eq!(again.picture.refused.as_ref().unwrap().code, Refusal::Network);
    let _late = Client::greet(address, hello_in("one", "c")).await;
    stays.until(|picture| picture.member("c").is_some()).await;
    // What does not work changes nothing.
    let mut wrong = SwitchSettings::new([address.to_string()]);
    wrong.limits.queue = 0;
    assert!(switch.reload(wrong).is_err());
    assert_eq!(switch.status().networks.len(), 1);
}

#[tokio::test]
async fn a_switch_that_is_dropped_is_gone() {
    let switch = switch(|_| {}).await;
    let address = switch.addresses()[0];
    let mut a = Client::join(address, "a").await;
    drop(switch);
    a.until_end().await;
}
