use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::data::Status;

/// Why the status of a switch could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the status cannot be fetched from {address}: {reason}")]
pub struct FetchError {
    /// From where.
    pub address: String,
    /// Why not, and what was expected.
    pub reason: String,
}

/// No status is longer than that: some 100,000 routers.
const LONGEST: usize = 64 << 20;

/// Fetches the status of a switch from where it [tells](crate::switch::SwitchSettings::status) it.
///
/// # Errors
/// Nobody is there, somebody else is, or it takes longer than `within`.
///
/// # Cancel safety
/// Nothing has happened.
pub async fn fetch(address: &str, within: Duration) -> Result<Status, FetchError> {
    let fetched = tokio::time::timeout(within, get(address)).await;
    let fetched = fetched.unwrap_or_else(|_| Err(format!("there is no answer within {within:?}")));
    fetched.map_err(|reason| FetchError { address: address.to_owned(), reason })
}

async fn get(address: &str) -> Result<Status, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let request = Request::get("/status").header(HOST, address).body(Empty::<Bytes>::new());
    let request = request.map_err(|error| error.to_string())?;
    let ask = async {
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        if answer.status() != StatusCode::OK {
            return Err(format!("it answers {}: expected the status of a switch", answer.status()));
        }
        let body =
            Limited::new(answer.into_body(), LONGEST).collect().await.map_err(|error| error.to_string())?;
        serde_json::from_slice(&body.to_bytes())
            .map_err(|error| format!("that is no status of a switch: {error}"))
    };
    tokio::pin!(ask);
    tokio::select! {
        answered = &mut ask => answered,
        ended = connection => match ended {
            Ok(()) => ask.await,
            Err(error) => Err(error.to_string()),
        },
    }
}
