//! What the configuration lets the planner do. Plain data, printed by
//! `sprout diff -o json` beside the plan.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::model::{ApplicationName, IntentKind, Ttl};

/// The planner's settings; the defaults are those that the documentation
/// states.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Policy {
    /// In front of every environment's name; the IAM policy is scoped by it.
    pub prefix: String,
    /// For specifications that name no application.
    pub application: Option<ApplicationName>,
    /// For specifications that name no time to live.
    pub ttl: Ttl,
    /// Whether `ttl: never` is allowed.
    pub allow_never: bool,
    /// Instance profile of environments that are made without a template.
    pub instance_profile: String,
    /// Service role of environments that are made without a template.
    pub service_role: String,
    /// Dockerrun templates by name.
    pub templates: BTreeMap<String, String>,
    /// Limits on what one stretch of time may create and destroy.
    pub guards: Guards,
    /// How often a launch or a deployment of one (generation, digest) is
    /// tried in all.
    pub tries: u32,
    /// How far the local clock may be from AWS time before nothing that
    /// depends on time is destroyed; `None` where a cloud's clock runs at its
    /// own speed.
    pub max_skew: Option<SignedDuration>,
}

/// Limits, all counted in AWS time from durable marks, so that a restart, a
/// new leader or a jump of the local clock refills nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guards {
    /// Asked deletions in [`Guards::window`].
    pub asked: usize,
    /// Creates in [`Guards::window`].
    pub creates: usize,
    /// The window of asked deletions and creates.
    pub window: SignedDuration,
    /// How long a row must have been missing before that counts as a wish.
    pub grace: SignedDuration,
    /// Inferred deletions an hour: at least this many.
    pub inferred_floor: usize,
    /// Inferred deletions an hour: this percentage of the fleet, where that
    /// is more.
    pub inferred_percent: usize,
    /// Creates of one feature in an hour.
    pub flap: usize,
    /// Live environments of ours, where a cap is configured.
    pub cap: Option<usize>,
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            asked: 30,
            creates: 20,
            window: SignedDuration::from_mins(10),
            grace: SignedDuration::from_mins(10),
            inferred_floor: 2,
            inferred_percent: 10,
            flap: 5,
            cap: None,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            prefix: "f-".to_owned(),
            application: None,
            ttl: Ttl::For(SignedDuration::from_hours(72)),
            allow_never: false,
            instance_profile: "aws-elasticbeanstalk-ec2-role".to_owned(),
            service_role: "aws-elasticbeanstalk-service-role".to_owned(),
            templates: BTreeMap::new(),
            guards: Guards::default(),
            tries: 3,
            max_skew: Some(SignedDuration::from_secs(60)),
        }
    }
}

/// How long after an intent a call that nobody answered may still take
/// effect: the window for sending it, the call's own deadline and the lag of
/// a listing.
pub(super) const SETTLE: SignedDuration = SignedDuration::from_secs(60);

/// How long an environment must have borne our name without our tag, after a
/// create that was refused for it, before it counts as somebody else's. Tags
/// lag by a minute or so.
pub(super) const UNPROVEN: SignedDuration = SignedDuration::from_mins(10);

/// How long after a change of tags the former ones may still be shown.
pub(super) const TAGS_LATE: SignedDuration = SignedDuration::from_mins(5);

/// Two complete listings this far apart must lack an environment before its
/// absence is weighed at all.
pub(super) const ABSENCE: SignedDuration = SignedDuration::from_secs(10);

/// How long an absence must last when the listing shows nothing at all.
pub(super) const BLANK: SignedDuration = SignedDuration::from_mins(5);

/// How long an unused version is kept when its environment was not seen
/// Terminated.
pub(super) const ARTIFACT_GRACE: SignedDuration = SignedDuration::from_hours(1);

/// The span in which a failed launch is a mistake in the settings
/// (Beanstalk's pre-flight checks), which trying again does not mend.
pub(super) const PREFLIGHT: SignedDuration = SignedDuration::from_secs(60);

/// When an operation is overdue.
pub(super) fn allowance(kind: &IntentKind) -> SignedDuration {
    match kind {
        IntentKind::Launch { .. } | IntentKind::Terminate => SignedDuration::from_mins(30),
        IntentKind::Configure | IntentKind::Deploy { .. } | IntentKind::Adopt => {
            SignedDuration::from_mins(20)
        }
    }
}

/// The pause after the n-th failed try, growing to five minutes.
pub(super) fn backoff(tries: u32) -> SignedDuration {
    SignedDuration::from_secs(match tries {
        0 | 1 => 60,
        2 => 180,
        _ => 300,
    })
}

/// The pause after a refusal that passes by itself.
pub(super) const NOT_NOW: SignedDuration = SignedDuration::from_secs(15);

/// The name under which an operation's durations are remembered.
pub(crate) fn pace_key(kind: &IntentKind) -> &'static str {
    match kind {
        IntentKind::Launch { .. } => "launch",
        IntentKind::Configure => "configure",
        IntentKind::Deploy { .. } => "deploy",
        IntentKind::Terminate => "terminate",
        IntentKind::Adopt => "adopt",
    }
}
