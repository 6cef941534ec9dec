use std::net::SocketAddr;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::task::JoinHandle;

use crate::error::Error;

/// How often metrics are published where nothing else is said: more often than anybody fetches them.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// Makes Prometheus's recorder that of this process, and serves what it has at `address`.
pub(super) fn serve(address: SocketAddr) -> Result<JoinHandle<()>, Error> {
    let refused = |reason: String| Error::Prometheus { address, reason };
    let (recorder, serving) = PrometheusBuilder::new()
        .with_http_listener(address)
        .build()
        .map_err(|error| refused(error.to_string()))?;
    metrics::set_global_recorder(recorder).map_err(|_| {
        refused("expected no other recorder of metrics in this process, and there is one".to_owned())
    })?;
    Ok(tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!("metrics are no longer served at {address}: {error:?}");
        }
    }))
}
