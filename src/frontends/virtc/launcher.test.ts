// Tests of bin/virtc as a shell finds it: through npm's link, with arguments that Node would act on or nobody knows.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

function virtc(t: TestContext, args: readonly string[]): { status: number | null; stderr: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtc-launcher-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const link = path.join(folder, 'virtc');
  symlinkSync(fileURLToPath(new URL('../../../../bin/virtc', import.meta.url)), link);
  const env = {
    ...process.env,
    VIRTC_CONFIG: '',
    VIRTC_LIB_ROOT: folder,
    VIRTC_RUN_ROOT: path.join(folder, 'run'),
  };
  return spawnSync(link, args, { encoding: 'utf8', env, timeout: 20_000 });
}

test("Node leaves the command's own options alone", (t) => {
  const command = ['node', '--env-file=/nonexistent/env', 'app.js'];
  const { status, stderr } = virtc(t, ['run', '--rootfs', '/nonexistent/root', ...command]);
  assert.match(stderr, /^virtc: cannot .*\/nonexistent\/root/);
  assert.equal(status, 125);
});

test('arguments arrive as they are', (t) => {
  const { status, stderr } = virtc(t, ['no such  "verb" $HOME']);
  assert.match(stderr, /^virtc: unknown command 'no such {2}"verb" \$HOME'/);
  assert.equal(status, 125);
});

const refusals: readonly [readonly string[], RegExp][] = [
  [['help', 'zzzz'], /^virtc: unknown command 'zzzz'\nhint: virtc help lists them\n$/],
  [
    ['help', 'template', 'x'],
    /^virtc: unknown command 'x'\nhint: virtc help template lists them\n$/,
  ],
  [['help', 'rnu'], /^virtc: unknown command 'rnu'\nhint: did you mean run\?\n$/],
  [['run', '-it=maybe', 'true'], /^virtc: cannot use --tty "maybe": it must be true or false\n$/],
  [['run', '-itp', 'true'], /^virtc: unknown option '-p'\nhint: .*no networks/],
  [['gc', '--format', 'json', '--nope'], /^\{"event":"error","code":"invalid-argument",.*\}\n$/],
];
for (const [args, message] of refusals) {
  test(`refused: virtc ${args.join(' ')}`, (t) => {
    const { status, stderr } = virtc(t, args);
    assert.match(stderr, message);
    assert.equal(status, 125);
  });
}

test('help is there for every verb, and for itself', (t) => {
  const asked = ['help', 'help run', 'help help', 'template', 'help template', 'help template ls'];
  for (const line of asked) {
    const { status, stderr } = virtc(t, line.split(' '));
    assert.deepEqual([status, stderr], [0, '']);
  }
});

test('a reader that is slow gets all that was written', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtc-slow-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const program = fileURLToPath(new URL('../../../../bin/virtc', import.meta.url));
  // More than a pipe holds: 64 KiB.
  const word = 'x'.repeat(100_000);
  const script = '"$0" version --format "$1" 2>&1 | (sleep 0.5; cat)';
  const { stdout } = spawnSync('sh', ['-c', script, program, word], {
    encoding: 'utf8',
    env: { ...process.env, VIRTC_CONFIG: '' },
    timeout: 20_000,
  });
  assert.equal(stdout, `virtc: cannot use --format "${word}": it must be text or json\n`);
});

for (const args of [
  ['--format', 'json', '--trace', 'echo', 'x'],
  ['--format', 'json', '--tty=maybe', 'x'],
]) {
  test(`an error as JSON: virtc run ${args.join(' ')}`, (t) => {
    const { status, stderr } = virtc(t, ['run', '--rootfs', '/nonexistent/root', ...args]);
    assert.match(stderr, /^\{"event":"error","code":"invalid-argument",.*\}\n$/);
    assert.equal(status, 125);
  });
}
