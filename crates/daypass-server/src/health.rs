//! `/healthz`, `/readyz` and `/metrics`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use daypass_store::Store;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text::encode},
    metrics::{MetricType, counter::ConstCounter},
    registry::Registry,
};

/// How long the database may take to show that it is there.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// Counts answers by the class of their status: `1xx` to `5xx`.
#[derive(Debug, Default)]
pub(crate) struct Counters([AtomicU64; 5]);

impl Counters {
    /// Counts one answer.
    pub(crate) fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.0.get(class) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[derive(Clone)]
struct Health {
    store: Store,
    registry: Arc<Registry>,
}

/// The operators' endpoints.
pub(crate) fn router(store: Store, counters: Arc<Counters>) -> Router {
    let mut registry = Registry::with_prefix("daypass");
    registry.register_collector(Box::new(Answers(counters)));
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Health { store, registry: Arc::new(registry) })
}

async fn ready(State(health): State<Health>) -> Response {
    match tokio::time::timeout(READY_WITHIN, health.store.signing_keys()).await {
        Ok(Ok(_)) => "ready\n".into_response(),
        _ => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], "the database does not answer\n")
            .into_response(),
    }
}

async fn metrics(State(health): State<Health>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &health.registry) {
        Ok(()) => {
            let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, media_type)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Debug)]
struct Answers(Arc<Counters>);

impl Collector for Answers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut metric = encoder.encode_descriptor(
            "http_responses",
            "HTTP responses by class of status",
            None,
            MetricType::Counter,
        )?;
        for (class, counter) in ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(&self.0.0) {
            let labels = [("class", class)];
            let encoder = metric.encode_family(&labels)?;
            ConstCounter::new(counter.load(Ordering::Relaxed)).encode(encoder)?;
        }
        Ok(())
    }
}
