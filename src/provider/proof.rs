//! What may be terminated, and by which proof. There are two, each a type
//! that only its own check makes: an environment that our ledger names and
//! that bears our binding, and an orphan that a person named.

use std::collections::{BTreeMap, BTreeSet};

use super::beanstalk::Beanstalk;
use crate::aws::{CallError, refused};
use crate::model::names::{BINDING_TAG, is_our_tag};
use crate::model::{Ask, Environment, EnvironmentId, Orphan, RefusalClass, Terminate};

/// The proof that an environment is ours, made by [`Beanstalk::prove`] alone.
#[derive(Debug, PartialEq, Eq)]
pub struct OwnedEnvironment {
    id: EnvironmentId,
}

impl OwnedEnvironment {
    /// Which environment.
    pub fn id(&self) -> &EnvironmentId {
        &self.id
    }
}

/// The proof that a person named an environment that no ledger names, made by
/// [`Beanstalk::prove_orphan`] alone.
#[derive(Debug, PartialEq, Eq)]
pub struct NamedOrphan {
    id: EnvironmentId,
}

impl NamedOrphan {
    /// Which environment.
    pub fn id(&self) -> &EnvironmentId {
        &self.id
    }
}

/// The proof that an orphan is still what a person was shown when they gave it
/// to a feature, made by [`Beanstalk::prove_adoptable`] alone; the only thing
/// whose tags [`Beanstalk::adopt`] changes.
#[derive(Debug, PartialEq, Eq)]
pub struct AdoptableOrphan {
    arn: String,
}

impl AdoptableOrphan {
    /// The ARN that its tags hang on.
    pub fn arn(&self) -> &str {
        &self.arn
    }
}

/// What may be terminated: the only thing that [`Beanstalk::terminate`]
/// takes.
#[derive(Debug, PartialEq, Eq)]
pub enum MayEnd {
    /// Our own.
    Owned(OwnedEnvironment),
    /// Nobody's, as a person said.
    Orphan(NamedOrphan),
}

impl From<OwnedEnvironment> for MayEnd {
    fn from(proof: OwnedEnvironment) -> Self {
        MayEnd::Owned(proof)
    }
}

impl From<NamedOrphan> for MayEnd {
    fn from(proof: NamedOrphan) -> Self {
        MayEnd::Orphan(proof)
    }
}

impl MayEnd {
    pub(super) fn into_id(self) -> EnvironmentId {
        match self {
            MayEnd::Owned(proof) => proof.id,
            MayEnd::Orphan(proof) => proof.id,
        }
    }
}

fn unproven(why: String) -> CallError {
    refused(RefusalClass::Unproven, why)
}

impl Beanstalk {
    /// Reads afresh whether the environment of this id bears this binding.
    /// Tags hang on an ARN, which is made of names, so the id is read first:
    /// a namesake's tags prove nothing.
    pub async fn prove(&self, wanted: &Terminate) -> Result<OwnedEnvironment, CallError> {
        let Terminate { id, arn, binding } = wanted;
        let live = self.alive(id).await?;
        if live.arn.as_ref().is_some_and(|live| live != arn) {
            return Err(unproven(format!("environment {id} has another ARN than the recorded {arn}")));
        }
        match self.tags(arn).await?.get(BINDING_TAG) {
            Some(bears) if bears == binding => Ok(OwnedEnvironment { id: id.clone() }),
            Some(_) => Err(unproven(format!("environment {id} bears somebody else's binding"))),
            None => Err(unproven(format!("environment {id} shows no binding"))),
        }
    }

    /// Reads afresh whether an environment is still what a person was shown
    /// when they asked for its end: the same one, with the same tags of ours.
    /// `ledgers` are the ids that records name at this moment; what stands
    /// among them is no orphan.
    pub async fn prove_orphan(
        &self,
        asked: &Ask<Orphan>,
        ledgers: &BTreeSet<EnvironmentId>,
    ) -> Result<NamedOrphan, CallError> {
        let shown = &asked.what;
        if ledgers.contains(&shown.id) {
            return Err(unproven(format!("environment {} belongs to a feature here", shown.id)));
        }
        self.as_shown(shown).await?;
        Ok(NamedOrphan { id: shown.id.clone() })
    }

    /// Reads afresh whether an orphan is still what a person was shown when
    /// they gave it to a feature.
    pub async fn prove_adoptable(&self, asked: &Ask<Orphan>) -> Result<AdoptableOrphan, CallError> {
        Ok(AdoptableOrphan { arn: self.as_shown(&asked.what).await? })
    }

    /// Reads afresh whether an environment is still as it was shown; answers
    /// with its ARN.
    async fn as_shown(&self, shown: &Orphan) -> Result<String, CallError> {
        let id = &shown.id;
        let live = self.alive(id).await?;
        let (true, Some(arn)) = (shown.is(&live), live.arn) else {
            return Err(unproven(format!("environment {id} is not the one that was shown")));
        };
        if shown.binding().is_none() {
            return Err(unproven(format!("environment {id} was shown without our tag")));
        }
        if self.tags_of_ours(&arn).await? != shown.tags {
            let why = format!("the tags of {id} are not as they were shown; look again: sprout orphans");
            return Err(unproven(why));
        }
        Ok(arn)
    }

    /// Tags of ours that a resource bears at this moment.
    async fn tags_of_ours(&self, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
        Ok(self.tags(arn).await?.into_iter().filter(|(key, _)| is_our_tag(key)).collect())
    }

    async fn alive(&self, id: &EnvironmentId) -> Result<Environment, CallError> {
        match self.by_id(id).await? {
            None => Err(unproven(format!("environment {id} is not to be seen"))),
            Some(live) if !live.is_live() => {
                Err(refused(RefusalClass::NotFound, format!("environment {id} is already Terminated")))
            }
            Some(live) => Ok(live),
        }
    }
}
