//! The metrics, gathered at the moment of the question, as OpenMetrics text.
//! Names follow the conventions of Prometheus: base units, `_total` for what
//! only grows, no value that an alert would have to guess.

use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::Watched;
use crate::controller::{FleetCounts, Pulse, Standing};

/// What [`text`] is.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything, as text.
pub(super) fn text(watched: &Watched) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("sprout");
    let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "The running program", version);
    registry.register("turn_duration_seconds", "How long turns took", watched.vitals.seconds().clone());
    registry.register_collector(Box::new(Gathered::at_once(watched)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

/// Everything that is counted elsewhere, as of one moment.
#[derive(Debug)]
struct Gathered {
    standing: Standing,
    pulse: Pulse,
    calls: Vec<(String, String, u64)>,
    throttled: u64,
    stretch: f64,
}

impl Gathered {
    fn at_once(watched: &Watched) -> Self {
        let calls = watched.budget.calls().into_iter();
        Self {
            standing: watched.switch.standing(),
            pulse: watched.vitals.pulse(),
            calls: calls.map(|((service, operation), count)| (service, operation, count)).collect(),
            throttled: watched.budget.throttled_replies(),
            stretch: watched.budget.stretch(),
        }
    }
}

/// Values of one metric, each with its labels.
type Values<V> = Vec<(Vec<(&'static str, String)>, V)>;

fn gauges(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, values: Values<f64>) -> fmt::Result {
    let mut family = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn gauge(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    ConstGauge::new(value).encode(to.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

fn counters(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, values: Values<u64>) -> fmt::Result {
    let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in values {
        ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn counter(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    ConstCounter::new(value).encode(to.encode_descriptor(name, help, None, MetricType::Counter)?)
}

#[expect(clippy::cast_precision_loss, reason = "no fleet has so many that a float could not tell")]
fn float(count: u64) -> f64 {
    count as f64
}

impl Collector for Gathered {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        self.leading(&mut to)?;
        self.turns(&mut to)?;
        fleet(&self.pulse.fleet, &mut to)?;
        let calls = self.calls.iter();
        counters(
            &mut to,
            "aws_calls",
            "Attempts sent to AWS",
            calls
                .map(|(service, operation, count)| {
                    (vec![("service", service.clone()), ("operation", operation.clone())], *count)
                })
                .collect(),
        )?;
        counter(&mut to, "aws_throttled", "Replies that said throttled", self.throttled)?;
        gauge(&mut to, "aws_stretch", "How many times slower than at rest AWS is asked", self.stretch)
    }
}

impl Gathered {
    fn leading(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (leads, epoch, left) = match &self.standing {
            Standing::Leads { epoch, left } => (1.0, *epoch, *left),
            Standing::Follows | Standing::Shut(_) => (0.0, 0, Duration::ZERO),
        };
        gauge(to, "leader", "1 while this process leads", leads)?;
        gauge(to, "lease_epoch", "Number of the lease that this process holds; 0 without one", float(epoch))?;
        gauge(
            to,
            "lease_left_seconds",
            "What is left of the lease that this process holds",
            left.as_secs_f64(),
        )
    }

    fn turns(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let turns = ["ok", "failed"].map(|result| {
            (vec![("result", result.to_owned())], self.pulse.turns.get(result).copied().unwrap_or(0))
        });
        counters(to, "turns", "Turns by result", turns.into())?;
        let acts = self.pulse.acts.iter();
        counters(
            to,
            "steps",
            "Steps of features by verb and what became of them",
            acts.map(|((verb, outcome), count)| {
                (vec![("verb", (*verb).to_owned()), ("outcome", (*outcome).to_owned())], *count)
            })
            .collect(),
        )?;
        let ended = self.pulse.last.as_ref().map(|(_, last)| last.at.as_second());
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a float")]
        let ended = ended.map_or(0.0, |second| second as f64);
        gauge(to, "last_turn_timestamp_seconds", "When the last turn ended; 0 before the first", ended)
    }
}

fn fleet(fleet: &FleetCounts, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let phases = fleet.phases.iter();
    gauges(
        to,
        "features",
        "Features by phase",
        phases.map(|(phase, count)| (vec![("phase", phase.as_str().to_owned())], float(*count))).collect(),
    )?;
    let held = fleet.held.iter();
    gauges(
        to,
        "guard_held_features",
        "Features that a guard holds back",
        held.map(|(guard, count)| (vec![("guard", guard.as_str().to_owned())], float(*count))).collect(),
    )?;
    gauge(to, "environments", "Live environments of ours", float(fleet.environments))?;
    gauge(
        to,
        "orphans",
        "Environments that bear our tag and that the store does not know",
        float(fleet.orphans),
    )?;
    gauge(
        to,
        "blind",
        "1 while there is no listing of environments to decide on",
        if fleet.blind { 1.0 } else { 0.0 },
    )
}
