//! One voice: what happened, what is true now, what comes next, what you can
//! do. Inner words (ledger, intent, dirty) stay out.

use jiff::Timestamp;

use super::because;
use crate::model::{Failure, Guard, IntentKind, Phase, Record};
use crate::plan::{Situation, Waiting};

/// The sentences of a status row.
pub(super) struct Words {
    pub(super) happened: String,
    pub(super) next: String,
    pub(super) next_at: Option<Timestamp>,
    pub(super) advice: Option<String>,
}

/// The sentences for a situation.
pub(super) fn words(situation: &Situation, record: &Record, phase: Phase) -> Words {
    let name = &record.feature;
    let describe = Some(format!("sprout describe {name}"));
    match situation {
        Situation::Unreadable { why } => {
            Words::new(format!("Its row cannot be read: {why}."), "waits for a row that can be read")
                .advise(Some(format!("sprout apply -f FILE (with {name} in it)")))
        }
        Situation::NoAnswer { why } => Words::new(format!("No answer yet: {why}."), "asks again by itself"),
        Situation::RowMissing { until } => Words::new(
            "Its row is gone from the store.",
            match until {
                Some(_) => "is taken down unless the row returns",
                None => "stays, because it is protected",
            },
        )
        .at(*until)
        .advise(Some("apply its file again to keep it".to_owned())),
        Situation::NotVisible { .. } => Words::new(
            "Beanstalk does not show its environment, and does not say that it is gone.",
            "waits for an answer; nothing is done",
        )
        .advise(Some(format!("check the permissions, or: sprout forget {name}"))),
        Situation::Unproven => {
            Words::new("Its environment is there, and its tags are not shown yet.", "goes on when they are")
        }
        Situation::NameTaken { by } => Words::new(
            format!("The environment {by} bears its name and is not known to this store; it is not touched."),
            "waits until that name is free",
        )
        .advise(Some("sprout orphans".to_owned())),
        Situation::AdoptionWaits { id, why } => {
            Words::new(format!("It is to have the environment {id}: {why}."), "goes on when that is over")
                .advise(Some(format!("sprout forget {name} (to have an environment made for it instead)")))
        }
        Situation::Blocked { reason: "MustBeRecreated", why } => {
            Words::new(why.clone(), "waits for the former template, or for a person to make it anew")
                .advise(Some(format!("sprout delete {name} --wait, then apply its file again")))
        }
        Situation::Blocked { why, .. } => {
            Words::new(why.clone(), "waits for a corrected specification").advise(describe)
        }
        Situation::AwaitsImage { why } => {
            Words::new(format!("Its image is not there: {why}."), "goes on when the image is pushed")
                .advise(describe)
        }
        Situation::Held(guard) => Words::new(held(*guard), "passes when the guard has room again")
            .advise(Some(format!("sprout guards, sprout approve {}", guard.as_str()))),
        Situation::Waits(waiting) | Situation::Acts(waiting) => under_way(waiting),
        Situation::Paused { why } => {
            Words::new(format!("The controller is paused: {why}."), "goes on after: sprout resume")
        }
        Situation::Overdue(waiting) => Words::new(
            format!("{} has taken longer than it ever should.", operation(&waiting.kind)),
            "waits on; nothing is sent twice",
        )
        .advise(Some(format!("sprout events {name}"))),
        Situation::ForeignOperation => {
            Words::new("Somebody else changes its environment.", "goes on when that is over")
        }
        Situation::Retries(failure) => {
            let next = if failure.blocked { "looks again" } else { "tries again" };
            let advice = if lacks_ground(failure) { Some("sprout init".to_owned()) } else { describe };
            Words::new(failed(failure, record), next).at(failure.retry_at).advise(advice)
        }
        Situation::OutOfTries(failure) => {
            Words::new(failed(failure, record), "nothing happens until a new image or specification comes")
                .advise(describe)
        }
        Situation::NotHealed => Words::new(
            "Somebody else terminated its environment, and its specification says heal: never.",
            "nothing happens until a new specification comes",
        )
        .advise(Some(format!("sprout renew {name}"))),
        Situation::Runs => Words::new("It runs what is wanted.", "nothing to do"),
        Situation::Unwell => Words::new(
            "It runs what is wanted, and Beanstalk calls it Red.",
            "stays as it is; look at the application",
        )
        .advise(Some(format!("sprout events {name}"))),
        Situation::EndsWhenReady(reason) => Words::new(
            format!("It ends, because {}.", because(*reason)),
            "is taken down as soon as Beanstalk allows it",
        ),
        Situation::TakenOver { until } => Words::new(
            "It ends. Another controller leads since a moment ago, and the one before did not say goodbye.",
            "is taken down when no call of that one can be under way",
        )
        .at(Some(*until)),
        Situation::Expired => {
            Words::new("Its time was over; its environment is gone.", "comes back with a new commit or image")
                .advise(Some(format!("sprout renew {name}")))
        }
        Situation::Deleted => {
            Words::new("It was deleted; its environment is gone.", "comes back with a new commit or image")
                .advise(Some(format!("sprout renew {name}")))
        }
    }
    .in_phase(phase)
}

impl Words {
    fn new(happened: impl Into<String>, next: impl Into<String>) -> Self {
        Self { happened: happened.into(), next: next.into(), next_at: None, advice: None }
    }

    fn at(mut self, at: Option<Timestamp>) -> Self {
        self.next_at = at;
        self
    }

    fn advise(mut self, advice: Option<String>) -> Self {
        self.advice = advice;
        self
    }

    /// What is expected of a feature that is being ended is its end.
    fn in_phase(mut self, phase: Phase) -> Self {
        if phase == Phase::Terminating && self.next == "usually ready" {
            "usually gone".clone_into(&mut self.next);
        }
        self
    }
}

fn under_way(waiting: &Waiting) -> Words {
    let happened = match &waiting.kind {
        IntentKind::Launch { .. } => "Its environment is being made.",
        IntentKind::Configure => "Its settings are being changed; its version follows.",
        IntentKind::Deploy { .. } => "A new version is being deployed.",
        IntentKind::Terminate => "Its environment is being taken down.",
        IntentKind::Adopt => "The environment that a person named is being taken for it.",
    };
    let next = match (&waiting.kind, waiting.expected) {
        (_, Some(_)) => "usually ready",
        (IntentKind::Terminate, None) => "gone within minutes",
        (_, None) => "ready within minutes",
    };
    Words::new(happened, next).at(waiting.expected)
}

fn operation(kind: &IntentKind) -> &'static str {
    match kind {
        IntentKind::Launch { .. } => "The launch",
        IntentKind::Configure => "The settings update",
        IntentKind::Deploy { .. } => "The deployment",
        IntentKind::Terminate => "The termination",
        IntentKind::Adopt => "The adoption",
    }
}

/// What failed, in Beanstalk's own words, and what is true now.
fn failed(failure: &Failure, record: &Record) -> String {
    // The full stop stands inside, as Beanstalk wrote it, or is added there.
    let quoted = format!("\"{}.\"", failure.message.trim_end_matches('.'));
    let runs = record.deployed.as_ref().map(|deployed| deployed.image.clone());
    match (&failure.kind, runs) {
        (IntentKind::Deploy { .. }, Some(runs)) => format!("Beanstalk rolled back to {runs}: {quoted}"),
        (IntentKind::Deploy { .. }, None) => format!("The deployment failed: {quoted}"),
        (IntentKind::Launch { .. }, _) => format!("The launch failed: {quoted}"),
        (IntentKind::Configure, _) => format!("The settings were not taken: {quoted}"),
        (IntentKind::Terminate, _) => format!("The termination failed: {quoted}"),
        (IntentKind::Adopt, _) => format!("The environment could not be taken for it: {quoted}"),
    }
}

/// Whether what is missing is what `sprout init` makes.
fn lacks_ground(failure: &Failure) -> bool {
    failure.blocked
        && ["No Application named", "NoSuchBucket", "bucket"]
            .iter()
            .any(|text| failure.message.contains(text))
}

fn held(guard: Guard) -> &'static str {
    match guard {
        Guard::Asked => "Too many deletions were asked for in the last minutes; this one waits.",
        Guard::Inferred => "Too many rows vanished in the last hour; this one waits.",
        Guard::MassVanish => "More than half of all rows vanished at once; nothing is deleted for that.",
        Guard::Creates => "Many environments were made in the last minutes; this one waits.",
        Guard::Cap => "The cap on live environments is reached.",
        Guard::Flap => "It was made again too often in the last hour.",
    }
}
