//! Before a handoff is routed: what other systems know of it is asked for, all at once and within
//! two seconds for a whole batch.
//!
//! Recording it has as long again. It never delays a handoff for longer, and never fails one: what
//! was not answered or recorded in time is not known. A system that cannot answer is left alone for
//! half a minute, so that while it hangs only one batch in a while waits for it. An answer is
//! settled as any source's event is, under a key of its own: told twice it changes nothing. It is
//! told to the handoff that was asked about, and to no other.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Actor, Config, Handoff, HandoffId, Package, SourceEvent, SourceKey,
    config::{EnrichmentRule, FieldRule},
    enrichment,
};
use futures::{StreamExt, stream::FuturesUnordered};
use runtime::{Clock, Configs, Ids, Outside, Secrets, outside::OutsideError, secrets::Wanted};
use serde_json::Value;
use settle::{Effect, Origin, Settler};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use store::{Store, Stored};
use tokio::time::{Instant, timeout_at};

/// How long a batch waits for all answers together.
const BUDGET: Duration = Duration::from_secs(2);

/// How much longer the batch waits for the table, after the systems' time is over.
const GRACE: Duration = Duration::from_millis(300);

/// How long recording what was learned may take for all of them.
const RECORDING: Duration = Duration::from_secs(2);

/// How long a system that did not answer is left alone, in seconds.
const LEFT_ALONE_SECONDS: i64 = 30;

/// Under which name answers stand in the history.
const SOURCE: &str = "enrichment";

/// Asks other systems what they know.
#[derive(Clone)]
pub struct Enricher {
    store: Store,
    secrets: Secrets,
    outside: Outside,
    settler: Settler,
    clock: Clock,
    /// When each system did not answer last.
    silent: Arc<Mutex<BTreeMap<String, DateTime<Utc>>>>,
}

/// One question about one handoff.
struct Question<'a> {
    name: &'a str,
    rule: &'a EnrichmentRule,
    address: String,
    handoff: &'a Handoff,
    package: &'a Package,
    template: &'a [FieldRule],
}

/// What was learned of a handoff.
struct Learned<'a> {
    handoff: &'a HandoffId,
    rule: &'a EnrichmentRule,
    event: SourceEvent,
}

impl Enricher {
    /// Makes an enricher of its parts.
    pub fn new(
        store: Store,
        (configs, secrets): (Configs, Secrets),
        outside: Outside,
        (clock, ids): (Clock, Ids),
    ) -> Self {
        let settler = Settler::new(store.clone(), configs, clock.clone(), ids);
        Self { store, secrets, outside, settler, clock, silent: Arc::default() }
    }

    /// Asks about handoffs that have just opened; those it learned something of.
    pub(crate) async fn enrich(
        &self,
        opened: &BTreeMap<HandoffId, (Stored<Handoff>, Stored<Package>)>,
        config: &Config,
    ) -> BTreeSet<HandoffId> {
        let questions: Vec<Question<'_>> = opened
            .values()
            .filter(|(handoff, _)| handoff.stage.is_open() && handoff.owner.is_none())
            .flat_map(|(handoff, package)| self.questions(handoff, package, config))
            .collect();
        if questions.is_empty() {
            return BTreeSet::new();
        }
        let until = Instant::now() + BUDGET;
        let mut asked = FuturesUnordered::new();
        for question in &questions {
            asked.push(Box::pin(self.answer(question, until)));
        }
        let mut learned = Vec::new();
        // Each ends by itself by then; the table may be as slow as the systems that are asked.
        let all = async {
            while let Some(answer) = asked.next().await {
                learned.extend(answer);
            }
        };
        if timeout_at(until + GRACE, all).await.is_err() {
            tracing::warn!("what other systems know was not waited for any longer");
        }
        let mut changed = BTreeSet::new();
        // One after another: two answers about one handoff are two changes of it.
        let recording = async {
            for one in &learned {
                changed.extend(self.tell(one).await);
            }
        };
        if timeout_at(Instant::now() + RECORDING, recording).await.is_err() {
            tracing::warn!("what other systems know was not all recorded in time");
            // Whatever was is read again.
            changed.extend(learned.iter().map(|one| one.handoff.clone()));
        }
        changed
    }

    fn questions<'a>(
        &self,
        handoff: &'a Handoff,
        package: &'a Package,
        config: &'a Config,
    ) -> Vec<Question<'a>> {
        let subject = &package.subject;
        let rules = config.enrichments.iter();
        let rules = rules.filter(|(_, rule)| enrichment::concerns(rule, handoff, subject));
        let kind = config.types.get(&handoff.kind);
        let template = kind.map_or(&[][..], |kind| &kind.fields);
        let question = |(name, rule): (&'a String, &'a EnrichmentRule)| {
            let address = enrichment::address(rule, subject)?;
            Some(Question { name, rule, address, handoff, package, template })
        };
        rules.filter_map(question).collect()
    }

    /// Finds the answer to a question, kept or asked for; nothing, where there is none.
    async fn answer<'q>(&self, question: &Question<'q>, until: Instant) -> Option<Learned<'q>> {
        let Question { name, rule, address, handoff, package, template } = question;
        let now = self.clock.now();
        // What is read back is asked anew each time: it is wanted as it is now.
        let kept = rule.keep.elapsed();
        let keeps = !kept.is_zero() && rule.reads_back.is_none();
        // What is taken from an answer is part of the question: a changed mapping asks again.
        let asked = format!("{address}\n{:?}", rule.fields);
        let known = match keeps {
            false => None,
            // A table that does not answer here is no reason to ask nobody.
            true => self.store.enriched(name, &asked, now).await.ok().flatten(),
        };
        let said: BTreeMap<String, Value> = match known {
            Some(known) => serde_json::from_str(&known).unwrap_or_default(),
            None => {
                let said = enrichment::read(rule, &self.ask(question, until).await?);
                // What says nothing is not worth keeping: it may be an apology.
                if keeps && !said.is_empty() {
                    let text = serde_json::to_string(&said).unwrap_or_default();
                    let kept = self.store.keep_enriched((name, &asked), &text, now, kept).await;
                    if let Err(error) = kept {
                        tracing::warn!(%error, enrichment = name, "an answer was not kept");
                    }
                }
                said
            }
        };
        let event = enrichment::event(name, rule, &said, (handoff, package, template))?;
        Some(Learned { handoff: &handoff.id, rule, event })
    }

    async fn ask(&self, question: &Question<'_>, until: Instant) -> Option<Value> {
        let Question { name, rule, address, .. } = question;
        if self.is_left_alone(name) {
            return None;
        }
        let secret = match &rule.secret {
            None => None,
            Some(_) => {
                let secret = self.secret(name, rule).await?;
                Some((rule.header.as_str(), format!("{}{secret}", rule.prefix)))
            }
        };
        let left = until.saturating_duration_since(Instant::now());
        let timeout = rule.timeout.elapsed().to_std().unwrap_or(BUDGET);
        let within = timeout.min(left);
        match self.outside.get(address, secret, within).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::warn!(%error, enrichment = name, "nothing was learned");
                // Who had no time to answer, because others took it, is not silent.
                let all = timeout.saturating_sub(GRACE);
                let had_time = left >= all || !matches!(error, OutsideError::Late(_));
                if error.is_silence() && had_time {
                    let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
                    silent.insert((*name).to_owned(), self.clock.now());
                }
                None
            }
        }
    }

    async fn secret(&self, name: &str, rule: &EnrichmentRule) -> Option<String> {
        let wanted = Wanted {
            what: format!("enrichment `{name}`"),
            name: rule.secret.as_deref()?,
            sample: format!("local-{name}-secret"),
        };
        match self.secrets.named(&wanted, self.clock.now()).await {
            Ok(secrets) => secrets.into_iter().next(),
            Err(error) => {
                tracing::warn!(%error, "nothing was learned");
                None
            }
        }
    }

    /// Settles what was learned; the handoff, if that changed it.
    async fn tell(&self, learned: &Learned<'_>) -> Option<HandoffId> {
        let name = &learned.rule.name;
        let origin = Origin {
            actor: Actor::Source(SourceKey::from(SOURCE)),
            source: SourceKey::from(SOURCE),
            said_by: name.clone(),
            cause: format!("enrichment {name}"),
            received_at: self.clock.now(),
            by_hand: false,
        };
        match Box::pin(self.settler.settle(&origin, &learned.event)).await {
            Ok(Effect::Updated(_)) => Some(learned.handoff.clone()),
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(%error, enrichment = name, "what was learned was not recorded");
                None
            }
        }
    }

    fn is_left_alone(&self, name: &str) -> bool {
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        let alone = TimeDelta::seconds(LEFT_ALONE_SECONDS);
        let lately = |at: &DateTime<Utc>| self.clock.now() - *at < alone;
        silent.get(name).is_some_and(lately)
    }
}
