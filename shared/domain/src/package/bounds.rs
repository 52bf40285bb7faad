//! What fits into a package: one row of the table, which takes 400 KB and 32 levels.
//!
//! A source's event is not refused for its size, because a lead that is not followed up is worse
//! than a text that is cut: the receipt keeps the bytes as they came, and the handoff is flagged.
//! What must stay true: whatever comes in, what is kept can be stored.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The longest value that is kept whole, in bytes of JSON.
pub const VALUE_BYTES_MAX: usize = 32 * 1024;

/// The longest name of a field that is kept whole, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// The longest name, address or company of a subject that is kept whole, in bytes.
const PART_BYTES_MAX: usize = 1_024;

/// How much all values may take together, in bytes; the rest of the row is the subject's.
pub(super) const PACKAGE_BYTES_MAX: usize = 330_000;

/// How deep a value may nest and be kept as it is.
const LEVELS_MAX: usize = 16;

/// Decimal exponents of numbers that the table keeps as numbers.
const EXPONENT_MAX: f64 = 1e125;

/// Makes a value one that can be stored; tells whether it was cut.
pub(super) fn value(said: Value) -> (Value, bool) {
    let said = match is_plain(&said, LEVELS_MAX) {
        true => said,
        false => Value::String(said.to_string()),
    };
    let text = match said {
        Value::String(text) => text,
        short if stored(&short) <= VALUE_BYTES_MAX => return (short, false),
        long => long.to_string(),
    };
    let (text, cut) = cut(text, VALUE_BYTES_MAX);
    (Value::String(text), cut)
}

/// Makes a field's name one that can be stored; a long one keeps its beginning and is told apart by
/// a hash.
pub(super) fn name(said: &str) -> String {
    if said.is_empty() {
        return "unnamed".to_owned();
    }
    if said.len() <= NAME_BYTES_MAX {
        return said.to_owned();
    }
    let hash = hex::encode(Sha256::digest(said.as_bytes()));
    format!("{}~{}", beginning(said, NAME_BYTES_MAX), &hash[..8])
}

/// Makes a part of a subject one that can be stored; tells whether it was cut.
pub(super) fn part(said: &str) -> (String, bool) {
    cut(said.to_owned(), PART_BYTES_MAX)
}

/// Tells how much a value takes, in bytes as the table counts them: its name, itself, and where it
/// is from.
pub(super) fn size(name: &str, value: &super::Value) -> usize {
    name.len() + stored(&value.value) + value.by.len() + 64
}

fn stored(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Number(_) => 21,
        Value::String(text) => text.len(),
        Value::Array(list) => 3 + list.iter().map(|one| 1 + stored(one)).sum::<usize>(),
        Value::Object(map) => {
            3 + map.iter().map(|(name, one)| 1 + name.len() + stored(one)).sum::<usize>()
        }
    }
}

fn cut(text: String, bytes_max: usize) -> (String, bool) {
    match text.len() <= bytes_max {
        true => (text, false),
        false => (format!("{}…", beginning(&text, bytes_max)), true),
    }
}

fn beginning(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// Tells whether the table keeps a value as what it is.
fn is_plain(value: &Value, levels: usize) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => number
            .as_f64()
            .is_some_and(|n| n == 0.0 || (1.0 / EXPONENT_MAX..EXPONENT_MAX).contains(&n.abs())),
        Value::Array(list) => levels > 0 && list.iter().all(|one| is_plain(one, levels - 1)),
        Value::Object(map) => {
            levels > 0
                && map.iter().all(|(name, one)| !name.is_empty() && is_plain(one, levels - 1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_short_and_plain_stays_as_it_is() {
        for plain in [json!("a"), json!(7.5), json!({ "a": [1, { "b": null }] }), json!(0)] {
            assert_eq!(value(plain.clone()), (plain, false));
        }
        assert_eq!((name("budget").as_str(), name("").as_str()), ("budget", "unnamed"));
    }

    #[test]
    fn a_long_text_is_cut_between_letters() {
        let (kept, cut) = value(Value::String("é".repeat(VALUE_BYTES_MAX)));
        let kept = kept.as_str().unwrap().to_owned();
        assert!(cut && kept.ends_with("é…") && kept.len() <= VALUE_BYTES_MAX + 3);
        let (kept, cut) = value(json!(vec!["word"; 10_000]));
        assert!(cut && kept.as_str().unwrap().starts_with("[\"word\","));
    }

    #[test]
    fn what_the_table_cannot_hold_is_kept_as_text() {
        let mut deep = json!(1);
        for _ in 0..40 {
            deep = json!([deep]);
        }
        for odd in [deep, json!(1e200), json!(1e-200), json!({ "": 1 })] {
            let text = odd.to_string();
            assert_eq!(value(odd), (Value::String(text), false));
        }
    }

    #[test]
    fn long_names_stay_apart() {
        let long = |end: &str| format!("{}{end}", "n".repeat(4_000));
        let (one, other) = (name(&long("a")), name(&long("b")));
        assert!(one.len() < NAME_BYTES_MAX + 10 && one != other);
    }
}
