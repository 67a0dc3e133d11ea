//! Refusals as DynamoDB words them, with what some of them carry beside the text.

use serde_json::{Map, Value, json};

use super::value::{Item, item_json};
use crate::emulator::fault::Kind;

/// A request that the tables turned down.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// HTTP status of the answer.
    pub status: u16,
    /// Error type on the wire without its namespace, such as `ResourceNotFoundException`.
    pub code: &'static str,
    /// What the caller is told.
    pub message: String,
    /// Further members of the error: `Item`, `CancellationReasons`.
    more: Map<String, Value>,
}

/// Why one action of a transaction did not go through; `None` where it would have.
pub(super) type Reason = Option<(&'static str, String, Option<Value>)>;

impl Refusal {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into(), more: Map::new() }
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// The commonest beginning of a validation's text.
    pub(super) fn parameter(message: impl AsRef<str>) -> Self {
        Self::validation(format!("One or more parameter values were invalid: {}", message.as_ref()))
    }

    /// A member that the model of the request does not allow.
    pub(super) fn constraint(value: &str, place: &str, constraint: &str) -> Self {
        Self::validation(format!(
            "1 validation error detected: Value {value} at '{place}' failed to satisfy constraint: {constraint}"
        ))
    }

    /// A member of the wrong JSON type.
    pub(super) fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", message)
    }

    /// No such table, as calls on items are told.
    pub(super) fn no_resource() -> Self {
        Self::new("ResourceNotFoundException", "Requested resource not found")
    }

    /// No such table, as calls on tables are told.
    pub(super) fn no_table(name: &str) -> Self {
        Self::new(
            "ResourceNotFoundException",
            format!("Requested resource not found: Table: {name} not found"),
        )
    }

    /// A condition that did not hold, with the item that it was asked of where the caller wants it.
    pub(super) fn conditional(item: Option<&Item>) -> Self {
        let mut refusal = Self::new("ConditionalCheckFailedException", "The conditional request failed");
        if let Some(item) = item {
            refusal.more.insert("Item".to_owned(), item_json(item));
        }
        refusal
    }

    /// A transaction of which nothing was done, with one reason for each action in their order.
    pub(super) fn canceled(reasons: &[Reason]) -> Self {
        let code = |reason: &Reason| reason.as_ref().map_or("None", |(code, ..)| *code);
        let codes: Vec<&str> = reasons.iter().map(code).collect();
        let mut refusal = Self::new(
            "TransactionCanceledException",
            format!(
                "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
                codes.join(", ")
            ),
        );
        let told = reasons.iter().map(|reason| match reason {
            None => json!({"Code": "None"}),
            Some((code, message, None)) => json!({"Code": code, "Message": message}),
            Some((code, message, Some(item))) => json!({"Code": code, "Message": message, "Item": item}),
        });
        refusal.more.insert("CancellationReasons".to_owned(), told.collect());
        refusal
    }

    /// What the refusal of one action becomes among the reasons of its transaction.
    pub(super) fn into_reason(self) -> (&'static str, String, Option<Value>) {
        let code = match self.code {
            "ConditionalCheckFailedException" => "ConditionalCheckFailed",
            _ => "ValidationError",
        };
        let item = self.more.get("Item").cloned();
        (code, self.message, item)
    }

    /// The refusal that a fault stands for. `draw` chooses where the service has several.
    pub(crate) fn of_fault(kind: Kind, operation: &str, body: Option<&Value>, draw: u32) -> Self {
        let items = ["Item", "Query", "Scan"].iter().any(|word| operation.contains(word));
        match kind {
            Kind::Throttle if items && draw.is_multiple_of(2) => Self::new(
                "ProvisionedThroughputExceededException",
                "The level of configured provisioned throughput for the table was exceeded. Consider increasing \
                 your provisioning level with the UpdateTable API.",
            ),
            Kind::Throttle => {
                Self::new("ThrottlingException", "Rate of requests exceeds the allowed throughput.")
            }
            Kind::Conflict => conflict(operation, body, draw),
            Kind::Denied => {
                Self::new("AccessDeniedException", "User is not authorized to perform this operation.")
            }
            Kind::Expired => {
                Self::new("ExpiredTokenException", "The security token included in the request is expired")
            }
            Kind::Signature => Self::new(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided.",
            ),
            Kind::Unavailable => Self {
                status: 503,
                ..Self::new(
                    "ServiceUnavailable",
                    "The request has failed due to a temporary failure of the server.",
                )
            },
            _ => Self { status: 500, ..Self::new("InternalServerError", "Internal server error") },
        }
    }

    /// The body of the answer.
    pub(crate) fn to_json(&self) -> Value {
        let namespace = match self.code {
            "ValidationException" => "com.amazon.coral.validate",
            "SerializationException"
            | "InvalidAction"
            | "AccessDeniedException"
            | "ExpiredTokenException"
            | "InvalidSignatureException"
            | "ServiceUnavailable" => "com.amazon.coral.service",
            _ => "com.amazonaws.dynamodb.v20120810",
        };
        let mut body = self.more.clone();
        body.insert("__type".to_owned(), format!("{namespace}#{}", self.code).into());
        // The model of this one error writes its text with a capital.
        let text = if self.code == "TransactionCanceledException" { "Message" } else { "message" };
        body.insert(text.to_owned(), self.message.clone().into());
        Value::Object(body)
    }
}

/// Another call is at the same item: of a transaction one action says so.
fn conflict(operation: &str, body: Option<&Value>, draw: u32) -> Refusal {
    let told = "Transaction is ongoing for the item";
    if !operation.starts_with("Transact") {
        return Refusal::new("TransactionConflictException", told);
    }
    let actions =
        body.and_then(|body| body["TransactItems"].as_array()).map_or(1, |actions| actions.len().max(1));
    let mut reasons: Vec<Reason> = vec![None; actions];
    reasons[draw as usize % actions] = Some(("TransactionConflict", told.to_owned(), None));
    Refusal::canceled(&reasons)
}
