//! What a person's command would change: the domain's decision, and what must move with it.
//!
//! Pure: everything is read before. Giving a handoff to a rep by hand keeps the promises of the
//! router: nobody absent or before their first day, nobody of another team, nobody past their
//! capacity, and the rep's place in the rotation moves on. Shifts and the limit a day are for the
//! rotation: a person may know who stays late.

use crate::{
    order::Deed,
    said::{self, Values, Wrong},
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::{
    Change, Command, Config, Facts, Handoff, Package, PersonId, PoolId, Refusal,
    config::Pool,
    decide,
    decide::targets,
    handoff::Flag,
    local,
    question::mentioned,
    routing::{Candidate, Place, Trace, raised, turn},
};
use store::Stored;

/// Why a person asked for another owner, as history keeps it; their words are kept apart.
const BY_REQUEST: &str = "a person asked for it";

/// Why another owner is looked for where somebody's handoffs all go.
const ALL_GO: &str = "everything its owner has goes to others";

/// What a command is decided on.
pub(crate) struct Situation<'a> {
    /// The handoff as stored.
    pub(crate) handoff: &'a Stored<Handoff>,
    /// Its package as stored.
    pub(crate) package: &'a Stored<Package>,
    /// The configurations.
    pub(crate) facts: Facts<'a>,
    /// How the rep stands whom the command concerns besides the handoff.
    pub(crate) standing: Place,
    /// The time.
    pub(crate) now: DateTime<Utc>,
}

/// What is to be committed together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// What happens to the handoff.
    pub(crate) changes: Vec<Change>,
    /// Its new package, with the names of the fields that changed.
    pub(crate) package: Option<(Stored<Package>, Vec<String>)>,
    /// Whose turn it takes.
    pub(crate) turn_taken: Option<(PoolId, Candidate)>,
    /// Whose turn is given back, and how far.
    pub(crate) turn_given_back: Option<(PoolId, PersonId, u64)>,
}

/// Why a command is not carried out.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The domain says no.
    #[error(transparent)]
    Decision(#[from] Refusal),
    /// Some fields cannot be read.
    #[error("{0}")]
    Fields(Wrong),
    /// The rep cannot take it.
    #[error("{0}")]
    Rep(String),
}

/// Finds the rep whose standing a command depends on, and the pool they stand in.
pub(crate) fn concerned<'a>(
    deed: &'a Deed,
    handoff: &'a Handoff,
    config: &'a Config,
) -> Option<(&'a PoolId, &'a PersonId)> {
    match deed {
        Deed::Reject(_) => handoff.pool.as_ref().zip(handoff.owner.as_ref()),
        Deed::GiveTo(rep) => Some((pool_for(rep, handoff, config)?.0, rep)),
        _ => None,
    }
}

/// Finds the pool a rep would take a handoff from: its own, else the first of the receiving team
/// they are in.
fn pool_for<'a>(
    rep: &PersonId,
    handoff: &Handoff,
    config: &'a Config,
) -> Option<(&'a PoolId, &'a Pool)> {
    let suits = |pool: &Pool| {
        pool.team == handoff.to && pool.members.iter().any(|member| member.rep == *rep)
    };
    let own = handoff.pool.as_ref().and_then(|pool| config.pools.get_key_value(pool));
    own.filter(|(_, pool)| suits(pool))
        .or_else(|| config.pools.iter().find(|(_, pool)| suits(pool)))
}

/// Decides what takes a handoff from its owner for somebody else; nothing where it is not theirs,
/// or another owner is looked for already.
pub fn taken_from(
    owner: &PersonId,
    handoff: &Handoff,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    let goes_already = handoff.routing.is_some() && handoff.had.contains(owner);
    if handoff.owner.as_ref() != Some(owner) || goes_already {
        return Err(Refusal::Nothing);
    }
    let command = Command::RequestRouting { pool: None, reason: ALL_GO.to_owned() };
    decide(handoff, command, facts, now)
}

impl Situation<'_> {
    /// Decides what a person's deed changes.
    pub(crate) fn decide(
        &self,
        person: &PersonId,
        deed: &Deed,
        note: Option<&str>,
    ) -> Result<Plan, Refused> {
        let by = person.clone();
        let command = match deed {
            Deed::GiveTo(rep) => return self.give(rep, by),
            Deed::Resubmit(said, zone) => return self.resubmit(said, *zone, &by),
            Deed::Supply(said, zone) => return self.supply(said, *zone, &by),
            Deed::Accept => Command::Accept { by },
            Deed::Reject(reason) => Command::Reject { by, reason: reason.clone() },
            Deed::Touch(channel, at) => {
                let (channel, at) = (channel.clone(), at.unwrap_or(self.now));
                Command::Touch { channel, at, by: Some(by) }
            }
            Deed::Note => {
                let mut mentions = mentioned(note.unwrap_or_default(), self.facts.active);
                mentions.retain(|who| who != person);
                Command::Note { mentions }
            }
            Deed::Ask(to) => Command::Ask { by, to: to.clone() },
            Deed::Answer(question) => Command::Answer { by, question: *question },
            Deed::Route(pool) => {
                Command::RequestRouting { pool: pool.clone(), reason: BY_REQUEST.to_owned() }
            }
            Deed::TakeFrom(owner) => {
                let changes = taken_from(owner, self.handoff, self.facts, self.now)?;
                return Ok(Plan { changes, ..Plan::default() });
            }
            Deed::Pause(reason, until) => {
                Command::Pause { by, reason: reason.clone(), until: *until }
            }
            Deed::Resume => Command::Resume { by },
            Deed::Involve(who, part) => Command::Involve { by, who: who.clone(), part: *part },
            Deed::Release(who) => Command::Release { by, who: who.clone() },
            Deed::Survey => Command::AskSurvey,
            Deed::WithdrawSurvey => Command::WithdrawSurvey { by },
            Deed::EndOverlap => Command::EndOverlap { by },
            Deed::Complete(outcome, value) => {
                Command::Complete { outcome: outcome.clone(), value: value.clone(), at: self.now }
            }
            Deed::Recycle(to, reason) => {
                Command::Recycle { to: to.clone(), reason: reason.clone() }
            }
            Deed::Cancel(reason) => Command::Cancel { reason: reason.clone() },
            Deed::Rate(score, complete) => Command::Rate { score: *score, complete: *complete },
        };
        let changes = self.decided(self.handoff, command)?;
        let turn_given_back = match deed {
            Deed::Reject(_) => self.turn_to_give_back(),
            _ => None,
        };
        Ok(Plan { changes, turn_given_back, ..Plan::default() })
    }

    fn decided(&self, handoff: &Handoff, command: Command) -> Result<Vec<Change>, Refusal> {
        decide(handoff, command, self.facts, self.now)
    }

    /// Finds the turn a justified rejection gives back; nothing where none was taken.
    fn turn_to_give_back(&self) -> Option<(PoolId, PersonId, u64)> {
        let (pool, rep) = (self.handoff.pool.as_ref()?, self.handoff.owner.as_ref()?);
        let turn = self.handoff.turn.filter(|turn| self.standing.position >= *turn)?;
        Some((pool.clone(), rep.clone(), turn))
    }

    fn give(&self, rep: &PersonId, by: PersonId) -> Result<Plan, Refused> {
        let (pool, candidate) = self.candidate(rep)?;
        let trace = Box::new(Trace {
            config_version: self.facts.active.version,
            pool: Some(pool.clone()),
            candidates: vec![candidate.clone()],
            by_hand: Some(by),
            ..Trace::default()
        });
        let (owner, taken_from) = (rep.clone(), pool.clone());
        let command = Command::Assign { owner, pool: taken_from, rule: None, trace };
        let changes = self.decided(self.handoff, command)?;
        if candidate.open >= candidate.capacity {
            let (name, open) = (self.facts.active.name_of(rep), candidate.open);
            let most = candidate.capacity;
            return Err(Refused::Rep(format!(
                "{name} has {open} open of at most {most}: choose somebody else."
            )));
        }
        Ok(Plan { changes, turn_taken: Some((pool, candidate)), ..Plan::default() })
    }

    /// Finds how a rep would take it, or why they cannot.
    fn candidate(&self, rep: &PersonId) -> Result<(PoolId, Candidate), Refused> {
        let config = self.facts.active;
        let refused = |said: String| Err(Refused::Rep(said));
        let Some(person) = config.people.get(rep) else {
            return refused(format!("The configuration knows nobody called `{rep}`."));
        };
        let Some((pool, members)) = pool_for(rep, self.handoff, config) else {
            let (name, team) = (&person.name, &self.handoff.to);
            return refused(format!("{name} is in no pool of the receiving team, {team}."));
        };
        if !person.active {
            return refused(format!("{} takes no handoffs now.", person.name));
        }
        if let Some(starts) = person.starts.filter(|starts| config.day_of(self.now) < *starts) {
            return refused(format!("{} begins on {}.", person.name, starts.format("%-d %b %Y")));
        }
        let place = &self.standing;
        if place.is_away(self.now) {
            let until = place.away.and_then(|(_, until)| until).map(|until| {
                format!(" until {}", local::absolute(until, config.organisation.timezone))
            });
            return refused(format!("{} is away{}.", person.name, until.unwrap_or_default()));
        }
        let member = members.members.iter().find(|member| member.rep == *rep);
        let weight = member.map_or(1, |member| member.weight);
        let candidate = Candidate {
            rep: rep.clone(),
            passed_over: None,
            position_before: place.position,
            position_after: raised(place.position, place.floor, place.owed) + turn(weight),
            open: place.open,
            capacity: person.capacity.unwrap_or(0),
            // A person's word is not counted against the day.
            daily: None,
            floor: place.floor,
            owed: place.owed,
        };
        Ok((pool.clone(), candidate))
    }

    /// Takes what the sender adds, then sends it again.
    fn resubmit(&self, said: &Values, zone: Tz, by: &PersonId) -> Result<Plan, Refused> {
        let resubmitted = self.decided(self.handoff, Command::Resubmit)?;
        let mut plan = self.told(said, zone, by)?;
        plan.changes.extend(resubmitted);
        Ok(plan)
    }

    /// Takes what somebody adds.
    fn supply(&self, said: &Values, zone: Tz, by: &PersonId) -> Result<Plan, Refused> {
        let plan = self.told(said, zone, by)?;
        match plan.changes.is_empty() {
            true => Err(Refusal::Nothing.into()),
            false => Ok(plan),
        }
    }

    /// Puts into the package what is news; a plan without changes when nothing is.
    fn told(&self, said: &Values, zone: Tz, by: &PersonId) -> Result<Plan, Refused> {
        let (handoff, template) = (self.handoff, self.facts.template(self.handoff));
        let mut package = self.package.clone();
        let said = said::news(said.clone(), &package, template, zone);
        let (values, known) = said::read(template, said, zone).map_err(Refused::Fields)?;
        let told = package.put(values, by.as_str(), self.now).changed;
        if told.is_empty() {
            return Ok(Plan::default());
        }
        let kind = self.facts.kind(handoff);
        let told_now = Handoff {
            score: known.score.or(handoff.score),
            amount: known.amount.clone().or(handoff.amount.clone()),
            ..handoff.record.clone()
        };
        let about = (&told_now, &package.record);
        let targets = kind.map(|kind| targets(kind, self.facts.pinned, about, self.now));
        let update = Command::Update {
            targets: targets.unwrap_or_default(),
            score: known.score,
            amount: known.amount,
            meeting_at: known.meeting_at,
            completeness: package.completeness(template, handoff.stage).percent,
        };
        let mut changes = self.decided(handoff, update)?;
        if package.shortened && !handoff.flags.contains(&Flag::Shortened) {
            changes.push(Change::Flagged { flag: Flag::Shortened });
        }
        Ok(Plan { changes, package: Some((package, told)), ..Plan::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, config, handoff, package};
    use domain::{Stage, routing::TURN};

    fn check(
        handoff: Handoff,
        deed: &Deed,
        (open, position): (u32, u64),
        expected: impl FnOnce(Result<Plan, Refused>),
    ) {
        let (config, package) = (config(), Stored::new(package("Dana", "Acme")));
        let standing = Place { open, position, ..Place::default() };
        let situation = Situation {
            handoff: &Stored::new(handoff),
            package: &package,
            facts: Facts { active: &config, pinned: &config },
            standing,
            now: at("2026-01-05T10:00:00Z"),
        };
        expected(situation.decide(&"amara".into(), deed, None));
    }

    const NOTHING: Refused = Refused::Decision(Refusal::Nothing);

    fn refusal(deed: &Deed, standing: (u32, u64)) -> String {
        let mut said = String::new();
        check(handoff(), deed, standing, |plan| said = plan.unwrap_err().to_string());
        said
    }

    #[test]
    fn a_rep_who_is_given_a_handoff_takes_a_turn_and_a_place() {
        check(handoff(), &Deed::GiveTo("ben".into()), (39, 5), |plan| {
            let plan = plan.unwrap();
            let (pool, candidate) = plan.turn_taken.unwrap();
            assert_eq!(pool.as_str(), "sdr_emea");
            assert_eq!((candidate.position_before, candidate.position_after), (5, 5 + TURN));
            assert_eq!((candidate.open, candidate.capacity), (39, 40));
            let Change::Assigned { owner, before, rule, trace, .. } = &plan.changes[0] else {
                panic!("{:?}", plan.changes)
            };
            assert_eq!((owner.as_str(), rule), ("ben", &None));
            assert_eq!(before.as_ref().map(PersonId::as_str), Some("amara"));
            assert_eq!(trace.by_hand, Some("amara".into()));
        });
    }

    #[test]
    fn a_rep_who_cannot_take_it_is_not_given_it() {
        let give = |rep: &str, open| refusal(&Deed::GiveTo(rep.into()), (open, 0));
        assert_eq!(
            give("ben", 40),
            "Ben Whitlock has 40 open of at most 40: choose somebody else."
        );
        assert_eq!(give("elena", 0), "Elena Rossi is in no pool of the receiving team, sdr.");
        assert_eq!(give("mallory", 0), "The configuration knows nobody called `mallory`.");
        assert_eq!(give("amara", 40), Refusal::Nothing.to_string(), "she has it already");
    }

    #[test]
    fn what_is_taken_from_somebody_does_not_come_back_to_them_and_is_asked_for_once() {
        let take = Deed::TakeFrom("amara".into());
        check(handoff(), &take, (0, 0), |plan| {
            let changes = plan.unwrap().changes;
            let Change::RoutingRequested { routing, had } = &changes[0] else {
                panic!("{changes:?}")
            };
            assert_eq!((routing.reason.as_str(), &routing.pool), (ALL_GO, &None));
            assert_eq!(had, &Some("amara".into()));
            let asked = handoff().after(&changes, at("2026-01-05T10:00:00Z"));
            assert_eq!(asked.owner, Some("amara".into()), "theirs until somebody else has it");
            check(asked, &take, (0, 0), |again| assert_eq!(again.unwrap_err(), NOTHING));
        });
        let from_ben = Deed::TakeFrom("ben".into());
        check(handoff(), &from_ben, (0, 0), |plan| assert_eq!(plan.unwrap_err(), NOTHING));
    }

    #[test]
    fn what_came_back_to_somebody_by_hand_can_be_taken_from_them_again() {
        let mut given_again = handoff();
        given_again.had = vec!["amara".into()];
        let take = Deed::TakeFrom("amara".into());
        check(given_again, &take, (0, 0), |plan| assert_eq!(plan.unwrap().changes.len(), 1));
    }

    #[test]
    fn a_rejection_gives_the_turn_back_that_was_taken() {
        let reject = Deed::Reject("duplicate".to_owned());
        // A third of a turn: they weighed 3 then, whatever they weigh now.
        let taken = Handoff { turn: Some(TURN / 3), ..handoff() };
        check(taken.clone(), &reject, (1, TURN), |plan| {
            let given_back = plan.unwrap().turn_given_back;
            assert_eq!(given_back, Some(("sdr_emea".into(), "amara".into(), TURN / 3)));
        });
        for (handoff, position) in [(taken, TURN / 4), (handoff(), TURN)] {
            check(handoff, &reject, (1, position), |plan| {
                assert_eq!(plan.unwrap().turn_given_back, None);
            });
        }
        let unlisted = refusal(&Deed::Reject("boring".to_owned()), (1, TURN));
        assert!(unlisted.contains("choose not_a_fit, duplicate"), "{unlisted}");
    }

    #[test]
    fn sending_it_again_adds_to_the_package_and_counts_it_again() {
        let mut returned = handoff();
        (returned.stage, returned.owner) = (Stage::Returned, None);
        let said = Values::from([("fit".to_owned(), "high".into())]);
        check(returned, &Deed::Resubmit(said, Tz::UTC), (0, 0), |plan| {
            let plan = plan.unwrap();
            let (package, told) = plan.package.unwrap();
            assert_eq!(told, ["fit"]);
            assert_eq!(package.values["fit"].by, "amara");
            assert!(matches!(plan.changes[0], Change::Updated { completeness: 33, .. }));
            assert!(matches!(plan.changes[1], Change::Resubmitted { .. }));
        });
    }

    #[test]
    fn what_is_supplied_is_read_by_the_template_and_is_news_or_nothing() {
        let supply = |name: &str, value: &str| {
            Deed::Supply([(name.to_owned(), value.into())].into(), Tz::UTC)
        };
        check(handoff(), &supply("engagement", "Guide\nWebinar"), (0, 0), |plan| {
            let plan = plan.unwrap();
            let (package, told) = plan.package.unwrap();
            assert_eq!(told, ["engagement"]);
            assert_eq!(package.values["engagement"].value, serde_json::json!(["Guide", "Webinar"]));
            assert!(matches!(plan.changes[..], [Change::Updated { completeness: 33, .. }]));
        });
        let known = supply("source", "webinar");
        check(handoff(), &known, (0, 0), |plan| assert_eq!(plan.unwrap_err(), NOTHING));
        let wrong = refusal(&supply("score", "hot"), (0, 0));
        assert!(wrong.starts_with("`Lead score` must be a number by itself"), "{wrong}");
    }

    #[test]
    fn sending_it_again_with_nothing_new_changes_no_package() {
        let mut returned = handoff();
        (returned.stage, returned.owner) = (Stage::Returned, None);
        check(returned, &Deed::Resubmit(Values::new(), Tz::UTC), (0, 0), |plan| {
            let plan = plan.unwrap();
            assert_eq!((plan.changes.len(), plan.package.is_none()), (1, true));
        });
    }
}
