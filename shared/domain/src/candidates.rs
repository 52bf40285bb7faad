//! Which entries of an ordered list can be the first that matches, without asking all of them.
//!
//! Rules and territory rows are long lists of which the first match wins, and most entries demand
//! that something has one of a few texts. Each entry is listed under one such demand, the one that
//! fewest others share; who asks gets only those whose demand is met, and those without one, in the
//! list's order. An entry that is left out cannot match: that is what must stay true.

use std::collections::{BTreeMap, BTreeSet};

/// What an entry demands: at each of these places, one of these texts.
pub(crate) type Demands<P> = BTreeMap<P, BTreeSet<String>>;

/// An ordered list's entries by what they demand.
#[derive(Clone, Debug)]
pub(crate) struct Candidates<P> {
    /// The entries that demand nothing that can be looked up.
    always: Vec<u32>,
    by_text: BTreeMap<P, BTreeMap<String, Vec<u32>>>,
}

impl<P> Default for Candidates<P> {
    fn default() -> Self {
        Self { always: Vec::new(), by_text: BTreeMap::new() }
    }
}

impl<P: Ord + Clone> Candidates<P> {
    /// Lists entries, given the demands of each in order.
    pub(crate) fn of(entries: &[Demands<P>]) -> Self {
        let mut shared: BTreeMap<(&P, &str), usize> = BTreeMap::new();
        for (place, text) in entries.iter().flat_map(each_text) {
            *shared.entry((place, text)).or_default() += 1;
        }
        let cost = |place: &P, texts: &BTreeSet<String>| -> usize {
            texts.iter().filter_map(|text| shared.get(&(place, text.as_str()))).sum()
        };
        let mut lists = Self::default();
        for (position, demands) in (0..).zip(entries) {
            let rarest = demands.iter().min_by_key(|(place, texts)| cost(place, texts));
            let Some((place, texts)) = rarest else {
                lists.always.push(position);
                continue;
            };
            let by_text = lists.by_text.entry(place.clone()).or_default();
            for text in texts {
                by_text.entry(text.clone()).or_default().push(position);
            }
        }
        lists
    }

    /// Lists the positions that can match where these texts are, in order.
    pub(crate) fn among<'a>(&'a self, texts: impl Iterator<Item = (&'a P, &'a str)>) -> InOrder<'a>
    where
        P: 'a,
    {
        let met = texts.filter_map(|(place, text)| self.by_text.get(place)?.get(text));
        let lists = met.chain([&self.always]).map(Vec::as_slice);
        InOrder { lists: lists.filter(|list| !list.is_empty()).collect() }
    }
}

fn each_text<P>(demands: &Demands<P>) -> impl Iterator<Item = (&P, &str)> {
    demands.iter().flat_map(|(place, texts)| texts.iter().map(move |text| (place, text.as_str())))
}

/// Ordered lists merged into one, as far as somebody asks.
pub(crate) struct InOrder<'a> {
    lists: Vec<&'a [u32]>,
}

impl Iterator for InOrder<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let next = self.lists.iter_mut().min_by_key(|list| list.first().copied());
        let list = next?;
        let (first, rest) = list.split_first()?;
        *list = rest;
        if rest.is_empty() {
            self.lists.retain(|list| !list.is_empty());
        }
        usize::try_from(*first).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demands(texts: &[(&'static str, &[&str])]) -> Demands<&'static str> {
        let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        texts.iter().map(|(place, texts)| (*place, set(texts))).collect()
    }

    fn check(lists: &Candidates<&'static str>, texts: &[(&'static str, &str)], expected: &[usize]) {
        let found: Vec<usize> =
            lists.among(texts.iter().map(|(place, text)| (place, *text))).collect();
        assert_eq!(found, expected, "{texts:?}");
    }

    #[test]
    fn entries_come_in_order_and_those_whose_demand_is_not_met_do_not_come() {
        let lists = Candidates::of(&[
            demands(&[("country", &["DE", "AT"])]),
            demands(&[]),
            demands(&[("language", &["de"])]),
            demands(&[("country", &["DE"])]),
            demands(&[]),
        ]);
        check(&lists, &[("country", "DE"), ("language", "de")], &[0, 1, 2, 3, 4]);
        check(&lists, &[("country", "AT"), ("language", "en")], &[0, 1, 4]);
        check(&lists, &[("weather", "fair")], &[1, 4]);
        check(&lists, &[], &[1, 4]);
    }

    #[test]
    fn an_entry_is_listed_under_the_demand_that_fewest_share() {
        let rare = |city: &'static str| demands(&[("country", &["DE"]), ("city", &[city])]);
        let lists = Candidates::of(&[rare("Ulm"), rare("Bonn"), demands(&[("country", &["DE"])])]);
        check(&lists, &[("country", "DE"), ("city", "Bonn")], &[1, 2]);
        check(&lists, &[("country", "FR"), ("city", "Bonn")], &[1]);
    }

    #[test]
    fn an_entry_that_no_text_can_satisfy_never_comes() {
        let lists = Candidates::of(&[demands(&[("country", &[])]), demands(&[])]);
        check(&lists, &[("country", "DE")], &[1]);
    }
}
