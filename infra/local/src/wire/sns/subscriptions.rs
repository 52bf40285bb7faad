//! SNS's subscriptions by mail. As there, an invitation that nobody confirmed has no name by which
//! it can be changed or ended, an address has one subscription a topic, and asking again with
//! another filter is refused once it is confirmed. The token that confirms is the one AWS would
//! mail; here nothing is mailed, and it is the subscription's number.

use super::{Form, Refusal, invalid};
use crate::{
    ledger::{Ledger, Subscribed},
    page::escape,
    state::StateError,
};
use serde_json::Value;

/// What a subscription is called while nobody has confirmed it.
const PENDING: &str = "PendingConfirmation";

/// Answers an action about subscriptions with its result, as XML; nothing where it is another.
pub(super) fn answer(
    ledger: &Ledger,
    action: &str,
    form: &Form,
) -> Option<Result<String, Refusal>> {
    Some(match action {
        "Subscribe" => subscribe(ledger, form),
        "ConfirmSubscription" => confirm(ledger, form),
        "ListSubscriptionsByTopic" => list(ledger, form),
        "GetSubscriptionAttributes" => attributes(ledger, form),
        "SetSubscriptionAttributes" => set(ledger, form),
        "Unsubscribe" => unsubscribe(ledger, form),
        _ => return None,
    })
}

fn subscribe(ledger: &Ledger, form: &Form) -> Result<String, Refusal> {
    let topic = super::topic(form)?;
    let protocol = form.get("Protocol").map_or("", String::as_str);
    let endpoint = form.get("Endpoint").map_or("", String::as_str);
    let is_address = endpoint.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty() && !domain.is_empty() && !endpoint.contains(char::is_whitespace)
    });
    if protocol != "email" {
        return Err(invalid("Protocol: this topic sends mail only"));
    }
    if !is_address {
        return Err(invalid("Email address"));
    }
    let asked = (1..).map_while(|number| {
        let field = |name: &str| form.get(&format!("Attributes.entry.{number}.{name}"));
        Some((field("key")?.as_str(), field("value").map_or("", String::as_str)))
    });
    let mut wanted = None;
    for (name, value) in asked {
        match name {
            "FilterPolicy" => wanted = Some(checked(value)?),
            "FilterPolicyScope" if value == "MessageAttributes" => {}
            other => return Err(invalid(&format!("Attributes: {other}"))),
        }
    }
    let has = ledger.subscribe(topic, (protocol, endpoint), wanted).map_err(failed)?;
    if has.confirmed && has.policy.as_deref() != wanted {
        let reason = "Attributes Reason: Subscription already exists with different attributes";
        return Err(invalid(reason));
    }
    let name = if has.confirmed { arn(&has) } else { "pending confirmation".to_owned() };
    Ok(format!("<SubscriptionArn>{}</SubscriptionArn>", escape(&name)))
}

fn confirm(ledger: &Ledger, form: &Form) -> Result<String, Refusal> {
    let topic = super::topic(form)?;
    let token = form.get("Token").and_then(|token| token.parse().ok());
    let found = token.map(|id| ledger.subscription(id)).transpose().map_err(failed)?.flatten();
    let found = found.filter(|one| one.topic == topic).ok_or_else(|| invalid("Token"))?;
    ledger.confirm(found.id).map_err(failed)?;
    Ok(format!("<SubscriptionArn>{}</SubscriptionArn>", escape(&arn(&found))))
}

fn list(ledger: &Ledger, form: &Form) -> Result<String, Refusal> {
    let topic = super::topic(form)?;
    let after = match form.get("NextToken") {
        Some(token) => token.parse().map_err(|_| invalid("NextToken"))?,
        None => 0,
    };
    let page = ledger.subscriptions(topic, after).map_err(failed)?;
    let members: String = page
        .iter()
        .map(|one| {
            let name = if one.confirmed { arn(one) } else { PENDING.to_owned() };
            format!(
                "<member><TopicArn>{}</TopicArn><Protocol>{}</Protocol><SubscriptionArn>{}\
                 </SubscriptionArn><Owner>000000000000</Owner><Endpoint>{}</Endpoint></member>",
                escape(&one.topic),
                escape(&one.protocol),
                escape(&name),
                escape(&one.endpoint)
            )
        })
        .collect();
    let full = page.len() == 100;
    let next = page.last().filter(|_| full);
    let next = next.map_or(String::new(), |last| format!("<NextToken>{}</NextToken>", last.id));
    Ok(format!("<Subscriptions>{members}</Subscriptions>{next}"))
}

fn attributes(ledger: &Ledger, form: &Form) -> Result<String, Refusal> {
    let one = named(ledger, form)?;
    let mut all = vec![
        ("SubscriptionArn", arn(&one)),
        ("TopicArn", one.topic.clone()),
        ("Protocol", one.protocol.clone()),
        ("Endpoint", one.endpoint.clone()),
        ("PendingConfirmation", "false".to_owned()),
    ];
    if let Some(policy) = one.policy {
        all.push(("FilterPolicy", policy));
        all.push(("FilterPolicyScope", "MessageAttributes".to_owned()));
    }
    let entries: String = all
        .iter()
        .map(|(key, value)| {
            format!("<entry><key>{key}</key><value>{}</value></entry>", escape(value))
        })
        .collect();
    Ok(format!("<Attributes>{entries}</Attributes>"))
}

fn set(ledger: &Ledger, form: &Form) -> Result<String, Refusal> {
    let one = named(ledger, form)?;
    let value = form.get("AttributeValue").map_or("", String::as_str);
    match form.get("AttributeName").map(String::as_str) {
        Some("FilterPolicy") if matches!(value, "" | "{}") => ledger.set_policy(one.id, None),
        Some("FilterPolicy") => ledger.set_policy(one.id, Some(checked(value)?)),
        _ => return Err(invalid("AttributeName")),
    }
    .map_err(failed)?;
    Ok(String::new())
}

fn unsubscribe(ledger: &Ledger, form: &Form) -> Result<String, Refusal> {
    // Ending what is not there is no mistake.
    if let Ok(one) = named(ledger, form) {
        ledger.unsubscribe(one.id).map_err(failed)?;
    }
    Ok(String::new())
}

fn named(ledger: &Ledger, form: &Form) -> Result<Subscribed, Refusal> {
    let name = form.get("SubscriptionArn").map_or("", String::as_str);
    let id = name.rsplit(':').next().and_then(|id| id.parse().ok());
    let id = id.ok_or_else(|| invalid("SubscriptionArn"))?;
    let found = ledger.subscription(id).map_err(failed)?.filter(|one| one.confirmed);
    let found = found.filter(|one| arn(one) == name);
    found.ok_or_else(|| Refusal::new(404, "NotFound", "Subscription does not exist"))
}

/// Reads a filter policy as SNS would take it: names, each with a list of what it may be.
fn checked(policy: &str) -> Result<&str, Refusal> {
    let lists = |value: &Value| value.as_array().is_some_and(|list| !list.is_empty());
    match serde_json::from_str(policy) {
        Ok(Value::Object(names)) if (1..=5).contains(&names.len()) && names.values().all(lists) => {
            Ok(policy)
        }
        _ => Err(invalid("FilterPolicy")),
    }
}

fn arn(one: &Subscribed) -> String {
    format!("{}:{:08}", one.topic, one.id)
}

fn failed(error: StateError) -> Refusal {
    tracing::error!(%error, "a subscription could not be kept");
    Refusal::new(500, "InternalError", error.to_string())
}

#[cfg(test)]
mod tests {
    use crate::testing::{parts, topic};
    use domain::subscription::{Hears, Step, Subscription};
    use runtime::{Environment, Topic};

    const TOPIC: &str = "arn:aws:sns:local:000000000000:alerts";

    fn at(endpoint: &str) -> Topic {
        Environment::local(endpoint, endpoint, TOPIC).topic()
    }

    fn invite(address: &str, to: &str) -> Step {
        Step::Invite { address: address.to_owned(), to: [to.into()].into() }
    }

    async fn confirm_all(parts: &crate::Parts) {
        for one in parts.ledger().subscriptions(TOPIC, 0).unwrap() {
            let confirm = topic(parts).confirm_subscription().topic_arn(TOPIC);
            confirm.token(one.id.to_string()).send().await.unwrap();
        }
    }

    fn to(names: &[&str]) -> Hears {
        Hears::To(names.iter().map(|name| (*name).into()).collect())
    }

    #[tokio::test]
    async fn who_is_invited_confirms_hears_otherwise_and_hears_no_more() {
        let (parts, _clock, _hand) = parts(None);
        let topic = at(&parts.wire_endpoint());
        // What may be in an address is written so that XML and forms have it back as it was.
        let address = "o'neil+sales&co@a.example";
        for _ in 0..2 {
            topic.take(&invite(address, "ada")).await.unwrap();
        }
        let pending =
            Subscription { arn: None, address: address.to_owned(), hears: Hears::Otherwise };
        assert_eq!(topic.subscriptions().await.unwrap(), [pending]);
        confirm_all(&parts).await;
        let there = topic.subscriptions().await.unwrap().remove(0);
        assert_eq!((there.address.as_str(), &there.hears), (address, &to(&["ada"])));
        let arn = there.arn.unwrap();
        let refused = topic.take(&invite(address, "bo")).await.unwrap_err().to_string();
        assert!(
            refused.starts_with("inviting o'neil") && refused.contains("different"),
            "{refused}"
        );
        let both = ["ada".into(), "bo".into()].into();
        let change = Step::Change { arn: arn.clone(), address: address.to_owned(), to: both };
        topic.take(&change).await.unwrap();
        assert_eq!(topic.subscriptions().await.unwrap()[0].hears, to(&["ada", "bo"]));
        for _ in 0..2 {
            let end = Step::End { arn: arn.clone(), address: address.to_owned() };
            topic.take(&end).await.unwrap();
        }
        assert_eq!(topic.subscriptions().await.unwrap(), []);
        assert!(topic.take(&change).await.unwrap_err().to_string().contains("does not exist"));
    }

    #[tokio::test]
    async fn all_are_listed_however_many_there_are() {
        let (parts, _clock, _hand) = parts(None);
        let topic = at(&parts.wire_endpoint());
        for n in 0..205 {
            topic.take(&invite(&format!("p{n}@a.example"), "ada")).await.unwrap();
        }
        confirm_all(&parts).await;
        let listed = topic.subscriptions().await.unwrap();
        assert_eq!(listed.len(), 205);
        assert_eq!(listed.iter().filter(|one| one.arn.is_some()).count(), 100);
    }

    #[tokio::test]
    async fn what_is_no_address_is_refused() {
        let (parts, _clock, _hand) = parts(None);
        let refused = at(&parts.wire_endpoint()).take(&invite("nobody", "ada")).await.unwrap_err();
        let expected = "inviting nobody was refused: Invalid parameter: Email address";
        assert_eq!(refused.to_string(), expected);
    }
}
