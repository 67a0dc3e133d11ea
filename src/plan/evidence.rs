//! What events say of an operation. Beanstalk's events have no ids, may come
//! late, twice or out of order, and a single ERROR on the way is no verdict.

use crate::model::{Environment, Intent, Reply, ServiceEvent, Severity, Snapshot};

/// The event that says that the intent's operation failed: by its request id
/// where that is known, else by name and time. Of several the most telling.
pub(super) fn failure_event<'a>(
    intent: &Intent,
    environment: &Environment,
    snapshot: &'a Snapshot,
) -> Option<&'a ServiceEvent> {
    of_operation(intent, environment, snapshot)
        .filter_map(|event| Some((failure(event)?, event)))
        .min_by_key(|(telling, _)| *telling)
        .map(|(_, event)| event)
}

pub(super) fn has_success(intent: &Intent, environment: &Environment, snapshot: &Snapshot) -> bool {
    of_operation(intent, environment, snapshot)
        .any(|event| SUCCESSES.iter().any(|text| event.message.contains(text)))
}

fn of_operation<'a>(
    intent: &Intent,
    environment: &Environment,
    snapshot: &'a Snapshot,
) -> impl Iterator<Item = &'a ServiceEvent> {
    let request = match &intent.reply {
        Reply::Accepted { request } => request.clone(),
        Reply::Unknown | Reply::Refused(_) => None,
    };
    let (name, at) = (environment.name.clone(), intent.at);
    snapshot.events.known().into_iter().flatten().filter(move |event| match &request {
        Some(request) => event.request.as_ref() == Some(request),
        None => event.environment.as_ref() == Some(&name) && event.at >= at,
    })
}

/// The place among [`FAILURES`] of an event which says that its operation
/// failed (docs/beanstalk.md, "How failures look"). A single ERROR event on
/// the way is no verdict.
fn failure(event: &ServiceEvent) -> Option<usize> {
    if event.severity < Severity::Warn {
        return None;
    }
    FAILURES.iter().position(|text| event.message.contains(text))
}

/// What Beanstalk says when an operation failed, the most telling first.
const FAILURES: [&str; 10] = [
    "must have instance profile",
    "The instance profile",
    "Failed to deploy application",
    "Failed to deploy configuration",
    "Failed to terminate",
    "was reverted to the previous configuration",
    "Failed to launch environment",
    "with command timeouts",
    "there were issues during launch",
    "but with errors",
];

const SUCCESSES: [&str; 2] = ["Successfully launched environment", "was deployed to running EC2 instances"];
