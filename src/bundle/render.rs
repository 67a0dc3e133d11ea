//! The Dockerrun file from a template.
//!
//! Templates are minijinja. A value that stands within a JSON string becomes
//! the inside of a string, one that stands alone becomes a whole JSON value,
//! so that both `"{{ image }}"` and `{{ image }}` are right and no value can
//! break out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value, escape_formatter};

use crate::model::{Scalar, Source};

/// The name under which the template is known while it is rendered.
const NAME: &str = "Dockerrun";
/// Around each value in the raw output: control characters, which JSON text
/// never contains unescaped.
const OPEN: char = '\u{1}';
const CLOSE: char = '\u{2}';

/// Version 1, for the Docker platform: one container behind the proxy. Vars:
/// `port`.
const DOCKER: &str = r#"{
  "AWSEBDockerrunVersion": "1",
  "Image": { "Name": "{{ image }}", "Update": "true" },
  "Ports": [{ "ContainerPort": {{ vars.port | default(8080) | int }} }]
}
"#;

/// Version 2, for the ECS platform: one container on port 80 of the host.
/// Vars: `port`, `memory` (MiB).
const ECS: &str = r#"{
  "AWSEBDockerrunVersion": 2,
  "containerDefinitions": [
    {
      "name": "app",
      "image": "{{ image }}",
      "essential": true,
      "memory": {{ vars.memory | default(512) | int }},
      "portMappings": [{ "hostPort": 80, "containerPort": {{ vars.port | default(8080) | int }} }]
    }
  ]
}
"#;

/// What templates see. A field that is not known is empty, never missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The feature's name as written.
    pub feature: String,
    /// The name in lower-case letters, digits and hyphens.
    pub slug: String,
    /// The environment's name.
    pub environment: String,
    /// The address with `http://`.
    pub url: String,
    /// The address's host name.
    pub cname: String,
    /// The image as it is deployed, by digest where the registry answered.
    pub image: String,
    /// The digest, or empty.
    pub digest: String,
    /// The Beanstalk application.
    pub application: String,
    /// The region.
    pub region: String,
    /// The account, or empty.
    pub account: String,
    /// The owner, or empty.
    pub owner: String,
    /// What CI knows of the build.
    pub source: Source,
    /// The feature's labels; one that is not there is an error.
    pub labels: BTreeMap<String, String>,
    /// The specification's values; one that is not there is an error.
    pub vars: BTreeMap<String, Scalar>,
}

/// A template that cannot be rendered, or whose result is no Dockerrun file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct RenderError {
    /// The template's line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

/// The context as templates see it, with the names of the documentation.
fn view(context: &Context) -> Value {
    let source = &context.source;
    let text = |field: &Option<String>| Value::from(field.as_deref().unwrap_or_default());
    let number = source.pull_request.map(|number| number.to_string()).unwrap_or_default();
    let source = [
        ("repository", text(&source.repository)),
        ("branch", text(&source.branch)),
        ("commit", text(&source.commit)),
        ("pullRequest", Value::from(number)),
    ];
    let scalar = |scalar: &Scalar| match scalar {
        Scalar::Bool(truth) => Value::from(*truth),
        Scalar::Int(number) => Value::from(*number),
        Scalar::Text(text) => Value::from(text.as_str()),
    };
    let labels = context.labels.iter().map(|(key, value)| (key.as_str(), Value::from(value.as_str())));
    let vars = context.vars.iter().map(|(key, value)| (key.as_str(), scalar(value)));
    Value::from_pairs([
        ("feature", Value::from(context.feature.as_str())),
        ("slug", Value::from(context.slug.as_str())),
        ("environment", Value::from(context.environment.as_str())),
        ("url", Value::from(context.url.as_str())),
        ("cname", Value::from(context.cname.as_str())),
        ("image", Value::from(context.image.as_str())),
        ("digest", Value::from(context.digest.as_str())),
        ("application", Value::from(context.application.as_str())),
        ("region", Value::from(context.region.as_str())),
        ("account", Value::from(context.account.as_str())),
        ("owner", Value::from(context.owner.as_str())),
        ("source", Value::from_pairs(source)),
        ("labels", Value::from_pairs(labels)),
        ("vars", Value::from_pairs(vars)),
    ])
}

/// The built-in template of a platform, named by solution stack, ARN or
/// branch: version 2 where it says ECS, version 1 otherwise.
pub fn builtin(platform: &str) -> &'static str {
    let is_ecs = |word: &str| word == "ECS";
    if platform.split(|c: char| !c.is_ascii_alphanumeric()).any(is_ecs) { ECS } else { DOCKER }
}

/// Renders a template (`None`: the built-in of the Docker platform) and makes
/// sure that the result is a Dockerrun file.
pub fn render(template: Option<&str>, context: &Context) -> Result<String, RenderError> {
    let template = template.unwrap_or(DOCKER);
    if let Some(at) = template.find([OPEN, CLOSE]) {
        let line = template[..at].matches('\n').count() + 1;
        let message = "the template contains a control character (U+0001 or U+0002)".to_owned();
        return Err(RenderError { line: Some(line), message });
    }
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::Json);
    engine.set_formatter(|out, state, value| {
        // `safe` and `autoescape false` are the template's own business; the
        // result is checked all the same.
        if value.is_safe() || *state.auto_escape() != AutoEscape::Json {
            return escape_formatter(out, state, value);
        }
        out.write_char(OPEN)?;
        escape_formatter(out, state, value)?;
        Ok(out.write_char(CLOSE)?)
    });
    let raw = engine
        .add_template(NAME, template)
        .and_then(|()| engine.get_template(NAME)?.render(view(context)))
        .map_err(|error| explain(&error, template))?;
    let text = settle(&raw);
    check(&text, template)?;
    Ok(text)
}

/// Resolves the marks: within a string of the template's own text a value is
/// the inside of a string, elsewhere it is a whole value.
fn settle(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut in_string = false;
    let mut escaped = false;
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == OPEN {
            let (value, after) = rest.split_once(CLOSE).unwrap_or((rest, ""));
            rest = after;
            escaped = false;
            if !in_string {
                text.push_str(value);
            } else if let Some(inside) = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
                text.push_str(inside);
            } else {
                // A number or truth value needs no escapes; a list or map
                // becomes text.
                let quoted = serde_json::Value::from(value).to_string();
                text.push_str(&quoted[1..quoted.len() - 1]);
            }
            continue;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
        text.push(c);
    }
    text
}

/// Whether the result is a Dockerrun file.
fn check(text: &str, template: &str) -> Result<(), RenderError> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| {
        // Values hold no line breaks, so without blocks the lines agree.
        let same_lines = !template.contains("{%") && !template.contains("{#");
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or_default();
        let shown = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default().trim();
        let message = format!("the result is not JSON: {why}, in `{shown}`");
        RenderError { line: same_lines.then_some(error.line().max(1)), message }
    })?;
    if value.get("AWSEBDockerrunVersion").is_none() {
        let message = "the result has no AWSEBDockerrunVersion, which says what kind of Dockerrun file it is";
        return Err(RenderError { line: None, message: message.to_owned() });
    }
    Ok(())
}

/// minijinja's error with the place in the template and, for a value that is
/// not there, the expression as it is written.
fn explain(error: &minijinja::Error, template: &str) -> RenderError {
    let expression = error.range().and_then(|range| template.get(range)).map(str::trim);
    let message = match (error.kind(), expression) {
        (ErrorKind::UndefinedError, Some(expression)) if !expression.is_empty() => {
            format!("`{expression}` is not defined")
        }
        (kind, _) => match error.detail() {
            Some(detail) => format!("{kind}: {detail}"),
            None => kind.to_string(),
        },
    };
    RenderError { line: error.line(), message }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn context() -> Context {
        Context {
            feature: "feature/login".to_owned(),
            image: "1.dkr.ecr.eu-central-1.amazonaws.com/shop@sha256:00".to_owned(),
            vars: BTreeMap::from([
                ("memory".to_owned(), Scalar::Int(256)),
                ("port".to_owned(), Scalar::Text("9000".to_owned())),
                ("debug".to_owned(), Scalar::Bool(true)),
            ]),
            source: Source { pull_request: Some(41), ..Source::default() },
            ..Context::default()
        }
    }

    fn rendered(template: &str) -> serde_json::Value {
        serde_json::from_str(&render(Some(template), &context()).unwrap()).unwrap()
    }

    /// A template with one value in a Dockerrun file.
    fn around(value: &str) -> String {
        format!("{{\"AWSEBDockerrunVersion\": 3, \"x\": {value}}}")
    }

    #[test]
    fn the_builtin_files_have_the_defaults() {
        let bare = Context { image: "shop:1".to_owned(), ..Context::default() };
        let docker = render(None, &bare).unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&docker).unwrap(),
            json!({
                "AWSEBDockerrunVersion": "1",
                "Image": {"Name": "shop:1", "Update": "true"},
                "Ports": [{"ContainerPort": 8080}],
            })
        );
        let ecs = render(Some(builtin("64bit Amazon Linux 2023 v4.2.0 running ECS")), &bare).unwrap();
        let ecs: serde_json::Value = serde_json::from_str(&ecs).unwrap();
        assert_eq!(ecs["AWSEBDockerrunVersion"], 2);
        assert_eq!(ecs["containerDefinitions"][0]["memory"], 512);
        assert_eq!(ecs["containerDefinitions"][0]["portMappings"][0]["containerPort"], 8080);
    }

    #[test]
    fn vars_change_the_builtin_files() {
        assert_eq!(rendered(DOCKER)["Ports"][0]["ContainerPort"], 9000);
        assert_eq!(rendered(ECS)["containerDefinitions"][0]["memory"], 256);
    }

    #[test]
    fn platforms_choose_their_builtin() {
        for docker in ["64bit Amazon Linux 2023 v4.6.0 running Docker", "Docker on AL2023", ""] {
            assert_eq!(builtin(docker), DOCKER);
        }
        let arn =
            "arn:aws:elasticbeanstalk:eu-central-1::platform/ECS running on 64bit Amazon Linux 2023/4.2.0";
        for ecs in ["ECS on AL2023", arn] {
            assert_eq!(builtin(ecs), ECS);
        }
    }

    #[test]
    fn values_fit_where_they_stand() {
        let template = around(
            r#"[{{ feature }}, "{{ feature }}", {{ vars.memory }}, "{{ vars.memory }}m", {{ vars.debug }},
                "{{ source.pullRequest }}", "{{ source.branch }}", "a \" {{ vars.port }}", "{{ feature | upper }}"]"#,
        );
        assert_eq!(
            rendered(&template)["x"],
            json!([
                "feature/login",
                "feature/login",
                256,
                "256m",
                true,
                "41",
                "",
                "a \" 9000",
                "FEATURE/LOGIN"
            ])
        );
    }

    #[test]
    fn hostile_values_stay_values() {
        let hostile = "\"}, \"Image\": {\"Name\": \"evil\"}\n\\</script>\u{1}\u{2}\u{2028}{{ x }}";
        let context = Context { owner: hostile.to_owned(), ..context() };
        let text = render(Some(&around(r#"["{{ owner }}", {{ owner }}]"#)), &context).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["x"], json!([hostile, hostile]));
        assert_eq!(value.as_object().unwrap().len(), 2);
    }

    #[test]
    fn what_is_missing_is_named_with_its_line() {
        let error = render(Some(&around("[\n\"{{ vars.cpu }}\"]")), &context()).unwrap_err();
        assert_eq!(error.to_string(), "line 2: `vars.cpu` is not defined");
        let error = render(Some(&around("\n\n\"{{ labels.team }}\"")), &context()).unwrap_err();
        assert_eq!(error.to_string(), "line 3: `labels.team` is not defined");
        let error = render(Some(&around("\"{{ colour }}\"")), &context()).unwrap_err();
        assert_eq!(error.to_string(), "line 1: `colour` is not defined");
        // Not known, but always there.
        render(Some(&around("\"{{ owner }}{{ source.commit }}{{ digest }}\"")), &context()).unwrap();
    }

    #[test]
    fn mistakes_in_templates_are_shown_with_their_place() {
        let error = render(Some("{\n \"a\": {{ feature\n}"), &context()).unwrap_err();
        assert!(error.line.is_some() && error.message.contains("syntax error"), "{error}");
        let error =
            render(Some("{\n \"AWSEBDockerrunVersion\": 1,\n \"a\": oops\n}"), &context()).unwrap_err();
        assert_eq!(error.line, Some(3));
        assert!(error.message.contains("`\"a\": oops`"), "{error}");
        let error = render(Some("{}"), &context()).unwrap_err();
        assert!(error.message.contains("AWSEBDockerrunVersion"), "{error}");
        assert_eq!(render(Some("{\n\u{1}}"), &context()).unwrap_err().line, Some(2));
    }

    proptest! {
        #[test]
        fn every_value_comes_back(text in any::<String>()) {
            let context = Context { owner: text.clone(), ..Context::default() };
            let rendered = render(Some(&around(r#"["-{{ owner }}-", {{ owner }}]"#)), &context).unwrap();
            let value: serde_json::Value = serde_json::from_str(&rendered).unwrap();
            prop_assert_eq!(&value["x"], &json!([format!("-{text}-"), text]));
        }
    }
}
