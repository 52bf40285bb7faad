//! What it costs to choose among routing rules: 100,000 leads through 10, 100, 500 and 5,000 rules,
//! side by side with the crates `cel` and `zen-engine` and, where node is there, with
//! `json-rules-engine` and `json-logic-engine` from npm. Same leads, same rules, one run, and the
//! answers compared lead by lead.
//!
//! Without arguments it compares; `one ENGINE RULES ASKED` is what it runs under callgrind. A slow
//! engine is asked about the first of the same leads, as many as the table says. Any answer that
//! differs fails, as does a choice of ours that takes more instructions than its budget; the ratios
//! are told.

mod count;
mod engines;
mod node;
mod work;

use std::{env, hint::black_box, process::ExitCode, time::Instant};

use engines::{Cel, Engine, Ours, Untraced, Zen};
use node::Node;
use work::{Lead, Rule};

const LEADS: usize = 100_000;
const RULES: [usize; 4] = [10, 100, 500, 5_000];
/// How long an engine may take for the leads it is asked about.
const SECONDS_MOST: f64 = 10.0;
/// An engine that is fast is asked again, this often and this long at most: its best time counts,
/// for whatever else the machine does only ever adds to it.
const ROUNDS_MOST: usize = 5;
const ROUNDS_SECONDS: f64 = 3.0;
/// The instructions that a choice of ours may take, by the number of rules.
const BUDGETS: [(&str, usize, f64); 4] = [
    (OURS, 500, 25_000.0),
    (OURS, 5_000, 35_000.0),
    (UNTRACED, 500, 10_000.0),
    (UNTRACED, 5_000, 20_000.0),
];
/// Leads that are prepared at a time: what a lead is made from is as near as where it just came in.
const BLOCK: usize = 1_000;

const OURS: &str = "handoff";
const UNTRACED: &str = "handoff, untraced";
const ENGINES: [&str; 4] = [OURS, UNTRACED, "cel, in order", "zen-engine"];
const NODE_ENGINES: [&str; 2] = ["json-rules-engine", "json-logic-engine"];

/// What an engine said, and how long it took.
struct Answered {
    answers: Vec<Option<usize>>,
    micros_each: f64,
}

/// Something that can be done with any of the engines.
trait Visit {
    type Outcome;

    fn visit(self, engine: &impl Engine) -> Self::Outcome;
}

/// Makes an engine of these rules.
fn with_engine<V: Visit>(name: &str, rules: &[Rule], visit: V) -> Result<V::Outcome, String> {
    Ok(match name {
        OURS => visit.visit(&Ours::new(Ours::read(rules)?)),
        UNTRACED => visit.visit(&Untraced(Ours::new(Ours::read(rules)?))),
        "zen-engine" => visit.visit(&Zen::new(rules)?),
        _ => visit.visit(&Cel::new(rules)?),
    })
}

/// Asks about as many of the leads as time allows.
struct Timed<'a>(&'a [Lead]);

impl Visit for Timed<'_> {
    type Outcome = Answered;

    fn visit(self, engine: &impl Engine) -> Answered {
        let first = &self.0[..20];
        ask(engine, first);
        let count = affordable(ask(engine, first).micros_each, self.0.len());
        let (leads, begun) = (&self.0[..count], Instant::now());
        let mut best = ask(engine, leads);
        for _ in 1..ROUNDS_MOST {
            if begun.elapsed().as_secs_f64() < ROUNDS_SECONDS {
                best.micros_each = best.micros_each.min(ask(engine, leads).micros_each);
            }
        }
        best
    }
}

/// Asks about the first leads, once, in a function that callgrind can tell from the rest.
struct Counted(usize);

impl Visit for Counted {
    type Outcome = ();

    fn visit(self, engine: &impl Engine) {
        let given: Vec<_> = work::leads(self.0).iter().map(|lead| engine.give(lead)).collect();
        counted_by_callgrind(engine, &given);
    }
}

#[inline(never)]
fn counted_by_callgrind<E: Engine>(engine: &E, given: &[E::Given]) {
    for one in given {
        black_box(engine.choose(black_box(one)));
    }
}

fn ask(engine: &impl Engine, leads: &[Lead]) -> Answered {
    let (mut answers, mut seconds) = (Vec::with_capacity(leads.len()), 0.0);
    for block in leads.chunks(BLOCK) {
        let given: Vec<_> = block.iter().map(|lead| engine.give(lead)).collect();
        let begun = Instant::now();
        answers.extend(given.iter().map(|one| engine.choose(one)));
        seconds += begun.elapsed().as_secs_f64();
    }
    Answered { micros_each: seconds * 1e6 / leads.len() as f64, answers }
}

/// Says how many leads an engine can be asked about: 1, 2 or 5 times a power of ten.
fn affordable(micros_each: f64, most: usize) -> usize {
    let wanted = (SECONDS_MOST * 1e6 / micros_each) as usize;
    let steps = (1..=4).flat_map(|power| [1, 2, 5].map(|step| step * 10_usize.pow(power)));
    steps.chain([most]).take_while(|step| *step <= wanted.max(10)).last().unwrap_or(10).min(most)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [one, engine, rules, asked] if one == "one" => one_engine(engine, rules, asked),
        _ => compare(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn one_engine(engine: &str, rules: &str, asked: &str) -> Result<(), String> {
    let number = |text: &str| text.parse::<usize>().map_err(|error| format!("{text}: {error}"));
    with_engine(engine, &work::rules(number(rules)?), Counted(number(asked)?))
}

/// Prints the table: every engine with every number of rules.
fn compare() -> Result<(), String> {
    let leads = work::leads(LEADS);
    let node = match Node::start(&leads) {
        Ok(node) => Some(node),
        Err(why) => {
            println!("without npm's engines: {why}");
            None
        }
    };
    println!(
        "{:<18} {:>6} {:>8} {:>11} {:>9} {:>13} {:>10}",
        "", "rules", "leads", "µs a lead", "× ours", "instructions", "different"
    );
    let (mut notes, mut wrong) = (Vec::new(), Vec::new());
    for count in RULES {
        let rules = work::rules(count);
        let ours = with_engine(OURS, &rules, Timed(&leads))?;
        notes.push(describe(&rules, &ours)?);
        let tell = |name: &str, theirs: &Answered| {
            let instructions = match ENGINES.contains(&name) {
                true => count::instructions(name, count, theirs.micros_each),
                false => None,
            };
            let row = Row { name, count, ours: &ours, theirs, instructions };
            row.print();
            row.wrong()
        };
        wrong.extend(tell(OURS, &ours));
        for name in &ENGINES[1..] {
            wrong.extend(tell(name, &with_engine(name, &rules, Timed(&leads))?));
        }
        for (node, name) in node.iter().flat_map(|node| NODE_ENGINES.map(|name| (node, name))) {
            wrong.extend(tell(name, &node.ask(name, &rules)?));
        }
    }
    println!("\n{}", notes.join("\n"));
    println!(
        "timed on one thread, the best of a few rounds; a lead is given to our rules as a handoff \
         and its package, to `cel` as a struct, to `zen-engine` as JSON, to npm's engines as an \
         object"
    );
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Says what the rules are like, and how long our own take to compile.
fn describe(rules: &[Rule], ours: &Answered) -> Result<String, String> {
    let count = rules.len();
    let mut places: Vec<usize> = ours.answers.iter().copied().flatten().collect();
    places.sort_unstable();
    let middle = places.get(places.len() / 2).copied().unwrap_or_default();
    let last = places.iter().filter(|place| **place + 1 == count).count();
    let config = Ours::read(rules)?;
    let begun = Instant::now();
    drop(Ours::new(config));
    let compiled_ms = begun.elapsed().as_secs_f64() * 1e3;
    let percent = last as f64 * 100.0 / places.len().max(1) as f64;
    Ok(format!(
        "{count} rules: half of the leads are past rule {middle}, {percent:.0} % are left to the \
         last; our own take {compiled_ms:.1} ms to compile"
    ))
}

/// A line of the table.
struct Row<'a> {
    name: &'a str,
    count: usize,
    ours: &'a Answered,
    theirs: &'a Answered,
    instructions: Option<f64>,
}

impl Row<'_> {
    fn different(&self) -> impl Iterator<Item = usize> {
        let (ours, theirs) = (&self.ours.answers, &self.theirs.answers);
        (0..theirs.len()).filter(|place| ours.get(*place) != theirs.get(*place))
    }

    fn print(&self) {
        let Self { name, count, ours, theirs, instructions } = self;
        let instructions = instructions.map_or("n/a".to_owned(), |each| format!("{each:.0}"));
        println!(
            "{name:<18} {count:>6} {:>8} {:>11.2} {:>9.2} {instructions:>13} {:>10}",
            theirs.answers.len(),
            theirs.micros_each,
            theirs.micros_each / ours.micros_each,
            self.different().count(),
        );
    }

    /// Says which answers differ, and whether ours took too many instructions.
    fn wrong(&self) -> Vec<String> {
        let Self { name, count, ours, theirs, instructions } = self;
        let shown = self.different().take(3).map(|place| {
            let (ours, theirs) = (ours.answers[place], theirs.answers[place]);
            format!("{name}, {count} rules, lead {place}: ours {ours:?}, theirs {theirs:?}")
        });
        let mut wrong: Vec<String> = shown.collect();
        let budget = BUDGETS.iter().find(|(engine, rules, _)| engine == name && rules == count);
        if let (Some((_, _, most)), Some(took)) = (budget, instructions)
            && took > most
        {
            wrong.push(format!("choosing among {count} rules takes more than {most} instructions"));
        }
        wrong
    }
}
