//! What would have had to differ for a named rep to get a handoff: the question everybody asks who
//! did not get it.
//!
//! It is answered from the inputs of the choice itself, by asking again what stood in the way: the
//! account's owner, the rules, the rep, the turn.

use super::{
    place::{Places, Wanted},
    rotation::{choose, turn},
    rules::{Won, skill_of},
    trace::{PassedOver, RuleFailed},
    way::{Asking, Unread, route},
};
use crate::ids::{PersonId, PoolId};
use std::collections::BTreeSet;

/// Says what would have had to differ, one sentence each, in the order in which it stood in the
/// way; nothing where they got it.
///
/// # Errors
/// `Unread` while the places of a pool are missing.
pub fn lacking(asking: Asking<'_>, places: &Places, rep: &PersonId) -> Result<Vec<String>, Unread> {
    let way = route(asking, places)?;
    if way.owner.as_ref().is_some_and(|(owner, _)| owner == rep) {
        return Ok(Vec::new());
    }
    let config = asking.config;
    let Some(person) = config.people.get(rep) else {
        return Ok(vec![format!("The configuration would have to know somebody called `{rep}`.")]);
    };
    let name = &person.name;
    let mut said = Vec::new();
    if let Some(owner) = way.trace.account_owner.filter(|owner| owner.passed_over.is_none()) {
        let owner = config.name_of(&owner.rep);
        said.push(format!(
            "{owner} would have to own the account no longer, or not be able to take it."
        ));
    }
    let (pool, skills, by_rules) = asked(asking);
    let is_theirs = |pool: &PoolId| config.pools_of(rep).any(|theirs| theirs == pool);
    let theirs = match pool.filter(is_theirs) {
        Some(pool) => pool,
        None => {
            said.extend(by_rules(rep));
            let wanted = |pool: &&PoolId| {
                config.pools.get(*pool).is_some_and(|pool| pool.team == asking.handoff.to)
            };
            match config.pools_of(rep).find(wanted) {
                Some(pool) => pool.clone(),
                None => {
                    let team = &asking.handoff.to;
                    said.push(format!(
                        "{name} would have to be in a pool of the receiving team, {team}."
                    ));
                    return Ok(said);
                }
            }
        }
    };
    said.extend(in_the_pool(asking, places, (&theirs, rep), &skills)?);
    Ok(said)
}

/// Finds the pool that is asked first and its skills, and what to say of rules to somebody in other
/// pools.
fn asked<'a>(
    asking: Asking<'a>,
) -> (Option<PoolId>, BTreeSet<String>, impl Fn(&PersonId) -> Vec<String> + 'a) {
    let Asking { handoff, package, config, rules, now } = asking;
    let request = handoff.routing.as_ref().and_then(|routing| routing.pool.clone());
    let won = rules.first(config, (handoff, package), now);
    let skills = match (&request, &won) {
        (None, Some(won)) => won.skills.clone(),
        _ => BTreeSet::new(),
    };
    let pool = request.clone().or(won.as_ref().map(|won| won.pool.clone()));
    let say = move |rep: &PersonId| match &request {
        Some(pool) => {
            let pool = config.pools.get(pool).map_or(pool.as_str(), |pool| pool.name.as_str());
            vec![format!("It would have to be asked for in another pool than {pool}.")]
        }
        None => of_the_rules(asking, won.as_ref(), rep),
    };
    (pool, skills, say)
}

/// Says which rules name a pool of theirs, and why each was not the one.
fn of_the_rules(asking: Asking<'_>, won: Option<&Won>, rep: &PersonId) -> Vec<String> {
    let Asking { handoff, package, config, rules: compiled, now } = asking;
    let for_type =
        |types: &[crate::ids::TypeKey]| types.is_empty() || types.contains(&handoff.kind);
    let theirs = |pool: &PoolId| config.pools_of(rep).any(|known| known == pool);
    let rules = config.rules.iter().enumerate();
    let rules = rules.filter(|(_, rule)| for_type(&rule.types) && theirs(&rule.pool));
    let winner = won.map(|won| won.rule.as_str());
    let sentence = |(position, rule): (usize, &crate::config::Rule)| {
        let failed = compiled.failing(position, config, (handoff, package), now);
        match (failed, winner) {
            (Some(RuleFailed { clause, .. }), _) => {
                format!("`{}` would have to hold, for rule {}.", clause.expr, rule.name)
            }
            (None, Some(winner)) => {
                format!("Rule {} would have to hold before rule {winner}.", rule.name)
            }
            (None, None) => format!("Rule {} would have to hold.", rule.name),
        }
    };
    let said: Vec<String> = rules.map(sentence).collect();
    match said.is_empty() {
        true => vec!["A rule for this type would have to name a pool of theirs.".to_owned()],
        false => said,
    }
}

/// Says what stood in the way within a pool.
fn in_the_pool(
    asking: Asking<'_>,
    places: &Places,
    (id, rep): (&PoolId, &PersonId),
    skills: &BTreeSet<String>,
) -> Result<Vec<String>, Unread> {
    let Asking { handoff, config, now, .. } = asking;
    let known = places.get(id).ok_or_else(|| Unread(id.clone()))?;
    let Some(pool) = config.pools.get(id) else { return Ok(Vec::new()) };
    let wanted = Wanted { config, handoff, skills, now };
    let place = |rep: &PersonId| known.get(rep).cloned().unwrap_or_default();
    let standings: Vec<_> = pool
        .members
        .iter()
        .map(|member| wanted.standing(pool, member, &place(&member.rep)))
        .collect();
    let choice = choose(&standings);
    let name = config.name_of(rep);
    let Some((mine, standing)) =
        choice.candidates.iter().zip(&standings).find(|(candidate, _)| candidate.rep == *rep)
    else {
        return Ok(Vec::new());
    };
    let back = |why| {
        let at = wanted.back_at(pool, rep, why, &place(rep));
        let zone = config.organisation.timezone;
        at.map(|at| format!(", as from {}", at.with_timezone(&zone).format("%-d %b %Y %H:%M")))
            .unwrap_or_default()
    };
    let sentence = match mine.passed_over {
        None => return Ok(Vec::new()),
        Some(PassedOver::Inactive) => format!("{name} would have to be active."),
        Some(why @ PassedOver::NotStarted) => {
            format!("{name} would have to have begun{}.", back(why))
        }
        Some(why @ PassedOver::Absent) => format!("{name} would have to be back{}.", back(why)),
        Some(why @ PassedOver::OffShift) => {
            format!("{name} would have to be on shift{}.", back(why))
        }
        Some(PassedOver::LacksSkill) => {
            let person = config.people.get(rep);
            let has = |skill: &&String| {
                person.is_some_and(|one| one.skills.iter().any(|it| skill_of(it) == **skill))
            };
            let missing: Vec<&str> =
                skills.iter().filter(|skill| !has(skill)).map(String::as_str).collect();
            format!("{name} would have to have the skill {}.", missing.join(", "))
        }
        Some(PassedOver::AtCapacity) => format!(
            "{name} would have to have fewer than {} open: there are {}.",
            mine.capacity, mine.open
        ),
        Some(PassedOver::DayFull) => {
            let most = mine.daily.map_or(0, |daily| daily.most);
            format!("{name} would have to have been given fewer than {most} today.")
        }
        Some(PassedOver::HadIt) => format!("{name} would have to not have had it already."),
        Some(PassedOver::NotTheirTurn) => {
            let next = choice.candidates.iter().find(|one| one.passed_over.is_none());
            let ahead =
                next.map_or(0, |next| mine.position_before.saturating_sub(next.position_before));
            let whole = turn(standing.weight);
            // At one position the id decides.
            let ties = next.is_some_and(|next| *rep < next.rep) && ahead % whole == 0;
            let turns = ahead / whole + u64::from(!ties);
            let winner = next.map_or("somebody", |next| config.name_of(&next.rep));
            format!("{winner} was next in turn: {name} would have to have had {turns} fewer.")
        }
    };
    Ok(vec![sentence])
}
