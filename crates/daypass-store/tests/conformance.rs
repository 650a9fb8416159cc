//! What the store promises, on SQLite always and on PostgreSQL when `DAYPASS_TEST_POSTGRES` is set (a URL with the
//! right to create schemas). Every test has a database of its own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and says what it skips"
)]

#[path = "conformance/audit_log.rs"]
mod audit_log;
#[path = "conformance/bad_times.rs"]
mod bad_times;
#[path = "conformance/child.rs"]
mod child;
#[path = "conformance/exchanges.rs"]
mod exchanges;
#[path = "conformance/full_disk.rs"]
mod full_disk;
#[path = "conformance/home.rs"]
mod home;
#[path = "conformance/hosted_files.rs"]
mod hosted_files;
#[path = "conformance/opening.rs"]
mod opening;
#[path = "conformance/postgres_only.rs"]
mod postgres_only;
#[path = "conformance/revocations.rs"]
mod revocations;
#[path = "conformance/signing_keys.rs"]
mod signing_keys;

/// One list, run on both.
macro_rules! promises {
    ($($module:ident :: $promise:ident,)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let home = crate::home::Home::sqlite();
                crate::$module::$promise(&home).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let Some(home) = crate::home::Home::postgres().await else { return };
                crate::$module::$promise(&home).await;
                home.remove().await;
            })*
        }
    };
}

promises! {
    exchanges::a_spent_proof_is_replayed_the_second_time_and_the_audit_log_says_so,
    exchanges::the_same_jti_of_another_issuer_is_another_proof,
    exchanges::of_200_equal_proofs_at_once_exactly_one_is_first,
    exchanges::of_equal_proofs_at_two_replicas_exactly_one_is_first,
    exchanges::a_waiter_that_gives_up_does_not_break_the_batch,
    exchanges::a_value_that_the_database_refuses_harms_nobody_else,
    exchanges::a_swept_proof_is_forgotten_and_no_other,
    exchanges::more_is_swept_than_fits_one_transaction,
    audit_log::events_are_there_after_reopening,
    audit_log::events_that_nobody_waited_for_are_there_after_closing,
    audit_log::the_log_is_read_by_time_and_in_pages,
    audit_log::a_follower_misses_no_event_of_several_writers,
    audit_log::a_flood_of_unwaited_events_is_refused_and_waiters_still_served,
    revocations::a_revocation_is_seen_by_every_replica,
    revocations::revoking_twice_is_revoking_once,
    revocations::a_swept_revocation_is_forgotten_and_no_other,
    signing_keys::of_many_first_openers_exactly_one_adds_the_first_key,
    signing_keys::keys_come_back_as_they_were_stored,
    hosted_files::the_same_file_is_identical_and_other_bytes_are_a_conflict,
    hosted_files::the_catalogue_version_grows_with_its_own_index_only,
    opening::a_newer_schema_is_refused_and_left_as_it_is,
    opening::a_schema_of_another_build_is_refused,
    bad_times::a_closed_store_is_unavailable_at_once,
    bad_times::a_locked_database_is_unavailable_in_time_and_works_again_afterwards,
    child::what_was_acknowledged_is_there_after_kill_9,
}
