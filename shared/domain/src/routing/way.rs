//! Where a handoff goes: the account's owner, else the pool by the rules or by request, the rep by
//! rotation; where a pool has nobody, whoever it says is asked otherwise.
//!
//! A function of what was read. It reads nothing itself: where it needs the places of a pool nobody
//! has read yet it says so, and is asked again with them. What must stay true: the same inputs give
//! the same way and the same trace, byte for byte.

use super::{
    account::{OwnedBy, account_owner},
    place::{Place, Places, Wanted},
    rotation::{Choice, Standing, choose, choose_only},
    rules::{Match, Rules},
    trace::{AccountOwner, Candidate, PassedOver, Trace, Tried},
};
use crate::{
    config::{Config, Otherwise, Pool},
    decide::Command,
    handoff::Handoff,
    ids::{PersonId, PoolId},
    package::Package,
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// A handoff that asks for an owner, and everything that decides who.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The handoff.
    pub handoff: &'a Handoff,
    /// What is known of the lead.
    pub package: &'a Package,
    /// The configuration in force.
    pub config: &'a Config,
    /// Its rules.
    pub rules: &'a Rules,
    /// The time.
    pub now: DateTime<Utc>,
}

/// The places of this pool have to be read first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread(pub PoolId);

/// Where a handoff goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Who gets it, and from which pool; none when nobody can.
    pub owner: Option<(PersonId, PoolId)>,
    /// The rule that named the pool.
    pub rule: Option<String>,
    /// Whose turn it takes; none where it is nobody's turn, as with a manager.
    pub taken: Option<(PoolId, Candidate)>,
    /// How many the owner may have open, where that is limited and it is nobody's turn.
    pub at_most: Option<u32>,
    /// Why nobody gets it, in one line: the same situation always in the same words.
    pub reason: String,
    /// When somebody may be there who is not now.
    pub back_at: Option<DateTime<Utc>>,
    /// Why.
    pub trace: Trace,
}

impl Way {
    /// Makes the command that goes this way.
    pub fn command(self) -> Command {
        let trace = Box::new(self.trace);
        match self.owner {
            Some((owner, pool)) => Command::Assign { owner, pool, rule: self.rule, trace },
            None => Command::LeaveUnrouted { reason: self.reason, back_at: self.back_at, trace },
        }
    }
}

/// Finds the way of a handoff.
///
/// # Errors
/// `Unread` while the places of a pool are missing.
pub fn route(asking: Asking<'_>, places: &Places) -> Result<Way, Unread> {
    let Asked { pool, skills, trace } = asked(asking);
    let rule = trace.rule.clone();
    let mut walk = Walk { asking, skills, places, trace, rule, back_at: None };
    if walk.asking.by_request().is_none()
        && let Some(way) = walk.ask_the_accounts_owner(pool.as_ref())?
    {
        return Ok(way);
    }
    match pool.as_ref().map(|pool| (pool, asking.config.pools.contains_key(pool))) {
        None => Ok(walk.nowhere("no rule matches".to_owned())),
        Some((gone, false)) => Ok(walk.nowhere(format!("there is no pool {gone} any more"))),
        Some((pool, true)) => match walk.through(pool)? {
            Some(way) => Ok(way),
            None => {
                let reasons = walk.trace.tried.iter().map(|tried| tried.why.as_str());
                let reason = reasons.collect::<Vec<_>>().join("; ");
                walk.trace.tried.retain(|tried| tried.pool != *pool);
                Ok(walk.nowhere(reason))
            }
        },
    }
}

/// Asks something of the ways as if nobody had anything open or had had a turn.
pub fn afresh<T>(asked: impl Fn(&Places) -> Result<T, Unread>) -> T {
    let mut places = Places::new();
    loop {
        match asked(&places) {
            Ok(answer) => return answer,
            Err(Unread(pool)) => places.insert(pool, BTreeMap::new()),
        };
    }
}

impl Asking<'_> {
    /// Finds the pool a standing request names.
    fn by_request(&self) -> Option<&PoolId> {
        self.handoff.routing.as_ref().and_then(|routing| routing.pool.as_ref())
    }
}

/// The pool that is asked, and why.
struct Asked {
    pool: Option<PoolId>,
    skills: BTreeSet<String>,
    trace: Trace,
}

/// Finds the pool: the one the request names, else the first rule's whose clauses all hold.
fn asked(asking: Asking<'_>) -> Asked {
    let Asking { handoff, package, config, rules, now } = asking;
    let mut trace = Trace { config_version: config.version, ..Trace::default() };
    if let Some(pool) = asking.by_request().cloned() {
        trace.pool = Some(pool.clone());
        return Asked { pool: Some(pool), skills: BTreeSet::new(), trace };
    }
    let Match { won, failed, failed_count } = rules.matching(config, handoff, package, now);
    trace.more_failed = failed_count.saturating_sub(failed.len());
    trace.failed = failed;
    let Some(won) = won else {
        return Asked { pool: None, skills: BTreeSet::new(), trace };
    };
    trace.rule = Some(won.rule);
    trace.pool = Some(won.pool.clone());
    trace.clauses = won.clauses;
    trace.skills.clone_from(&won.skills);
    Asked { pool: Some(won.pool), skills: won.skills, trace }
}

/// A walk from pool to pool until somebody can take it.
struct Walk<'a> {
    asking: Asking<'a>,
    skills: BTreeSet<String>,
    places: &'a Places,
    trace: Trace,
    rule: Option<String>,
    back_at: Option<DateTime<Utc>>,
}

impl<'a> Walk<'a> {
    /// Gives it to the owner of the lead's account, if they may take it: skills are not asked, for
    /// they know the account.
    fn ask_the_accounts_owner(&mut self, asked: Option<&PoolId>) -> Result<Option<Way>, Unread> {
        let Asking { handoff, package, config, .. } = self.asking;
        let Some(OwnedBy { person: rep, because }) = account_owner(config, package) else {
            return Ok(None);
        };
        let theirs = |id: &PoolId, pool: &Pool| {
            let is_member = pool.members.iter().any(|member| member.rep == rep);
            is_member && (pool.team == handoff.to || Some(id) == asked)
        };
        let of_the_rule = asked.and_then(|asked| config.pools.get_key_value(asked));
        let mut pools = of_the_rule.into_iter().chain(&config.pools);
        let Some((id, pool)) = pools.find(|(id, pool)| theirs(id, pool)) else { return Ok(None) };
        let skills = std::mem::take(&mut self.skills);
        let standings = self.standings(id, pool)?;
        self.skills = skills;
        let choice = choose_only(&standings, &rep);
        let theirs = choice.candidates.iter().find(|one| one.rep == rep);
        let passed_over = theirs.and_then(|one| one.passed_over);
        self.trace.account_owner = Some(AccountOwner { rep: rep.clone(), because, passed_over });
        if choice.chosen.is_none() {
            return Ok(None);
        }
        Ok(Some(self.chosen(id, choice)))
    }

    /// Asks a pool and, where it has nobody, whoever it says is asked otherwise, in that order.
    fn through(&mut self, id: &PoolId) -> Result<Option<Way>, Unread> {
        let Some(pool) = self.asking.config.pools.get(id) else { return Ok(None) };
        let standings = self.standings(id, pool)?;
        let choice = choose(&standings);
        if choice.chosen.is_some() {
            return Ok(Some(self.chosen(id, choice)));
        }
        self.back_at = self.back_at.into_iter().chain(self.back(id, pool, &choice)).min();
        let why = why_nobody(pool, &choice.candidates);
        self.trace.tried.push(Tried { pool: id.clone(), why });
        for otherwise in &pool.otherwise {
            let way = match otherwise {
                Otherwise::NextOnShift => self.ask_who_is_next_on_shift(id, pool, &standings),
                Otherwise::Manager => self.ask_the_manager(id, &choice),
                Otherwise::Pool(other) if self.has_tried(other) => None,
                Otherwise::Pool(other) => {
                    // Somebody without the skill is better than nobody.
                    let skills = std::mem::take(&mut self.skills);
                    let way = self.through(other)?;
                    self.skills = skills;
                    way
                }
            };
            if way.is_some() {
                return Ok(way);
            }
        }
        if self.trace.tried.first().is_some_and(|first| first.pool == *id) {
            self.trace.candidates = choice.candidates;
        }
        Ok(None)
    }

    fn has_tried(&self, pool: &PoolId) -> bool {
        self.trace.tried.iter().any(|tried| tried.pool == *pool)
    }

    /// Gives it to whoever comes on shift first; of several at once, to whose turn it is.
    fn ask_who_is_next_on_shift(
        &mut self,
        id: &PoolId,
        pool: &Pool,
        all: &[Standing],
    ) -> Option<Way> {
        let off = PassedOver::OffShift;
        let mut resting: Vec<Standing> = all.to_vec();
        for standing in resting.iter_mut().filter(|one| one.ruled_out == Some(off)) {
            standing.ruled_out = None;
        }
        let comes = |rep: &PersonId| self.wanted().back_at(pool, rep, off, &self.place(id, rep));
        let could = choose(&resting).candidates.into_iter().filter(Candidate::eligible);
        let first = could.filter_map(|one| comes(&one.rep)).min()?;
        let later = |one: &Standing| one.ruled_out.is_none() && comes(&one.rep) != Some(first);
        for standing in resting.iter_mut().filter(|one| later(one)) {
            standing.ruled_out = Some(off);
        }
        let choice = choose(&resting);
        self.trace.otherwise = Some("next_on_shift".to_owned());
        Some(self.chosen(id, choice))
    }

    /// Gives it to the pool's manager, who takes no turn.
    fn ask_the_manager(&mut self, id: &PoolId, choice: &Choice) -> Option<Way> {
        let Asking { handoff, config, now, .. } = self.asking;
        let manager = config.role(Some(id), "manager")?;
        let had = handoff.had.contains(manager) || handoff.owner.as_ref() == Some(manager);
        let (person, place) = (config.people.get(manager)?, self.place(id, manager));
        let full = person.capacity.is_some_and(|capacity| place.open >= capacity);
        let begins_later = person.starts.is_some_and(|starts| config.day_of(now) < starts);
        if had || full || begins_later || place.is_away(now) {
            return None;
        }
        self.trace.otherwise = Some("manager".to_owned());
        let (owner, at_most) = (Some(manager.clone()), person.capacity);
        Some(Way { at_most, ..self.given(id, owner, choice.candidates.clone(), None) })
    }

    fn chosen(&mut self, pool: &PoolId, choice: Choice) -> Way {
        let Choice { chosen, candidates } = choice;
        let taken = candidates.iter().find(|one| Some(&one.rep) == chosen.as_ref()).cloned();
        self.given(pool, chosen, candidates, taken)
    }

    fn given(
        &mut self,
        pool: &PoolId,
        owner: Option<PersonId>,
        candidates: Vec<Candidate>,
        taken: Option<Candidate>,
    ) -> Way {
        let mut trace = std::mem::take(&mut self.trace);
        trace.tried.retain(|tried| tried.pool != *pool);
        (trace.pool, trace.candidates) = (Some(pool.clone()), candidates);
        Way {
            owner: owner.map(|owner| (owner, pool.clone())),
            rule: self.rule.clone(),
            taken: taken.map(|taken| (pool.clone(), taken)),
            at_most: None,
            reason: String::new(),
            back_at: None,
            trace: trace.bounded(),
        }
    }

    fn nowhere(self, reason: String) -> Way {
        let (trace, back_at) = (self.trace.bounded(), self.back_at);
        Way { owner: None, rule: self.rule, taken: None, at_most: None, reason, back_at, trace }
    }

    /// Tells how a pool's members stand.
    fn standings(&self, id: &PoolId, pool: &Pool) -> Result<Vec<Standing>, Unread> {
        if !self.places.contains_key(id) {
            return Err(Unread(id.clone()));
        }
        let wanted = self.wanted();
        let standing = |member| wanted.standing(pool, member, &self.place(id, &member.rep));
        Ok(pool.members.iter().map(standing).collect())
    }

    fn wanted(&self) -> Wanted<'_> {
        let Asking { config, handoff, now, .. } = self.asking;
        Wanted { config, handoff, skills: &self.skills, now }
    }

    fn place(&self, pool: &PoolId, rep: &PersonId) -> Place {
        let known = self.places.get(pool).and_then(|places| places.get(rep));
        known.cloned().unwrap_or_default()
    }

    /// Finds when the first of a pool's reps may be back.
    fn back(&self, id: &PoolId, pool: &Pool, choice: &Choice) -> Option<DateTime<Utc>> {
        let back = |one: &Candidate| {
            self.wanted().back_at(pool, &one.rep, one.passed_over?, &self.place(id, &one.rep))
        };
        choice.candidates.iter().filter_map(back).min()
    }
}

/// Says why a pool has nobody, in one line.
fn why_nobody(pool: &Pool, candidates: &[Candidate]) -> String {
    let count = |code| candidates.iter().filter(|one| one.passed_over == Some(code)).count();
    let reasons: Vec<String> = [
        (PassedOver::AtCapacity, "at capacity"),
        (PassedOver::DayFull, "had enough today"),
        (PassedOver::Absent, "away"),
        (PassedOver::OffShift, "not on shift"),
        (PassedOver::LacksSkill, "without the skill"),
        (PassedOver::HadIt, "had it already"),
        (PassedOver::NotStarted, "not begun yet"),
        (PassedOver::Inactive, "inactive"),
    ]
    .into_iter()
    .filter_map(|(code, words)| match count(code) {
        0 => None,
        count => Some(format!("{count} {words}")),
    })
    .collect();
    match reasons.is_empty() {
        true => format!("{} has no reps", pool.name),
        false => format!("nobody in {} can take it: {}", pool.name, reasons.join(", ")),
    }
}

#[cfg(test)]
mod tests;
