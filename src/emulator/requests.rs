//! From a request to its answer, in one synchronous step: read, throttle, strike, apply, record.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

use super::calls::{Call, Outcome};
use super::fault::{Kind, Strike, Target};
use super::wire::{self, Form, Refusal, Xml};
use super::world::{Due, World};
use super::{beanstalk, dynamodb, sts};

/// Wire namespace of Beanstalk's answers.
const BEANSTALK: &str = "http://elasticbeanstalk.amazonaws.com/docs/2010-12-01/";
const STS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// A decoded call: who asks which service for what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) key: String,
    pub(crate) params: BTreeMap<String, String>,
    /// The JSON body, for services that speak it.
    pub(crate) json: Option<serde_json::Value>,
}

/// Who signs: access key id and service of the credential scope
/// (`Credential=AKID/20260101/eu-central-1/elasticbeanstalk/aws4_request`). The signature itself is not verified.
pub(crate) fn signer(headers: &HeaderMap) -> Option<(String, String)> {
    let text = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let scope = text.split("Credential=").nth(1)?.split([',', ' ']).next()?;
    let mut parts = scope.split('/');
    let key = parts.next()?.to_owned();
    let service = parts.nth(2)?.to_owned();
    Some((key, service))
}

impl Ask {
    /// Reads a query or JSON request of a signed service.
    pub(crate) fn read(service: &str, key: &str, headers: &HeaderMap, body: &[u8]) -> Self {
        let target = headers
            .get("x-amz-target")
            .and_then(|target| target.to_str().ok())
            .and_then(|target| target.rsplit('.').next());
        let (operation, params, json) = match target {
            Some(operation) => {
                let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
                (operation.to_owned(), flatten(&json), Some(json))
            }
            None => {
                let form = Form::decode(body);
                let operation = form.text("Action").unwrap_or_default();
                (operation, form.fields().clone(), None)
            }
        };
        Self { service: service.to_owned(), operation, key: key.to_owned(), params, json }
    }

    fn target(&self) -> Target<'_> {
        Target {
            service: &self.service,
            operation: &self.operation,
            mutating: is_mutating(&self.operation),
            later_page: LATER
                .iter()
                .any(|name| self.params.get(*name).is_some_and(|token| !token.is_empty())),
            eventual: self.service == "dynamodb" && self.is_eventual(),
        }
    }

    /// Whether a call on tables reads without asking for strong consistency.
    fn is_eventual(&self) -> bool {
        let consistent = |part: &serde_json::Value| part["ConsistentRead"] == true;
        let json = self.json.as_ref();
        match self.operation.as_str() {
            "DescribeTable" => true,
            "GetItem" | "Query" | "Scan" => !json.is_some_and(consistent),
            "BatchGetItem" => {
                let tables = json.and_then(|json| json["RequestItems"].as_object());
                tables.is_some_and(|tables| !tables.values().all(consistent))
            }
            _ => false,
        }
    }
}

/// Members that ask for a page after the first.
const LATER: [&str; 6] =
    ["NextToken", "nextToken", "continuation-token", "ExclusiveStartKey", "ExclusiveStartTableName", "last"];

fn flatten(json: &serde_json::Value) -> BTreeMap<String, String> {
    let Some(fields) = json.as_object() else {
        return BTreeMap::new();
    };
    fields
        .iter()
        // A part of a layer is no word about a call.
        .filter(|(name, _)| *name != "layerPartBlob")
        .map(|(name, value)| match value.as_str() {
            Some(text) => (name.clone(), text.to_owned()),
            None => (name.clone(), value.to_string()),
        })
        .collect()
}

/// Whether an operation changes anything, by the first word of its name.
pub(crate) fn is_mutating(operation: &str) -> bool {
    const READING: [&str; 12] = [
        "Describe",
        "List",
        "Get",
        "Check",
        "Validate",
        "Retrieve",
        "Head",
        "BatchGet",
        "BatchCheck",
        "TransactGet",
        "Query",
        "Scan",
    ];
    !READING.iter().any(|word| operation.starts_with(word))
}

/// A Beanstalk or STS call on its way through the world.
pub(crate) struct Request {
    pub(crate) operation: String,
    pub(crate) form: Form,
    pub(crate) key: String,
    pub(crate) id: String,
    /// A fault that changes what a listing shows.
    pub(crate) lens: Option<Strike>,
    /// The environment that the call concerned.
    pub(crate) touched: Option<String>,
}

impl Request {
    /// Whether the listing is under this fault.
    pub(crate) fn lens(&self, kind: Kind) -> Option<Strike> {
        self.lens.filter(|strike| strike.kind == kind)
    }
}

/// What the front does with a call.
#[derive(Debug)]
pub(crate) struct Fate {
    /// World time for which the answer is kept back.
    pub(crate) after: Duration,
    pub(crate) answer: Answer,
}

/// The answer as far as the connection carries it.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It arrives.
    Given(Response<Bytes>),
    /// It arrives cut short.
    Cut(Response<Bytes>),
    /// No connection, or one that is dropped.
    Broken(Kind),
    /// Nothing, for ever.
    Silence,
}

impl World {
    /// Meets a call: draws its faults, applies it where they let it pass, and records it.
    pub(crate) fn meet(&mut self, ask: &Ask) -> Fate {
        let (after, strike) = self.draw(ask);
        let answer = self.struck(ask, strike);
        Fate { after, answer }
    }

    /// What strikes a call: how long its answer is kept back, and the first other fault that fires.
    pub(crate) fn draw(&mut self, ask: &Ask) -> (Duration, Option<Strike>) {
        let now = self.now();
        self.faults.draw(&ask.target(), now)
    }

    fn struck(&mut self, ask: &Ask, strike: Option<Strike>) -> Answer {
        let Some(Strike { kind, by, seed }) = strike else {
            return Answer::Given(self.apply(ask, None));
        };
        match kind {
            Kind::Refused => self.unmet(ask, kind, Answer::Broken(kind)),
            Kind::Timeout => self.unmet(ask, kind, Answer::Silence),
            Kind::Late => {
                let late = Box::new(ask.clone());
                self.schedule(by, |_| Due::Late(late));
                Answer::Silence
            }
            Kind::Lost => {
                self.apply(ask, strike);
                Answer::Broken(kind)
            }
            Kind::Garbled => Answer::Cut(self.apply(ask, strike)),
            Kind::Twice => {
                let first = self.apply(ask, strike);
                self.apply(ask, strike);
                Answer::Given(first)
            }
            Kind::Broken => {
                self.apply(ask, strike);
                Answer::Given(self.strike_down(ask, kind, seed))
            }
            Kind::Throttle
            | Kind::Unavailable
            | Kind::Denied
            | Kind::Expired
            | Kind::Signature
            | Kind::Conflict
            | Kind::Page => {
                let response = self.strike_down(ask, kind, seed);
                self.unmet(ask, kind, Answer::Given(response))
            }
            _ => Answer::Given(self.apply(ask, strike)),
        }
    }

    /// Applies a call whose sender no longer listens.
    pub(crate) fn answer_late(&mut self, ask: &Ask) {
        let strike = Strike { kind: Kind::Late, by: Duration::ZERO, seed: 0 };
        self.apply(ask, Some(strike));
    }

    fn unmet(&mut self, ask: &Ask, kind: Kind, answer: Answer) -> Answer {
        self.record(ask, Outcome::Fault(kind), Some(kind), None);
        answer
    }

    /// Applies a call and gives its answer.
    fn apply(&mut self, ask: &Ask, strike: Option<Strike>) -> Response<Bytes> {
        let id = self.ids.uuid();
        // Whoever speaks JSON needs no form.
        let form = if ask.json.is_some() { Form::default() } else { Form::from_fields(ask.params.clone()) };
        let mut request = Request {
            operation: ask.operation.clone(),
            form,
            key: ask.key.clone(),
            id: id.clone(),
            lens: strike,
            touched: None,
        };
        let result = self.dispatch(ask, &mut request);
        let outcome = match &result {
            Ok(Reply::Tables(Err(refusal))) => Outcome::Refused(refusal.code.to_owned()),
            Ok(_) => Outcome::Applied,
            Err(refusal) => Outcome::Refused(refusal.code.clone()),
        };
        // A password that was given out must open the registry after a restart too.
        if is_mutating(&ask.operation) || ask.operation == "GetAuthorizationToken" {
            self.revision += 1;
        }
        self.record(ask, outcome, strike.map(|strike| strike.kind), request.touched);
        match result {
            Ok(Reply::Xml(xml)) => {
                let body = wire::success(namespace(&ask.service), &ask.operation, xml, &id);
                self.envelope(200, "text/xml", body, &id)
            }
            Ok(Reply::Json(json)) => self.envelope(200, JSON, json.to_string(), &id),
            Ok(Reply::Tables(Ok(json))) => self.envelope(200, JSON_1_0, json.to_string(), &id),
            Ok(Reply::Tables(Err(refusal))) => self.table_refusal(&refusal, &id),
            Err(refusal) => self.refusal(ask, &refusal, &id),
        }
    }

    fn dispatch(&mut self, ask: &Ask, request: &mut Request) -> Result<Reply, Refusal> {
        match ask.service.as_str() {
            "elasticbeanstalk" => {
                let now = self.now();
                if !self.throttle.admits(&ask.operation, now) {
                    return Err(error(Kind::Throttle));
                }
                beanstalk::dispatch(self, request).map(Reply::Xml)
            }
            "sts" => sts::dispatch(self, request).map(Reply::Xml),
            "ecr" => {
                let (now, body) = (self.now(), ask.json.clone().unwrap_or_default());
                let answer = self.registry.call(&ask.operation, &body, now);
                answer.map(Reply::Json).map_err(Refusal::from)
            }
            "dynamodb" => {
                let nothing = serde_json::Value::Null;
                let body = ask.json.as_ref().unwrap_or(&nothing);
                let mut moment = dynamodb::Moment { now: self.now(), ids: &mut self.ids, lens: request.lens };
                Ok(Reply::Tables(self.tables.call(&ask.operation, body, &mut moment)))
            }
            _ => Err(Refusal {
                status: 501,
                code: "NotImplemented".to_owned(),
                message: format!("The service '{}' is not part of this emulator.", ask.service),
            }),
        }
    }

    /// Enters a call into the record.
    pub(crate) fn record(
        &mut self,
        ask: &Ask,
        outcome: Outcome,
        struck: Option<Kind>,
        touched: Option<String>,
    ) {
        let mut params = ask.params.clone();
        params.remove("Action");
        params.remove("Version");
        let named = || {
            ask.params
                .get("EnvironmentId")
                .cloned()
                .or_else(|| self.names.get(ask.params.get("EnvironmentName")?).cloned())
        };
        let environment = touched.or_else(named);
        self.log.enter(Call {
            seq: 0,
            at: self.now(),
            service: ask.service.clone(),
            operation: ask.operation.clone(),
            access_key: ask.key.clone(),
            params,
            outcome,
            struck,
            environment,
        });
    }

    /// The refusal that a fault stands for, in the words of the service that was asked.
    fn strike_down(&mut self, ask: &Ask, kind: Kind, seed: u32) -> Response<Bytes> {
        let id = self.ids.uuid();
        if ask.service == "dynamodb" {
            let refusal = dynamodb::Refusal::of_fault(kind, &ask.operation, ask.json.as_ref(), seed);
            return self.table_refusal(&refusal, &id);
        }
        self.refusal(ask, &error(kind), &id)
    }

    fn table_refusal(&self, refusal: &dynamodb::Refusal, id: &str) -> Response<Bytes> {
        self.envelope(refusal.status, JSON_1_0, refusal.to_json().to_string(), id)
    }

    fn refusal(&self, ask: &Ask, refusal: &Refusal, id: &str) -> Response<Bytes> {
        if ask.json.is_some() {
            let body = serde_json::json!({"__type": refusal.code, "message": refusal.message});
            return self.envelope(refusal.status, JSON, body.to_string(), id);
        }
        let body = wire::failure(namespace(&ask.service), refusal, id);
        self.envelope(refusal.status, "text/xml", body, id)
    }

    /// Every answer carries the world's own Date and the id of its request.
    pub(crate) fn envelope(&self, status: u16, content: &str, body: String, id: &str) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let headers = response.headers_mut();
        for (name, value) in
            [("content-type", content), ("x-amzn-requestid", id), ("date", &self.http_date())]
        {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        }
        response
    }

    /// World time as HTTP writes dates.
    pub(crate) fn http_date(&self) -> String {
        self.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}

const JSON: &str = "application/x-amz-json-1.1";
/// What DynamoDB speaks.
const JSON_1_0: &str = "application/x-amz-json-1.0";

enum Reply {
    Xml(Option<Xml>),
    Json(serde_json::Value),
    Tables(Result<serde_json::Value, dynamodb::Refusal>),
}

fn namespace(service: &str) -> &'static str {
    if service == "sts" { STS } else { BEANSTALK }
}

impl From<super::ecr::Refusal> for Refusal {
    fn from(refusal: super::ecr::Refusal) -> Self {
        Self { status: refusal.status, code: refusal.code.to_owned(), message: refusal.message }
    }
}

/// The refusal that a fault stands for. Codes: API reference, "Common Errors"; throttling: `docs/beanstalk.md`.
pub(crate) fn error(kind: Kind) -> Refusal {
    let (status, code, message) = match kind {
        Kind::Throttle => (400, "Throttling", "Rate exceeded"),
        Kind::Unavailable => {
            (503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server.")
        }
        Kind::Denied => (403, "AccessDenied", "User is not authorized to perform this operation."),
        Kind::Expired => (403, "ExpiredToken", "The security token included in the request is expired"),
        Kind::Signature => (
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        ),
        _ => (500, "InternalFailure", "The request processing has failed because of an unknown error."),
    };
    Refusal { status, code: code.to_owned(), message: message.to_owned() }
}
