//! Who may see and do what: the one place for permissions.
//!
//! A rep sees what they have a part in and what is with one of their pools, or waits between teams
//! for one of theirs. A manager, which is whoever has a role in a pool, sees whatever goes to or
//! comes from its team. Whoever has a role in the organisation sees everything, and so runs it.
//! Nobody does anything to what they do not see.
//!
//! What is the owner's (taking it, giving it back) the decision itself guards, so that a lost race
//! names the winner. Ending somebody else's handoff, or letting its clocks stand still, is for those
//! who answer for its pool; giving everything of somebody to others is for those who answer for
//! them, and saying when somebody is away for those and for themselves. Everything else is open to
//! everybody who sees it, and recorded.

use crate::verb::Verb;
use domain::{
    Config, Facts, Handoff, PersonId, Stage,
    milestone::Milestone,
    survey::{self, Survey},
};

/// Whoever asks may not: the sentence they read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Forbidden(String);

/// Tells whether a person may do this to a handoff.
///
/// # Errors
/// With who may.
pub fn may(
    person: &PersonId,
    verb: Verb,
    handoff: &Handoff,
    config: &Config,
) -> Result<(), Forbidden> {
    may_see(person, handoff, config)?;
    let owner = handoff.owner.as_ref();
    let beside = handoff.overlap.as_ref().map(|overlap| &overlap.who);
    let free = match verb {
        Verb::Complete | Verb::Recycle | Verb::Pause | Verb::Resume => false,
        Verb::EndOverlap => beside == Some(person),
        _ => true,
    };
    if free || owner == Some(person) || answers_for(person, handoff, config) {
        return Ok(());
    }
    let pool = handoff.pool.as_ref().and_then(|pool| config.pools.get(pool));
    let managers =
        pool.map_or("a manager".to_owned(), |pool| format!("a manager of {}", pool.name));
    let whose = owner.map_or("its owner", |owner| config.name_of(owner));
    let does = match verb {
        Verb::EndOverlap => "end the overlap of",
        other => other.word(),
    };
    Err(Forbidden(format!("Only {whose} or {managers} can {does} this handoff.")))
}

/// Tells whether a person may see a handoff and everything about it.
///
/// # Errors
/// With who may.
pub fn may_see(person: &PersonId, handoff: &Handoff, config: &Config) -> Result<(), Forbidden> {
    is_known(person, config)?;
    if sees(person, handoff, config) {
        return Ok(());
    }
    let pool = handoff.pool.as_ref().and_then(|pool| config.pools.get(pool));
    let whose = pool.map_or(handoff.to.as_str(), |pool| pool.name.as_str());
    Err(Forbidden(format!(
        "Only those who have a part in this handoff, {whose} and their managers can see it."
    )))
}

/// Tells whether these people may be named in a note: whoever is named is sent here to read it.
///
/// # Errors
/// With who does not see the handoff, and what to do.
pub fn may_mention(
    people: &[PersonId],
    handoff: &Handoff,
    config: &Config,
) -> Result<(), Forbidden> {
    match people.iter().find(|person| !sees(person, handoff, config)) {
        None => Ok(()),
        Some(person) => Err(Forbidden(format!(
            "{} does not see this handoff: involve or ask them, or leave out `@{person}`.",
            config.name_of(person)
        ))),
    }
}

/// Tells whether a person sees a handoff: see this module's words.
pub fn sees(person: &PersonId, handoff: &Handoff, config: &Config) -> bool {
    if config.organisation.roles.values().any(|holder| holder == person) {
        return true;
    }
    let parts = handoff.owner.iter().chain(&handoff.sender).chain(&handoff.had);
    let beside = handoff.overlap.iter().map(|overlap| &overlap.who);
    let drawn_in = beside.chain(handoff.involved.iter().map(|one| &one.who));
    let asked = handoff.questions.iter().flat_map(|question| [&question.by, &question.to]);
    if parts.chain(drawn_in).chain(asked).any(|who| who == person) {
        return true;
    }
    let of = |team: &str| {
        let pools = config.pools_of(person).filter_map(|pool| config.pools.get(pool));
        pools.into_iter().any(|pool| pool.team == team)
    };
    let manages = |team: &str| {
        let mut pools = config.pools.values().filter(|pool| pool.team == team);
        pools.any(|pool| pool.roles.values().any(|holder| holder == person))
    };
    if manages(&handoff.to) || manages(&handoff.from) {
        return true;
    }
    let given_back = handoff.stage == Stage::Returned && of(&handoff.from);
    given_back
        || match &handoff.pool {
            Some(pool) => config.pools_of(person).any(|one| one == pool),
            None => of(&handoff.to),
        }
}

/// Tells whether a page should offer this: the stage allows it, and so does [`may`].
pub fn is_offered(person: &PersonId, verb: Verb, handoff: &Handoff, facts: Facts<'_>) -> bool {
    let config = facts.active;
    let owners = matches!(verb, Verb::Accept | Verb::Reject);
    let theirs = !owners || handoff.owner.as_ref() == Some(person);
    let kind = config.types.get(&handoff.kind);
    let is_paused = handoff.paused().is_some();
    let makes_sense = match verb {
        Verb::Pause => !is_paused && kind.is_some_and(|kind| !kind.pause_reasons.is_empty()),
        Verb::Resume => is_paused,
        Verb::EndOverlap => handoff.overlap.is_some(),
        Verb::Answer => !handoff.questions.is_empty(),
        Verb::Survey => {
            let answered = handoff.survey.as_ref().is_some_and(|survey| survey.score.is_some());
            let has = [Stage::Assigned, Stage::Accepted, Stage::Engaged, Stage::Completed];
            !answered && has.contains(&handoff.stage) && survey::rule(handoff, facts).is_some()
        }
        Verb::WithdrawSurvey => {
            let open = |survey: &Survey| survey.score.is_none() && !survey.withdrawn;
            handoff.survey.as_ref().is_some_and(open)
        }
        Verb::Release => !handoff.involved.is_empty(),
        _ => true,
    };
    let proves = verb == Verb::Complete && waits_to_prove(handoff);
    let fits = proves || verb.fits(handoff.stage);
    theirs && makes_sense && fits && may(person, verb, handoff, config).is_ok()
}

/// Tells whether a handoff that has ended still waits for an outcome.
pub fn waits_to_prove(handoff: &Handoff) -> bool {
    let open = |one: &Milestone| one.outcome.is_none();
    handoff.stage == Stage::Completed && handoff.milestones.iter().any(open)
}

/// Tells whether somebody is of the organisation and takes part.
///
/// # Errors
/// When not.
pub fn is_known(person: &PersonId, config: &Config) -> Result<(), Forbidden> {
    match config.people.get(person) {
        Some(known) if known.active => Ok(()),
        Some(_) => Err(Forbidden(format!("`{person}` does not take part any more."))),
        None => Err(Forbidden(format!("The configuration knows nobody called `{person}`."))),
    }
}

/// Tells whether a person may say when somebody is away.
///
/// # Errors
/// With who may.
pub fn may_set_absence(
    person: &PersonId,
    rep: &PersonId,
    config: &Config,
) -> Result<(), Forbidden> {
    is_known(person, config)?;
    if person == rep || manages(person, rep, config) {
        return Ok(());
    }
    let (name, managers) = (config.name_of(rep), managers_of(rep, config));
    Err(Forbidden(format!("Only {name} or {managers} can say when {name} is away.")))
}

/// Tells whether a person may give everything of somebody to others.
///
/// # Errors
/// With who may.
pub fn may_give_away(person: &PersonId, rep: &PersonId, config: &Config) -> Result<(), Forbidden> {
    is_known(person, config)?;
    if manages(person, rep, config) {
        return Ok(());
    }
    let (name, managers) = (config.name_of(rep), managers_of(rep, config));
    Err(Forbidden(format!("Only {managers} can give everything of {name} to others.")))
}

/// Tells whether a person may run the system: have what did not arrive sent again.
///
/// # Errors
/// `Forbidden`, with who may.
pub fn may_run_it(person: &PersonId, config: &Config) -> Result<(), Forbidden> {
    is_known(person, config)?;
    if config.organisation.roles.values().any(|holder| holder == person) {
        return Ok(());
    }
    let said = "Only a manager of the organisation can have things sent again.";
    Err(Forbidden(said.to_owned()))
}

/// Tells whether a person answers for a pool somebody is in, or for the organisation.
fn manages(person: &PersonId, rep: &PersonId, config: &Config) -> bool {
    let pools = config.pools_of(rep).filter_map(|pool| config.pools.get(pool));
    let roles = pools.flat_map(|pool| pool.roles.values());
    roles.chain(config.organisation.roles.values()).any(|holder| holder == person)
}

fn managers_of(rep: &PersonId, config: &Config) -> String {
    let pools = config.pools_of(rep).filter_map(|pool| config.pools.get(pool));
    let names: Vec<&str> = pools.map(|pool| pool.name.as_str()).collect();
    match names.is_empty() {
        true => "a manager of the organisation".to_owned(),
        false => format!("a manager of {}", names.join(" or ")),
    }
}

fn answers_for(person: &PersonId, handoff: &Handoff, config: &Config) -> bool {
    let pool = handoff.pool.as_ref().and_then(|pool| config.pools.get(pool));
    let roles = pool.into_iter().flat_map(|pool| pool.roles.values());
    roles.chain(config.organisation.roles.values()).any(|holder| holder == person)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{config, handoff};
    use domain::{
        PoolId, Stage,
        beside::Overlap,
        involved::{Involved, Part},
        question::Question,
    };

    fn check(person: &str, verb: Verb, allowed: bool) {
        let verdict = may(&person.into(), verb, &handoff(), &config());
        assert_eq!(verdict.is_ok(), allowed, "{person} {verb}: {verdict:?}");
    }

    #[test]
    fn the_owner_and_those_who_answer_for_the_pool_end_a_handoff() {
        check("amara", Verb::Complete, true);
        check("priya", Verb::Complete, true);
        check("grace", Verb::Recycle, true);
        check("ben", Verb::Complete, false);
        check("marcus", Verb::Recycle, false);
    }

    #[test]
    fn each_way_to_see_a_handoff_is_a_way_of_its_own() {
        let mut config = config();
        let cs = config.pools.get_mut(&PoolId::from("cs")).unwrap();
        cs.roles = [("manager".to_owned(), "jonas".into())].into();
        let base = Handoff { from: "ae".to_owned(), to: "sdr".to_owned(), ..handoff() };
        let see = |handoff: &Handoff| -> Vec<&'static str> {
            let everybody =
                ["amara", "ben", "carla", "elena", "ingrid", "jonas", "marcus", "priya"];
            let sees = |who: &&'static str| sees(&PersonId::from(*who), handoff, &config);
            everybody.into_iter().filter(sees).collect()
        };
        // Amara has it, Ben is of its pool, Marcus manages its team and its sender's, Priya runs all.
        let usual = ["amara", "ben", "marcus", "priya"];
        let with = |more: &'static str| {
            let mut all: Vec<&'static str> = usual.into_iter().chain([more]).collect();
            all.sort_unstable();
            all
        };
        assert_eq!(see(&base), usual);
        let who = || PersonId::from("ingrid");
        assert_eq!(see(&Handoff { sender: Some(who()), ..base.clone() }), with("ingrid"));
        assert_eq!(see(&Handoff { had: vec![who()], ..base.clone() }), with("ingrid"));
        let overlap = Some(Overlap { who: who(), until: None, to_meeting: false });
        assert_eq!(see(&Handoff { overlap, ..base.clone() }), with("ingrid"));
        let involved = vec![Involved { who: who(), part: Part::Sponsor }];
        let over = Handoff { involved, stage: Stage::Completed, ..base.clone() };
        assert_eq!(see(&over), with("ingrid"), "also when it is over");
        let at = base.opened_at;
        for (by, to) in [("ingrid", "amara"), ("amara", "ingrid")] {
            let questions = vec![Question { n: 1, by: by.into(), to: to.into(), at }];
            assert_eq!(see(&Handoff { questions, ..base.clone() }), with("ingrid"));
        }
        // Before a pool has it, its team sees it, of every pool; what was given back, also the
        // team it came from.
        assert_eq!(see(&Handoff { pool: None, ..base.clone() }), with("carla"));
        assert_eq!(see(&Handoff { stage: Stage::Returned, ..base.clone() }), with("elena"));
        // A manager sees what goes to their team and what comes from it, and nothing else.
        assert_eq!(see(&Handoff { from: "cs".to_owned(), ..base.clone() }), with("jonas"));
        let elsewhere = Handoff {
            from: "cs".to_owned(),
            to: "cs".to_owned(),
            pool: Some("cs".into()),
            owner: Some("ingrid".into()),
            ..base
        };
        assert_eq!(see(&elsewhere), ["ingrid", "jonas", "priya"]);
    }

    #[test]
    fn whoever_is_named_in_a_note_sees_it() {
        let named = |who: &str| may_mention(&[who.into()], &handoff(), &config());
        assert!(named("ben").is_ok() && named("marcus").is_ok());
        assert_eq!(
            named("elena").unwrap_err().to_string(),
            "Elena Rossi does not see this handoff: involve or ask them, or leave out `@elena`."
        );
    }

    #[test]
    fn those_who_answer_for_somebody_and_nobody_else_give_everything_of_theirs_away() {
        let check = |person: &str, (away, gives): (bool, bool)| {
            let (person, rep, config) = (person.into(), "amara".into(), config());
            assert_eq!(may_set_absence(&person, &rep, &config).is_ok(), away, "{person}");
            assert_eq!(may_give_away(&person, &rep, &config).is_ok(), gives, "{person}");
        };
        check("priya", (true, true));
        check("grace", (true, true));
        check("amara", (true, false));
        check("ben", (false, false));
        check("marcus", (false, false));
        check("mallory", (false, false));
        let refused = may_give_away(&"marcus".into(), &"amara".into(), &config()).unwrap_err();
        let expected =
            "Only a manager of SDR Europe can give everything of Amara Okafor to others.";
        assert_eq!(refused.to_string(), expected);
        let refused = may_set_absence(&"ben".into(), &"amara".into(), &config()).unwrap_err();
        let expected = "Only Amara Okafor or a manager of SDR Europe can say when Amara Okafor is \
                        away.";
        assert_eq!(refused.to_string(), expected);
    }

    #[test]
    fn everybody_does_the_rest() {
        for verb in [Verb::Note, Verb::Touch, Verb::Rate, Verb::Reassign, Verb::Cancel] {
            check("ben", verb, true);
        }
    }

    #[test]
    fn strangers_do_nothing() {
        for verb in Verb::ALL {
            check("mallory", verb, false);
        }
    }

    #[test]
    fn the_refusal_says_who_may() {
        let refused = may(&"ben".into(), Verb::Complete, &handoff(), &config()).unwrap_err();
        let expected = "Only Amara Okafor or a manager of SDR Europe can complete this handoff.";
        assert_eq!(refused.to_string(), expected);
    }

    #[test]
    fn a_page_offers_what_would_be_done() {
        let (config, mut handoff) = (config(), handoff());
        let facts = Facts { active: &config, pinned: &config };
        let offers =
            |person: &str, verb, handoff: &_| is_offered(&person.into(), verb, handoff, facts);
        assert!(offers("amara", Verb::Accept, &handoff));
        assert!(!offers("ben", Verb::Accept, &handoff), "it is not his");
        assert!(!offers("amara", Verb::Resubmit, &handoff), "the stage does not allow it");
        handoff.stage = Stage::Completed;
        let left: Vec<_> =
            Verb::ALL.into_iter().filter(|verb| offers("amara", *verb, &handoff)).collect();
        assert_eq!(left, [Verb::Note, Verb::Ask, Verb::Rate]);
    }
}
