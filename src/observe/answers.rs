//! Answers that cost a call each, and the memory that spares most of them.
//! API calls are shared with people and consoles, so every kind of question
//! has a bound for one turn; what is over it waits for the next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::names::{BINDING_TAG, is_our_tag};
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
/// How long the tags of one that bears ours hold: somebody else may adopt it.
const ORPHAN_HOLDS: Duration = Duration::from_secs(3600);
/// How long the resolved platform holds: new versions come about monthly.
const PLATFORM_HOLDS: Duration = Duration::from_secs(3600);

/// Tags of ours that an environment bears.
pub(super) type Tags = BTreeMap<String, String>;

/// Whose tags are read, by what for.
#[derive(Debug, Default)]
pub(super) struct TagQuestions {
    /// A name of ours without a proof: a binding that was seen once holds.
    pub(super) unproven: BTreeMap<EnvironmentId, Option<String>>,
    /// A decision rests on them in this very turn.
    pub(super) urgent: BTreeMap<EnvironmentId, Option<String>>,
    /// For the list of orphans.
    pub(super) curious: BTreeMap<EnvironmentId, Option<String>>,
}

impl TagQuestions {
    fn asks(&self, id: &EnvironmentId) -> bool {
        [&self.unproven, &self.urgent, &self.curious].iter().any(|asked| asked.contains_key(id))
    }
}

/// Answers with the time at which they came. Losing it costs calls, nothing
/// else.
#[derive(Debug)]
pub(super) struct Memory {
    images: BTreeMap<String, (Duration, ImageAnswer)>,
    images_hold: Duration,
    tags: BTreeMap<EnvironmentId, (Duration, Answer<Tags>)>,
    addresses: BTreeMap<String, (Duration, Address)>,
    platform: Option<(Duration, String)>,
}

impl Memory {
    pub(super) fn new(images_hold: Duration) -> Self {
        Self {
            images: BTreeMap::new(),
            images_hold,
            tags: BTreeMap::new(),
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

    /// Tags of environments in question: a bounded number of reads, and the
    /// rest from memory. Tags may be late, so that only what bears ours is
    /// kept for longer.
    pub(super) async fn tags(
        &mut self,
        beanstalk: &Beanstalk,
        asked: &TagQuestions,
        at: Duration,
    ) -> BTreeMap<EnvironmentId, Answer<Tags>> {
        self.tags.retain(|id, _| asked.asks(id));
        let bears = |answer: &Answer<Tags>| answer.known().is_some_and(|tags| tags.contains_key(BINDING_TAG));
        let holds = |memory: &Self, id: &EnvironmentId, ours: Duration, others: Duration| {
            memory.tags.get(id).is_some_and(|(then, answer)| {
                at.saturating_sub(*then) < if bears(answer) { ours } else { others }
            })
        };
        let unproven = asked
            .unproven
            .iter()
            .filter(|(id, _)| !holds(self, id, Duration::MAX, Duration::ZERO))
            .take(CALLS_A_TURN);
        // Those that were never read come first, then the oldest answers.
        let age = |id: &EnvironmentId| self.tags.get(id).map(|(then, _)| *then);
        let mut urgent: Vec<_> = asked.urgent.iter().collect();
        urgent.sort_by_key(|(id, _)| age(id));
        let mut curious: Vec<_> =
            asked.curious.iter().filter(|(id, _)| !holds(self, id, ORPHAN_HOLDS, STRANGER_HOLDS)).collect();
        curious.sort_by_key(|(id, _)| age(id));
        let (urgent, curious) =
            (urgent.into_iter().take(CALLS_A_TURN), curious.into_iter().take(STRANGERS_A_TURN));
        let due: Vec<_> = unproven.chain(urgent).chain(curious).collect();
        for (id, arn) in due {
            let answer = tags_of(beanstalk, arn.as_deref()).await;
            self.tags.insert(id.clone(), (at, answer));
        }
        let fresh = |id: &EnvironmentId, then: Duration| then == at || !asked.urgent.contains_key(id);
        let answers = self.tags.iter().filter(|(id, (then, _))| fresh(id, *then));
        answers.map(|(id, (_, answer))| (id.clone(), answer.clone())).collect()
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

/// Tags of ours that an environment bears at this moment.
async fn tags_of(beanstalk: &Beanstalk, arn: Option<&str>) -> Answer<Tags> {
    let Some(arn) = arn else { return Answer::Gap("the listing shows no ARN".to_owned()) };
    match beanstalk.tags(arn).await {
        Ok(tags) => Answer::Known(tags.into_iter().filter(|(key, _)| is_our_tag(key)).collect()),
        Err(error) => Answer::Gap(error.to_string()),
    }
}

/// What tags say of the binding.
pub(super) fn binding_of(tags: &Answer<Tags>) -> BindingAnswer {
    match tags {
        Answer::Known(tags) => match tags.get(BINDING_TAG) {
            Some(binding) => BindingAnswer::Bears(binding.clone()),
            None => BindingAnswer::None,
        },
        Answer::Gap(why) => BindingAnswer::Gap(why.clone()),
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
