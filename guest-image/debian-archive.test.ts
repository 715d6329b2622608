import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toDebianSources } from './debian-archive.js';

const line = (...fields: readonly string[]): string => fields.join('\t');
const main = line('Debian', 'Debian', 'bookworm', 'bookworm', 'mirror:/debian/', 'main');
const updates = line(
  'Debian',
  'Debian',
  'bookworm-updates',
  'bookworm-updates',
  'mirror:/debian/',
  'main',
);
const security = line(
  'Debian',
  'Debian-Security',
  'bookworm-security',
  'bookworm-security',
  'mirror:/security/',
  'main',
);
const foreign = line(
  'Node Source',
  'Node Source',
  'nodistro',
  'nodistro',
  'elsewhere:/node/',
  'main',
);

test('entries for Debian are taken over, those of others are not', () => {
  const sources = toDebianSources([foreign, main, updates, security, main, ''].join('\n'));
  assert.equal(sources?.codename, 'bookworm');
  const uris = sources?.text.match(/^URIs: .*$/gm);
  assert.deepEqual(uris, [
    'URIs: mirror:/debian/',
    'URIs: mirror:/debian/',
    'URIs: mirror:/security/',
  ]);
  assert.deepEqual(sources?.text.match(/^Suites: .*$/gm), [
    'Suites: bookworm',
    'Suites: bookworm-updates',
    'Suites: bookworm-security',
  ]);
  assert.doesNotMatch(sources?.text ?? '', /deb-src|elsewhere/);
});

test('sources are asked for only where they are wanted', () => {
  assert.match(toDebianSources(main, { sources: true })?.text ?? '', /^Types: deb deb-src$/m);
});

test('without an entry for the release itself there is nothing to work with', () => {
  for (const text of [
    '',
    foreign,
    security,
    'Debian',
    line('Debian', 'Debian', 'x', 'x', '', ''),
  ]) {
    assert.equal(toDebianSources(text), null);
  }
});
