//! Why not somebody, over JSON: what would have had to differ for them to get a handoff.

use crate::{Desk, access::Visitor, fault::Fault, form, sheet::Sheet};
use domain::{
    HandoffId, PersonId,
    routing::{Asking, why_not},
};
use http::{Response, StatusCode};
use runtime::web;
use serde_json::json;

/// How much of an unknown name is repeated, in characters.
const NAME_CHARS_MAX: usize = 40;

impl Desk {
    /// Answers what would have had to differ for somebody to get a handoff.
    pub(crate) async fn api_why(
        &self,
        id: &HandoffId,
        visitor: &Visitor,
        pairs: &form::Pairs,
    ) -> Result<Response<bytes::Bytes>, Fault> {
        let rep = pairs.get("rep").filter(|rep| !rep.is_empty());
        let unsaid = || Fault::Malformed("Say `rep`: about whom it is asked.".to_owned());
        let rep = PersonId::from(rep.ok_or_else(unsaid)?.as_str());
        let sheet = self.sheet(id, visitor).await?;
        let (sentences, version) = self.why_not(&sheet, &rep).await?;
        let document =
            json!({ "rep": rep, "would_have_to_differ": sentences, "config_version": version });
        Ok(web::json(StatusCode::OK, &document))
    }

    /// Says what would have had to differ for somebody to get a handoff when an owner was last
    /// looked for, and by which configuration; no sentence where they got it.
    pub(crate) async fn why_not(
        &self,
        sheet: &Sheet,
        rep: &PersonId,
    ) -> Result<(Vec<String>, u64), Fault> {
        let unasked = || Fault::NotFound("Nobody was looked for yet: ask again later.".to_owned());
        let (commit, trace) = sheet.traced().ok_or_else(unasked)?;
        let then = self.configs.version(trace.config_version).await?;
        let is_known = |config: &domain::Config| config.people.contains_key(rep);
        if !is_known(&then.config) && !is_known(&sheet.active.config) {
            let name: String = rep.as_str().chars().take(NAME_CHARS_MAX).collect();
            return Err(Fault::NotFound(format!("There is nobody called `{name}`.")));
        }
        let gone = || Fault::Broken(format!("the history of {} has no opening", sheet.handoff.id));
        let handoff = sheet.before(commit).ok_or_else(gone)?;
        let asking = Asking {
            handoff: &handoff,
            package: &sheet.package,
            config: &then.config,
            rules: then.rules(),
            now: commit.at,
        };
        Ok((why_not(asking, trace, rep), trace.config_version))
    }
}
