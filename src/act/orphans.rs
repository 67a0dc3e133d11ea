//! Orphans that a person wants ended. All requests stand in one document, so
//! their memory is written together, before any call.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;

use super::steps::{Answer, not_now, unsent};
use super::{Actor, Done, SEND_WITHIN, SIDE_BY_SIDE, event, refused_by_store};
use crate::model::{Attempt, EndOrphan, EnvironmentId, FeatureName, OrphanRequest};
use crate::plan::OrphanStep;
use crate::status::ORPHANS_DOCUMENT;
use crate::store::{Batch, Document, Expect, Fence, RecordBody, Rows, StoreError, Write};

/// Requests by the environment's id.
type Requests = BTreeMap<EnvironmentId, OrphanRequest>;

/// How often an answer is noted anew after a person's wish came in between.
const NOTES: usize = 4;

impl Actor {
    /// Carries out what was planned for orphans.
    pub(super) async fn orphans(
        &self,
        steps: BTreeMap<EnvironmentId, OrphanStep>,
        now: Timestamp,
        rows: &Rows,
        fence: Option<&Fence>,
        looked: Duration,
    ) -> Vec<(EnvironmentId, Done)> {
        if steps.is_empty() {
            return Vec::new();
        }
        let late = || self.clock.monotonic().saturating_sub(looked) > SEND_WITHIN;
        let all = |steps: BTreeMap<EnvironmentId, OrphanStep>, done: &Done| -> Vec<(EnvironmentId, Done)> {
            steps.into_keys().map(|id| (id, done.clone())).collect()
        };
        if steps.values().any(|step| step.action.is_some()) {
            if !self.may_call() {
                return all(steps, &Done::Fenced);
            }
            if late() || self.is_paused().await {
                return all(steps, &Done::Stale);
            }
        }
        if let Err(error) = self.remember(&steps, now, rows, fence).await {
            return all(steps, &refused_by_store(error));
        }
        futures::stream::iter(steps)
            .map(|(id, step)| async move {
                let Some(action) = step.action else { return (id, Done::Noted) };
                let answer = self.end_orphan(&action, &late).await;
                let done = self.note_orphan(&id, answer, fence).await;
                (id, done)
            })
            .buffer_unordered(SIDE_BY_SIDE)
            .collect()
            .await
    }

    /// Writes down what becomes of the requests, in one transaction, before
    /// any call.
    async fn remember(
        &self,
        steps: &BTreeMap<EnvironmentId, OrphanStep>,
        now: Timestamp,
        rows: &Rows,
        fence: Option<&Fence>,
    ) -> Result<(), StoreError> {
        let document = rows.documents.get(ORPHANS_DOCUMENT);
        let mut requests = read(document)?;
        let mut writes = Vec::new();
        for (id, step) in steps {
            match &step.request {
                Some(request) => drop(requests.insert(id.clone(), request.clone())),
                None => drop(requests.remove(id)),
            }
            let history = FeatureName::new(id.as_str());
            writes.extend(step.news.iter().map(|news| Write::AddEvent(event(&history, now, news.clone()))));
        }
        let expect = document.map_or(Expect::Absent, |document| Expect::Version(document.version));
        writes.insert(0, write(&requests, expect)?);
        // What does not fit is history only.
        writes.truncate(crate::store::BATCH_MOST);
        self.store.commit(Batch { fence: fence.cloned(), writes }).await
    }

    /// The proof and the one call. What no ledger names is read at this
    /// moment.
    async fn end_orphan(&self, action: &EndOrphan, late: impl Fn() -> bool) -> Answer {
        let ledgers = match self.ledgers().await {
            Ok(ledgers) => ledgers,
            Err(why) => return not_now(&why),
        };
        match self.beanstalk.prove_orphan(&action.asked, &ledgers).await {
            Ok(_) if late() => not_now("the proof took too long; the call was not sent"),
            Ok(proof) => match self.beanstalk.terminate(proof).await {
                Ok(accepted) => Answer::accepted(accepted),
                Err(error) => Answer::failed(&error),
            },
            Err(error) => unsent(error),
        }
    }

    /// Every id that a record names. One that cannot be read may name any.
    async fn ledgers(&self) -> Result<BTreeSet<EnvironmentId>, String> {
        let rows = self.store.load().await.map_err(|error| error.to_string())?;
        let mut ids = BTreeSet::new();
        for (name, stored) in &rows.records {
            match &stored.body {
                RecordBody::Readable(record) => {
                    ids.extend(record.identity.ledger.iter().filter_map(|ledger| ledger.id.clone()));
                }
                RecordBody::Unreadable { .. } => {
                    return Err(format!("what is remembered of {name} cannot be read"));
                }
            }
        }
        Ok(ids)
    }

    /// Notes an answer in the request that it answers.
    async fn note_orphan(&self, id: &EnvironmentId, answer: Answer, fence: Option<&Fence>) -> Done {
        let reply = answer.into_reply();
        for _ in 0..NOTES {
            let noted = async {
                let document = self.store.document(ORPHANS_DOCUMENT).await?;
                let mut requests = read(document.as_ref())?;
                let Some(Attempt::Open(intent)) = requests.get_mut(id).map(|request| &mut request.attempt)
                else {
                    return Ok(());
                };
                intent.reply = reply.clone();
                let expect =
                    document.as_ref().map_or(Expect::Absent, |document| Expect::Version(document.version));
                let writes = vec![write(&requests, expect)?];
                self.store.commit(Batch { fence: fence.cloned(), writes }).await
            };
            match noted.await {
                Ok(()) => return Done::Called(reply),
                Err(StoreError::Conflict { .. }) => {}
                Err(_) => break,
            }
        }
        Done::Unnoted(reply)
    }
}

/// Requests as they stand; an empty document says the same as none.
fn read(document: Option<&Document>) -> Result<Requests, StoreError> {
    let Some(document) = document else { return Ok(Requests::new()) };
    let requests = serde_json::from_str::<Option<Requests>>(&document.body).map_err(unusable)?;
    Ok(requests.unwrap_or_default())
}

fn write(requests: &Requests, expect: Expect) -> Result<Write, StoreError> {
    let body = serde_json::to_string(requests).map_err(unusable)?;
    Ok(Write::PutDocument { name: ORPHANS_DOCUMENT.to_owned(), body, expect })
}

fn unusable(source: serde_json::Error) -> StoreError {
    StoreError::Unusable { place: ORPHANS_DOCUMENT.to_owned(), source: Box::new(source) }
}
