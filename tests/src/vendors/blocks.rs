//! Slack's Block Kit as its reference has it: which blocks a message may have, what is in them, how
//! long it may be, and that no text of somebody else became markup.
//!
//! Slack refuses a message with anything else in it as `invalid_blocks`, and says nothing where
//! markup got in: it mentions the whole channel. So the second is looked for here.

use super::call::Faults;
use serde_json::Value;
use std::collections::BTreeSet;

/// How many blocks a message may have.
const BLOCKS_MAX: usize = 50;

/// How long a text object may be at all, in characters.
const TEXT_MAX: usize = 3_000;

/// How long an option's value may be. The reference said 75 for years, and says 150 since.
const OPTION_VALUE_MAX: usize = 75;

/// What a date may be written with.
const DATE_WORDS: [&str; 9] = [
    "date_num",
    "date",
    "date_short",
    "date_long",
    "date_pretty",
    "date_short_pretty",
    "date_long_pretty",
    "time",
    "time_secs",
];

/// Looks through the blocks of a message.
pub(super) fn check(blocks: &Value, faults: &mut Faults) {
    let Some(blocks) = blocks.as_array() else {
        faults.must(false, || "`blocks` is no list".to_owned());
        return;
    };
    faults.must((1..=BLOCKS_MAX).contains(&blocks.len()), || {
        format!("there are {} blocks: 1 to {BLOCKS_MAX} may be", blocks.len())
    });
    let mut ids = BTreeSet::new();
    for (index, block) in blocks.iter().enumerate() {
        let at = format!("blocks[{index}]");
        if let Some(id) = block.get("block_id") {
            let id = id.as_str().unwrap_or_default();
            within(id, &format!("{at}.block_id"), 255, faults);
            faults.must(ids.insert(id), || format!("{at}: the block_id `{id}` is there twice"));
        }
        one(block, &at, faults);
    }
}

fn one(block: &Value, at: &str, faults: &mut Faults) {
    let kind = block["type"].as_str().unwrap_or_default();
    match kind {
        "divider" => only(block, at, &["type", "block_id"], faults),
        "header" => {
            only(block, at, &["type", "block_id", "text"], faults);
            text(&block["text"], &format!("{at}.text"), (&["plain_text"], 150), faults);
        }
        "section" => section(block, at, faults),
        "context" => {
            only(block, at, &["type", "block_id", "elements"], faults);
            for (element, at) in elements(block, at, 10, faults) {
                text(element, &at, (&["plain_text", "mrkdwn"], TEXT_MAX), faults);
            }
        }
        "actions" => {
            only(block, at, &["type", "block_id", "elements"], faults);
            let mut ids = BTreeSet::new();
            for (element, at) in elements(block, at, 25, faults) {
                action(element, &at, &mut ids, faults);
            }
        }
        other => {
            faults.must(false, || format!("{at}: `{other}` is no kind of block used here"));
        }
    }
}

fn section(block: &Value, at: &str, faults: &mut Faults) {
    only(block, at, &["type", "block_id", "text", "fields", "accessory", "expand"], faults);
    let both = ["plain_text", "mrkdwn"];
    let has = |name| block.get(name).is_some();
    faults.must(has("text") || has("fields"), || format!("{at}: neither `text` nor `fields`"));
    if has("text") {
        text(&block["text"], &format!("{at}.text"), (&both, 3_000), faults);
    }
    if has("fields") {
        let fields = block["fields"].as_array().cloned().unwrap_or_default();
        faults.must((1..=10).contains(&fields.len()), || {
            format!("{at}: there are {} fields: 1 to 10 may be", fields.len())
        });
        for (index, field) in fields.iter().enumerate() {
            text(field, &format!("{at}.fields[{index}]"), (&both, 2_000), faults);
        }
    }
    if has("accessory") {
        action(&block["accessory"], &format!("{at}.accessory"), &mut BTreeSet::new(), faults);
    }
}

fn elements<'a>(
    block: &'a Value,
    at: &str,
    max: usize,
    faults: &mut Faults,
) -> Vec<(&'a Value, String)> {
    let all: Vec<&Value> = block["elements"].as_array().into_iter().flatten().collect();
    faults.must((1..=max).contains(&all.len()), || {
        format!("{at}: there are {} elements: 1 to {max} may be", all.len())
    });
    let placed = all.into_iter().enumerate();
    placed.map(|(index, element)| (element, format!("{at}.elements[{index}]"))).collect()
}

fn action<'a>(element: &'a Value, at: &str, ids: &mut BTreeSet<&'a str>, faults: &mut Faults) {
    if let Some(id) = element.get("action_id") {
        let id = id.as_str().unwrap_or_default();
        within(id, &format!("{at}.action_id"), 255, faults);
        faults.must(ids.insert(id), || format!("{at}: the action_id `{id}` is there twice"));
    }
    match element["type"].as_str().unwrap_or_default() {
        "button" => button(element, at, faults),
        "static_select" => select(element, at, faults),
        other => {
            faults.must(false, || format!("{at}: `{other}` is no kind of element used here"));
        }
    }
}

fn button(element: &Value, at: &str, faults: &mut Faults) {
    let known =
        ["type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label"];
    only(element, at, &known, faults);
    text(&element["text"], &format!("{at}.text"), (&["plain_text"], 75), faults);
    if let Some(value) = element.get("value") {
        within(value.as_str().unwrap_or_default(), &format!("{at}.value"), 2_000, faults);
    }
    if let Some(url) = element.get("url") {
        let url = url.as_str().unwrap_or_default();
        within(url, &format!("{at}.url"), 3_000, faults);
        let is_address = url.starts_with("https://") || url.starts_with("http://");
        faults.must(is_address && !url.contains(char::is_whitespace), || {
            format!("{at}.url: `{url}` is no address")
        });
    }
    if let Some(style) = element.get("style") {
        faults.must(style == "primary" || style == "danger", || {
            format!("{at}.style: {style} is neither `primary` nor `danger`")
        });
    }
}

fn select(element: &Value, at: &str, faults: &mut Faults) {
    let known = ["type", "action_id", "placeholder", "options", "initial_option", "confirm"];
    only(element, at, &known, faults);
    let placeholder = format!("{at}.placeholder");
    text(&element["placeholder"], &placeholder, (&["plain_text"], 150), faults);
    let options: Vec<&Value> = element["options"].as_array().into_iter().flatten().collect();
    faults.must((1..=100).contains(&options.len()), || {
        format!("{at}: there are {} options: 1 to 100 may be", options.len())
    });
    for (index, option) in options.into_iter().enumerate() {
        let at = format!("{at}.options[{index}]");
        only(option, &at, &["text", "value", "description"], faults);
        text(&option["text"], &format!("{at}.text"), (&["plain_text"], 75), faults);
        let value = option["value"].as_str().unwrap_or_default();
        within(value, &format!("{at}.value"), OPTION_VALUE_MAX, faults);
    }
}

/// Looks at a text object.
fn text(object: &Value, at: &str, (kinds, max): (&[&str], usize), faults: &mut Faults) {
    let kind = object["type"].as_str().unwrap_or_default();
    if !faults.must(kinds.contains(&kind), || format!("{at}: `{kind}` is no text it may have")) {
        return;
    }
    let own = if kind == "mrkdwn" { "verbatim" } else { "emoji" };
    only(object, at, &["type", "text", own], faults);
    let flag = object.get(own).is_none_or(Value::is_boolean);
    faults.must(flag, || format!("{at}.{own} is neither true nor false"));
    let text = object["text"].as_str().unwrap_or_default();
    within(text, at, max, faults);
    if kind == "mrkdwn"
        && let Err(wrong) = markup(text)
    {
        faults.must(false, || format!("{at}: {wrong} in `{text}`"));
    }
}

/// Looks at a length: a text must have one, and not be longer than it may.
fn within(text: &str, at: &str, max: usize, faults: &mut Faults) {
    let count = text.chars().count();
    faults.must((1..=max).contains(&count), || {
        format!("{at} has {count} characters: 1 to {max} may be")
    });
}

/// Looks for what Slack does not know: it refuses a block with it.
fn only(object: &Value, at: &str, known: &[&str], faults: &mut Faults) {
    for name in object.as_object().into_iter().flat_map(|object| object.keys()) {
        faults.must(known.contains(&name.as_str()), || format!("{at}: `{name}` is unknown there"));
    }
}

/// Tells whether everything that is markup is a date or a link, and the rest is escaped.
pub(super) fn markup(text: &str) -> Result<(), String> {
    escaped(text)?;
    let mut rest = text;
    while let Some(open) = rest.find(['<', '>']) {
        let inside = rest.get(open..).unwrap_or_default();
        let Some(inside) = inside.strip_prefix('<') else {
            return Err("a bare `>`".to_owned());
        };
        let (inside, after) = inside.split_once('>').ok_or("a bare `<`")?;
        if !is_date(inside) && !is_link(inside) {
            return Err(format!("`<{inside}>` became markup"));
        }
        rest = after;
    }
    Ok(())
}

/// Tells whether nothing at all is markup.
pub(super) fn plain(text: &str) -> Result<(), String> {
    escaped(text)?;
    match text.find(['<', '>']) {
        Some(_) => Err("a bare `<` or `>`".to_owned()),
        None => Ok(()),
    }
}

/// Tells whether every `&` begins one of the three entities.
fn escaped(text: &str) -> Result<(), String> {
    let bare = |after: &&str| !["amp;", "lt;", "gt;"].iter().any(|name| after.starts_with(name));
    match text.split('&').skip(1).find(bare) {
        Some(_) => Err("a bare `&`".to_owned()),
        None => Ok(()),
    }
}

fn is_link(inside: &str) -> bool {
    let address = inside.split('|').next().unwrap_or_default();
    let is = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    is.is_some_and(|rest| !rest.is_empty() && !rest.contains([' ', '<']))
}

fn is_date(inside: &str) -> bool {
    let Some(date) = inside.strip_prefix("!date^") else { return false };
    let Some((date, fallback)) = date.split_once('|') else { return false };
    let mut parts = date.split('^');
    let (at, format) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let words = format.split('{').skip(1).map(|word| word.split('}').next().unwrap_or_default());
    let words: Vec<&str> = words.collect();
    let known = !words.is_empty() && words.iter().all(|word| DATE_WORDS.contains(word));
    at.parse::<i64>().is_ok() && known && !fallback.is_empty() && !fallback.contains('<')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check_blocks(blocks: Value, wrong: &[&str]) {
        let mut faults = Faults::default();
        check(&blocks, &mut faults);
        let found = faults.found;
        assert_eq!(found.len(), wrong.len(), "{found:?}");
        for (found, wrong) in found.iter().zip(wrong) {
            assert!(found.contains(wrong), "{found} is not {wrong}");
        }
    }

    fn words(text: &str) -> Value {
        json!({ "type": "plain_text", "text": text, "emoji": false })
    }

    fn button(id: &str, text: &str) -> Value {
        json!({ "type": "button", "action_id": id, "text": words(text) })
    }

    #[test]
    fn a_good_message_is_good() {
        let option = json!({ "text": words("No budget"), "value": "h1:v2:no_budget" });
        let select = json!({
            "type": "static_select", "action_id": "reject", "placeholder": words("Give back"),
            "options": [option],
        });
        let date = "Due <!date^1767605400^{date_short_pretty}, {time}|Mon 5 Jan> &amp; soon";
        let blocks = json!([
            { "type": "header", "text": words(&"é".repeat(150)) },
            { "type": "section", "fields": [{ "type": "mrkdwn", "text": "*Why*" }, words("<b>")] },
            { "type": "divider" },
            { "type": "context", "elements": [{ "type": "mrkdwn", "text": date }] },
            { "type": "actions", "block_id": "b", "elements": [button("a", "Accept"), select] },
        ]);
        check_blocks(blocks, &[]);
    }

    #[test]
    fn what_is_too_long_or_too_many_is_refused() {
        check_blocks(json!([{ "type": "header", "text": words(&"x".repeat(151)) }]), &["151"]);
        check_blocks(json!([{ "type": "header", "text": words("") }]), &["0 characters"]);
        check_blocks(json!([]), &["0 blocks"]);
        check_blocks(json!(vec![json!({ "type": "divider" }); 51]), &["51 blocks"]);
        let long = json!([{ "type": "actions", "elements": [button("a", &"x".repeat(76))] }]);
        check_blocks(long, &["76"]);
        check_blocks(json!([{ "type": "actions", "elements": [] }]), &["0 elements"]);
        let fields = vec![words("x"); 11];
        check_blocks(json!([{ "type": "section", "fields": fields }]), &["11 fields"]);
    }

    #[test]
    fn what_is_twice_unknown_or_of_another_kind_is_refused() {
        let twice = json!([button("a", "A"), button("a", "B")]);
        check_blocks(json!([{ "type": "actions", "elements": twice }]), &["there twice"]);
        let one = json!({ "type": "divider", "block_id": "x" });
        check_blocks(json!([one, one]), &["there twice"]);
        check_blocks(json!([{ "type": "marquee" }]), &["marquee"]);
        check_blocks(json!([{ "type": "section" }]), &["neither"]);
        let markup = json!({ "type": "mrkdwn", "text": "x" });
        check_blocks(json!([{ "type": "header", "text": markup }]), &["no text it may have"]);
        let emoji = json!({ "type": "mrkdwn", "text": "x", "emoji": true });
        check_blocks(json!([{ "type": "section", "text": emoji }]), &["`emoji` is unknown"]);
        let mut styled = button("a", "A");
        styled["style"] = "loud".into();
        check_blocks(json!([{ "type": "actions", "elements": [styled] }]), &["neither"]);
    }

    #[test]
    fn what_somebody_wrote_must_not_become_markup() {
        for good in ["plain", "a &lt; b", "<https://x.example|Open>", "*bold* `code`"] {
            assert_eq!(markup(good), Ok(()), "{good}");
        }
        for wrong in [
            "<!channel>",
            "<@U024>",
            "<#C1>",
            "a < b",
            "a > b",
            "R&D",
            "<javascript:x|y>",
            "<!date^x^{time}|y>",
            "<!date^1^{evil}|y>",
            "<!date^1^{time}>",
        ] {
            assert!(markup(wrong).is_err(), "{wrong}");
        }
        assert!(plain("<https://x.example|Open>").is_err());
    }
}
