//! A switch within a program: routers that connect to it talk to each other.
//!
//! ```text
//! cargo run --example switch -- [HOST:PORT]...
//! ```
//!
//! The command `edri switch` is the same with settings, TLS and a state to look at.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use edri::connector::switch::{Switch, SwitchError, SwitchSettings};

#[edri::main]
async fn main() -> Result<(), SwitchError> {
    let mut listen: Vec<_> = std::env::args().skip(1).collect();
    if listen.is_empty() {
        listen.push("127.0.0.1:8899".to_owned());
    }
    let switch = Switch::new(SwitchSettings::new(listen)).start().await?;
    for address in switch.addresses() {
        println!("{address}");
    }
    // Until it is interrupted: then each router gets what waits for it, and goes elsewhere.
    if let Err(error) = tokio::signal::ctrl_c().await {
        eprintln!("it cannot be interrupted: {error}");
        std::future::pending::<()>().await;
    }
    switch.drain().await;
    Ok(())
}
