//! The feature being decided: what was read, and the record as it will be.

use jiff::Timestamp;

use super::{Action, Memory, News, Step};
use crate::model::{
    Attempt, Entry, Feature, FeatureName, Intent, Record, RecordRow, Severity, SpecHash, SpecRow,
};

/// A feature's row of the table while the planner walks along it.
pub(super) struct Draft<'a> {
    pub(super) name: &'a FeatureName,
    entry: &'a Entry,
    /// The record as it will be.
    pub(super) record: Record,
    /// Whether the record goes away.
    pub(super) forget: bool,
    pub(super) action: Option<Action>,
    pub(super) news: Vec<News>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(name: &'a FeatureName, entry: &'a Entry) -> Self {
        let record = entry.record().cloned().unwrap_or_else(|| Record::new(name.clone()));
        Self { name, entry, record, forget: false, action: None, news: Vec::new() }
    }

    /// Why nothing can be decided, where a row cannot be read.
    pub(super) fn unreadable(&self) -> Option<String> {
        match (&self.entry.spec, &self.entry.record) {
            (SpecRow::Unreadable { why }, _) => Some(why.clone()),
            (_, RecordRow::Unreadable { why }) => Some(why.clone()),
            _ => None,
        }
    }

    /// The specification, where there is one.
    pub(super) fn spec(&self) -> Option<&'a Feature> {
        match &self.entry.spec {
            SpecRow::Present { feature, .. } => Some(feature),
            SpecRow::Absent | SpecRow::Unreadable { .. } => None,
        }
    }

    /// Hash of the deployable part of the specification.
    pub(super) fn deployable(&self) -> Option<&'a SpecHash> {
        match &self.entry.spec {
            SpecRow::Present { deployable, .. } => Some(deployable),
            SpecRow::Absent | SpecRow::Unreadable { .. } => None,
        }
    }

    /// Mints a generation for a specification that differs, and notes since
    /// when a row is missing.
    pub(super) fn note_specification(&mut self, now: Timestamp) {
        match &self.entry.spec {
            SpecRow::Present { feature, hash, .. } => {
                self.record.vanished = None;
                self.record.spec_protected = feature.spec.protect;
                if self.record.spec_hash.as_ref() != Some(hash) {
                    self.record.generation += 1;
                    self.record.spec_hash = Some(hash.clone());
                }
            }
            SpecRow::Absent => {
                self.record.vanished.get_or_insert(now);
            }
            SpecRow::Unreadable { .. } => {}
        }
    }

    /// Writes down a call before it is made.
    pub(super) fn open(&mut self, intent: Intent, action: Action) {
        self.record.attempt = Attempt::Open(intent);
        self.action = Some(action);
    }

    /// Adds a line to the feature's history.
    pub(super) fn tell(&mut self, severity: Severity, reason: &'static str, message: impl Into<String>) {
        self.news.push(News { severity, reason, message: message.into() });
    }

    pub(super) fn into_step(self) -> Step {
        let version = match &self.entry.record {
            RecordRow::Present { version, .. } => Some(*version),
            RecordRow::Absent | RecordRow::Unreadable { .. } => None,
        };
        let before = self.entry.record();
        let memory = match (self.forget, version) {
            (true, Some(version)) => Memory::Forget(version),
            (true, None) => Memory::Keep,
            (false, _) if before == Some(&self.record) || self.unreadable().is_some() => Memory::Keep,
            (false, version) => Memory::Write(Box::new(self.record), version),
        };
        Step { memory, action: self.action, news: self.news }
    }
}
