//! What must be stored after everything that was sent, held against what was acknowledged.
//!
//! It reads the table as the functions do, when nothing runs any more, and at last lets `handoff
//! audit` count everything again.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Actor, Change, Handoff, HandoffId, ReceiptId};
use local::{Parts, Setup, assembly};
use runtime::Clock;
use serde_json::Value;
use store::Store;

use crate::book::{Book, Webhook, is_american};

/// How many handoffs are read at once.
const PAGE: usize = 50;

/// Why a handoff has no owner before anybody looked for one.
const UNTRIED: &str = "new";

/// A handoff as it is stored, and whom it is about.
type Found = BTreeMap<HandoffId, (Handoff, String)>;

/// Checks everything that must be so; returns what it saw.
pub(crate) fn check(
    book: &Book,
    data: &Path,
    (began, ended): (DateTime<Utc>, DateTime<Utc>),
) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let told = runtime.expect("a runtime").block_on(stored(book, data, (began, ended)));
    let days = [began, ended].map(|at| at.date_naive().to_string());
    // A moment later, for what was just recorded may still be on its way to the numbers.
    let at = (ended + TimeDelta::minutes(3)).to_rfc3339();
    let data = data.to_string_lossy();
    let audit = Command::new(env!("CARGO_BIN_EXE_handoff"))
        .args(["audit", "--json", "--data", &data, "--at", &at])
        .args(["--since", &days[0], "--until", &days[1]])
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&audit.stdout);
    assert!(audit.status.success(), "the audit finds something: {said}");
    let said: Value = serde_json::from_str(&said).expect("a document");
    let report = &said["report"];
    assert_eq!(report["is_whole"], true, "every number was counted again: {report}");
    assert_eq!(report["moving"], serde_json::json!([]), "nothing was left out");
    assert_eq!(report["handoffs"], book.leads.len(), "{report}");
    format!("{told}; the audit compared {} counters and finds nothing", report["counters"])
}

async fn stored(
    book: &Book,
    data: &Path,
    (began, ended): (DateTime<Utc>, DateTime<Utc>),
) -> String {
    let parts = Parts::start(Setup {
        data: Some(data.to_owned()),
        table: assembly::TABLE.to_owned(),
        rules: assembly::rules(),
        clock: Clock::system(),
    });
    let parts = parts.expect("the data is whole");
    let letters = parts.ledger().dead_letters().expect("they can be read");
    assert_eq!(letters.len(), 0, "given up, the first: {:?}", letters.first());
    assert_eq!(parts.ledger().waiting().expect("they can be read"), [], "nothing waits");
    let store = assembly::environment(&parts).store();
    for (id, webhook) in &book.receipts {
        is_stored(&store, id, webhook).await;
    }
    let mut found = Found::new();
    for day in began.date_naive().iter_days().take_while(|day| *day <= ended.date_naive()) {
        let opened = store.opened_on(day).await.expect("the table answers");
        for page in opened.chunks(PAGE) {
            for (handoff, package) in store.handoffs(page).await.expect("the table answers") {
                let lead = package.record.subject.id.expect("a lead has an id");
                found.insert(handoff.record.id.clone(), (handoff.record, lead));
            }
        }
    }
    one_each(book, &found);
    let waiting = owned_or_said_why(&found);
    done_once(book, &store, &found).await;
    format!(
        "{} receipts byte for byte, {} handoffs one a lead, {waiting} without an owner and with \
         a reason, {} commands once each",
        book.receipts.len(),
        found.len(),
        book.done.len()
    )
}

/// Checks that an acknowledged receipt has the bytes that were sent.
async fn is_stored(store: &Store, id: &str, webhook: &Webhook) {
    let receipt = store.receipt(&ReceiptId::from(id)).await;
    let receipt = receipt.unwrap_or_else(|error| panic!("{id} was acknowledged: {error}"));
    let kept = String::from_utf8_lossy(&receipt.body).into_owned();
    assert!(receipt.body == webhook.body, "{id} is not what was sent: {kept}");
    assert_eq!(receipt.kind.headers.get("webhook-id"), Some(&webhook.id), "{id}");
}

/// Checks that every lead has exactly one handoff, and the one that was acknowledged.
fn one_each(book: &Book, found: &Found) {
    let mut of_lead: BTreeMap<&str, Vec<&HandoffId>> = BTreeMap::new();
    for (id, (_, lead)) in found {
        of_lead.entry(lead).or_default().push(id);
    }
    for lead in &book.leads {
        let handoffs = of_lead.remove(lead.as_str()).unwrap_or_default();
        assert_eq!(handoffs.len(), 1, "{lead} has {handoffs:?}");
    }
    assert!(of_lead.is_empty(), "nobody sent {of_lead:?}");
    for (id, lead) in &book.opened {
        let about = found.get(id.as_str()).map(|(_, about)| about);
        assert_eq!(about, Some(lead), "{id} was acknowledged");
    }
}

/// Checks that every handoff has an owner, or was tried and says why not: America is full. Returns
/// how many have none.
fn owned_or_said_why(found: &Found) -> usize {
    let unowned = found.values().filter(|(handoff, _)| handoff.owner.is_none());
    let told = unowned.map(|(handoff, lead)| {
        let reason = handoff.routing.as_ref().map_or("", |routing| routing.reason.as_str());
        assert!(!["", UNTRIED].contains(&reason), "nobody has {lead}, and it was never tried");
        assert!(is_american(lead), "there is room for {lead}, but: {reason}");
    });
    told.count()
}

/// Checks that the histories tell of every acknowledged command once, and of no other.
async fn done_once(book: &Book, store: &Store, found: &Found) {
    let mut recorded = BTreeSet::new();
    for id in found.keys() {
        for commit in store.history(id).await.expect("its history") {
            let Actor::Person(person) = &commit.actor else { continue };
            let verb = commit.changes.iter().find_map(|change| match change {
                Change::Accepted { .. } => Some("accept"),
                Change::Touched { .. } => Some("touch"),
                _ => None,
            });
            let verb = verb.unwrap_or("something else");
            recorded.insert((id.to_string(), commit.version, person.to_string(), verb));
        }
    }
    let acknowledged: BTreeSet<_> = book
        .done
        .iter()
        .map(|(deed, version)| (deed.handoff.clone(), *version, deed.person.clone(), deed.verb))
        .collect();
    assert_eq!(acknowledged.len(), book.done.len(), "each command made a version of its own");
    let lost: Vec<_> = acknowledged.difference(&recorded).collect();
    assert!(lost.is_empty(), "acknowledged, and not in the history: {lost:?}");
    let twice: Vec<_> = recorded.difference(&acknowledged).collect();
    assert!(twice.is_empty(), "in the history, and never acknowledged: {twice:?}");
}
