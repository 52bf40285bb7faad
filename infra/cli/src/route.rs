//! `handoff route --lead FILE`: who would get a lead now, and why.
//!
//! Asked of the configuration alone, with everybody's load and place in the rotation at zero. The
//! rules and the choice are the router's own, so that the trace reads like a stored one.

use crate::{Failure, lead::Lead, organisation::Organisation, output, times};
use chrono::{DateTime, Utc};
use clap::Args;
use domain::{
    Config, PersonId, PoolId, TypeKey,
    config::{Member, Pool, Rule},
    routing::{Candidate, Clause, Match, PassedOver, Standing, choose},
};
use runtime::Clock;
use serde_json::{Value, json};
use std::{path::PathBuf, process::ExitCode};

/// The options of `route`.
#[derive(Debug, Args)]
pub struct Options {
    /// The lead: the JSON body of a generic hook
    #[arg(long, value_name = "FILE")]
    pub lead: PathBuf,
    /// When [default: now]
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    pub at: Option<DateTime<Utc>>,
    /// The handoff type [default: the one the lead triggers]
    #[arg(long = "type", value_name = "KEY")]
    pub kind: Option<TypeKey>,
    /// The configuration [default: the sample organisation]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Prints who would get it: exit code 1 when that is nobody.
///
/// # Errors
/// When a file cannot be used, or the lead opens nothing.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let organisation = Organisation::read(options.config.as_deref())?;
    let lead = Lead::read(&options.lead, &organisation.config)?;
    let at = options.at.unwrap_or_else(|| Clock::system().now());
    let way = Way::of(&organisation, &lead, options.kind.as_ref(), at)?;
    match options.json {
        true => output::document(&way.document())?,
        false => output::say(&way.text())?,
    }
    Ok(ExitCode::from(u8::from(way.owner.is_none())))
}

/// The way a lead would go.
struct Way<'a> {
    config: &'a Config,
    version: Option<u64>,
    kind: TypeKey,
    pool: Option<PoolId>,
    owner: Option<PersonId>,
    rules: Vec<Asked>,
    candidates: Vec<Candidate>,
}

/// A rule that was asked, with the clauses that were looked at.
struct Asked {
    rule: String,
    held: bool,
    clauses: Vec<Clause>,
}

impl<'a> Way<'a> {
    fn of(
        organisation: &'a Organisation,
        lead: &Lead,
        wanted: Option<&TypeKey>,
        at: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        let config = &organisation.config;
        let says = || Failure::TriggersNothing { event: lead.says().to_owned() };
        let kind = wanted.cloned().or_else(|| lead.triggers(config, at)).ok_or_else(says)?;
        let matching = lead.matching(config, (&kind, organisation.kind(&kind)?), at);
        let rules = asked(config, &kind, &matching);
        let pool = matching.won.map(|(_, pool, _)| pool);
        let found = pool.as_ref().and_then(|pool| config.pools.get(pool));
        let choice = choose(&found.map(|pool| standings(config, pool)).unwrap_or_default());
        let (owner, candidates) = (choice.chosen, choice.candidates);
        let version = organisation.version();
        Ok(Self { config, version, kind, pool, owner, rules, candidates })
    }

    fn won(&self) -> Option<&Asked> {
        self.rules.iter().find(|asked| asked.held)
    }

    fn document(&self) -> Value {
        let clause = |clause: &Clause| match &clause.error {
            None => json!({ "expr": clause.expr, "held": clause.held }),
            Some(error) => json!({ "expr": clause.expr, "held": clause.held, "error": error }),
        };
        let rule = |asked: &Asked| {
            json!({
                "rule": asked.rule, "held": asked.held,
                "clauses": asked.clauses.iter().map(clause).collect::<Vec<_>>(),
            })
        };
        let candidate = |one: &Candidate| {
            json!({
                "rep": one.rep, "eligible": one.eligible(), "passed_over": one.passed_over,
                "position_before": one.position_before, "position_after": one.position_after,
                "open": one.open, "capacity": one.capacity,
            })
        };
        json!({
            "type": self.kind,
            "pool": self.pool,
            "owner": self.owner,
            "rule": self.won().map(|asked| &asked.rule),
            "trace": {
                "rules": self.rules.iter().map(rule).collect::<Vec<_>>(),
                "candidates": self.candidates.iter().map(candidate).collect::<Vec<_>>(),
                "config_version": self.version,
            },
        })
    }

    fn text(&self) -> String {
        let kind = self.config.types.get(&self.kind);
        let kind = kind.map_or(self.kind.as_str(), |kind| kind.name.as_str());
        let pool = self.pool.as_ref().and_then(|pool| self.config.pools.get(pool));
        let pool = pool.map_or("no pool", |pool| pool.name.as_str());
        let owner = self.owner.as_ref().map_or("nobody", |owner| self.config.name_of(owner));
        let mut text = format!("{kind}: {owner}, {pool}\n\nRules, the first that holds:\n");
        for asked in &self.rules {
            let word = if asked.held { "holds" } else { "does not hold" };
            text += &format!("  {}: {word}\n", asked.rule);
            for clause in &asked.clauses {
                let word = if clause.held { "true " } else { "false" };
                text += &format!("    {word}  {}", clause.expr);
                let error = clause.error.as_ref().map(|error| format!(" ({error})"));
                text += &error.unwrap_or_default();
                text += "\n";
            }
        }
        if self.won().is_none() {
            text += "  none holds: it waits without an owner, and the manager is told\n";
        }
        if !self.candidates.is_empty() {
            text += "\nReps, as if nobody had anything open or had had a turn:\n";
        }
        for one in &self.candidates {
            let why = one.passed_over.map_or("gets it".to_owned(), |why| why.to_string());
            let (name, capacity) = (self.config.name_of(&one.rep), one.capacity);
            text += &format!("  {name:<18} {why:<20} may have {capacity} open\n");
        }
        text
    }
}

/// Lists the rules that were asked, in order; of one that does not hold, up to the clause that
/// failed.
fn asked(config: &Config, kind: &TypeKey, matching: &Match) -> Vec<Asked> {
    let for_type = |rule: &&Rule| rule.types.is_empty() || rule.types.contains(kind);
    let rules = config.rules.iter().filter(for_type);
    let mut asked: Vec<_> = rules
        .zip(&matching.failed)
        .map(|(rule, failed)| {
            let before = rule.when.iter().take_while(|expr| **expr != failed.clause.expr);
            let held = |expr: &String| Clause { expr: expr.clone(), held: true, error: None };
            let clauses = before.map(held).chain([failed.clause.clone()]).collect();
            Asked { rule: rule.name.clone(), held: false, clauses }
        })
        .collect();
    if let Some((rule, _, clauses)) = &matching.won {
        asked.push(Asked { rule: rule.clone(), held: true, clauses: clauses.clone() });
    }
    asked
}

/// Lists a pool's members as they stand when nothing has happened yet.
fn standings(config: &Config, pool: &Pool) -> Vec<Standing> {
    let standing = |member: &Member| {
        let person = config.people.get(&member.rep);
        let active = person.is_some_and(|person| person.active);
        Standing {
            rep: member.rep.clone(),
            weight: member.weight,
            position: 0,
            open: 0,
            capacity: person.and_then(|person| person.capacity).unwrap_or(0),
            ruled_out: (!active).then_some(PassedOver::Inactive),
        }
    };
    pool.members.iter().map(standing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use local::sample::{ORGANISATION, PUBLIC_URL};

    fn lead(country: &str) -> String {
        let subject = format!(r#"{{"email":"a@b.example","country":"{country}"}}"#);
        format!(r#"{{"type":"demo.requested","data":{{"subject":{subject}}}}}"#)
    }

    fn check(organisation: &Organisation, country: &str, kind: Option<&str>) -> (Value, String) {
        let lead = Lead::parse(&lead(country), &organisation.config).unwrap();
        let kind = kind.map(TypeKey::from);
        let at = DateTime::UNIX_EPOCH;
        let way = Way::of(organisation, &lead, kind.as_ref(), at).unwrap();
        (way.document(), way.text())
    }

    #[test]
    fn the_trace_says_which_rules_failed_by_which_clause_and_who_else_there_was() {
        let organisation = Organisation::sample(PUBLIC_URL).unwrap();
        let (document, text) = check(&organisation, "GB", None);
        let expr = "lead.country in ['US', 'CA', 'MX', 'BR']";
        let candidate = |rep: &str, passed_over: Value, position_after: u64| {
            json!({
                "rep": rep, "eligible": true, "passed_over": passed_over, "position_before": 0,
                "position_after": position_after, "open": 0, "capacity": 40,
            })
        };
        let expected = json!({
            "type": "hot_lead", "pool": "sdr_emea", "owner": "amara",
            "rule": "Inbound, everywhere else",
            "trace": {
                "rules": [
                    {
                        "rule": "Inbound, Americas", "held": false,
                        "clauses": [{ "expr": expr, "held": false }],
                    },
                    { "rule": "Inbound, everywhere else", "held": true, "clauses": [] },
                ],
                "candidates": [
                    candidate("amara", Value::Null, 720_720),
                    candidate("ben", "not_their_turn".into(), 0),
                ],
                "config_version": null,
            },
        });
        assert_eq!(document, expected);
        assert!(text.starts_with("Hot lead: Amara Okafor, SDR Europe\n"), "{text}");
    }

    #[test]
    fn clauses_that_held_before_the_one_that_failed_are_shown() {
        let when = "when = [\"lead.country in ['US', 'CA', 'MX', 'BR']\"]\npool = \"sdr_americas\"";
        let more =
            "when = [\"handoff.heat > 1\", \"lead.country == 'US'\"]\npool = \"sdr_americas\"";
        let text = ORGANISATION.replace(when, more);
        assert_ne!(text, ORGANISATION);
        let config = domain::config::load(&text).unwrap();
        let (document, _) = check(&Organisation { text, config }, "GB", None);
        let clauses = &document["trace"]["rules"][0]["clauses"];
        assert_eq!(clauses[0], json!({ "expr": "handoff.heat > 1", "held": true }));
        assert_eq!(clauses[1], json!({ "expr": "lead.country == 'US'", "held": false }));
    }

    #[test]
    fn a_type_that_is_named_wins_over_the_one_triggered() {
        let organisation = Organisation::sample(PUBLIC_URL).unwrap();
        let (document, _) = check(&organisation, "US", Some("expansion"));
        assert_eq!(
            (&document["owner"], &document["pool"]),
            (&"farid".into(), &"ae_americas".into())
        );
    }
}
