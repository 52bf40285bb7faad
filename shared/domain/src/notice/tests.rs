//! What is said, to whom and in which words; and that any words make text the topic takes.

use super::*;
use crate::{
    clock::{Clock, Credit},
    commit::{About, Actor},
    handoff::Routing,
    routing::Trace,
};
use chrono::NaiveDate;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn config() -> Config {
    crate::config::load(include_str!("../../../../infra/local/sample/organisation.toml")).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn commit(kind: &str, changes: Vec<Change>) -> Commit {
    let day = NaiveDate::from_ymd_opt(2026, 1, 5).unwrap();
    Commit {
        handoff: "01KE6W3V0G0000000000000001".into(),
        version: 3,
        at: at("2026-01-05T09:05:00Z"),
        actor: Actor::Sweep,
        cause: "schedule".into(),
        attempt: "A1".into(),
        changes,
        about: About {
            kind: kind.into(),
            opened_day: day,
            day,
            pool: Some("sdr_americas".into()),
            owner_before: Some("carla".into()),
            owner: Some("carla".into()),
            beside: None,
            involved: Vec::new(),
            from: "marketing".into(),
            sender: None,
            source: "hubspot".into(),
            rule: None,
            amount: None,
            mode: Mode::Live,
            test: false,
        },
        lineage: None,
        personal: BTreeMap::new(),
    }
}

/// A rung of a clock whose deadline is 09:05.
fn stepped(n: u8, act: Act, due_at: &str, to: &str) -> Change {
    let to = vec![to.into()];
    let deadline = at("2026-01-05T09:05:00Z");
    let (clock, due_at) = ("respond".into(), at(due_at));
    Change::Stepped { clock, n, act, due_at, deadline, short_notice: false, to }
}

/// Reads the one notice of a commit as `severity kind to: subject` and its body.
fn only(commit: &Commit) -> (String, String) {
    let mut notices = notices(commit, &config());
    assert_eq!(notices.len(), 1);
    let Notice { kind, severity, to, subject, body, .. } = notices.remove(0);
    let to: Vec<_> = to.iter().map(PersonId::as_str).collect();
    (format!("{severity} {kind} {}: {subject}", to.join(",")), body)
}

#[test]
fn a_breach_tells_the_manager_what_when_who_and_what_next_in_their_own_zone() {
    let due_at = at("2026-01-05T09:05:00Z");
    let breach = Change::Breached { clock: "respond".into(), due_at, credit: Credit::default() };
    let told = stepped(1, Act::Tell, "2026-01-05T09:05:00Z", "marcus");
    let commit = commit("hot_lead", vec![breach, told]);
    let (head, body) = only(&commit);
    assert_eq!(
        head,
        "urgent breached marcus: Missed: Hot lead, respond (Carla Jimenez, SDR Americas)"
    );
    assert_eq!(
        body,
        "\
http://127.0.0.1:8787/handoffs/01KE6W3V0G0000000000000001

Hot lead: the deadline of `respond` was missed. Nobody has been in touch
yet.

Due    Mon 5 Jan 2026 04:05:00 (America/New_York)
Owner  Carla Jimenez, SDR Americas
Next   10m after the deadline it is given to another rep, unless
       somebody is in touch first.
Id     01KE6W3V0G0000000000000001
"
    );
    let notice = &notices(&commit, &config())[0];
    assert_eq!(notice.id, "01KE6W3V0G0000000000000001:3:1");
    assert_eq!(notice.teams, ["sdr"]);
}

#[test]
fn who_stays_beside_the_owner_hears_what_the_owner_hears() {
    let reminder = stepped(0, Act::Remind, "2026-01-05T09:04:00Z", "carla");
    let mut commit = commit("closed_won", vec![reminder]);
    commit.about.beside = Some("elena".into());
    assert!(only(&commit).0.starts_with("info reminded carla,elena:"));
    commit.changes = vec![stepped(1, Act::Tell, "2026-01-05T09:05:00Z", "marcus")];
    assert!(only(&commit).0.starts_with("urgent breached marcus:"), "not what managers hear");
}

#[test]
fn a_meeting_at_short_notice_is_said_where_it_was_due_at_once() {
    let mut told = stepped(1, Act::Tell, "2026-01-05T09:05:00Z", "marcus");
    if let Change::Stepped { short_notice, .. } = &mut told {
        *short_notice = true;
    }
    let (_, body) = only(&commit("meeting_set", vec![told]));
    assert!(body.replace('\n', " ").contains("sooner than its lead time"), "{body}");
}

#[test]
fn a_deadline_that_is_lost_later_is_told_to_the_pools_manager() {
    let flagged = Change::Flagged { flag: Flag::NoDeadline };
    let (head, _) = only(&commit("mql", vec![flagged]));
    assert_eq!(head, "urgent no_deadline marcus: No deadline: MQL");
}

#[test]
fn a_reminder_says_when_the_deadline_is() {
    let reminder = stepped(0, Act::Remind, "2026-01-05T09:04:00Z", "carla");
    let (head, body) = only(&commit("hot_lead", vec![reminder]));
    assert!(head.starts_with("info reminded carla: Reminder: Hot lead, respond"), "{head}");
    assert!(body.contains("80 % of the time for `respond` is used"), "{body}");
    assert!(body.contains("Due    Mon 5 Jan 2026 04:05:00 (America/New_York)"), "{body}");
    assert!(body.contains("At the deadline Marcus Reed is told, unless"), "{body}");
}

#[test]
fn an_escalation_counts_back_to_the_deadline_and_says_when_nothing_follows() {
    let step = stepped(3, Act::Escalate, "2026-01-05T09:35:00Z", "grace");
    let (head, body) = only(&commit("hot_lead", vec![step]));
    assert!(head.starts_with("urgent escalated grace: Escalated: Hot lead"), "{head}");
    assert!(body.contains("was missed 30m ago."), "{body}");
    assert!(body.contains("Due    Mon 5 Jan 2026 09:05:00 (Europe/London)"), "{body}");
    assert!(body.contains("Nothing more happens by itself"), "{body}");
}

#[test]
fn a_ladder_that_changed_since_says_nothing_wrong() {
    let step = stepped(9, Act::Escalate, "2026-01-05T09:35:00Z", "grace");
    let (_, body) = only(&commit("hot_lead", vec![step]));
    assert!(body.contains("Due    Mon 5 Jan 2026 09:05:00 (Europe/London)"), "{body}");
    assert!(body.contains("Follow the link to see what happens next."), "{body}");
}

#[test]
fn nobody_having_it_is_urgent_and_says_why() {
    let since = at("2026-01-05T09:00:00Z");
    let retry_at = at("2026-01-05T09:10:00Z");
    let routing = Routing {
        reason: "everyone is at capacity".into(),
        since,
        retry_at,
        pool: None,
        held: false,
    };
    let trace = Box::new(Trace { pool: Some("sdr_emea".into()), ..Trace::default() });
    let unrouted = Change::Unrouted { routing, told: vec!["priya".into()], again: false, trace };
    let mut commit = commit("mql", vec![unrouted]);
    commit.about.pool = None;
    let (head, body) = only(&commit);
    assert_eq!(head, "urgent unrouted priya: No owner: MQL, everyone is at capacity");
    assert!(body.contains("Pool   SDR Europe\n"), "{body}");
    assert!(body.contains("Since  Mon 5 Jan 2026 09:00:00 (Europe/London)"), "{body}");
    assert!(body.contains("looked for again on Mon 5 Jan 2026 09:10:00"), "{body}");
    assert_eq!(notices(&commit, &config())[0].teams, ["sdr"]);
}

#[test]
fn whoever_heard_of_a_breach_hears_that_it_is_withdrawn() {
    let met = |was: Option<Credit>, told: &[&str]| Change::ClockMet {
        clock: "respond".into(),
        at: at("2026-01-05T09:03:00Z"),
        late: false,
        credit: Credit::default(),
        was,
        told: told.iter().map(|who| (*who).into()).collect(),
    };
    let credit = Credit { owner: Some("dev".into()), ..Credit::default() };
    let change = met(Some(credit.clone()), &["marcus", "grace"]);
    let (head, body) = only(&commit("hot_lead", vec![change]));
    assert_eq!(
        head,
        "info withdrawn marcus,grace: Withdrawn: Hot lead, respond was not missed (Dev Patel)"
    );
    assert!(body.contains("04:03:00 (America/New_York) / Mon 5"), "{body}");
    assert!(body.contains("09:03:00 (Europe/London)"), "{body}");
    for silent in [met(Some(credit), &[]), met(None, &["marcus"])] {
        assert_eq!(notices(&commit("hot_lead", vec![silent]), &config()), []);
    }
}

#[test]
fn a_meeting_that_moves_withdraws_a_breach() {
    let config = config();
    let rule = &config.types["meeting_set"].clocks[0];
    let meeting = at("2026-01-08T15:00:00Z");
    let clock =
        Clock::start(rule, rule.target, None, at("2026-01-05T09:00:00Z"), Some(meeting)).unwrap();
    let told = vec!["priya".into()];
    let moved = Change::ClockMoved { clock, was: Some(Credit::default()), told };
    let (head, body) = only(&commit("meeting_set", vec![moved]));
    assert!(head.starts_with("info withdrawn priya: Withdrawn: Meeting set, prepare"), "{head}");
    assert!(body.contains("Due    Wed 7 Jan 2026 15:00:00 (Europe/London)"), "{body}");
}

#[test]
fn what_is_only_observed_says_nothing() {
    let mut commit = commit("mql", vec![stepped(1, Act::Tell, "2026-01-05T09:05:00Z", "marcus")]);
    commit.about.mode = Mode::Observe;
    assert_eq!(notices(&commit, &config()), []);
}

#[test]
fn a_subject_is_one_line_of_ascii() {
    let check = |text: &str, subject: &str| assert_eq!(defuse_subject(text), subject);
    check("Jürgen Ångström, Łódź — “now”", "Juergen Angstroem, Lodz - \"now\"");
    check("a\r\nBcc: b\u{202e}c\t d\u{7}", "a Bcc: bc d");
    check("東京", "Handoff");
    assert_eq!(defuse_subject(&"x".repeat(300)).len(), SUBJECT_MAX);
}

proptest! {
    #[test]
    fn any_words_make_a_subject_and_lines_the_topic_takes(
        name in "\\PC{0,90}",
        reason in "(?s).{0,200}",
    ) {
        let mut config = config();
        config.types.get_mut("mql").unwrap().name = name.clone();
        config.pools.get_mut("sdr_americas").unwrap().name = name;
        let routing = Routing {
            reason,
            since: at("2026-01-05T09:00:00Z"),
            retry_at: at("2026-01-05T09:05:00Z"),
            pool: None, held: false };
        let told = vec!["priya".into()];
        let unrouted = Change::Unrouted { routing, told, again: false, trace: Box::default() };
        let notice = notices(&commit("mql", vec![unrouted]), &config).remove(0);
        let subject = notice.subject;
        prop_assert!(!subject.is_empty() && subject.len() <= SUBJECT_MAX);
        prop_assert!(subject.bytes().all(|byte| (32..127).contains(&byte)), "{subject:?}");
        prop_assert!(notice.body.lines().count() >= 8);
        for line in notice.body.lines().filter(|line| !line.contains("http")) {
            prop_assert!(crate::digest::text::width(line) <= 72, "{line}");
        }
    }
}

#[test]
fn the_organisation_says_it_in_its_own_words_and_never_says_nothing() {
    let missed = commit("hot_lead", vec![stepped(1, Act::Tell, "2026-01-05T09:05:00Z", "marcus")]);
    let sample = include_str!("../../../../infra/local/sample/organisation.toml");
    let said = |own: &str, commit: &Commit| {
        let config = crate::config::load(&format!("{sample}\n[notices.breached]\n{own}")).unwrap();
        let notice = notices(commit, &config).remove(0);
        (notice.subject, notice.sentence, notice.body)
    };
    let (subject, sentence, body) = said(
        "subject = \"{{ owner.first_name }} is late: {{ handoff.type }}\"\n\
         text = \"\"\"Call them now.\n  {{ shipped.text }}\
         {% if facts.why %} {{ facts.why }}{% endif %}\"\"\"",
        &missed,
    );
    assert_eq!(subject, "Carla is late: Hot lead");
    assert!(
        sentence.starts_with("Call them now. Hot lead: the deadline of `respond`"),
        "{sentence}"
    );
    assert!(body.contains("Call them now.") && body.contains("Owner  Carla"), "facts stay: {body}");
    // Only what is given is another's; what comes out empty is as it was shipped.
    let (shipped, _, _) = said("text = \"Call.\"", &missed);
    assert!(shipped.starts_with("Missed: Hot lead"), "{shipped}");
    let (_, sentence, _) = said("text = \"{% if sender.name %}x{% endif %}\"", &missed);
    assert!(sentence.contains("was missed"), "{sentence}");
    let mut test = missed.clone();
    test.about.test = true;
    assert_eq!(said("subject = \"Late\"", &test).0, "Test: Late");
}
