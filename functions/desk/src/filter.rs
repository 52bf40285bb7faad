//! What a list is narrowed to, read from a query: the same for pages, JSON and CSV, so that they
//! agree.

use crate::{form::Pairs, moment, row::Row};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::{PersonId, PoolId, Stage, TypeKey};

/// How many rows a page of a list has unless told.
const LIMIT: usize = 50;

/// How many rows a page of a list may have.
const LIMIT_MAX: usize = 500;

/// The names a list's query may use.
const NAMES: [&str; 11] = [
    "owner",
    "pool",
    "type",
    "stage",
    "due_before",
    "opened_since",
    "opened_until",
    "q",
    "limit",
    "cursor",
    "format",
];

/// What a list is narrowed to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Filter {
    /// Who has it.
    pub(crate) owner: Option<PersonId>,
    /// The pool it was routed to.
    pub(crate) pool: Option<PoolId>,
    /// Its type.
    pub(crate) kind: Option<TypeKey>,
    /// Where it stands.
    pub(crate) stage: Option<Stage>,
    /// Its standing deadline is before this.
    pub(crate) due_before: Option<DateTime<Utc>>,
    /// It opened at this or later.
    pub(crate) since: Option<DateTime<Utc>>,
    /// It opened before this.
    pub(crate) until: Option<DateTime<Utc>>,
    /// What somebody looks for.
    pub(crate) sought: Option<String>,
    /// How many rows at most.
    pub(crate) limit: usize,
    /// Where the page before ended.
    pub(crate) cursor: Option<String>,
}

impl Filter {
    /// Reads a query; `zone` is where its dates are days.
    pub(crate) fn read(pairs: &Pairs, zone: Tz) -> Result<Self, String> {
        if let Some(unknown) = pairs.keys().find(|name| !NAMES.contains(&name.as_str())) {
            let unknown: String = unknown.chars().take(40).collect();
            return Err(format!("There is no filter `{unknown}`: there are {}.", NAMES.join(", ")));
        }
        let said = |name: &str| {
            let text = pairs.get(name).map(|text| text.trim());
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let time = |name: &str, read: fn(&str, Tz) -> Option<DateTime<Utc>>| {
            let Some(text) = said(name) else { return Ok(None) };
            let wrong = format!("`{name}` is no time: write 2026-01-05 or 2026-01-05T09:00:00Z.");
            read(&text, zone).map(Some).ok_or(wrong)
        };
        let stage = match said("stage") {
            None => None,
            Some(word) => Some(Stage::from_word(&word).ok_or_else(|| {
                let stages = Stage::ALL.map(|stage| stage.to_string()).join(", ");
                format!("There is no such stage: there are {stages}.")
            })?),
        };
        let limit = match said("limit").map(|text| text.parse::<usize>()) {
            None => LIMIT,
            Some(Ok(limit)) if (1..=LIMIT_MAX).contains(&limit) => limit,
            Some(_) => return Err(format!("`limit` must be a number, 1 to {LIMIT_MAX}.")),
        };
        Ok(Self {
            owner: said("owner").map(PersonId),
            pool: said("pool").map(PoolId),
            kind: said("type").map(TypeKey),
            stage,
            due_before: time("due_before", moment::instant)?,
            since: time("opened_since", moment::instant)?,
            until: time("opened_until", moment::end)?,
            sought: said("q"),
            limit,
            cursor: said("cursor"),
        })
    }

    /// Tells whether a handoff belongs to the list, apart from what is looked for.
    pub(crate) fn holds(&self, row: &Row) -> bool {
        let handoff = &row.handoff;
        (self.owner.is_none() || self.owner == handoff.owner)
            && (self.pool.is_none() || self.pool == handoff.pool)
            && self.kind.as_ref().is_none_or(|kind| *kind == handoff.kind)
            && self.stage.is_none_or(|stage| stage == handoff.stage)
            && self.since.is_none_or(|since| handoff.opened_at >= since)
            && self.until.is_none_or(|until| handoff.opened_at < until)
            && self.due_before.is_none_or(|before| row.due_at().is_some_and(|due| due < before))
    }

    /// Tells whether a handoff's people or company are what is looked for.
    pub(crate) fn names(&self, row: &Row) -> bool {
        let Some(sought) = self.sought.as_ref().map(|sought| sought.to_lowercase()) else {
            return true;
        };
        let subject = &row.package.subject;
        let known = [&subject.name, &subject.company, &subject.email];
        known.into_iter().flatten().any(|text| text.to_lowercase().contains(&sought))
    }

    /// Tells whether only somebody's open handoffs are asked for: what their queue holds.
    pub(crate) fn is_queue(&self) -> bool {
        let ranged = self.since.is_some() || self.until.is_some();
        let closed = self.stage.is_some_and(|stage| !stage.is_open());
        self.owner.is_some() && !ranged && !closed && self.sought.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        form,
        testing::{at, handoff, package},
    };

    fn filter(query: &str) -> Result<Filter, String> {
        Filter::read(&form::read(query), Tz::Europe__London)
    }

    fn check(query: &str, holds: bool) {
        let row = Row { handoff: handoff(), package: package("Dana Ek", "Acme") };
        let filter = filter(query).unwrap();
        assert_eq!(filter.holds(&row) && filter.names(&row), holds, "{query}");
    }

    #[test]
    fn a_list_holds_what_its_query_says() {
        for query in [
            "",
            "owner=amara&pool=sdr_emea&type=mql&stage=assigned",
            "opened_since=2026-01-05&opened_until=2026-01-05",
            "due_before=2026-01-05T13:00:01Z",
            "q=dana+EK",
            "q=ACME",
            "q=dana%40acme",
        ] {
            check(query, true);
        }
        for query in [
            "owner=ben",
            "pool=cs",
            "type=hot_lead",
            "stage=accepted",
            "opened_since=2026-01-06",
            "opened_until=2026-01-04",
            "due_before=2026-01-05T13:00:00Z",
            "q=nobody",
        ] {
            check(query, false);
        }
    }

    #[test]
    fn a_query_that_means_nothing_is_refused() {
        let check = |query: &str, part: &str| {
            let refused = filter(query).unwrap_err();
            assert!(refused.contains(part), "{query}: {refused}");
        };
        check("ownr=amara", "no filter `ownr`");
        check("stage=open", "opened, assigned");
        check("limit=0", "1 to 500");
        check("limit=501", "1 to 500");
        check("opened_since=yesterday", "`opened_since` is no time");
    }

    #[test]
    fn only_somebodys_open_handoffs_are_a_queue() {
        for (query, is_queue) in [
            ("owner=amara", true),
            ("owner=amara&stage=accepted&type=mql", true),
            ("owner=amara&stage=completed", false),
            ("owner=amara&opened_since=2026-01-01", false),
            ("owner=amara&q=dana", false),
            ("type=mql", false),
        ] {
            assert_eq!(filter(query).unwrap().is_queue(), is_queue, "{query}");
        }
    }

    #[test]
    fn an_empty_field_of_a_form_filters_nothing() {
        let empty = filter("owner=&type=&q=+").unwrap();
        assert_eq!(empty, Filter { limit: LIMIT, ..Filter::default() });
        assert_eq!(
            filter("opened_since=2026-07-01").unwrap().since,
            Some(at("2026-06-30T23:00:00Z"))
        );
    }
}
