//! What is to happen, in one order: by time, then by when it was put down.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// A list of what is to happen and when.
#[derive(Debug)]
pub(crate) struct Agenda<T> {
    entries: BTreeMap<(DateTime<Utc>, u64), T>,
    next: u64,
}

impl<T> Agenda<T> {
    pub(crate) fn new() -> Self {
        Self { entries: BTreeMap::new(), next: 0 }
    }

    /// Puts down that something happens at a time, after all that is already down for it.
    pub(crate) fn push(&mut self, at: DateTime<Utc>, what: impl Into<T>) {
        self.entries.insert((at, self.next), what.into());
        self.next += 1;
    }

    /// Takes the first entry, if its time is not after `until`.
    pub(crate) fn pop(&mut self, until: DateTime<Utc>) -> Option<(DateTime<Utc>, T)> {
        let first = self.entries.first_entry()?;
        let at = first.key().0;
        (at <= until).then(|| (at, first.remove()))
    }

    /// Lists the entries in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (DateTime<Utc>, &T)> {
        self.entries.iter().map(|(&(at, _), what)| (at, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn what_is_due_comes_by_time_and_then_in_the_order_it_was_put_down() {
        let mut agenda: Agenda<&str> = Agenda::new();
        for (second, what) in [(2, "c"), (1, "a"), (1, "b"), (9, "later")] {
            agenda.push(at(second), what);
        }
        let due: Vec<_> = std::iter::from_fn(|| agenda.pop(at(2))).map(|(_, what)| what).collect();
        assert_eq!(due, ["a", "b", "c"]);
        assert_eq!(agenda.iter().collect::<Vec<_>>(), [(at(9), &"later")]);
    }
}
