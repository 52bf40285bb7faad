//! The cloud in virtual time: everything happens in one order, and happens the same way again.
//!
//! One agenda, ordered by time and then by when something was put down, holds schedules,
//! deliveries, posts and wake-ups. One invocation runs at a time until it returns or sleeps; time
//! moves only when all have. After each turn the cloud looks for what the invocation left behind:
//! records in the stream, messages in queues. Nothing here reads the system's clock.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::{BoxFuture, FutureExt};
use runtime::clock::{Hand, Sleeper, Turn};

use crate::agenda::Agenda;
use crate::deliveries::{Deliveries, Delivery};
use crate::fate::Fate;
use crate::functions::Functions;
use crate::job::{Job, Verdict};
use crate::ledger::DeadLetter;
use crate::outbox::OutboxEntry;
use crate::parts::Parts;
use crate::problem::problem;
use crate::schedule::Schedule;
use crate::state::StateError;

/// How far ahead something may lie and still belong to what is going on.
const SETTLES_WITHIN: TimeDelta = TimeDelta::seconds(5);

/// How far time moves at most while things settle: functions that feed each other never do.
const SETTLES_UNTIL: TimeDelta = TimeDelta::hours(1);

/// The local cloud, cranked by hand.
pub struct Cloud {
    // Invocations that sleep are dropped before what they talk to.
    parked: BTreeMap<u64, Parked>,
    /// Those that wait for others.
    blocked: Vec<Invocation>,
    turns: u64,
    agenda: Agenda<Due>,
    deliveries: Deliveries,
    functions: Functions,
    answers: BTreeMap<Ticket, http::Response<Bytes>>,
    tickets: u64,
    hand: Hand,
    parts: Parts,
}

/// Stands for a request that was posted; its answer is asked for with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// Something that has not happened yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When it happens.
    pub at: DateTime<Utc>,
    /// What it is.
    pub what: String,
}

enum Due {
    Delivery(Delivery),
    Post(Ticket, Box<http::Request<Bytes>>),
    /// A sleeper, and under which number its invocation is parked.
    Wake(Sleeper, u64),
}

/// An invocation that sleeps, and where.
struct Parked {
    invocation: Invocation,
    places: Vec<Sleeper>,
}

enum Ended {
    Delivered(Job, Verdict),
    Answered(Ticket, http::Response<Bytes>),
}

type Invocation = BoxFuture<'static, Ended>;

impl From<Delivery> for Due {
    fn from(delivery: Delivery) -> Self {
        Self::Delivery(delivery)
    }
}

impl Cloud {
    /// Makes a cloud of its parts; `hand` moves the clock that parts and functions have.
    pub fn new(
        parts: Parts,
        functions: Functions,
        schedules: Vec<Schedule>,
        hand: Hand,
    ) -> Result<Self, StateError> {
        let mut agenda = Agenda::new();
        let (stream, ledger) = (parts.stream.clone(), parts.ledger.clone());
        let mut deliveries = Deliveries::new(stream, ledger, schedules, hand.now(), &mut agenda)?;
        deliveries.look(hand.now(), &mut agenda)?;
        let (parked, answers) = (BTreeMap::new(), BTreeMap::new());
        let (turns, tickets) = (0, 0);
        Ok(Self {
            parked,
            blocked: Vec::new(),
            turns,
            agenda,
            deliveries,
            functions,
            answers,
            tickets,
            hand,
            parts,
        })
    }

    /// Lets deliveries meet with another fate than none from now on.
    pub fn meet_with(&mut self, fate: impl Fate + 'static) {
        self.deliveries.meet_with(Box::new(fate));
    }

    /// What time it is.
    pub fn now(&self) -> DateTime<Utc> {
        self.hand.now()
    }

    /// Posts a request now and returns its answer: `/hooks/…` to intake, the rest to the desk.
    ///
    /// What is due before it happens first. If its function sleeps, time moves until it answers.
    pub async fn post(
        &mut self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, StateError> {
        let ticket = self.post_at(self.now(), request);
        loop {
            if let Some(answer) = self.answer(ticket) {
                return Ok(answer);
            }
            if !self.step(DateTime::<Utc>::MAX_UTC).await? {
                // Only a sleep that was raced against something else leads here.
                return Ok(problem(503, "Service Unavailable", "It never answered.", "/"));
            }
        }
    }

    /// Puts a request down for a time to come; a time that has passed means now.
    pub fn post_at(&mut self, at: DateTime<Utc>, request: http::Request<Bytes>) -> Ticket {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.agenda.push(at.max(self.now()), Due::Post(ticket, Box::new(request)));
        ticket
    }

    /// Hands out the answer to a request that was put down, once it is there.
    pub fn answer(&mut self, ticket: Ticket) -> Option<http::Response<Bytes>> {
        self.answers.remove(&ticket)
    }

    /// Lets everything happen that is due up to a time, and moves the clock there.
    pub async fn advance(&mut self, to: DateTime<Utc>) -> Result<(), StateError> {
        while self.step(to).await? {}
        self.hand.move_to(to);
        Ok(())
    }

    /// Lets happen what follows from what has happened; schedules do not count, nor what is far.
    ///
    /// It gives up after an hour of virtual time; then something is still pending.
    pub async fn settle(&mut self) -> Result<(), StateError> {
        let end = self.now() + SETTLES_UNTIL;
        // Somebody else may have written to the table or the bus since the last step.
        self.deliveries.look(self.hand.now(), &mut self.agenda)?;
        loop {
            let horizon = end.min(self.now() + SETTLES_WITHIN);
            let next = self.pending()?.into_iter().map(|pending| pending.at).min();
            match next {
                Some(at) if at <= horizon => self.advance(at.max(self.now())).await?,
                _ => return Ok(()),
            }
        }
    }

    /// Lists what has not happened yet, schedules apart: posts, sleepers, records and messages.
    pub fn pending(&self) -> Result<Vec<Pending>, StateError> {
        let mut pending: Vec<Pending> = self
            .agenda
            .iter()
            .filter_map(|(at, due)| {
                let what = match due {
                    Due::Post(_, request) => format!("post {}", request.uri().path()),
                    Due::Wake(_, number) if !self.parked.contains_key(number) => return None,
                    Due::Wake(..) => "wake-up".to_owned(),
                    Due::Delivery(Delivery::Stream(consumer)) => {
                        format!("stream {}", consumer.name())
                    }
                    // The ledger knows better what waits in a queue.
                    Due::Delivery(Delivery::Queue(_)) => return None,
                    Due::Delivery(Delivery::Schedule { tries: 0, .. }) => return None,
                    Due::Delivery(Delivery::Schedule { .. }) => "retry of a schedule".to_owned(),
                };
                Some(Pending { at, what })
            })
            .collect();
        let queued = self.parts.ledger.waiting()?.into_iter();
        pending.extend(queued.map(|(queue, at)| Pending { at, what: format!("queue {queue}") }));
        Ok(pending)
    }

    /// Lists what was sent, oldest first.
    pub fn outbox(&self) -> Result<Vec<OutboxEntry>, StateError> {
        self.parts.ledger.outbox()
    }

    /// Lists what was given up, oldest first.
    pub fn dead_letters(&self) -> Result<Vec<DeadLetter>, StateError> {
        self.parts.ledger.dead_letters()
    }

    /// The parts it runs on.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Lets the next thing happen, if it is due; false if nothing was.
    pub async fn step(&mut self, until: DateTime<Utc>) -> Result<bool, StateError> {
        let Some((at, due)) = self.agenda.pop(until) else {
            return Ok(false);
        };
        self.hand.move_to(at);
        self.deliveries.trim()?;
        if let Some(Parked { invocation, places }) = self.invocation(due)? {
            self.turn(invocation, places).await?;
            for blocked in std::mem::take(&mut self.blocked) {
                self.turn(blocked, Vec::new()).await?;
            }
        }
        self.parts.fetch().await?;
        self.deliveries.look(self.hand.now(), &mut self.agenda)?;
        Ok(true)
    }

    /// Gives an invocation a turn, and draws the conclusions.
    async fn turn(
        &mut self,
        mut invocation: Invocation,
        places: Vec<Sleeper>,
    ) -> Result<(), StateError> {
        match self.hand.turn(&mut invocation, places).await {
            Turn::Parked(places) => self.park(invocation, places),
            Turn::Blocked => self.blocked.push(invocation),
            Turn::Returned(Ended::Answered(ticket, answer)) => {
                self.answers.insert(ticket, answer);
            }
            Turn::Returned(Ended::Delivered(job, verdict)) => {
                let now = self.hand.now();
                self.deliveries.finish(job, verdict, now, &mut self.agenda)?;
            }
        }
        Ok(())
    }

    /// Puts an invocation aside until any of the places it sleeps in is woken.
    fn park(&mut self, invocation: Invocation, places: Vec<Sleeper>) {
        let number = self.turns;
        self.turns += 1;
        for place in &places {
            self.agenda.push(place.at, Due::Wake(*place, number));
        }
        self.parked.insert(number, Parked { invocation, places });
    }

    /// The invocation that gets the next turn.
    fn invocation(&mut self, due: Due) -> Result<Option<Parked>, StateError> {
        let begun = |invocation| Parked { invocation, places: Vec::new() };
        match due {
            Due::Delivery(delivery) => {
                let now = self.hand.now();
                let job = self.deliveries.begin(delivery, now, &mut self.agenda)?;
                Ok(job.map(|job| {
                    let run = job.run(&self.functions);
                    begun(run.map(|(job, verdict)| Ended::Delivered(job, verdict)).boxed())
                }))
            }
            Due::Post(ticket, request) => {
                let answer = self.functions.answer(*request);
                let answered = answer.map(move |answer| Ended::Answered(ticket, answer));
                Ok(Some(begun(answered.boxed())))
            }
            // It went on from another place where it slept: this is of a turn before.
            Due::Wake(sleeper, number) => {
                let is_there = self.parked.contains_key(&number) && self.hand.wake(sleeper);
                Ok(if is_there { self.parked.remove(&number) } else { None })
            }
        }
    }
}

#[cfg(test)]
mod tests;
