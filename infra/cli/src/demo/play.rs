//! The play: time goes on from one thing to the next, and what is due is done through the doors.

use super::{
    Script,
    chronicle::{Account, Chronicle},
    deed::{Deed, Intent},
    people::People,
    stage::{Answer, Stage, told},
};
use crate::Failure;
use chrono::{DateTime, Days, DurationRound, NaiveDate, SecondsFormat, TimeDelta, Utc};
use domain::{HandoffId, PersonId};
use local::sample::{Arrival, Parcel, day_of_traffic};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// How long nobody looks at what happened: nobody answers faster than that.
const LOOK_EVERY_SECONDS: i64 = 60;

/// Plays a script on a stage of its own.
pub(super) async fn play(
    script: Script,
    mut each_hour: impl FnMut(DateTime<Utc>),
) -> Result<Account, Failure> {
    let (stage, config) = Stage::set(script.seed, script.from).await?;
    let mut play = Play {
        people: People::new(config.clone(), script.seed),
        chronicle: Chronicle::new(config, script),
        arrivals: VecDeque::new(),
        next_day: script.from.date_naive(),
        messages: 0,
        script,
        stage,
    };
    let mut hour = script.from;
    while play.stage.now() < script.until {
        play.go_on().await?;
        while hour + TimeDelta::hours(1) <= play.stage.now() {
            hour += TimeDelta::hours(1);
            each_hour(hour);
        }
    }
    play.end().await
}

struct Play {
    script: Script,
    stage: Stage,
    people: People,
    chronicle: Chronicle,
    arrivals: VecDeque<Arrival>,
    next_day: NaiveDate,
    messages: u64,
}

impl Play {
    /// Goes on to the next thing, and does it.
    async fn go_on(&mut self) -> Result<(), Failure> {
        self.fetch_arrivals();
        let look = TimeDelta::seconds(LOOK_EVERY_SECONDS);
        let minute = self.stage.now().duration_trunc(look).unwrap_or(self.stage.now()) + look;
        let arrival = self.arrivals.front().map(|arrival| arrival.at);
        let times = [arrival, self.people.next_at(), Some(self.script.until), Some(minute)];
        let next = times.into_iter().flatten().min().unwrap_or(minute);
        self.stage.advance(next).await?;
        self.hear()?;
        while let Some(arrival) = self.next_arrival() {
            let answer = self.stage.tell(&arrival.parcel).await?;
            self.chronicle.answer(self.stage.now(), &answer);
        }
        while let Some(intent) = self.people.due(self.stage.now()) {
            self.perform(intent).await?;
        }
        Ok(())
    }

    /// Draws the traffic of the days to come.
    fn fetch_arrivals(&mut self) {
        let tomorrow = self.stage.now().date_naive() + Days::new(1);
        while self.next_day <= tomorrow {
            self.arrivals.extend(day_of_traffic(self.script.seed, self.next_day));
            self.next_day = self.next_day + Days::new(1);
        }
    }

    fn next_arrival(&mut self) -> Option<Arrival> {
        let now = self.stage.now();
        self.arrivals.pop_front_if(|arrival| arrival.at <= now)
    }

    /// Reads what was sent, and lets the people hear it.
    fn hear(&mut self) -> Result<(), Failure> {
        for entry in self.stage.news()? {
            match told(&entry) {
                Some(told) => {
                    self.people.hear(&told);
                    self.chronicle.tell(&told);
                }
                None => self.chronicle.mail(&entry),
            }
        }
        Ok(())
    }

    async fn perform(&mut self, intent: Intent) -> Result<(), Failure> {
        let Intent { person, handoff, deed, .. } = intent;
        let (verb, said) = match deed {
            Deed::Sync(..) | Deed::MoveMeeting(_) | Deed::CallOff | Deed::Book(_) => {
                return self.by_hook(&person, &handoff, deed).await;
            }
            Deed::Accept => ("accept", json!({})),
            Deed::Touch(channel) => ("touch", json!({ "channel": channel })),
            Deed::Reject(reason) => ("reject", json!({ "reason": reason })),
            Deed::Resubmit(Some(field)) => {
                let package = json!({ field: "Asked again, and written down" });
                ("resubmit", json!({ "package": package }))
            }
            Deed::Resubmit(None) => ("resubmit", json!({})),
            Deed::Cancel => ("cancel", json!({ "reason": "not_a_lead" })),
            Deed::Complete(outcome) => ("complete", json!({ "outcome": outcome })),
            Deed::Recycle(to, reason) => ("recycle", json!({ "to": to, "reason": reason })),
            Deed::Rate(score, complete) => {
                ("rate", json!({ "score": score, "complete": complete }))
            }
        };
        self.act(&person, &handoff, verb, &said).await
    }

    /// Does what comes in by a hook and not from the desk: the calendar's and the dialer's part.
    async fn by_hook(
        &mut self,
        person: &PersonId,
        handoff: &HandoffId,
        deed: Deed,
    ) -> Result<(), Failure> {
        let record = self.stage.look(person, &format!("/api/handoffs/{handoff}")).await?;
        let subject = &record["subject"];
        let email = self.people.email(person).to_owned();
        let now = self.stage.now();
        match deed {
            Deed::Sync(touched_at, channel) => {
                let data = json!({ "subject": subject, "owner_email": email, "channel": channel });
                self.tell("touch", touched_at, &data).await?;
            }
            Deed::MoveMeeting(to) => {
                let meeting_at = to.to_rfc3339_opts(SecondsFormat::Secs, true);
                let data = json!({ "subject": subject, "meeting_at": meeting_at });
                self.tell("meeting.moved", now, &data).await?;
                self.people.meeting(handoff, to);
            }
            Deed::CallOff => {
                let data = json!({ "subject": subject });
                self.tell("meeting.cancelled", now, &data).await?;
            }
            Deed::Book(meeting_at) => {
                let id = self.message_id();
                let parcel = Parcel::meeting(id, now, subject, (&email, meeting_at));
                let answer = self.stage.tell(&parcel).await?;
                self.chronicle.answer(now, &answer);
                if let Some(opened) = answer["opened"][0].as_str() {
                    self.people.meeting(&opened.into(), meeting_at);
                }
                let booked = json!({ "outcome": "meeting_booked" });
                self.act(person, handoff, "complete", &booked).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn act(
        &mut self,
        person: &PersonId,
        handoff: &HandoffId,
        verb: &str,
        said: &Value,
    ) -> Result<(), Failure> {
        match self.stage.act(person, handoff, verb, said).await? {
            Answer::Done => {}
            Answer::Refused(why) => self.chronicle.refused(self.stage.now(), &why),
        }
        Ok(())
    }

    async fn tell(&mut self, what: &str, at: DateTime<Utc>, data: &Value) -> Result<(), Failure> {
        let parcel = Parcel::generic(self.message_id(), what, at, data);
        let answer = self.stage.tell(&parcel).await?;
        self.chronicle.answer(self.stage.now(), &answer);
        Ok(())
    }

    fn message_id(&mut self) -> String {
        self.messages += 1;
        format!("msg_people_{}", self.messages)
    }

    /// Closes the account with the month's numbers.
    async fn end(mut self) -> Result<Account, Failure> {
        self.hear()?;
        let last = self.script.until - TimeDelta::hours(8);
        let month = last.max(self.script.from).format("%Y-%m");
        let director = PersonId::from("grace");
        let path = format!("/api/metrics?month={month}");
        let dashboard = self.stage.look(&director, &path).await?;
        let given_up = self.stage.given_up()?;
        Ok(self.chronicle.close(dashboard, given_up))
    }
}
