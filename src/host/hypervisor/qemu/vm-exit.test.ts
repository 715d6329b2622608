// Tests of why a VM is no more, by table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ExitFacts, toVmExit } from './vm-exit.js';

const facts: ExitFacts = {
  exit: { code: 0, signal: null },
  shutdownReason: undefined,
  killReason: undefined,
  quitSent: false,
  consoleText: '',
  stderrText: '',
};
const killed = { code: null, signal: 'SIGKILL' } as const;
const panic = '[ 1.0] Kernel panic - not syncing: Attempted to kill init!\r\n[ 1.1] CPU: 0\r\n';

test('facts give kind and reason', () => {
  const table: readonly (readonly [Partial<ExitFacts>, string, string])[] = [
    [{ quitSent: true, shutdownReason: 'host-qmp-quit' }, 'stopped', 'it was stopped'],
    [{ quitSent: true }, 'stopped', 'it was stopped'],
    [{ shutdownReason: 'host-qmp-quit' }, 'stopped', 'it was stopped'],
    [{ exit: killed }, 'killed', 'QEMU ended by SIGKILL'],
    [{ exit: killed, quitSent: true }, 'killed', 'QEMU ended by SIGKILL'],
    [{ exit: killed, killReason: 'too slow' }, 'killed', 'too slow'],
    [{ shutdownReason: 'host-signal' }, 'killed', 'QEMU was told to end by a signal'],
    [{ shutdownReason: 'guest-reset' }, 'failed', 'the guest reset itself'],
    [{ shutdownReason: 'guest-shutdown' }, 'failed', 'the guest powered itself off'],
    [
      { shutdownReason: 'guest-reset', consoleText: panic },
      'panicked',
      "the guest's kernel panicked: Attempted to kill init!",
    ],
    [{ shutdownReason: 'guest-panic' }, 'panicked', "the guest's kernel panicked: no text"],
    // Words on a console are not enough: the guest must have ended the VM.
    [{ exit: killed, consoleText: panic }, 'killed', 'QEMU ended by SIGKILL'],
    [{ quitSent: true, consoleText: panic }, 'stopped', 'it was stopped'],
    [{}, 'failed', 'QEMU ended with code 0'],
    [{ exit: { code: 1, signal: null } }, 'failed', 'QEMU ended with code 1'],
    [
      { exit: { code: 1, signal: null }, stderrText: 'warning\nqemu: no \x1b[1mdisk\n' },
      'failed',
      'QEMU ended with code 1: qemu: no \\x1b[1mdisk',
    ],
    [{ exit: { code: 1, signal: null }, quitSent: true }, 'failed', 'QEMU ended with code 1'],
  ];
  for (const [change, kind, reason] of table) {
    const exit = toVmExit({ ...facts, ...change });
    assert.deepEqual([exit.kind, exit.reason], [kind, reason], JSON.stringify(change));
  }
});

test('the tails are bounded and cannot act on a terminal', () => {
  const text = `${'x'.repeat(100_000)}\x1b]0;title\x07\nlast line\r\n`;
  const exit = toVmExit({ ...facts, consoleText: text, stderrText: text });
  for (const tail of [exit.consoleTail, exit.stderrTail]) {
    assert.ok(tail.length <= 16 * 1024);
    assert.match(tail, /\\x1b\]0;title\\x07\nlast line\n$/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is the point.
    assert.doesNotMatch(tail, /[\x00-\x09\x0b-\x1f]/);
  }
});
