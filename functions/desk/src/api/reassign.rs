//! Giving everything of somebody to others, over JSON: with `?preview` who would get what, without
//! it the requests for it. What the handoffs are about is not in the answer.

use crate::{
    Desk,
    access::Visitor,
    ask::{self, Fields},
    fault::Fault,
    form, pages,
    reassign::{Foreseen, Foresight, Reassignment},
};
use domain::Config;
use http::{HeaderMap, Response, StatusCode};
use runtime::web;
use serde_json::{Value, json};

impl Desk {
    /// Gives everything of somebody to others, or says who would get it.
    pub(crate) async fn api_reassign(
        &self,
        visitor: &Visitor,
        pairs: &form::Pairs,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response<bytes::Bytes>, Fault> {
        // A misspelt `preview` would do what was only to be looked at.
        if let Some(unknown) = pairs.keys().find(|name| *name != "preview") {
            let unknown: String = unknown.chars().take(40).collect();
            let said = format!(
                "A reassignment has no `{unknown}`: nothing was done. Add \
                                `?preview` to see what would be."
            );
            return Err(Fault::Malformed(said));
        }
        let active = self.configs.active(self.clock.now()).await?;
        let said = ask::object(body).map_err(Fault::Malformed)?;
        let fields = Fields::new(said, active.config.organisation.timezone);
        let reassignment = Reassignment::read(fields).map_err(Fault::Malformed)?;
        let person = visitor.actor()?;
        let document = match pairs.contains_key("preview") {
            true => {
                let foresight = self.foresee(&reassignment, person).await?;
                preview(&reassignment, &foresight, &active.config)
            }
            false => {
                let key = super::act::key(headers)?;
                let asked = self.reassign(&reassignment, person, key.as_deref()).await?;
                json!({ "requested": asked.requested, "left": asked.left })
            }
        };
        Ok(web::json(StatusCode::OK, &document))
    }
}

fn preview(reassignment: &Reassignment, foresight: &Foresight, config: &Config) -> Value {
    let one = |foreseen: &Foreseen| {
        let owner = foreseen.way.owner.as_ref();
        json!({
            "id": foreseen.handoff.id,
            "type": foreseen.handoff.kind,
            "to": owner.map(|(owner, _)| owner),
            "pool": owner.map(|(_, pool)| pool),
            "reason": pages::why_of(&foreseen.way, config),
        })
    };
    let handoffs: Vec<Value> = foresight.handoffs.iter().map(one).collect();
    json!({
        "from": reassignment.from, "count": handoffs.len(), "handoffs": handoffs,
        "left": foresight.left,
    })
}
