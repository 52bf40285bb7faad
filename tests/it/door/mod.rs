//! The front door: every bad input it must survive, each a test through the whole system.
//!
//! The table is the list of what senders, networks and attackers do to a webhook; a row's number
//! begins the name of its test. What holds for every way in is asked of every way in: the generic
//! hook, HubSpot's app events and workflow actions, Salesforce's messages, Pipedrive's webhooks.
//! The smaller truths of a single connector are tested beside it. A test below reads this table
//! and the files, so that no row loses its test and no test its row.
//!
//! | row | input, authentic unless it says otherwise | test |
//! |---|---|---|
//! | 1 | no proof of who sends | `row_01_without_its_proof_a_request_is_refused` |
//! | 2 | the proof twice, or joined by the gateway | `row_02_a_proof_that_comes_twice_is_refused` |
//! | 3 | one bit of the body flipped | `row_03_one_flipped_bit_of_a_signed_body_is_refused` |
//! | 4 | the body written anew | `row_04_a_signed_body_written_anew_is_refused` |
//! | 5 | signed 300,000 and 300,001 ms ago | `row_05_a_signed_time_is_good_for_five_minutes` |
//! | 6 | signed ahead of time | `row_06_a_signed_time_is_good_for_five_minutes_ahead_too` |
//! | 7 | a signed time that is no number, signed well | `row_07_a_time_that_is_no_number_is_refused` |
//! | 8 | HubSpot's time in seconds | `row_08_hubspots_time_in_seconds_is_refused` |
//! | 9 | a malformed signature | `row_09_a_malformed_signature_is_refused` |
//! | 10 | somebody else's secret | `row_10_the_right_proof_of_somebody_else_is_refused` |
//! | 11 | the secret before this one | `row_11_a_secret_is_good_until_another_has_taken_its_place` |
//! | 12 | escapes in a signed address | `row_12_hubspots_escapes_are_decoded_before_the_address_is_signed` |
//! | 13 | Pipedrive's password | `row_13_pipedrives_password_is_checked_and_its_scheme_read_in_any_case` |
//! | 14 | an exact replay | `row_14_an_exact_replay_has_no_second_effect` |
//! | 15 | two contents | `row_15_same_id_different_body_is_flagged_and_decided_by_when_it_occurred` |
//! | 16 | an unknown source | `row_16_a_source_nobody_configured_is_not_found` |
//! | 17 | another method | `row_17_a_hook_takes_post_and_nothing_else` |
//! | 18 | no body | `row_18_an_empty_body_is_kept_aside` |
//! | 19 | a truncated body | `row_19_a_truncated_body_is_kept_aside` |
//! | 20 | a byte order mark | `row_20_a_byte_order_mark_is_stored_and_changes_nothing` |
//! | 21 | another encoding | `row_21_other_encodings_are_kept_aside_byte_for_byte` |
//! | 22 | a key twice | `row_22_a_key_that_comes_twice_is_kept_aside_wherever_it_stands` |
//! | 23 | nesting of 127, 128, 100,000 | `row_23_nesting_of_128_levels_is_kept_aside_and_of_127_read` |
//! | 24 | nesting of 33 | `row_24_deeper_than_the_tables_maps_go_is_an_event_like_any_other` |
//! | 25 | ids of more than 53 and 64 bits | `row_25_an_id_is_its_exact_text_and_two_never_merge` |
//! | 26 | another shape, an empty list | `row_26_another_shape_is_kept_aside_and_an_empty_list_is_nothing` |
//! | 27 | gzip, and a bomb | `row_27_a_bomb_takes_little_memory` |
//! | 27 | gzip, and a bomb | `row_27_gzip_is_inflated_after_its_bytes_are_proven_and_a_bomb_is_not` |
//! | 28 | 399 kB to 4.5 MB | `row_28_a_large_body_is_one_receipt_and_one_effect` |
//! | 29 | more than 4.5 MB | `row_29_a_body_that_is_too_large_is_refused_unread` |
//! | 30 | a batch of 100 | `row_30_a_batch_of_a_hundred_has_a_hundred_effects` |
//! | 31 | a batch of 101, of 1,000 | `row_31_a_batch_of_a_thousand_is_one_receipt_and_all_its_effects` |
//! | 31 | a batch of 101, of 1,000 | `row_31_what_is_not_settled_in_time_is_pending_and_comes_back` |
//! | 32 | one bad among 100 | `row_32_one_poisoned_entry_among_a_hundred_is_kept_aside_alone` |
//! | 33 | one event twice in a batch | `row_33_the_same_event_twice_in_one_batch_has_one_effect` |
//! | 34 | unknown types, fields, values | `row_34_what_is_unknown_is_ignored_and_its_values_are_kept` |
//! | 35 | a field missing or of another type | `row_35_a_field_that_is_missing_or_of_another_type_is_named` |
//! | 36 | out of order | `row_36_creation_change_and_deletion_come_to_the_same_in_any_order` |
//! | 36 | out of order | `row_36_what_is_told_again_comes_to_the_same_in_any_order` |
//! | 37 | 1970, 2099, 1969, no time | `row_37_a_time_nobody_believes_is_flagged_and_not_counted_from` |
//! | 38 | again after ten days | `row_38_an_event_of_ten_days_ago_has_no_second_effect` |
//! | 39 | ids of any text | `row_39_an_id_is_opaque_and_never_a_key_of_another_kind` |
//! | 39 | ids of any text | `row_39_the_id_of_a_message_is_as_opaque` |
//! | 40 | hostile text | `row_40_a_name_of_a_megabyte_is_cut_only_where_it_shows` |
//! | 40 | hostile text | `row_40_hostile_text_is_kept_as_it_is_and_inert_wherever_it_shows` |
//! | 41 | nobody can take it | `row_41_what_nobody_can_take_says_why_and_its_manager_hears_of_it` |
//! | 42 | XML's tricks | `row_42_salesforces_xml_expands_nothing_and_one_bad_notification_is_bad_alone` |
//! | 43 | a throttled request | `row_43_a_throttled_request_is_made_again_in_time` |
//! | 44 | a lost reply | `row_44_a_reply_that_is_lost_after_the_commit_is_known_again` |
//! | 45 | conflicts between copies | `row_45_copies_that_hold_each_others_rows_are_one_effect` |
//! | 46 | a killed process | `row_46_a_killed_process_leaves_one_effect_when_it_is_sent_again` |
//! | 47 | 200 copies at once | `row_47_two_hundred_copies_at_once_are_one_effect` |
//! | 47 | 200 copies at once | `row_47_two_hundred_copies_over_two_hundred_sockets_are_one_effect` |
//! | 48 | a panic | `row_48_a_panic_is_answered_503_and_the_next_request_is_fine` |
//! | 48 | a panic | `row_48_what_was_stored_before_a_panic_is_there_after_it` |

mod authentic;
mod batches;
mod bytes;
mod faults;
mod hook;
mod order;
mod outcome;
mod sizes;
mod text;

use ::bytes::Bytes;
use domain::{Handoff, HandoffId, ReceiptId};
use hook::Hook;
use http::Request;
use runtime::Environment;
use std::{collections::BTreeSet, fs, path::Path};
use store::Quarantined;
use tests::{
    Answer, Setting, World,
    faults::{Asked, listened},
};

/// How many rows the table has.
const ROWS: usize = 48;

/// A world that is watched at its table: what is put there shows what was stored.
struct Door {
    world: World,
    asked: Asked,
}

impl Door {
    async fn open() -> Self {
        Self::of(Setting::default()).await
    }

    async fn of(setting: Setting) -> Self {
        let mut heard = None;
        let world = World::with(setting, |environment: Environment| {
            let (http, asked) = listened(environment.http());
            heard = Some(asked);
            environment.with_http(http)
        })
        .await;
        Self { world, asked: heard.unwrap() }
    }

    /// Sends a request, and lets happen what follows.
    async fn send(&mut self, request: Request<Bytes>) -> Answer {
        let answer = self.world.post(request).await.into();
        self.world.settle().await;
        answer
    }

    /// Sends a request that must be refused: nothing is stored of it, and nothing happens.
    async fn refused(&mut self, request: Request<Bytes>, status: u16, what: &str) -> Answer {
        let (put, asked) = (self.asked.put().len(), self.asked.list().len());
        let sent = self.world.cloud.outbox().unwrap().len();
        let answer = self.send(request).await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert_eq!(self.asked.put().len(), put, "{what}: something was stored");
        let asked = &self.asked.list()[asked..];
        let reads = |one: &String| ["GetItem", "Query", "BatchGetItem"].contains(&one.as_str());
        assert!(asked.iter().all(reads), "{what}: {asked:?}");
        assert_eq!(self.world.cloud.outbox().unwrap().len(), sent, "{what}");
        answer
    }

    /// Sends a request that must be taken: answered 200 as its sender wants to hear it, its bytes
    /// stored exactly, once.
    async fn kept(&mut self, request: Request<Bytes>, what: &str) -> (Answer, ReceiptId) {
        let (body, before) = (request.body().clone(), self.receipts());
        let is_soap = request.uri().path().starts_with("/hooks/salesforce");
        let answer = self.send(request).await;
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
        let new: Vec<ReceiptId> = self.receipts().into_iter().skip(before.len()).collect();
        assert_eq!(new.len(), 1, "{what}: one receipt");
        match is_soap {
            true => assert!(answer.text.contains("<Ack>true</Ack>"), "{what}: {answer:?}"),
            false => assert_eq!(answer.body["receipt"], new[0].as_str(), "{what}"),
        }
        let stored = self.world.store.receipt(&new[0]).await.unwrap().body;
        assert!(stored == body, "{what}: every byte is stored");
        (answer, new[0].clone())
    }

    /// Sends a request that must be kept, have no effect, and stand in quarantine for a reason.
    async fn aside(&mut self, request: Request<Bytes>, reason: &str, what: &str) -> Quarantined {
        let before = self.opened().await.len();
        let (_, receipt) = self.kept(request, what).await;
        assert_eq!(self.opened().await.len(), before, "{what}: no effect");
        let mut aside = self.set_aside(&receipt).await;
        assert_eq!(aside.len(), 1, "{what}: {aside:?}");
        assert_eq!(aside[0].reason, reason, "{what}");
        aside.remove(0)
    }

    /// Sends a request that must open one handoff.
    async fn opens(&mut self, request: Request<Bytes>, what: &str) -> Handoff {
        let before = self.opened().await;
        let (answer, receipt) = self.kept(request, what).await;
        assert_eq!(self.set_aside(&receipt).await, [], "{what}");
        let after = self.opened().await;
        let new: Vec<HandoffId> = after.into_iter().filter(|id| !before.contains(id)).collect();
        assert_eq!(new.len(), 1, "{what}: {answer:?}");
        self.world.handoff(&new[0]).await
    }

    /// Lists what stands in quarantine of a receipt.
    async fn set_aside(&self, receipt: &ReceiptId) -> Vec<Quarantined> {
        let mut aside = self.world.store.quarantined(200).await.unwrap();
        aside.retain(|one| one.what == receipt.as_str());
        aside
    }

    /// Lists the handoffs that opened today.
    async fn opened(&self) -> Vec<HandoffId> {
        self.world.store.opened_on(self.world.now().date_naive()).await.unwrap()
    }

    /// Lists the receipts that were stored, in order.
    fn receipts(&self) -> Vec<ReceiptId> {
        let mut seen = BTreeSet::new();
        let put = self.asked.put();
        let ids = put.iter().filter_map(|key| key.strip_prefix("RECEIPT#"));
        ids.filter(|id| seen.insert((*id).to_owned())).map(ReceiptId::from).collect()
    }
}

impl Drop for Door {
    /// What the front door makes others send is theirs to test.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.world.outbox();
        }
    }
}

/// Posts a body through a hook now.
fn posts(door: &Door, hook: Hook, message: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    hook.posts(message, door.world.now(), body)
}

/// Reads this folder's files.
fn files() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/door");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn every_row_has_a_test_and_every_test_its_row() {
    let mut tests = BTreeSet::new();
    for text in files() {
        for part in text.split("\n#[tokio::test").chain(text.split("\n#[test]")).skip(1) {
            let name = part.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
            tests.extend(name.filter(|name| name.starts_with("row_")).map(str::to_owned));
        }
    }
    let table = include_str!("mod.rs").lines().filter(|line| line.starts_with("//! | "));
    let mut listed = Vec::new();
    for line in table.skip(1) {
        let cells: Vec<&str> = line.trim_start_matches("//! ").split('|').map(str::trim).collect();
        let (number, test) = (cells[1], cells[cells.len() - 2].trim_matches('`'));
        assert!(test.starts_with(&format!("row_{number:0>2}_")), "{line}");
        listed.push((number.parse::<usize>().unwrap(), test.to_owned()));
    }
    let numbers: Vec<usize> = listed.iter().map(|(number, _)| *number).collect();
    let missing: Vec<usize> = (1..=ROWS).filter(|row| !numbers.contains(row)).collect();
    assert_eq!(missing, [0; 0], "rows without a test");
    let listed: BTreeSet<String> = listed.into_iter().map(|(_, test)| test).collect();
    assert_eq!(tests, listed, "the table and the tests");
}
