//! Subjects of mail: one line of ASCII that every mail program and the topic accept.

use crate::digest::text::turns;

/// How long a subject may be, in characters.
pub const SUBJECT_MAX: usize = 99;

/// Makes a text fit to be a subject: one line of ASCII, at most 99 characters, never empty.
///
/// Accents are taken off; line breaks become spaces; what has no ASCII form, controls and
/// characters that turn the text's direction are left out.
pub fn defuse_subject(text: &str) -> String {
    let mut ascii = String::new();
    for character in text.chars() {
        match character {
            space if space.is_whitespace() || space.is_control() => ascii.push(' '),
            plain if plain.is_ascii() => ascii.push(plain),
            hidden if turns(hidden) => {}
            other => ascii.push_str(without_accent(other)),
        }
    }
    let words: Vec<_> = ascii.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(SUBJECT_MAX).collect();
    match line.trim_end() {
        "" => "Handoff".to_owned(),
        subject => subject.to_owned(),
    }
}

/// Writes a Latin letter without its accent, and typographic marks as a keyboard has them; nothing
/// for all else.
fn without_accent(character: char) -> &'static str {
    match character {
        'À'..='Ã' | 'Å' | 'Ā' | 'Ă' | 'Ą' => "A",
        'à'..='ã' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'Ä' | 'Æ' => "Ae",
        'ä' | 'æ' => "ae",
        'Ç' | 'Ć' | 'Ĉ' | 'Ċ' | 'Č' => "C",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'Ð' | 'Ď' | 'Đ' => "D",
        'ð' | 'ď' | 'đ' => "d",
        'È'..='Ë' | 'Ē' | 'Ĕ' | 'Ė' | 'Ę' | 'Ě' => "E",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'Ĝ' | 'Ğ' | 'Ġ' | 'Ģ' => "G",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'Ì'..='Ï' | 'Ĩ' | 'Ī' | 'Į' | 'İ' => "I",
        'ì'..='ï' | 'ĩ' | 'ī' | 'į' | 'ı' => "i",
        'Ķ' => "K",
        'ķ' => "k",
        'Ĺ' | 'Ļ' | 'Ľ' | 'Ł' => "L",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'Ñ' | 'Ń' | 'Ņ' | 'Ň' => "N",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'Ò'..='Õ' | 'Ō' | 'Ő' => "O",
        'ò'..='õ' | 'ō' | 'ő' => "o",
        'Ö' | 'Ø' | 'Œ' => "Oe",
        'ö' | 'ø' | 'œ' => "oe",
        'Ŕ' | 'Ř' => "R",
        'ŕ' | 'ř' => "r",
        'Ś' | 'Ş' | 'Š' | 'Ș' => "S",
        'ś' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'Þ' => "Th",
        'þ' => "th",
        'Ţ' | 'Ť' | 'Ț' => "T",
        'ţ' | 'ť' | 'ț' => "t",
        'Ù'..='Û' | 'Ũ' | 'Ū' | 'Ů' | 'Ű' | 'Ų' => "U",
        'ù'..='û' | 'ũ' | 'ū' | 'ů' | 'ű' | 'ų' => "u",
        'Ü' => "Ue",
        'ü' => "ue",
        'Ý' | 'Ÿ' => "Y",
        'ý' | 'ÿ' => "y",
        'Ź' | 'Ż' | 'Ž' => "Z",
        'ź' | 'ż' | 'ž' => "z",
        '‘' | '’' => "'",
        '“' | '”' => "\"",
        '–' | '—' => "-",
        '…' => "...",
        _ => "",
    }
}
