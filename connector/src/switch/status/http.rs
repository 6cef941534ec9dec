use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::data::{Phase, Status};
use super::prometheus::Detail;

/// How many may look at a time.
const VIEWERS: usize = 32;

/// How long somebody may take to say what he wants to see, and how long he is waited for until he looks again.
const PATIENCE: Duration = Duration::from_secs(30);

/// After so long whoever looks has to connect again: nobody keeps a place by reading slowly.
const LOOK: Duration = Duration::from_secs(300);

/// Who can tell how things are.
pub(crate) type Look = Arc<dyn Fn() -> Status + Send + Sync>;

/// Answers `GET /status`, `/metrics` and `/health`, for as long as it is let.
pub(crate) async fn serve(listener: TcpListener, look: Look) {
    let room = Arc::new(Semaphore::new(VIEWERS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("nobody can look at the status: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let look = Arc::clone(&look);
        tokio::spawn(async move {
            let answer = service_fn(move |request| answer(request, Arc::clone(&look)));
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .max_buf_size(16 * 1024)
                .serve_connection(TokioIo::new(stream), answer);
            if let Ok(Err(error)) = tokio::time::timeout(LOOK, served).await {
                tracing::debug!("somebody who looked at the status went: {error}");
            }
            drop(place);
        });
    }
}

async fn answer(request: Request<Incoming>, look: Look) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "expected GET or HEAD\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Ok(refused);
    }
    let path = request.uri().path().to_owned();
    let detail = match request.uri().query() {
        Some(query) if query.split('&').any(|part| part == "routers=yes") => Detail::Routers,
        _ => Detail::Networks,
    };
    // With thousands of routers it takes a while, in which others forward.
    let answered = tokio::task::spawn_blocking(move || page(&path, detail, &look)).await;
    Ok(answered.unwrap_or_else(|_| text(StatusCode::INTERNAL_SERVER_ERROR, "the status could not be told\n")))
}

fn page(path: &str, detail: Detail, look: &Look) -> Response<Full<Bytes>> {
    match path {
        "/status" => match serde_json::to_vec(&look()) {
            Ok(json) => response(StatusCode::OK, "application/json", json),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
        },
        "/metrics" => {
            response(StatusCode::OK, "text/plain; version=0.0.4", look().prometheus(detail).into_bytes())
        }
        "/health" => match look().phase {
            Phase::Running => text(StatusCode::OK, "running\n"),
            Phase::Draining => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        },
        _ => text(StatusCode::NOT_FOUND, "expected /status, /metrics or /health\n"),
    }
}

fn text(code: StatusCode, text: &str) -> Response<Full<Bytes>> {
    response(code, "text/plain; charset=utf-8", text.as_bytes().to_vec())
}

fn response(code: StatusCode, kind: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Where the status is told, if that is possible: a switch forwards in any case.
pub(crate) async fn listen(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
    TcpListener::bind(addresses).await
}
