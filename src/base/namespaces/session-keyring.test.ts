// A test of its own file: it gives this process a session keyring, before the worker is started.
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { joinNewSessionKeyring } from '../native/threads.js';
import { spawnInJail } from './jail.js';

// keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) on x86-64.
const script =
  '$! = 0; my $serial = syscall(250, 0, -3, 0); print $serial > 0 ? $serial : "none: $!"';

test('a jail does not possess the session keys of whoever started it', async (t) => {
  const own = joinNewSessionKeyring();
  if (own === null) {
    t.diagnostic('nobody has keyrings here');
    return;
  }
  const awake = setInterval(() => {}, 1000);
  try {
    const jailed = await spawnInJail({
      argv: ['/usr/bin/perl', '-e', script],
      env: {},
      readOnlyPaths: [],
      writablePaths: [],
      exports: [],
      devices: ['null'],
      needsFileCapabilities: false,
    });
    const said = await text(jailed.stderr);
    await jailed.exited;
    assert.match(said, /^(\d+|none: .*)$/);
    assert.notEqual(said, String(own));
  } finally {
    clearInterval(awake);
  }
});
