//! What a running controller shows over HTTP: `/healthz`, `/readyz` and
//! `/metrics`. It only reads, and nothing here changes a decision or delays a
//! turn: whoever asks a question pays for its answer.

mod health;
mod metrics;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::aws::Budget;
use crate::controller::{Standing, Switch, Vitals};
use crate::store::{Hold, LeaseRow, Store};

pub use health::{Readiness, readiness};

/// How long the store may take to say who leads.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Everything of a controller that is shown.
#[derive(Clone)]
pub struct Watched {
    /// The loop's account of itself.
    pub vitals: Vitals,
    /// The budget of calls, which counts them.
    pub budget: Budget,
    /// Whether this process leads.
    pub switch: Arc<Switch>,
    /// Asked who leads.
    pub store: Arc<dyn Store>,
}

/// Serves until told to stop. Requests under way are answered first.
///
/// # Errors
/// The listener fails; the controller goes on without a front.
pub async fn serve(listener: TcpListener, watched: Watched, stop: CancellationToken) -> std::io::Result<()> {
    let app = Router::new()
        .route("/", get(front))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(watched);
    axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn front() -> &'static str {
    "sprout run\n\n/healthz  whether the loop moves\n/readyz   whether it does its work\n/metrics  for Prometheus\n"
}

/// 200 while the loop moves; a restart helps where it does not.
async fn healthz(State(watched): State<Watched>) -> Response {
    match watched.vitals.pulse().stuck() {
        None => "ok\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

/// 200 while this process does its work: it leads and turns, or stands by
/// while another leads.
async fn readyz(State(watched): State<Watched>) -> Response {
    let readiness = watched.readiness().await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let json = (header::CONTENT_TYPE, "application/json");
    (status, [json], format!("{}\n", readiness.to_json())).into_response()
}

async fn metrics(State(watched): State<Watched>) -> Response {
    match metrics::text(&watched) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

impl Watched {
    /// Whether this process does its work, and if not, why.
    pub async fn readiness(&self) -> Readiness {
        let row = match tokio::time::timeout(STORE_ANSWERS_WITHIN, self.store.lease()).await {
            Ok(Ok(row)) => Ok(row),
            Ok(Err(error)) => Err(told(&error)),
            Err(_) => Err(format!("it did not answer within {} s", STORE_ANSWERS_WITHIN.as_secs())),
        };
        let standing: Standing = self.switch.standing();
        let row: Result<Option<LeaseRow>, String> = row;
        let readiness = readiness(&standing, &self.vitals.pulse(), &row);
        let hold = if standing == Standing::Follows { self.hold().await } else { None };
        match hold {
            Some(hold) => readiness.waiting_for(&hold),
            None => readiness,
        }
    }

    /// Why the store is read-only as it stands; a store that does not answer
    /// is told of by its lease.
    pub async fn hold(&self) -> Option<Hold> {
        tokio::time::timeout(STORE_ANSWERS_WITHIN, self.store.hold()).await.ok()?.ok()?
    }
}

/// An error with its causes in one line.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
