//! Logging for people and for machines, on standard error.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// One line for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why there is no logging.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level that was asked for is none.
    #[error("{variable} is {value:?}, which is no log level; write error, warn, info, debug or trace")]
    Level {
        /// Where it was asked for.
        variable: &'static str,
        /// What was asked for.
        value: String,
    },
    /// Somebody logs in this process already.
    #[error("logging was started twice")]
    Twice(#[from] TryInitError),
}

/// The variables that set the level, the first one that is set.
const VARIABLES: [&str; 2] = ["SPROUT_LOG", "RUST_LOG"];

/// Starts logging for the rest of the process. The level is that of
/// `SPROUT_LOG` or `RUST_LOG` (`debug`, or `beansprout::act=debug` and the
/// like), else `default`.
///
/// # Errors
/// A level that is none, or a second call.
pub fn start(style: Style, default: &str) -> Result<(), TelemetryError> {
    let asked = VARIABLES.into_iter().find_map(|variable| {
        let value = std::env::var(variable).ok().filter(|value| !value.is_empty())?;
        Some((variable, value))
    });
    let filter = match asked {
        Some((variable, value)) => level(variable, value)?,
        None => EnvFilter::new(default),
    };
    tracing_subscriber::registry().with(lines(style, filter)).try_init()?;
    Ok(())
}

fn level(variable: &'static str, value: String) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder().parse(&value).map_err(|_| TelemetryError::Level { variable, value })
}

/// The layer that writes lines, whatever was asked for within what may be shown.
fn lines<S>(style: Style, filter: EnvFilter) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let filter = filter.and(filter_fn(may_be_shown));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match style {
        Style::Json => layer.json().flatten_event(true).with_filter(filter).boxed(),
        Style::Text => {
            let colour = std::io::stderr().is_terminal()
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            layer.with_ansi(colour).with_filter(filter).boxed()
        }
    }
}

/// Whether lines of this kind may be shown at all. The SDK writes whole
/// requests to its finer levels, credentials and the values of variables
/// among them; of other people's code only warnings pass, whatever the level.
fn may_be_shown(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target == "beansprout" || target.starts_with("beansprout::") || *metadata.level() <= Level::WARN
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Gathers what is logged.
    #[derive(Clone, Default)]
    struct Gathered(Arc<Mutex<Vec<u8>>>);

    impl Write for Gathered {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: &str, write: impl FnOnce()) -> String {
        let gathered = Gathered::default();
        let to = gathered.clone();
        let filter = EnvFilter::new(level).and(filter_fn(may_be_shown));
        let layer = tracing_subscriber::fmt::layer().with_writer(move || to.clone()).with_filter(filter);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), write);
        let bytes = gathered.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_the_sdk_whispers_is_never_shown() {
        let text = logged("trace", || {
            tracing::trace!(target: "aws_smithy_runtime::client", "body DB_PASSWORD=hunter2");
            tracing::debug!(target: "aws_sdk_elasticbeanstalk", "secret hunter2");
            tracing::warn!(target: "hyper", "a warning");
            tracing::trace!(target: "beansprout::act", "ours");
        });
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("a warning") && text.contains("ours"), "{text}");
    }

    #[test]
    fn the_level_holds() {
        let text = logged("warn", || {
            tracing::info!(target: "beansprout::act", "an info");
            tracing::warn!(target: "beansprout::act", "a warning");
        });
        assert!(!text.contains("an info") && text.contains("a warning"), "{text}");
    }

    #[test]
    fn a_level_that_is_none_is_refused() {
        let error = level("SPROUT_LOG", "beansprout=loud".to_owned()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "SPROUT_LOG is \"beansprout=loud\", which is no log level; write error, warn, info, debug or trace"
        );
    }
}
