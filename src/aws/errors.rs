//! The one place that reads AWS's errors: sorted by what is certain (sent or
//! not, applied or not) and then by what to do next.
//!
//! Beanstalk models few of its errors. Most refusals are
//! `InvalidParameterValue`, told apart by their message alone, and wire codes
//! are not always the names of the SDK's types. What conditions on DynamoDB's
//! rows add to this is sorted in `tables`.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::model::{Refusal, RefusalClass, Reply, RequestId};

/// What is certain about a call that brought no answer that we can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It never reached the service; the world is as before.
    #[error("not sent: {why}")]
    NotSent {
        /// Why.
        why: String,
    },
    /// It may or may not have been carried out: the time ran out, the
    /// connection was lost, the reply made no sense, or the service failed.
    #[error("no certain answer: {why}")]
    Unknown {
        /// Why.
        why: String,
    },
    /// The service said no, or our own check did; the world is as before.
    #[error("{}", .0.message)]
    Refused(Refusal, Option<RequestId>),
}

impl CallError {
    /// The refusal, where it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            CallError::Refused(refusal, _) => Some(refusal),
            CallError::NotSent { .. } | CallError::Unknown { .. } => None,
        }
    }

    /// Whether it is a refusal of this class.
    pub fn is(&self, class: RefusalClass) -> bool {
        self.refusal().is_some_and(|refusal| refusal.class == class)
    }

    /// What an intent remembers of it.
    pub fn reply(&self) -> Reply {
        match self {
            CallError::NotSent { why } => {
                Reply::Refused(Refusal { class: RefusalClass::NotNow, message: why.clone() })
            }
            CallError::Unknown { .. } => Reply::Unknown,
            CallError::Refused(refusal, _) => Reply::Refused(refusal.clone()),
        }
    }
}

/// A refusal of our own making, before anything is sent.
pub fn refused(class: RefusalClass, message: impl Into<String>) -> CallError {
    CallError::Refused(Refusal { class, message: message.into() }, None)
}

/// Sorts an SDK error. `sent` says whether any attempt of the call went on
/// the wire.
pub(super) fn classify<E>(
    error: &SdkError<E, HttpResponse>,
    sent: bool,
    request: Option<RequestId>,
) -> CallError
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    let service = match error {
        SdkError::ServiceError(service) => service,
        _ if sent => return CallError::Unknown { why: chain(error) },
        _ => return CallError::NotSent { why: chain(error) },
    };
    let status = service.raw().status().as_u16();
    let code = service.err().code().unwrap_or_default();
    let message = service.err().message().unwrap_or_default();
    let shown = match (code, message) {
        ("", "") => format!("HTTP status {status}"),
        ("", text) | (text, "") => text.to_owned(),
        (code, message) => format!("{code}: {message}"),
    };
    match class_of(status, code, message) {
        Some(class) => CallError::Refused(Refusal { class, message: shown }, request),
        None => CallError::Unknown { why: shown },
    }
}

/// An error and its sources in one line. The SDK's outer words ("dispatch
/// failure", "io error") say nothing and are left out where there is more.
fn chain(error: &(dyn StdError + 'static)) -> String {
    const HOLLOW: [&str; 7] = [
        "dispatch failure",
        "user error",
        "io error",
        "other",
        "timeout",
        "service error",
        "failed to construct request",
    ];
    let mut words: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        // Some words come with line breaks, such as the credential chain's.
        let word = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if words.last() != Some(&word) {
            words.push(word);
        }
        next = error.source();
    }
    let telling: Vec<_> =
        words.iter().filter(|word| !HOLLOW.contains(&word.as_str())).map(String::as_str).collect();
    if telling.is_empty() { words.join(": ") } else { telling.join(": ") }
}

/// Codes by which AWS services say "too fast" (the SDK's own list and those
/// seen at Beanstalk and S3).
const THROTTLING: [&str; 13] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "SlowDown",
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "LimitExceededThrottling",
];

/// Whether this code says "too fast".
pub(super) fn throttles(code: &str) -> bool {
    THROTTLING.contains(&code)
}

/// Whether an error body names one of the throttling codes.
pub(super) fn names_throttling(body: &str) -> bool {
    THROTTLING.iter().any(|code| {
        body.contains(&format!("<Code>{code}</Code>"))
            || body.contains(&format!("\"{code}\""))
            || body.contains(&format!("#{code}\""))
    })
}

/// What to do about an error reply; `None`: it is not certain that nothing
/// was done.
fn class_of(status: u16, code: &str, message: &str) -> Option<RefusalClass> {
    use RefusalClass::{Denied, Invalid, NotFound, NotNow, Quota};
    if throttles(code) || status == 429 {
        return Some(NotNow);
    }
    // A reply that says neither yes nor no in words that we can read: a body
    // that was cut short looks like an error without a code.
    let bare = code.is_empty() && !matches!(status, 401 | 403 | 404 | 409 | 412);
    if !(300..500).contains(&status) || bare {
        return None;
    }
    if let Some(class) = by_code(code) {
        return Some(class);
    }
    if let Some(class) = by_message(message) {
        return Some(class);
    }
    Some(match status {
        401 | 403 => Denied,
        404 => NotFound,
        408 => return None,
        409 => NotNow,
        _ if code.starts_with("TooMany") || code.starts_with("LimitExceeded") => Quota,
        _ => Invalid,
    })
}

/// Codes that say enough by themselves.
fn by_code(code: &str) -> Option<RefusalClass> {
    use RefusalClass::{Denied, NotFound, NotNow, Quota};
    // The EB CLI knows a `TemporaryMaintainanceException`, spelled so.
    if code.contains("Temporary") || code.contains("OperationInProgress") {
        return Some(NotNow);
    }
    if code.starts_with("TooMany") {
        return Some(Quota);
    }
    Some(match code {
        "TransactionInProgressException"
        | "TransactionConflictException"
        | "ReplicatedWriteConflictException"
        // A table that is being made or changed, by us or by another process.
        | "ResourceInUseException"
        | "ContinuousBackupsUnavailableException"
        | "OperationAborted"
        | "ConditionalRequestConflict"
        | "RequestTimeout"
        // Credentials that ran out and clocks that differ mend themselves: the
        // chain fetches new ones, the SDK signs around the difference.
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "RequestTimeTooSkewed" => NotNow,
        "AccessDenied"
        | "AccessDeniedException"
        | "AllAccessDisabled"
        | "AuthFailure"
        | "IncompleteSignature"
        | "InsufficientPrivilegesException"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "NotAuthorized"
        | "OptInRequired"
        | "S3SubscriptionRequiredException"
        | "SignatureDoesNotMatch"
        | "UnauthorizedOperation"
        | "UnrecognizedClientException" => Denied,
        "LimitExceededException" | "ServiceQuotaExceededException" => Quota,
        "ImageNotFoundException"
        | "NoSuchBucket"
        | "NoSuchKey"
        | "NotFound"
        | "RepositoryNotFoundException"
        | "ResourceNotFoundException"
        | "TableNotFoundException" => NotFound,
        _ => return None,
    })
}

/// Beanstalk's words, in parts that have stayed the same over the years.
fn by_message(message: &str) -> Option<RefusalClass> {
    use RefusalClass::{CnameTaken, Denied, Invalid, NameTaken, NotFound, NotNow, Quota};
    let says = |part: &str| message.contains(part);
    let begins = |part: &str| message.starts_with(part);
    if says("Must be Ready")
        || says("Must be pending deployment")
        || says("invalid state for this operation")
        || says("currently pending creation")
        || says("currently pending deployment")
        || says("currently pending termination")
        || says("already in progress")
        || says("Rate exceeded")
    {
        return Some(NotNow);
    }
    if says("DNS name (") && says("not available") {
        return Some(CnameTaken);
    }
    if says("already exists") {
        // The environment's name alone is a matter of who has it; versions,
        // templates and applications are ours to name.
        return Some(if begins("Environment ") { NameTaken } else { Invalid });
    }
    if begins("No ") && (says(" found") || says(" named ")) {
        return Some(NotFound);
    }
    if says("You cannot have more than") || says("limit increase") {
        return Some(Quota);
    }
    if says("Unable to download from S3 location") {
        return Some(match () {
            () if says("Not Found") => NotFound,
            () if says("Forbidden") || says("Access Denied") => Denied,
            () => Invalid,
        });
    }
    says("is not authorized to perform").then_some(Denied)
}

#[cfg(test)]
mod tests {
    use RefusalClass::{CnameTaken, Denied, Invalid, NameTaken, NotFound, NotNow, Quota};

    use super::*;

    /// Status, code, message, and what to do about it.
    const TABLE: &[(u16, &str, &str, Option<RefusalClass>)] = &[
        (
            400,
            "InvalidParameterValue",
            "Environment named f-a is in an invalid state for this operation. Must be Ready.",
            Some(NotNow),
        ),
        (
            400,
            "InvalidParameterValue",
            "Environment named f-a is in an invalid state for this operation. Must be pending deployment.",
            Some(NotNow),
        ),
        (
            400,
            "InvalidParameterValue",
            "Cannot terminate environment named f-a. It is currently pending creation.",
            Some(NotNow),
        ),
        (
            400,
            "InvalidParameterValue",
            "Cannot terminate environment named f-a. It is currently pending deployment.",
            Some(NotNow),
        ),
        (400, "InvalidParameterValue", "Environment f-a already exists.", Some(NameTaken)),
        (400, "InvalidParameterValue", "Environment 'f-a' already exists.", Some(NameTaken)),
        (
            400,
            "InvalidParameterValue",
            "DNS name (f-a.eu-central-1.elasticbeanstalk.com) is not available.",
            Some(CnameTaken),
        ),
        (400, "InvalidParameterValue", "Application Version v1 already exists.", Some(Invalid)),
        (400, "InvalidParameterValue", "Configuration Template t already exists.", Some(Invalid)),
        (400, "InvalidParameterValue", "Application shop already exists.", Some(Invalid)),
        (400, "InvalidParameterValue", "No Environment found for EnvironmentName = 'f-a'.", Some(NotFound)),
        (
            400,
            "InvalidParameterValue",
            "No Environment found for EnvironmentId = 'e-abcdefghij'.",
            Some(NotFound),
        ),
        (400, "InvalidParameterValue", "No Application Version named 'v1' found.", Some(NotFound)),
        (400, "InvalidParameterValue", "No Application named 'shop' found.", Some(NotFound)),
        (400, "InvalidParameterValue", "No Configuration Template named 'shop/base' found.", Some(NotFound)),
        (400, "InvalidParameterValue", "No Platform named 'arn:x' found.", Some(NotFound)),
        (400, "InvalidParameterValue", "No Solution Stack named '64bit old' found.", Some(NotFound)),
        (
            400,
            "InvalidParameterValue",
            "Invalid option specification (Namespace: 'a', OptionName: 'b'): Unknown configuration setting.",
            Some(Invalid),
        ),
        (400, "InvalidParameterValue", "Invalid option value: 't9.huge'", Some(Invalid)),
        (400, "InvalidParameterValue", "Cannot change environment tier", Some(Invalid)),
        (
            400,
            "InvalidParameterCombination",
            "Unable to download from S3 location (Bucket: b  Key: k). Reason: Not Found",
            Some(NotFound),
        ),
        (
            400,
            "InvalidParameterCombination",
            "Unable to download from S3 location (Bucket: b  Key: k). Reason: Forbidden",
            Some(Denied),
        ),
        (
            400,
            "InvalidParameterCombination",
            "Unable to download from S3 location (Bucket: b  Key: k). Reason: Moved Permanently",
            Some(Invalid),
        ),
        (400, "MissingParameter", "The request must contain the parameter EnvironmentName.", Some(Invalid)),
        (400, "MissingRequiredParameter", "EnvironmentName or EnvironmentId is needed.", Some(Invalid)),
        (400, "InvalidAction", "Could not find operation Dance for version 2010-12-01", Some(Invalid)),
        (400, "InvalidRequestException", "DescribeEnvironmentHealth is not supported.", Some(Invalid)),
        (
            400,
            "OperationInProgressFailure",
            "Unable to delete application version: v1. An operation is already in progress, please retry again shortly.",
            Some(NotNow),
        ),
        (400, "OperationInProgressException", "", Some(NotNow)),
        (400, "Throttling", "Rate exceeded", Some(NotNow)),
        (503, "Throttling", "Rate exceeded", Some(NotNow)),
        (400, "ThrottlingException", "", Some(NotNow)),
        (503, "SlowDown", "Please reduce your request rate.", Some(NotNow)),
        (429, "", "", Some(NotNow)),
        (400, "TemporaryMaintainanceException", "Back soon.", Some(NotNow)),
        (400, "TooManyEnvironmentsException", "", Some(Quota)),
        (
            400,
            "TooManyApplicationVersionsException",
            "You cannot have more than 500 Application Versions. Either remove some Application Versions or request a limit increase.",
            Some(Quota),
        ),
        (400, "TooManyBucketsException", "", Some(Quota)),
        (400, "InvalidParameterValue", "You cannot have more than 500 Application Versions.", Some(Quota)),
        (403, "InsufficientPrivilegesException", "Access Denied: ec2:RunInstances", Some(Denied)),
        (
            403,
            "AccessDenied",
            "User: arn:aws:iam::1:user/x is not authorized to perform: elasticbeanstalk:CreateEnvironment",
            Some(Denied),
        ),
        (400, "AccessDeniedException", "", Some(Denied)),
        (403, "ExpiredToken", "The security token included in the request is expired", Some(NotNow)),
        (400, "RequestExpired", "Request has expired.", Some(NotNow)),
        (403, "RequestTimeTooSkewed", "", Some(NotNow)),
        (403, "SignatureDoesNotMatch", "Signature expired", Some(Denied)),
        (403, "InvalidClientTokenId", "", Some(Denied)),
        (403, "", "", Some(Denied)),
        (404, "", "", Some(NotFound)),
        (404, "NoSuchKey", "", Some(NotFound)),
        (400, "RepositoryNotFoundException", "", Some(NotFound)),
        (409, "OperationAborted", "", Some(NotNow)),
        (400, "TransactionConflictException", "", Some(NotNow)),
        (400, "TransactionInProgressException", "", Some(NotNow)),
        (400, "ProvisionedThroughputExceededException", "", Some(NotNow)),
        (400, "ResourceInUseException", "Table already exists: features", Some(NotNow)),
        (400, "ResourceNotFoundException", "Requested resource not found", Some(NotFound)),
        (400, "TableNotFoundException", "Table not found: features", Some(NotFound)),
        (400, "ConditionalCheckFailedException", "The conditional request failed", Some(Invalid)),
        (400, "ValidationException", "Item size has exceeded the maximum allowed size", Some(Invalid)),
        (400, "ItemCollectionSizeLimitExceededException", "", Some(Invalid)),
        (412, "PreconditionFailed", "", Some(Invalid)),
        (400, "S3LocationNotInServiceRegionException", "", Some(Invalid)),
        (400, "InvalidParameterValue", "", Some(Invalid)),
        (301, "PermanentRedirect", "", Some(Invalid)),
        (412, "", "", Some(Invalid)),
        (400, "", "", None),
        (200, "", "", None),
        (500, "InternalFailure", "", None),
        (503, "ServiceUnavailable", "", None),
        (504, "", "", None),
        (408, "", "", None),
    ];

    #[test]
    fn errors_are_sorted_by_what_to_do_next() {
        for (status, code, message, class) in TABLE {
            assert_eq!(class_of(*status, code, message), *class, "{status} {code}: {message}");
        }
    }

    #[test]
    fn throttling_is_seen_in_bodies_of_both_protocols() {
        assert!(names_throttling("<Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error>"));
        assert!(names_throttling(r#"{"__type":"ThrottlingException","message":""}"#));
        assert!(names_throttling(r#"{"__type":"com.amazonaws.ecr#ThrottlingException"}"#));
        assert!(!names_throttling("<Code>InvalidParameterValue</Code><Message>Throttling it</Message>"));
    }

    #[test]
    fn what_an_intent_remembers_follows_what_is_certain() {
        let unknown = CallError::Unknown { why: "lost".to_owned() };
        assert_eq!(unknown.reply(), Reply::Unknown);
        let stopped = CallError::NotSent { why: "no lease".to_owned() };
        assert!(matches!(stopped.reply(), Reply::Refused(refusal) if refusal.class == NotNow));
        assert!(refused(RefusalClass::Unproven, "not ours").is(RefusalClass::Unproven));
    }
}
