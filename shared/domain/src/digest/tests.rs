//! The mails that managers read, whole, and that no line of them is too wide.

use super::{
    text::{COLUMNS, width},
    *,
};
use crate::notice::SUBJECT_MAX;
use chrono::NaiveDate;
use proptest::prelude::*;

fn config() -> Config {
    crate::config::load(include_str!("../../../../infra/local/sample/organisation.toml")).unwrap()
}

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, 5).unwrap()
}

fn daily(
    config: &Config,
    manager: &PersonId,
    day: NaiveDate,
    recorded: &Recorded,
    open: &Open,
) -> Mail {
    let stretch = Stretch::with(Period::Daily, day);
    let (recorded, open) = (recorded.clone(), open.clone());
    mail(config, manager, &Edition { stretch, recorded, before: None, open })
}

fn numbers(counters: &[(&str, i64)]) -> Numbers {
    Numbers(counters.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect())
}

fn recorded() -> Recorded {
    let emea = numbers(&[
        ("assigned", 11),
        ("breached.respond", 1),
        ("escalated", 1),
        ("met.respond", 9),
        ("reassigned", 1),
        ("rejected", 2),
        ("response_seconds", 9000),
        ("touched", 10),
    ]);
    let cs = numbers(&[("assigned", 1), ("met.respond", 1)]);
    let americas = numbers(&[("assigned", 7), ("breached.respond", 7)]);
    Recorded {
        all: numbers(&[("opened", 21)]),
        pools: [
            ("sdr_emea".into(), emea.clone()),
            ("cs".into(), cs),
            ("sdr_americas".into(), americas.clone()),
        ]
        .into(),
        reps: [("amara".into(), emea), ("carla".into(), americas)].into(),
    }
}

fn waiting(handoff: &str, pool: Option<&str>, owner: Option<&str>, since: &str) -> Waiting {
    Waiting {
        handoff: handoff.into(),
        kind: "hot_lead".into(),
        pool: pool.map(Into::into),
        owner: owner.map(Into::into),
        since: since.parse().unwrap(),
    }
}

fn open() -> Open {
    let (emea, americas) = (Some("sdr_emea"), Some("sdr_americas"));
    Open {
        overdue: vec![
            waiting("01KE6W3V0G0000000000000002", emea, Some("ben"), "2026-01-05T14:00:00Z"),
            waiting("01KE6W3V0G0000000000000001", emea, Some("amara"), "2026-01-05T09:05:00Z"),
            waiting("01KE6W3V0G0000000000000003", americas, Some("dev"), "2026-01-05T09:05:00Z"),
        ],
        unrouted: vec![waiting("01KE6W3V0G0000000000000004", None, None, "2026-01-05T15:00:00Z")],
    }
}

#[test]
fn a_manager_reads_yesterday_what_waits_and_what_to_do_about_their_own_pools() {
    let mail = daily(&config(), &"priya".into(), day(), &recorded(), &open());
    assert_eq!(
        mail.subject,
        "5 Jan: 13 new, 1 missed, 2 overdue, 1 without owner - Northwind Analytics handoffs"
    );
    assert_eq!(
        mail.body,
        "\
http://127.0.0.1:8787/dashboard

Northwind Analytics, Monday 5 January 2026
For Priya Nair. 21 handoffs were opened in the whole organisation.

POOL                  NEW  IN SLA  MISSED  ESCALATED  REJECTED  RESPONSE
AE Europe               0       -       0          0         0         -
Customer success        1     1/1       0          0         0         -
SDR Europe             12    9/10       1          1         2    15 min

REP                   NEW  IN SLA  MISSED  ESCALATED  REJECTED  RESPONSE
Amara Okafor           12    9/10       1          1         2    15 min

OVERDUE NOW: 2 (times in Europe/London)
01KE6W3V0G0000000000000001 Hot lead     Amara Okafor     Mon 5 Jan 09:05
01KE6W3V0G0000000000000002 Hot lead     Ben Whitlock     Mon 5 Jan 14:00

NOBODY HAS: 1 (times in Europe/London)
01KE6W3V0G0000000000000004 Hot lead     nobody           Mon 5 Jan 15:00

TODAY
- Give 1 handoff an owner. Start with
  http://127.0.0.1:8787/handoffs/01KE6W3V0G0000000000000004
- Clear 2 handoffs that missed a deadline: ask the owner, or choose
  somebody who can call now. Start with
  http://127.0.0.1:8787/handoffs/01KE6W3V0G0000000000000001
- SDR Europe missed 1 of 10 deadlines: ask what got in the way.
- 2 rejected: read why, and settle the criteria with whoever sent them.
"
    );
}

#[test]
fn a_manager_of_other_pools_reads_other_numbers() {
    let mail = daily(&config(), &"marcus".into(), day(), &recorded(), &open());
    assert!(mail.body.contains("SDR Americas"), "{}", mail.body);
    assert!(!mail.body.contains("SDR Europe"), "{}", mail.body);
    assert!(mail.body.contains("Mon 5 Jan 04:05"), "{}", mail.body);
    assert!(!mail.body.contains("NOBODY HAS"), "{}", mail.body);
}

#[test]
fn on_mondays_the_week_stands_beside_the_one_before_and_on_firsts_the_month() {
    let busier = numbers(&[("assigned", 20), ("breached.respond", 4), ("met.respond", 12)]);
    let before = Recorded { pools: [("sdr_emea".into(), busier)].into(), ..Recorded::default() };
    let edition = |period| Edition {
        stretch: Stretch::with(period, day()),
        recorded: recorded(),
        before: Some(before.clone()),
        open: Open::default(),
    };
    let week = mail(&config(), &"priya".into(), &edition(Period::Weekly));
    let subject =
        "Week of 5 Jan: 13 new, 1 missed, 0 overdue, 0 without owner - Northwind Analytics";
    assert!(week.subject.starts_with(subject), "{}", week.subject);
    let beginning = "\
http://127.0.0.1:8787/dashboard

Northwind Analytics, 5 January to 11 January 2026
For Priya Nair. 21 handoffs were opened in the whole organisation.

                       THIS WEEK  THE ONE BEFORE
New                           13              20
In time                     90 %            75 %
Missed                         1               4
Escalated                      1               0
Rejected                       2               0
Average response          15 min               -

POOL ";
    assert!(week.body.starts_with(beginning), "{}", week.body);
    assert!(week.body.contains("\nTHIS WEEK\n- SDR Europe missed 1"), "{}", week.body);
    let month = mail(&config(), &"priya".into(), &edition(Period::Monthly));
    assert!(month.subject.starts_with("Jan 2026: 13 new, "), "{}", month.subject);
    assert!(month.body.starts_with("http://127.0.0.1:8787/dashboard?month=2026-01\n"));
    assert!(month.body.contains("THIS MONTH  THE ONE BEFORE"), "{}", month.body);
}

#[test]
fn a_quiet_day_says_so() {
    let nothing = Recorded { all: numbers(&[("opened", 1)]), ..Recorded::default() };
    let mail = daily(&config(), &"marcus".into(), day(), &nothing, &Open::default());
    assert_eq!(mail.subject, "5 Jan: a quiet day - Northwind Analytics handoffs");
    assert!(mail.body.contains("A quiet day: your pools got no handoffs"), "{}", mail.body);
    assert!(mail.body.contains("1 handoff was opened"), "{}", mail.body);
    assert!(!mail.body.contains("TODAY"), "{}", mail.body);
}

#[test]
fn a_long_list_is_cut_and_says_how_much_is_left_out() {
    let ids = (0..LISTED_MAX + 3).map(|n| format!("01KE6W3V0G00000000000000{n:02}"));
    let since = "2026-01-05T09:05:00Z";
    let overdue = ids.map(|id| waiting(&id, Some("cs"), Some("jonas"), since)).collect();
    let open = Open { overdue, unrouted: Vec::new() };
    let mail = daily(&config(), &"priya".into(), day(), &Recorded::default(), &open);
    assert!(mail.body.contains("OVERDUE NOW: 23"), "{}", mail.body);
    assert!(mail.body.contains("and 3 more\n"), "{}", mail.body);
    assert_eq!(mail.body.matches("Jonas Weber").count(), LISTED_MAX);
}

#[test]
fn everybody_with_a_role_gets_a_digest() {
    let mut config = config();
    let all: Vec<_> = recipients(&config).into_iter().map(|person| person.0).collect();
    assert_eq!(all, ["grace", "marcus", "priya"]);
    config.people.get_mut("grace").unwrap().active = false;
    assert!(!recipients(&config).contains("grace"));
}

proptest! {
    #[test]
    fn no_line_is_wider_than_a_mail_whatever_people_are_called(
        names in proptest::collection::vec("\\PC{0,60}", 8),
        count in 0..i64::from(u32::MAX),
    ) {
        let mut config = config();
        let mut names = names.into_iter().cycle();
        for person in config.people.values_mut() {
            person.name = names.next().unwrap();
        }
        for pool in config.pools.values_mut() {
            pool.name = names.next().unwrap();
        }
        config.organisation.name = names.next().unwrap();
        let mut recorded = recorded();
        recorded.pools.get_mut("cs").unwrap().add("assigned", count);
        let mail = daily(&config, &"priya".into(), day(), &recorded, &open());
        prop_assert!(mail.subject.len() <= SUBJECT_MAX && mail.subject.is_ascii());
        for line in mail.body.lines().filter(|line| !line.contains("http")) {
            prop_assert!(width(line) <= COLUMNS, "{line}");
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
        }
    }
}
