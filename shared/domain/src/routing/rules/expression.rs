//! What a clause says before anybody is asked: the fields it refers to, and the texts it demands.
//!
//! A demand is what must be so for the clause to hold: `lead.country == 'GB'` cannot hold unless
//! the country is that text, whatever else can go wrong. What is not understood demands nothing, so
//! such a clause is simply asked.

use super::context::NUMBERS;
use crate::candidates::Demands;
use cel::{
    IdedExpr,
    common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, operators},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

/// A variable whose fields clauses refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Root {
    Lead,
    Account,
    Handoff,
    Territory,
}

impl Root {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "lead" => Self::Lead,
            "account" => Self::Account,
            "handoff" => Self::Handoff,
            "territory" => Self::Territory,
            _ => return None,
        })
    }
}

/// A field of a variable, as one writes `lead.country`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Path {
    pub(super) root: Root,
    pub(super) field: String,
}

/// The fields that expressions refer to.
#[derive(Clone, Debug, Default)]
pub(super) struct References {
    fields: BTreeMap<Root, BTreeSet<String>>,
    /// Variables that stand somewhere as a whole.
    whole: BTreeSet<Root>,
}

impl References {
    /// Takes in what an expression refers to.
    pub(super) fn add(&mut self, expression: &IdedExpr) {
        walk(&expression.expr, &mut |expr| {
            if let Some(Path { root, field }) = selected(expr) {
                self.fields.entry(root).or_default().insert(field);
                return Below::Skip;
            }
            if let Expr::Ident(name) = expr {
                self.whole.extend(Root::of(name.trim_start_matches('.')));
            }
            Below::Visit
        });
    }

    /// Refers to everything there is.
    pub(super) fn all() -> Self {
        let whole = [Root::Lead, Root::Account, Root::Handoff, Root::Territory];
        Self { fields: BTreeMap::new(), whole: whole.into() }
    }

    /// Lists the fields of a variable that are referred to; nothing says that all are.
    pub(super) fn of(&self, root: Root) -> Option<impl Iterator<Item = &str>> {
        let fields = || self.fields.get(&root).into_iter().flatten().map(String::as_str);
        (!self.whole.contains(&root)).then(fields)
    }
}

/// Whether to look at what is below an expression.
#[derive(PartialEq)]
enum Below {
    Visit,
    Skip,
}

/// Visits an expression and all that is below it, as far as the visitor wants.
fn walk<'e>(expr: &'e Expr, visit: &mut impl FnMut(&'e Expr) -> Below) {
    let mut left = vec![expr];
    while let Some(expr) = left.pop() {
        if visit(expr) == Below::Skip {
            continue;
        }
        match expr {
            Expr::Call(call) => {
                left.extend(call.target.iter().map(|target| &target.expr));
                left.extend(call.args.iter().map(|argument| &argument.expr));
            }
            Expr::Comprehension(one) => left.extend(
                [&one.iter_range, &one.accu_init, &one.loop_cond, &one.loop_step, &one.result]
                    .map(|part| &part.expr),
            ),
            Expr::List(list) => left.extend(list.elements.iter().map(|element| &element.expr)),
            Expr::Map(map) => left.extend(map.entries.iter().flat_map(|one| parts(&one.expr))),
            Expr::Struct(one) => left.extend(one.entries.iter().flat_map(|one| parts(&one.expr))),
            Expr::Select(select) => left.push(&select.operand.expr),
            Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
        }
    }
}

fn parts(entry: &EntryExpr) -> Vec<&Expr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value.expr],
        EntryExpr::MapEntry(entry) => vec![&entry.key.expr, &entry.value.expr],
    }
}

/// Reads `lead.country`, `has(lead.country)` or `lead['country']` as the field they refer to.
fn selected(expr: &Expr) -> Option<Path> {
    let (operand, field) = match expr {
        Expr::Select(select) => (&select.operand.expr, select.field.as_str()),
        Expr::Call(CallExpr { func_name, target: None, args })
            if func_name.as_str() == operators::INDEX =>
        {
            let [operand, index] = args.as_slice() else { return None };
            (&operand.expr, text_of(&index.expr)?)
        }
        _ => return None,
    };
    let Expr::Ident(name) = operand else { return None };
    Some(Path { root: Root::of(name)?, field: field.to_owned() })
}

fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// Reads a field whose text is compared: an account's is the lead's it is made of.
pub(super) fn compared(expr: &Expr) -> Option<Path> {
    let path = selected(expr)?;
    if matches!(expr, Expr::Select(select) if select.test) {
        return None;
    }
    if path.root != Root::Account {
        return Some(path);
    }
    let field = match path.field.as_str() {
        "name" => "company",
        field @ ("country" | "industry") => field,
        _ => return None,
    };
    Some(Path { root: Root::Lead, field: field.to_owned() })
}

/// Reads `path == 'text'`, `'text' == path` or `path in ['a', 'b']`; `operator` is the first's.
fn comparison(call: &CallExpr, operator: &str) -> Option<(Path, BTreeSet<String>)> {
    let [left, right] = call.args.as_slice() else { return None };
    let (left, right) = (&left.expr, &right.expr);
    if call.target.is_some() {
        return None;
    }
    if call.func_name == operator {
        let (path, text) = match text_of(right) {
            Some(text) => (left, text),
            None => (right, text_of(left)?),
        };
        return Some((compared(path)?, BTreeSet::from([text.to_owned()])));
    }
    match (call.func_name.as_str(), right) {
        (operators::IN, Expr::List(list)) if list.optional_indices.is_empty() => {
            let texts = list.elements.iter().map(|one| text_of(&one.expr).map(str::to_owned));
            Some((compared(left)?, texts.collect::<Option<_>>()?))
        }
        _ => None,
    }
}

/// Reads a field that always has a whole number, compared with one: the numbers for which it holds.
pub(super) fn whole_numbers(expr: &Expr) -> Option<(Path, RangeInclusive<i64>)> {
    let Expr::Call(CallExpr { func_name, target: None, args }) = expr else { return None };
    let [left, right] = args.as_slice() else { return None };
    let (path, operator, number) = match (&left.expr, &right.expr) {
        (path, Expr::Literal(LiteralValue::Int(number))) => (path, func_name.as_str(), number),
        (Expr::Literal(LiteralValue::Int(number)), path) => (path, turned(func_name), number),
        _ => return None,
    };
    let number = *number.inner();
    let none = RangeInclusive::new(1, 0);
    let numbers = match operator {
        operators::EQUALS => number..=number,
        operators::GREATER_EQUALS => number..=i64::MAX,
        operators::LESS_EQUALS => i64::MIN..=number,
        operators::GREATER => number.checked_add(1).map_or(none, |least| least..=i64::MAX),
        operators::LESS => number.checked_sub(1).map_or(none, |most| i64::MIN..=most),
        _ => return None,
    };
    Some((numbered(path)?, numbers))
}

/// Turns a comparison's operator, as where its sides change places.
fn turned(operator: &str) -> &str {
    match operator {
        operators::GREATER_EQUALS => operators::LESS_EQUALS,
        operators::LESS_EQUALS => operators::GREATER_EQUALS,
        operators::GREATER => operators::LESS,
        operators::LESS => operators::GREATER,
        same => same,
    }
}

/// Reads a field that always has a whole number: an account's is the lead's it is made of.
fn numbered(expr: &Expr) -> Option<Path> {
    let Path { root, field } = selected(expr)?;
    if matches!(expr, Expr::Select(select) if select.test) {
        return None;
    }
    let root = match (root, field.as_str()) {
        (Root::Lead, name) if NUMBERS.contains(&name) => Root::Lead,
        (Root::Account, "employees") => Root::Lead,
        (Root::Handoff, "heat" | "score" | "amount_minor") => Root::Handoff,
        _ => return None,
    };
    Some(Path { root, field })
}

/// What a clause demands.
#[derive(Clone, Debug, Default)]
pub(super) struct Demand {
    /// At each of these paths, one of these texts.
    pub(super) texts: Demands<Path>,
    /// Whether that is all: it holds wherever its demands are met.
    pub(super) is_all: bool,
}

/// Reads what must be so for an expression to hold.
pub(super) fn demand(expr: &Expr) -> Demand {
    let Expr::Call(call) = expr else { return Demand::default() };
    if let Some((path, texts)) = comparison(call, operators::EQUALS) {
        return Demand { texts: BTreeMap::from([(path, texts)]), is_all: true };
    }
    let ([one, other], None) = (call.args.as_slice(), &call.target) else {
        return Demand::default();
    };
    match call.func_name.as_str() {
        operators::LOGICAL_AND => {
            let (one, other) = (demand(&one.expr), demand(&other.expr));
            let mut texts = one.texts;
            narrow(&mut texts, &other.texts);
            Demand { texts, is_all: one.is_all && other.is_all }
        }
        operators::LOGICAL_OR => {
            let (mut one, other) = (demand(&one.expr), demand(&other.expr));
            let is_one_path = one.texts.len() == 1 && one.texts.keys().eq(other.texts.keys());
            one.texts.retain(|path, _| other.texts.contains_key(path));
            for (path, texts) in &mut one.texts {
                texts.extend(other.texts.get(path).into_iter().flatten().cloned());
            }
            Demand { texts: one.texts, is_all: one.is_all && other.is_all && is_one_path }
        }
        _ => Demand::default(),
    }
}

/// Adds demands: where there are two of one path, what meets both.
pub(super) fn narrow(demands: &mut Demands<Path>, more: &Demands<Path>) {
    for (path, texts) in more {
        let known = demands.entry(path.clone()).or_insert_with(|| texts.clone());
        known.retain(|text| texts.contains(text));
    }
}

/// Lists the variables an expression refers to that it does not bind itself, as `exists` and its
/// like do.
pub(super) fn free_variables(expression: &IdedExpr) -> BTreeSet<&str> {
    let mut free = BTreeSet::new();
    let mut left = vec![(&expression.expr, BTreeSet::new())];
    while let Some((expr, bound)) = left.pop() {
        walk(expr, &mut |expr| match expr {
            Expr::Ident(name) => {
                let name = name.trim_start_matches('.');
                free.extend(Some(name).filter(|name| !bound.contains(name)));
                Below::Skip
            }
            Expr::Comprehension(one) => {
                let named = [Some(&one.iter_var), one.iter_var2.as_ref(), Some(&one.accu_var)];
                let mut within = bound.clone();
                within.extend(named.into_iter().flatten().map(String::as_str));
                let outside = [&one.iter_range, &one.accu_init].map(|it| (&it.expr, bound.clone()));
                let inside = [&one.loop_cond, &one.loop_step, &one.result];
                left.extend(outside);
                left.extend(inside.map(|part| (&part.expr, within.clone())));
                Below::Skip
            }
            _ => Below::Visit,
        });
    }
    free
}

/// Lists the territories, by table, that an expression compares with anywhere.
pub(super) fn territories_of(expression: &IdedExpr) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    walk(&expression.expr, &mut |expr| {
        if let Expr::Call(call) = expr {
            let equal = comparison(call, operators::EQUALS);
            let compared = equal.or_else(|| comparison(call, operators::NOT_EQUALS));
            if let Some((path, texts)) = compared.filter(|(path, _)| path.root == Root::Territory) {
                found.extend(texts.into_iter().map(|text| (path.field.clone(), text)));
            }
        }
        Below::Visit
    });
    found
}

/// Lists the tables that an expression refers to.
pub(super) fn tables_of(expression: &IdedExpr) -> BTreeSet<String> {
    let mut references = References::default();
    references.add(expression);
    references.fields.remove(&Root::Territory).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cel::Program;

    /// Checks what a clause demands, `field = a|b` by path, and whether that is all.
    fn check(clause: &str, expected: &[&str], is_all: bool) {
        let program = Program::compile(clause).unwrap();
        let found = demand(&program.expression().expr);
        let texts = found.texts.iter().map(|(path, texts)| {
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            format!("{:?}.{} = {}", path.root, path.field, texts.join("|"))
        });
        assert_eq!(texts.collect::<Vec<_>>(), expected, "{clause}");
        assert_eq!(found.is_all, is_all, "{clause}");
    }

    #[test]
    fn equalities_demand_their_texts() {
        check("lead.country == 'GB'", &["Lead.country = GB"], true);
        check("\"GB\" == lead['country']", &["Lead.country = GB"], true);
        check("handoff.type in ['mql', 'hot_lead']", &["Handoff.type = hot_lead|mql"], true);
        check("territory.sales == 'DACH'", &["Territory.sales = DACH"], true);
        check("account.name == 'Acme'", &["Lead.company = Acme"], true);
        check("lead.country in []", &["Lead.country = "], true);
    }

    #[test]
    fn demands_of_both_sides_are_put_together() {
        check(
            "lead.country == 'GB' && lead.language in ['en', 'cy']",
            &["Lead.country = GB", "Lead.language = cy|en"],
            true,
        );
        check("lead.country == 'GB' && lead.score > 5", &["Lead.country = GB"], false);
        check("lead.country == 'GB' || lead.country == 'IE'", &["Lead.country = GB|IE"], true);
        check("lead.country == 'GB' || lead.language == 'en'", &[], false);
        check("lead.country == 'GB' && lead.country == 'IE'", &["Lead.country = "], true);
        let both = "(lead.country == 'A' && lead.language == 'b') \
                    || (lead.country == 'C' && lead.language == 'd')";
        check(both, &["Lead.country = A|C", "Lead.language = b|d"], false);
    }

    #[test]
    fn what_is_no_equality_of_texts_demands_nothing() {
        for clause in [
            "lead.score == 5",
            "lead.country != 'GB'",
            "!(lead.country == 'GB')",
            "lead.country in ['GB', 5]",
            "lead.country in lead.countries",
            "lead.country == lead.other",
            "has(lead.country)",
            "lead.a.b == 'x'",
            "lead == 'x'",
            "now == 'x'",
            "account.employees == 'x'",
            "['GB'].exists(lead, lead.country == 'GB')",
            "lead.country == 'GB' ? true : false",
        ] {
            check(clause, &[], false);
        }
    }

    #[test]
    fn a_comparison_with_a_whole_number_holds_for_a_range() {
        let check = |clause: &str, expected: Option<(Root, RangeInclusive<i64>)>| {
            let program = Program::compile(clause).unwrap();
            let found = whole_numbers(&program.expression().expr);
            assert_eq!(found.map(|(path, range)| (path.root, range)), expected, "{clause}");
        };
        check("lead.score >= 5", Some((Root::Lead, 5..=i64::MAX)));
        check("5 > account.employees", Some((Root::Lead, i64::MIN..=4)));
        check("handoff.amount_minor == -5", Some((Root::Handoff, -5..=-5)));
        check("lead['score'] < 5", Some((Root::Lead, i64::MIN..=4)));
        let most = i64::MAX;
        check(&format!("lead.score > {most}"), Some((Root::Lead, RangeInclusive::new(1, 0))));
        for other in [
            "lead.score != 5",
            "lead.score > 5.0",
            "lead.score > 5u",
            "lead.country > 5",
            "lead.score > lead.employees",
            "has(lead.score) == 5",
            "!(lead.score > 5)",
        ] {
            check(other, None);
        }
    }

    #[test]
    fn references_are_found_wherever_they_stand() {
        let mut references = References::default();
        for clause in [
            "has(lead.a) && lead.b.c.startsWith('x')",
            "[lead.d].exists(x, x == lead['e'] || {'k': lead.f}[lead.g] == 1)",
            "handoff[lead.h] == 'x' && size(territory) > 1",
        ] {
            references.add(Program::compile(clause).unwrap().expression());
        }
        let fields = |root| references.of(root).map(|fields| fields.collect::<Vec<_>>());
        assert_eq!(fields(Root::Lead), Some(vec!["a", "b", "d", "e", "f", "g", "h"]));
        assert_eq!(fields(Root::Account), Some(vec![]));
        assert_eq!((fields(Root::Handoff), fields(Root::Territory)), (None, None));
    }

    #[test]
    fn what_an_expression_binds_itself_is_not_free() {
        let free = |clause: &str, expected: &[&str]| {
            let program = Program::compile(clause).unwrap();
            let found: Vec<&str> = free_variables(program.expression()).into_iter().collect();
            assert_eq!(found, expected, "{clause}");
        };
        free("['gov', 'edu'].exists(end, lead.email_domain.endsWith(end))", &["lead"]);
        free("[1, 2].all(x, [x].exists(y, y == x)) && y == 1", &["y"]);
        free("x.exists(x, x == 1)", &["x"]);
        free("[1].map(x, x + z).size() == 1", &["z"]);
        free("true", &[]);
    }
}
