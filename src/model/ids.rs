//! Identifiers as types of their own, so that a name can never stand where an
//! id is meant: bulk mistakes begin with two kinds of id in one string.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares a transparent string newtype.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it stands; where it must be checked, the
            /// place that reads it does so.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// A feature's name: any branch-like text, the identity of a feature
    /// within an installation.
    FeatureName
}
text_id! {
    /// A Beanstalk application's name.
    ApplicationName
}
text_id! {
    /// A Beanstalk environment's name: unique per account and region among
    /// environments that are not terminated, and free for reuse afterwards.
    EnvironmentName
}
text_id! {
    /// The id that Beanstalk gives an environment (`e-` and ten characters);
    /// a recreated namesake has another one.
    EnvironmentId
}
text_id! {
    /// An application version's label: the one marker in a listing of what an
    /// environment runs.
    VersionLabel
}
text_id! {
    /// The random id that a store mints when it is made; it enters every name
    /// and every binding, so that two stores never mean the same environment.
    StoreId
}
text_id! {
    /// The request id that AWS puts on a reply; Beanstalk's events carry the
    /// id of the call that caused them.
    RequestId
}
text_id! {
    /// An image digest, `sha256:` and 64 hexadecimal digits.
    Digest
}
text_id! {
    /// A hash over a feature's specification, with the hash's own version in
    /// front (`v1:…`).
    SpecHash
}
