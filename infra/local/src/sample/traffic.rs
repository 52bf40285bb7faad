//! A working day of the sample sources: about forty leads, as eight hundred a month are.
//!
//! Drawn from a seed, each day of its own, so that a longer run begins like a shorter one. What
//! follows from what people do (meetings they book, outcomes) is not here: it is theirs.

use bytes::Bytes;
use chrono::{DateTime, Datelike, Duration, NaiveDate, TimeZone, Utc};
use chrono_tz::{America::New_York, Europe::London, Tz};
use serde_json::json;

use super::{Dice, Lead, Parcel, Score};

/// How many leads come on a working day.
pub const LEADS_A_DAY: u64 = 40;

/// How many numbers a day's people take: leads, customers and those who are not there yet.
const NUMBERS_A_DAY: u64 = 60;

/// Something a source says, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When it arrives.
    pub at: DateTime<Utc>,
    /// What it says.
    pub parcel: Parcel,
}

const CONTENT: [&str; 6] = [
    "Whitepaper: forecasting without spreadsheets",
    "Webinar: one number for revenue",
    "Guide: the first ninety days",
    "Benchmark report 2026",
    "Webinar: pipelines that do not leak",
    "Checklist: choosing an analytics suite",
];

const ORIGINS: [&str; 5] =
    ["ORGANIC_SEARCH", "PAID_SEARCH", "REFERRALS", "SOCIAL_MEDIA", "EMAIL_MARKETING"];

const FITS: [&str; 4] =
    ["A: industry and size match", "B: size matches", "B: industry matches", "C"];

const WON_FOR: [&str; 4] =
    ["Reports in a minute", "One pipeline view", "Fewer manual exports", "Forecast within 5 %"];

/// Lists what arrives on a day, in order; nothing at weekends.
pub fn day_of_traffic(seed: u64, day: NaiveDate) -> Vec<Arrival> {
    if day.weekday().number_from_monday() > 5 {
        return Vec::new();
    }
    let count = u64::from(day.num_days_from_ce().unsigned_abs());
    let first = count % 1_000 * NUMBERS_A_DAY;
    let mut traffic = Traffic { dice: Dice::new(seed, count), day, first, arrivals: Vec::new() };
    for place in 0..LEADS_A_DAY {
        let lead = traffic.lead(place);
        traffic.inbound(&lead);
    }
    traffic.customers();
    traffic.noise();
    traffic.arrivals.sort_by_key(|arrival| arrival.at);
    // No two at one instant: what happens then would depend on more than the time.
    let mut last = DateTime::<Utc>::MIN_UTC;
    for arrival in &mut traffic.arrivals {
        arrival.at = arrival.at.max(last + Duration::milliseconds(1));
        last = arrival.at;
    }
    traffic.arrivals
}

struct Traffic {
    dice: Dice,
    day: NaiveDate,
    first: u64,
    arrivals: Vec<Arrival>,
}

impl Traffic {
    fn lead(&mut self, place: u64) -> Lead {
        Lead::nth(self.first + place, &mut self.dice)
    }

    fn arrive(&mut self, at: DateTime<Utc>, parcel: Parcel) {
        self.arrivals.push(Arrival { at, parcel });
    }

    /// Draws a time of the lead's day: mostly while somebody who would answer works.
    fn time(&mut self, lead: &Lead, outside_percent: u64) -> DateTime<Utc> {
        let zone = if lead.is_american() { New_York } else { London };
        let minute = match self.dice.happens(outside_percent) {
            true => self.dice.weigh(&[(2, 7 * 60), (3, 18 * 60)]) + self.dice.between(0, 110),
            false => self.dice.between(9 * 60 + 5, 16 * 60 + 45),
        };
        local(zone, self.day, minute) + Duration::milliseconds(self.dice.between(0, 59_999))
    }

    /// A lead that becomes hot, or whose score comes up to the level.
    fn inbound(&mut self, lead: &Lead) {
        let hot = self.dice.happens(30);
        let at = self.time(lead, if hot { 6 } else { 20 });
        let parcel = match hot {
            true => self.hot(lead, at),
            false => self.qualified(lead, at),
        };
        self.arrive(at, parcel.clone());
        if self.dice.happens(7) {
            let again = at + Duration::seconds(self.dice.between(60, 900));
            self.arrive(again, parcel);
        }
        if !hot && self.dice.happens(9) {
            let later = at + Duration::seconds(self.dice.between(400, 4_000));
            let hotter = self.dice.happens(60);
            let second = if hotter { self.hot(lead, later) } else { self.download(lead, later) };
            self.arrive(later, second);
        }
    }

    fn hot(&mut self, lead: &Lead, at: DateTime<Utc>) -> Parcel {
        let trial = self.dice.happens(35);
        let (event, form) = match trial {
            true => ("trial.started", "Trial sign-up"),
            false => ("demo.requested", "Pricing page: Request a demo"),
        };
        let origin = *self.dice.pick(&ORIGINS);
        let properties = [("recent_conversion_event_name", form), ("hs_analytics_source", origin)];
        match self.dice.below(3) {
            0 => Parcel::hubspot_legacy(lead, at, None, &properties),
            1 => Parcel::hubspot_flat(lead, None, &properties),
            _ => {
                let fields = json!({ "intent_signal": form, "source": origin });
                let data = json!({ "subject": lead.subject(), "fields": fields });
                Parcel::generic(format!("msg_hot_{}", lead.number), event, at, &data)
            }
        }
    }

    fn qualified(&mut self, lead: &Lead, at: DateTime<Utc>) -> Parcel {
        let now = self.dice.between(65, 94);
        let score = Score { before: Some(self.dice.between(38, 64)), now };
        let (origin, content) = (*self.dice.pick(&ORIGINS), *self.dice.pick(&CONTENT));
        let fit = *self.dice.pick(&FITS);
        let properties = [
            ("hs_analytics_source", origin),
            ("content_engaged", content),
            ("fit_assessment", fit),
        ];
        // Now and then nobody has assessed the fit, and the package says so.
        let known = if self.dice.happens(85) { &properties[..] } else { &properties[..2] };
        match self.dice.weigh(&[(4, 0), (3, 1), (2, 2), (2, 3), (1, 4)]) {
            0 => Parcel::hubspot_legacy(lead, at, Some(score), known),
            1 => Parcel::hubspot_flat(lead, Some(score), known),
            2 => {
                let score = now.to_string();
                let email = lead.email();
                let changes = [
                    ("hubspotscore", score.as_str()),
                    ("email", &email),
                    ("company", lead.company.name),
                    ("country", lead.company.country),
                    known[0],
                    known[1],
                ];
                Parcel::hubspot_changes(("contact", lead.hubspot_id()), at, &changes)
            }
            3 => {
                let data = json!({
                    "subject": lead.subject(), "score": now, "previous_score": score.before,
                    "fields": {
                        "source": origin, "engagement": content, "fit": fit,
                        "company_research": format!(
                            "{}, {} people", lead.company.industry, lead.company.employees
                        ),
                        "first_message": format!("You read \"{content}\": what made you look?"),
                    },
                });
                Parcel::generic(format!("msg_mql_{}", lead.number), "lead.scored", at, &data)
            }
            _ => Parcel::salesforce(
                &lead.salesforce_id("04l"),
                "Lead",
                at,
                &[
                    ("Id", lead.salesforce_id("00Q")),
                    ("Company", lead.company.name.to_owned()),
                    ("Country", lead.company.country.to_owned()),
                    ("Email", lead.email()),
                    ("Name", lead.name()),
                    ("Score__c", format!("{now}.0")),
                    ("Fit__c", fit.to_owned()),
                    ("Engagement__c", content.to_owned()),
                ],
            ),
        }
    }

    /// A second trigger that is no hotter: it joins what is open.
    fn download(&mut self, lead: &Lead, at: DateTime<Utc>) -> Parcel {
        let content = *self.dice.pick(&CONTENT);
        let data = json!({ "subject": lead.subject(), "fields": { "engagement": content } });
        Parcel::generic(format!("msg_more_{}", lead.number), "lead.qualified", at, &data)
    }

    /// Deals that change hands or are won, and customers who use more than they bought.
    fn customers(&mut self) {
        let (won, moved, grown) =
            (self.dice.between(2, 3), self.dice.between(1, 3), self.dice.between(1, 2));
        let mut place = LEADS_A_DAY;
        for count in [won, moved, grown] {
            for _ in 0..count {
                let customer = self.lead(place);
                let at = self.time(&customer, 10);
                match place - LEADS_A_DAY {
                    before if before < won.unsigned_abs() => self.won(&customer, at),
                    before if before < (won + moved).unsigned_abs() => self.moved(&customer, at),
                    _ => self.grown(&customer, at),
                }
                place += 1;
            }
        }
    }

    fn won(&mut self, customer: &Lead, at: DateTime<Utc>) {
        let amount = self.dice.between(12, 180) * 1_000;
        let deal = customer.salesforce_id("006");
        let contract = format!("https://contracts.example/{}", customer.number);
        let mut fields = vec![
            ("Id", deal.clone()),
            ("AccountId", customer.salesforce_id("001")),
            ("Amount", format!("{amount}.0")),
            ("Name", format!("{} - Analytics", customer.company.name)),
            ("StageName", "Closed Won".to_owned()),
            ("Contract__c", contract.clone()),
            ("Success_Criteria__c", (*self.dice.pick(&WON_FOR)).to_owned()),
        ];
        if self.dice.happens(75) {
            let needs = "Single sign-on, EU hosting, Snowflake".to_owned();
            fields.push(("Technical_Requirements__c", needs));
        }
        let parcel = Parcel::salesforce(&customer.salesforce_id("04l"), "Opportunity", at, &fields);
        self.arrive(at, parcel);
        if self.dice.happens(40) {
            // The signature service tells the same deal: both are one handoff.
            let signed = at - Duration::seconds(self.dice.between(30, 600));
            let data = json!({
                "subject": {
                    "crm": "salesforce", "object": "deal", "id": deal,
                    "company": customer.company.name, "country": customer.company.country,
                },
                "amount": { "minor": amount * 100, "currency": "USD" },
                "fields": { "contract": contract },
            });
            let id = format!("msg_signed_{}", customer.number);
            self.arrive(signed, Parcel::generic(id, "contract.signed", signed, &data));
        }
    }

    fn moved(&mut self, customer: &Lead, at: DateTime<Utc>) {
        let deal = 9_100_000 + customer.number;
        if self.dice.happens(25) {
            let changes = [("hubspot_owner_id", "41488296")];
            return self.arrive(at, Parcel::hubspot_changes(("deal", deal), at, &changes));
        }
        let (email, who) = match customer.is_american() {
            true => ("farid@northwind.example", "Farid"),
            false => ("elena@northwind.example", "Elena"),
        };
        let data = json!({
            "subject": {
                "crm": "hubspot", "object": "deal", "id": deal.to_string(),
                "name": customer.name(), "company": customer.company.name,
                "country": customer.company.country,
            },
            "owner_email": email,
            "amount": { "minor": self.dice.between(20, 250) * 100_000, "currency": "USD" },
            "fields": {
                "opportunity": "Second proposal is out, legal review runs",
                "relationship_notes": format!("{who}: prefers calls, decides with the CFO"),
            },
        });
        let id = format!("msg_moved_{}", customer.number);
        self.arrive(at, Parcel::generic(id, "territory.changed", at, &data));
    }

    fn grown(&mut self, customer: &Lead, at: DateTime<Utc>) {
        let used = self.dice.between(85, 130);
        let data = json!({
            "subject": {
                "crm": "product", "object": "account", "id": format!("acc-{}", customer.number),
                "company": customer.company.name, "country": customer.company.country,
            },
            "owner_email": "ingrid@northwind.example",
            "fields": {
                "product_usage": format!("{used} % of seats, three teams"),
                "health_score": self.dice.between(60, 98), "contacts": customer.name(),
            },
        });
        let id = format!("msg_usage_{}", customer.number);
        self.arrive(at, Parcel::generic(id, "usage.threshold", at, &data));
    }

    /// What triggers nothing: scores on their way up, and one authentic body nobody can read.
    fn noise(&mut self) {
        for place in 50..55 {
            let lead = self.lead(place);
            let at = self.time(&lead, 30);
            let score = Score { before: None, now: self.dice.between(12, 60) };
            self.arrive(at, Parcel::hubspot_flat(&lead, Some(score), &[]));
        }
        let lead = self.lead(55);
        let at = self.time(&lead, 0);
        let body = Bytes::from_static(br#"{"type":"lead.scored","data":{"subject":{"id":"#);
        let id = format!("msg_cut_{}", lead.number);
        self.arrive(at, Parcel::Generic { id, body });
    }
}

/// Finds the instant of a local minute of a day; where the clocks skip it, the UTC one.
fn local(zone: Tz, day: NaiveDate, minute: i64) -> DateTime<Utc> {
    let naive = day.and_time(chrono::NaiveTime::MIN) + Duration::minutes(minute);
    let local = zone.from_local_datetime(&naive).earliest();
    local.map_or_else(|| naive.and_utc(), |local| local.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{PUBLIC_URL, Sender};

    fn monday() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, 5).unwrap()
    }

    #[test]
    fn the_same_seed_and_day_make_the_same_requests() {
        let sender = Sender::new(PUBLIC_URL);
        let bytes = |seed| -> Vec<String> {
            let arrivals = day_of_traffic(seed, monday());
            let request = |one: &Arrival| format!("{:?}", one.parcel.request(&sender, one.at));
            arrivals.iter().map(request).collect()
        };
        assert_eq!(bytes(7), bytes(7));
        assert_ne!(bytes(7), bytes(8));
    }

    #[test]
    fn a_working_day_has_about_forty_leads_in_order_and_a_weekend_none() {
        let arrivals = day_of_traffic(7, monday());
        assert!((45..70).contains(&arrivals.len()), "{}", arrivals.len());
        assert!(arrivals.windows(2).all(|pair| pair[0].at < pair[1].at));
        assert!(arrivals.iter().all(|one| (one.at.date_naive() - monday()).num_days() <= 1));
        assert!(day_of_traffic(7, monday() - Duration::days(1)).is_empty());
    }

    #[test]
    fn every_source_and_form_speaks_within_a_week() {
        let week = (0..5).flat_map(|day| day_of_traffic(7, monday() + Duration::days(day)));
        let parcels: Vec<Parcel> = week.map(|arrival| arrival.parcel).collect();
        for source in ["generic", "hubspot", "salesforce"] {
            assert!(parcels.iter().any(|parcel| parcel.source() == source), "{source}");
        }
        let thin = parcels.iter().filter(|one| matches!(one, Parcel::HubspotApp(_))).count();
        assert!(thin > 5, "{thin}");
    }
}
