//! Replies that no honest service gives, played by a connector that knows
//! nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use beansprout::aws::{Budget, CallError, Clients, Connection, OpenGate, Origin};
use beansprout::clock::{Clock, Entropy};
use beansprout::provider::Beanstalk;

use super::roomy;

/// Plays its replies in order, the last one for ever.
#[derive(Clone, Debug)]
struct Script {
    replies: Arc<Vec<String>>,
    next: Arc<AtomicUsize>,
}

impl HttpConnector for Script {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        let turn = self.next.fetch_add(1, Ordering::SeqCst).min(self.replies.len() - 1);
        let body = SdkBody::from(self.replies[turn].clone());
        let reply = HttpResponse::new(200.try_into().expect("a status"), body);
        HttpConnectorFuture::ready(Ok(reply))
    }
}

fn member(id: &str) -> String {
    format!(
        "<member><EnvironmentId>{id}</EnvironmentId><EnvironmentName>f-one</EnvironmentName>\
         <ApplicationName>shop</ApplicationName><Status>Ready</Status></member>"
    )
}

fn page(members: &[String], token: Option<&str>) -> String {
    let token = token.map(|token| format!("<NextToken>{token}</NextToken>")).unwrap_or_default();
    format!(
        "<DescribeEnvironmentsResponse xmlns=\"http://elasticbeanstalk.amazonaws.com/docs/2010-12-01/\">\
         <DescribeEnvironmentsResult><Environments>{}</Environments>{token}</DescribeEnvironmentsResult>\
         </DescribeEnvironmentsResponse>",
        members.concat()
    )
}

async fn beanstalk(replies: Vec<String>) -> Beanstalk {
    let script = Script { replies: Arc::new(replies), next: Arc::default() };
    let http: SharedHttpClient = http_client_fn(move |_, _| SharedHttpConnector::new(script.clone()));
    let origin =
        Origin::InProcess { http, region: "eu-central-1".to_owned(), access_key: "AKIDTEST".to_owned() };
    let connection = Connection {
        origin,
        gate: Arc::new(OpenGate),
        budget: Budget::new(roomy(), Entropy::seeded(1)),
        clock: Clock::starting_at("2026-01-05T08:00:00Z".parse().unwrap()),
    };
    Beanstalk::new(Clients::connect(connection).await.unwrap())
}

async fn listing(replies: Vec<String>) -> Result<usize, CallError> {
    Ok(beanstalk(replies).await.listing().await?.value.environments.len())
}

#[tokio::test(start_paused = true)]
async fn pages_are_joined() {
    let pages = vec![page(&[member("e-1")], Some("a")), page(&[member("e-2")], Some("b")), page(&[], None)];
    assert_eq!(listing(pages).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_page_token_that_comes_again_spoils_the_listing() {
    let pages = vec![page(&[member("e-1")], Some("a")), page(&[], Some("a"))];
    assert!(matches!(listing(pages).await, Err(CallError::Unknown { why }) if why.contains("circles")));
}

#[tokio::test(start_paused = true)]
async fn an_id_that_comes_twice_spoils_the_listing() {
    let pages = vec![page(&[member("e-1")], Some("a")), page(&[member("e-1")], None)];
    assert!(matches!(listing(pages).await, Err(CallError::Unknown { why }) if why.contains("twice")));
}

#[tokio::test(start_paused = true)]
async fn a_member_without_a_status_spoils_the_listing() {
    let bare = member("e-2").replace("<Status>Ready</Status>", "");
    let pages = vec![page(&[member("e-1"), bare], None)];
    assert!(
        matches!(listing(pages).await, Err(CallError::Unknown { why }) if why.contains("without status"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_without_a_date_is_dated_by_nobody() {
    let answer = beanstalk(vec![page(&[], None)]).await.listing().await.unwrap();
    assert_eq!(answer.date, None);
}
