//! Three programs answer one request, and one of them is killed: whoever asks does not notice.
//!
//! ```text
//! cargo run --example replicas
//! ```
//!
//! The first program runs a switch and asks; it starts itself three times more to have somebody to ask.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeMap;
use std::env;
use std::io;
use std::time::Duration;

use edri::connector::switch::{Switch, SwitchSettings};
use edri::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

/// Asks for a square; who has computed it says so.
#[derive(Request, Clone, Serialize, Deserialize)]
#[request(name = "replicas::Square", response = (u64, String), policy = "round_robin", shareable, idempotent)]
struct Square(u64);

struct Replica {
    name: String,
}

#[manager]
impl Replica {
    #[request]
    async fn square(&mut self, event: Square) -> (u64, String) {
        tokio::time::sleep(Duration::from_millis(2)).await;
        (event.0 * event.0, self.name.clone())
    }
}

async fn replica(name: String, switch: String) -> Result<(), edri::Error> {
    let connector = Connector::to_switch([switch]).name(&name);
    App::new().connector(connector).manager(Replica { name }).start().await?.run().await
}

fn start(name: &str, switch: &str) -> io::Result<Child> {
    Command::new(env::current_exe()?).args([name, switch]).kill_on_drop(true).spawn()
}

/// Asks until somebody has answered: nothing is lost by asking this twice.
async fn square(router: &Router, number: u64) -> Result<(u64, String), RequestError> {
    loop {
        match router.request(Square(number)).timeout(Duration::from_secs(10)).await {
            Err(RequestError::LinkLost(lost)) => println!("{number} is asked again: {lost}"),
            outcome => return outcome,
        }
    }
}

async fn ask() -> Result<(), Box<dyn std::error::Error>> {
    let switch = Switch::new(SwitchSettings::new(["127.0.0.1:0"])).start().await?;
    let address = switch.addresses()[0].to_string();
    // Who does not come back within half a second is given up, and what he had is asked of another.
    let connector = Connector::to_switch([&address]).name("asker").rejoin(Duration::from_millis(500));
    let connections = connector.connections();
    let app = App::new().connector(connector).start().await?;
    let names = ["one", "two", "three"];
    let mut replicas = names.iter().map(|name| start(name, &address)).collect::<io::Result<Vec<_>>>()?;
    for name in names {
        connections.router(name).await?;
    }
    while !app.router().has_responders::<Square>() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    let mut answered = BTreeMap::<String, u64>::new();
    for number in 0..600 {
        if number == 200 {
            println!("{} is killed after {answered:?}", names[0]);
            replicas[0].kill().await?;
        }
        let (answer, who) = square(app.router(), number).await?;
        assert_eq!(answer, number * number);
        *answered.entry(who).or_default() += 1;
    }
    println!("all 600 were answered: {answered:?}");
    app.shutdown(Duration::from_secs(5)).await.into_result()?;
    Ok(())
}

#[edri::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    match (env::args().nth(1), env::args().nth(2)) {
        (Some(name), Some(switch)) => Ok(replica(name, switch).await?),
        _ => ask().await,
    }
}
