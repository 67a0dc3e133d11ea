//! One call: the SDK's future, what was noted of it on the wire, and the
//! sorted error.

use std::cell::Cell;
use std::error::Error as StdError;
use std::future::Future;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId as _;
use jiff::Timestamp;

use super::errors::{CallError, classify};
use crate::model::RequestId;

tokio::task_local! {
    /// What the connector notes of the call that this task is in. The SDK
    /// hands no value of ours through its layers and back, but it never
    /// leaves the task.
    static NOTES: Notes;
}

#[derive(Debug, Default)]
struct Notes {
    sent: Cell<bool>,
    date: Cell<Option<Timestamp>>,
}

/// An answer with the time of the reply that brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated<T> {
    /// The answer.
    pub value: T,
    /// The reply's `Date` header: AWS time, whatever our own clock says and
    /// however the SDK signed around it. `None`: the reply had none.
    pub date: Option<Timestamp>,
}

/// Carries out one SDK request (the future of `send()`), notes whether it
/// reached the wire, and sorts its error.
pub async fn call<T, E>(
    request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<Dated<T>, CallError>
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    sorted(request, classify).await
}

/// The same with another way to sort the error. `sort` is told the error,
/// whether any attempt went on the wire, and the request's id.
pub(super) async fn sorted<T, E, X>(
    request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    sort: impl FnOnce(&SdkError<E, HttpResponse>, bool, Option<RequestId>) -> X,
) -> Result<Dated<T>, X>
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    let work = async {
        let outcome = request.await;
        NOTES.with(|notes| (outcome, notes.sent.get(), notes.date.get()))
    };
    let (outcome, sent, date) = NOTES.scope(Notes::default(), work).await;
    match outcome {
        Ok(value) => Ok(Dated { value, date }),
        Err(error) => {
            let request = error.request_id().or_else(|| error.meta().request_id()).map(Into::into);
            Err(sort(&error, sent, request))
        }
    }
}

/// Notes that an attempt goes on the wire; returns whether one had before.
pub(super) fn note_sent() -> bool {
    NOTES.try_with(|notes| notes.sent.replace(true)).unwrap_or(true)
}

/// Takes [`note_sent`] back: this attempt never left.
pub(super) fn note_never_left(before: bool) {
    // Outside of `call` nobody reads the notes.
    NOTES.try_with(|notes| notes.sent.set(before)).unwrap_or_default();
}

/// Notes the reply's time.
pub(super) fn note_date(date: Timestamp) {
    NOTES.try_with(|notes| notes.date.set(Some(date))).unwrap_or_default();
}
