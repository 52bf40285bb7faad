//! What a person must hear of a destination: that somebody must act, or that something was given
//! up. Once a day for each, however often it happens.

use crate::{Courier, CourierError, context::Context};
use domain::notice::{self, defuse_subject};
use runtime::Message;
use store::DestinationRow;

/// What somebody must hear.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Alert<'a> {
    /// Nothing arrives before somebody does something.
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
            Alert::MustAct(why) => ("does not take what it is sent", why),
            Alert::GivenUp(why) => ("was tried for a day, and something is given up", why),
        };
        let today = config.day_of(self.clock.now());
        let said = format!("{today} {what}: {why}");
        let row = self.destination(lane).await?;
        if row.alerted.as_deref() == Some(said.as_str()) {
            return Ok(());
        }
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
        self.fare(DestinationRow { alerted: Some(said), ..row }).await
    }
}
