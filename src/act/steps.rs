//! The calls of a step, and what is noted of their answers.

use crate::aws::CallError;
use crate::model::{Attempt, EnvironmentId, FeatureName, Record, Refusal, RefusalClass, Reply, VersionLabel};
use crate::plan::{Action, Remains};
use crate::provider::Accepted;
use crate::store::{Batch, Expect, Fence, RecordBody, StoreError, Write};

use super::{Actor, Done};

/// How often an answer is noted anew after a person's ask came in between.
const NOTES: usize = 4;

/// An answer to a call.
pub(super) struct Answer {
    reply: Reply,
    environment: Option<EnvironmentId>,
    arn: Option<String>,
}

impl Answer {
    pub(super) fn accepted(accepted: Accepted) -> Self {
        let Accepted { request, environment, arn } = accepted;
        Self { reply: Reply::Accepted { request }, environment, arn }
    }

    pub(super) fn failed(error: &CallError) -> Self {
        Self { reply: error.reply(), environment: None, arn: None }
    }

    pub(super) fn into_reply(self) -> Reply {
        self.reply
    }
}

impl Actor {
    /// Makes the one call of an action, with what it needs before. Whatever
    /// fails before the call itself is a definite no.
    pub(super) async fn call(&self, action: Action, late: impl Fn() -> bool) -> Answer {
        let accepted = match action {
            Action::Launch(bundle, version, request) => {
                let ready = match self.validate(&request).await {
                    Ok(()) => self.prepare(&bundle, &version, &late).await,
                    refused => refused,
                };
                match ready {
                    Ok(()) => self.beanstalk.create_environment(&request).await,
                    Err(answer) => return answer,
                }
            }
            Action::Deploy(bundle, version, request) => match self.prepare(&bundle, &version, &late).await {
                Ok(()) => self.beanstalk.deploy(&request).await,
                Err(answer) => return answer,
            },
            Action::Configure(request) => self.beanstalk.configure(&request).await,
            Action::Destroy(request) => match self.beanstalk.prove(&request).await {
                Ok(_) if late() => return not_now("the proof took too long; the call was not sent"),
                Ok(owned) => self.beanstalk.terminate(owned).await,
                Err(error) => return unsent(error),
            },
            Action::Adopt(request) => match self.beanstalk.prove_adoptable(&request.asked).await {
                Ok(_) if late() => return not_now("the proof took too long; the call was not sent"),
                Ok(proof) => self.beanstalk.adopt(proof, &request.tags).await,
                Err(error) => return unsent(error),
            },
            Action::Tidy(_) => return not_now("leftovers are not called for here"),
        };
        match accepted {
            Ok(accepted) => Answer::accepted(accepted),
            Err(error) => Answer::failed(&error),
        }
    }

    /// Options on top of a saved configuration are checked before a launch: a
    /// wrong one would be found only after minutes. Where Beanstalk does not
    /// answer, the create itself tells.
    async fn validate(&self, request: &crate::model::CreateEnvironment) -> Result<(), Answer> {
        let Some(template) = &request.template else { return Ok(()) };
        match self.beanstalk.validate(&request.application, template, &request.options).await {
            Ok(errors) if !errors.is_empty() => {
                let refusal = Refusal { class: RefusalClass::Invalid, message: errors.join("; ") };
                Err(Answer { reply: Reply::Refused(refusal), environment: None, arn: None })
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Bundle and version, before the environment hears of them.
    async fn prepare(
        &self,
        bundle: &crate::model::PutBundle,
        version: &crate::model::CreateVersion,
        late: &impl Fn() -> bool,
    ) -> Result<(), Answer> {
        self.bundles.put(bundle).await.map_err(unsent)?;
        self.beanstalk.create_version(version).await.map_err(unsent)?;
        if late() {
            return Err(not_now("the preparations took too long; the call was not sent"));
        }
        Ok(())
    }

    /// Notes an answer in the record, if the intent that it answers is still
    /// the open one.
    pub(super) async fn note(&self, feature: &FeatureName, answer: Answer, fence: Option<Fence>) -> Done {
        let Answer { reply, environment, arn } = answer;
        let noted = self
            .rewrite(feature, fence, |record| {
                let Attempt::Open(intent) = &mut record.attempt else { return false };
                intent.reply = reply.clone();
                if let Some(ledger) = &mut record.identity.ledger {
                    ledger.id = ledger.id.take().or_else(|| environment.clone());
                    ledger.arn = ledger.arn.take().or_else(|| arn.clone());
                }
                true
            })
            .await;
        match noted {
            Ok(()) => Done::Called(reply),
            Err(_) => Done::Unnoted(reply),
        }
    }

    /// Removes versions and bundles; what fails is found again next turn.
    pub(super) async fn tidy(
        &self,
        feature: &FeatureName,
        remains: Vec<Remains>,
        fence: Option<Fence>,
    ) -> Done {
        let all = remains.len();
        let mut gone: Vec<VersionLabel> = Vec::new();
        for leftover in remains {
            let version = self.beanstalk.delete_version(&leftover.application, &leftover.label).await;
            let removed = match version {
                Ok(_) => self.bundles.delete(&leftover.bucket, &leftover.key).await,
                Err(error) => Err(error),
            };
            if removed.is_ok() {
                gone.push(leftover.label);
            }
        }
        let count = gone.len();
        let noted = self
            .rewrite(feature, fence, |record| {
                record.artifacts.retain(|label, _| !gone.contains(label));
                !gone.is_empty()
            })
            .await;
        match noted {
            Ok(()) => Done::Tidied(count, all),
            Err(error) => Done::StoreFailed(error.to_string()),
        }
    }

    /// Reads the record afresh, changes it and writes it, until nobody comes
    /// in between.
    async fn rewrite(
        &self,
        feature: &FeatureName,
        fence: Option<Fence>,
        change: impl Fn(&mut Record) -> bool,
    ) -> Result<(), StoreError> {
        let mut last = StoreError::Busy;
        for _ in 0..NOTES {
            let Some(stored) = self.store.feature(feature).await?.record else { return Ok(()) };
            let RecordBody::Readable(mut record) = stored.body else { return Ok(()) };
            if !change(&mut record) {
                return Ok(());
            }
            let write = Write::PutRecord { record, expect: Expect::Version(stored.version) };
            match self.store.commit(Batch { fence: fence.clone(), writes: vec![write] }).await {
                Ok(()) => return Ok(()),
                Err(StoreError::Conflict { what }) => last = StoreError::Conflict { what },
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }
}

/// A call that was never made: whatever stood before it, the world of
/// environments is as it was.
pub(super) fn unsent(error: CallError) -> Answer {
    match error {
        CallError::Unknown { why } | CallError::NotSent { why } => not_now(&why),
        CallError::Refused(refusal, _) => {
            Answer { reply: Reply::Refused(refusal), environment: None, arn: None }
        }
    }
}

pub(super) fn not_now(why: &str) -> Answer {
    let refusal = Refusal { class: RefusalClass::NotNow, message: why.to_owned() };
    Answer { reply: Reply::Refused(refusal), environment: None, arn: None }
}
