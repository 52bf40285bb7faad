//! When somebody is mailed what: by what they, their team and the organisation chose.
//!
//! It goes by the time of the commit, not by when somebody looks, so that whoever sends at once and
//! whoever sends later agree on who does. What must stay true: what is urgent is held back by
//! nothing but somebody's own choice, and what reaches somebody by chat anyway does not come by mail
//! too unless they chose so.

use crate::{
    config::{Config, DestinationKind, MailChoice, Pace},
    ids::{PersonId, TypeKey},
    notice::Notice,
    span::Window,
};
use chrono::{DateTime, Duration, NaiveTime, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

/// Kinds of notice that chat says better than mail: whoever has chat is not mailed them.
const SAID_BY_CHAT: [&str; 3] = ["assigned", "gone", "returned"];

/// When a mail is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At once, by whoever reads the commit.
    Now,
    /// Then, with whatever else is due for them.
    At(DateTime<Utc>),
    /// Never.
    Never,
}

/// Decides when somebody is mailed a notice of a type's handoff that was recorded at `at`.
pub fn when(
    config: &Config,
    person: &PersonId,
    notice: &Notice,
    kind: &TypeKey,
    at: DateTime<Utc>,
) -> When {
    let zone = zone(config, person);
    let quiet = quiet(config, person);
    match pace(config, person, notice.kind, kind) {
        Pace::Off => When::Never,
        Pace::Digest => When::At(next_digest(config, zone, at)),
        Pace::Soon => {
            let soon = at + config.mail.bundle.elapsed();
            When::At(quiet.and_then(|quiet| end_of(quiet, zone, soon)).unwrap_or(soon))
        }
        Pace::Urgent if notice.severity == "urgent" => When::Now,
        Pace::Urgent => quiet.and_then(|quiet| end_of(quiet, zone, at)).map_or(When::Now, When::At),
    }
}

/// Finds the pace somebody chose for a kind of notice, else their team, else the organisation.
fn pace(config: &Config, person: &PersonId, notice: &str, kind: &TypeKey) -> Pace {
    let chosen = choices(config, person).find_map(|choice| choice.kinds.get(notice));
    let chosen = chosen.or_else(|| config.mail.kinds.get(notice)).copied();
    chosen.unwrap_or_else(|| match SAID_BY_CHAT.contains(&notice) {
        true if has_chat(config, person, kind) => Pace::Off,
        true => Pace::Soon,
        false => Pace::Urgent,
    })
}

/// Tells whether a bot can speak to somebody of a type's handoffs.
fn has_chat(config: &Config, person: &PersonId, kind: &TypeKey) -> bool {
    let ids = config.people.get(person).map(|person| &person.ids);
    config.destinations.iter().any(|(name, destination)| {
        destination.kind == DestinationKind::Slack
            && destination.hears_of(kind)
            && ids.is_some_and(|ids| ids.contains_key(name))
    })
}

fn quiet(config: &Config, person: &PersonId) -> Option<Window> {
    choices(config, person).find_map(|choice| choice.quiet).or(config.mail.quiet)
}

/// Lists what was chosen for somebody, their own choice first.
fn choices<'a>(
    config: &'a Config,
    person: &'a PersonId,
) -> impl Iterator<Item = &'a MailChoice> + 'a {
    let own = config.mail.people.get(person);
    let pools = config.pools.values();
    let theirs = pools.filter(move |pool| {
        let is_member = pool.members.iter().any(|member| member.rep == *person);
        is_member || pool.roles.values().any(|holder| holder == person)
    });
    own.into_iter().chain(theirs.filter_map(|pool| config.mail.teams.get(&pool.team)))
}

fn zone(config: &Config, person: &PersonId) -> Tz {
    let own = config.people.get(person).and_then(|person| person.timezone);
    own.unwrap_or(config.organisation.timezone)
}

/// Finds when the quiet is over that an instant lies in; nothing where it lies in none.
fn end_of(quiet: Window, zone: Tz, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    const DAY: i64 = 24 * 60;
    let local = at.with_timezone(&zone);
    let minute = i64::from(local.hour() * 60 + local.minute());
    let (from, to) = (i64::from(quiet.from_minute), i64::from(quiet.to_minute));
    // It may have begun today or yesterday.
    let days_ago = (0..2).find(|days| (from..to).contains(&(minute + days * DAY)))?;
    let begun = local.date_naive() - Duration::days(days_ago);
    let end = begun.and_time(NaiveTime::MIN) + Duration::minutes(to);
    Some(instant(zone, end).unwrap_or(at + Duration::minutes(to - minute - days_ago * DAY)))
}

fn next_digest(config: &Config, zone: Tz, at: DateTime<Utc>) -> DateTime<Utc> {
    let time = NaiveTime::parse_from_str(&config.organisation.digest_at, "%H:%M");
    let time = time.unwrap_or(NaiveTime::MIN);
    let today = at.with_timezone(&zone).date_naive();
    let days =
        (0..3).filter_map(|days| instant(zone, (today + Duration::days(days)).and_time(time)));
    days.into_iter().find(|then| *then > at).unwrap_or(at + Duration::days(1))
}

/// Finds the instant of a local time; one that a clock leaves out is an hour later.
fn instant(zone: Tz, local: chrono::NaiveDateTime) -> Option<DateTime<Utc>> {
    let there = |local| zone.from_local_datetime(&local).earliest();
    there(local).or_else(|| there(local + Duration::hours(1))).map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    const SAMPLE: &str = include_str!("../../../infra/local/sample/organisation.toml");

    /// The sample organisation, without chat.
    fn without() -> String {
        let text = SAMPLE.split("[sources.slack]").next().unwrap();
        text.replace("ids = {", "# ids = {")
    }

    fn notice(kind: &'static str, severity: &'static str) -> Notice {
        Notice { kind, severity, ..Notice::default() }
    }

    #[track_caller]
    fn check(
        mail: &str,
        (who, kind, severity): (&str, &'static str, &'static str),
        expected: When,
    ) {
        let config = load(&format!("{}\n{mail}", without())).unwrap();
        let at = "2026-01-05T21:30:00Z".parse().unwrap();
        let when = when(&config, &who.into(), &notice(kind, severity), &"mql".into(), at);
        assert_eq!(when, expected, "{mail}");
    }

    fn at(text: &str) -> When {
        When::At(text.parse().unwrap())
    }

    #[test]
    fn what_is_urgent_goes_at_once_unless_somebody_chose_otherwise() {
        let breach = ("priya", "breached", "urgent");
        check("", breach, When::Now);
        check("[mail]\nquiet = \"20:00-07:00\"", breach, When::Now);
        check("[mail.kinds]\nbreached = \"off\"", breach, When::Never);
        check(
            "[mail.kinds]\nbreached = \"off\"\n[mail.people.priya.kinds]\nbreached = \"urgent\"",
            breach,
            When::Now,
        );
        check("[mail.teams.sdr.kinds]\nbreached = \"digest\"", breach, at("2026-01-06T07:30:00Z"));
    }

    #[test]
    fn what_can_wait_waits_out_the_quiet_of_the_reader() {
        let quiet = "[mail]\nquiet = \"20:00-07:00\"";
        check("", ("amara", "reminded", "info"), When::Now);
        check(quiet, ("amara", "reminded", "info"), at("2026-01-06T07:00:00Z"));
        // For Carla in New York it is half past four.
        check(quiet, ("carla", "reminded", "info"), When::Now);
        check("[mail]\nquiet = \"12:00-13:00\"", ("amara", "reminded", "info"), When::Now);
    }

    #[test]
    fn what_is_given_waits_a_moment_for_others() {
        let given = ("amara", "assigned", "info");
        check("", given, at("2026-01-05T21:31:00Z"));
        check("[mail]\nbundle = \"5m\"", given, at("2026-01-05T21:35:00Z"));
        check("[mail]\nquiet = \"21:00-07:00\"", given, at("2026-01-06T07:00:00Z"));
        check("[mail]\nquiet = \"07:00-21:31\"", given, at("2026-01-05T21:31:00Z"));
    }

    #[test]
    fn who_has_chat_is_not_mailed_what_chat_says() {
        let with_chat = without().replace(
            "email = \"amara@northwind.example\"",
            "email = \"amara@northwind.example\"\nids = { chat = \"U1\" }",
        );
        let chat = "[destinations.chat]\nkind = \"slack\"\nsecret = \"sample\"\n";
        let config = load(&format!("{with_chat}\n{chat}")).unwrap();
        let now = "2026-01-05T12:00:00Z".parse().unwrap();
        let when = |who: &str, kind| {
            super::when(&config, &who.into(), &notice(kind, "info"), &"mql".into(), now)
        };
        assert_eq!(when("amara", "assigned"), When::Never);
        assert_eq!(when("ben", "assigned"), When::At(now + Duration::minutes(1)));
        assert_eq!(when("amara", "reminded"), When::Now);
    }
}
