//! Pauses: what stands still, what does not, and how they end.

use super::*;

fn pause(reason: &str, until: Option<&str>) -> Command {
    Command::Pause { by: "amara".into(), reason: reason.to_owned(), until: until.map(at) }
}

#[test]
fn a_pause_leaves_the_time_that_was_left_and_ends_by_itself() {
    let config = config();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let paused_at = at("2026-01-05T10:02:00Z");
    let until = Some("2026-01-05T11:02:00Z");
    let paused = step(&config, handoff, pause("asked_to_wait", until), paused_at);
    let (paused, taken) = tick_until(&config, paused, "2026-01-05T11:01:59Z");
    assert_eq!(taken, [], "nothing happens in a pause");
    let (resumed, taken) = tick_until(&config, paused, "2026-01-05T11:03:00Z");
    assert!(matches!(taken[0].1, Change::Resumed { by: None, .. }), "{taken:?}");
    // Three of the five minutes were left.
    assert_eq!(resumed.clocks[0].due_at, at("2026-01-05T11:05:00Z"));
    let (_, taken) = tick_until(&config, resumed, "2026-01-05T11:05:00Z");
    let (when, first) = &taken[0];
    assert!(matches!(first, Change::Stepped { act: Act::Remind, .. }), "{taken:?}");
    assert_eq!(when, "2026-01-05T11:04:00+00:00");
    assert!(matches!(taken[1].1, Change::Breached { .. }), "{taken:?}");
}

#[test]
fn a_touch_in_a_pause_is_in_time_however_long_it_took() {
    let config = config();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let paused = step(&config, handoff, pause("asked_to_wait", None), at("2026-01-05T10:02:00Z"));
    let called = at("2026-01-05T15:00:00Z");
    let touched = step(&config, paused, touch("phone", called, Some("amara")), called);
    assert_eq!(touched.clocks[0].state, ClockState::Met);
}

#[test]
fn a_pause_has_a_reason_and_a_limit_in_all() {
    let config = config();
    let facts = Facts { active: &config, pinned: &config };
    let now = at("2026-01-05T10:02:00Z");
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let refused = decide(&handoff, pause("lunch", None), facts, now).unwrap_err().to_string();
    assert!(refused.contains("choose asked_to_wait, out_of_office"), "{refused}");
    let over = pause("asked_to_wait", Some("2026-01-05T10:02:00Z"));
    assert_eq!(decide(&handoff, over, facts, now), Err(Refusal::PauseOver));
    let far = pause("asked_to_wait", Some("2027-01-01T00:00:00Z"));
    let paused = step(&config, handoff, far, now);
    assert_eq!(paused.paused().unwrap().until, now + Duration::days(5), "cut at the limit");
    let twice = decide(&paused, pause("asked_to_wait", None), facts, now);
    assert_eq!(twice, Err(Refusal::PausedAlready(now + Duration::days(5))));
    let (resumed, _) = tick_until(&config, paused, "2026-01-10T10:02:00Z");
    let again = decide(&resumed, pause("asked_to_wait", None), facts, at("2026-01-10T10:03:00Z"));
    assert!(matches!(again, Err(Refusal::PausedEnough(_))), "{again:?}");
    let expansion = opened(&config, "expansion");
    let never = decide(&expansion, pause("asked_to_wait", None), facts, now);
    assert_eq!(never, Err(Refusal::NeverPaused));
}

#[test]
fn a_clock_that_counts_back_from_a_meeting_does_not_wait() {
    let config = config();
    let mut handoff = opened(&config, "meeting_set");
    let meeting = at("2026-01-08T15:00:00Z");
    let kind = &config.types["meeting_set"];
    handoff.clocks =
        start_clocks(kind, &config, None, (handoff.triggered_at, Some(meeting)), &Targets::new());
    let due_at = handoff.clocks[0].due_at;
    let pause = crate::pause::Pause {
        at: handoff.opened_at,
        by: "elena".into(),
        reason: "a_test".to_owned(),
        until: at("2026-01-20T00:00:00Z"),
        ended_at: None,
    };
    handoff.apply(&Change::Paused { pause }, handoff.opened_at);
    let (handoff, _) = tick_until(&config, handoff, "2026-01-07T15:00:00Z");
    assert_eq!(handoff.clocks[0].breached_at, Some(due_at));
}

#[test]
fn a_pause_hides_no_breach_that_no_sweep_has_seen() {
    let config = config();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let late = step(&config, handoff, pause("asked_to_wait", None), at("2026-01-05T10:05:30Z"));
    assert_eq!(late.clocks[0].state, ClockState::Breached);
    assert!(late.paused().is_some());
    let called = at("2026-01-05T11:00:00Z");
    let touched = step(&config, late, touch("phone", called, Some("amara")), called);
    assert_eq!(touched.clocks[0].state, ClockState::Breached, "it stays missed");
}

#[test]
fn a_touch_in_a_pause_is_in_time_also_when_it_is_told_after_the_handoff_closed() {
    let config = config();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let paused = step(&config, handoff, pause("asked_to_wait", None), at("2026-01-05T10:03:00Z"));
    let done = Command::Complete {
        outcome: "meeting_booked".to_owned(),
        value: None,
        at: at("2026-01-05T12:00:00Z"),
    };
    let closed = step(&config, paused, done, at("2026-01-05T12:00:00Z"));
    let called = touch("phone", at("2026-01-05T11:00:00Z"), Some("amara"));
    let told = step(&config, closed, called, at("2026-01-05T12:05:00Z"));
    assert_eq!(told.clocks[0].state, ClockState::Met);
}

#[test]
fn somebody_who_asks_again_ends_the_pause() {
    let config = config();
    let handoff = assigned(&config, "mql", "amara", "sdr_emea");
    let paused = step(&config, handoff, pause("asked_to_wait", None), at("2026-01-05T10:30:00Z"));
    let asked = at("2026-01-05T11:00:00Z");
    let join = Command::Join { kind: "hot_lead".into(), at: asked, targets: Targets::new() };
    let hot = step(&config, paused, join, asked);
    assert!(hot.paused().is_none());
    assert_eq!(hot.clocks[0].due_at, at("2026-01-05T11:05:00Z"));
}

#[test]
fn what_is_due_when_a_pause_ends_is_taken_with_it() {
    let config = config();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let until = Some("2026-01-05T11:02:00Z");
    let paused = step(&config, handoff, pause("asked_to_wait", until), at("2026-01-05T10:02:00Z"));
    // Nobody looked until all of it was over: one look is enough.
    let late = step(&config, paused, Command::Tick, at("2026-01-05T11:06:00Z"));
    assert_eq!(late.clocks[0].breached_at, Some(at("2026-01-05T11:05:00Z")));
    assert_eq!(late.pauses[0].ended_at, Some(at("2026-01-05T11:02:00Z")));
}

#[test]
fn a_pause_that_was_over_hides_no_miss_from_what_ends_the_handoff() {
    let config = config();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let until = Some("2026-01-05T11:02:00Z");
    let paused = step(&config, handoff, pause("asked_to_wait", until), at("2026-01-05T10:02:00Z"));
    let cancel = Command::Cancel { reason: "a test".into() };
    let early = step(&config, paused.clone(), cancel.clone(), at("2026-01-05T11:04:00Z"));
    assert_eq!(early.clocks[0].state, ClockState::Closed, "three minutes were left");
    let late = step(&config, paused, cancel, at("2026-01-05T11:20:00Z"));
    assert_eq!(late.clocks[0].breached_at, Some(at("2026-01-05T11:05:00Z")));
}
