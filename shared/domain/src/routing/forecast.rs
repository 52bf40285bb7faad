//! Where several handoffs would go one after another, before any has gone.
//!
//! Each way moves the places that the next one is asked with, as its commit would: who gets one has
//! one more open, their turn is taken, their day counts it. It is a forecast: what others do
//! meanwhile is not in it.

use super::{
    place::{Place, Places},
    way::{Asking, Unread, Way, route},
};
use crate::ids::{PersonId, PoolId};
use std::collections::BTreeMap;

/// Places that move as handoffs go their ways.
#[derive(Clone, Debug, Default)]
pub struct Forecast {
    places: Places,
}

impl Forecast {
    /// Finds the way of the next handoff, and moves the places as if it had gone.
    ///
    /// # Errors
    /// `Unread` while the places of a pool are missing; nothing has moved then.
    pub fn next(&mut self, asking: Asking<'_>) -> Result<Way, Unread> {
        let way = route(asking, &self.places)?;
        self.go(asking.handoff.owner.as_ref(), &way);
        Ok(way)
    }

    /// Takes the places of a pool as they were read; what has moved since counts on top.
    pub fn read(&mut self, pool: PoolId, mut places: BTreeMap<PersonId, Place>) {
        for (rep, place) in &mut places {
            // What somebody has open and was given today is theirs over all pools.
            if let Some(known) = self.places.values().find_map(|places| places.get(rep)) {
                (place.open, place.taken) = (known.open, known.taken);
            }
        }
        self.places.insert(pool, places);
    }

    fn go(&mut self, former: Option<&PersonId>, way: &Way) {
        let Some((owner, pool)) = &way.owner else { return };
        let theirs = self.places.entry(pool.clone()).or_default().entry(owner.clone()).or_default();
        let taken = way.taken.as_ref().map(|(_, candidate)| candidate);
        if let Some(candidate) = taken {
            (theirs.position, theirs.floor) = (candidate.position_after, candidate.floor);
            theirs.owed = candidate.owed_after();
        }
        let daily = taken.and_then(|candidate| candidate.daily);
        for places in self.places.values_mut() {
            if let Some(place) = former.and_then(|former| places.get_mut(former)) {
                place.open = place.open.saturating_sub(1);
            }
            if let Some(place) = places.get_mut(owner) {
                place.open += 1;
                place.taken = daily.map(|daily| (daily.day, daily.taken + 1)).or(place.taken);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{self, Config},
        handoff::{Handoff, Routing},
        package::Package,
        routing::Rules,
        stage::Stage,
    };
    use chrono::{DateTime, Utc};

    const SAMPLE: &str = include_str!("../../../../infra/local/sample/organisation.toml");

    fn monday() -> DateTime<Utc> {
        "2026-01-05T10:00:00Z".parse().unwrap()
    }

    /// Reads the sample with Hana among the European SDRs, and her capacity as said.
    fn organisation(hers: &str) -> Config {
        let members = r#"members = [{ rep = "amara" }, { rep = "ben" }"#;
        let name = "name = \"Hana Sato\"\n";
        let text = SAMPLE
            .replacen(members, &format!("{members}, {{ rep = \"hana\" }}"), 1)
            .replacen(name, &format!("{name}{hers}\n"), 1);
        config::load(&text).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    /// Forecasts as many hot leads, for this team, that Amara has; who gets each, if somebody does.
    fn owners(
        forecast: &mut Forecast,
        config: &Config,
        (kind, to): (&str, &str),
        read: impl Fn() -> Place,
        times: usize,
    ) -> Vec<String> {
        let rules = Rules::compile(config);
        let routing = Routing {
            reason: "asked".to_owned(),
            since: monday(),
            retry_at: monday(),
            pool: None,
            held: false,
        };
        let handoff = Handoff {
            kind: kind.into(),
            to: to.to_owned(),
            stage: Stage::Assigned,
            owner: Some("amara".into()),
            had: vec!["amara".into()],
            routing: Some(routing),
            ..Handoff::default()
        };
        let package = Package::default();
        let asking =
            Asking { handoff: &handoff, package: &package, config, rules: &rules, now: monday() };
        let mut next = || loop {
            match forecast.next(asking) {
                Ok(way) => break way,
                Err(Unread(pool)) => {
                    let reps = config.askable(&pool).into_iter().map(|rep| (rep.clone(), read()));
                    forecast.read(pool.clone(), reps.collect());
                }
            }
        };
        let name = |way: Way| way.owner.map_or("nobody".to_owned(), |(owner, _)| owner.0);
        (0..times).map(|_| name(next())).collect()
    }

    const SDR: (&str, &str) = ("hot_lead", "sdr");

    #[test]
    fn each_takes_a_turn_that_the_next_one_sees() {
        let mut forecast = Forecast::default();
        let got = owners(&mut forecast, &organisation(""), SDR, Place::default, 4);
        assert_eq!(got, ["ben", "hana", "ben", "hana"]);
        let amara = &forecast.places[&PoolId::from("sdr_emea")]["amara"];
        assert_eq!((amara.open, amara.position), (0, 0), "hers go, and take no turn of hers");
    }

    #[test]
    fn nobody_is_given_more_than_they_may_have_open() {
        let nearly = || Place { open: 29, ..Place::default() };
        let got = owners(&mut Forecast::default(), &organisation(""), SDR, nearly, 13);
        let of = |rep: &str| got.iter().filter(|one| *one == rep).count();
        assert_eq!((of("hana"), of("ben"), of("nobody")), (1, 11, 1), "{got:?}");
    }

    #[test]
    fn nobody_is_given_more_on_a_day_than_they_may_be_given() {
        let config = organisation("capacity_per_day = 2");
        let yesterday = || Place {
            taken: Some((monday().date_naive().pred_opt().unwrap(), 9)),
            ..Place::default()
        };
        let got = owners(&mut Forecast::default(), &config, SDR, yesterday, 6);
        assert_eq!(got.iter().filter(|rep| *rep == "hana").count(), 2, "{got:?}");
    }

    #[test]
    fn what_somebody_was_given_in_one_pool_counts_in_another_that_is_read_later() {
        let mut forecast = Forecast::default();
        let (config, ae) = (organisation("capacity_per_day = 1"), ("meeting_set", "ae"));
        assert_eq!(owners(&mut forecast, &config, SDR, Place::default, 2), ["ben", "hana"]);
        let got = owners(&mut forecast, &config, ae, Place::default, 2);
        assert_eq!(got, ["elena", "elena"], "Hana had enough today");
        assert_eq!(forecast.places[&PoolId::from("ae_emea")]["hana"].open, 1);
    }
}
