//! What a person must hear of a destination: that somebody must act, or that something was given
//! up. Once a day for each, however often it happens and whatever comes between.

use crate::{Courier, CourierError, context::Context};
use domain::notice::{self, defuse_subject};
use runtime::Message;
use store::DestinationRow;

/// How many a day somebody hears of one destination; the page has the others.
const ALERTS_A_DAY: usize = 5;

/// What somebody must hear.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Alert<'a> {
    /// Nothing arrives there before somebody does something.
    Shut(&'a str),
    /// Something does not arrive before somebody does something.
    MustAct(&'a str),
    /// Something was tried for a day.
    GivenUp(&'a str),
}

impl Courier {
    /// Tells whoever looks after the system, unless they heard it today.
    pub(crate) async fn alert(
        &self,
        lane: &str,
        alert: Alert<'_>,
        context: &Context,
    ) -> Result<(), CourierError> {
        // What waits will fail again, and is told then.
        if context.muted {
            return Ok(());
        }
        let config = context.config();
        let (what, why) = match alert {
            Alert::Shut(why) | Alert::MustAct(why) => ("does not take what it is sent", why),
            Alert::GivenUp(why) => ("was tried for a day, and something is given up", why),
        };
        let row = self.destination(lane).await?;
        let today = config.day_of(self.clock.now()).to_string();
        // That nothing arrives at all is told however many small things were.
        let most = if matches!(alert, Alert::Shut(_)) { usize::MAX } else { ALERTS_A_DAY };
        let said = format!("{what}: {why}");
        let Some(alerted) = told_today(row.alerted.as_deref(), (&today, most), &said) else {
            return Ok(());
        };
        let admin = config.role(None, "admin").or_else(|| config.role(None, "manager"));
        let Some(admin) = admin else { return Ok(()) };
        let desk = config.organisation.public_url.trim_end_matches('/');
        let body = notice::letter(
            &format!("{desk}/outbox?destination={}", lane.replace('#', "%23")),
            &format!("The destination `{lane}` {what}. {why}"),
            "Nothing is lost: what waits is sent once it can be, and what was given up can be sent \
             again from that page.",
        );
        let attributes = vec![
            ("kind", vec!["delivery_failed".to_owned()]),
            ("severity", vec!["urgent".to_owned()]),
            ("to", vec![admin.to_string()]),
        ];
        let subject = defuse_subject(&format!("Not delivered: {lane} {what}"));
        // Said first and noted after: twice is better than never.
        if let Err(error) = self.topic.publish(&Message { subject, body, attributes }).await {
            tracing::error!(%error, destination = lane, "nobody heard that a destination fails");
            return Ok(());
        }
        self.fare(DestinationRow { alerted: Some(alerted), ..row }).await
    }
}

/// Adds what is to be told to what was told that day, a line each; nothing where it was told, or
/// enough was.
fn told_today(before: Option<&str>, (today, most): (&str, usize), said: &str) -> Option<String> {
    let before = before.filter(|before| before.lines().next() == Some(today)).unwrap_or(today);
    let told = before.lines().skip(1);
    let is_new = told.clone().all(|line| line != said) && told.count() < most;
    is_new.then(|| format!("{before}\n{said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_once_a_day_and_no_more_than_enough() {
        let mut told = None;
        let mut heard = 0;
        for said in ["a", "b", "a", "b", "c", "a"] {
            if let Some(now) = told_today(told.as_deref(), ("2026-01-05", 5), said) {
                (told, heard) = (Some(now), heard + 1);
            }
        }
        assert_eq!((heard, told.as_deref()), (3, Some("2026-01-05\na\nb\nc")));
        let next = told_today(told.as_deref(), ("2026-01-06", 5), "a");
        assert_eq!(next.as_deref(), Some("2026-01-06\na"));
        let full = "2026-01-05\n1\n2\n3\n4\n5";
        assert_eq!(told_today(Some(full), ("2026-01-05", 5), "6"), None);
        assert!(told_today(Some(full), ("2026-01-05", usize::MAX), "6").is_some());
    }
}
