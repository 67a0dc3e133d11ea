//! Whether a store may be written to as it stands. A store that lies
//! elsewhere than it is bound to may be a copy of one that is in use, and two
//! of them would take each other's environments for their own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StoreIdentity;

/// A seal: the store was copied to another place, which is the one to use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Where it went, as `SPROUT_STORE` says it.
    pub to: String,
    /// When, by the clock of who copied it; for people.
    pub at: Timestamp,
    /// Who copied it.
    pub by: String,
}

/// Why a store is read-only, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hold {
    /// It was copied to another place and sealed.
    #[error(
        "the store is sealed, because {by} copied it to {to}. Use that one: SPROUT_STORE={to}. \
         To go on with this one, after making sure that nobody claimed the other: sprout store claim --take-back",
        by = .0.by, to = .0.to
    )]
    Sealed(Sealed),
    /// It lies elsewhere than it is bound to.
    #[error(
        "the store was bound to {bound} and is now at {here}, so it was moved, copied or restored. \
         Stop whatever uses the other one, then say: sprout store claim"
    )]
    Elsewhere {
        /// Where it is bound to.
        bound: String,
        /// Where it was found.
        here: String,
    },
    /// Its contents came from another place, and nobody said yet that they
    /// are to be used from here.
    #[error(
        "the store's contents were imported and nobody claimed them yet. \
         Stop whatever uses the place that they came from, then say: sprout store claim"
    )]
    Unclaimed,
    /// An import into it began and did not end: part of its rows may be
    /// missing.
    #[error("an import into the store did not end. Repeat it; until then nothing may rest on it")]
    Unfinished,
}

impl StoreIdentity {
    /// Why the store is read-only at this place, if it is. `here` is the
    /// place as the store's own kind binds it.
    pub fn hold(&self, here: &str) -> Option<Hold> {
        match (&self.sealed, &self.place) {
            _ if self.unfinished => Some(Hold::Unfinished),
            (Some(sealed), _) => Some(Hold::Sealed(sealed.clone())),
            (None, None) => Some(Hold::Unclaimed),
            (None, Some(bound)) if bound != here => {
                Some(Hold::Elsewhere { bound: bound.clone(), here: here.to_owned() })
            }
            (None, Some(_)) => None,
        }
    }
}
