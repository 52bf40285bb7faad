//! The outbox as a page for people: newest first, every text escaped, no script.

use std::fmt::Write;

use chrono::SecondsFormat;

use crate::outbox::{OutboxEntry, Sent};

/// How many entries the page shows; the JSON form has them all.
const SHOWN: usize = 200;

/// What the page may load: nothing but its own style.
pub(crate) const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Outbox</title>\
<style>:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{margin:2rem auto;\
max-width:72rem;padding:0 1rem}article{border-top:1px solid #8888;padding:.75rem 0}\
h2{font-size:1rem;margin:0}p{margin:0}pre{white-space:pre-wrap;overflow-wrap:anywhere;\
font:13px/1.5 ui-monospace,monospace}small{opacity:.8}</style></head><body><main><h1>Outbox</h1>";

/// Renders the outbox; `entries` are newest first.
pub(crate) fn outbox(entries: &[OutboxEntry]) -> String {
    let mut page = HEAD.to_owned();
    let shown = entries.len().min(SHOWN);
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "<p>{shown} of {} sent, newest first. The same as JSON: \
         <code>curl</code> this address.</p>",
        entries.len()
    );
    for entry in entries.iter().take(SHOWN) {
        let (title, text, about) = match &entry.sent {
            Sent::Topic { topic, subject, message, attributes } => {
                let name = topic.rsplit(':').next().unwrap_or(topic);
                let title = subject.clone().unwrap_or_else(|| "(no subject)".to_owned());
                let about = serde_json::Value::from(attributes.clone());
                (title, message.clone(), format!("topic {name} · {about}"))
            }
            Sent::Bus { bus, source, detail_type, detail, rules, .. } => {
                let text = serde_json::to_string_pretty(detail).unwrap_or_default();
                let rules = if rules.is_empty() { "no rule".to_owned() } else { rules.join(", ") };
                (detail_type.clone(), text, format!("bus {bus} · from {source} · {rules}"))
            }
            Sent::Outside { vendor, method, path, body } => {
                let text = serde_json::to_string_pretty(body).unwrap_or_default();
                (outside_title(body, vendor), text, format!("{vendor} · {method} {path}"))
            }
        };
        let at = entry.at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let _ = write!(
            page,
            "<article><h2>{}</h2><small><time>{at}</time> · {}</small><pre>{}</pre></article>",
            escape(&title),
            escape(&about),
            escape(&text)
        );
    }
    page.push_str("</main></body></html>");
    page
}

/// Says in a line what somebody outside was told.
fn outside_title(body: &serde_json::Value, vendor: &str) -> String {
    let places = ["/text", "/type", "/properties/hs_task_subject", "/subject"];
    let said = places.iter().find_map(|place| body.pointer(place)?.as_str());
    format!("{vendor}: {}", said.unwrap_or("a record"))
}

/// Makes a text harmless between tags and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}
