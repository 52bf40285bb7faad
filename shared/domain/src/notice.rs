//! Every sentence the system says urgently, and to whom.
//!
//! A notice is made from the commit row alone; the active configuration only lends names, links,
//! zones and the ladder behind "next". So a redelivered commit says the same thing under the same
//! id. What must stay true: it names handoffs by id and people of the organisation by name, never a
//! lead; a handoff that is only observed says nothing; the text is plain, 72 columns, the link
//! first, under an ASCII subject that the topic accepts.

mod ahead;

use crate::{
    change::Change,
    commit::Commit,
    config::{Act, Config, Mode},
    digest::text::{fold, turns},
    ids::{PersonId, PoolId},
};
use ahead::Rungs;
use chrono::{DateTime, Utc};
use serde::Serialize;

/// How long a subject may be, in characters.
pub const SUBJECT_MAX: usize = 99;

/// Something that somebody must hear now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The handoff, its version and the change's place in the commit: the same at every redelivery.
    pub id: String,
    /// What it is about: `reminded`, `breached`, `escalated`, `unrouted` or `withdrawn`.
    pub kind: &'static str,
    /// `info` or `urgent`.
    pub severity: &'static str,
    /// Who must hear it; never empty.
    pub to: Vec<PersonId>,
    /// The teams it concerns: the receiving one.
    pub teams: Vec<String>,
    /// ASCII, at most 99 characters.
    pub subject: String,
    /// Lines of at most 72 columns, the link first.
    pub body: String,
}

/// Tells what a commit has to say to whom; nothing while its type is only observed.
pub fn notices(commit: &Commit, config: &Config) -> Vec<Notice> {
    if commit.about.mode != Mode::Live {
        return Vec::new();
    }
    let writer = Writer { commit, config };
    let changes = commit.changes.iter().enumerate();
    changes.filter_map(|(index, change)| Some(writer.notice(index, writer.say(change)?))).collect()
}

/// What is said, before it is laid out.
struct Said<'a> {
    kind: &'static str,
    severity: &'static str,
    to: &'a [PersonId],
    subject: String,
    sentence: String,
    facts: Vec<(&'static str, String)>,
}

struct Writer<'a> {
    commit: &'a Commit,
    config: &'a Config,
}

impl<'a> Writer<'a> {
    /// Finds the words for a change that somebody must hear of.
    fn say(&self, change: &'a Change) -> Option<Said<'a>> {
        let said = match change {
            Change::Stepped { clock, n, act: Act::Remind, deadline, to, .. } => {
                self.reminder(Rungs::of(self.config, &self.commit.about, clock, *n), *deadline, to)
            }
            Change::Stepped {
                clock,
                n,
                act: act @ (Act::Tell | Act::Escalate),
                deadline,
                to,
                ..
            } => {
                let rungs = Rungs::of(self.config, &self.commit.about, clock, *n);
                self.missed(rungs, *act, *deadline, to)
            }
            Change::Unrouted { routing, told, trace } => {
                let asked = trace.pool.as_ref().or(self.commit.about.pool.as_ref());
                let facts = vec![
                    ("Why", routing.reason.clone()),
                    ("Pool", asked.map_or("none".to_owned(), |pool| self.pool(pool))),
                    ("Since", self.time(routing.since, told)),
                    (
                        "Next",
                        format!(
                            "Somebody is looked for again on {}. Or choose an owner yourself: \
                             follow the link.",
                            self.time(routing.retry_at, told)
                        ),
                    ),
                ];
                Said {
                    kind: "unrouted",
                    severity: "urgent",
                    to: told,
                    subject: format!("No owner: {}, {}", self.kind(), routing.reason),
                    sentence: format!("{}: nobody could take it. Its clock runs.", self.kind()),
                    facts,
                }
            }
            Change::ClockMet { clock, at, was: Some(was), told, .. } => {
                let sentence = format!(
                    "{}: `{clock}` was not missed after all. It was met in time, and the record \
                     of that came in late.",
                    self.kind()
                );
                let owner = self.owner(was.owner.as_ref(), was.pool.as_ref());
                self.withdrawn(clock, told, sentence, ("Met", *at), owner)
            }
            Change::ClockMoved { clock, told, .. } => {
                let sentence = format!(
                    "{}: `{}` is not missed any more. The meeting moved, and the deadline with it.",
                    self.kind(),
                    clock.name
                );
                let owner = self.present_owner();
                self.withdrawn(&clock.name, told, sentence, ("Due", clock.due_at), owner)
            }
            _ => return None,
        };
        (!said.to.is_empty()).then_some(said)
    }

    fn reminder(&self, rungs: Rungs<'a>, due: DateTime<Utc>, to: &'a [PersonId]) -> Said<'a> {
        let name = rungs.clock;
        let facts = vec![
            ("Due", self.time(due, to)),
            ("Owner", self.present_owner()),
            ("Next", rungs.next()),
        ];
        Said {
            kind: "reminded",
            severity: "info",
            to,
            subject: format!("Reminder: {}, {name} ({})", self.kind(), self.present_owner()),
            sentence: match rungs.share_used() {
                Some(share) => {
                    format!("{}: {share} % of the time for `{name}` is used.", self.kind())
                }
                None => format!("{}: the deadline of `{name}` comes close.", self.kind()),
            },
            facts,
        }
    }

    fn missed(
        &self,
        rungs: Rungs<'a>,
        act: Act,
        due: DateTime<Utc>,
        to: &'a [PersonId],
    ) -> Said<'a> {
        let name = rungs.clock;
        let facts = vec![
            ("Due", self.time(due, to)),
            ("Owner", self.present_owner()),
            ("Next", rungs.next()),
        ];
        let (kind, word) = match act {
            Act::Escalate => ("escalated", "Escalated"),
            _ => ("breached", "Missed"),
        };
        Said {
            kind,
            severity: "urgent",
            to,
            subject: format!("{word}: {}, {name} ({})", self.kind(), self.present_owner()),
            sentence: format!(
                "{}: the deadline of `{name}` was missed{}. {}",
                self.kind(),
                rungs.since(),
                rungs.lacking()
            ),
            facts,
        }
    }

    fn withdrawn(
        &self,
        clock: &str,
        to: &'a [PersonId],
        sentence: String,
        (label, at): (&'static str, DateTime<Utc>),
        owner: String,
    ) -> Said<'a> {
        let next = "Nothing to do: the breach is taken out of the numbers.".to_owned();
        Said {
            kind: "withdrawn",
            severity: "info",
            to,
            subject: format!("Withdrawn: {}, {clock} was not missed ({owner})", self.kind()),
            sentence,
            facts: vec![(label, self.time(at, to)), ("Owner", owner), ("Next", next)],
        }
    }

    fn notice(&self, index: usize, said: Said<'_>) -> Notice {
        let Commit { handoff, version, about, .. } = self.commit;
        let desk = self.config.organisation.public_url.trim_end_matches('/');
        let mut lines = vec![format!("{desk}/handoffs/{handoff}"), String::new()];
        lines.extend(fold(&said.sentence, ""));
        lines.push(String::new());
        for (label, value) in &said.facts {
            lines.extend(fold(value, &format!("{label:<7}")));
        }
        lines.extend(fold(handoff.as_str(), &format!("{:<7}", "Id")));
        let pool = about.pool.as_ref().and_then(|pool| self.config.pools.get(pool));
        let kind = self.config.types.get(&about.kind);
        let team = pool.map(|pool| &pool.team).or(kind.map(|kind| &kind.to));
        Notice {
            id: format!("{handoff}:{version}:{index}"),
            kind: said.kind,
            severity: said.severity,
            to: said.to.to_vec(),
            teams: team.into_iter().cloned().collect(),
            subject: defuse_subject(&said.subject),
            body: lines.join("\n") + "\n",
        }
    }

    fn kind(&self) -> &str {
        let key = &self.commit.about.kind;
        self.config.types.get(key).map_or(key.as_str(), |kind| kind.name.as_str())
    }

    fn pool(&self, pool: &PoolId) -> String {
        let known = self.config.pools.get(pool);
        known.map_or(pool.as_str(), |known| known.name.as_str()).to_owned()
    }

    fn present_owner(&self) -> String {
        self.owner(self.commit.about.owner.as_ref(), self.commit.about.pool.as_ref())
    }

    fn owner(&self, owner: Option<&PersonId>, pool: Option<&PoolId>) -> String {
        let name = owner.map_or("nobody", |owner| self.config.name_of(owner));
        match pool {
            Some(pool) => format!("{name}, {}", self.pool(pool)),
            None => name.to_owned(),
        }
    }

    /// Writes an instant in the zone of whoever reads it, once for each zone.
    fn time(&self, at: DateTime<Utc>, readers: &[PersonId]) -> String {
        let mut times = Vec::new();
        for reader in readers {
            let zone = self.config.people.get(reader).and_then(|person| person.timezone);
            let zone = zone.unwrap_or(self.config.organisation.timezone);
            let local = at.with_timezone(&zone);
            let time = format!("{} ({zone})", local.format("%a %-d %b %Y %H:%M:%S"));
            if !times.contains(&time) {
                times.push(time);
            }
        }
        times.join(" / ")
    }
}

/// Makes a text fit to be a subject: one line of ASCII, at most 99 characters, never empty.
///
/// Accents are taken off; line breaks become spaces; what has no ASCII form, controls and
/// characters that turn the text's direction are left out.
pub fn defuse_subject(text: &str) -> String {
    let mut ascii = String::new();
    for character in text.chars() {
        match character {
            space if space.is_whitespace() || space.is_control() => ascii.push(' '),
            plain if plain.is_ascii() => ascii.push(plain),
            hidden if turns(hidden) => {}
            other => ascii.push_str(without_accent(other)),
        }
    }
    let words: Vec<_> = ascii.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(SUBJECT_MAX).collect();
    match line.trim_end() {
        "" => "Handoff".to_owned(),
        subject => subject.to_owned(),
    }
}

/// Writes a Latin letter without its accent, and typographic marks as a keyboard has them; nothing
/// for all else.
fn without_accent(character: char) -> &'static str {
    match character {
        'À'..='Ã' | 'Å' | 'Ā' | 'Ă' | 'Ą' => "A",
        'à'..='ã' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'Ä' | 'Æ' => "Ae",
        'ä' | 'æ' => "ae",
        'Ç' | 'Ć' | 'Ĉ' | 'Ċ' | 'Č' => "C",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'Ð' | 'Ď' | 'Đ' => "D",
        'ð' | 'ď' | 'đ' => "d",
        'È'..='Ë' | 'Ē' | 'Ĕ' | 'Ė' | 'Ę' | 'Ě' => "E",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'Ĝ' | 'Ğ' | 'Ġ' | 'Ģ' => "G",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'Ì'..='Ï' | 'Ĩ' | 'Ī' | 'Į' | 'İ' => "I",
        'ì'..='ï' | 'ĩ' | 'ī' | 'į' | 'ı' => "i",
        'Ķ' => "K",
        'ķ' => "k",
        'Ĺ' | 'Ļ' | 'Ľ' | 'Ł' => "L",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'Ñ' | 'Ń' | 'Ņ' | 'Ň' => "N",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'Ò'..='Õ' | 'Ō' | 'Ő' => "O",
        'ò'..='õ' | 'ō' | 'ő' => "o",
        'Ö' | 'Ø' | 'Œ' => "Oe",
        'ö' | 'ø' | 'œ' => "oe",
        'Ŕ' | 'Ř' => "R",
        'ŕ' | 'ř' => "r",
        'Ś' | 'Ş' | 'Š' | 'Ș' => "S",
        'ś' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'Þ' => "Th",
        'þ' => "th",
        'Ţ' | 'Ť' | 'Ț' => "T",
        'ţ' | 'ť' | 'ț' => "t",
        'Ù'..='Û' | 'Ũ' | 'Ū' | 'Ů' | 'Ű' | 'Ų' => "U",
        'ù'..='û' | 'ũ' | 'ū' | 'ů' | 'ű' | 'ų' => "u",
        'Ü' => "Ue",
        'ü' => "ue",
        'Ý' | 'Ÿ' => "Y",
        'ý' | 'ÿ' => "y",
        'Ź' | 'Ż' | 'Ž' => "Z",
        'ź' | 'ż' | 'ž' => "z",
        '‘' | '’' => "'",
        '“' | '”' => "\"",
        '–' | '—' => "-",
        '…' => "...",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
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
        crate::config::load(include_str!("../../../infra/local/sample/organisation.toml")).unwrap()
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
                from: "marketing".into(),
                sender: None,
                source: "hubspot".into(),
                rule: None,
                amount: None,
                mode: Mode::Live,
            },
            lineage: None,
            personal: BTreeMap::new(),
        }
    }

    /// A rung of a clock whose deadline is 09:05.
    fn stepped(n: u8, act: Act, due_at: &str, to: &str) -> Change {
        let to = vec![to.into()];
        let deadline = at("2026-01-05T09:05:00Z");
        Change::Stepped { clock: "respond".into(), n, act, due_at: at(due_at), deadline, to }
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
        let breach =
            Change::Breached { clock: "respond".into(), due_at, credit: Credit::default() };
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
        let routing =
            Routing { reason: "everyone is at capacity".into(), since, retry_at, pool: None };
        let trace = Box::new(Trace { pool: Some("sdr_emea".into()), ..Trace::default() });
        let unrouted = Change::Unrouted { routing, told: vec!["priya".into()], trace };
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
        let clock = Clock::start(rule, None, at("2026-01-05T09:00:00Z"), Some(meeting)).unwrap();
        let told = vec!["priya".into()];
        let moved = Change::ClockMoved { clock, was: Some(Credit::default()), told };
        let (head, body) = only(&commit("meeting_set", vec![moved]));
        assert!(
            head.starts_with("info withdrawn priya: Withdrawn: Meeting set, prepare"),
            "{head}"
        );
        assert!(body.contains("Due    Wed 7 Jan 2026 15:00:00 (Europe/London)"), "{body}");
    }

    #[test]
    fn what_is_only_observed_says_nothing() {
        let mut commit =
            commit("mql", vec![stepped(1, Act::Tell, "2026-01-05T09:05:00Z", "marcus")]);
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
                pool: None,
            };
            let told = vec!["priya".into()];
            let unrouted = Change::Unrouted { routing, told, trace: Box::default() };
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
}
