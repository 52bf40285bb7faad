//! What the senders and the reps know: what they sent, what was acknowledged, what they must send
//! again.
//!
//! A sender keeps a webhook until somebody answered 200, and sends the same bytes under the same id
//! until then; a rep's program does so with its `Idempotency-Key`. Nothing is written here that was
//! not read whole from the other side.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};
use local::sample::Dice;
use serde_json::{Value, json};

use crate::client::Answer;

/// A webhook, as its source keeps it.
#[derive(Debug)]
pub(crate) struct Webhook {
    /// Its id.
    pub(crate) id: String,
    /// Whom it is about.
    pub(crate) lead: String,
    /// Its exact bytes.
    pub(crate) body: Vec<u8>,
}

/// What a rep does to a handoff.
#[derive(Debug)]
pub(crate) struct Deed {
    /// The handoff.
    pub(crate) handoff: String,
    /// Who.
    pub(crate) person: String,
    /// `accept` or `touch`.
    pub(crate) verb: &'static str,
    /// What makes sending it twice the same as once.
    pub(crate) key: String,
}

/// Something to send, until it is answered.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// A webhook.
    Webhook(Arc<Webhook>),
    /// A command at the desk.
    Deed(Arc<Deed>),
}

/// What is done next.
pub(crate) enum Next {
    /// This is sent.
    Send(Call),
    /// Something is done to this handoff, once it is known who has it.
    Work(String),
    /// Nothing for the moment.
    Rest,
}

/// Everything that was sent and answered.
pub(crate) struct Book {
    dice: Dice,
    webhooks: Vec<Arc<Webhook>>,
    again: VecDeque<Call>,
    open: Vec<String>,
    accepting: BTreeSet<String>,
    keys: usize,
    /// Whom webhooks are about.
    pub(crate) leads: BTreeSet<String>,
    /// Receipts that were acknowledged, and for which webhook.
    pub(crate) receipts: BTreeMap<String, Arc<Webhook>>,
    /// Handoffs that were acknowledged as opened, and about whom.
    pub(crate) opened: BTreeMap<String, String>,
    /// Commands that were acknowledged, and the version they made.
    pub(crate) done: Vec<(Arc<Deed>, u64)>,
    /// How many calls were answered 200.
    pub(crate) acknowledged: usize,
    /// How many calls were sent again because no answer came.
    pub(crate) sent_again: usize,
    /// How many webhooks were sent again although they had been acknowledged.
    pub(crate) repeated: usize,
    /// How many answers said that it would be settled shortly.
    pub(crate) pending: usize,
    /// How many commands were refused, because somebody else has the handoff by now.
    pub(crate) refused: usize,
}

impl Book {
    /// An empty book; its dice say what is sent.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed, 2),
            webhooks: Vec::new(),
            again: VecDeque::new(),
            open: Vec::new(),
            accepting: BTreeSet::new(),
            keys: 0,
            leads: BTreeSet::new(),
            receipts: BTreeMap::new(),
            opened: BTreeMap::new(),
            done: Vec::new(),
            acknowledged: 0,
            sent_again: 0,
            repeated: 0,
            pending: 0,
            refused: 0,
        }
    }

    /// Says what is sent next: what was not answered, half of the time; else something new, if
    /// `leads_left` allows a new lead.
    pub(crate) fn next(&mut self, leads_left: &mut usize, now: DateTime<Utc>) -> Next {
        if self.dice.happens(50)
            && let Some(call) = self.again()
        {
            return Next::Send(call);
        }
        let known = !self.webhooks.is_empty();
        match self.dice.below(100) {
            0..40 if *leads_left > 0 => {
                *leads_left -= 1;
                let lead = format!("lead-{}", self.leads.len());
                self.leads.insert(lead.clone());
                Next::Send(self.webhook(lead, now))
            }
            40..55 if known => {
                self.repeated += 1;
                Next::Send(Call::Webhook(Arc::clone(self.dice.pick(&self.webhooks))))
            }
            55..65 if known => {
                let lead = self.dice.pick(&self.webhooks).lead.clone();
                Next::Send(self.webhook(lead, now))
            }
            65..100 if !self.open.is_empty() => Next::Work(self.dice.pick(&self.open).clone()),
            _ => Next::Rest,
        }
    }

    /// What was not answered yet, if there is any.
    pub(crate) fn again(&mut self) -> Option<Call> {
        let call = self.again.pop_front()?;
        self.sent_again += 1;
        Some(call)
    }

    /// A webhook about a lead under an id of its own.
    pub(crate) fn webhook(&mut self, lead: String, now: DateTime<Utc>) -> Call {
        let id = format!("message-{}", self.webhooks.len());
        let country = if is_american(&lead) { "US" } else { "GB" };
        let body = json!({
            "type": "demo.requested",
            "timestamp": (now - TimeDelta::minutes(1)).to_rfc3339(),
            "data": {
                "subject": { "crm": "hubspot", "object": "contact", "id": lead, "country": country },
                "fields": { "intent_signal": format!("{id}: \u{fc}ber uns \u{1f680}") },
            },
        });
        let body = body.to_string().into_bytes();
        let webhook = Arc::new(Webhook { id, lead, body });
        self.webhooks.push(Arc::clone(&webhook));
        Call::Webhook(webhook)
    }

    /// What `owner` does to a handoff: takes it, the first time; else tells of a touch.
    pub(crate) fn deed(&mut self, handoff: &str, owner: &str) -> Call {
        self.keys += 1;
        let is_first = self.accepting.insert(handoff.to_owned());
        Call::Deed(Arc::new(Deed {
            handoff: handoff.to_owned(),
            person: owner.to_owned(),
            verb: if is_first { "accept" } else { "touch" },
            key: format!("key-{}", self.keys),
        }))
    }

    /// Notes that no answer came: it is sent again.
    pub(crate) fn unanswered(&mut self, call: Call) {
        self.again.push_back(call);
    }

    /// Notes an answer; an answer that must not be is told.
    pub(crate) fn answered(&mut self, call: Call, answer: &Answer) -> Result<(), String> {
        let Answer { status, said } = answer;
        let wrong = || Err(format!("{call:?} was answered {status} {said}"));
        match (&call, status) {
            (_, 200) => self.acknowledged += 1,
            // Whoever had it when it was looked at has it no more.
            (Call::Deed(_), 403 | 409) => {
                self.refused += 1;
                return Ok(());
            }
            (_, 503) => {
                self.unanswered(call);
                return Ok(());
            }
            _ => return wrong(),
        }
        match &call {
            Call::Deed(deed) => {
                let Some(version) = said["version"].as_u64() else { return wrong() };
                self.done.push((Arc::clone(deed), version));
            }
            Call::Webhook(webhook) => {
                let Some(receipt) = said["receipt"].as_str() else { return wrong() };
                self.receipts.insert(receipt.to_owned(), Arc::clone(webhook));
                self.pending += usize::from(said["pending"] != 0);
                for id in said["opened"].as_array().into_iter().flatten().filter_map(Value::as_str)
                {
                    self.opened.insert(id.to_owned(), webhook.lead.clone());
                    self.open.push(id.to_owned());
                }
            }
        }
        Ok(())
    }
}

/// Tells whether a lead is American: every fifth is.
pub(crate) fn is_american(lead: &str) -> bool {
    lead.ends_with(['3', '8'])
}
