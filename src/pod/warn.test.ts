// Tests of how a warning is told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Logger, silentLogger } from '../base/log.js';
import type { Warning } from '../model/warning.js';
import { warn } from './warn.js';

function makeLog() {
  const told: [Readonly<Record<string, unknown>>, string][] = [];
  const log: Logger = { ...silentLogger, warn: (fields, message) => told.push([fields, message]) };
  return { told, log };
}

const warning: Warning = { code: 'clone-failed', message: 'cannot clone: x', podId: 'web' };

test('a warning goes to who wants to know it, and then not to the log', () => {
  const { told, log } = makeLog();
  const got: Warning[] = [];
  warn({ log, onWarning: (one) => got.push(one) }, warning);
  assert.deepEqual([got, told], [[warning], []]);
});

test('without a listener the log has it', () => {
  const { told, log } = makeLog();
  warn({ log, onWarning: undefined }, warning);
  warn({ log, onWarning: undefined }, { ...warning, podId: null });
  const fields = { subsystem: 'templates', code: 'clone-failed' };
  assert.deepEqual(told, [
    [{ ...fields, pod: 'web' }, 'cannot clone: x'],
    [fields, 'cannot clone: x'],
  ]);
});

test('a listener that throws harms nobody', () => {
  const { told, log } = makeLog();
  const onWarning = (): void => assert.fail('its own fault');
  warn({ log, onWarning }, warning);
  assert.equal(told[0]?.[1], 'a listener for warnings failed');
});
