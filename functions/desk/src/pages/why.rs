//! Why an owner has a handoff, as the page tells it: the rules in order, their clauses, whose
//! account it is, which pools were asked before, everybody who was considered.

use super::shown::{State, plain};
use domain::{
    Config, PoolId,
    routing::{Candidate, Clause, PassedOver, Trace, Way},
};

/// Why an owner was chosen, ready to be read.
pub(crate) struct Why {
    pub(crate) summary: String,
    pub(crate) notes: Vec<String>,
    pub(crate) rules: Vec<RuleLine>,
    /// How many rules before those do not hold.
    pub(crate) more_failed: usize,
    pub(crate) candidates: Vec<CandidateLine>,
    pub(crate) config_version: u64,
}

/// What would have had to differ for somebody to get it.
pub(crate) struct NotThem {
    pub(crate) name: String,
    pub(crate) sentences: Vec<String>,
}

/// One rule.
pub(crate) struct RuleLine {
    pub(crate) name: String,
    pub(crate) state: State,
    pub(crate) clauses: Vec<ClauseLine>,
}

/// One clause of a rule.
pub(crate) struct ClauseLine {
    pub(crate) text: String,
    pub(crate) state: State,
    pub(crate) error: Option<String>,
}

/// One rep who was considered.
pub(crate) struct CandidateLine {
    pub(crate) name: String,
    pub(crate) verdict: String,
    pub(crate) open: String,
    pub(crate) today: String,
    pub(crate) place: String,
}

impl Why {
    /// Shows a stored trace.
    pub(crate) fn of(trace: &Trace, config: &Config) -> Self {
        let failed = trace.failed.iter().map(|failed| RuleLine {
            name: failed.rule.clone(),
            state: held(false),
            clauses: vec![clause(&failed.clause)],
        });
        let won = trace.rule.iter().map(|rule| RuleLine {
            name: rule.clone(),
            state: held(true),
            clauses: trace.clauses.iter().map(clause).collect(),
        });
        Self {
            summary: summary(trace, config),
            notes: notes(trace, config),
            rules: failed.chain(won).collect(),
            more_failed: trace.more_failed,
            candidates: trace.candidates.iter().map(|one| candidate(one, config)).collect(),
            config_version: trace.config_version,
        }
    }
}

/// Says in one line where a handoff would go and why, or why nobody gets it.
pub(crate) fn why_of(way: &Way, config: &Config) -> String {
    match way.owner {
        Some(_) => summary(&way.trace, config),
        None => format!("Nobody: {}.", way.reason),
    }
}

/// Says in one line who chose whom.
fn summary(trace: &Trace, config: &Config) -> String {
    let pool = trace.pool.as_ref().map_or("no pool".to_owned(), |pool| name(pool, config));
    if let Some(person) = &trace.by_hand {
        return format!("{} gave it by hand, in {pool}.", config.name_of(person));
    }
    if let Some(owner) = trace.account_owner.as_ref().filter(|owner| owner.passed_over.is_none()) {
        let who = config.name_of(&owner.rep);
        return format!("{who} owns the account ({}) and has it in {pool}.", owner.because);
    }
    let got = trace.candidates.iter().any(|one| one.passed_over.is_none());
    let who = match (trace.otherwise.as_deref(), got) {
        (Some("manager"), _) => "none of its reps could take it, so its manager has it",
        (Some(_), _) => "none of its reps was on shift, so whoever comes first has it",
        (None, true) => "the rotation chose the rep",
        (None, false) => "nobody there could take it",
    };
    let otherwise = !trace.tried.is_empty() && (got || trace.otherwise.is_some());
    match (&trace.rule, otherwise) {
        (Some(rule), false) => format!("Rule {rule} chose {pool}; {who}."),
        (Some(rule), true) => {
            format!("Rule {rule} held; of the pools that were asked, {pool} has it; {who}.")
        }
        (None, true) => format!("Of the pools that were asked, {pool} has it; {who}."),
        (None, false) if trace.pool.is_some() => format!("It was asked for {pool}; {who}."),
        (None, false) => "No rule matched.".to_owned(),
    }
}

fn name(pool: &PoolId, config: &Config) -> String {
    config.pools.get(pool).map_or_else(|| pool.to_string(), |pool| pool.name.clone())
}

/// Says what else decided: whose account it is, the skills that were asked for, the pools that had
/// nobody.
fn notes(trace: &Trace, config: &Config) -> Vec<String> {
    let account = trace.account_owner.as_ref().map(|owner| {
        let (who, because) = (config.name_of(&owner.rep), &owner.because);
        match owner.passed_over {
            None => format!("{who} owns the account ({because}), and could take it."),
            Some(why) => format!("{who} owns the account ({because}), but {why}."),
        }
    });
    let skills: Vec<&str> = trace.skills.iter().map(String::as_str).collect();
    let skills = (!skills.is_empty())
        .then(|| format!("The rule asks for reps with the skill {}.", skills.join(" and ")));
    let tried = trace
        .tried
        .iter()
        .map(|tried| format!("{} was asked: {}.", name(&tried.pool, config), tried.why));
    account.into_iter().chain(skills).chain(tried).collect()
}

fn held(held: bool) -> State {
    match held {
        true => State { word: "held", icon: "✓", class: "good" },
        false => State { word: "did not hold", icon: "✕", class: "over" },
    }
}

fn clause(clause: &Clause) -> ClauseLine {
    ClauseLine {
        text: clause.expr.clone(),
        state: held(clause.held),
        error: clause.error.as_deref().map(plain),
    }
}

fn candidate(candidate: &Candidate, config: &Config) -> CandidateLine {
    let chosen = "got it".to_owned();
    CandidateLine {
        name: config.name_of(&candidate.rep).to_owned(),
        verdict: candidate.passed_over.as_ref().map_or(chosen, PassedOver::to_string),
        open: format!("{} of {}", candidate.open, candidate.capacity),
        today: match candidate.daily {
            Some(daily) => format!("{} of {}", daily.taken, daily.most),
            None => "–".to_owned(),
        },
        place: match candidate.position_after == candidate.position_before {
            true => candidate.position_before.to_string(),
            false => format!("{} → {}", candidate.position_before, candidate.position_after),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;
    use domain::routing::{AccountOwner, RuleFailed, Tried};

    fn clause(expr: &str, held: bool) -> Clause {
        Clause { expr: expr.to_owned(), held, error: None }
    }

    fn considered(rep: &str, passed_over: Option<PassedOver>) -> Candidate {
        let after = if passed_over.is_none() { 720_720 } else { 0 };
        Candidate {
            rep: rep.into(),
            passed_over,
            position_before: 0,
            position_after: after,
            open: 3,
            capacity: 40,
            daily: None,
            floor: 0,
            owed: 0,
        }
    }

    #[test]
    fn a_rule_is_told_with_those_that_failed_before_it_and_everybody_considered() {
        let why = Why::of(
            &Trace {
                pool: Some("sdr_emea".into()),
                rule: Some("Europe".to_owned()),
                clauses: vec![clause("a", true), clause("b", true)],
                failed: vec![RuleFailed { rule: "Big".to_owned(), clause: clause("c", false) }],
                candidates: vec![
                    considered("amara", None),
                    considered("ben", Some(PassedOver::AtCapacity)),
                ],
                ..Trace::default()
            },
            &config(),
        );
        assert_eq!(why.summary, "Rule Europe chose SDR Europe; the rotation chose the rep.");
        let rules: Vec<_> =
            why.rules.iter().map(|rule| (rule.name.as_str(), rule.state.word)).collect();
        assert_eq!(rules, [("Big", "did not hold"), ("Europe", "held")]);
        let verdicts: Vec<_> = why
            .candidates
            .iter()
            .map(|one| (one.name.as_str(), one.verdict.as_str(), one.place.as_str()))
            .collect();
        let expected =
            [("Amara Okafor", "got it", "0 → 720720"), ("Ben Whitlock", "is at capacity", "0")];
        assert_eq!(verdicts, expected);
    }

    fn trace(pool: &str) -> Trace {
        Trace { pool: Some(pool.into()), ..Trace::default() }
    }

    #[test]
    fn every_way_to_an_owner_has_a_summary() {
        let check = |trace: Trace, said: &str| assert_eq!(Why::of(&trace, &config()).summary, said);
        check(Trace::default(), "No rule matched.");
        let by_hand = Trace { by_hand: Some("priya".into()), ..trace("cs") };
        check(by_hand, "Priya Nair gave it by hand, in Customer success.");
        check(trace("cs"), "It was asked for Customer success; nobody there could take it.");
        let got = Trace { candidates: vec![considered("amara", None)], ..trace("sdr_emea") };
        check(got.clone(), "It was asked for SDR Europe; the rotation chose the rep.");
        let by_rule = Trace { rule: Some("Europe".to_owned()), ..got };
        check(by_rule.clone(), "Rule Europe chose SDR Europe; the rotation chose the rep.");
        let manager = Trace {
            otherwise: Some("manager".to_owned()),
            candidates: vec![considered("amara", Some(PassedOver::AtCapacity))],
            ..by_rule.clone()
        };
        check(
            manager,
            "Rule Europe chose SDR Europe; none of its reps could take it, so its manager has it.",
        );
        let next = Trace { otherwise: Some("next_on_shift".to_owned()), ..by_rule.clone() };
        check(
            next,
            "Rule Europe chose SDR Europe; none of its reps was on shift, so whoever comes first \
             has it.",
        );
        let tried = Tried { pool: "sdr_americas".into(), why: "it has no reps".to_owned() };
        check(
            Trace { tried: vec![tried], ..by_rule },
            "Rule Europe held; of the pools that were asked, SDR Europe has it; the rotation chose \
             the rep.",
        );
    }

    #[test]
    fn the_accounts_owner_skills_and_pools_that_had_nobody_are_told() {
        let owner = |passed_over| AccountOwner {
            rep: "elena".into(),
            because: "the account's owner in the CRM".to_owned(),
            passed_over,
        };
        let why = |owner| {
            let tried = "nobody in SDR Europe can take it: 2 away".to_owned();
            let trace = Trace {
                account_owner: Some(owner),
                skills: ["german".to_owned()].into(),
                tried: vec![Tried { pool: "sdr_emea".into(), why: tried }],
                ..trace("ae_emea")
            };
            Why::of(&trace, &config())
        };
        let notes = why(owner(Some(PassedOver::AtCapacity))).notes;
        let expected = [
            "Elena Rossi owns the account (the account's owner in the CRM), but is at capacity.",
            "The rule asks for reps with the skill german.",
            "SDR Europe was asked: nobody in SDR Europe can take it: 2 away.",
        ];
        assert_eq!(notes, expected);
        assert_eq!(
            why(owner(None)).summary,
            "Elena Rossi owns the account (the account's owner in the CRM) and has it in AE Europe."
        );
    }
}
