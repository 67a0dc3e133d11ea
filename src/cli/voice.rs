//! One voice for every command: what happened, what is true now, what comes
//! next, what you can do, in this order.

use jiff::{SignedDuration, Timestamp};

use crate::model::ttl::{compact, human};
use crate::model::{DeployedView, Digest, Feature, ImageReference, Phase, StatusView, Ttl};

/// What happened: `feature/login: Failed. Beanstalk rolled back to …`.
pub(super) fn headline(view: &StatusView) -> String {
    format!("{}: {}. {}", view.feature, view.phase.as_str(), view.happened)
}

/// What comes next and what you can do: `Usually ready in 3 min. Try: …`.
/// Advice to call the command that is speaking is no advice.
pub(super) fn outlook(view: &StatusView, now: Timestamp, speaking: &str) -> String {
    let mut text = sentence(&next(view, now));
    if let Some(advice) = view.advice.as_deref().filter(|advice| *advice != speaking) {
        text.push_str(" Try: ");
        text.push_str(advice);
    }
    text
}

/// What comes next, with its time: `usually ready in 3 min`.
pub(super) fn next(view: &StatusView, now: Timestamp) -> String {
    let Some(at) = view.next_at else { return view.next.clone() };
    let ahead = at.duration_since(now);
    if ahead < SignedDuration::from_secs(1) {
        format!("{} any moment", view.next)
    } else {
        format!("{} in {}", view.next, human(ahead))
    }
}

/// A phrase as a sentence.
pub(super) fn sentence(phrase: &str) -> String {
    let mut chars = phrase.chars();
    let Some(first) = chars.next() else { return String::new() };
    let end = if phrase.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), chars.as_str())
}

/// The time since a moment: `2d`.
pub(super) fn age(since: Option<Timestamp>, now: Timestamp) -> String {
    since.map_or_else(dash, |since| compact(now.duration_since(since).max(SignedDuration::ZERO)))
}

/// The time that is left of a life.
pub(super) fn left(view: &StatusView, feature: Option<&Feature>, now: Timestamp) -> String {
    match (view.phase, view.expires_at) {
        (Phase::Expired | Phase::Deleted, _) => dash(),
        _ if view.protected => "protected".to_owned(),
        (_, Some(end)) => compact(end.duration_since(now).max(SignedDuration::ZERO)),
        (_, None) if feature.is_some_and(|feature| feature.spec.ttl == Some(Ttl::Never)) => {
            "never ends".to_owned()
        }
        (_, None) => dash(),
    }
}

/// What runs and what is to run: `login-41 → login-42`.
pub(super) fn deployed(
    deployed: Option<&DeployedView>,
    wanted: Option<&str>,
    wanted_digest: Option<&Digest>,
) -> String {
    match (deployed, wanted) {
        (None, None) => dash(),
        (Some(deployed), None) => tag(&deployed.image),
        (None, Some(wanted)) => format!("→ {}", tag(wanted)),
        (Some(deployed), Some(wanted)) if deployed.image == wanted => {
            match (&deployed.digest, wanted_digest) {
                // The tag was moved to another image.
                (Some(runs), Some(moved)) if runs != moved => {
                    format!("{0} → {0} ({1})", tag(wanted), short_digest(moved.as_str()))
                }
                _ => tag(wanted),
            }
        }
        (Some(deployed), Some(wanted)) => change(&deployed.image, wanted),
    }
}

/// One image to another, as briefly as tells them apart.
pub(super) fn change(from: &str, to: &str) -> String {
    if tag(from) == tag(to) { format!("{from} → {to}") } else { format!("{} → {}", tag(from), tag(to)) }
}

/// What tells an image from its siblings: its tag, or some of its digest.
pub(super) fn tag(image: &str) -> String {
    match ImageReference::parse(image) {
        Ok(parsed) => match (parsed.tag, parsed.digest) {
            (Some(tag), _) => tag,
            (None, Some(digest)) => short_digest(digest.as_str()),
            (None, None) => image.to_owned(),
        },
        Err(_) => image.to_owned(),
    }
}

/// The first twelve digits, which is what registries show too.
pub(super) fn short_digest(digest: &str) -> String {
    let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
    hex.chars().take(12).collect()
}

/// A moment for people, in UTC as AWS shows it.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A moment and how far away it is: `2026-11-23 14:00 UTC (2 hours ago)`.
pub(super) fn moment_and_distance(at: Timestamp, now: Timestamp) -> String {
    let distance = at.duration_since(now);
    let words = human(distance);
    if distance.is_negative() || distance.is_zero() {
        format!("{} ({words} ago)", moment(at))
    } else {
        format!("{} (in {words})", moment(at))
    }
}

/// `1 feature`, `3 features`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

pub(super) fn dash() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FeatureName;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn runs(image: &str, digest: &str) -> DeployedView {
        DeployedView {
            image: image.to_owned(),
            digest: Some(Digest::new(digest)),
            commit: None,
            at: at("2026-01-05T08:00:00Z"),
        }
    }

    #[test]
    fn images_are_told_apart_briefly() {
        let (one, two) = (format!("sha256:{}", "a".repeat(64)), format!("sha256:{}", "b".repeat(64)));
        let runs = runs("shop-web:login-41", &one);
        let digest = |text: &str| Digest::new(text);
        for (wanted, wanted_digest, text) in [
            (Some("shop-web:login-41"), Some(&one), "login-41"),
            (Some("shop-web:login-41"), Some(&two), "login-41 → login-41 (bbbbbbbbbbbb)"),
            (Some("shop-web:login-42"), Some(&two), "login-41 → login-42"),
            (Some("shop-api:login-41"), None, "shop-web:login-41 → shop-api:login-41"),
            (None, None, "login-41"),
        ] {
            let wanted_digest = wanted_digest.map(|text| digest(text));
            assert_eq!(deployed(Some(&runs), wanted, wanted_digest.as_ref()), text);
        }
        assert_eq!(deployed(None, Some("shop-web:login-41"), None), "→ login-41");
        assert_eq!(deployed(None, None, None), "-");
        assert_eq!(tag(&format!("shop-web@{one}")), "aaaaaaaaaaaa");
    }

    #[test]
    fn the_next_step_bears_its_time() {
        let mut view = super::super::tests::view("feature/login", Phase::Updating);
        "usually ready".clone_into(&mut view.next);
        assert_eq!(next(&view, at("2026-01-05T08:00:00Z")), "usually ready");
        view.next_at = Some(at("2026-01-05T08:03:30Z"));
        assert_eq!(next(&view, at("2026-01-05T08:00:00Z")), "usually ready in 3 min");
        assert_eq!(next(&view, at("2026-01-05T08:04:00Z")), "usually ready any moment");
        view.advice = Some("sprout describe feature/login".to_owned());
        assert_eq!(
            outlook(&view, at("2026-01-05T08:00:00Z"), "sprout get"),
            "Usually ready in 3 min. Try: sprout describe feature/login"
        );
        assert_eq!(
            outlook(&view, at("2026-01-05T08:00:00Z"), "sprout describe feature/login"),
            "Usually ready in 3 min."
        );
        assert_eq!(view.feature, FeatureName::from("feature/login"));
    }

    #[test]
    fn distances_look_both_ways() {
        let now = at("2026-01-05T08:00:00Z");
        assert_eq!(
            moment_and_distance(at("2026-01-05T06:00:00Z"), now),
            "2026-01-05 06:00 UTC (2 hours ago)"
        );
        assert_eq!(moment_and_distance(at("2026-01-07T08:00:00Z"), now), "2026-01-07 08:00 UTC (in 2 days)");
        assert_eq!(
            (count(1, "mistake"), count(5, "mistake")),
            ("1 mistake".to_owned(), "5 mistakes".to_owned())
        );
    }
}
