// Tests that the command line starts without what only some verbs need: what it loads at once is looked through.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const bundle = new URL('../../../bin/', import.meta.url);

/** The text of a file of the bundle and of all that it imports at once. */
function loadedWith(name: string, seen = new Set<string>()): string {
  if (seen.has(name)) return '';
  seen.add(name);
  const text = readFileSync(new URL(name, bundle), 'utf8');
  const imported = [...text.matchAll(/(?:from|import)\s?"\.\/([^"]+\.js)"/g)];
  return text + imported.map(([, file = '']) => loadedWith(file, seen)).join('');
}

const marks = {
  'the schema library': 'ZodError',
  'the TOML parser': 'trying to redefine an already defined',
  'the container runtime': 'qemu-system-x86_64',
} as const;

test('the marks are in the bundle', () => {
  const files = readdirSync(bundle).filter((name) => name.endsWith('.js'));
  const all = files.map((name) => readFileSync(new URL(name, bundle), 'utf8')).join('');
  for (const [what, mark] of Object.entries(marks)) assert.ok(all.includes(mark), what);
});

test('nothing of it is loaded for version, help or a bad flag', () => {
  const loaded = loadedWith('virtc.js');
  assert.ok(loaded.includes('Run containers in virtual machines of their own.'));
  for (const [what, mark] of Object.entries(marks)) assert.ok(!loaded.includes(mark), what);
});

test('the TOML parser is loaded for a configuration file, and not for looking for one', () => {
  const entry = /import\("\.\/(settings-[^"]+\.js)"\)/.exec(loadedWith('virtc.js'))?.[1];
  assert.ok(entry, 'settings are a chunk of their own');
  const loaded = loadedWith(entry);
  assert.ok(loaded.includes('/etc/virtcontainers/config.toml'));
  assert.ok(!loaded.includes(marks['the TOML parser']));
  assert.ok(!loaded.includes(marks['the schema library']));
});

test('lists read records and load nothing that makes or uses pods', () => {
  const loaded = loadedWith('virtc.js');
  for (const chunk of ['ps', 'inspect', 'list-context']) {
    const entry = new RegExp(`import\\("\\./(${chunk}-[^"]+\\.js)"\\)`).exec(loaded)?.[1];
    assert.ok(entry, `${chunk} is a chunk of its own`);
    const mine = loadedWith(entry);
    for (const [what, mark] of Object.entries(marks)) assert.ok(!mine.includes(mark), what);
  }
});
