//! The commands of the control socket, as words or as JSON.

use jiff::SignedDuration;
use serde_json::Value;

use crate::emulator::Fault;
use crate::emulator::environment::Health;
use crate::emulator::world::{Sight, Stage};

/// One command.
#[derive(Debug, PartialEq)]
pub(super) enum Command {
    Speed(f64),
    Clock(SignedDuration),
    Now,
    Lapse,
    Quota(Quota, usize),
    Health(String, Health),
    Break(Stage, String, Option<u32>),
    Mend(Option<String>),
    Strangers(Vec<String>),
    See(String, Sight),
    Rate(Option<(f64, u32)>),
    Reading(String, String),
    Push(String, String),
    Fault(Box<Fault>),
    Faults(Vec<Fault>),
    Hits,
    Calls(u64),
    World,
}

/// What `quota` sets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Quota {
    Applications,
    Versions,
    Environments,
    Templates,
}

impl Command {
    /// Reads one line.
    pub(super) fn read(line: &str) -> Result<Self, String> {
        let line = line.trim();
        let (name, rest) = if line.starts_with('{') {
            unwrap(line)?
        } else {
            let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            (name.to_owned(), rest.trim().to_owned())
        };
        let words: Vec<&str> = rest.split_whitespace().collect();
        match (name.as_str(), words.as_slice()) {
            ("now", []) => Ok(Self::Now),
            ("lapse", []) => Ok(Self::Lapse),
            ("world", []) => Ok(Self::World),
            ("hits", []) => Ok(Self::Hits),
            ("faults", ["clear"]) => Ok(Self::Faults(Vec::new())),
            ("faults", [_, ..]) => json(&rest).map(Self::Faults),
            ("fault", [_, ..]) => json(&rest).map(Self::Fault),
            ("speed", [factor]) => factor
                .parse()
                .ok()
                .filter(|factor: &f64| factor.is_finite() && *factor >= 0.0)
                .map(Self::Speed)
                .ok_or_else(|| format!("'{factor}' is no speed; try: speed 60")),
            ("clock", [ahead]) => read_ahead(ahead).map(Self::Clock),
            ("calls", []) => Ok(Self::Calls(0)),
            ("calls", [seq] | ["since", seq]) => number(seq).map(Self::Calls),
            ("quota", [kind, count]) => Ok(Self::Quota(read_quota(kind)?, number(count)?)),
            ("health", [name, word @ ..]) => Health::parse(&word.join(" "))
                .map(|health| Self::Health((*name).to_owned(), health))
                .ok_or_else(|| format!("'{}' is no health; try: health NAME Red", word.join(" "))),
            ("mend", []) => Ok(Self::Mend(None)),
            ("mend", [matching]) => Ok(Self::Mend(Some((*matching).to_owned()))),
            ("strangers", [_, ..]) => Ok(Self::Strangers(words.iter().map(ToString::to_string).collect())),
            ("see", [key, what]) => Ok(Self::See((*key).to_owned(), read_sight(what))),
            ("reading", [switch, value]) => Ok(Self::Reading(switch.replace('_', "-"), (*value).to_owned())),
            ("rate", [rate]) => read_rate(rate).map(Self::Rate),
            ("push", [repository, tag]) => Ok(Self::Push((*repository).to_owned(), (*tag).to_owned())),
            ("break", words) => read_break(words),
            _ => Err(format!("'{line}' is no command; docs/emulator.md lists them")),
        }
    }
}

/// `{"speed": 60}` is `speed 60`; a list of words stands for several, anything else is passed on as JSON.
fn unwrap(line: &str) -> Result<(String, String), String> {
    let object: serde_json::Map<String, Value> = json(line)?;
    let mut members = object.into_iter();
    let (Some((name, value)), None) = (members.next(), members.next()) else {
        return Err("an object with one member is expected, such as {\"speed\": 60}".to_owned());
    };
    let rest = match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        Value::Array(items) if items.iter().all(|item| !item.is_object()) && name != "faults" => {
            let words: Vec<String> = items.iter().map(word).collect();
            words.join(" ")
        }
        other => other.to_string(),
    };
    Ok((name, rest))
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("'{text}' does not fit: {error}"))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("'{text}' is no number"))
}

fn read_ahead(text: &str) -> Result<SignedDuration, String> {
    text.trim_start_matches('+')
        .parse()
        .ok()
        .filter(|ahead| *ahead >= SignedDuration::ZERO)
        .ok_or_else(|| format!("'{text}' is no time to jump ahead; try: clock +1h"))
}

fn read_quota(word: &str) -> Result<Quota, String> {
    Ok(match word {
        "applications" => Quota::Applications,
        "versions" => Quota::Versions,
        "environments" => Quota::Environments,
        "templates" => Quota::Templates,
        other => {
            return Err(format!(
                "no quota is called '{other}': applications, versions, environments, templates"
            ));
        }
    })
}

fn read_sight(word: &str) -> Sight {
    match word {
        "all" => Sight::All,
        "nothing" => Sight::Nothing,
        prefix => Sight::Prefix(prefix.to_owned()),
    }
}

/// `2/15` is two calls a second with bursts of fifteen; `none` ends throttling.
fn read_rate(text: &str) -> Result<Option<(f64, u32)>, String> {
    if text == "none" {
        return Ok(None);
    }
    let parts =
        text.split_once('/').and_then(|(rate, burst)| Some((rate.parse().ok()?, burst.parse().ok()?)));
    let parts = parts.filter(|(rate, _): &(f64, u32)| rate.is_finite() && *rate > 0.0);
    parts.map(Some).ok_or_else(|| format!("'{text}' is no rate; try: rate 2/15, or rate none"))
}

/// `break TEXT`, `break STAGE TEXT`, `break STAGE TEXT TIMES`; without a stage it is the deployment.
fn read_break(words: &[&str]) -> Result<Command, String> {
    let stage = |word: &str| match word {
        "deploy" => Ok(Stage::Deploy),
        "configure" => Ok(Stage::Configure),
        "terminate" => Ok(Stage::Terminate),
        "hang" => Ok(Stage::Hang),
        "wedge" => Ok(Stage::Wedge),
        other => Err(format!("nothing breaks at '{other}': deploy, configure, terminate, hang, wedge")),
    };
    match words {
        [matching] => Ok(Command::Break(Stage::Deploy, (*matching).to_owned(), None)),
        [word, matching] => Ok(Command::Break(stage(word)?, (*matching).to_owned(), None)),
        [word, matching, times] => {
            Ok(Command::Break(stage(word)?, (*matching).to_owned(), Some(number(times)?)))
        }
        _ => Err("try: break LABEL, or break terminate ENVIRONMENT 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::Kind;

    #[test]
    fn words_and_json_say_the_same() {
        for (words, json) in [
            ("speed 60", r#"{"speed": 60}"#),
            ("clock +1h", r#"{"clock": "+1h"}"#),
            ("quota environments 3", r#"{"quota": ["environments", 3]}"#),
            ("health f-login no data", r#"{"health": "f-login No Data"}"#),
            ("calls since 7", r#"{"calls": 7}"#),
            ("faults clear", r#"{"faults": "clear"}"#),
            ("break terminate f-login 1", r#"{"break": ["terminate", "f-login", 1]}"#),
            (r#"fault {"kind": "lost", "nth": 2}"#, r#"{"fault": {"kind": "lost", "nth": 2}}"#),
            (r#"faults [{"kind": "lost"}]"#, r#"{"faults": [{"kind": "lost"}]}"#),
            ("faults []", r#"{"faults": []}"#),
        ] {
            let read = Command::read(words);
            assert!(read.is_ok(), "{words}: {read:?}");
            assert_eq!(read, Command::read(json));
        }
    }

    #[test]
    fn what_is_no_command_is_explained() {
        for line in [
            "",
            "spede 1",
            "speed fast",
            "speed -1",
            "clock -1h",
            "quota cats 1",
            "fault {\"kind\": \"x\"}",
            "{}",
        ] {
            assert!(Command::read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_words_of_kinds_are_those_of_their_json() {
        let kinds = [Kind::Refused, Kind::Garbled, Kind::UnknownStatus, Kind::NoEvents, Kind::DoubleEvents];
        for kind in kinds {
            assert_eq!(serde_json::to_value(kind).ok(), Some(Value::from(kind.as_str())));
        }
    }
}
