//! Plain text in 72 columns: cells side by side, and paragraphs that are broken between words.
//!
//! Names may be in any script; what they cannot do is widen a line, break it or turn its direction.

/// How wide a line is, in columns.
pub(crate) const COLUMNS: usize = 72;

/// One cell of a line: its text and its width, with the column of space that parts it from the
/// next.
pub(crate) enum Cell<'a> {
    /// Text.
    Left(&'a str, usize),
    /// Numbers and times.
    Right(&'a str, usize),
}

/// Writes cells side by side; what does not fit is cut, with a mark.
pub(crate) fn columns<'a>(cells: impl IntoIterator<Item = Cell<'a>>) -> String {
    let mut line = String::new();
    for cell in cells {
        let (text, wide) = match cell {
            Cell::Left(text, wide) | Cell::Right(text, wide) => (cut(&plain(text), wide - 1), wide),
        };
        let space = " ".repeat(wide - width(&text));
        match cell {
            Cell::Left(..) => line += &(text + &space),
            Cell::Right(..) => line += &(space + &text),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// Breaks a paragraph into lines of at most 72 columns; the first starts with `lead`, the others
/// are indented by as much.
///
/// A link is never broken: one that is longer than a line has a line of its own.
pub(crate) fn fold(text: &str, lead: &str) -> Vec<String> {
    let text = plain(text);
    let (indent, room) = (" ".repeat(width(lead)), COLUMNS - width(lead));
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace().flat_map(|word| pieces(word, room)) {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(&word) <= room => *line += &format!(" {word}"),
            _ => lines.push(word),
        }
    }
    let lines = lines.into_iter().enumerate();
    lines.map(|(index, line)| if index == 0 { lead } else { &indent }.to_owned() + &line).collect()
}

/// Cuts a word that is longer than a line, unless it is a link.
fn pieces(word: &str, room: usize) -> Vec<String> {
    let link = word.starts_with("http://") || word.starts_with("https://");
    if link || width(word) <= room {
        return vec![word.to_owned()];
    }
    let mut pieces = vec![String::new()];
    for character in word.chars() {
        match pieces.last_mut() {
            Some(piece) if width(piece) + wide(character) <= room => piece.push(character),
            _ => pieces.push(character.to_string()),
        }
    }
    pieces
}

fn cut(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        if width(&kept) + wide(character) >= room {
            break;
        }
        kept.push(character);
    }
    kept + "…"
}

/// Takes out what would break a line or turn its direction.
fn plain(text: &str) -> String {
    text.chars()
        .filter_map(|character| match character {
            space if space.is_whitespace() => Some(' '),
            hidden if hidden.is_control() || turns(hidden) => None,
            shown => Some(shown),
        })
        .collect()
}

/// Tells whether a character is invisible and changes the direction or joining of the text around
/// it.
pub fn turns(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

pub(crate) fn width(text: &str) -> usize {
    text.chars().map(wide).sum()
}

/// Tells how many columns a character takes: none if it combines, two in the wide scripts.
fn wide(character: char) -> usize {
    match character {
        '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_never_broken() {
        let link = format!("https://handoff.example/{}", "x".repeat(80));
        assert_eq!(
            fold(&format!("Look at {link} now"), "- "),
            ["- Look at".to_owned(), format!("  {link}"), "  now".to_owned(),]
        );
    }

    #[test]
    fn cells_are_cut_by_the_columns_they_take() {
        let line = |text| columns([Cell::Left(text, 8), Cell::Right("12", 4)]);
        assert_eq!(line("Ångström"), "Ångstr…   12");
        assert_eq!(line("東京本社"), "東京本…   12");
        assert_eq!(line("a\u{202e}b\nc"), "ab c      12");
    }
}
