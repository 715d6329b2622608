// Tests of bin/virtc as a shell finds it: through npm's link, with arguments that Node itself would act on.
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
  const env = { ...process.env, VIRTC_LIB_ROOT: folder, VIRTC_RUN_ROOT: path.join(folder, 'run') };
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
