// Tests of what a configuration file may say, and of where in it a mistake is found.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtcontainersError } from '../base/errors.js';
import { parseConfig } from './parse.js';

test('every key, in tables, dotted or inline', async () => {
  const text = `
run_root = "/r"
lib_root = '/l'
guest_image = "/g"
accelerator = "tcg"
container.stop_grace = "500ms"
container.writes = "host"
cli = { log = "warn", progress = "plain", color = "never" }

[pod]
memory = "1GiB"
cpus = 2
`;
  assert.deepEqual(await parseConfig(text, '/f'), {
    run_root: '/r',
    lib_root: '/l',
    guest_image: '/g',
    accelerator: 'tcg',
    'container.stop_grace': '500ms',
    'container.writes': 'host',
    'cli.log': 'warn',
    'cli.progress': 'plain',
    'cli.color': 'never',
    'pod.memory': '1GiB',
    'pod.cpus': 2,
  });
  assert.deepEqual(await parseConfig('# nothing\r\n[pod]\r\n', '/f'), {});
});

interface Refusal {
  readonly title: string;
  readonly text: string;
  /** After `cannot use configuration file "/f": `. */
  readonly says: string;
  readonly hint?: string;
}

const refusals: readonly Refusal[] = [
  {
    title: 'a key that nearly is one',
    text: '# comment\n\n  acelerator = "tcg"\n',
    says: 'line 3, column 3: unknown key `acelerator`',
    hint: 'did you mean `accelerator`?',
  },
  {
    title: 'a key of a table that nearly is one',
    text: '[container]\nwrites = "host"\n[pod]\ncpu = 1',
    says: 'line 4, column 1: unknown key `cpu` in [pod]',
    hint: 'did you mean `cpus`?',
  },
  {
    title: 'a key outside of its table',
    text: 'memory = "1GiB"',
    says: 'line 1, column 1: unknown key `memory`',
    hint: 'did you mean `memory` in [pod]?',
  },
  {
    title: 'a key of the top level in a table',
    text: '[cli]\nrun_root = "/x"',
    says: 'line 2, column 1: unknown key `run_root` in [cli]',
    hint: 'did you mean `run_root` before the first table?',
  },
  {
    title: 'a table that nearly is one',
    text: '[containers]\n',
    says: 'line 1, column 2: unknown table [containers]',
    hint: 'did you mean the table [container]?',
  },
  {
    title: 'a table in a table',
    text: 'accelerator = "tcg"\n[pod.memory]\n',
    says: 'line 2, column 6: key `pod.memory` must be from 192 MiB (what the guest itself needs) to 65536 MiB, as text with its unit such as "512MiB", not a table',
  },
  {
    title: 'nothing like it',
    text: '[pod]\n"quite different" = 1',
    says: 'line 2, column 2: unknown key `quite different` in [pod]',
  },
  {
    title: 'names that JavaScript knows',
    text: '[pod]\n__proto__ = 1',
    says: 'line 2, column 1: unknown key `__proto__` in [pod]',
  },
  {
    title: 'names that JavaScript knows, at the top',
    text: 'constructor.prototype = 1',
    says: 'line 1, column 1: unknown table [constructor]',
  },
  {
    title: 'a name with a dot in it that reads like a key',
    text: '"pod.cpus" = 1',
    says: 'line 1, column 2: unknown key `pod.cpus`',
    hint: 'did you mean the table [pod]?',
  },
  {
    title: 'a value where a table belongs',
    text: 'pod = 3',
    says: 'line 1, column 1: `pod` must be a table, not 3',
  },
  {
    title: 'a list of tables',
    text: '[[pod]]\ncpus = 1',
    says: 'line 1, column 3: `pod` must be a table, not a list',
  },
  {
    title: 'a key behind a value of many lines',
    text: 'guest_image = """\n/a\naccelerator = 1\n"""\n[pod]\ncpus = "two"',
    says: "line 6, column 1: key `pod.cpus` must be a whole number from 1 to 32, not 'two'",
  },
  {
    title: 'a value of an inline table',
    text: 'cli = { color = "never", log = "loud" }',
    says: 'line 1, column 26: key `cli.log` must be "debug", "info", "warn", "error" or "off", not \'loud\'',
  },
  {
    title: 'a date',
    text: '[container]\nstop_grace = 07:32:00',
    says: 'line 2, column 1: key `container.stop_grace` must be a duration as text with its unit such as "10s" (ms, s, m, h), up to 24 days, not a date',
  },
  {
    title: 'no TOML',
    text: 'accelerator = tcg\n',
    says: 'line 1, column 15: invalid value',
  },
  {
    title: 'the same key twice',
    text: '[pod]\ncpus = 1\ncpus = 2\n',
    says: 'line 3, column 1: trying to redefine an already defined table or value',
  },
];
for (const { title, text, says, hint } of refusals) {
  test(`refused: ${title}`, async () => {
    await assert.rejects(parseConfig(text, '/f'), (error) => {
      assert.ok(error instanceof VirtcontainersError);
      assert.equal(error.message, `cannot use configuration file "/f": ${says}`);
      assert.equal(error.hint, hint);
      assert.equal(error.code, 'invalid-argument');
      return true;
    });
  });
}

const badValues: readonly [string, string][] = [
  ['run_root', '"relative"'],
  ['run_root', '""'],
  ['lib_root', '"/a\\u0000"'],
  ['guest_image', '["/a"]'],
  ['accelerator', '"KVM"'],
  ['pod.memory', '512'],
  ['pod.memory', '"191MiB"'],
  ['pod.memory', '"65GiB"'],
  ['pod.memory', '"512"'],
  ['pod.cpus', '0'],
  ['pod.cpus', '33'],
  ['pod.cpus', '1.5'],
  ['pod.cpus', 'nan'],
  ['container.pids_limit', '0'],
  ['container.pids_limit', '4194305'],
  ['container.pids_limit', '99999999999999999999'],
  ['container.stop_grace', '10'],
  ['container.stop_grace', '"25d"'],
  ['container.stop_grace', '"600h1m"'],
  ['container.writes', 'true'],
  ['cli.log', '"trace"'],
  ['cli.progress', '"always"'],
  ['cli.color', 'false'],
];
for (const [name, value] of badValues) {
  test(`refused: ${name} = ${value}`, async () => {
    await assert.rejects(parseConfig(`\n${name} = ${value}\n`, '/f'), (error) => {
      assert.ok(error instanceof VirtcontainersError);
      assert.equal(error.details['line'], 2);
      assert.equal(error.details['path'], '/f');
      return true;
    });
  });
}

test('a place that would cost too much to find is left out', async () => {
  const list = `[\n${'1,\n'.repeat(20_000)}]`;
  await assert.rejects(parseConfig(`cli.log = ${list}`, '/f'), {
    message:
      'cannot use configuration file "/f": key `cli.log` must be "debug", "info", "warn", "error" or "off", not a list',
  });
});
