//! Before a handoff is routed: what other systems know of it is asked for, all at once and within
//! two seconds for a whole batch.
//!
//! It never delays a handoff for longer, and never fails one: what was not answered in time is not
//! known. A system that did not answer is left alone for half a minute, so that while it hangs only
//! one batch in a while waits for it. An answer is settled as any source's event is, under a key of
//! its own: told twice it changes nothing, and what it says of whose journey this is counts.

use chrono::{DateTime, Duration, Utc};
use domain::{
    Actor, Config, Handoff, HandoffId, Package, SourceEvent, SourceKey, config::EnrichmentRule,
    enrichment,
};
use futures::{StreamExt, stream::FuturesUnordered};
use runtime::{Clock, Configs, Ids, Outside, Secrets, secrets::Wanted};
use serde_json::Value;
use settle::{Effect, Origin, Settler};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};
use store::{Store, Stored};

/// How long a batch waits for all answers together.
const BUDGET: std::time::Duration = std::time::Duration::from_secs(2);

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
        let mut asked = FuturesUnordered::new();
        for question in &questions {
            asked.push(Box::pin(self.answer(question)));
        }
        let mut learned = Vec::new();
        // What has come when the time is over counts; what has not is not waited for.
        let all = async {
            while let Some(answer) = asked.next().await {
                learned.extend(answer);
            }
        };
        if tokio::time::timeout(BUDGET, all).await.is_err() {
            tracing::warn!("what other systems know was not waited for any longer");
        }
        let mut changed = BTreeSet::new();
        // One after another: two answers about one handoff are two changes of it.
        for one in &learned {
            changed.extend(self.tell(one).await);
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
        let rules = rules.filter(|(name, _)| !self.is_left_alone(name));
        let question = |(name, rule): (&'a String, &'a EnrichmentRule)| {
            let address = enrichment::address(rule, subject)?;
            Some(Question { name, rule, address, handoff, package })
        };
        rules.filter_map(question).collect()
    }

    /// Finds the answer to a question, kept or asked for; nothing, where there is none.
    async fn answer<'q>(&self, question: &Question<'q>) -> Option<Learned<'q>> {
        let Question { name, rule, address, handoff, package } = question;
        let now = self.clock.now();
        let kept = rule.keep.elapsed();
        let known = match kept.is_zero() {
            true => None,
            // A table that does not answer here is no reason to ask nobody.
            false => self.store.enriched(name, address, now).await.ok().flatten(),
        };
        let said: BTreeMap<String, Value> = match known {
            Some(known) => serde_json::from_str(&known).unwrap_or_default(),
            None => {
                let said = enrichment::read(rule, &self.ask(question).await?);
                let text = serde_json::to_string(&said).unwrap_or_default();
                if !kept.is_zero() {
                    let question = (*name, address.as_str());
                    let kept = self.store.keep_enriched(question, &text, now, kept).await;
                    if let Err(error) = kept {
                        tracing::warn!(%error, enrichment = name, "an answer was not kept");
                    }
                }
                said
            }
        };
        let event = enrichment::event(name, rule, &said, (handoff, package))?;
        Some(Learned { handoff: &handoff.id, rule, event })
    }

    async fn ask(&self, question: &Question<'_>) -> Option<Value> {
        let Question { name, rule, address, .. } = question;
        let secret = match &rule.secret {
            None => None,
            Some(_) => {
                let secret = self.secret(name, rule).await?;
                Some((rule.header.as_str(), format!("{}{secret}", rule.prefix)))
            }
        };
        let within = rule.timeout.elapsed().to_std().unwrap_or(BUDGET).min(BUDGET);
        match self.outside.get(address, secret, within).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::warn!(%error, enrichment = name, "nothing was learned");
                let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
                silent.insert((*name).to_owned(), self.clock.now());
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
        let lately = |at: &DateTime<Utc>| self.clock.now() - *at < left_alone();
        silent.get(name).is_some_and(lately)
    }
}

fn left_alone() -> Duration {
    Duration::seconds(LEFT_ALONE_SECONDS)
}
