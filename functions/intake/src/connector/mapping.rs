//! From a source's properties to an event: the `events` and `fields` of the configuration, and each
//! vendor's defaults.
//!
//! A property goes where the configuration says, else where the vendor's vocabulary says, else into
//! the package under its own name: nothing a source tells is dropped. A value that cannot be what
//! it is mapped to (a score of `n/a`) stays in the package under the property's name instead of
//! costing the event.

use super::node::{Map, Node};
use chrono::{DateTime, Utc};
use domain::{
    SourceEvent,
    config::{EventRule, Source},
    money::Money,
};

/// What is added to the name of a property whose place another one has.
const OTHER: &str = "_as_sent";

/// What a vendor's properties mean unless the configuration says otherwise.
pub(super) struct Vocabulary {
    /// Object (empty for any), property, target.
    pub(super) defaults: &'static [(&'static str, &'static str, &'static str)],
    /// The properties that make up a person's name.
    pub(super) name_parts: [&'static str; 2],
    /// The property that says the amount's currency.
    pub(super) currency: &'static str,
}

impl Vocabulary {
    /// Finds what a property is called here; `None` when nobody gave it another name.
    pub(super) fn target<'a>(
        &self,
        source: &'a Source,
        object: &str,
        property: &str,
    ) -> Option<&'a str> {
        if let Some(target) = source.fields.get(property) {
            return Some(target);
        }
        self.defaults
            .iter()
            .find(|(of, name, _)| {
                *name == property && (of.is_empty() || of.eq_ignore_ascii_case(object))
            })
            .map(|(_, _, target)| *target)
    }

    /// Spreads an object's properties over an event; what the configuration maps goes first.
    pub(super) fn fill(
        &self,
        event: &mut SourceEvent,
        source: &Source,
        object: &str,
        properties: &Map,
    ) {
        let text = |property: &str| properties.get(property).and_then(Node::as_scalar);
        let currency = text(self.currency).unwrap_or(&source.currency);
        for configured in [true, false] {
            for (property, value) in properties {
                let is_part = self.name_parts.contains(&property.as_str());
                if source.fields.contains_key(property) != configured
                    || (!configured && (is_part || property == self.currency))
                {
                    continue;
                }
                let target = self.target(source, object, property);
                put(event, property, target.unwrap_or(property), value, currency);
            }
        }
        if event.subject.name.is_none() {
            let parts: Vec<&str> = self.name_parts.iter().filter_map(|part| text(part)).collect();
            event.subject.name = (!parts.is_empty()).then(|| parts.join(" "));
        }
    }
}

/// Finds the first rule that such an object's properties satisfy.
pub(super) fn matching_rule<'a>(
    source: &'a Source,
    object: &str,
    properties: &Map,
) -> Option<&'a EventRule> {
    let value = |property: &str| Some(properties.get(property)?.as_scalar()?.to_owned());
    source.events.iter().find(|rule| rule.matches(object, value))
}

/// Keeps the properties that say something: scalars, not empty, not withheld.
pub(super) fn says_something(value: &Node) -> bool {
    value.as_scalar().is_some_and(|text| !text.is_empty() && text != "REDACTED")
}

/// Reads an instant: RFC 3339, Salesforce's `+0000`, or milliseconds since 1970.
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .map(|at| at.to_utc())
        .ok()
        .or_else(|| DateTime::from_timestamp_millis(text.parse().ok()?))
}

/// Reads a score: whole, or a decimal that is rounded down, so that 64.9 has not reached 65.
pub(super) fn score(text: &str) -> Option<i64> {
    const MOST_EXACT: f64 = 9_007_199_254_740_992.0;
    let text = text.trim();
    let decimal = |text: &str| text.parse::<f64>().ok().filter(|value| value.abs() < MOST_EXACT);
    text.parse().ok().or_else(|| decimal(text).map(|value| value.floor() as i64))
}

fn put(event: &mut SourceEvent, property: &str, target: &str, value: &Node, currency: &str) {
    let text = value.as_scalar().unwrap_or_default();
    let placed = match target {
        "score" => take(&mut event.score, score(text)),
        "previous_score" => take(&mut event.previous_score, score(text)),
        "amount" => take(&mut event.amount, Money::from_decimal(text, currency)),
        "meeting_at" => take(&mut event.meeting_at, instant(text)),
        "owner_email" => take(&mut event.owner_email, Some(text.to_owned())),
        "channel" => take(&mut event.channel, Some(text.to_owned())),
        "outcome" => take(&mut event.outcome, Some(text.to_owned())),
        "email" => take(&mut event.subject.email, Some(text.to_owned())),
        "name" => take(&mut event.subject.name, Some(text.to_owned())),
        "company" => take(&mut event.subject.company, Some(text.to_owned())),
        "country" => take(&mut event.subject.country, Some(text.to_owned())),
        _ => {
            event.fields.entry(target.to_owned()).or_insert_with(|| value.to_value());
            true
        }
    };
    if !placed {
        // Under the name of a place that another value has, it would be read as that place's.
        let other = property == target && is_taken(event, target);
        let kept = if other { format!("{property}{OTHER}") } else { property.to_owned() };
        event.fields.entry(kept).or_insert_with(|| value.to_value());
    }
}

/// Tells whether an earlier property has a place.
fn is_taken(event: &SourceEvent, target: &str) -> bool {
    match target {
        "score" => event.score.is_some(),
        "previous_score" => event.previous_score.is_some(),
        "amount" => event.amount.is_some(),
        "meeting_at" => event.meeting_at.is_some(),
        _ => true,
    }
}

/// Fills an empty place; tells whether the value has one, be it this or an earlier one that said
/// the same.
fn take<T: PartialEq>(place: &mut Option<T>, value: Option<T>) -> bool {
    if place.is_none() {
        *place = value;
        return place.is_some();
    }
    *place == value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_whole_and_rounded_down() {
        for (text, expected) in [
            ("71", Some(71)),
            ("71.0", Some(71)),
            (" 64.9 ", Some(64)),
            ("-3", Some(-3)),
            ("-0.5", Some(-1)),
            ("", None),
            ("n/a", None),
            ("inf", None),
            ("NaN", None),
            ("1e300", None),
        ] {
            assert_eq!(score(text), expected, "{text}");
        }
    }

    #[test]
    fn instants_are_read_in_every_form_sources_use() {
        let expected = instant("2026-01-23T15:00:00Z");
        assert_eq!(expected.map(|at| at.timestamp()), Some(1_769_180_400));
        for same in ["2026-01-23T16:00:00+01:00", "2026-01-23T15:00:00.000+0000", "1769180400000"] {
            assert_eq!(instant(same), expected, "{same}");
        }
        assert!(instant("-1").is_some_and(|at| at.timestamp() == -1));
        for wrong in ["", "tomorrow", "2026-01-23", "999999999999999999999"] {
            assert_eq!(instant(wrong), None, "{wrong}");
        }
    }
}
