//! Several notices to one person as one mail.

use super::{Notice, TEST, defuse_subject};
use crate::digest::text::fold;
use std::collections::BTreeSet;

/// How many notices a mail shows whole; of the others it says only what they are.
const WHOLE_MAX: usize = 20;

/// Several notices as one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The kinds of notice in it.
    pub kinds: Vec<String>,
    /// `info` or `urgent`: as the most pressing of them.
    pub severity: &'static str,
    /// The teams they concern.
    pub teams: Vec<String>,
    /// ASCII, at most 99 characters.
    pub subject: String,
    /// Lines of at most 72 columns.
    pub body: String,
}

/// Makes one mail of several notices; none of none.
pub fn bundle(notices: &[Notice]) -> Option<Bundle> {
    notices.first()?;
    let all = |of: fn(&Notice) -> Vec<String>| -> Vec<String> {
        notices.iter().flat_map(of).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let severity = notices.iter().find(|one| one.severity == "urgent").map_or("info", |_| "urgent");
    let (subject, body) = match notices {
        [one] => (one.subject.clone(), one.body.clone()),
        several => (counted(several), listed(several)),
    };
    Some(Bundle {
        kinds: all(|one| vec![one.kind.to_owned()]),
        severity,
        teams: all(|one| one.teams.clone()),
        subject: defuse_subject(&subject),
        body,
    })
}

/// Writes a mail of a link, a sentence and what follows from it.
pub fn letter(link: &str, sentence: &str, next: &str) -> String {
    let mut lines = vec![link.to_owned(), String::new()];
    lines.extend(fold(sentence, ""));
    lines.push(String::new());
    lines.extend(fold(next, ""));
    lines.join("\n") + "\n"
}

fn counted(notices: &[Notice]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for notice in notices {
        let subject = notice.subject.strip_prefix(TEST).unwrap_or(&notice.subject);
        let what = subject.split(':').next().unwrap_or(notice.kind);
        match counts.iter_mut().find(|(known, _)| *known == what) {
            Some((_, count)) => *count += 1,
            None => counts.push((what, 1)),
        }
    }
    let counts: Vec<String> =
        counts.iter().map(|(what, count)| format!("{count} {}", what.to_lowercase())).collect();
    format!("{} handoffs: {}", notices.len(), counts.join(", "))
}

fn listed(notices: &[Notice]) -> String {
    let mut lines = Vec::new();
    for notice in notices.iter().take(WHOLE_MAX) {
        lines.push(notice.link.clone());
        let test = if notice.subject.starts_with(TEST) { TEST } else { "" };
        lines.extend(fold(&format!("{test}{}", notice.sentence), ""));
        for (label, value) in &notice.facts {
            lines.extend(fold(value, &format!("{label:<7}")));
        }
        lines.extend(notice.attached.iter().cloned());
        lines.push(String::new());
    }
    let rest: Vec<_> = notices.iter().skip(WHOLE_MAX).collect();
    if !rest.is_empty() {
        lines.push(format!("And {} more:", rest.len()));
        for notice in rest {
            lines.push(notice.link.clone());
            lines.extend(fold(&notice.subject, "  "));
        }
    }
    lines.join("\n").trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(n: usize) -> Notice {
        Notice {
            kind: "assigned",
            severity: "info",
            teams: vec!["sdr".to_owned()],
            subject: "Yours: Hot lead".to_owned(),
            body: format!("https://desk.example/handoffs/{n}\n\nwhole\n"),
            link: format!("https://desk.example/handoffs/{n}"),
            sentence: "Hot lead: it is yours now, and its clock runs.".to_owned(),
            facts: vec![("Owner", "Amara Okafor, SDR Europe".to_owned())],
            ..Notice::default()
        }
    }

    #[test]
    fn forty_at_once_are_one_message() {
        let notices: Vec<Notice> = (0..40).map(notice).collect();
        let bundle = bundle(&notices).unwrap();
        assert_eq!(bundle.subject, "40 handoffs: 40 yours");
        assert_eq!((bundle.kinds, bundle.teams), (vec!["assigned".into()], vec!["sdr".into()]));
        for n in 0..40 {
            assert!(bundle.body.contains(&format!("https://desk.example/handoffs/{n}\n")), "{n}");
        }
        assert!(bundle.body.lines().all(|line| line.chars().count() <= 72));
    }

    #[test]
    fn one_alone_is_as_it_would_be() {
        let one = bundle(&[notice(7)]).unwrap();
        assert_eq!((one.subject.as_str(), one.body), ("Yours: Hot lead", notice(7).body));
        assert_eq!(bundle(&[]), None);
    }
}
