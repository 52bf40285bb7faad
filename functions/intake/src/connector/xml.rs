//! XML as a small tree: names without prefixes, text, and where each element stands in the
//! document.
//!
//! Refused rather than handled: document types (so there is no entity but the five and no
//! expansion), deep nesting, crowds of elements. A reference that means nothing makes the element
//! it stands in, and those around it, unsound: one notification of a batch can be bad while the
//! document is fine.

use super::fault::Fault;
use quick_xml::{
    Reader,
    escape::resolve_xml_entity,
    events::{BytesRef, BytesStart, Event},
};
use std::ops::Range;

/// The deepest nesting of elements that is read; an outbound message has six.
const DEEPEST: usize = 32;

/// The most elements one document may have; a hundred notifications of a hundred fields have ten
/// thousand.
const MOST_ELEMENTS: usize = 100_000;

/// One element.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Its name, without prefix.
    pub(super) name: String,
    /// What `xsi:type` says, without prefix.
    pub(super) kind: Option<String>,
    /// Whether `xsi:nil` says that it has no value.
    pub(super) is_nil: bool,
    /// Its own text, unescaped.
    pub(super) text: String,
    /// Its elements.
    pub(super) children: Vec<Element>,
    /// Where it stands in the document, in bytes.
    pub(super) span: Range<usize>,
    /// Whether every reference in it means something.
    pub(super) is_sound: bool,
}

impl Element {
    /// Finds the first child of a name.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Lists the children of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

/// Parses a document into its root element.
pub(super) fn parse(text: &str) -> Result<Element, Fault> {
    let mut reader = Reader::from_str(text);
    let (mut open, mut root, mut elements) = (Vec::<Element>::new(), None, 0);
    loop {
        let start = position(&reader);
        let event = reader.read_event().map_err(|_| Fault::Xml)?;
        let closed = match event {
            Event::DocType(_) => return Err(Fault::Dtd),
            Event::Eof => break,
            Event::Start(_) | Event::Empty(_) if open.is_empty() && root.is_some() => {
                return Err(Fault::Xml);
            }
            Event::Start(tag) => {
                open.push(element(&tag, start)?);
                None
            }
            Event::Empty(tag) => Some(element(&tag, start)?),
            Event::End(_) => Some(open.pop().ok_or(Fault::Xml)?),
            Event::Text(text) => {
                write_text(&mut open, &text.xml10_content())?;
                None
            }
            Event::CData(text) => {
                write_text(&mut open, &text.xml10_content())?;
                None
            }
            Event::GeneralRef(reference) => {
                let element = open.last_mut().ok_or(Fault::Xml)?;
                match resolve(&reference) {
                    Some(character) => element.text.push_str(&character),
                    None => element.is_sound = false,
                }
                None
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => None,
        };
        elements += usize::from(closed.is_some());
        if open.len() > DEEPEST {
            return Err(Fault::Depth);
        }
        if elements > MOST_ELEMENTS {
            return Err(Fault::Size);
        }
        let Some(mut closed) = closed else { continue };
        closed.span.end = position(&reader);
        match open.last_mut() {
            Some(parent) => {
                parent.is_sound &= closed.is_sound;
                parent.children.push(closed);
            }
            None => root = Some(closed),
        }
    }
    if open.is_empty() { root.ok_or(Fault::Xml) } else { Err(Fault::Xml) }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn element(tag: &BytesStart<'_>, start: usize) -> Result<Element, Fault> {
    let mut element = Element {
        name: tag.local_name().as_ref().to_owned(),
        span: start..start,
        is_sound: true,
        ..Element::default()
    };
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|_| Fault::Xml)?;
        // `type` and `nil` are only ever the instance namespace's here, whatever its prefix.
        match attribute.key.local_name().as_ref() {
            "type" => {
                let value = attribute.value.as_ref();
                let local = value.rsplit_once(':').map_or(value, |(_, local)| local);
                element.kind = Some(local.to_owned());
            }
            "nil" => element.is_nil = matches!(attribute.value.trim(), "true" | "1"),
            _ => {}
        }
    }
    Ok(element)
}

/// Adds text to the innermost element; outside the root only space may stand.
fn write_text(open: &mut [Element], text: &str) -> Result<(), Fault> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(Fault::Xml),
    }
    Ok(())
}

/// Resolves one of the five entities, or a character by its number.
fn resolve(reference: &BytesRef<'_>) -> Option<String> {
    if !reference.is_char_ref() {
        return resolve_xml_entity(reference).map(str::to_owned);
    }
    let character = reference.resolve_char_ref().ok().flatten()?;
    let is_allowed = matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    is_allowed.then(|| character.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_nil_entities_and_sections_are_understood() {
        let text = "<?xml version='1.0'?><s:a xmlns:s='urn:s' xmlns:i='urn:i'><!-- c -->\
            <s:b i:type=\"s:Lead\">&lt;&amp;&#233;&#xe9;<![CDATA[<x>]]></s:b>\
            <c i:nil='true'/></s:a> ";
        let root = parse(text).unwrap();
        let b = root.child("b").unwrap();
        assert_eq!((root.name.as_str(), b.kind.as_deref()), ("a", Some("Lead")));
        assert_eq!(b.text, "<&éé<x>");
        assert!(root.is_sound && root.child("c").unwrap().is_nil);
        assert!(
            text[b.span.clone()].starts_with("<s:b") && text[b.span.clone()].ends_with("</s:b>")
        );
    }

    #[test]
    fn document_types_are_refused_before_anything_is_expanded() {
        for text in [
            "<!DOCTYPE a><a/>",
            "<!DOCTYPE a SYSTEM 'http://evil.example/x'><a/>",
            "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
            "<!DOCTYPE a [<!ENTITY l 'ha'><!ENTITY l2 '&l;&l;'>]><a>&l2;</a>",
        ] {
            assert_eq!(parse(text), Err(Fault::Dtd), "{text}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for text in [
            "",
            "a",
            "<a>",
            "<a></b>",
            "</a>",
            "<a/><b/>",
            "<a/>x",
            "<a b='1' b='2'/>",
            "<a b=1/>",
            "&amp;",
            "<a>&",
            "{}",
        ] {
            assert_eq!(parse(text), Err(Fault::Xml), "{text}");
        }
    }

    #[test]
    fn a_reference_that_means_nothing_spoils_its_element_only() {
        for reference in ["&nbsp;", "&#0;", "&#xfffe;", "&#x110000;", "&#1;"] {
            let root = parse(&format!("<a><b>{reference}</b><c/></a>")).unwrap();
            assert!(!root.child("b").unwrap().is_sound, "{reference}");
            assert!(root.child("c").unwrap().is_sound && !root.is_sound);
        }
    }

    #[test]
    fn depth_and_number_of_elements_are_bounded() {
        let nested = |levels: usize| format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
        assert!(parse(&nested(DEEPEST)).is_ok());
        assert_eq!(parse(&nested(DEEPEST + 1)), Err(Fault::Depth));
        assert_eq!(parse(&"<a>".repeat(100_000)), Err(Fault::Depth));
        let crowd = format!("<a>{}</a>", "<b/>".repeat(MOST_ELEMENTS));
        assert_eq!(parse(&crowd), Err(Fault::Size));
    }
}
