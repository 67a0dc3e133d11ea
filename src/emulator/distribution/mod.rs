//! The registry protocol in front of the world's registry: what Docker, skopeo and containerd push to and pull from.
//!
//! Specification: OCI distribution specification 1.1, which continues Docker's "HTTP API V2". Where ECR answers in its
//! own way, so does this; `docs/registry-and-bundles.md` names the sources. Contents stream: neither an upload nor a
//! download is held in memory.

mod downloads;
mod faults;
mod reply;
mod route;
#[cfg(test)]
mod tests;
mod uploads;

use std::io;

use bytes::Bytes;
use data_encoding::BASE64;
use http::request::Parts;
use http::{HeaderMap, Request, Response, header};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use jiff::Timestamp;

use super::calls::Outcome;
use super::ecr::Registry;
use super::ecr::access::Access;
use super::fault::Kind;
use super::requests::{Ask, is_mutating};
use super::{Broken, Emulator, requests};

pub(super) use reply::whole;
use reply::{Refusal, Reply};
use route::{Route, Verb, What};

/// What goes over a connection, in either direction.
pub(super) type Content = UnsyncBoxBody<Bytes, io::Error>;

type Answer = Result<Reply, Refusal>;

/// One request on its way through the registry.
struct Call {
    head: Parts,
    route: Route,
    ask: Ask,
}

/// Whether a request speaks the registry protocol: by its path, without a signature of AWS, and not to the name of an
/// environment, whose own paths may begin so too.
pub(super) fn is_spoken_by<B>(request: &Request<B>) -> bool {
    let path = request.uri().path();
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().host()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let environment = name.ends_with(".localhost") || name.ends_with(".elasticbeanstalk.com");
    (path == "/v2" || path.starts_with("/v2/"))
        && !environment
        && requests::signer(request.headers()).is_none()
}

impl Emulator {
    /// Meets a request of the registry protocol: draws its faults, carries it out where they let it pass, records it.
    pub(super) async fn distribute(&self, request: Request<Content>) -> Result<Response<Content>, Broken> {
        let (head, body) = request.into_parts();
        let route = Route::read(&head);
        let ask = Ask {
            service: "ecr".to_owned(),
            operation: route.operation(&head.headers).to_owned(),
            key: user(&head.headers).map(|(user, _)| user).unwrap_or_default(),
            params: route.params(),
            json: None,
        };
        let call = Call { head, route, ask };
        let (pause, strike) = {
            let mut inside = self.lock();
            let (slow, strike) = inside.world.draw(&call.ask);
            (inside.clock.real(slow), strike)
        };
        let answer = self.struck(call, strike, body).await;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        answer
    }

    /// Applies a call and records it.
    async fn meet(&self, call: &Call, struck: Option<Kind>, body: Content) -> Response<Content> {
        let answer = self.serve_call(call, body).await;
        let mut inside = self.lock();
        let outcome = match &answer {
            Ok(_) => Outcome::Applied,
            Err(refusal) => Outcome::Refused(refusal.code.to_owned()),
        };
        inside.world.record(&call.ask, outcome, struck, None);
        if is_mutating(&call.ask.operation) {
            inside.world.revision += 1;
        }
        let reply = answer.unwrap_or_else(|refusal| self::refusal(&refusal, &inside.world.registry));
        let reply = reply.header(header::DATE.as_str(), inside.world.http_date());
        let bare = call.head.method == http::Method::HEAD;
        let reply = if bare { reply.without_body() } else { reply };
        reply.done()
    }

    async fn serve_call(&self, call: &Call, mut body: Content) -> Answer {
        let answer = match self.admit(call) {
            Ok(()) => self.route(call, &mut body).await,
            Err(refusal) => Err(refusal),
        };
        if answer.is_err() {
            // A client that still sends would see a broken connection instead of the answer.
            drain(&mut body).await;
        }
        answer
    }

    /// Who may come in: those with a password, and those with a link that vouches for itself.
    fn admit(&self, call: &Call) -> Result<(), Refusal> {
        let mut inside = self.lock();
        let now = inside.world.now();
        inside.world.registry.advance(now);
        let registry = &inside.world.registry;
        if let What::Blob { name, digest, verb: Verb::Get | Verb::Head } = &call.route.what {
            let member = |name| call.route.query.get(name).unwrap_or_default();
            if registry.vouches(name, digest, member("expires"), member("proof"), now) {
                return Ok(());
            }
        }
        admitted(registry, &call.head.headers, now)
    }

    async fn route(&self, call: &Call, body: &mut Content) -> Answer {
        match &call.route.what {
            What::Check => Ok(Reply::new(200).body(0, reply::whole(Bytes::new()))),
            What::Repositories => self.repositories(&call.route.query),
            What::Tags { name } => self.tags(name, &call.route.query),
            What::Manifest { name, reference, verb: Verb::Put | Verb::Patch } => {
                self.put_manifest(call, name, reference, body).await
            }
            What::Manifest { name, reference, verb: Verb::Delete } => self.delete_manifest(name, reference),
            What::Manifest { name, reference, verb } => self.get_manifest(name, reference, *verb),
            What::Blob { verb: Verb::Delete, .. } | What::Never => Err(Refusal::unsupported()),
            What::Blob { name, digest, .. } => self.get_blob(call, name, digest),
            What::Start { name } => self.start_upload(call, name, body).await,
            What::Upload { name, id, verb } => self.upload(call, name, id, *verb, body).await,
            What::Nothing => Err(Refusal::new(404, "UNSUPPORTED", "404 page not found")),
        }
    }
}

fn refusal(refusal: &Refusal, registry: &Registry) -> Reply {
    Reply::refusal(refusal, &format!("{}/", registry.endpoint()))
}

/// User and password of basic authentication.
fn user(headers: &HeaderMap) -> Option<(String, String)> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    let plain = BASE64.decode(encoded.trim().as_bytes()).ok()?;
    let plain = String::from_utf8(plain).ok()?;
    let (user, password) = plain.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (user.to_owned(), password.to_owned()))
}

fn admitted(registry: &Registry, headers: &HeaderMap, now: Timestamp) -> Result<(), Refusal> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Err(Refusal::stranger());
    }
    let (user, password) = user(headers).ok_or_else(Refusal::invalid)?;
    match registry.access(&password, now) {
        Access::Granted if user == "AWS" => Ok(()),
        Access::Expired => Err(Refusal::expired()),
        Access::Granted | Access::Unknown => Err(Refusal::invalid()),
    }
}

async fn drain(body: &mut Content) {
    while let Some(Ok(_)) = body.frame().await {}
}
