// Asks an engine from npm which rule takes each of the leads in `leads.json`: as many of the first
// as fit in the given seconds, and again while the rounds last. Writes the best time and the answers
// to `answers.json`.
//
//   node peers.mjs ENGINE SECONDS ROUNDS ROUNDS_SECONDS

import { readFileSync, writeFileSync } from "node:fs";
import { Engine } from "json-rules-engine";
import { LogicEngine } from "json-logic-engine";

const [name, ...limits] = process.argv.slice(2);
const [seconds, rounds, roundsSeconds] = limits.map(Number);
const read = (file) => JSON.parse(readFileSync(file, "utf8"));
const rules = read("rules.json");
const leads = read("leads.json");

// Rules by priority, highest first; the engine is stopped by the first that holds.
function jsonRulesEngine() {
  const engine = new Engine();
  rules.forEach((rule, place) => {
    const all = rule.tests.map((test) =>
      test.is === "AtLeast"
        ? { fact: test.field, operator: "greaterThanInclusive", value: test.number }
        : test.texts.length === 1
          ? { fact: test.field, operator: "equal", value: test.texts[0] }
          : { fact: test.field, operator: "in", value: test.texts },
    );
    const event = { type: "matched", params: { place } };
    engine.addRule({ conditions: { all }, event, priority: rules.length - place });
  });
  engine.on("matched", () => engine.stop());
  return async (lead) => (await engine.run(lead)).events[0]?.params.place ?? null;
}

// Compiled chains of conditions, of as many rules each as proves fastest: long functions are slow.
async function jsonLogicEngine() {
  let best = null;
  for (const length of [10, 25, 100, 500]) {
    const choose = jsonLogicChains(length);
    for (const end = Date.now() + 300; Date.now() < end; ) await ask(choose, 10);
    const { micros_each } = await ask(choose, 100);
    if (best === null || micros_each < best.micros_each) best = { micros_each, choose };
  }
  return best.choose;
}

function jsonLogicChains(length) {
  const engine = new LogicEngine();
  const condition = (rule) => ({
    and: rule.tests.map((test) => {
      const field = { var: test.field };
      if (test.is === "AtLeast") return { ">=": [field, test.number] };
      return test.texts.length === 1
        ? { "===": [field, test.texts[0]] }
        : { in: [field, test.texts] };
    }),
  });
  const chains = [];
  for (let start = 0; start < rules.length; start += length) {
    const branches = rules
      .slice(start, start + length)
      .flatMap((rule, next) => [rule.tests.length ? condition(rule) : true, start + next]);
    chains.push(engine.build({ if: [...branches, null] }));
  }
  return (lead) => {
    for (const chain of chains) {
      const place = chain(lead);
      if (place !== null) return place;
    }
    return null;
  };
}

async function ask(choose, count) {
  const answers = new Array(count);
  const begun = process.hrtime.bigint();
  for (let place = 0; place < count; place += 1) {
    const answer = choose(leads[place]);
    answers[place] = answer instanceof Promise ? await answer : answer;
  }
  const micros_each = Number(process.hrtime.bigint() - begun) / 1e3 / count;
  return { micros_each, answers };
}

// 1, 2 or 5 times a power of ten.
function affordable(microsEach) {
  const wanted = (seconds * 1e6) / microsEach;
  let count = 10;
  for (const power of [1, 2, 3, 4]) {
    for (const step of [1, 2, 5]) {
      if (step * 10 ** power <= wanted) count = step * 10 ** power;
    }
  }
  return Math.min(leads.length <= wanted ? leads.length : count, leads.length);
}

const choose = name === "json-rules-engine" ? jsonRulesEngine() : await jsonLogicEngine();
// A few leads to warm up, as far as a second goes.
for (const end = Date.now() + 1_000; Date.now() < end; ) await ask(choose, 10);
const count = affordable((await ask(choose, 10)).micros_each);
const begun = Date.now();
const best = await ask(choose, count);
for (let round = 1; round < rounds && Date.now() - begun < roundsSeconds * 1e3; round += 1) {
  best.micros_each = Math.min(best.micros_each, (await ask(choose, count)).micros_each);
}
writeFileSync("answers.json", JSON.stringify(best));
