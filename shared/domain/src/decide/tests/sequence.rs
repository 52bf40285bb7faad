//! The sequence of touches: begun, done, missed, over, in whatever order it is told.

use super::*;

#[test]
fn accepting_begins_the_sequence_and_a_reply_ends_it() {
    let config = config();
    let handoff = assigned(&config, "mql", "amara", "sdr_emea");
    let now = at("2026-01-05T10:10:00Z");
    let accepted = step(&config, handoff, Command::Accept { by: "amara".into() }, now);
    let tasks: Vec<(&str, DateTime<Utc>)> =
        accepted.tasks.iter().map(|task| (task.name.as_str(), task.due_at)).collect();
    let by = |hours| now + Duration::hours(hours);
    assert_eq!(tasks, [("first_email", by(1)), ("call", by(4)), ("follow_up", by(28))]);
    let emailed = at("2026-01-05T10:30:00Z");
    let emailed = step(&config, accepted, touch("email", emailed, Some("amara")), emailed);
    assert_eq!(emailed.tasks[0].state, TaskState::Done);
    let (missed, taken) = tick_until(&config, emailed, "2026-01-05T14:10:00Z");
    assert!(matches!(&taken[0].1, Change::TaskMissed { task, .. } if task == "call"), "{taken:?}");
    let called = at("2026-01-05T15:00:00Z");
    let called = step(&config, missed, touch("phone", called, Some("amara")), called);
    assert_eq!(called.tasks[1].state, TaskState::Done, "late, and done");
    let replied = step(&config, called, Command::Reply { at: now }, by(6));
    assert_eq!(replied.tasks[2].state, TaskState::Ended);
    let facts = Facts { active: &config, pinned: &config };
    let again = decide(&replied, Command::Reply { at: now }, facts, by(7));
    assert_eq!(again, Ok(vec![Change::Noted]), "recorded, and nothing is left to end");
}

#[test]
fn a_touch_that_is_an_acceptance_begins_the_sequence_and_does_its_first() {
    let config = config();
    let handoff = assigned(&config, "mql", "amara", "sdr_emea");
    let now = at("2026-01-05T10:10:00Z");
    let touched = step(&config, handoff, touch("phone", now, Some("amara")), now);
    let states: Vec<TaskState> = touched.tasks.iter().map(|task| task.state).collect();
    assert_eq!(states, [TaskState::Open, TaskState::Done, TaskState::Open]);
}

#[test]
fn whoever_takes_it_after_a_rejection_begins_the_sequence_anew() {
    let config = config();
    let handoff = assigned(&config, "mql", "amara", "sdr_emea");
    let accept = |by: &str| Command::Accept { by: by.into() };
    let accepted = step(&config, handoff, accept("amara"), at("2026-01-05T10:10:00Z"));
    let reject = Command::Reject { by: "amara".into(), reason: "duplicate".to_owned() };
    let returned = step(&config, accepted, reject, at("2026-01-05T10:20:00Z"));
    assert!(returned.tasks.is_empty(), "nobody has anything to do");
    let again = step(&config, returned, Command::Resubmit, at("2026-01-05T11:00:00Z"));
    let command = Command::Assign {
        owner: "ben".into(),
        pool: "sdr_emea".into(),
        rule: None,
        trace: Box::new(Trace::default()),
    };
    let given = step(&config, again, command, at("2026-01-05T11:00:00Z"));
    let taken = step(&config, given, accept("ben"), at("2026-01-05T12:00:00Z"));
    assert_eq!(taken.tasks[0].due_at, at("2026-01-05T13:00:00Z"));
}

#[test]
fn a_second_email_on_the_first_day_is_not_the_next_days() {
    let config = config();
    let handoff = assigned(&config, "mql", "amara", "sdr_emea");
    let now = at("2026-01-05T10:10:00Z");
    let mut handoff = step(&config, handoff, Command::Accept { by: "amara".into() }, now);
    for minute in ["2026-01-05T10:20:00Z", "2026-01-05T10:30:00Z"] {
        handoff = step(&config, handoff, touch("email", at(minute), Some("amara")), at(minute));
    }
    assert_eq!(handoff.tasks[2].state, TaskState::Open);
}

/// Reads the states of the tasks, in order.
fn states(handoff: &Handoff) -> Vec<TaskState> {
    handoff.tasks.iter().map(|task| task.state).collect()
}

/// A handoff that amara accepted at 10:10: an email until 11:10, a call until 14:10, an email the
/// next day.
fn accepted(config: &Config) -> Handoff {
    let handoff = assigned(config, "mql", "amara", "sdr_emea");
    let accept = Command::Accept { by: "amara".into() };
    step(config, handoff, accept, at("2026-01-05T10:10:00Z"))
}

#[test]
fn a_reply_ends_it_at_its_own_time_however_late_it_is_told() {
    use TaskState::{Ended, Missed};
    let config = config();
    let reply = |when: &str| Command::Reply { at: at(when) };
    let told_at = at("2026-01-05T16:00:00Z");
    // No sweep has looked yet: what was due before the reply is missed.
    let unseen = step(&config, accepted(&config), reply("2026-01-05T12:00:00Z"), told_at);
    assert_eq!(states(&unseen), [Missed, Ended, Ended]);
    // The sweep saw the call missed: the reply was before it.
    let (seen, _) = tick_until(&config, accepted(&config), "2026-01-05T15:00:00Z");
    assert_eq!(states(&seen)[..2], [Missed, Missed]);
    let changes = decided(&config, &seen, reply("2026-01-05T12:00:00Z"), told_at).unwrap();
    let [Change::CadenceEnded { was, .. }] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!(was.len(), 1, "the call need not have been made");
    let seen = seen.after(&changes, told_at);
    assert_eq!(states(&seen), [Missed, Ended, Ended]);
    // An earlier one is told later still.
    let earlier = step(&config, seen, reply("2026-01-05T10:30:00Z"), told_at);
    assert_eq!(states(&earlier), [Ended, Ended, Ended]);
    assert_eq!(earlier.answered_at, Some(at("2026-01-05T10:30:00Z")));
    let later = decided(&config, &earlier, reply("2026-01-05T12:00:00Z"), told_at);
    assert_eq!(later, Ok(vec![Change::Noted]), "nothing more ends");
}

#[test]
fn nothing_begins_once_they_have_replied() {
    let config = config();
    let handoff = assigned(&config, "mql", "amara", "sdr_emea");
    let reply = Command::Reply { at: at("2026-01-05T10:05:00Z") };
    let replied = step(&config, handoff, reply, at("2026-01-05T10:05:00Z"));
    let accept = Command::Accept { by: "amara".into() };
    let accepted = step(&config, replied, accept, at("2026-01-05T10:10:00Z"));
    assert_eq!(accepted.tasks, []);
    // A reply from before the trigger answers something else.
    let before = Command::Reply { at: at("2026-01-05T09:00:00Z") };
    let handoff = assigned(&config, "mql", "amara", "sdr_emea");
    let noted = decided(&config, &handoff, before, at("2026-01-05T10:05:00Z"));
    assert_eq!(noted, Ok(vec![Change::Noted]));
}

#[test]
fn a_touch_in_time_takes_back_that_its_task_was_missed() {
    let config = config();
    let (missed, _) = tick_until(&config, accepted(&config), "2026-01-05T12:00:00Z");
    assert_eq!(states(&missed)[0], TaskState::Missed);
    let emailed = touch("email", at("2026-01-05T11:00:00Z"), Some("amara"));
    let changes = decided(&config, &missed, emailed, at("2026-01-05T12:30:00Z")).unwrap();
    let done = changes.iter().find_map(|change| match change {
        Change::TaskDone { late, was, .. } => Some((*late, was.as_ref()?.owner.clone())),
        _ => None,
    });
    assert_eq!(done, Some((false, Some("amara".into()))), "{changes:?}");
}

#[test]
fn a_task_done_late_was_missed_first_also_when_no_sweep_has_looked() {
    let config = config();
    let emailed = at("2026-01-05T11:30:00Z");
    let changes =
        decided(&config, &accepted(&config), touch("email", emailed, Some("amara")), emailed);
    let tasks: Vec<Change> = changes
        .unwrap()
        .into_iter()
        .filter(|it| matches!(it, Change::TaskMissed { .. } | Change::TaskDone { .. }))
        .collect();
    assert!(
        matches!(
            tasks.as_slice(),
            [Change::TaskMissed { .. }, Change::TaskDone { late: true, was: None, .. }]
        ),
        "{tasks:?}"
    );
}

#[test]
fn a_touch_does_the_task_it_is_in_time_for_before_one_that_was_missed() {
    let config = config();
    let (missed, _) = tick_until(&config, accepted(&config), "2026-01-06T10:20:00Z");
    let followed = at("2026-01-06T10:20:00Z");
    let done = step(&config, missed, touch("email", followed, Some("amara")), followed);
    assert_eq!(states(&done), [TaskState::Missed, TaskState::Missed, TaskState::Done]);
}

#[test]
fn a_sequence_that_a_late_told_touch_begins_has_nothing_due_in_the_past() {
    let config = config();
    let handoff = assigned(&config, "mql", "amara", "sdr_emea");
    let called = touch("phone", at("2026-01-05T10:20:00Z"), Some("amara"));
    let told_at = at("2026-01-05T16:00:00Z");
    let told = step(&config, handoff, called, told_at);
    assert_eq!(states(&told), [TaskState::Open, TaskState::Done, TaskState::Open]);
    let due: Vec<_> = told.tasks.iter().map(|task| task.due_at).collect();
    assert_eq!(due[0], at("2026-01-05T17:00:00Z"), "its hour counts from when it was known");
    assert_eq!(due[2], at("2026-01-06T14:20:00Z"), "what is ahead is as it was");
}

#[test]
fn who_takes_over_where_all_was_missed_begins_anew() {
    let config = config();
    let give = |to: &str| Command::Assign {
        owner: to.into(),
        pool: "sdr_emea".into(),
        rule: None,
        trace: Box::new(Trace::default()),
    };
    let accept = |by: &str| Command::Accept { by: by.into() };
    let wednesday = at("2026-01-07T10:00:00Z");
    let (missed, _) = tick_until(&config, accepted(&config), "2026-01-07T09:00:00Z");
    assert_eq!(states(&missed), [TaskState::Missed; 3]);
    let given = step(&config, missed, give("ben"), wednesday);
    let taken = step(&config, given, accept("ben"), wednesday);
    assert_eq!(states(&taken), [TaskState::Open; 3]);
    assert_eq!(taken.tasks[0].due_at, at("2026-01-07T11:00:00Z"));
    // What is half done goes on.
    let half = step(&config, accepted(&config), give("ben"), at("2026-01-05T12:00:00Z"));
    let due = half.tasks[2].due_at;
    let half = step(&config, half, accept("ben"), at("2026-01-05T12:10:00Z"));
    assert_eq!(half.tasks[2].due_at, due);
}
