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
    let [Change::TaskExcused { task, .. }, Change::CadenceEnded { .. }] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!(task, "call", "it need not have been made");
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
        Change::TaskExcused { task, was } => Some((task.as_str(), was.owner.clone())),
        _ => None,
    });
    assert_eq!(done, Some(("first_email", Some("amara".into()))), "{changes:?}");
    let late = |it: &Change| matches!(it, Change::TaskDone { late: false, .. });
    assert!(changes.iter().any(late), "{changes:?}");
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
            [Change::TaskMissed { .. }, Change::TaskDone { late: true, .. }]
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

#[test]
fn a_touch_from_before_the_acceptance_does_the_first_task_of_its_channel() {
    let config = config();
    // Called at 10:25 and written at 10:20; the call is told first, at noon, and begins it.
    let handoff = assigned(&config, "mql", "amara", "sdr_emea");
    let told_at = at("2026-01-05T12:00:00Z");
    let call = touch("phone", at("2026-01-05T10:25:00Z"), Some("amara"));
    let email = touch("email", at("2026-01-05T10:20:00Z"), Some("amara"));
    let called = step(&config, handoff.clone(), call.clone(), told_at);
    let both = step(&config, called, email.clone(), told_at);
    let other = step(&config, step(&config, handoff, email, told_at), call, told_at);
    assert_eq!(states(&both)[..2], [TaskState::Done, TaskState::Done]);
    assert_eq!(states(&both), states(&other), "in either order");
}

#[test]
fn a_touch_in_time_told_after_a_late_one_takes_the_miss_back() {
    let config = config();
    let late = touch("email", at("2026-01-05T11:30:00Z"), Some("amara"));
    let done = step(&config, accepted(&config), late, at("2026-01-05T11:30:00Z"));
    assert!(done.tasks[0].credit.is_some(), "it counts as missed");
    let in_time = touch("email", at("2026-01-05T11:00:00Z"), Some("amara"));
    let told = step(&config, done, in_time, at("2026-01-05T12:00:00Z"));
    assert_eq!((told.tasks[0].state, &told.tasks[0].credit), (TaskState::Done, &None));
}

#[test]
fn a_reply_told_after_the_handoff_closed_takes_back_what_it_answers() {
    let config = config();
    let (missed, _) = tick_until(&config, accepted(&config), "2026-01-05T12:00:00Z");
    let noon = at("2026-01-05T12:00:00Z");
    let outcome = "disqualified".to_owned();
    let closed = step(&config, missed, Command::Complete { outcome, value: None, at: noon }, noon);
    let reply = Command::Reply { at: at("2026-01-05T10:30:00Z") };
    let told = step(&config, closed, reply, at("2026-01-05T13:00:00Z"));
    assert!(told.tasks.iter().all(|task| task.credit.is_none()), "{:?}", told.tasks);
}

#[test]
fn who_had_it_before_neither_accepts_it_for_the_next_nor_does_their_tasks() {
    let config = config();
    let (missed, _) = tick_until(&config, accepted(&config), "2026-01-07T09:00:00Z");
    let wednesday = at("2026-01-07T10:00:00Z");
    let give = Command::Assign {
        owner: "ben".into(),
        pool: "sdr_emea".into(),
        rule: None,
        trace: Box::new(Trace::default()),
    };
    let given = step(&config, missed, give, wednesday);
    let email = touch("email", at("2026-01-05T10:30:00Z"), Some("amara"));
    let told = step(&config, given, email, wednesday);
    assert_eq!(states(&told), [TaskState::Done, TaskState::Missed, TaskState::Missed]);
    assert!(told.tasks[0].credit.is_none(), "it was in time");
}

#[test]
fn who_asks_again_after_a_reply_is_touched_again() {
    let config = config();
    let handoff = assigned(&config, "mql", "amara", "sdr_emea");
    let reply = Command::Reply { at: at("2026-01-05T10:05:00Z") };
    let replied = step(&config, handoff, reply, at("2026-01-05T10:05:00Z"));
    let asked = at("2026-01-05T11:00:00Z");
    let join = Command::Join { kind: "hot_lead".into(), at: asked, targets: Targets::new() };
    let hot = step(&config, replied, join.clone(), asked);
    let accept = Command::Accept { by: "amara".into() };
    let accepted_at = at("2026-01-05T11:01:00Z");
    let taken = step(&config, hot, accept, accepted_at);
    assert_eq!(taken.tasks[0].due_at, accepted_at + Duration::minutes(15));
    // Whoever has accepted the cooler one has the hotter sequence to do from then on.
    let hot = step(&config, accepted(&config), join, asked);
    assert_eq!(hot.tasks[0].due_at, asked + Duration::minutes(15));
}
