//! Answers that cost a call each, and the memory that spares most of them.
//! API calls are shared with people and consoles, so every kind of question
//! has a bound for one turn; what is over it waits for the next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{
    Address, Answer, ApplicationName, BindingAnswer, Environment, EnvironmentId, EnvironmentName,
    ImageAnswer, OptionKey,
};
use crate::provider::{Beanstalk, Registry};

/// How many tag reads, settings reads and address look-ups a turn may cost.
const CALLS_A_TURN: usize = 10;
/// How many environments without a ledger line are looked at in one turn.
const STRANGERS_A_TURN: usize = 3;
/// How long an address's answer holds.
const ADDRESS_HOLDS: Duration = Duration::from_secs(60);
/// How long a stranger without our tag stays uninteresting.
const STRANGER_HOLDS: Duration = Duration::from_secs(600);
/// How long the resolved platform holds: new versions come about monthly.
const PLATFORM_HOLDS: Duration = Duration::from_secs(3600);

/// Answers with the time at which they came. Losing it costs calls, nothing
/// else.
#[derive(Debug)]
pub(super) struct Memory {
    images: BTreeMap<String, (Duration, ImageAnswer)>,
    images_hold: Duration,
    bindings: BTreeMap<EnvironmentId, (Duration, BindingAnswer)>,
    addresses: BTreeMap<String, (Duration, Address)>,
    platform: Option<(Duration, String)>,
}

impl Memory {
    pub(super) fn new(images_hold: Duration) -> Self {
        Self {
            images: BTreeMap::new(),
            images_hold,
            bindings: BTreeMap::new(),
            addresses: BTreeMap::new(),
            platform: None,
        }
    }

    /// What registries say of references: those that are due, in batches.
    pub(super) async fn images(
        &mut self,
        registry: &Registry,
        asked: &BTreeSet<String>,
        at: Duration,
    ) -> BTreeMap<String, ImageAnswer> {
        self.images.retain(|reference, _| asked.contains(reference));
        let hold = self.images_hold;
        let due: Vec<String> = asked
            .iter()
            .filter(|reference| {
                self.images.get(*reference).is_none_or(|(then, _)| at.saturating_sub(*then) >= hold)
            })
            .cloned()
            .collect();
        if !due.is_empty() {
            for (reference, answer) in registry.resolve(&due).await {
                self.images.insert(reference, (at, answer));
            }
        }
        self.images.iter().map(|(reference, (_, answer))| (reference.clone(), answer.clone())).collect()
    }

    /// Bindings of environments in question. Only a positive answer is kept
    /// for good: tags may be late.
    pub(super) async fn bindings(
        &mut self,
        beanstalk: &Beanstalk,
        urgent: &BTreeMap<EnvironmentId, Option<String>>,
        curious: &BTreeMap<EnvironmentId, Option<String>>,
        at: Duration,
    ) -> BTreeMap<EnvironmentId, BindingAnswer> {
        self.bindings.retain(|id, _| urgent.contains_key(id) || curious.contains_key(id));
        let holds = |memory: &Self, id: &EnvironmentId, time: Duration| match memory.bindings.get(id) {
            Some((_, BindingAnswer::Bears(_))) => true,
            Some((then, _)) => at.saturating_sub(*then) < time,
            None => false,
        };
        let due: Vec<_> = urgent
            .iter()
            .filter(|(id, _)| !holds(self, id, Duration::ZERO))
            .take(CALLS_A_TURN)
            .chain(curious.iter().filter(|(id, _)| !holds(self, id, STRANGER_HOLDS)).take(STRANGERS_A_TURN))
            .collect();
        for (id, arn) in due {
            let answer = match arn {
                None => BindingAnswer::Gap("the listing shows no ARN".to_owned()),
                Some(arn) => match beanstalk.binding(arn).await {
                    Ok(Some(binding)) => BindingAnswer::Bears(binding),
                    Ok(None) => BindingAnswer::None,
                    Err(error) => BindingAnswer::Gap(error.to_string()),
                },
            };
            self.bindings.insert(id.clone(), (at, answer));
        }
        self.bindings.iter().map(|(id, (_, answer))| (id.clone(), answer.clone())).collect()
    }

    /// Whether addresses are free.
    pub(super) async fn addresses(
        &mut self,
        beanstalk: &Beanstalk,
        asked: &BTreeSet<String>,
        at: Duration,
    ) -> BTreeMap<String, Answer<Address>> {
        self.addresses
            .retain(|prefix, (then, _)| asked.contains(prefix) && at.saturating_sub(*then) < ADDRESS_HOLDS);
        let mut answers = BTreeMap::new();
        let mut calls = 0;
        for prefix in asked {
            if let Some((_, address)) = self.addresses.get(prefix) {
                answers.insert(prefix.clone(), Answer::Known(address.clone()));
            } else if calls < CALLS_A_TURN {
                calls += 1;
                let answer = match beanstalk.address(prefix).await {
                    Ok(address) => {
                        self.addresses.insert(prefix.clone(), (at, address.clone()));
                        Answer::Known(address)
                    }
                    Err(error) => Answer::Gap(error.to_string()),
                };
                answers.insert(prefix.clone(), answer);
            }
        }
        answers
    }

    /// The platform that the settings mean.
    pub(super) async fn platform(
        &mut self,
        beanstalk: &Beanstalk,
        wanted: &str,
        at: Duration,
    ) -> Answer<String> {
        if let Some((then, platform)) = &self.platform
            && at.saturating_sub(*then) < PLATFORM_HOLDS
        {
            return Answer::Known(platform.clone());
        }
        match beanstalk.resolve_platform(wanted).await {
            Ok(platform) => {
                self.platform = Some((at, platform.clone()));
                Answer::Known(platform)
            }
            Err(error) => Answer::Gap(error.to_string()),
        }
    }
}

/// Reads by id, deleted ones included, of environments that the listing
/// lacks.
pub(super) async fn missing(
    beanstalk: &Beanstalk,
    asked: &BTreeSet<EnvironmentId>,
) -> BTreeMap<EnvironmentId, Answer<Option<Environment>>> {
    let ids: Vec<EnvironmentId> = asked.iter().cloned().collect();
    if ids.is_empty() {
        return BTreeMap::new();
    }
    match beanstalk.by_ids(&ids).await {
        Ok(mut found) => ids.into_iter().map(|id| (id.clone(), Answer::Known(found.remove(&id)))).collect(),
        Err(error) => ids.into_iter().map(|id| (id, Answer::Gap(error.to_string()))).collect(),
    }
}

/// Settings of environments whose settings update has ended.
pub(super) async fn options(
    beanstalk: &Beanstalk,
    asked: &BTreeMap<EnvironmentId, (ApplicationName, EnvironmentName)>,
) -> BTreeMap<EnvironmentId, Answer<BTreeMap<OptionKey, String>>> {
    let mut answers = BTreeMap::new();
    for (id, (application, name)) in asked.iter().take(CALLS_A_TURN) {
        let answer = match beanstalk.options(application, name).await {
            Ok(options) => Answer::Known(options),
            Err(error) => Answer::Gap(error.to_string()),
        };
        answers.insert(id.clone(), answer);
    }
    answers
}

/// Whether an image can be deployed: before that an address is of no use.
pub(super) fn is_there(images: &BTreeMap<String, ImageAnswer>, image: Option<&str>) -> bool {
    image
        .and_then(|image| images.get(image))
        .is_some_and(|answer| matches!(answer, ImageAnswer::Found { .. } | ImageAnswer::Unasked { .. }))
}
