//! Simulations: everything in one process, on paused time.

mod crew;
mod fleet;
mod leaders;
mod life;
mod tables;
mod week;
pub(crate) mod world;

/// One test for each scenario and place of the store.
macro_rules! scenarios {
    ($name:ident, $keep:expr; $($module:ident::$scenario:ident),* $(,)?) => {
        mod $name {
            $(
                #[tokio::test(start_paused = true)]
                async fn $scenario() {
                    super::$module::$scenario($keep).await;
                }
            )*
        }
    };
    ($name:ident, $keep:expr) => {
        scenarios!($name, $keep;
            leaders::a_planned_hand_over_takes_no_longer_than_a_second,
            leaders::after_a_crash_the_next_leads_within_the_lease_and_a_second,
            leaders::nothing_is_destroyed_after_a_take_over_before_the_calls_of_the_one_before_are_over,
            leaders::who_has_not_noticed_yet_that_the_lease_is_lost_writes_no_intent_and_calls_nothing,
            leaders::clocks_that_disagree_by_ten_minutes_make_no_second_leader,
            leaders::controllers_that_start_at_once_on_a_new_store_are_of_one_installation,
            leaders::who_leads_on_a_store_that_is_sealed_gives_up_with_the_next_renewal,
            life::a_feature_comes_changes_expires_and_leaves_nothing,
        );
    };
}

scenarios!(in_a_file, super::world::Keep::File);
scenarios!(in_tables, super::world::Keep::Tables);
