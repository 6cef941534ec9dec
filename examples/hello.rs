//! A manager that answers a request and announces what it did.
//!
//! ```text
//! cargo run --example hello
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use edri::prelude::*;

#[derive(Request)]
#[request(response = String)]
struct Greet {
    name: String,
}

#[derive(Notification)]
struct Greeted {
    guests: u32,
}

struct Doorkeeper {
    guests: u32,
}

#[manager]
impl Doorkeeper {
    #[request]
    async fn greet(&mut self, event: Greet, cx: &Context) -> Result<String, Failure> {
        if event.name.is_empty() {
            return Err(Failure::new("nameless", "expected a name, got nothing"));
        }
        self.guests += 1;
        cx.router().notify(Greeted { guests: self.guests }).await?;
        Ok(format!("Hello, {}!", event.name))
    }
}

#[edri::main]
async fn main() -> Result<(), edri::Error> {
    let app = App::new().manager(Doorkeeper { guests: 0 }).start().await?;
    let mut guests = app.router().subscribe::<Greeted>();

    for name in ["Ada", "", "Grace"] {
        match app.router().request(Greet { name: name.to_owned() }).await {
            Ok(greeting) => println!("{greeting}"),
            Err(error) => println!("nobody was greeted: {error}"),
        }
    }
    while let Some(greeted) = guests.try_recv() {
        println!("guests so far: {}", greeted.guests);
    }
    app.shutdown(Duration::from_secs(5)).await.into_result()
}
