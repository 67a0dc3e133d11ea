//! What events and settings say of an operation. Beanstalk's events have no ids, may come
//! late, twice or out of order, and a single ERROR on the way is no verdict.

use std::collections::BTreeSet;

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

/// The event that says that a change of tags failed. An adoption asks for no
/// other: what else failed on the environment was somebody else's.
pub(super) fn tags_failed<'a>(
    intent: &Intent,
    environment: &Environment,
    snapshot: &'a Snapshot,
) -> Option<&'a ServiceEvent> {
    let failed = |event: &&ServiceEvent| event.message.contains("Environment tag update failed");
    of_operation(intent, environment, snapshot).find(failed)
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

/// Whether a setting shows a value, in whatever way Beanstalk writes it: `true`
/// comes back as `True`, lists of subnets or groups in another order, and an
/// empty value not at all.
pub(super) fn same_value(live: Option<&String>, wanted: &str) -> bool {
    let live = live.map_or("", String::as_str);
    let parts =
        |text: &str| -> BTreeSet<String> { text.split(',').map(|part| part.trim().to_owned()).collect() };
    let truth = |text: &str| ["true", "false"].iter().any(|word| word.eq_ignore_ascii_case(text));
    live == wanted
        || (truth(wanted) && live.eq_ignore_ascii_case(wanted))
        || (wanted.contains(',') && parts(live) == parts(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_compared_as_beanstalk_writes_them() {
        let same = |live: Option<&str>, wanted| same_value(live.map(str::to_owned).as_ref(), wanted);
        assert!(same(Some("t3.small"), "t3.small"));
        assert!(same(Some("True"), "true"));
        assert!(same(Some("subnet-2, subnet-1"), "subnet-1,subnet-2"));
        assert!(same(None, ""));
        assert!(!same(None, "x"));
        assert!(!same(Some("Debug"), "debug"));
        assert!(!same(Some("subnet-1"), "subnet-1,subnet-2"));
    }
}
