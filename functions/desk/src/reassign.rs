//! Giving everything of somebody to others: first who would get it, then asking the router for it.
//!
//! What would happen is forecast by the domain's own routing, most urgent first. Asking commits one
//! standing request a handoff; the router does the rest, and until it has, a handoff stays whose it
//! was. So a call that breaks off loses nothing, and sent again it asks only for what it has not
//! asked for yet.

use crate::{Desk, act::here, ask::Fields, fault::Fault};
use chrono::{DateTime, Utc};
use domain::{
    Facts, Handoff, HandoffId, Package, PersonId, Refusal, TypeKey,
    routing::{Asking, Forecast, Unread, Way},
};
use runtime::Active;
use serde_json::Value;
use settle::{
    Order, Verb,
    may::{self, may_give_away},
    order::{Ask, Deed, Done, OrderError},
    plan::taken_from,
};
use std::collections::BTreeSet;
use store::{QueueKey, QueueRow, Stored};

/// How many handoffs one call asks for, or shows.
const MOST: usize = 200;

/// How many of somebody's handoffs are looked at.
const LOOKED_AT_MAX: i32 = 1_000;

/// How many are read at once with what is known of them.
const CHUNK: usize = 50;

/// How much of an unknown name is repeated, in characters.
const NAME_CHARS_MAX: usize = 40;

/// What is to be given to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reassignment {
    /// Whose.
    pub(crate) from: PersonId,
    /// Why, in a person's words: it goes into the erasable part of each commit.
    pub(crate) reason: Option<String>,
    /// Only of these types; none means all.
    pub(crate) types: BTreeSet<TypeKey>,
}

/// Where one of them would go.
pub(crate) struct Foreseen {
    /// The handoff.
    pub(crate) handoff: Handoff,
    /// What is known of it.
    pub(crate) package: Package,
    /// Whether it was asked for before.
    pub(crate) goes_already: bool,
    /// Its way.
    pub(crate) way: Way,
}

/// Where all of them would go, most urgent first, and how many more there are.
pub(crate) struct Foresight {
    /// They.
    pub(crate) handoffs: Vec<Foreseen>,
    /// How many more.
    pub(crate) left: usize,
}

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// How many it asked another owner for.
    pub(crate) requested: usize,
    /// How many are left for the next call.
    pub(crate) left: usize,
}

impl Reassignment {
    /// Reads what is to be given to others.
    pub(crate) fn read(mut fields: Fields) -> Result<Self, String> {
        let from = PersonId(fields.needed("from")?);
        let reason = fields.text("reason")?;
        let wrong = || "`types` must be a list of handoff types, such as [\"mql\"].".to_owned();
        let key = |one: Value| one.as_str().map(TypeKey::from).ok_or_else(wrong);
        let types = match fields.take("types") {
            None => BTreeSet::new(),
            Some(Value::Array(list)) => list.into_iter().map(key).collect::<Result<_, _>>()?,
            Some(_) => return Err(wrong()),
        };
        fields.nothing_else("A reassignment")?;
        Ok(Self { from, reason, types })
    }

    fn is_meant(&self, kind: &TypeKey) -> bool {
        self.types.is_empty() || self.types.contains(kind)
    }
}

impl Desk {
    /// Forecasts who would get what somebody has.
    pub(crate) async fn foresee(
        &self,
        reassignment: &Reassignment,
        person: &PersonId,
    ) -> Result<Foresight, Fault> {
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        let mut rows = self.theirs(reassignment, person, &active).await?;
        let left = rows.len().saturating_sub(MOST);
        rows.truncate(MOST);
        let mut forecast = Forecast::default();
        let mut handoffs = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(CHUNK) {
            let ids: Vec<_> = chunk.iter().map(|row| row.id.clone()).collect();
            for (handoff, package) in self.store.handoffs(&ids).await? {
                // The index may be a moment old.
                let theirs = handoff.owner.as_ref() == Some(&reassignment.from)
                    && may::sees(person, &handoff, &active.config);
                if theirs && handoff.stage.is_open() && reassignment.is_meant(&handoff.kind) {
                    let asked = self.asked(&reassignment.from, handoff, &active, now).await?;
                    let package = package.record;
                    handoffs.push(self.foreseen(&mut forecast, asked, package, &active).await?);
                }
            }
        }
        Ok(Foresight { handoffs, left })
    }

    /// Makes of a handoff what the router will see, and tells whether it was asked for before.
    async fn asked(
        &self,
        from: &PersonId,
        handoff: Stored<Handoff>,
        active: &Active,
        now: DateTime<Utc>,
    ) -> Result<(Handoff, bool), Fault> {
        let pinned = self.configs.version(handoff.config).await?;
        let facts = Facts { active: &active.config, pinned: &pinned.config };
        match taken_from(from, &handoff, facts, now) {
            Ok(changes) => Ok((handoff.record.after(&changes, now), false)),
            Err(Refusal::Nothing) => Ok((handoff.record, true)),
            Err(refusal) => Err(Fault::Conflict(refusal.to_string())),
        }
    }

    async fn foreseen(
        &self,
        forecast: &mut Forecast,
        (handoff, goes_already): (Handoff, bool),
        package: Package,
        active: &Active,
    ) -> Result<Foreseen, Fault> {
        let (config, rules, now) = (&active.config, active.rules(), self.clock.now());
        let asking = Asking { handoff: &handoff, package: &package, config, rules, now };
        let way = loop {
            match forecast.next(asking) {
                Ok(way) => break way,
                Err(Unread(pool)) => {
                    let reps: Vec<PersonId> = config.askable(&pool).into_iter().cloned().collect();
                    let read = self.store.standings(&pool, &reps).await?;
                    forecast.read(pool, read);
                }
            }
        };
        Ok(Foreseen { handoff, package, goes_already, way })
    }

    /// Asks another owner for what somebody has, most urgent first; by one key, once for each of
    /// them, even if it is theirs again.
    pub(crate) async fn reassign(
        &self,
        reassignment: &Reassignment,
        person: &PersonId,
        key: Option<&str>,
    ) -> Result<Asked, Fault> {
        let active = self.configs.active(self.clock.now()).await?;
        let rows = self.theirs(reassignment, person, &active).await?;
        let deed = Deed::TakeFrom(reassignment.from.clone());
        let order = |id: &HandoffId| Order {
            person: person.clone(),
            ask: Ask {
                message: None,
                verb: Verb::Reassign,
                deed: deed.clone(),
                note: reassignment.reason.clone(),
            },
            via: here(),
            version: None,
            key: key.map(|key| format!("bulk:{key}/{id}")),
        };
        let mut asked = Asked { requested: 0, left: 0 };
        for row in rows {
            match asked.requested {
                MOST => asked.left += 1,
                _ if self.settler.is_carried_out(&order(&row.id)).await? => {}
                _ => {
                    match self.settler.carry_out(&row.id, &order(&row.id)).await {
                        Ok(carried) => asked.requested += usize::from(carried.done == Done::Now),
                        // It is of another team, whose manager gives it away.
                        Err(OrderError::Forbidden(_)) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
        tracing::info!(from = %reassignment.from, requested = asked.requested, "given to others");
        Ok(asked)
    }

    /// Lists what somebody has, most urgent first, if this person may give it away.
    async fn theirs(
        &self,
        reassignment: &Reassignment,
        person: &PersonId,
        active: &Active,
    ) -> Result<Vec<QueueRow>, Fault> {
        let (from, config) = (&reassignment.from, &active.config);
        let cut = |text: &str| text.chars().take(NAME_CHARS_MAX).collect::<String>();
        let mut rows = self.store.queue(&QueueKey::Owner(from.clone()), LOOKED_AT_MAX).await?;
        // Who was taken out of the configuration may have left something behind.
        if !config.people.contains_key(from) && rows.is_empty() {
            let nobody = format!("There is nobody called `{}`.", cut(from.as_str()));
            return Err(Fault::NotFound(nobody));
        }
        may_give_away(person, from, config)?;
        let mut types = reassignment.types.iter();
        if let Some(unknown) = types.find(|kind| !config.types.contains_key(*kind)) {
            let known: Vec<&str> = config.types.keys().map(TypeKey::as_str).collect();
            let (unknown, known) = (cut(unknown.as_str()), known.join(", "));
            let said = format!("There is no handoff type `{unknown}`: there are {known}.");
            return Err(Fault::Malformed(said));
        }
        rows.retain(|row| reassignment.is_meant(&row.kind));
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask;
    use chrono_tz::Tz;

    fn read(body: &str) -> Result<Reassignment, String> {
        let said = ask::object(body.as_bytes()).unwrap();
        Reassignment::read(Fields::new(said, Tz::UTC))
    }

    #[test]
    fn whose_is_said_and_the_rest_may_be() {
        let all = read(r#"{"from":"amara"}"#).unwrap();
        assert_eq!((all.from.as_str(), &all.reason), ("amara", &None));
        assert!(all.is_meant(&"mql".into()));
        let some = read(r#"{"from":"amara","reason":" ill ","types":["mql"]}"#).unwrap();
        assert_eq!(some.reason.as_deref(), Some("ill"));
        assert!(some.is_meant(&"mql".into()) && !some.is_meant(&"hot_lead".into()));
    }

    #[test]
    fn what_is_missing_or_misspelt_is_said() {
        let check = |body: &str, part: &str| {
            let refused = read(body).unwrap_err();
            assert!(refused.contains(part), "{body}: {refused}");
        };
        check("{}", "`from`");
        check(r#"{"from":"amara","type":["mql"]}"#, "no field `type`");
        check(r#"{"from":"amara","types":"mql"}"#, "must be a list");
        check(r#"{"from":"amara","types":[1]}"#, "must be a list");
    }
}
