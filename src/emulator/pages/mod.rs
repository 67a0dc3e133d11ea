//! What an emulated environment answers over HTTP: a page that says what is
//! deployed there, in the place of the application that would answer on AWS.

mod bundle;
mod ports;

use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use jiff::Timestamp;
use minijinja::{Environment, context};
use serde::Serialize;

pub use bundle::images_of;
pub use ports::Ports;

/// All that an environment's page says.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct PageFacts {
    /// The variable `SPROUT_FEATURE`: the feature as its owner writes it.
    pub feature: Option<String>,
    /// The tag `beansprout:feature`, in which characters that tags do not take are escaped.
    pub feature_tag: Option<String>,
    /// Beanstalk application.
    pub application: String,
    /// Environment name.
    pub environment: String,
    /// Environment id, `e-` and ten characters.
    pub id: String,
    /// `Launching`, `Ready` and so on, as DescribeEnvironments shows it.
    pub status: String,
    /// `Green`, `Yellow`, `Red` or `Grey`.
    pub health: String,
    /// Label of the deployed version; `None` stands for the sample application.
    pub version: Option<String>,
    /// Images that the deployed bundle names.
    pub images: Vec<PageImage>,
    /// Names of the environment's variables. Values may be secrets and are not shown.
    pub variables: Vec<String>,
    /// When the deployed version was put there.
    pub deployed_at: Option<Timestamp>,
}

/// An image that a bundle asks for, completed by what the registry knows of it.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct PageImage {
    /// The reference as the bundle has it.
    pub reference: String,
    /// Repository without the registry's host name.
    pub repository: String,
    /// Digest that is run, if the reference or the registry says it.
    pub digest: Option<String>,
    /// Tags that the digest bears now, or the tag of the reference.
    pub tags: Vec<String>,
}

impl PageFacts {
    /// Whether somebody would be served: an environment that is there and not
    /// Red, also while it is being updated.
    fn is_up(&self) -> bool {
        matches!(self.status.as_str(), "Ready" | "Updating" | "Aborting") && self.health != "Red"
    }
}

/// Whether a request would rather have JSON: it says so in `Accept`, or asks
/// for the path `/.json`.
pub fn wants_json(path: &str, headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    path == "/.json" || accepts.into_iter().any(|value| value.contains("application/json"))
}

/// The page of an environment: status 200 while it serves, 503 while it is
/// launching, going, or Red.
pub fn render(facts: &PageFacts, wants_json: bool) -> Response<Bytes> {
    let status = if facts.is_up() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if wants_json {
        return answer(status, "application/json", serde_json::to_string_pretty(facts).unwrap_or_default());
    }
    let page = TEMPLATES.get_template("environment.html").and_then(|template| template.render(shown(facts)));
    match page {
        Ok(page) => answer(status, "text/html; charset=utf-8", page),
        Err(error) => {
            answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", error.to_string())
        }
    }
}

/// The facts as the template takes them.
fn shown(facts: &PageFacts) -> minijinja::Value {
    let images = facts.images.iter().map(|image| {
        context! {
            reference => image.reference.as_str(),
            repository => image.repository.as_str(),
            digest => image.digest.as_deref(),
            tags => image.tags.clone(),
        }
    });
    let feature = facts.feature.as_deref().or(facts.feature_tag.as_deref());
    let health = if facts.health.is_empty() { "Grey" } else { &facts.health };
    context! {
        title => feature.unwrap_or(&facts.environment),
        moving => !matches!(facts.status.as_str(), "Ready" | "Terminated"),
        sentence => sentence(facts),
        deployed => facts.deployed_at.map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()),
        images => images.collect::<Vec<_>>(),
        variables => facts.variables.clone(),
        feature_tag => facts.feature_tag.as_deref(),
        application => facts.application.as_str(),
        environment => facts.environment.as_str(),
        id => facts.id.as_str(),
        status => facts.status.as_str(),
        health => health,
        version => facts.version.as_deref(),
    }
}

/// What is answered where no environment lives: status 404, with the host that was asked for.
pub fn nobody(host: &str, wants_json: bool) -> Response<Bytes> {
    if wants_json {
        let body = serde_json::json!({"error": "no environment answers here", "host": host}).to_string();
        return answer(StatusCode::NOT_FOUND, "application/json", body);
    }
    let page = TEMPLATES.get_template("nobody.html").and_then(|template| template.render(context! { host }));
    answer(StatusCode::NOT_FOUND, "text/html; charset=utf-8", page.unwrap_or_default())
}

fn sentence(facts: &PageFacts) -> &'static str {
    match (facts.status.as_str(), facts.health.as_str()) {
        ("Launching", _) => "The environment is being made; this page reloads by itself.",
        ("Updating" | "Aborting", "Red") => "A change is under way in an environment that does not work.",
        ("Updating" | "Aborting", _) => "A change is under way; what is shown still serves.",
        ("Terminating", _) => "The environment is being taken down.",
        ("Ready", "Red") => "What is deployed does not work.",
        ("Ready", _) => "What is deployed serves requests.",
        _ => "The environment is gone.",
    }
}

fn answer(status: StatusCode, kind: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Escapes what HTML needs and no more: a slash stays a slash, so that a page
/// can be searched for a feature's name with the plainest of tools.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if !value.is_safe() => Ok(out.write_str(&escape(text))?),
        _ => minijinja::escape_formatter(out, state, value),
    });
    for (name, text) in [
        ("frame.html", include_str!("frame.html")),
        ("environment.html", include_str!("environment.html")),
        ("nobody.html", include_str!("nobody.html")),
    ] {
        // A broken template shows as an answer with status 500; a test renders them all.
        let _ = templates.add_template(name, text);
    }
    templates
});

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> PageFacts {
        PageFacts {
            feature: Some("feature/login <b>".into()),
            feature_tag: Some("feature/login _3cb_3e".into()),
            application: "shop".into(),
            environment: "f-login-1a2b3c".into(),
            id: "e-abcdefghij".into(),
            status: "Ready".into(),
            health: "Green".into(),
            version: Some("login-42".into()),
            images: vec![PageImage {
                reference: "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop@sha256:0a".into(),
                repository: "shop".into(),
                digest: Some("sha256:0a".into()),
                tags: vec!["login-42".into()],
            }],
            variables: vec!["DB_PASSWORD".into(), "SPROUT_FEATURE".into()],
            deployed_at: Some("2025-03-01T00:00:00Z".parse().unwrap()),
        }
    }

    fn text(response: &Response<Bytes>) -> String {
        String::from_utf8(response.body().to_vec()).unwrap()
    }

    #[test]
    fn the_page_states_what_is_deployed() {
        let answer = render(&facts(), false);
        assert_eq!(answer.status(), 200);
        let page = text(&answer);
        for word in [
            "feature/login &lt;b&gt;",
            "f-login-1a2b3c",
            "e-abcdefghij",
            "login-42",
            "sha256:0a",
            "DB_PASSWORD",
            "Green",
            "2025-03-01 00:00:00 UTC",
        ] {
            assert!(page.contains(word), "{word} is missing in {page}");
        }
        assert!(!page.contains("<b>"));
    }

    #[test]
    fn json_has_the_same_facts() {
        let answer = render(&facts(), true);
        let read: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(read["feature"], "feature/login <b>");
        assert_eq!(read["images"][0]["tags"][0], "login-42");
        assert_eq!(read["version"], "login-42");
    }

    #[test]
    fn only_what_serves_answers_with_success() {
        for (status, health, code) in [
            ("Launching", "Grey", 503),
            ("Ready", "Green", 200),
            ("Ready", "Yellow", 200),
            ("Ready", "Grey", 200),
            ("Ready", "Red", 503),
            ("Updating", "Green", 200),
            ("Terminating", "Grey", 503),
        ] {
            let facts = PageFacts { status: status.into(), health: health.into(), ..facts() };
            assert_eq!(render(&facts, false).status(), code, "{status} {health}");
            assert_eq!(render(&facts, true).status(), code, "{status} {health}");
        }
    }

    #[test]
    fn the_sample_application_has_neither_version_nor_feature() {
        let answer = render(&PageFacts { status: "Ready".into(), ..PageFacts::default() }, false);
        assert!(text(&answer).contains("Sample application"));
    }

    #[test]
    fn nobody_at_home_is_not_found() {
        let answer = nobody("<old>.localhost", false);
        assert_eq!(answer.status(), 404);
        assert!(text(&answer).contains("&lt;old&gt;.localhost"));
        assert_eq!(nobody("old.localhost", true).status(), 404);
    }

    #[test]
    fn json_is_for_those_who_ask() {
        let mut headers = HeaderMap::new();
        assert!(!wants_json("/", &headers));
        assert!(wants_json("/.json", &headers));
        headers.insert(ACCEPT, HeaderValue::from_static("text/html, application/json;q=0.5"));
        assert!(wants_json("/", &headers));
    }
}
