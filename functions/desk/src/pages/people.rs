//! The page of the people: every pool with how its reps stand, and the form by which somebody is
//! away.
//!
//! What is shown is what routing asks of a rep; who may say that somebody is away is asked where it
//! is recorded.

use super::{Choice, Frame, Reader, html, see, shown::Moment};
use crate::{Desk, access::Visitor, fault::Fault, form};
use askama::Template;
use bytes::Bytes;
use domain::{
    PersonId, PoolId,
    config::{Otherwise, Person, Pool},
    routing::Place,
};
use futures::{StreamExt, stream};
use http::{Request, Response, StatusCode};
use serde_json::{Map, Value};
use settle::may::{may_give_away, may_set_absence};
use std::collections::BTreeMap;

/// How many pools are read at once.
const ABREAST: usize = 8;

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    frame: Frame,
    message: Option<String>,
    pools: Vec<PoolTable>,
    acts: bool,
    speaks_for: Vec<Choice>,
}

struct PoolTable {
    id: String,
    name: String,
    team: String,
    roles: Vec<(String, String)>,
    asks: Option<String>,
    reps: Vec<RepLine>,
}

struct RepLine {
    id: String,
    name: String,
    note: Option<String>,
    open: String,
    today: String,
    shift: Shift,
    away: Option<Away>,
    skills: String,
    turn: String,
    gives: bool,
}

/// Whether somebody works now, or when next.
#[derive(Debug, PartialEq, Eq)]
struct Shift {
    word: &'static str,
    next: Option<Moment>,
}

/// From when to when somebody is away, and whether that is now.
struct Away {
    now: bool,
    from: Moment,
    to: Option<Moment>,
}

impl Desk {
    /// Answers the page of the people.
    pub(crate) async fn page_people(
        &self,
        request: &Request<Bytes>,
        visitor: &Visitor,
    ) -> Result<Response<Bytes>, Fault> {
        self.people_page(request, visitor, StatusCode::OK, None).await
    }

    /// Records an absence, or its end; a refusal shows the page again with its sentence.
    pub(crate) async fn page_absence(
        &self,
        request: &Request<Bytes>,
        visitor: &Visitor,
    ) -> Result<Response<Bytes>, Fault> {
        let pairs = form::read(&String::from_utf8_lossy(request.body()));
        let rep = PersonId(pairs.get("rep").cloned().unwrap_or_default());
        match self.set_absence(&rep, visitor, &absence(&pairs)).await {
            Ok(_) => Ok(see("/people")),
            Err(fault)
                if fault.status().is_client_error() && !matches!(fault, Fault::NotFound(_)) =>
            {
                let (status, message) = (fault.status(), fault.to_string());
                self.people_page(request, visitor, status, Some(message)).await
            }
            Err(fault) => Err(fault),
        }
    }

    async fn people_page(
        &self,
        request: &Request<Bytes>,
        visitor: &Visitor,
        status: StatusCode,
        message: Option<String>,
    ) -> Result<Response<Bytes>, Fault> {
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        let config = &active.config;
        let everybody: Vec<PersonId> = config.people.keys().cloned().collect();
        let rows = self.store.reps(&everybody).await?;
        let reps = |pool: &Pool| pool.members.iter().map(|one| one.rep.clone()).collect::<Vec<_>>();
        let wanted: Vec<_> =
            config.pools.iter().map(|(id, pool)| (id.clone(), reps(pool))).collect();
        let read = wanted.into_iter().map(|(id, reps)| async move {
            let places = self.store.standings(&id, &reps).await?;
            Ok::<_, Fault>((id, places))
        });
        let read: Vec<_> = stream::iter(read).buffered(ABREAST).collect().await;
        let reader = Reader::new(config, visitor, now);
        let mut pools = Vec::with_capacity(read.len());
        for pool in read {
            let (id, mut places) = pool?;
            for (rep, place) in &mut places {
                // Positions may be a moment old; what a form has just changed may not.
                let row = rows.get(rep).cloned().unwrap_or_default();
                *place = row.place((place.position, place.floor, place.owed));
            }
            pools.extend(config.pools.get(&id).map(|pool| reader.table(&id, pool, &places)));
        }
        let page = PeoplePage {
            frame: reader.frame("People", request),
            message,
            acts: pools.iter().any(|pool: &PoolTable| pool.reps.iter().any(|rep| rep.gives)),
            pools,
            speaks_for: reader.speaks_for(),
        };
        html(status, &page)
    }
}

/// Reads the form as the JSON route takes it: nothing ends the absence.
fn absence(pairs: &form::Pairs) -> Map<String, Value> {
    if pairs.contains_key("end") {
        return Map::new();
    }
    let said = |name: &str| pairs.get(name).map_or("", String::as_str).into();
    ["from", "to"].into_iter().map(|name| (name.to_owned(), said(name))).collect()
}

impl Reader<'_> {
    /// Lists those whom the reader may say are away; they themselves are chosen first.
    fn speaks_for(&self) -> Vec<Choice> {
        let Some(person) = self.person else { return Vec::new() };
        let reps = self.config.people.iter().filter(|(id, _)| {
            let is_rep = self.config.pools_of(id).next().is_some();
            is_rep && may_set_absence(person, id, self.config).is_ok()
        });
        reps.map(|(id, rep)| Choice {
            id: id.to_string(),
            name: rep.name.clone(),
            chosen: person == id,
        })
        .collect()
    }

    fn table(&self, id: &PoolId, pool: &Pool, places: &BTreeMap<PersonId, Place>) -> PoolTable {
        let place = |rep: &PersonId| places.get(rep).cloned().unwrap_or_default();
        let mut reps: Vec<&PersonId> = pool.members.iter().map(|member| &member.rep).collect();
        reps.sort_by_key(|rep| (place(rep).position, (*rep).clone()));
        let of = reps.len();
        let lines = (1..).zip(reps).filter_map(|(turn, rep)| {
            let turn = format!("{turn} of {of}");
            Some(self.line(pool, (rep, self.config.people.get(rep)?), &place(rep), turn))
        });
        let name = |holder: &PersonId| self.config.name_of(holder).to_owned();
        PoolTable {
            id: id.to_string(),
            name: pool.name.clone(),
            team: pool.team.clone(),
            roles: pool.roles.iter().map(|(role, who)| (role.clone(), name(who))).collect(),
            asks: self.asks(pool),
            reps: lines.collect(),
        }
    }

    /// Says what a pool does besides rotating.
    fn asks(&self, pool: &Pool) -> Option<String> {
        let on_shift = pool.on_shift.then(|| "only who is on shift is asked".to_owned());
        let each = |otherwise: &Otherwise| match otherwise {
            Otherwise::NextOnShift => "who is on shift next".to_owned(),
            Otherwise::Manager => "the manager".to_owned(),
            Otherwise::Pool(id) => {
                let known = self.config.pools.get(id);
                known.map_or_else(|| id.to_string(), |pool| pool.name.clone())
            }
        };
        let otherwise: Vec<String> = pool.otherwise.iter().map(each).collect();
        let otherwise = (!otherwise.is_empty())
            .then(|| format!("where nobody can, {}", otherwise.join(", then ")));
        let said: Vec<String> = on_shift.into_iter().chain(otherwise).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    fn line(
        &self,
        pool: &Pool,
        (id, person): (&PersonId, &Person),
        place: &Place,
        turn: String,
    ) -> RepLine {
        let today = self.config.day_of(self.now);
        let begins = person.starts.filter(|starts| today < *starts);
        let note = match (person.active, begins) {
            (false, _) => Some("takes no handoffs now".to_owned()),
            (true, Some(starts)) => Some(format!("begins {}", starts.format("%-d %b %Y"))),
            (true, None) => None,
        };
        let taken = place.taken.filter(|(day, _)| *day == today).map_or(0, |(_, taken)| taken);
        let most = person.capacity_per_day;
        RepLine {
            id: id.to_string(),
            name: person.name.clone(),
            note,
            open: format!("{} of {}", place.open, person.capacity.unwrap_or(0)),
            today: most.map_or("any number".to_owned(), |most| format!("{taken} of {most}")),
            shift: self.shift(pool, person),
            away: self.away(place),
            skills: match person.skills.is_empty() {
                true => "–".to_owned(),
                false => person.skills.join(", "),
            },
            turn,
            gives: self.person.is_some_and(|one| may_give_away(one, id, self.config).is_ok()),
        }
    }

    fn shift(&self, pool: &Pool, person: &Person) -> Shift {
        let Some(hours) = self.config.hours(pool, person) else {
            return Shift { word: "always", next: None };
        };
        match (hours.works_at(self.now), hours.next_working(self.now)) {
            (true, _) => Shift { word: "now", next: None },
            (false, Some(at)) => Shift { word: "", next: Some(Moment::of(at, self.zone)) },
            (false, None) => Shift { word: "never", next: None },
        }
    }

    /// Shows an absence that is not over.
    fn away(&self, place: &Place) -> Option<Away> {
        let (from, to) = place.away.filter(|(_, to)| to.is_none_or(|to| self.now < to))?;
        Some(Away {
            now: place.is_away(self.now),
            from: Moment::of(from, self.zone),
            to: to.map(|to| Moment::of(to, self.zone)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, config};
    use domain::Config;

    /// Shows the European SDRs to somebody on a Monday, as they stand.
    fn page(config: &Config, person: Option<&str>, places: &[(&str, Place)]) -> String {
        let visitor = Visitor { person: person.map(Into::into), picks: true };
        let reader = Reader::new(config, &visitor, at("2026-01-05T08:00:00Z"));
        let request = Request::builder().uri("/people").body(Bytes::new()).unwrap();
        let places = places.iter().map(|(rep, place)| ((*rep).into(), place.clone())).collect();
        let (id, pool) = config.pools.get_key_value("sdr_emea").unwrap();
        let table = reader.table(id, pool, &places);
        let page = PeoplePage {
            frame: reader.frame("People", &request),
            message: None,
            acts: table.reps.iter().any(|rep| rep.gives),
            pools: vec![table],
            speaks_for: reader.speaks_for(),
        };
        page.render().unwrap()
    }

    fn shows(page: &str, parts: &[&str]) {
        for part in parts {
            assert!(page.contains(part), "no {part} in {page}");
        }
    }

    #[test]
    fn a_rep_stands_as_routing_sees_them() {
        let mut config = config();
        let amara = config.people.get_mut("amara").unwrap();
        (amara.capacity_per_day, amara.skills) = (Some(9), vec!["german".into(), "<b>".into()]);
        let day = at("2026-01-05T00:00:00Z").date_naive();
        let busy = Place { open: 3, taken: Some((day, 2)), position: 7, ..Place::default() };
        let (from, to) = (at("2026-01-04T00:00:00Z"), at("2026-01-09T00:00:00Z"));
        let away = Place { away: Some((from, Some(to))), ..Place::default() };
        let page = page(&config, None, &[("amara", busy), ("ben", away)]);
        shows(
            &page,
            &[
                "<td data-label=\"Open\">3 of 40</td>",
                "<td data-label=\"Given today\">2 of 9</td>",
                "<td data-label=\"Given today\">any number</td>",
                "next <time datetime=\"2026-01-05T09:00:00Z\">",
                "<time datetime=\"2026-01-04T00:00:00Z\">",
                "away</span>",
                "<td data-label=\"Turn\">2 of 2</td>",
                "<caption>Reps of SDR Europe, next in turn first</caption>",
                "manager: Priya Nair",
            ],
        );
        assert!(!page.contains("<b>") && page.contains("german, "), "{page}");
        assert!(page.find("Ben Whitlock").unwrap() < page.find(">Amara Okafor</a>").unwrap());
    }

    #[test]
    fn an_absence_that_is_over_is_not_shown() {
        let (from, to) = (at("2026-01-02T00:00:00Z"), at("2026-01-05T08:00:00Z"));
        let over = Place { away: Some((from, Some(to))), ..Place::default() };
        let page = page(&config(), None, &[("ben", over)]);
        assert!(!page.contains("away</span>") && !page.contains("2026-01-02"), "{page}");
    }

    #[test]
    fn forms_are_for_those_who_may() {
        let gives = "Give everything of Amara Okafor to others";
        let forms = |person: Option<&str>| {
            let page = page(&config(), person, &[]);
            let absence = page.contains("action=\"/people/absence\"");
            let speaks_for = page.split("id=\"rep\"").nth(1).unwrap_or_default();
            let carla = speaks_for.contains("<option value=\"carla\">");
            (page.contains(gives), absence, carla)
        };
        // Giving away, any absence, Carla's.
        let check = |person: Option<&str>, expected| assert_eq!(forms(person), expected);
        check(None, (false, false, false));
        check(Some("amara"), (false, true, false));
        check(Some("priya"), (true, true, true));
        check(Some("marcus"), (false, true, true));
    }

    #[test]
    fn the_form_says_what_the_json_says() {
        let said = |text: &str| Value::Object(absence(&form::read(text))).to_string();
        assert_eq!(
            said("rep=amara&from=2026-07-06&to=2026-07-07"),
            r#"{"from":"2026-07-06","to":"2026-07-07"}"#
        );
        assert_eq!(said("rep=amara&from=&to="), r#"{"from":"","to":""}"#, "half of one is none");
        assert_eq!(said("rep=amara&from=&to=&end=yes"), "{}");
    }

    #[test]
    fn a_pool_says_whom_it_asks_otherwise() {
        let mut config = config();
        let pool = config.pools.get_mut("sdr_emea").unwrap();
        pool.on_shift = true;
        pool.otherwise = vec![Otherwise::Pool("cs".into()), Otherwise::Manager];
        let page = page(&config, None, &[]);
        let said = "only who is on shift is asked; where nobody can, Customer success, then the \
                    manager";
        shows(&page, &[said]);
    }
}
