//! What a switch says of itself over HTTP.

#![cfg(feature = "status")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::net::SocketAddr;

use edri_connector::switch::status::{Detail, Status, fetch};
use support::{Client, PATIENCE, Pair, hello_in, switch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The code, the head and the body of what is answered.
async fn ask(address: SocketAddr, method: &str, path: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: switch\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (code, head.to_owned(), body.to_owned())
}

async fn get(address: SocketAddr, path: &str) -> String {
    let (code, _, body) = ask(address, "GET", path).await;
    assert_eq!(code, 200, "{body}");
    body
}

#[tokio::test]
async fn given_a_hub_with_connections_then_its_status_lists_them_as_json() {
    let switch = switch(|settings| settings.status = Some("127.0.0.1:0".to_owned())).await;
    let address = switch.status_address().unwrap();
    let empty: Status = serde_json::from_str(&get(address, "/status").await).unwrap();
    assert!(empty.connections.is_empty() && empty.networks.is_empty());

    let mut pair = Pair::join(switch.addresses()[0]).await;
    pair.talk().await;
    pair.a.announce("a::Event").await;
    pair.b.until(|picture| picture.consumed_by("a") == ["a::Event"]).await;
    let other = Client::greet(switch.addresses()[0], hello_in("other", "c")).await;
    // As programs in other languages see it.
    let json: serde_json::Value = serde_json::from_str(&get(address, "/status").await).unwrap();
    let a = &json["connections"][0];
    assert_eq!((a["name"].as_str(), a["interests"].as_u64()), (Some("a"), Some(1)));
    assert!(a["id"].is_string() && a["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{a}");
    assert_eq!(a["queue"]["bytes"].as_u64(), Some(0));
    assert!(a["round_trip_ms"].is_f64(), "{a}");
    assert_eq!(a["received"]["relays"].as_u64(), Some(1));
    assert_eq!(json["networks"][0]["types"].as_u64(), Some(1));
    assert_eq!(json["networks"][1]["name"].as_str(), Some("other"));
    assert_eq!(json["counts"]["open"].as_u64(), Some(3));
    // One that is gone is told apart from those that are there.
    drop(other);
    pair.talk().await;
    let seen = loop {
        let seen: Status = serde_json::from_str(&get(address, "/status").await).unwrap();
        if !seen.departed.is_empty() {
            break seen;
        }
    };
    assert_eq!((seen.connections.len(), seen.departed[0].name.as_str()), (2, "c"));
    assert_eq!(seen.departed[0].how, "lost");
}

#[tokio::test]
async fn it_can_be_fetched_and_what_is_no_status_is_told_apart() {
    let switch = switch(|settings| settings.status = Some("127.0.0.1:0".to_owned())).await;
    let address = switch.status_address().unwrap().to_string();
    let _a = Client::join(switch.addresses()[0], "a").await;
    assert_eq!(fetch(&address, PATIENCE).await.unwrap().connections[0].name, "a");
    // Where routers connect, there is no HTTP.
    let wrong = fetch(&switch.addresses()[0].to_string(), PATIENCE).await.unwrap_err();
    assert!(wrong.to_string().starts_with("the status cannot be fetched from 127.0.0.1:"), "{wrong}");
    drop(switch);
    assert!(fetch(&address, PATIENCE).await.is_err());
}

#[tokio::test]
async fn prometheus_gets_sums_and_each_router_if_it_asks() {
    let switch = switch(|settings| settings.status = Some("127.0.0.1:0".to_owned())).await;
    let address = switch.status_address().unwrap();
    let mut pair = Pair::join(switch.addresses()[0]).await;
    pair.talk().await;
    let (_, head, page) = ask(address, "GET", "/metrics").await;
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    for line in [
        "edri_switch_connections 2",
        "edri_switch_joined_total 2",
        "edri_switch_network_members{network=\"\"} 2",
        "edri_switch_network_sent_relays_total{network=\"\"} 2",
        "edri_switch_ended_total{how=\"violation\"} 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line:?} is not in\n{page}");
    }
    assert!(
        page.contains("edri_switch_network_round_trip_seconds{network=\"\",quantile=\"0.5\"} "),
        "{page}"
    );
    assert!(!page.contains("router="), "{page}");
    let page = get(address, "/metrics?routers=yes").await;
    assert!(page.contains("edri_switch_router_sent_relays_total{network=\"\",router=\"b\",id=\""), "{page}");
    // Each line is a comment, or a name with labels and a number.
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok() && name.starts_with("edri_switch_"), "{line}");
    }
    assert_eq!(switch.status().prometheus(Detail::Networks).lines().count(), {
        let page = get(address, "/metrics").await;
        page.lines().count()
    });
}

#[tokio::test]
async fn other_paths_are_not_found_and_other_methods_not_allowed() {
    let switch = switch(|settings| settings.status = Some("127.0.0.1:0".to_owned())).await;
    let address = switch.status_address().unwrap();
    assert_eq!(get(address, "/health").await, "running\n");
    for path in ["/", "/statuses", "/status/", "/metrics.txt", "/../status"] {
        let (code, _, body) = ask(address, "GET", path).await;
        assert_eq!(code, 404, "{path}");
        assert!(body.contains("expected /status"), "{body}");
    }
    let (code, head, _) = ask(address, "POST", "/status").await;
    assert_eq!(code, 405);
    assert!(head.to_lowercase().contains("allow: get, head"), "{head}");
    let (code, _, body) = ask(address, "HEAD", "/status").await;
    assert_eq!((code, body.as_str()), (200, ""));
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_harms_nobody() {
    let switch = switch(|settings| settings.status = Some("127.0.0.1:0".to_owned())).await;
    let address = switch.status_address().unwrap();
    let endless = [&b"GET /status HTTP/1.1\r\nX: "[..], &vec![b'x'; 100_000]].concat();
    for bytes in [&b"EDRI"[..], &[0xff; 4_000], &endless] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // It may be closed before it has all been read.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(get(address, "/health").await, "running\n");
}

#[tokio::test]
async fn given_the_status_port_is_taken_when_the_hub_starts_then_it_forwards_anyway() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let switch = switch(|settings| settings.status = Some(address.to_string())).await;
    assert_eq!(switch.status_address(), None);
    Pair::join(switch.addresses()[0]).await.talk().await;
}
