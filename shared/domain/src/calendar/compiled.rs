//! Working time compiled: intervals with prefix sums, in which an answer is a binary search.
//!
//! Instants and lengths are whole milliseconds. What must stay true: intervals are in order, none
//! touches the next, and there is one sum more than there are intervals.

/// Working intervals in order and apart, with the working time before each and, last, in all.
#[derive(Default)]
pub(super) struct Compiled {
    pub(super) starts: Vec<i64>,
    pub(super) ends: Vec<i64>,
    sums: Vec<i64>,
}

impl Compiled {
    /// Puts intervals in order and joins those that touch or overlap.
    pub(super) fn merge(mut intervals: Vec<(i64, i64)>) -> Self {
        intervals.sort_unstable();
        let mut compiled = Self::default();
        for (start, end) in intervals {
            match compiled.ends.last_mut() {
                Some(last) if start <= *last => *last = end.max(*last),
                _ => {
                    compiled.starts.push(start);
                    compiled.ends.push(end);
                }
            }
        }
        let mut total = 0;
        compiled.sums.push(total);
        for (start, end) in compiled.starts.iter().zip(&compiled.ends) {
            total += end - start;
            compiled.sums.push(total);
        }
        compiled
    }

    /// Returns the working time of all intervals.
    pub(super) fn total(&self) -> i64 {
        self.sums.last().copied().unwrap_or(0)
    }

    /// Returns the earliest instant by which that much, which is not nothing, has been worked.
    pub(super) fn worked(&self, worked_ms: i64) -> Option<i64> {
        let sums_before = self.sums.partition_point(|sum| *sum < worked_ms);
        self.locate(sums_before, worked_ms)
    }

    /// Returns the latest instant from which that much, which is not nothing, is left.
    pub(super) fn left(&self, left_ms: i64) -> Option<i64> {
        let worked_ms = self.total() - left_ms;
        let sums_before = self.sums.partition_point(|sum| *sum <= worked_ms);
        self.locate(sums_before, worked_ms)
    }

    /// Returns where that much has been worked, given how many sums are before it.
    fn locate(&self, sums_before: usize, worked_ms: i64) -> Option<i64> {
        let interval = sums_before.checked_sub(1)?;
        Some(self.starts.get(interval)? + worked_ms - self.sums.get(interval)?)
    }
}
