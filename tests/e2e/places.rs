//! The main scenarios, once for every place that a store can lie in.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::not_run;

/// Where the store of a scenario lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// In a SQLite file.
    File,
    /// In tables of the emulator that is the rest of the cloud, too.
    Tables,
    /// In tables of moto's server, a DynamoDB that others wrote.
    Moto,
}

impl Keep {
    /// What a desk is told of it beyond the file that it has anyway; none where
    /// what keeps it does not run, which is then written down.
    pub(super) fn variables(self) -> Option<Vec<(&'static str, String)>> {
        match self {
            Keep::File => Some(Vec::new()),
            Keep::Tables => Some(vec![("SPROUT_STORE", "dynamodb:features".to_owned())]),
            Keep::Moto => {
                let Ok(address) = std::env::var("SPROUT_TEST_MOTO") else {
                    not_run("moto's server does not run; `make test` starts it");
                    return None;
                };
                // One server for all tests: the table's name is this one's alone.
                static TABLES: AtomicU32 = AtomicU32::new(0);
                let number = TABLES.fetch_add(1, Ordering::Relaxed);
                let table = format!("features-{}-{number}", std::process::id());
                Some(vec![
                    ("SPROUT_STORE", format!("dynamodb:{table}")),
                    ("AWS_ENDPOINT_URL_DYNAMODB", address),
                ])
            }
        }
    }
}

/// One test for each scenario and place.
macro_rules! scenarios {
    ($name:ident, $keep:expr; $($module:ident::$scenario:ident),* $(,)?) => {
        mod $name {
            $(
                #[test]
                fn $scenario() {
                    super::super::$module::$scenario($keep);
                }
            )*
        }
    };
    ($name:ident, $keep:expr) => {
        scenarios!($name, $keep;
            basics::the_example_specs_come_to_life,
            basics::a_changed_tag_goes_to_the_same_environment_once,
            basics::a_changed_variable_is_set_before_the_label,
            ends::when_the_time_is_over_nothing_is_left_and_only_news_brings_it_back,
            ends::renewal_during_teardown_is_told_the_truth,
            ends::an_extension_moves_the_end_and_a_protected_feature_has_none,
            ends::deletion_leaves_nothing_and_says_so,
        );
    };
}

scenarios!(in_a_file, super::Keep::File);
scenarios!(in_tables, super::Keep::Tables);
scenarios!(in_motos_tables, super::Keep::Moto);
