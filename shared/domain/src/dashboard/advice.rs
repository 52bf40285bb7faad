//! What to do this month: every target that is missed becomes one sentence with the counts behind
//! it.
//!
//! A sentence names the figure, the target and the next step; what has no figure says nothing.

use super::{Conversion, Dashboard, Targets, TypeFigures};
use crate::config::Config;

/// The fewest handoffs a conversion is judged by: below, chance says more than the share.
const FEWEST_TO_JUDGE: i64 = 10;

/// Says what to do this month: one sentence for everything that misses its target, with the counts
/// behind it.
pub fn action_items(dashboard: &Dashboard, config: &Config) -> Vec<String> {
    let mut items = Vec::new();
    for kind in &dashboard.types {
        let teams = config.types.get(&kind.kind);
        let from = teams.map_or("the sender", |kind| kind.from.as_str());
        let to = teams.map_or("the receiver", |kind| kind.to.as_str());
        items.extend(pace(kind, &dashboard.targets, to));
        items.extend(quality(kind, &dashboard.targets, from, to));
        items.extend(kind.conversions.iter().filter_map(conversion_item));
    }
    let total = &dashboard.total;
    if let Some(share) = total.never_followed_up_percent.filter(|_| total.never_followed_up > 0) {
        let (count, days) = (total.never_followed_up, dashboard.targets.follow_up_days);
        let of = total.due_for_follow_up;
        items.push(format!(
            "{count} of {of} handoffs ({share} %) were never followed up in {days} days or more: \
             give each an owner who calls, or close it with a reason."
        ));
    }
    if dashboard.violations_change > 0 && dashboard.before.violations > 0 {
        items.push(format!(
            "SLA violations rose by {} to {}: look at the weeks and pools where they gather.",
            dashboard.violations_change, total.violations
        ));
    }
    items
}

/// Says what is too slow about a type.
fn pace(kind: &TypeFigures, targets: &Targets, to: &str) -> Vec<String> {
    let (name, figures) = (&kind.name, &kind.figures);
    let mut items = Vec::new();
    let missed = figures.within_sla_percent.filter(|share| *share < targets.within_sla_percent);
    let target = kind.response_target_seconds;
    // Nights and weekends lengthen a response without breaking a working-time target.
    let judged = !kind.target_is_working_time || missed.is_some();
    if let Some(average) = figures.average_response_seconds.filter(|it| judged && *it > target) {
        let note = if kind.target_is_working_time { " of working time" } else { "" };
        items.push(format!(
            "{name} responses average {} against a target of {}{note}: see who is on shift when \
             they arrive, and whether {to} has room for them.",
            spell_seconds(average),
            spell_seconds(target)
        ));
    }
    if let Some(share) = missed {
        let (breached, wanted) = (figures.breached, targets.within_sla_percent);
        let of = figures.met + breached;
        items.push(format!(
            "{name} met {share} % of its deadlines against a target of {wanted} %: {breached} of \
             {of} were missed; go through them with {to}."
        ));
    }
    items
}

/// Says what is wrong with what a type's handoffs bring.
fn quality(kind: &TypeFigures, targets: &Targets, from: &str, to: &str) -> Vec<String> {
    let (name, figures) = (&kind.name, &kind.figures);
    let mut items = Vec::new();
    let wanted = targets.completeness_percent;
    if let Some(share) = figures.completeness_percent.filter(|share| *share < wanted) {
        items.push(format!(
            "{name} handoffs are only {share} % complete against a target of {wanted} %: schedule \
             a session of {from} and {to} on what must be passed on."
        ));
    }
    let (rejected, opened, most) = (figures.rejected, figures.opened, targets.rejected_percent_max);
    if let Some(share) = figures.rejected_percent.filter(|_| rejected * 100 > opened * most) {
        items.push(format!(
            "{rejected} of {opened} {name} handoffs ({share} %) were rejected, more than {most} %: \
             read the reasons with {from} and agree on the criteria."
        ));
    }
    let wanted = targets.rating_hundredths_by_type.get(&kind.kind);
    let wanted = wanted.copied().unwrap_or(targets.rating_hundredths);
    if let Some(rating) = figures.rating_hundredths.filter(|rating| *rating < wanted) {
        items.push(format!(
            "{name} handoffs are rated {} of 5 against a target of {} ({} ratings): compare the \
             best with the worst in the next session of {from} and {to}.",
            spell_hundredths(rating),
            spell_hundredths(wanted),
            figures.rated
        ));
    }
    items
}

fn conversion_item(conversion: &Conversion) -> Option<String> {
    let Conversion { label, count, of, percent, benchmark_percent, .. } = conversion;
    let (share, wanted) = ((*percent)?, (*benchmark_percent)?);
    (*of >= FEWEST_TO_JUDGE && share < wanted).then(|| {
        format!(
            "{label} stands at {share} % against a benchmark of {wanted} % ({count} of {of}): \
             compare those that were answered in time with those that were not."
        )
    })
}

/// Writes seconds as people say them, such as `45 s`, `5 min`, `6.2 h` or `2.5 days`: rounded up,
/// so that it never flatters.
pub fn spell_seconds(seconds: i64) -> String {
    let seconds = seconds.max(0).unsigned_abs();
    let (unit_seconds, unit) = match seconds {
        0..60 => return format!("{seconds} s"),
        60..3600 => (60, "min"),
        3600..172_800 => (3600, "h"),
        _ => (86_400, "days"),
    };
    let tenths = seconds.saturating_mul(10).div_ceil(unit_seconds);
    match tenths % 10 {
        0 => format!("{} {unit}", tenths / 10),
        tenth => format!("{}.{tenth} {unit}", tenths / 10),
    }
}

fn spell_hundredths(value: i64) -> String {
    format!("{}.{:02}", value / 100, value % 100)
}
