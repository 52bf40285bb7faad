//! What a roster can get wrong: reps whom nothing reaches, pools that ask somebody who is not there,
//! skills nobody has.

use super::{Lint, keys};
use crate::{
    config::{Otherwise, Pool, test_leads::is_address},
    routing::skill_of,
};
use std::collections::BTreeSet;

/// The heaviest share a rep may have: a turn is divided by it.
const WEIGHT_MAX: u32 = 1_000;

impl Lint<'_, '_> {
    pub(super) fn people(&mut self) {
        for (id, person) in &self.config.people {
            if let Some(calendar) = &person.calendar {
                self.calendar(&["people", id.as_str(), "calendar"], calendar.as_str());
            }
            if !is_address(&person.email) {
                let message =
                    format!("`{}` is no address: `{id}` could not be mailed.", person.email);
                let help = "Write their work address, such as `ada@acme.example`.";
                self.report(&["people", id.as_str(), "email"], "wrong-address", message, help);
            }
            if person.capacity_per_day == Some(0) {
                let message = format!("`{id}` may be given nothing on any day.");
                let help = "Write 1 or more, or `active = false`.";
                self.report(
                    &["people", id.as_str(), "capacity_per_day"],
                    "no-capacity",
                    message,
                    help,
                );
            }
        }
    }

    pub(super) fn pools(&mut self) {
        for (id, pool) in &self.config.pools {
            let id = id.as_str();
            for (role, person) in &pool.roles {
                self.person(&["pools", id, "roles", role], person.as_str());
            }
            if let Some(calendar) = &pool.calendar {
                self.calendar(&["pools", id, "calendar"], calendar.as_str());
            }
            if pool.members.is_empty() && pool.otherwise.is_empty() {
                let message = format!("Pool `{id}` has no reps: nobody could take its handoffs.");
                let help = "Add `members = [{ rep = \"…\" }]`, or say who is asked `otherwise`.";
                self.report(&["pools", id, "members"], "empty-pool", message, help);
            }
            self.members(id, pool);
            self.otherwise(id, pool);
        }
    }

    fn members(&mut self, id: &str, pool: &Pool) {
        let mut seen = BTreeSet::new();
        for (index, member) in pool.members.iter().enumerate() {
            let index = index.to_string();
            let path = ["pools", id, "members", &index, "rep"];
            self.person(&path, member.rep.as_str());
            if !seen.insert(&member.rep) {
                let message = format!("`{}` is in this pool twice.", member.rep);
                self.report(&path, "twice", message, "Give them a `weight` instead.");
            }
            let Some(known) = self.config.people.get(&member.rep) else { continue };
            if known.capacity.is_none() {
                let message = format!("`{}` has no capacity.", member.rep);
                let help = "Give them `capacity = 20`, or take them out of the pool.";
                self.report(&path, "no-capacity", message, help);
            }
            if member.weight == 0 {
                let message = format!("`{}` has no weight.", member.rep);
                let help = "Write 1 or more, or take them out of the pool.";
                self.report(&path, "no-weight", message, help);
            }
            if member.weight > WEIGHT_MAX {
                let message = format!("`{}` has more than {WEIGHT_MAX} shares.", member.rep);
                let help = "Weights are relative: 1 and 2 do what 1000 and 2000 do.";
                self.report(&path, "wrong-weight", message, help);
            }
            if pool.on_shift && known.calendar.is_none() && pool.calendar.is_none() {
                let message =
                    format!("`{}` has no working hours, and this pool asks for them.", member.rep);
                let help = "Give them or the pool a `calendar`.";
                self.report(&path, "no-shift", message, help);
            }
        }
    }

    fn otherwise(&mut self, id: &str, pool: &Pool) {
        for (index, otherwise) in pool.otherwise.iter().enumerate() {
            let index = index.to_string();
            let path = ["pools", id, "otherwise", &index];
            match otherwise {
                Otherwise::Pool(other) if other.as_str() == id => {
                    let message = "A pool does not ask itself.".to_owned();
                    self.report(&path, "asks-itself", message, "Take it out.");
                }
                Otherwise::Pool(other) if !self.config.pools.contains_key(other) => {
                    let message = format!("There is no pool `{other}`.");
                    self.report(
                        &path,
                        "unknown-pool",
                        message,
                        &keys(other.as_str(), self.config.pools.keys()),
                    );
                }
                Otherwise::NextOnShift if !pool.on_shift => {
                    let message = "This pool does not ask who is on shift.".to_owned();
                    let help = "Add `on_shift = true`, or take `next_on_shift` out.";
                    self.report(&path, "no-shift", message, help);
                }
                _ => {}
            }
        }
    }

    /// Reports a rule that asks for a skill which nobody in its pool has.
    pub(super) fn skills(&mut self) {
        for (index, rule) in self.config.rules.iter().enumerate() {
            let pool = self.config.pools.get(&rule.pool);
            // Where another pool is asked otherwise, nobody need have it here.
            let Some(pool) = pool.filter(|pool| pool.otherwise.is_empty()) else { continue };
            let people = pool.members.iter().filter_map(|one| self.config.people.get(&one.rep));
            let has = |skills: &[String], skill: &str| {
                skills.iter().any(|known| skill_of(known) == skill_of(skill))
            };
            let people: Vec<_> = people.collect();
            for (place, skill) in rule.skills.iter().enumerate() {
                if people.iter().any(|person| has(&person.skills, skill)) {
                    continue;
                }
                let path = ["rules", &index.to_string(), "skills", &place.to_string()];
                let message = format!("Nobody in pool `{}` has the skill `{skill}`.", rule.pool);
                let help = "Add it to somebody's `skills`, or take it out.";
                self.report(&path, "unknown-skill", message, help);
            }
        }
    }
}
