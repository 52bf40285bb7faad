//! What is delivered when: schedules, the stream to its consumers, queues to their functions.
//!
//! This is the one implementation of it. In virtual time the cloud asks for one delivery after the
//! other; on timers the same deliveries run beside each other. It looks for what is new, puts it
//! on the agenda, makes a job of it when its time comes, and draws the conclusions when that ended.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::agenda::Agenda;
use crate::fate::{Calm, Fate};
use crate::job::{Job, Verdict, item_id};
use crate::lane::{Consumer, Lane};
use crate::ledger::{DeadLetter, Ledger, Message};
use crate::schedule::Schedule;
use crate::state::StateError;
use crate::stream::{Record, Stream};

/// How long a record is on its way from the table to a consumer.
const STREAM_LATENCY: TimeDelta = TimeDelta::milliseconds(200);

/// How soon what is left of a batch comes again.
const STREAM_RETRY: TimeDelta = TimeDelta::seconds(1);

/// How many messages a function gets at once.
const QUEUE_BATCH: usize = 10;

/// How many batches of a queue are out at once: as the template says of both.
const QUEUE_ABREAST: usize = 2;

/// How long a message that was taken is hidden: a failed one comes again after that.
const VISIBILITY: TimeDelta = TimeDelta::seconds(30);

/// How often a message is tried.
const QUEUE_TRIES: u32 = 5;

/// How often one to the courier is: nobody asks again for what it gives up.
const COURIER_TRIES: u32 = 50;

/// How often a message may be cut off without an answer: most times somebody stopped the process,
/// but it might be the message that does.
const QUEUE_CUTS: u32 = 100;

/// How long after a failed scheduled run it is tried again, times the tries so far.
const SCHEDULE_RETRY: TimeDelta = TimeDelta::minutes(1);

/// How many new records the stream gathers before it is trimmed.
const TRIM_EVERY: i64 = 1_000;

/// Something that is delivered when its time comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Schedule { index: usize, due: DateTime<Utc>, tries: u32 },
    Stream(Consumer),
    Queue(String),
}

/// The state of all deliveries.
#[derive(Debug)]
pub(crate) struct Deliveries {
    stream: Stream,
    ledger: Ledger,
    schedules: Vec<Schedule>,
    lanes: Vec<Lane>,
    /// When each queue is looked at next.
    polls: BTreeMap<String, DateTime<Utc>>,
    /// How many batches of each are out.
    out: BTreeMap<String, usize>,
    scanned: i64,
    last_commit: i64,
    trimmed: i64,
    fate: Box<dyn Fate>,
}

impl Deliveries {
    /// Takes up where the ledger says the last process stopped.
    pub(crate) fn new<T: From<Delivery>>(
        stream: Stream,
        ledger: Ledger,
        schedules: Vec<Schedule>,
        now: DateTime<Utc>,
        agenda: &mut Agenda<T>,
    ) -> Result<Self, StateError> {
        let head = stream.head()?;
        let mut lanes = Vec::new();
        for consumer in Consumer::ALL {
            let position = ledger.position(consumer.name())?;
            // A position past the end was another table's: the file was replaced.
            lanes.push(Lane::new(consumer, if position > head { 0 } else { position }));
        }
        for (index, schedule) in schedules.iter().enumerate() {
            let latest = schedule.every.latest(now);
            let was_missed = ledger.fired(&schedule.name)?.is_some_and(|last| last < latest);
            let due = if was_missed { latest } else { schedule.every.next(now) };
            agenda.push(due.max(now), Delivery::Schedule { index, due, tries: 0 });
        }
        let scanned = lanes.iter().map(|lane| lane.position).min().unwrap_or(0);
        let (polls, out) = (BTreeMap::new(), BTreeMap::new());
        let (last_commit, trimmed) = (0, scanned);
        let fate = Box::new(Calm);
        Ok(Self {
            stream,
            ledger,
            schedules,
            lanes,
            polls,
            out,
            scanned,
            last_commit,
            trimmed,
            fate,
        })
    }

    /// Lets deliveries meet with this from now on.
    pub(crate) fn meet_with(&mut self, fate: Box<dyn Fate>) {
        self.fate = fate;
    }

    /// Looks for new records and messages, and puts their deliveries on the agenda.
    pub(crate) fn look<T: From<Delivery>>(
        &mut self,
        now: DateTime<Utc>,
        agenda: &mut Agenda<T>,
    ) -> Result<(), StateError> {
        let news = self.stream.news(self.scanned)?;
        self.scanned = news.head;
        self.last_commit = news.last_commit.unwrap_or(self.last_commit);
        for lane in &mut self.lanes {
            if !lane.is_out && lane.position < self.last_commit {
                lane.is_out = true;
                let delay = STREAM_LATENCY + self.fate.record_delay(lane.consumer.name());
                agenda.push(now + delay, Delivery::Stream(lane.consumer));
            }
        }
        for (queue, at) in self.ledger.waiting()? {
            let at = at.max(now);
            if self.out.get(&queue).is_some_and(|out| *out >= QUEUE_ABREAST) {
                continue;
            }
            if self.polls.get(&queue).is_none_or(|&poll| poll > at) {
                self.polls.insert(queue.clone(), at);
                agenda.push(at, Delivery::Queue(queue));
            }
        }
        Ok(())
    }

    /// Makes a job of a delivery whose time has come, if there is anything to deliver.
    pub(crate) fn begin<T: From<Delivery>>(
        &mut self,
        delivery: Delivery,
        now: DateTime<Utc>,
        agenda: &mut Agenda<T>,
    ) -> Result<Option<Job>, StateError> {
        match delivery {
            Delivery::Schedule { index, due, tries } => {
                let schedule = &self.schedules[index];
                let mut comes_now = tries > 0;
                if tries == 0 {
                    let next = schedule.every.next(due.max(now));
                    agenda.push(next, Delivery::Schedule { index, due: next, tries });
                    let mut ticks = self.fate.ticks(schedule.function);
                    comes_now = ticks.first().is_some_and(TimeDelta::is_zero);
                    for delay in ticks.split_off(usize::from(comes_now)) {
                        agenda.push(now + delay, Delivery::Schedule { index, due, tries: 1 });
                    }
                }
                let (function, event) = (schedule.function, schedule.event(due));
                let tries = tries.max(1);
                Ok(comes_now.then_some(Job::Schedule { index, due, tries, function, event }))
            }
            Delivery::Stream(consumer) => self.begin_stream(consumer, now),
            Delivery::Queue(queue) => self.begin_queue(queue, now),
        }
    }

    /// Draws the conclusions from how a job ended.
    pub(crate) fn finish<T: From<Delivery>>(
        &mut self,
        job: Job,
        verdict: Verdict,
        now: DateTime<Utc>,
        agenda: &mut Agenda<T>,
    ) -> Result<(), StateError> {
        match job {
            Job::Schedule { index, due, tries, function, .. } => {
                let name = &self.schedules[index].name;
                if let Verdict::Failed(reason) = verdict {
                    tracing::error!(schedule = name, tries, reason, "a scheduled run failed");
                    if tries <= function.retries() {
                        let again = now + SCHEDULE_RETRY * i32::try_from(tries).unwrap_or(1);
                        let tries = tries + 1;
                        agenda.push(again, Delivery::Schedule { index, due, tries });
                        return Ok(());
                    }
                }
                self.ledger.mark_fired(name, due)
            }
            Job::Stream { consumer, records, .. } => {
                self.finish_stream(consumer, &records, &verdict, now, agenda)
            }
            Job::Queue { queue, messages } => self.finish_queue(&queue, &messages, &verdict, now),
        }
    }

    fn begin_stream(
        &mut self,
        consumer: Consumer,
        now: DateTime<Utc>,
    ) -> Result<Option<Job>, StateError> {
        let lane = lane(&mut self.lanes, consumer);
        lane.is_out = false;
        let most = self.fate.batch(consumer.name(), lane.limit).clamp(1, lane.limit);
        let records = self.stream.read_after(lane.position, most, now)?;
        if records.is_empty() {
            return Ok(None);
        }
        lane.is_out = true;
        Ok(Some(Job::Stream { consumer, records, shard: self.stream.shard(), now }))
    }

    fn finish_stream<T: From<Delivery>>(
        &mut self,
        consumer: Consumer,
        records: &[Record],
        verdict: &Verdict,
        now: DateTime<Utc>,
        agenda: &mut Agenda<T>,
    ) -> Result<(), StateError> {
        if let Verdict::Failed(reason) = verdict {
            let (consumer, records) = (consumer.name(), records.len());
            tracing::error!(consumer, records, reason, "a batch of the stream failed");
        }
        let lane = lane(&mut self.lanes, consumer);
        let numbers: Vec<i64> = records.iter().map(|record| record.number).collect();
        let step = lane.settle(&numbers, verdict);
        lane.is_out = step.retry;
        if step.retry {
            agenda.push(now + STREAM_RETRY, Delivery::Stream(consumer));
        }
        // If this cannot be stored, the lane stands where it stood and the batch comes again.
        let name = consumer.name();
        match &step.given_up {
            Some((index, reason)) => {
                let keys = &records[*index].change.change.keys;
                let body = serde_json::to_string(keys).unwrap_or_default();
                tracing::error!(consumer = name, record = body, reason, "a record was given up");
                let (source, reason) = (name.to_owned(), reason.clone());
                let letter = DeadLetter { at: now, source, body, reason };
                self.ledger.skip_record(name, step.position, &letter)?;
            }
            None if step.position != lane.position => {
                self.ledger.move_position(name, step.position)?;
            }
            None => {}
        }
        lane.position = step.position;
        if matches!(verdict, Verdict::Handled { failed } if failed.is_empty()) {
            let from = step.position - self.fate.replay(name);
            // What is sent again is what is still kept.
            lane.position = from.max(self.trimmed).min(step.position);
        }
        Ok(())
    }

    fn begin_queue(
        &mut self,
        queue: String,
        now: DateTime<Utc>,
    ) -> Result<Option<Job>, StateError> {
        self.polls.remove(&queue);
        let mut taken = self.ledger.take(&queue, QUEUE_BATCH, now, now + VISIBILITY)?;
        let mut put_off = Vec::new();
        taken.retain(|message| match self.fate.put_off(&queue) {
            Some(delay) => {
                put_off.push((message.id, now + delay));
                false
            }
            None => true,
        });
        self.ledger.put_off(&put_off)?;
        // Cut off often enough: nobody was there to give them up.
        let (spent, messages): (Vec<_>, Vec<_>) = taken
            .into_iter()
            .partition(|message| message.tries.saturating_sub(message.failures) > QUEUE_CUTS);
        self.settle_queue(&queue, (&[], &[]), &spent, "its function never returned", now)?;
        if messages.is_empty() {
            return Ok(None);
        }
        *self.out.entry(queue.clone()).or_default() += 1;
        Ok(Some(Job::Queue { queue, messages }))
    }

    fn finish_queue(
        &mut self,
        queue: &str,
        messages: &[Message],
        verdict: &Verdict,
        now: DateTime<Utc>,
    ) -> Result<(), StateError> {
        if let Some(out) = self.out.get_mut(queue) {
            *out = out.saturating_sub(1);
        }
        let (failed, reason) = match verdict {
            Verdict::Handled { failed } => {
                (failed.as_slice(), "its function reported it as failed")
            }
            Verdict::Failed(reason) => {
                tracing::error!(queue, messages = messages.len(), reason, "a queue's batch failed");
                (&[][..], reason.as_str())
            }
        };
        let is_known = |id: &String| messages.iter().any(|message| item_id(message) == *id);
        let all_failed = matches!(verdict, Verdict::Failed(_)) || !failed.iter().all(is_known);
        let (kept, handled): (Vec<_>, Vec<_>) = messages
            .iter()
            .cloned()
            .partition(|message| all_failed || failed.contains(&item_id(message)));
        let most = tries(queue);
        let comes_again = |message: &Message| message.tries < most && self.fate.again(queue);
        let (_, handled): (Vec<_>, Vec<_>) = handled.into_iter().partition(comes_again);
        // What is neither handled nor spent shows up again when its visibility timeout is over.
        let (spent, again): (Vec<_>, Vec<_>) =
            kept.into_iter().partition(|message| message.failures + 1 >= most);
        let ids = |messages: Vec<Message>| messages.iter().map(|one| one.id).collect::<Vec<_>>();
        self.settle_queue(queue, (&ids(handled), &ids(again)), &spent, reason, now)
    }

    fn settle_queue(
        &self,
        queue: &str,
        (handled, failed): (&[i64], &[i64]),
        spent: &[Message],
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StateError> {
        if handled.is_empty() && failed.is_empty() && spent.is_empty() {
            return Ok(());
        }
        let letter = |message: &Message| {
            tracing::error!(queue, message = message.id, reason, "a message was given up");
            let (source, body, reason) =
                (queue.to_owned(), message.body.clone(), reason.to_owned());
            (message.id, DeadLetter { at: now, source, body, reason })
        };
        self.ledger.settle(handled, failed, &spent.iter().map(letter).collect::<Vec<_>>())
    }

    /// Trims what every consumer is past, now and then.
    pub(crate) fn trim(&mut self) -> Result<(), StateError> {
        let past = |lane: &Lane| {
            if lane.position < self.last_commit { lane.position } else { self.scanned }
        };
        let done = self.lanes.iter().map(past).min().unwrap_or(0);
        if done - self.trimmed >= TRIM_EVERY {
            self.stream.trim(done)?;
            self.trimmed = done;
        }
        Ok(())
    }
}

/// Tells how often a message of a queue is tried.
fn tries(queue: &str) -> u32 {
    if queue == "courier" { COURIER_TRIES } else { QUEUE_TRIES }
}

#[expect(clippy::expect_used, reason = "there is a lane for each consumer from the start")]
fn lane(lanes: &mut [Lane], consumer: Consumer) -> &mut Lane {
    lanes.iter_mut().find(|lane| lane.consumer == consumer).expect("each consumer has a lane")
}
