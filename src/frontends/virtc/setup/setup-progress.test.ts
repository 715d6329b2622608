// Tests of what a setup shows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProgressLine } from '../progress-line.js';
import { SetupProgress } from './setup-progress.js';

function show(isTTY: boolean): string[] {
  const written: string[] = [];
  const write = (text: string): void => {
    written.push(text);
  };
  const progress = new SetupProgress(new ProgressLine({ isTTY, write }, { TERM: 'xterm' }), write);
  progress.tell({ step: 'kernel', phase: 'begin', message: 'unpacking the kernel' });
  progress.tell({ step: 'kernel', phase: 'note', message: 'half\u001b done' });
  progress.tell({ step: 'kernel', phase: 'end', message: 'the kernel is there', durationMs: 1234 });
  return written;
}

test('a terminal gets a line for each finished step', () => {
  assert.deepEqual(show(true), ['the kernel is there (1.2 s)\n']);
});

test('everything else gets a line when something begins', () => {
  assert.deepEqual(show(false), ['unpacking the kernel\n', 'half\\x1b done\n']);
});
