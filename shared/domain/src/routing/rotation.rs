//! Weighted rotation by virtual time: each assignment moves a member's position on by one turn
//! divided by their weight, and the lowest eligible position is next, ties by id.
//!
//! Stated bound: between two reps who are there and eligible for the same handoffs throughout,
//! positions differ by at most `max(TURN / wᵢ, TURN / wⱼ)`, whatever is given to others meanwhile;
//! so what each was given and kept, divided by their weights, differs by no more than that. What is
//! given back later, for a justified rejection, is owed on top of it until they have caught up.
//!
//! A position below the pool's floor belongs to somebody who was away, new, or at capacity: it is
//! raised to the floor before choosing, so that nobody is flooded on coming back; only what was
//! given back to them may keep them below it. The floor is the lowest position of those who were
//! there when somebody was last chosen, never lower than it was. It stands in the chosen
//! one's row, so nobody need record who left when; whoever runs ahead, because only they have a
//! skill or own an account, does not move it.

use super::{
    place::Daily,
    trace::{Candidate, PassedOver},
};
use crate::ids::PersonId;

/// One whole turn of weight 1; divisible by every weight up to 16, so that those positions are
/// exact.
pub const TURN: u64 = 720_720;

/// A member of a pool as they stand at the moment of choosing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Who.
    pub rep: PersonId,
    /// Their weight, at least 1.
    pub weight: u32,
    /// Their stored position; 0 for a newcomer.
    pub position: u64,
    /// The pool's floor when they were last chosen.
    pub floor: u64,
    /// How far below the floor they may stand: turns that were given back to them.
    pub owed: u64,
    /// How many handoffs they have open, over all pools.
    pub open: u32,
    /// How many they may have open.
    pub capacity: u32,
    /// What they were given today, where that is limited.
    pub daily: Option<Daily>,
    /// What rules them out, apart from capacity.
    pub ruled_out: Option<PassedOver>,
}

/// Who was chosen, and how everybody stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The rep whose turn it is; none when nobody is eligible.
    pub chosen: Option<PersonId>,
    /// Everybody, in the pool's order.
    pub candidates: Vec<Candidate>,
}

/// Tells how far one assignment moves a member of this weight on.
pub fn turn(weight: u32) -> u64 {
    TURN / u64::from(weight.max(1))
}

/// Tells from where a member is counted: no lower than the floor but for what they are owed.
pub fn raised(position: u64, floor: u64, owed: u64) -> u64 {
    position.max(floor.saturating_sub(owed))
}

/// Chooses whose turn it is.
pub fn choose(members: &[Standing]) -> Choice {
    choose_among(members, |_| true)
}

/// Chooses one rep if they can take it, whoever's turn it is; everybody else stands as they stood,
/// so that the floor stays where it is.
pub(super) fn choose_only(members: &[Standing], rep: &PersonId) -> Choice {
    choose_among(members, |member| member.rep == *rep)
}

fn choose_among(members: &[Standing], is_asked: impl Fn(&Standing) -> bool) -> Choice {
    let passed = |member: &Standing| {
        let full = (member.open >= member.capacity).then_some(PassedOver::AtCapacity);
        let day_full = member.daily.is_some_and(|daily| daily.taken >= daily.most);
        member.ruled_out.or(full).or(day_full.then_some(PassedOver::DayFull))
    };
    let floor = floor_of(members, passed);
    let eligible: Vec<&Standing> =
        members.iter().filter(|one| passed(one).is_none() && is_asked(one)).collect();
    let raised = |member: &Standing| raised(member.position, floor, member.owed);
    let chosen = eligible
        .iter()
        .min_by_key(|member| (raised(member), member.rep.clone()))
        .map(|member| member.rep.clone());
    let candidate = |member: &Standing| {
        let is_chosen = chosen.as_ref() == Some(&member.rep);
        let other_turn = (!is_chosen).then_some(PassedOver::NotTheirTurn);
        Candidate {
            rep: member.rep.clone(),
            passed_over: passed(member).or(other_turn),
            position_before: member.position,
            position_after: match is_chosen {
                true => raised(member) + turn(member.weight),
                false => member.position,
            },
            open: member.open,
            capacity: member.capacity,
            daily: member.daily,
            floor,
            owed: member.owed,
        }
    };
    Choice { candidates: members.iter().map(candidate).collect(), chosen }
}

/// Finds the pool's floor: the lowest position of those who are there, whether or not they may have
/// this handoff; never lower than it was.
fn floor_of(members: &[Standing], passed: impl Fn(&Standing) -> Option<PassedOver>) -> u64 {
    let before = members.iter().map(|member| member.floor).max().unwrap_or(0);
    let is_there = |member: &&Standing| {
        matches!(passed(member), None | Some(PassedOver::LacksSkill | PassedOver::HadIt))
    };
    let there = members.iter().filter(is_there).map(|member| member.position.max(before));
    there.min().unwrap_or(before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn member(rep: &str, weight: u32) -> Standing {
        Standing {
            rep: rep.into(),
            weight,
            position: 0,
            floor: 0,
            owed: 0,
            open: 0,
            capacity: 1_000_000,
            daily: None,
            ruled_out: None,
        }
    }

    /// Assigns once and returns who got it.
    fn assign(pool: &mut [Standing]) -> Option<PersonId> {
        let choice = choose(pool);
        for (member, candidate) in pool.iter_mut().zip(&choice.candidates) {
            member.position = candidate.position_after;
            if candidate.passed_over.is_none() {
                (member.open, member.floor) = (member.open + 1, candidate.floor);
                member.owed = candidate.owed_after();
            }
        }
        choice.chosen
    }

    #[test]
    fn weights_are_shares() {
        let mut pool = [member("amara", 1), member("bo", 2), member("chen", 3)];
        (0..600).for_each(|_| assert!(assign(&mut pool).is_some()));
        assert_eq!(pool.each_ref().map(|member| member.open), [100, 200, 300]);
    }

    /// Gives a member's last turn back, as the table does.
    fn give_back(member: &mut Standing) {
        let turn = turn(member.weight);
        member.position -= turn;
        member.owed += turn;
        member.open -= 1;
    }

    #[test]
    fn turns_that_are_given_back_late_are_made_up_for() {
        let mut pool = [member("amara", 1), member("bo", 1)];
        (0..21).for_each(|_| assert!(assign(&mut pool).is_some()));
        (0..5).for_each(|_| give_back(&mut pool[1]));
        assert_eq!(pool.each_ref().map(|member| member.open), [11, 5]);
        let next: Vec<_> = (0..6).filter_map(|_| assign(&mut pool)).collect();
        assert!(next.iter().all(|rep| rep.as_str() == "bo"), "{next:?}");
        (0..34).for_each(|_| assert!(assign(&mut pool).is_some()));
        assert_eq!(pool.each_ref().map(|member| member.open), [28, 28]);
        assert_eq!(pool.each_ref().map(|member| member.owed), [0, 0], "nothing is owed any more");
    }

    #[test]
    fn who_was_away_is_owed_no_more_than_was_given_back_to_them() {
        let mut pool = [member("amara", 1), member("bo", 1), member("chen", 1)];
        (0..30).for_each(|_| assert!(assign(&mut pool).is_some()));
        (0..2).for_each(|_| give_back(&mut pool[0]));
        pool[0].ruled_out = Some(PassedOver::Absent);
        (0..60).for_each(|_| assert!(assign(&mut pool).is_some()));
        pool[0].ruled_out = None;
        let next: Vec<_> = (0..8).filter_map(|_| assign(&mut pool)).collect();
        let hers = next.iter().filter(|rep| rep.as_str() == "amara").count();
        assert!((4..=5).contains(&hers), "two and her share of six: {next:?}");
    }

    #[test]
    fn nobody_eligible_is_said_with_each_reason() {
        let mut away = member("amara", 1);
        away.ruled_out = Some(PassedOver::Absent);
        let mut full = member("bo", 1);
        full.capacity = 0;
        let choice = choose(&[away, full]);
        assert_eq!(choice.chosen, None);
        let reasons: Vec<_> = choice.candidates.iter().map(|one| one.passed_over).collect();
        assert_eq!(reasons, [Some(PassedOver::Absent), Some(PassedOver::AtCapacity)]);
    }

    #[test]
    fn a_returning_rep_is_not_flooded() {
        let mut pool = [member("amara", 1), member("bo", 1), member("chen", 1)];
        pool[0].ruled_out = Some(PassedOver::Absent);
        (0..100).for_each(|_| assert!(assign(&mut pool).is_some()));
        pool[0].ruled_out = None;
        let next: Vec<_> = (0..6).filter_map(|_| assign(&mut pool)).collect();
        let hers = next.iter().filter(|rep| rep.as_str() == "amara").count();
        assert!((2..=3).contains(&hers), "{next:?}");
    }

    proptest! {
        /// Joins and leaves of others never unbalance two who are eligible throughout.
        #[test]
        fn two_reps_eligible_throughout_stay_within_the_bound(
            weights in proptest::collection::vec(1u32..=6, 2..6),
            away in proptest::collection::vec(any::<u8>(), 1..120),
        ) {
            let mut pool: Vec<_> = weights
                .iter()
                .enumerate()
                .map(|(index, weight)| member(&format!("rep{index}"), *weight))
                .collect();
            for mask in away {
                for (index, member) in pool.iter_mut().enumerate().skip(2) {
                    let gone = mask >> index & 1 == 1;
                    member.ruled_out = gone.then_some(PassedOver::Absent);
                }
                prop_assert!(assign(&mut pool).is_some());
                let apart = pool[0].position.abs_diff(pool[1].position);
                prop_assert!(apart <= turn(pool[0].weight).max(turn(pool[1].weight)));
            }
        }

        /// What two were given who are eligible for the same throughout is in proportion to their
        /// weights, whatever happens around them: others join, leave, fill up, are given many at
        /// once that only they can take, and all of them give back what was not right, at once or
        /// late; what is owed is made up for by whoever is there.
        #[test]
        fn shares_are_in_proportion_within_the_bound(
            weights in (1u32..=6, 1u32..=6),
            others in proptest::collection::vec(1u32..=6, 0..5),
            happens in proptest::collection::vec(any::<(u8, u8)>(), 1..300),
        ) {
            let mut pool = vec![member("rep3", weights.0), member("rep4", weights.1)];
            // By their ids, others come before and after the two.
            let more = others.iter().zip(["rep0", "rep9", "rep1", "rep8", "rep2"]);
            pool.extend(more.map(|(weight, rep)| member(rep, *weight)));
            for (what, who) in happens {
                let place = usize::from(who) % pool.len();
                match what % 8 {
                    0 | 1 if place >= 2 => {
                        let away = pool[place].ruled_out.is_none().then_some(PassedOver::Absent);
                        pool[place].ruled_out = away;
                    }
                    2 if place >= 2 => pool[place].capacity = pool[place].open,
                    3 if place >= 2 => pool[place].capacity = 1_000_000,
                    // Many at once that only one of the others can take.
                    4 if place >= 2 => for _ in 0..who {
                        let before: Vec<_> = pool.iter().map(|one| one.ruled_out).collect();
                        for (index, one) in pool.iter_mut().enumerate() {
                            let lacks = (index != place).then_some(PassedOver::LacksSkill);
                            one.ruled_out = one.ruled_out.or(lacks);
                        }
                        assign(&mut pool);
                        for (one, ruled_out) in pool.iter_mut().zip(before) {
                            one.ruled_out = ruled_out;
                        }
                    },
                    _ => {
                        let chosen = assign(&mut pool);
                        let chosen = pool.iter().position(|it| Some(&it.rep) == chosen.as_ref());
                        if let Some(chosen) = chosen.filter(|_| what % 8 == 7) {
                            give_back(&mut pool[chosen]);
                        }
                    }
                }
                // Some are given back long after the floor has moved on.
                if what % 16 == 15 && pool[place].open > 0 {
                    give_back(&mut pool[place]);
                }
                let [first, second] = [&pool[0], &pool[1]];
                let share = |one: &Standing| u64::from(one.open) * turn(one.weight);
                let most = turn(first.weight).max(turn(second.weight));
                let apart = share(first).abs_diff(share(second));
                let owed = first.owed.max(second.owed);
                prop_assert!(apart <= most + owed, "{} and {}", first.open, second.open);
            }
        }

        /// Whoever comes back, alone or with others, is not given more than their share.
        #[test]
        fn nobody_is_flooded_on_coming_back(
            weights in proptest::collection::vec(1u32..=4, 3..6),
            back in 1usize..3,
            before in 50usize..200,
        ) {
            let names = ["rep0", "rep1", "rep2", "rep3", "rep4"];
            let mut pool: Vec<_> =
                weights.iter().zip(names).map(|(weight, rep)| member(rep, *weight)).collect();
            for one in pool.iter_mut().take(back) {
                one.ruled_out = Some(PassedOver::Absent);
            }
            (0..before).for_each(|_| { assign(&mut pool); });
            for one in &mut pool {
                (one.ruled_out, one.open) = (None, 0);
            }
            let all: u32 = weights.iter().sum();
            (0..all).for_each(|_| { assign(&mut pool); });
            for one in &pool {
                prop_assert!(one.open <= one.weight + 1, "{} of weight {}", one.open, one.weight);
            }
        }

        /// No choice ever exceeds a capacity.
        #[test]
        fn capacity_is_never_exceeded(
            capacities in proptest::collection::vec(0u32..4, 1..6),
            times in 0usize..30,
        ) {
            let mut pool: Vec<_> = capacities
                .iter()
                .enumerate()
                .map(|(index, capacity)| Standing {
                    capacity: *capacity,
                    ..member(&format!("rep{index}"), 1)
                })
                .collect();
            for _ in 0..times {
                assign(&mut pool);
                prop_assert!(pool.iter().all(|member| member.open <= member.capacity));
            }
        }
    }
}
