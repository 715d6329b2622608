// Tests of docker's time spans, and of templates: what they print, and what they refuse.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toSince, toSpan } from './docker-time.js';
import { parseTemplate } from './go-template.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

for (const [ms, words] of [
  [-5, 'Less than a second'],
  [999, 'Less than a second'],
  [second, '1 second'],
  [59 * second, '59 seconds'],
  [minute, 'About a minute'],
  [2 * minute, '2 minutes'],
  [hour, 'About an hour'],
  [3 * hour, '3 hours'],
  [47 * hour, '47 hours'],
  [3 * day, '3 days'],
  [21 * day, '3 weeks'],
  [90 * day, '3 months'],
  [800 * day, '2 years'],
] as const) {
  test(`${ms} ms are ${words}`, () => {
    assert.equal(toSpan(ms), words);
  });
}

test('what is no time has no span', () => {
  assert.equal(toSince(null, 0), '');
  assert.equal(toSince('nonsense', 0), '');
});

const fields = {
  ID: 'web',
  Labels: { app: 'x', b: 'y' },
  LabelsObject: { app: 'x' },
  State: { Status: 'running' },
  List: ['a', 1],
  None: null,
};
const names = Object.keys(fields);

for (const [template, printed] of [
  ['{{.ID}}\\t{{ .State.Status }}', 'web\trunning'],
  ['{{json .Labels}}', '{"app":"x","b":"y"}'],
  ['{{upper .ID}} {{lower .ID}} {{len .List}}', 'WEB web 2'],
  ['{{index .Labels "app"}}|{{.Label "app"}}|{{.Label "none"}}', 'x|x|'],
  ['{{.Labels}} {{.List}} {{.None}} {{.State.Nothing}}', 'map[app:x b:y] [a 1] <nil> <no value>'],
  ['{{.State.constructor}}', '<no value>'],
  ['no action', 'no action'],
] as const) {
  test(`the template ${template} prints ${printed}`, () => {
    assert.equal(parseTemplate(template, names)(fields), printed);
  });
}

for (const [template, reason] of [
  ['{{.ID', /no }} behind/],
  ['{{.Nope}}', /there is no \.Nope/],
  ['{{range .List}}', /is not understood/],
  ['{{constructor .ID}}', /is not understood/],
  ['{{}}', /is not understood/],
] as const) {
  test(`the template ${template} is refused`, () => {
    assert.throws(() => parseTemplate(template, names), {
      code: 'invalid-argument',
      message: reason,
    });
  });
}
