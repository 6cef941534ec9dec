//! Programs that talk: what one says, all others hear; and whoever comes late has the past told to him.
//!
//! ```text
//! cargo run --example switch -- 127.0.0.1:8899
//! cargo run --example chat -- ada --connect 127.0.0.1:8899      and in other terminals as many others as you like
//! ```
//!
//! Two can do without a switch: one with `--listen 127.0.0.1:8899`, and the other with `--direct 127.0.0.1:8899`.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::VecDeque;
use std::time::Duration;

use clap::{ArgGroup, Parser};
use edri::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, BufReader};

/// Says what is typed, and shows what others say.
#[derive(Parser)]
#[command(group = ArgGroup::new("way").required(true))]
struct Arguments {
    /// What you are called
    name: String,
    /// Joins all that are at this switch
    #[arg(long, value_name = "HOST:PORT", group = "way")]
    connect: Option<String>,
    /// Lets others connect here
    #[arg(long, value_name = "HOST:PORT", group = "way")]
    listen: Option<String>,
    /// Connects to one who listens
    #[arg(long, value_name = "HOST:PORT", group = "way")]
    direct: Option<String>,
}

/// Somebody says something, to all.
#[derive(Notification, Clone, Serialize, Deserialize)]
#[notification(name = "chat::Said", shareable)]
struct Said {
    who: String,
    text: String,
}

/// Somebody has come, and wants to hear what was said before: he opens it, and hears one line after the other.
#[derive(Tunnel, Serialize, Deserialize)]
#[tunnel(name = "chat::Recall", send = (), receive = Said, shareable)]
struct Recall;

/// Shows what others say, and who comes and goes.
struct Ear {
    me: String,
}

#[manager]
impl Ear {
    #[notification]
    fn said(&mut self, said: &Said) {
        if said.who != self.me {
            println!("{}: {}", said.who, said.text);
        }
    }

    #[notification]
    fn neighbour(&mut self, news: &NeighbourChanged) {
        println!("* {news}");
    }
}

/// How much everybody remembers.
const LINES: usize = 100;

/// Remembers what was said, and tells whoever asks.
#[derive(Default)]
struct Memory {
    heard: VecDeque<Said>,
}

#[manager]
impl Memory {
    #[notification]
    fn said(&mut self, said: &Said) {
        if self.heard.len() == LINES {
            self.heard.pop_front();
        }
        self.heard.push_back(said.clone());
    }

    /// On a task of its own: one who listens slowly keeps nobody else waiting.
    #[tunnel]
    fn recall(&mut self, _: Recall, mut listener: Accepted<Recall>) {
        let heard = self.heard.clone();
        tokio::spawn(async move {
            for said in heard {
                listener.send(said).await?;
            }
            listener.finish();
            Ok::<(), TunnelError>(())
        });
    }
}

/// What was said before, as somebody who is there tells it.
async fn recall(router: &Router) -> Result<(), edri::Error> {
    let mut lines = router.open(Recall).timeout(Duration::from_secs(2)).await?;
    lines.finish();
    while let Some(said) = lines.recv().await {
        let Said { who, text } = said?;
        println!("  {who} said: {text}");
    }
    Ok(())
}

#[edri::main]
async fn main() -> Result<(), edri::Error> {
    let Arguments { name, connect, listen, direct } = Arguments::parse();
    let connector = match (connect, listen, direct) {
        (Some(switch), ..) => Connector::to_switch([switch]),
        (_, Some(address), _) => Connector::listen([address]),
        (.., direct) => Connector::connect(direct),
    };
    let connector = connector.name(&name);
    let connections = connector.connections();

    let app = App::new().connector(connector).manager(Ear { me: name.clone() }).start().await?;
    let router = app.router().clone();
    // Who does not know the past himself is not asked for it: before he can be, he asks.
    if tokio::time::timeout(Duration::from_secs(2), connections.ready()).await.is_ok()
        && let Err(error) = recall(&router).await
    {
        println!("* nobody tells what was said before: {error}");
    }
    let memory = App::on(router.clone()).manager(Memory::default()).start().await?;
    println!("* say something");

    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(text) = lines.next_line().await? {
        router.notify(Said { who: name.clone(), text }).await?;
    }
    memory.shutdown(Duration::from_secs(5)).await.into_result()?;
    app.shutdown(Duration::from_secs(5)).await.into_result()
}
