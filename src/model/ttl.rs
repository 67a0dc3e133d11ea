//! Times to live as people write them, and durations as people read them.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use super::feature::Ttl;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
/// Ten years of 365 days: what is longer is a slip of the finger, or `never`.
const LONGEST: i64 = 3650 * DAY;

/// The units from long to short, in seconds.
const UNITS: [(char, i64); 5] = [('w', WEEK), ('d', DAY), ('h', HOUR), ('m', MINUTE), ('s', 1)];

/// A text that is no time to live. The message says what to write.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct TtlError(String);

impl FromStr for Ttl {
    type Err = TtlError;

    /// Reads `90s`, `45m`, `36h`, `3d`, `2w`, `1d12h` or `never`: whole
    /// numbers, each with a unit, longer units first; 1 s to 10 years.
    fn from_str(text: &str) -> Result<Self, TtlError> {
        if text == "never" {
            return Ok(Ttl::Never);
        }
        let seconds = seconds_of(text)?;
        if seconds == 0 {
            return Err(TtlError(
                "a time to live of nothing; the shortest is 1s, and `never` means no end".to_owned(),
            ));
        }
        if seconds > LONGEST {
            return Err(TtlError("more than 10 years; write `never` if it is to have no end".to_owned()));
        }
        Ok(Ttl::For(SignedDuration::from_secs(seconds)))
    }
}

fn seconds_of(text: &str) -> Result<i64, TtlError> {
    let wrong = |why: &str| TtlError(format!("{why}; write it like 90s, 36h, 3d, 2w, 1d12h or never"));
    if text.is_empty() {
        return Err(wrong("it is empty"));
    }
    let mut rest = text;
    let mut total: i64 = 0;
    let mut shortest = i64::MAX;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let word = &after[..after.len() - after.trim_start_matches(char::is_alphabetic).len()];
        let Some(unit) = after.chars().next() else {
            return Err(wrong(&format!("{number} has no unit")));
        };
        if digits > 0 && word.chars().count() > 1 {
            return Err(wrong(&format!("`{number}{word}` has no unit of one letter")));
        }
        if digits == 0 {
            return Err(wrong(&format!("a whole number is missing before {unit:?}")));
        }
        let Some((_, seconds)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(wrong(&unknown_unit(unit)));
        };
        if *seconds >= shortest {
            return Err(wrong("longer units come first and each only once"));
        }
        shortest = *seconds;
        let count: i64 = number.parse().unwrap_or(i64::MAX);
        total = total.saturating_add(count.saturating_mul(*seconds));
        rest = &after[unit.len_utf8()..];
    }
    Ok(total)
}

fn unknown_unit(unit: char) -> String {
    match unit {
        ' ' => "spaces are not possible".to_owned(),
        '.' | ',' => "only whole numbers are possible".to_owned(),
        'W' | 'D' | 'H' | 'M' | 'S' => format!("units are lower case: {}", unit.to_ascii_lowercase()),
        _ => format!("{unit:?} is not one of the units w, d, h, m, s"),
    }
}

impl fmt::Display for Ttl {
    /// The one form of each length: whole weeks as weeks, all else in days,
    /// hours, minutes and seconds. What it writes is read back as the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ttl::For(duration) = self else {
            return f.pad("never");
        };
        let mut seconds = duration.as_secs();
        if seconds > 0 && seconds % WEEK == 0 {
            return f.pad(&format!("{}w", seconds / WEEK));
        }
        let mut text = String::new();
        for (name, unit) in &UNITS[1..] {
            if seconds >= *unit {
                write!(text, "{}{name}", seconds / unit)?;
                seconds %= unit;
            }
        }
        f.pad(if text.is_empty() { "0s" } else { &text })
    }
}

impl Serialize for Ttl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A duration for a table, in one unit, rounded down: `30s`, `4m`, `21h`,
/// `2d`. Hours run up to two days, because `1d` says little there.
pub fn compact(duration: SignedDuration) -> String {
    let sign = if duration.is_negative() { "-" } else { "" };
    let (count, unit) = one_unit(duration);
    format!("{sign}{count}{unit}")
}

/// A duration for a sentence, in one unit, rounded down: `30 s`, `3 min`,
/// `21 hours`, `2 days`. The sign is left to the sentence.
pub fn human(duration: SignedDuration) -> String {
    match one_unit(duration) {
        (count, 's') => format!("{count} s"),
        (count, 'm') => format!("{count} min"),
        (1, 'h') => "1 hour".to_owned(),
        (count, 'h') => format!("{count} hours"),
        (count, _) => format!("{count} days"),
    }
}

fn one_unit(duration: SignedDuration) -> (u64, char) {
    let seconds = duration.as_secs().unsigned_abs();
    let (minute, hour, day) = (MINUTE.unsigned_abs(), HOUR.unsigned_abs(), DAY.unsigned_abs());
    match seconds {
        s if s < minute => (s, 's'),
        s if s < hour => (s / minute, 'm'),
        s if s < 2 * day => (s / hour, 'h'),
        s => (s / day, 'd'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> i64 {
        match text.parse() {
            Ok(Ttl::For(duration)) => duration.as_secs(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn reads_what_people_write() {
        assert_eq!(seconds("90s"), 90);
        assert_eq!(seconds("45m"), 45 * 60);
        assert_eq!(seconds("36h"), 36 * 3600);
        assert_eq!(seconds("3d"), 3 * 86400);
        assert_eq!(seconds("2w"), 14 * 86400);
        assert_eq!(seconds("1d12h"), 36 * 3600);
        assert_eq!("never".parse(), Ok(Ttl::Never));
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, part) in [
            ("", "empty"),
            ("3", "no unit"),
            ("3D", "lower case"),
            ("1.5d", "whole numbers"),
            ("d", "number is missing"),
            ("-3d", "number is missing"),
            ("3 d", "spaces"),
            ("3days", "one letter"),
            ("P3D", "number is missing"),
            ("12h1d", "longer units come first"),
            ("1d1d", "only once"),
            ("0s", "shortest is 1s"),
            ("11000d", "10 years"),
            ("99999999999999999999w", "10 years"),
            ("Never", "number is missing"),
            ("3ä", "not one of the units"),
        ] {
            let error = text.parse::<Ttl>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn writes_one_form_that_reads_back() {
        for (text, form) in
            [("72h", "3d"), ("14d", "2w"), ("10d", "10d"), ("36h", "1d12h"), ("3661s", "1h1m1s")]
        {
            let ttl: Ttl = text.parse().expect(text);
            assert_eq!(ttl.to_string(), form);
            assert_eq!(form.parse(), Ok(ttl));
        }
        assert_eq!(Ttl::Never.to_string(), "never");
    }

    #[test]
    fn tables_and_sentences() {
        for (seconds, table, sentence) in [
            (0, "0s", "0 s"),
            (59, "59s", "59 s"),
            (239, "3m", "3 min"),
            (3600, "1h", "1 hour"),
            (47 * 3600, "47h", "47 hours"),
            (2 * 86400, "2d", "2 days"),
            (-120, "-2m", "2 min"),
        ] {
            let duration = SignedDuration::from_secs(seconds);
            assert_eq!((compact(duration).as_str(), human(duration).as_str()), (table, sentence));
        }
    }
}
