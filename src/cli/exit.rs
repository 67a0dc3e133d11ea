//! How a command ends.

use std::process::ExitCode;

use crate::config::ConfigError;
use crate::store::StoreError;

/// How a command ended, for the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Done.
    Done = 0,
    /// Something differs, or the awaited did not come about.
    Differs = 1,
    /// Wrong usage or input.
    Usage = 2,
    /// Time ran out.
    TimedOut = 3,
    /// The outside failed: AWS, the store, the machine.
    Outside = 4,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

/// A command that stops for a reason of its own, in words for people.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub(crate) struct Stop {
    status: ExitStatus,
    words: String,
}

impl Stop {
    /// What was asked for cannot come about as things stand.
    pub(crate) fn refused(words: impl Into<String>) -> anyhow::Error {
        Self { status: ExitStatus::Differs, words: words.into() }.into()
    }

    /// The command was not understood, or its input is wrong.
    pub(crate) fn usage(words: impl Into<String>) -> anyhow::Error {
        Self { status: ExitStatus::Usage, words: words.into() }.into()
    }

    /// Something outside does not work.
    pub(crate) fn outside(words: impl Into<String>) -> anyhow::Error {
        Self { status: ExitStatus::Outside, words: words.into() }.into()
    }
}

/// What an error means for the shell. Whoever closed the pipe has seen
/// enough: that is no failure.
pub(super) fn status_of(error: &anyhow::Error) -> ExitStatus {
    for cause in error.chain() {
        if let Some(stop) = cause.downcast_ref::<Stop>() {
            return stop.status;
        }
        if cause.is::<ConfigError>() {
            return ExitStatus::Usage;
        }
        match cause.downcast_ref::<StoreError>() {
            // The store stands, and does not take what was asked for.
            Some(StoreError::Held(_) | StoreError::NewerRows { .. } | StoreError::OtherStore { .. }) => {
                return ExitStatus::Differs;
            }
            Some(StoreError::BadDump { .. } | StoreError::NewerDump { .. }) => return ExitStatus::Usage,
            _ => {}
        }
        let io = cause.downcast_ref::<std::io::Error>();
        if io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
            return ExitStatus::Done;
        }
    }
    ExitStatus::Outside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_told_by_the_cause() {
        let pipe = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert_eq!(status_of(&anyhow::Error::new(pipe).context("printing")), ExitStatus::Done);
        assert_eq!(status_of(&Stop::usage("x").context("y")), ExitStatus::Usage);
        assert_eq!(status_of(&Stop::refused("x")), ExitStatus::Differs);
        assert_eq!(status_of(&anyhow::anyhow!("x")), ExitStatus::Outside);
    }
}
