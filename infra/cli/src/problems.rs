//! What is wrong with a configuration, shown where it is wrong.

use domain::config::Problem;
use miette::{
    Diagnostic, LabeledSpan, MietteHandlerOpts, NamedSource, ReportHandler, Severity, SourceCode,
};
use std::{fmt, sync::Arc};

/// Writes how many there are, in words.
pub(crate) fn count(problems: usize) -> String {
    if problems == 1 { "1 problem".to_owned() } else { format!("{problems} problems") }
}

/// Writes every problem with its place in the file, coloured as the terminal and `NO_COLOR` say.
pub(crate) fn report(name: &str, text: &str, problems: &[Problem]) -> String {
    rendered(&MietteHandlerOpts::new().build(), name, text, problems)
}

fn rendered(handler: &impl ReportHandler, name: &str, text: &str, problems: &[Problem]) -> String {
    let source = Arc::new(NamedSource::new(name, text.to_owned()));
    let finding = |problem| Finding { problem, source: Arc::clone(&source), text };
    let shown = |problem| Shown { handler, finding: finding(problem) }.to_string();
    problems.iter().map(shown).collect()
}

/// One problem as miette shows it.
#[derive(Debug)]
struct Finding<'a> {
    problem: &'a Problem,
    source: Arc<NamedSource<String>>,
    text: &'a str,
}

impl fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.message)
    }
}

impl std::error::Error for Finding<'_> {}

impl Diagnostic for Finding<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.problem.code))
    }

    fn severity(&self) -> Option<Severity> {
        Some(Severity::Error)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.problem.help.as_str();
        (!help.is_empty()).then(|| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&*self.source)
    }

    /// Marks the problem's first line: the rest of a table would hide what is around it.
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.problem.span.clone();
        let marked = self.text.get(span.clone()).unwrap_or_default();
        let length = marked.find('\n').unwrap_or(marked.len());
        let label = LabeledSpan::new(None, span.start, length);
        Some(Box::new(std::iter::once(label)))
    }
}

/// Lets a handler write a finding.
struct Shown<'a, Handler> {
    handler: &'a Handler,
    finding: Finding<'a>,
}

impl<Handler: ReportHandler> fmt::Display for Shown<'_, Handler> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handler.debug(&self.finding, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::config;
    use miette::{GraphicalReportHandler, GraphicalTheme};

    #[test]
    fn every_problem_is_shown_with_its_line_its_code_and_a_way_out() {
        let text = local::sample::ORGANISATION
            .replace("lane = \"meeting\"", "lane = \"meetings\"")
            .replace("pool = \"cs\"", "pool = \"customer\"");
        let problems = config::load(&text).unwrap_err();
        let plain = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
        let shown = rendered(&plain, "organisation.toml", &text, &problems);
        for expected in [
            "unknown-lane",
            "There is no lane `meetings`.",
            "lane = \"meetings\"",
            "unknown-pool",
            "organisation.toml:",
            "There are: ae_americas",
        ] {
            assert!(shown.contains(expected), "{expected} in {shown}");
        }
        assert!(!shown.contains('\u{1b}'), "no colour was asked for");
    }
}
