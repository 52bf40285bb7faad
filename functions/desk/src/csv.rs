//! CSV as RFC 4180 has it, and as spreadsheets can be trusted with it.
//!
//! A cell that a spreadsheet would take for a formula is defused with an apostrophe, because names
//! and companies come from anybody.

/// Writes one line; every cell is text.
pub(crate) fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    cells.join(",") + "\r\n"
}

fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    match text.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(cell(text), expected);
    }

    #[test]
    fn what_a_spreadsheet_would_calculate_is_text() {
        check("=HYPERLINK(\"http://evil\")", "\"'=HYPERLINK(\"\"http://evil\"\")\"");
        check("+1", "'+1");
        check("-1+1", "'-1+1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\t=1", "'\t=1");
        check("\r=1", "\"'\r=1\"");
        check("\n=1", "\"'\n=1\"");
        check("\0=1", "'\0=1");
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        check("Dana, Acme", "\"Dana, Acme\"");
        check("say \"hi\"", "\"say \"\"hi\"\"\"");
        check("a=b", "a=b");
        check("", "");
    }

    #[test]
    fn a_line_ends_as_the_standard_says() {
        assert_eq!(line(["id", "a,b"]), "id,\"a,b\"\r\n");
    }
}
