//! The people: they hear what the bus says, and do what people do, in their working time.
//!
//! They know what the events told them and nothing else. A plan belongs to a turn: when the handoff
//! goes to somebody else, ends or becomes hotter, what was planned before is void.

use super::{
    deed::{Deed, Intent},
    stage::Told,
    temper::{self, End, Mood},
};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use domain::{
    Config, HandoffId, PersonId, PoolId, TypeKey, calendar::Calendar, config::HandoffType,
    span::Span,
};
use local::sample::Dice;
use std::collections::BTreeMap;

/// Which stream of the seed the people draw from; the traffic draws by the day.
const STREAM: u64 = 0x70_65_6f_70_6c_65;

/// Everybody, and what they mean to do.
pub(super) struct People {
    config: Config,
    dice: Dice,
    known: BTreeMap<HandoffId, Known>,
    agenda: BTreeMap<(DateTime<Utc>, u64), Intent>,
    planned: u64,
}

/// What is known of a handoff.
struct Known {
    kind: TypeKey,
    owner: Option<PersonId>,
    pool: Option<PoolId>,
    sender: Option<PersonId>,
    turn: u32,
    is_open: bool,
    is_ending: bool,
    late_record: Option<(DateTime<Utc>, &'static str)>,
    meeting_at: Option<DateTime<Utc>>,
}

impl People {
    pub(super) fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            dice: Dice::new(seed, STREAM),
            known: BTreeMap::new(),
            agenda: BTreeMap::new(),
            planned: 0,
        }
    }

    /// Tells when somebody next means to do something.
    pub(super) fn next_at(&self) -> Option<DateTime<Utc>> {
        self.agenda.keys().next().map(|(at, _)| *at)
    }

    /// Hands out what somebody means to do by now, unless it is void.
    pub(super) fn due(&mut self, now: DateTime<Utc>) -> Option<Intent> {
        loop {
            let next = self.agenda.first_entry().filter(|next| next.key().0 <= now)?;
            let intent = next.remove();
            let known = self.known.get(&intent.handoff);
            let stands = known.is_some_and(|it| it.is_open && it.turn == intent.turn);
            let is_early = known.and_then(|it| it.meeting_at).is_some_and(|meeting| meeting > now);
            let ends = matches!(intent.deed, Deed::Complete(_) | Deed::Recycle(..));
            match (stands, is_early && ends) {
                (true, false) => return Some(intent),
                // The meeting moved: how it went is known after it.
                (true, true) => {
                    let meeting = known.and_then(|it| it.meeting_at).unwrap_or(now);
                    self.put(meeting + TimeDelta::hours(1), intent);
                }
                (false, _) => {}
            }
        }
    }

    /// Takes note of when a handoff's meeting is.
    pub(super) fn meeting(&mut self, handoff: &HandoffId, at: DateTime<Utc>) {
        let known = self.known.entry(handoff.clone()).or_insert_with(|| Known::new("".into()));
        known.meeting_at = Some(at);
    }

    /// Finds a person's address.
    pub(super) fn email(&self, person: &PersonId) -> &str {
        self.config.people.get(person).map_or("", |person| person.email.as_str())
    }

    /// Hears an event and plans accordingly.
    pub(super) fn hear(&mut self, told: &Told) {
        let about = &told.data.about;
        let known = self.known.entry(told.handoff.clone()).or_insert_with(|| Known::new("".into()));
        known.kind = about.kind.clone();
        known.owner.clone_from(&about.owner);
        known.pool.clone_from(&about.pool);
        known.sender.clone_from(&about.sender);
        let (handoff, at) = (&told.handoff, told.at);
        match told.kind.as_str() {
            "handoff.assigned" => self.given(handoff, at, false),
            "handoff.reassigned" => self.given(handoff, at, true),
            "handoff.joined" if told.data.change["change"] == "upgraded" => {
                self.given(handoff, at, false);
            }
            "handoff.accepted" => self.judge(handoff, at),
            "handoff.touched" => self.follow_up(handoff, at),
            "handoff.breached" => self.record_late(handoff, at),
            "handoff.escalated" => {
                let to_the_top = told.data.change["do"] == "escalate";
                self.wake_up(handoff, at, to_the_top);
            }
            "handoff.returned" => self.send_again(handoff, at),
            "handoff.completed" | "handoff.recycled" | "handoff.cancelled" => {
                known.is_open = false;
            }
            _ => {}
        }
    }

    /// Somebody got it, or what they have became hotter.
    fn given(&mut self, handoff: &HandoffId, at: DateTime<Utc>, second: bool) {
        let Some(known) = self.known.get_mut(handoff) else { return };
        (known.turn, known.late_record) = (known.turn + 1, None);
        let kind = known.kind.clone();
        let mood = temper::mood(&mut self.dice, kind.as_str(), second);
        let (accept, touch) = temper::answer(&mut self.dice, kind.as_str());
        let channel = *self.dice.pick(&["phone", "email"]);
        let accepted_at = self.working(handoff, at, accept);
        let touched_at = self.working(handoff, accepted_at, touch);
        match mood {
            Mood::Answers => {
                self.plan(handoff, accepted_at, Deed::Accept);
                self.plan(handoff, touched_at, Deed::Touch(channel));
                self.reschedule(handoff, accepted_at);
            }
            Mood::LogsLate => {
                self.plan(handoff, accepted_at, Deed::Accept);
                if let Some(known) = self.known.get_mut(handoff) {
                    known.late_record = Some((touched_at, channel));
                }
            }
            Mood::Slow => {
                let seconds = temper::slowly(&mut self.dice, kind.as_str());
                let touched_at = self.working(handoff, at, seconds);
                self.plan(handoff, touched_at, Deed::Touch(channel));
            }
            Mood::Rejects => {
                let reasons = self.kind(&kind).map(|kind| kind.reject_reasons.clone());
                let reason = temper::word(&mut self.dice, &reasons.unwrap_or_default());
                self.plan(handoff, accepted_at, Deed::Reject(reason));
            }
            Mood::Ignores => {}
        }
    }

    /// Now and then a meeting moves or is called off.
    fn reschedule(&mut self, handoff: &HandoffId, at: DateTime<Utc>) {
        let meeting = self.known.get(handoff).and_then(|known| known.meeting_at);
        let Some(meeting) = meeting.filter(|_| self.dice.happens(16)) else { return };
        let called = self.working(handoff, at, 4 * 3_600);
        let off = self.dice.happens(30);
        let later = meeting + TimeDelta::days(1);
        self.plan(handoff, called, if off { Deed::CallOff } else { Deed::MoveMeeting(later) });
    }

    fn judge(&mut self, handoff: &HandoffId, at: DateTime<Utc>) {
        if let Some((score, complete)) = temper::rating(&mut self.dice) {
            let seconds = self.dice.between(120, 3_000);
            let judged_at = self.working(handoff, at, seconds);
            self.plan(handoff, judged_at, Deed::Rate(score, complete));
        }
    }

    /// They were contacted: how does it end?
    fn follow_up(&mut self, handoff: &HandoffId, at: DateTime<Utc>) {
        let Some(known) = self.known.get_mut(handoff).filter(|known| !known.is_ending) else {
            return;
        };
        known.is_ending = true;
        let (kind, meeting) = (known.kind.clone(), known.meeting_at);
        let (end, seconds) = temper::end(&mut self.dice, kind.as_str());
        let from = meeting.map_or(at, |meeting| meeting.max(at));
        let ends_at = self.working(handoff, from, seconds);
        let deed = match end {
            End::Meets => Deed::Book(self.free_slot(handoff, ends_at)),
            End::Outcome(outcome) => Deed::Complete(outcome),
            End::Recycled => {
                let rules = self.kind(&kind);
                let (to, reasons) = rules
                    .map(|kind| (kind.recycle_to.clone(), kind.recycle_reasons.clone()))
                    .unwrap_or_default();
                let to = temper::word(&mut self.dice, &to);
                Deed::Recycle(to, temper::word(&mut self.dice, &reasons))
            }
            End::Open => return,
        };
        self.plan(handoff, ends_at, deed);
    }

    /// The deadline passed though somebody called in time: their dialer tells, late.
    fn record_late(&mut self, handoff: &HandoffId, at: DateTime<Utc>) {
        let late = self.known.get_mut(handoff).and_then(|known| known.late_record.take());
        if let Some((touched_at, channel)) = late {
            let kind = self.known.get(handoff).map(|known| known.kind.clone()).unwrap_or_default();
            let seconds = temper::late_record(&mut self.dice, kind.as_str());
            let told_at = at.max(touched_at) + TimeDelta::seconds(seconds);
            self.plan(handoff, told_at, Deed::Sync(touched_at, channel));
        }
    }

    /// Somebody was told that it was missed, and asks; at the top they always get an answer.
    fn wake_up(&mut self, handoff: &HandoffId, at: DateTime<Utc>, to_the_top: bool) {
        if to_the_top || self.dice.happens(35) {
            let seconds = self.dice.between(150, 900);
            let touched_at = self.working(handoff, at, seconds);
            self.plan(handoff, touched_at, Deed::Touch("phone"));
        }
    }

    /// It came back: whoever sent it completes it, or sees that it is none.
    fn send_again(&mut self, handoff: &HandoffId, at: DateTime<Utc>) {
        let Some(known) = self.known.get(handoff) else { return };
        let manager = self.config.role(known.pool.as_ref(), "manager").cloned();
        let Some(sender) = known.sender.clone().or(manager) else { return };
        let (turn, kind) = (known.turn, known.kind.clone());
        let again = self.dice.happens(80);
        let seconds = self.dice.between(1_200, 7_200);
        let field = self.kind(&kind).and_then(temper::completed_field).map(str::to_owned);
        let deed = if again { Deed::Resubmit(field) } else { Deed::Cancel };
        let sent_at = self.working(handoff, at, seconds);
        self.put(sent_at, Intent { person: sender, handoff: handoff.clone(), turn, deed });
    }

    /// Plans a deed of the owner's.
    fn plan(&mut self, handoff: &HandoffId, at: DateTime<Utc>, deed: Deed) {
        let Some(known) = self.known.get(handoff) else { return };
        let (Some(person), turn) = (known.owner.clone(), known.turn) else { return };
        self.put(at, Intent { person, handoff: handoff.clone(), turn, deed });
    }

    fn put(&mut self, at: DateTime<Utc>, intent: Intent) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), intent);
    }

    fn kind(&self, key: &TypeKey) -> Option<&HandoffType> {
        self.config.types.get(key)
    }

    /// Finds when the handoff's team has worked so many seconds more.
    fn working(&self, handoff: &HandoffId, at: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
        let calendar = self.calendar(handoff);
        let worked = calendar.and_then(|calendar| calendar.add_seconds(at, seconds));
        worked.unwrap_or(at + TimeDelta::seconds(seconds))
    }

    /// Finds a free half-hour two to four working days ahead.
    fn free_slot(&mut self, handoff: &HandoffId, at: DateTime<Utc>) -> DateTime<Utc> {
        let days = u32::try_from(self.dice.between(2, 4)).unwrap_or(2);
        let ahead = Span::new(days, 0).unwrap_or_default();
        let slot = self.calendar(handoff).and_then(|calendar| calendar.add(at, ahead));
        let slot = slot.unwrap_or(at + TimeDelta::days(days.into()));
        slot.duration_trunc(TimeDelta::minutes(30)).unwrap_or(slot)
    }

    fn calendar(&self, handoff: &HandoffId) -> Option<&Calendar> {
        let pool = self.known.get(handoff)?.pool.as_ref();
        let of_pool = pool.and_then(|pool| self.config.pools.get(pool)?.calendar.as_ref());
        self.config.calendars.get(of_pool.or(self.config.organisation.calendar.as_ref())?)
    }
}

impl Known {
    fn new(kind: TypeKey) -> Self {
        Self {
            kind,
            owner: None,
            pool: None,
            sender: None,
            turn: 0,
            is_open: true,
            is_ending: false,
            late_record: None,
            meeting_at: None,
        }
    }
}
