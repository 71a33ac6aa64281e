// Runs Kusto's official parser (npm: @kusto/language-service-next) and ours over the same texts, and fails where one
// accepts what the other refuses, but for the texts that known_disagreements.txt lists with a reason, or where more than
// one in a hundred of the broken texts that are made from them is judged differently.
//
//   node compare_parsers.cjs KQL_ACCEPTS SOURCE_FOLDER
//
// The texts: every query of tests/kql/*.kqltest, tests/kql_syntax/*.txt and queries.txt beside this file, and each of
// those with one token left out, doubled, or the rest cut off. SPILLWAY_KQL_CORPUS may name a further file of JSON
// lines, each with a "query". SPILLWAY_KQL_ALL=1 prints every disagreement.
'use strict';
const { readFileSync, readdirSync } = require('fs');
const { spawnSync } = require('child_process');
const path = require('path');
const vm = require('vm');

const [accepts, root] = process.argv.slice(2);
const here = path.join(root, 'tests/kql_official');
const library = path.join(process.env.SPILLWAY_NODE_MODULES, '@kusto/language-service-next');
for (const file of ['bridge.min.js', 'Kusto.Language.Bridge.min.js']) {
  vm.runInThisContext(readFileSync(path.join(library, file), 'utf8'), { filename: file });
}

/** The queries of a file of cases: a line of `===`, the query, a line of `---`. Tables (`@@@`) are queries too. */
function casesOf(file) {
  const queries = [];
  let query = null;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line.startsWith('===') || line.startsWith('@@@')) {
      query = line.startsWith('@@@ external') ? null : [];
      if (query) queries.push(query);
    } else if (line.startsWith('---')) {
      query = null;
    } else if (query) {
      query.push(line);
    }
  }
  return queries.map((lines) => lines.join('\n').trim()).filter((text) => text);
}

function filesOf(folder, extension) {
  return readdirSync(path.join(root, folder))
    .filter((name) => name.endsWith(extension))
    .map((name) => path.join(root, folder, name));
}

/** What the official parser says: null, or the place and message of the first error of its syntax. */
function official(query) {
  let diagnostics;
  try {
    diagnostics = Kusto.Language.KustoCode.Parse(query).GetSyntaxDiagnostics();
  } catch {
    return 'the parser threw an exception';  // on some incomplete texts
  }
  for (let i = 0; i < diagnostics.Count; i++) {
    const found = diagnostics.getItem(i);
    if (found.Severity === 'Error') return `${found.Start} ${found.Message}`;
  }
  return null;
}

/** The text with one token left out, doubled, or ended behind it; every `step`th token. */
function mutants(query, step) {
  const tokens = Bridge.toArray(Kusto.Language.KustoCode.Parse(query).GetLexicalTokens());
  const texts = [];
  let position = 0;
  for (let i = 0; i < tokens.length; i++) {
    const { Trivia, Text } = tokens[i];
    const start = position + Trivia.length, end = start + Text.length;
    position = end;
    if (i % step !== 0 || end === start) continue;
    const token = query.slice(start, end);
    texts.push(query.slice(0, start) + query.slice(end));
    texts.push(query.slice(0, end) + ' ' + token + query.slice(end));
    texts.push(query.slice(0, end));
  }
  return texts;
}

/** known_disagreements.txt: texts, as JSON, and after `ours` or `official` a pattern of that parser's message. */
function knownDisagreements() {
  const texts = new Set(), patterns = { ours: [], official: [] };
  for (const line of readFileSync(path.join(here, 'known_disagreements.txt'), 'utf8').split('\n')) {
    const pattern = line.match(/^(ours|official) (.+)$/);
    if (pattern) patterns[pattern[1]].push(new RegExp(pattern[2]));
    else if (line.startsWith('"')) texts.add(JSON.parse(line));
  }
  return (query, theirs, our) => texts.has(query) || patterns.ours.some((p) => our !== 'ok' && p.test(our)) ||
                                 patterns.official.some((p) => theirs !== null && p.test(theirs));
}

const written = new Set();
for (const file of [...filesOf('tests/kql', '.kqltest'), ...filesOf('tests/kql_syntax', '.txt'), path.join(here, 'queries.txt')]) {
  for (const query of casesOf(file)) written.add(query);
}
if (process.env.SPILLWAY_KQL_CORPUS) {
  for (const line of readFileSync(process.env.SPILLWAY_KQL_CORPUS, 'utf8').split('\n')) {
    if (line.trim()) written.add(JSON.parse(line).query.trim());
  }
}
const queries = new Set(written);
const step = Number(process.env.SPILLWAY_KQL_MUTATE ?? 7);
if (step > 0) for (const query of written) for (const text of mutants(query, step)) queries.add(text);

const list = [...queries].filter((text) => !text.includes('\0'));
const run = spawnSync(accepts, { input: list.join('\0'), encoding: 'utf8', maxBuffer: 1 << 30 });
if (run.status !== 0) {
  console.log(`${accepts} ended with ${run.signal ?? run.status}`);
  process.exit(1);
}
const ours = run.stdout.trimEnd().split('\n');
if (ours.length !== list.length) {
  console.log(`${list.length} queries, but ${ours.length} answers`);
  process.exit(1);
}

const known = knownDisagreements();
let refused = 0, expected = 0;
const ofWritten = [], ofBroken = [];
list.forEach((query, i) => {
  const theirs = official(query);
  if (theirs) refused++;
  if ((theirs === null) === (ours[i] === 'ok')) return;
  if (known(query, theirs, ours[i])) expected++;
  else (written.has(query) ? ofWritten : ofBroken).push({ query, official: theirs ?? 'ok', ours: ours[i] });
});
const show = (d) => console.log(`${JSON.stringify(d.query)}\n   official: ${d.official}\n   ours:     ${d.ours}`);
ofWritten.forEach(show);
console.log(`-- of ${list.length - written.size} broken texts:`);
ofBroken.slice(0, process.env.SPILLWAY_KQL_ALL ? ofBroken.length : 20).forEach(show);
console.log(`${written.size} written queries and ${list.length - written.size} broken ones (the official parser refuses ` +
            `${refused}): ${ofWritten.length} and ${ofBroken.length} disagreements, and ${expected} known ones`);
const few = ofBroken.length <= (list.length - written.size) / 100;
process.exit(ofWritten.length === 0 && few && written.size >= 500 ? 0 : 1);
