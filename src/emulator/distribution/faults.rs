//! Faults of the registry protocol: the same kinds as everywhere, in the protocol's own form.

use http::{Response, header};
use http_body_util::BodyExt;

use super::super::calls::Outcome;
use super::super::fault::{Kind, Strike};
use super::super::{Broken, Emulator};
use super::reply::{Refusal, whole};
use super::{Call, Content, drain, refusal};

impl Emulator {
    /// Carries a call out as far as what strikes it lets it pass.
    pub(super) async fn struck(
        &self,
        call: Call,
        strike: Option<Strike>,
        mut body: Content,
    ) -> Result<Response<Content>, Broken> {
        let Some(Strike { kind, by, .. }) = strike else {
            return Ok(self.meet(&call, None, body).await);
        };
        match kind {
            Kind::Refused | Kind::Timeout => {
                self.lock().world.record(&call.ask, Outcome::Fault(kind), Some(kind), None);
                match kind {
                    Kind::Refused => Err(Broken::Refused),
                    _ => std::future::pending().await,
                }
            }
            Kind::Throttle
            | Kind::Unavailable
            | Kind::Denied
            | Kind::Expired
            | Kind::Signature
            | Kind::Page => {
                drain(&mut body).await;
                self.lock().world.record(&call.ask, Outcome::Fault(kind), Some(kind), None);
                Ok(self.instead(kind))
            }
            Kind::Lost => {
                self.meet(&call, Some(kind), body).await;
                Err(Broken::Lost)
            }
            Kind::Broken => {
                self.meet(&call, Some(kind), body).await;
                Ok(self.instead(kind))
            }
            Kind::Garbled => Ok(halved(self.meet(&call, Some(kind), body).await).await),
            // What carries a content is struck by neither (`Kind::fits`): there is one of it, and it comes now.
            Kind::Twice => {
                let bytes = body.collect().await.map(|whole| whole.to_bytes()).unwrap_or_default();
                let first = self.meet(&call, Some(kind), whole(bytes.clone())).await;
                self.meet(&call, Some(kind), whole(bytes)).await;
                Ok(first)
            }
            Kind::Late => {
                let bytes = body.collect().await.map(|whole| whole.to_bytes()).unwrap_or_default();
                let (emulator, pause) = (self.clone(), self.lock().clock.real(by));
                tokio::spawn(async move {
                    tokio::time::sleep(pause).await;
                    emulator.meet(&call, Some(kind), whole(bytes)).await;
                });
                std::future::pending().await
            }
            _ => Ok(self.meet(&call, Some(kind), body).await),
        }
    }

    fn instead(&self, kind: Kind) -> Response<Content> {
        let inside = self.lock();
        let reply = refusal(&Refusal::of(kind), &inside.world.registry);
        reply.header(header::DATE.as_str(), inside.world.http_date()).done()
    }
}

/// Half of an answer, as long as its headers do not say: a client cannot tell by the length.
async fn halved(response: Response<Content>) -> Response<Content> {
    let (mut head, body) = response.into_parts();
    let bytes = body.collect().await.map(|whole| whole.to_bytes()).unwrap_or_default();
    let half = bytes.slice(..bytes.len() / 2);
    head.headers.insert(header::CONTENT_LENGTH, half.len().into());
    Response::from_parts(head, whole(half))
}
