//! Uploads through tunnels: chunks one way, receipts the other. One succeeds, one is refused, one is given up.
//!
//! ```text
//! cargo run --example tunnel
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use edri::prelude::*;

#[derive(Tunnel)]
#[tunnel(send = Vec<u8>, receive = Receipt)]
struct Upload {
    name: String,
}

#[derive(Debug)]
struct Receipt {
    chunks: u32,
    bytes: usize,
}

struct Archive {
    /// The most that one upload may bring, in bytes.
    limit: usize,
}

/// Several uploads at a time: a manager that handles one event at a time would be busy with one tunnel to its end.
#[manager(concurrency = Unordered(8))]
impl Archive {
    #[tunnel]
    async fn upload(&self, open: Upload, mut tunnel: Accepted<Upload>) -> Result<(), Failure> {
        let receipt = self.receive(&mut tunnel).await.inspect_err(|reason| {
            println!("archive: {} is thrown away: {reason}", open.name);
        })?;
        println!("archive: {} is kept: {receipt:?}", open.name);
        tunnel.finish();
        Ok(())
    }

    /// All chunks; a failure ends the handler, which aborts the tunnel with it.
    async fn receive(&self, tunnel: &mut Accepted<Upload>) -> Result<Receipt, Failure> {
        let mut receipt = Receipt { chunks: 0, bytes: 0 };
        while let Some(chunk) = tunnel.recv().await {
            receipt = Receipt { chunks: receipt.chunks + 1, bytes: receipt.bytes + chunk?.len() };
            if receipt.bytes > self.limit {
                let message = format!("expected at most {} bytes, got {}", self.limit, receipt.bytes);
                return Err(Failure::new("too-large", message));
            }
            tunnel.send(Receipt { ..receipt }).await?;
        }
        Ok(receipt)
    }
}

/// Sends chunks one by one, waiting for the receipt of each.
async fn send(router: &Router, name: &str, chunks: u32) -> Result<(), edri::Error> {
    let mut tunnel = router.open(Upload { name: name.to_owned() }).window(4).await?;
    for _ in 0..chunks {
        tunnel.send(vec![0; 1000]).await?;
        if let Some(receipt) = tunnel.recv().await {
            println!("{name}: {:?}", receipt?);
        }
    }
    // All is sent; what the other end still has to say can be received until it has finished, too.
    tunnel.finish();
    while let Some(receipt) = tunnel.recv().await {
        println!("{name}: {:?}", receipt?);
    }
    Ok(())
}

#[edri::main]
async fn main() -> Result<(), edri::Error> {
    let app = App::new().manager(Archive { limit: 3000 }).start().await?;

    send(app.router(), "letter", 2).await?;
    if let Err(error) = send(app.router(), "film", 5).await {
        println!("film: {error}");
    }

    let mut tunnel = app.router().open(Upload { name: "draft".to_owned() }).await?;
    tunnel.send(vec![0; 500]).await?;
    tunnel.abort(Failure::new("changed-mind", "it was not good enough"));

    app.shutdown(Duration::from_secs(5)).await.into_result()
}
