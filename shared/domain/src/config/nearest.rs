//! What somebody meant by a name that is not there: the nearest one, if it is near.

/// How many letters may differ, for so many letters.
fn may_differ(letters: usize) -> usize {
    (letters / 3).clamp(1, 3)
}

/// Finds the name that was meant; of several that are as near the first.
pub(crate) fn meant<'a>(said: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = |name: &str| strsim::damerau_levenshtein(&said.to_lowercase(), &name.to_lowercase());
    let near = names.into_iter().map(|name| (far(name), name));
    let near = near.filter(|(far, name)| *far <= may_differ(name.chars().count()));
    near.min_by_key(|(far, _)| *far).map(|(_, name)| name)
}

/// Asks whether a name was meant, and lists those there are.
pub(crate) fn among<K: AsRef<str>>(said: &str, names: impl IntoIterator<Item = K>) -> String {
    let names: Vec<K> = names.into_iter().collect();
    let list: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    let there_are = format!("There are: {}.", list.join(", "));
    match meant(said, list) {
        Some(name) => format!("Did you mean `{name}`? {there_are}"),
        None => there_are,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_another_word_is_not() {
        let names = ["sdr_emea", "sdr_americas", "ae_emea", "cs"];
        for (said, expected) in [
            ("sdr_eema", Some("sdr_emea")),
            ("SDR_EMEA", Some("sdr_emea")),
            ("ae_emae", Some("ae_emea")),
            ("sc", Some("cs")),
            ("support", None),
            ("", None),
        ] {
            assert_eq!(meant(said, names), expected, "{said}");
        }
        let told = among("ea_emea", names);
        assert!(told.starts_with("Did you mean `ae_emea`? There are: sdr_emea, "), "{told}");
        assert!(among("x", names).starts_with("There are: "));
    }
}
