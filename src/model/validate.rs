//! What the single fields of a specification may be. Pure checks over text:
//! the places of mistakes are known to whoever reads.

use super::image_ref::ImageReference;
use super::{Setting, Ttl};

/// Longest feature name in characters.
const FEATURE_NAME: usize = 200;
/// Most labels, as many as a Kubernetes-minded tool is likely to write.
const LABELS: usize = 50;
/// All variables together, names and values, in bytes: Beanstalk takes no
/// more on platforms that hand them to CloudFormation.
const VARIABLES: usize = 4096;
/// The variables that we set ourselves.
const RESERVED: &str = "SPROUT_";

/// What is wrong with a value, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    /// What is wrong.
    pub(super) message: String,
    /// How to mend it.
    pub(super) help: Option<String>,
}

/// A check's verdict.
pub(super) type Verdict = Result<(), Complaint>;

fn wrong(message: impl Into<String>) -> Verdict {
    Err(Complaint { message: message.into(), help: None })
}

fn mend(message: impl Into<String>, help: impl Into<String>) -> Verdict {
    Err(Complaint { message: message.into(), help: Some(help.into()) })
}

/// Length in characters and no control characters.
fn line(text: &str, shortest: usize, longest: usize) -> Verdict {
    let length = text.chars().count();
    if length < shortest {
        return mend("it is empty", "give it a value or leave the field out");
    }
    if length > longest {
        return wrong(format!("it has {length} characters; {longest} are possible"));
    }
    match text.chars().find(|c| c.is_control() || is_invisible(*c)) {
        Some(c) => wrong(format!("the character {} is not possible", c.escape_unicode())),
        None => Ok(()),
    }
}

/// Foreign line ends, marks of direction, spaces without width: they make a name look like another one.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A feature's name.
pub(super) fn feature_name(name: &str) -> Verdict {
    line(name, 1, FEATURE_NAME)?;
    if name.trim() != name {
        return mend("it begins or ends with a space", format!("write \"{}\"", name.trim()));
    }
    if name.starts_with('-') {
        return mend("it begins with a hyphen and would be taken for an option", "begin with a letter");
    }
    if name == "feature" {
        return mend(
            "`feature` is a word of the command line",
            "take the branch's whole name, such as feature/login",
        );
    }
    Ok(())
}

/// Text of one line, such as an owner or a branch.
pub(super) fn short_text(text: &str) -> Verdict {
    line(text, 1, 500)
}

/// An application's or a saved configuration's name (AWS API
/// `CreateApplication`, `CreateConfigurationTemplate`).
pub(super) fn beanstalk_name(name: &str) -> Verdict {
    line(name, 1, 100)?;
    if name.contains('/') {
        return wrong("Beanstalk does not take a slash here");
    }
    Ok(())
}

/// An environment's name (AWS API `CreateEnvironment`).
pub(super) fn environment(name: &str) -> Verdict {
    let legal = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !legal || !(4..=40).contains(&name.len()) || name.starts_with('-') || name.ends_with('-') {
        return wrong("an environment's name has 4 to 40 letters, digits and inner hyphens");
    }
    Ok(())
}

/// An image reference.
pub(super) fn image(text: &str) -> Verdict {
    match ImageReference::parse(text) {
        Ok(_) => Ok(()),
        Err(error) => wrong(error.to_string()),
    }
}

/// A source bundle.
pub(super) fn bundle(text: &str) -> Verdict {
    line(text, 1, 1024)?;
    let in_s3 = text
        .strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(bucket, key)| !bucket.is_empty() && !key.is_empty());
    let local = !text.contains("://") && [".war", ".zip", ".jar"].iter().any(|end| text.ends_with(end));
    if in_s3 || local {
        return Ok(());
    }
    mend("this is no source bundle", "write s3://bucket/key or a local .war, .zip or .jar")
}

/// A time to live.
pub(super) fn ttl(text: &str) -> Verdict {
    match text.parse::<Ttl>() {
        Ok(_) => Ok(()),
        Err(error) => wrong(error.to_string()),
    }
}

/// An EC2 instance type.
pub(super) fn instance_type(text: &str) -> Verdict {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let fits = text.split_once('.').is_some_and(|(family, size)| {
        part(family) && part(size) && family.starts_with(|c: char| c.is_ascii_lowercase())
    });
    if fits && text.len() <= 40 {
        return Ok(());
    }
    mend("this is no instance type", "write one such as t3.small")
}

/// The name of a variable.
pub(super) fn variable_name(name: &str) -> Verdict {
    if name.starts_with(RESERVED) {
        return mend(
            format!("names that begin with {RESERVED} are set by sprout itself"),
            "choose another name",
        );
    }
    if is_word(name) && name.len() <= 200 {
        return Ok(());
    }
    mend("this is no name of a variable", "use letters, digits and _, and do not begin with a digit")
}

/// The name of a template variable.
pub(super) fn template_variable(name: &str) -> Verdict {
    if is_word(name) && name.len() <= 200 {
        return Ok(());
    }
    mend("a template cannot name this", "use letters, digits and _, and do not begin with a digit")
}

fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The value of a variable or setting: any text but control characters that
/// no process takes.
pub(super) fn value(text: &str) -> Verdict {
    match text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        Some(c) => wrong(format!("the character {} is not possible", c.escape_unicode())),
        None => Ok(()),
    }
}

/// The name of an SSM parameter, or the ARN of one.
pub(super) fn ssm(name: &str) -> Verdict {
    line(name, 1, 2048)?;
    if name.chars().all(|c| c.is_ascii_alphanumeric() || "/._-:".contains(c)) {
        return Ok(());
    }
    mend("this is no name of a parameter", "write it like /shop/dev/db")
}

/// The ARN of a secret.
pub(super) fn secret(arn: &str) -> Verdict {
    line(arn, 1, 2048)?;
    if arn.starts_with("arn:") && arn.contains(":secretsmanager:") {
        return Ok(());
    }
    mend("this is no secret's ARN", "write it like arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME")
}

/// All variables together.
pub(super) fn variables_size(bytes: usize) -> Verdict {
    if bytes <= VARIABLES {
        return Ok(());
    }
    mend(
        format!("names and values have {bytes} bytes together; Beanstalk takes {VARIABLES}"),
        "keep long values elsewhere, such as in an SSM parameter",
    )
}

/// A raw setting: it must be Beanstalk's, and not have a field of its own.
pub(super) fn setting(setting: &Setting) -> Verdict {
    let Setting { namespace, option, .. } = setting;
    if !namespace.starts_with("aws:") || namespace.len() > 200 {
        return mend("this is no namespace of Beanstalk", "write it like aws:elasticbeanstalk:environment");
    }
    line(option, 1, 200)?;
    let taken = |field: &str| mend(format!("{option} of {namespace} has a field of its own"), field);
    match (namespace.as_str(), option.as_str()) {
        ("aws:elasticbeanstalk:application:environment", name) => {
            taken(&format!("write it under `spec.variables`: {name}: …"))
        }
        ("aws:elasticbeanstalk:application:environmentsecrets", name) => {
            taken(&format!("write it under `spec.variables`: {name}: {{ssm: …}} or {{secret: …}}"))
        }
        ("aws:autoscaling:launchconfiguration", "InstanceType") | ("aws:ec2:instances", "InstanceTypes") => {
            taken("write `spec.instanceType`")
        }
        ("aws:autoscaling:launchconfiguration", "IamInstanceProfile")
        | ("aws:elasticbeanstalk:environment", "ServiceRole") => mend(
            format!("{option} is the same for all features"),
            "it belongs in the controller's configuration, or in a saved configuration",
        ),
        _ => Ok(()),
    }
}

/// A label's key.
pub(super) fn label_key(key: &str) -> Verdict {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._/-".contains(&b);
    if (1..=100).contains(&key.len()) && key.bytes().all(legal) {
        return Ok(());
    }
    wrong("a label's key has 1 to 100 letters, digits and . _ / -")
}

/// A label's value.
pub(super) fn label_value(value: &str) -> Verdict {
    line(value, 0, 200)
}

/// How many labels there are.
pub(super) fn label_count(count: usize) -> Verdict {
    if count > LABELS { wrong(format!("{count} labels; {LABELS} are possible")) } else { Ok(()) }
}

/// A template's file name or its name in the configuration.
pub(super) fn template_file(name: &str) -> Verdict {
    line(name, 1, 500)
}

/// A template's text: it travels inside a row, and a DynamoDB item has 400 KB.
pub(super) fn template_text(text: &str) -> Verdict {
    if text.len() <= 200 * 1024 {
        return Ok(());
    }
    wrong(format!("the template has {} bytes; 204800 are possible", text.len()))
}
