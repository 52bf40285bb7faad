//! A territory table's CSV file, cell by cell, as spreadsheets write it: commas or semicolons,
//! quotes, any line end, with or without a byte order mark.
//!
//! The file is somebody's export, so what breaks one (a quote that is not closed, a row that has
//! shifted) is told with its line and is never taken for a value.

use super::{
    ROWS_MAX, TERRITORIES_BYTES_MAX,
    cells::{Column, Place},
    compile::RowFault,
};
use csv::{ReaderBuilder, StringRecord};

/// The longest cell, in bytes.
const CELL_BYTES_MAX: usize = 1_000;
const SAVE: &str = "Save the table as CSV in UTF-8 again.";
const QUOTE: &str = "Look for a quote that is not closed, here or just before.";

/// A row's cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cells {
    /// Where the row stands.
    pub(crate) place: Place,
    /// What it says, by column.
    pub(crate) cells: Vec<(Column, String)>,
}

/// Reads a CSV file's rows, with what is wrong with it.
pub(crate) fn sheet(text: &str) -> (Vec<Cells>, Vec<RowFault>) {
    let mut rows = Vec::new();
    let faults = match read(text, &mut rows) {
        Ok(faults) => faults,
        Err(fault) => vec![fault],
    };
    (rows, faults)
}

/// Reads rows one by one; an error is one after which nothing is worth reading.
fn read(text: &str, rows: &mut Vec<Cells>) -> Result<Vec<RowFault>, RowFault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > TERRITORIES_BYTES_MAX {
        let message = format!("The file has more than {TERRITORIES_BYTES_MAX} bytes.");
        return Err(RowFault::new(Place::Line(1), message, "Split the table in two."));
    }
    if let Some(at) = text.find('\u{fffd}') {
        let message = "The file is no UTF-8 text.".to_owned();
        return Err(RowFault::new(Place::Line(line_at(text, at)), message, SAVE));
    }
    let header = text.trim_start().lines().next().unwrap_or_default();
    let delimiter = if header.contains(';') && !header.contains(',') { b';' } else { b',' };
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let (mut columns, mut faults) = (Vec::new(), Vec::new());
    let (mut lines, mut record) = (Lines { text, at: 0, line: 1 }, StringRecord::new());
    loop {
        let unread = |error: csv::Error| {
            let at = error.position().map_or(1, |position| position.line());
            let message = format!("The file cannot be read: {error}.");
            RowFault::new(Place::Line(usize::try_from(at).unwrap_or(1)), message, SAVE)
        };
        if !reader.read_record(&mut record).map_err(unread)? {
            break;
        }
        let place = Place::Line(lines.line_of(&record));
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if columns.is_empty() {
            columns = header_of(&record, place)?;
            continue;
        }
        if rows.len() + faults.len() >= ROWS_MAX {
            let message = format!("The table has more than {ROWS_MAX} rows.");
            return Err(RowFault::new(place, message, "Split the table in two."));
        }
        match cells(&record, &columns, place) {
            Ok(row) => rows.push(row),
            Err(fault) => faults.push(fault),
        }
    }
    match columns.is_empty() {
        false => Ok(faults),
        true => {
            let message = "The file is empty.".to_owned();
            Err(RowFault::new(Place::Line(1), message, "Begin with a line of column names."))
        }
    }
}

fn header_of(record: &StringRecord, place: Place) -> Result<Vec<Column>, RowFault> {
    let refused = |message, help| RowFault::new(place, message, help);
    let mut columns = Vec::new();
    for header in record {
        let Some(column) = Column::of(header) else {
            let message = format!("There is no column `{}`. {}", shown(header), Column::all());
            let help = "Rename it, or take it out of the table.";
            return Err(RowFault { code: "unknown-column", ..refused(message, help) });
        };
        if columns.contains(&column) {
            let message = format!("The column `{}` is there twice.", column.name());
            return Err(refused(message, "Take one of them out."));
        }
        columns.push(column);
    }
    match columns.contains(&Column::Territory) {
        true => Ok(columns),
        false => {
            let message = "The table has no column `territory`.".to_owned();
            Err(refused(message, "Add it: the territory that each row gives."))
        }
    }
}

fn cells(record: &StringRecord, columns: &[Column], place: Place) -> Result<Cells, RowFault> {
    let odd = |cell: &&str| cell.len() > CELL_BYTES_MAX || cell.trim().contains(['\n', '\r']);
    if let Some(cell) = record.iter().find(odd) {
        let message = format!("The cell `{}` goes on over lines or is too long.", shown(cell));
        return Err(RowFault::new(place, message, QUOTE));
    }
    if record.len() != columns.len() {
        let (found, wanted) = (record.len(), columns.len());
        let message = format!("The row has {found} cells, and there are {wanted} columns.");
        let help = "Give it a cell for every column, and put quotes around one with a delimiter.";
        return Err(RowFault::new(place, message, help));
    }
    let texts = record.iter().map(str::to_owned);
    Ok(Cells { place, cells: columns.iter().copied().zip(texts).collect() })
}

/// Counts lines on the way: the reader counts a record's from the end of the one before.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn line_of(&mut self, record: &StringRecord) -> usize {
        let start = record.position().map_or(0, |position| position.byte());
        let start = usize::try_from(start).unwrap_or(0).clamp(self.at, self.text.len());
        let bytes = self.text.as_bytes();
        let blank = bytes[start..].iter().take_while(|byte| b"\r\n".contains(byte)).count();
        let passed = &bytes[self.at..start + blank];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.at = start + blank;
        self.line
    }
}

fn line_at(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Cuts what a file says to what a sentence can hold.
fn shown(text: &str) -> String {
    let start: String = text.chars().filter(|letter| !letter.is_control()).take(40).collect();
    if start.len() < text.len() { start + "…" } else { start }
}
