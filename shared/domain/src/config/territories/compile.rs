//! Makes a table of its cells, and finds the rows that say nothing, name nobody, or can never match
//! because an earlier one takes all that they would.

use super::{
    Row, Territories,
    cells::{Band, Column, Place, Postal, postal_key},
    compared, looked_up,
    sheet::Cells,
};
use crate::{
    candidates::{Candidates, Demands},
    ids::PersonId,
};
use std::collections::BTreeMap;

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowFault {
    /// Where it stands.
    pub(crate) place: Place,
    /// A stable name of the kind of problem.
    pub(crate) code: &'static str,
    /// What is wrong, a sentence.
    pub(crate) message: String,
    /// What to do, a sentence.
    pub(crate) help: &'static str,
}

impl RowFault {
    pub(super) fn new(place: Place, message: String, help: &'static str) -> Self {
        Self { place, code: "wrong-territories", message, help }
    }
}

/// Makes a table of its cells, with what is wrong with them; `person` finds owners.
pub(crate) fn compile(
    cells: &[Cells],
    person: impl Fn(&str) -> Option<PersonId>,
) -> (Territories, Vec<RowFault>) {
    let (mut rows, mut places, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for cells in cells {
        match row(cells, &person) {
            Ok(row) => {
                rows.push(row);
                places.push(cells.place);
            }
            Err(fault) => faults.push(fault),
        }
    }
    let demands: Vec<Demands<Column>> = rows.iter().map(demands).collect();
    let table = Territories { candidates: Candidates::of(&demands), rows };
    faults.extend(covered(&table, &places));
    (table, faults)
}

fn row(cells: &Cells, person: impl Fn(&str) -> Option<PersonId>) -> Result<Row, RowFault> {
    let refused = |message, help| RowFault::new(cells.place, message, help);
    let mut row = Row {
        territory: String::new(),
        owner: None,
        texts: BTreeMap::new(),
        postal: None,
        employees: None,
    };
    for (column, text) in &cells.cells {
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        match column {
            Column::Territory => row.territory = text.to_owned(),
            Column::Owner => {
                row.owner = Some(person(text).ok_or_else(|| RowFault {
                    code: "unknown-person",
                    ..refused(
                        format!("There is nobody called `{text}`."),
                        "Write a person's key or work address, as `[people]` has them.",
                    )
                })?);
            }
            Column::Employees => {
                let message = format!("`{text}` is no band of employees.");
                let help = "Write a number, a band such as 1-49, or 1000- for that and more.";
                row.employees = Some(Band::parse(text).ok_or_else(|| refused(message, help))?);
            }
            Column::PostalCode => {
                let message = format!("`{text}` is no postal code, prefix or range.");
                let help = "Write a code without hyphens, a prefix such as SW*, or digits from-to \
                            such as 1000-1999.";
                let postal = Postal::parse(text).ok_or_else(|| refused(message, help))?;
                if let Postal::Exact(code) = &postal {
                    row.texts.insert(*column, postal_key(code).to_owned());
                }
                row.postal = Some(postal);
            }
            Column::Domain => {
                row.texts.insert(*column, compared(text.trim_start_matches('@')));
            }
            _ => {
                row.texts.insert(*column, compared(text));
            }
        }
    }
    match row.territory.is_empty() {
        false => Ok(row),
        true => Err(refused("The row gives no territory.".to_owned(), "Write its `territory`.")),
    }
}

fn demands(row: &Row) -> Demands<Column> {
    let mut demands: Demands<Column> = Demands::new();
    let key = row.postal.as_ref().and_then(Postal::key).map(|key| (Column::PostalCode, key));
    let texts = row.texts.iter().map(|(column, text)| (*column, text.clone()));
    for (column, text) in texts.chain(key) {
        demands.entry(column).or_default().insert(text);
    }
    demands
}

/// Finds rows that an earlier row covers. One that does demands nothing that the later one does
/// not, so it is among those that the later row's own texts call up.
fn covered(table: &Territories, places: &[Place]) -> Vec<RowFault> {
    let mut faults = Vec::new();
    for (position, (row, place)) in table.rows.iter().zip(places).enumerate() {
        let code_keys = row.postal.as_ref().map(Postal::keys_above).unwrap_or_default();
        let earlier = table.candidates.among(looked_up(&row.texts, &code_keys));
        let earlier = earlier.take_while(|earlier| *earlier < position);
        let covers = |earlier: &usize| table.rows[*earlier].covers(row);
        let Some(earlier) = earlier.into_iter().find(covers) else { continue };
        let before = places[earlier];
        let (code, message) = match table.rows[earlier] == *row {
            true => ("same-row", format!("The row is the same as {before}.")),
            false => {
                let message = format!("The row can never match: {before} takes all that it would.");
                ("covered-row", message)
            }
        };
        let help = match code {
            "same-row" => "Take one of them out.",
            _ => "Put the narrower row first, or take it out.",
        };
        faults.push(RowFault { code, ..RowFault::new(*place, message, help) });
    }
    faults
}
