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

#[path = "conformance/accounts.rs"]
mod accounts;
#[path = "conformance/audit_log.rs"]
mod audit_log;
#[path = "conformance/bad_times.rs"]
mod bad_times;
#[path = "conformance/child.rs"]
mod child;
#[path = "conformance/codes.rs"]
mod codes;
#[path = "conformance/devices.rs"]
mod devices;
#[path = "conformance/exchanges.rs"]
mod exchanges;
#[path = "conformance/full_disk.rs"]
mod full_disk;
#[path = "conformance/guests.rs"]
mod guests;
#[path = "conformance/home.rs"]
mod home;
#[path = "conformance/hosted_files.rs"]
mod hosted_files;
#[path = "conformance/opening.rs"]
mod opening;
#[path = "conformance/people.rs"]
mod people;
#[path = "conformance/policy_objects.rs"]
mod policy_objects;
#[path = "conformance/postgres_only.rs"]
mod postgres_only;
#[path = "conformance/pull_tokens.rs"]
mod pull_tokens;
#[path = "conformance/revocations.rs"]
mod revocations;
#[path = "conformance/rotations.rs"]
mod rotations;
#[path = "conformance/sessions.rs"]
mod sessions;
#[path = "conformance/signing_keys.rs"]
mod signing_keys;
#[path = "conformance/upstream_uses.rs"]
mod upstream_uses;
#[path = "conformance/worth.rs"]
mod worth;

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
    exchanges::a_proof_of_several_uses_is_good_for_so_many,
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
    signing_keys::a_key_goes_through_its_states_and_leaves_its_private_half_behind,
    signing_keys::what_was_thought_out_for_other_keys_is_not_done,
    signing_keys::of_two_replicas_that_rotate_at_once_exactly_one_does,
    upstream_uses::the_last_use_of_a_file_counts_and_can_be_forgotten,
    hosted_files::the_same_file_is_identical_and_other_bytes_are_a_conflict,
    hosted_files::the_catalogue_version_grows_with_its_own_index_only,
    hosted_files::a_replica_learns_which_projects_changed_and_a_project_stays_when_its_files_are_gone,
    hosted_files::files_are_yanked_and_unyanked_once_with_an_event_each,
    hosted_files::a_release_has_one_name_and_one_sdist,
    hosted_files::a_deleted_name_is_never_used_again_and_an_old_file_is_not_deleted,
    hosted_files::a_project_with_another_status_takes_files_or_does_not,
    policy_objects::changes_are_made_whole_with_an_event_each_and_seen_by_every_replica,
    policy_objects::of_many_changes_at_once_exactly_one_is_made_for_a_version,
    people::a_person_is_described_anew_and_their_standing_stays,
    people::people_are_listed_by_provider_and_name,
    people::the_same_subject_of_another_issuer_is_another_person,
    people::a_disabled_person_loses_everything_and_an_enabled_one_begins_anew,
    people::a_cut_covers_what_a_replica_gave_whose_clock_is_ahead_and_a_later_one_what_came_since,
    codes::a_code_opens_one_session_and_loses_it_when_it_comes_again,
    codes::of_20_who_redeem_a_code_at_once_one_opens_a_session,
    codes::a_code_that_is_unknown_expired_or_of_somebody_else_opens_nothing,
    codes::a_session_that_cannot_begin_leaves_its_code_as_it_was,
    devices::a_device_waits_is_let_in_and_gets_one_session,
    devices::a_device_that_is_denied_late_or_of_somebody_shut_out_gets_none,
    devices::a_user_code_belongs_to_one_device_until_it_expires,
    devices::no_more_devices_wait_than_may_however_many_ask_at_once,
    devices::a_device_is_forgotten_an_hour_after_its_end_and_a_code_is_not,
    devices::of_20_who_redeem_a_device_code_at_once_one_gets_a_session,
    sessions::a_session_comes_back_as_it_was_begun_and_is_found_by_all_its_refresh_tokens,
    sessions::a_session_is_ended_once_and_revoked,
    sessions::what_has_ended_is_forgotten_in_its_time_and_nothing_else,
    sessions::a_session_with_very_many_refresh_tokens_is_forgotten_piece_by_piece,
    sessions::a_redeemed_code_of_a_forgotten_session_is_still_a_replay,
    rotations::a_refresh_token_is_exchanged_for_the_next_and_an_old_one_ends_the_session,
    rotations::lost_answers_in_a_row_are_forgiven_and_what_they_carried_is_worthless,
    rotations::an_answer_whose_access_token_was_used_was_not_lost,
    rotations::a_used_access_token_does_not_hinder_the_next_refresh,
    rotations::noting_a_use_never_fails,
    rotations::more_lost_answers_in_a_row_than_any_network_loses_end_the_session,
    rotations::lost_answers_are_counted_anew_once_one_has_arrived,
    rotations::of_10_refreshes_at_once_one_is_the_first_and_the_last_one_holds,
    rotations::of_50_refreshes_at_once_none_keeps_the_session,
    rotations::a_session_that_is_over_is_not_refreshed_and_nothing_is_written,
    accounts::an_account_is_made_once_and_comes_back_as_it_was_made,
    accounts::an_invite_is_accepted_once_by_whoever_is_first,
    accounts::an_invite_that_is_late_old_or_of_somebody_shut_out_is_not_accepted,
    accounts::a_new_credential_takes_the_place_of_all_before_and_ends_the_sessions,
    accounts::what_the_old_credential_proved_and_nobody_came_for_is_withdrawn,
    accounts::another_role_cuts_off_access_tokens_and_keeps_sessions,
    accounts::what_was_made_from_a_role_is_not_written_once_the_account_has_another,
    accounts::a_passkey_that_counts_backwards_is_noticed,
    pull_tokens::a_pull_token_comes_back_as_it_was_made_and_knows_its_maker,
    pull_tokens::a_pull_token_that_may_not_be_made_leaves_nothing,
    pull_tokens::nobody_has_more_pull_tokens_than_may_be_remembered,
    pull_tokens::a_pull_token_is_revoked_once_and_every_replica_notices,
    pull_tokens::whoever_is_shut_out_loses_their_pull_tokens_for_good,
    pull_tokens::a_pull_token_follows_the_groups_of_its_makers_last_sign_in,
    pull_tokens::a_pull_token_follows_the_role_of_its_makers_account_and_ends_with_the_credential,
    pull_tokens::the_last_use_is_known_to_the_minute_and_nobody_waits_for_it,
    pull_tokens::a_pull_token_is_forgotten_a_day_after_its_end_and_no_other,
    worth::an_access_token_is_revoked_by_itself_with_its_session_or_with_its_person,
    worth::a_narrower_access_token_is_revoked_with_each_that_it_was_narrowed_from,
    worth::only_the_last_refresh_token_is_in_force,
    opening::a_newer_schema_is_refused_and_left_as_it_is,
    opening::a_schema_of_another_build_is_refused,
    opening::a_database_of_the_first_schema_keeps_what_it_has,
    bad_times::a_closed_store_is_unavailable_at_once,
    bad_times::a_locked_database_is_unavailable_in_time_and_works_again_afterwards,
    child::what_was_acknowledged_is_there_after_kill_9,
    child::every_acknowledged_refresh_token_is_known_and_no_session_lost_after_kill_9,
}
