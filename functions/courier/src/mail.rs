//! Mail that was not sent at once: everything that is due for somebody is one message.

use crate::{
    Courier, CourierError,
    context::Context,
    deliver::silent,
    verdict::{Later, Verdict},
};
use domain::{
    PersonId,
    delivery::{Wanted, outdated},
    notice::{self, Notice},
};
use runtime::Message;
use std::collections::BTreeMap;
use store::Delivery;

impl Courier {
    /// Sends the letters of a bundle; those that say what is not so any more are left out.
    pub(crate) async fn mail_bundle(
        &self,
        person: &PersonId,
        claims: &[Delivery],
        letters: Vec<(usize, Wanted, Box<Notice>)>,
        contexts: &BTreeMap<usize, Context>,
    ) -> Result<(), CourierError> {
        let now = self.clock.now();
        let mut sent: Vec<(&Delivery, &Context)> = Vec::new();
        let mut notices: Vec<Notice> = Vec::new();
        for (index, claimed) in claims.iter().enumerate() {
            let letter = letters.iter().find(|(of, ..)| *of == index);
            let (Some((_, wanted, notice)), Some(context)) = (letter, contexts.get(&index)) else {
                self.unneeded(claimed, "the configuration asks for it no longer").await?;
                continue;
            };
            let stale = context.commit.as_ref();
            let stale = stale.and_then(|commit| outdated(wanted, commit, &context.handoff, now));
            match stale {
                Some(why) => self.unneeded(claimed, why).await?,
                None if silent(context).is_some() => {
                    let state = silent(context).unwrap_or_default();
                    self.silenced(claimed, state).await?;
                }
                None => {
                    sent.push((claimed, context));
                    notices.push((**notice).clone());
                }
            }
        }
        let Some(bundle) = notice::bundle(&notices) else { return Ok(()) };
        let attributes = vec![
            ("kind", bundle.kinds),
            ("severity", vec![bundle.severity.to_owned()]),
            ("team", bundle.teams),
            ("to", vec![person.to_string()]),
        ];
        let message = Message { subject: bundle.subject, body: bundle.body, attributes };
        let verdict = match self.topic.publish(&message).await {
            Ok(()) => Verdict::arrived(match notices.len() {
                1 => "Mailed.".to_owned(),
                count => format!("Mailed with {} others.", count - 1),
            }),
            Err(error) => Verdict::Later(Later {
                why: format!("The topic did not take it: {error}."),
                of_all: true,
                ..Later::default()
            }),
        };
        self.settle_all(&sent, &verdict).await
    }
}
