//! Every key of the table, and nothing else.
//!
//! Whatever a source chose (ids, duplicate keys, claims) is hashed with its length before it
//! becomes part of a key, so that no source can write a key of another kind and none is too long.
//! What somebody asks for may be anything: an id longer than this system makes becomes the key of
//! nothing, not a request the table refuses.

use chrono::NaiveDate;
use domain::{
    HandoffId, JourneyId, LaneKey, PersonId, PoolId, ReceiptId, SourceKey,
    subject::{ObjectKind, Reference},
};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

pub(crate) const PK: &str = "pk";
pub(crate) const SK: &str = "sk";
pub(crate) const TTL: &str = "ttl";

pub(crate) const DUE: &str = "due";
pub(crate) const DUE_SHARD: &str = "due_shard";
pub(crate) const DUE_AT: &str = "due_at";
pub(crate) const DUE_SHARDS: u64 = 8;

pub(crate) const QUEUE: &str = "queue";
pub(crate) const QUEUE_KEY: &str = "queue_key";
pub(crate) const URGENCY: &str = "urgency";

pub(crate) const BY_DAY: &str = "by_day";
pub(crate) const DAY_SHARD: &str = "day_shard";
pub(crate) const DAY_AT: &str = "day_at";
pub(crate) const DAY_SHARDS: u64 = 4;

pub(crate) const STATE: &str = "STATE";
pub(crate) const PACKAGE: &str = "PACKAGE";
pub(crate) const COMMIT: &str = "COMMIT#";
pub(crate) const JOURNEY: &str = "JOURNEY";
pub(crate) const JOURNEY_PREFIX: &str = "JOURNEY#";
pub(crate) const REF_PREFIX: &str = "REF#";
pub(crate) const MERGED: &str = "MERGED";
pub(crate) const OPEN: &str = "OPEN";
pub(crate) const SEEN: &str = "SEEN";
pub(crate) const QUARANTINE: &str = "QUARANTINE";
pub(crate) const CONFIG: &str = "CONFIG";
pub(crate) const ACTIVE: &str = "ACTIVE";
pub(crate) const BEAT: &str = "BEAT";
pub(crate) const SESSIONS: &str = "SESSIONS";
pub(crate) const HANDOFF_PREFIX: &str = "HANDOFF#";
pub(crate) const RECEIPT_PREFIX: &str = "RECEIPT#";
pub(crate) const REP_PREFIX: &str = "REP#";
pub(crate) const DESTINATION_PREFIX: &str = "DESTINATION#";

/// The longest id that stands in a key as it is, in bytes; a ULID has 26.
const ID_BYTES_MAX: usize = 128;

/// A row's address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

fn key(pk: impl Into<String>, sk: impl Into<String>) -> Key {
    Key { pk: pk.into(), sk: sk.into() }
}

pub(crate) fn state(id: &HandoffId) -> Key {
    key(handoff(id), STATE)
}

pub(crate) fn handoff(id: &HandoffId) -> String {
    format!("{HANDOFF_PREFIX}{}", bounded(id.as_str()))
}

pub(crate) fn package(id: &HandoffId) -> Key {
    key(handoff(id), PACKAGE)
}

pub(crate) fn commit(id: &HandoffId, version: u64) -> Key {
    key(handoff(id), format!("{COMMIT}{version:08}"))
}

pub(crate) fn reference(reference: &Reference) -> Key {
    key(reference_pk(reference), JOURNEY)
}

pub(crate) fn observed(reference: &Reference, property: &str) -> Key {
    key(reference_pk(reference), format!("OBSERVED#{}", short(&[property])))
}

fn reference_pk(reference: &Reference) -> String {
    match reference.object {
        ObjectKind::Email if is_hash(&reference.id) => format!("REF#email#{}", reference.id),
        object => {
            let hash = short(&[&reference.system, &reference.id]);
            format!("REF#{object}#{hash}")
        }
    }
}

pub(crate) fn journey(id: &JourneyId) -> String {
    format!("{JOURNEY_PREFIX}{id}")
}

pub(crate) fn journey_reference(id: &JourneyId, reference: &Reference) -> Key {
    key(journey(id), reference_pk(reference))
}

pub(crate) fn journey_handoff(id: &JourneyId, opened_at_ms: i64, handoff: &HandoffId) -> Key {
    key(journey(id), format!("{HANDOFF_PREFIX}{opened_at_ms:014}#{handoff}"))
}

pub(crate) fn merged(id: &JourneyId) -> Key {
    key(journey(id), MERGED)
}

pub(crate) fn claim(lane: &LaneKey, claim: &str) -> Key {
    key(format!("CLAIM#{lane}#{}", short(&[claim])), OPEN)
}

pub(crate) fn seen(source: &SourceKey, duplicate_key: &str) -> Key {
    key(format!("SEEN#{source}#{}", hash(&[duplicate_key])), SEEN)
}

pub(crate) fn receipt(id: &ReceiptId, part: usize) -> Key {
    key(format!("{RECEIPT_PREFIX}{}", bounded(id.as_str())), format!("PART#{part:04}"))
}

pub(crate) fn quarantine(at_ms: i64, by: &str, what: &str, entry: &str) -> Key {
    let entry = hash(&[by, what, entry]);
    key(QUARANTINE, format!("{}#{entry}", quarantine_at(at_ms)))
}

/// Where what was put aside at an instant begins; nothing is there itself.
pub(crate) fn quarantine_at(at_ms: i64) -> String {
    format!("{at_ms:014}")
}

pub(crate) fn beside_pk(person: &PersonId) -> String {
    format!("BESIDE#{}", bounded(person.as_str()))
}

pub(crate) fn beside(person: &PersonId, id: &HandoffId) -> Key {
    key(beside_pk(person), id.as_str())
}

pub(crate) fn rep(id: &PersonId) -> Key {
    key(format!("{REP_PREFIX}{id}"), STATE)
}

pub(crate) fn member(pool: &PoolId, rep: &PersonId) -> Key {
    key(format!("POOL#{pool}"), format!("MEMBER#{rep}"))
}

pub(crate) fn config_version(version: u64) -> Key {
    key(CONFIG, format!("VERSION#{version:08}"))
}

pub(crate) fn config_active() -> Key {
    key(CONFIG, ACTIVE)
}

pub(crate) fn config_part(content_hash: &str) -> Key {
    key(CONFIG, format!("PART#{content_hash}"))
}

pub(crate) fn rollup(family: &str, dimension: &str, day: NaiveDate) -> Key {
    key(rollup_pk(family, dimension), day.to_string())
}

pub(crate) fn rollup_pk(family: &str, dimension: &str) -> String {
    format!("ROLLUP#{family}#{dimension}")
}

pub(crate) fn checkpoint(consumer: &str, shard: &str) -> Key {
    key(checkpoints(consumer), shard)
}

/// The partition of a consumer's checkpoints.
pub(crate) fn checkpoints(consumer: &str) -> String {
    format!("CHECKPOINT#{consumer}")
}

pub(crate) fn enriched(name: &str, question: &str) -> Key {
    key(format!("ENRICHED#{}", hash(&[name, question])), "SAID")
}

pub(crate) fn session(held_on: NaiveDate, id: &str) -> Key {
    key(SESSIONS, format!("{held_on}#{}", hash(&[id])))
}

/// The keys between which the sessions of some days are.
pub(crate) fn sessions_between(from: NaiveDate, to: NaiveDate) -> (String, String) {
    (from.to_string(), format!("{to}#~"))
}

pub(crate) fn draft(person: &PersonId, kind: &str) -> Key {
    key(drafts(person), kind)
}

/// The partition of somebody's drafts.
pub(crate) fn drafts(person: &PersonId) -> String {
    format!("DRAFT#{person}")
}

/// The partition of everything that reaches anybody of a handoff.
pub(crate) fn deliveries(id: &HandoffId) -> String {
    format!("DELIVERY#{}", bounded(id.as_str()))
}

/// Where a delivery is: what is said by its version, what is kept without.
pub(crate) fn delivery(id: &HandoffId, version: Option<u64>, destination: &str, part: &str) -> Key {
    let sk = match version {
        Some(version) => format!("SAID#{version:08}#{destination}#{part}"),
        None => format!("KEPT#{destination}#{part}"),
    };
    key(deliveries(id), sk)
}

pub(crate) fn destination(lane: &str) -> Key {
    key(format!("{DESTINATION_PREFIX}{lane}"), STATE)
}

/// Where a copy of the table is named that is being put back.
pub(crate) fn restoring() -> Key {
    key("RESTORE", STATE)
}

pub(crate) fn mute() -> Key {
    key("MUTE", STATE)
}

pub(crate) fn digest(period: &str, recipient: &PersonId) -> Key {
    key(format!("DIGEST#{period}"), recipient.as_str())
}

pub(crate) fn beat(function: &str) -> Key {
    key(BEAT, function)
}

/// Spreads ids over a fixed number of partitions; never time, which would make one hot.
pub(crate) fn shard(id: &str, shards: u64) -> u64 {
    let digest = Sha256::digest(id.as_bytes());
    u64::from(digest[0]) % shards
}

/// Hashes parts with their lengths, so that no two lists of parts give the same text.
pub(crate) fn hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hex::encode(hasher.finalize())
}

/// The first 128 bits of [`hash`]: enough for keys nobody gains by colliding, and half the bytes.
fn short(parts: &[&str]) -> String {
    hash(parts)[..32].to_owned()
}

/// Tells whether an email's id is the hash of an address, and not an address a source gave as an
/// id.
fn is_hash(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Keeps an id as it is, or hashes one that is longer than any this system makes.
fn bounded(id: &str) -> Cow<'_, str> {
    match id.len() <= ID_BYTES_MAX {
        true => Cow::Borrowed(id),
        false => Cow::Owned(hash(&[id])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_sources_cannot_reach_into_other_keys() {
        let sly = Reference::new("hubspot", ObjectKind::Contact, "7#JOURNEY");
        assert!(!reference(&sly).pk.contains("7#"));
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        for object in [ObjectKind::Deal, ObjectKind::Email] {
            let long = Reference::new("hubspot", object, &"x".repeat(3_000));
            assert!(reference(&long).pk.len() < 100);
        }
    }

    #[test]
    fn an_address_is_in_no_key() {
        let spelt = Reference::new("generic", ObjectKind::Email, "dana@acme.example");
        assert!(!reference(&spelt).pk.contains("dana"));
        let hashed = Reference::email("dana@acme.example");
        assert!(reference(&hashed).pk.ends_with(&hashed.id));
    }

    #[test]
    fn an_id_nobody_made_has_a_key_all_the_same() {
        let long = "x".repeat(3_000);
        assert!(state(&long.as_str().into()).pk.len() < 100);
        assert!(receipt(&long.as_str().into(), 0).pk.len() < 100);
        assert_ne!(handoff(&long.as_str().into()), handoff(&format!("{long}y").as_str().into()));
    }

    #[test]
    fn commits_sort_by_version() {
        let id = HandoffId::from("h");
        assert!(commit(&id, 9).sk < commit(&id, 10).sk);
    }
}
