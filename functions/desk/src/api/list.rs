//! Lists: handoffs by what somebody looks for, by owner, or by the days they opened on, newest
//! first; as JSON and as CSV.
//!
//! Nothing scans. An id, an address or a CRM's id is looked up; an owner has an index; everything
//! else is read day by day, and a page ends after a bounded number of handoffs even when few of
//! them fit, with a cursor that goes on from there.

use crate::{Desk, access::Visitor, fault::Fault, filter::Filter, form, row::Row};
use chrono::{DateTime, Days, Duration, NaiveDate, Utc};
use domain::{
    Config, HandoffId,
    subject::{ObjectKind, Reference},
};
use futures::{StreamExt, stream};
use http::{HeaderValue, Response, StatusCode, header};
use runtime::web;
use std::{collections::BTreeSet, pin::pin};
use store::QueueKey;

/// How far back a list goes unless told, in days.
const DAYS: i64 = 30;

/// How many days a list may span.
const DAYS_MAX: i64 = 400;

/// How many days are read ahead at once.
const DAYS_ABREAST: usize = 6;

/// How many handoffs are read with one request.
const CHUNK: usize = 50;

/// How many handoffs one page of a list looks at.
const LOOKED_AT_MAX: usize = 2_000;

/// How many rows of one queue are read.
const QUEUE_MAX: i32 = 1_000;

/// How many handoffs of one journey are found by its subject.
const FOUND_MAX: i32 = 50;

/// How long what is looked for may be to be an id, in bytes.
const ID_BYTES_MAX: usize = 256;

/// A page of a list.
pub(crate) struct Page {
    /// Its rows.
    pub(crate) rows: Vec<Row>,
    /// Where the next one begins, if there may be one.
    pub(crate) next: Option<String>,
}

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// After this handoff of this UTC day.
    Day(NaiveDate, HandoffId),
    /// After this urgency of a queue.
    Urgency(String),
}

impl Place {
    fn write(&self) -> String {
        hex::encode(match self {
            Self::Day(day, id) => format!("day/{day}/{id}"),
            Self::Urgency(urgency) => format!("urgency/{urgency}"),
        })
    }

    fn read(cursor: &str) -> Option<Self> {
        let text = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
        if let Some(urgency) = text.strip_prefix("urgency/") {
            return Some(Self::Urgency(urgency.to_owned()));
        }
        let (day, id) = text.strip_prefix("day/")?.split_once('/')?;
        Some(Self::Day(day.parse().ok()?, HandoffId::from(id)))
    }
}

/// Who looks, and by which configuration they see what they see.
type Sight<'f> = (&'f Visitor, &'f Config);

/// Rows as they come in, until a page is full.
struct Gathered<'f> {
    filter: &'f Filter,
    sight: Sight<'f>,
    rows: Vec<(Place, Row)>,
    looked_at: usize,
    last: Option<Place>,
}

impl Gathered<'_> {
    fn take(&mut self, place: Place, row: Row) {
        self.looked_at += 1;
        self.last = Some(place.clone());
        let (visitor, config) = self.sight;
        let seen = visitor.sees(&row.handoff, config);
        if seen && self.filter.holds(&row) && self.filter.names(&row) {
            self.rows.push((place, row));
        }
    }

    fn is_full(&self) -> bool {
        self.rows.len() > self.filter.limit || self.looked_at >= LOOKED_AT_MAX
    }

    fn page(mut self) -> Page {
        let next = if self.rows.len() > self.filter.limit {
            self.rows.truncate(self.filter.limit);
            self.rows.last().map(|(place, _)| place.write())
        } else if self.looked_at >= LOOKED_AT_MAX {
            self.last.as_ref().map(Place::write)
        } else {
            None
        };
        Page { rows: self.rows.into_iter().map(|(_, row)| row).collect(), next }
    }
}

impl Desk {
    /// Answers a list.
    pub(crate) async fn api_list(
        &self,
        pairs: &form::Pairs,
        visitor: &Visitor,
        accept: Option<&str>,
    ) -> Result<Response<bytes::Bytes>, Fault> {
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        let zone = active.config.organisation.timezone;
        let filter = Filter::read(pairs, zone).map_err(Fault::Malformed)?;
        let page = self.list(&filter, (visitor, &active.config), now).await?;
        let mut answer = answer(&page, wants_csv(pairs, accept)?, now);
        if let Some(next) = &page.next {
            let next = next_link(pairs, next);
            answer.headers_mut().extend(next.map(|next| (header::LINK, next)));
        }
        Ok(answer)
    }

    /// Finds the handoffs of a list's page, of those the visitor sees.
    pub(crate) async fn list(
        &self,
        filter: &Filter,
        sight: Sight<'_>,
        now: DateTime<Utc>,
    ) -> Result<Page, Fault> {
        let place = match &filter.cursor {
            None => None,
            Some(cursor) => Some(Place::read(cursor).ok_or_else(|| {
                Fault::Malformed("`cursor` is none of this desk's: leave it out.".to_owned())
            })?),
        };
        if let (Some(sought), None) = (&filter.sought, &place) {
            let found = self.found(sought, sight.1).await?;
            if !found.is_empty() {
                let rows = found.into_iter().filter(|row| filter.holds(row));
                let rows = rows.filter(|row| sight.0.sees(&row.handoff, sight.1)).collect();
                return Ok(Page { rows, next: None });
            }
        }
        match (&filter.owner, filter.is_queue()) {
            (Some(owner), true) => {
                let queue = QueueKey::Owner(owner.clone());
                self.in_queue(&queue, (filter, sight), place).await
            }
            _ => self.by_day((filter, sight), place, now).await,
        }
    }

    /// Finds the handoffs an id, an address or a CRM's id names; none when it names nothing.
    async fn found(&self, sought: &str, config: &Config) -> Result<Vec<Row>, Fault> {
        if sought.len() > ID_BYTES_MAX {
            return Ok(Vec::new());
        }
        let itself = self.store.handoffs(&[HandoffId::from(sought)]).await?;
        if !itself.is_empty() {
            return Ok(itself.into_iter().map(Row::from).collect());
        }
        let journeys = self.store.journeys_of(&references(sought, config)).await?;
        let journeys: BTreeSet<_> = journeys.into_values().collect();
        let mut ids = Vec::new();
        for journey in &journeys {
            let listed = self.store.journey_handoffs(journey, FOUND_MAX).await?;
            ids.extend(listed.into_iter().map(|row| (row.opened_at, row.id)));
        }
        ids.sort();
        let ids: Vec<_> = ids.into_iter().rev().map(|(_, id)| id).collect();
        Ok(self.store.handoffs(&ids).await?.into_iter().map(Row::from).collect())
    }

    async fn in_queue(
        &self,
        queue: &QueueKey,
        (filter, sight): (&Filter, Sight<'_>),
        place: Option<Place>,
    ) -> Result<Page, Fault> {
        let after = match place {
            Some(Place::Urgency(urgency)) => urgency,
            _ => String::new(),
        };
        let mut gathered = Gathered { filter, sight, rows: Vec::new(), looked_at: 0, last: None };
        let mut rows = self.store.queue(queue, QUEUE_MAX).await?;
        rows.retain(|row| row.urgency > after);
        for chunk in rows.chunks(CHUNK) {
            let ids: Vec<_> = chunk.iter().map(|row| row.id.clone()).collect();
            for (handoff, package) in self.store.handoffs(&ids).await? {
                let listed = chunk.iter().find(|row| row.id == handoff.id);
                let urgency = listed.map(|row| row.urgency.clone()).unwrap_or_default();
                gathered.take(Place::Urgency(urgency), Row::from((handoff, package)));
            }
            if gathered.is_full() {
                break;
            }
        }
        Ok(gathered.page())
    }

    async fn by_day(
        &self,
        (filter, sight): (&Filter, Sight<'_>),
        place: Option<Place>,
        now: DateTime<Utc>,
    ) -> Result<Page, Fault> {
        let until = filter.until.map_or(now, |until| until.min(now));
        let since = filter.since.unwrap_or(until - Duration::days(DAYS));
        if until - since > Duration::days(DAYS_MAX) {
            let most = format!("A list spans at most {DAYS_MAX} days: narrow `opened_since`.");
            return Err(Fault::Malformed(most));
        }
        let resumed = match &place {
            Some(Place::Day(day, _)) => until.date_naive().min(*day),
            _ => until.date_naive(),
        };
        let days = days_back(resumed, since.date_naive());
        let opened = stream::iter(days)
            .map(|day| async move { (day, self.store.opened_on(day).await) })
            .buffered(DAYS_ABREAST);
        let mut opened = pin!(opened);
        let mut gathered = Gathered { filter, sight, rows: Vec::new(), looked_at: 0, last: None };
        while let Some((day, ids)) = opened.next().await {
            let ids = after(ids?, day, place.as_ref());
            for chunk in ids.chunks(CHUNK) {
                for (handoff, package) in self.store.handoffs(chunk).await? {
                    let place = Place::Day(day, handoff.id.clone());
                    gathered.take(place, Row::from((handoff, package)));
                }
                if gathered.is_full() {
                    return Ok(gathered.page());
                }
            }
        }
        Ok(gathered.page())
    }
}

/// Lists days backwards, both included.
fn days_back(from: NaiveDate, to: NaiveDate) -> Vec<NaiveDate> {
    let next = |day: &NaiveDate| day.checked_sub_days(Days::new(1));
    std::iter::successors(Some(from), next).take_while(|day| *day >= to).collect()
}

/// Leaves out the ids of a day that an earlier page has shown.
fn after(ids: Vec<HandoffId>, day: NaiveDate, place: Option<&Place>) -> Vec<HandoffId> {
    match place {
        Some(Place::Day(ended, last)) if *ended == day => {
            let shown = ids.iter().position(|id| id == last).map_or(0, |place| place + 1);
            ids.into_iter().skip(shown).collect()
        }
        _ => ids,
    }
}

/// Lists every reference that what is looked for could be.
fn references(sought: &str, config: &Config) -> Vec<Reference> {
    if sought.contains('@') {
        return vec![Reference::email(sought)];
    }
    let known = ["generic", "hubspot", "salesforce"].into_iter();
    let systems: BTreeSet<&str> =
        known.chain(config.sources.keys().map(|source| source.as_str())).collect();
    let kinds = [ObjectKind::Lead, ObjectKind::Contact, ObjectKind::Deal, ObjectKind::Account];
    systems
        .into_iter()
        .flat_map(|system| kinds.map(|kind| Reference::new(system, kind, sought)))
        .collect()
}

/// Tells whether a list is wanted as CSV.
pub(crate) fn wants_csv(pairs: &form::Pairs, accept: Option<&str>) -> Result<bool, Fault> {
    match pairs.get("format").map(String::as_str) {
        None | Some("") => Ok(accept.is_some_and(|types| types.contains("text/csv"))),
        Some("csv") => Ok(true),
        Some("json") => Ok(false),
        Some(_) => Err(Fault::Malformed("`format` is `json` or `csv`.".to_owned())),
    }
}

/// Answers with a page of a list.
pub(crate) fn answer(page: &Page, as_csv: bool, now: DateTime<Utc>) -> Response<bytes::Bytes> {
    let mut answer = match as_csv {
        true => {
            let lines: String = page.rows.iter().map(Row::csv).collect();
            web::answer(StatusCode::OK, "text/csv; charset=utf-8", Row::csv_head() + &lines)
        }
        false => {
            let rows: Vec<_> = page.rows.iter().map(|row| row.json(now)).collect();
            let document = serde_json::json!({ "handoffs": rows, "cursor": page.next });
            web::json(StatusCode::OK, &document)
        }
    };
    let headers = answer.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    if as_csv {
        let name = HeaderValue::from_static("attachment; filename=\"handoffs.csv\"");
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    answer
}

fn next_link(pairs: &form::Pairs, next: &str) -> Option<HeaderValue> {
    let mut pairs = pairs.clone();
    pairs.insert("cursor".to_owned(), next.to_owned());
    let query = form::write(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    HeaderValue::from_str(&format!("</api/handoffs?{query}>; rel=\"next\"")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, config, handoff, package};

    fn gather(limit: usize, ids: &[&str]) -> (Vec<String>, Option<Place>) {
        let filter = Filter { limit, owner: Some("amara".into()), ..Filter::default() };
        let (visitor, config) = (Visitor { person: None, picks: true }, config());
        let sight = (&visitor, &config);
        let mut gathered =
            Gathered { filter: &filter, sight, rows: vec![], looked_at: 0, last: None };
        let day = at("2026-01-05T00:00:00Z").date_naive();
        for id in ids {
            let mut handoff = handoff();
            handoff.id = (*id).into();
            handoff.owner = (!id.starts_with("other")).then(|| "amara".into());
            let row = Row { handoff, package: package("Dana", "Acme") };
            gathered.take(Place::Day(day, row.handoff.id.clone()), row);
        }
        let page = gathered.page();
        let ids = page.rows.iter().map(|row| row.handoff.id.to_string()).collect();
        (ids, page.next.and_then(|next| Place::read(&next)))
    }

    #[test]
    fn a_cursor_says_where_the_page_ended() {
        let day = at("2026-01-05T00:00:00Z").date_naive();
        let (ids, next) = gather(2, &["c", "other", "b", "a"]);
        assert_eq!((ids, next), (vec!["c".into(), "b".into()], Some(Place::Day(day, "b".into()))));
        assert_eq!(gather(3, &["c", "b", "a"]).1, None, "nothing is left");
    }

    #[test]
    fn a_page_goes_on_after_what_was_shown() {
        let ids = || ["c", "b", "a"].map(HandoffId::from).to_vec();
        let day = at("2026-01-05T00:00:00Z").date_naive();
        let place = Place::Day(day, "b".into());
        assert_eq!(after(ids(), day, Some(&place)), ["a".into()]);
        assert_eq!(after(ids(), day.pred_opt().unwrap(), Some(&place)).len(), 3);
        assert_eq!(after(ids(), day, None).len(), 3);
    }

    #[test]
    fn a_cursor_of_somebody_else_is_none() {
        let urgency = Place::Urgency("00001767618000000#9927#id".to_owned());
        assert_eq!(Place::read(&urgency.write()), Some(urgency));
        for wrong in ["", "zz", "6461792f", &hex::encode("day/yesterday/a")] {
            assert_eq!(Place::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn days_are_read_backwards() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let days = days_back(day("2026-03-01"), day("2026-02-27"));
        assert_eq!(days, [day("2026-03-01"), day("2026-02-28"), day("2026-02-27")]);
        assert_eq!(days_back(day("2026-01-01"), day("2026-01-02")), []);
    }

    #[test]
    fn an_address_is_looked_up_by_its_hash_and_an_id_in_every_crm() {
        assert_eq!(
            references("Dana@Acme.example", &config()),
            [Reference::email("dana@acme.example")]
        );
        let all = references("7", &config());
        assert!(all.contains(&Reference::new("hubspot", ObjectKind::Deal, "7")));
        assert!(all.contains(&Reference::new("generic", ObjectKind::Contact, "7")));
    }

    #[test]
    fn the_next_page_has_the_same_filter() {
        let link = next_link(&form::read("type=mql&cursor=old&q=a+b"), "6e").unwrap();
        assert_eq!(link, "</api/handoffs?cursor=6e&q=a%20b&type=mql>; rel=\"next\"");
    }
}
