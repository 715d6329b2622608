// Tests of what signals mean in each phase of a run.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { type ForwardedSignal, forwardedSignals, Interrupts } from './interrupts.js';

function setUp() {
  const source = new EventEmitter();
  const clock = { ms: 10_000 };
  const forwarded: ForwardedSignal[] = [];
  const interrupts = new Interrupts(source, () => clock.ms);
  const run = (): void => interrupts.forwardTo((name) => forwarded.push(name));
  return { source, clock, forwarded, interrupts, run };
}

const startCodes: readonly [ForwardedSignal, number][] = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGQUIT', 131],
  ['SIGUSR1', 138],
  ['SIGUSR2', 140],
];
for (const [name, code] of startCodes) {
  test(`${name} while starting aborts with ${code}`, () => {
    const { source, interrupts } = setUp();
    source.emit(name);
    assert.equal(interrupts.signal.aborted, true);
    assert.equal(interrupts.exitCode, code);
  });
}

test('the first signal decides the exit code', () => {
  const { source, interrupts } = setUp();
  source.emit('SIGTERM');
  source.emit('SIGINT');
  assert.equal(interrupts.exitCode, 143);
});

test('while running every signal is forwarded and nothing aborts', () => {
  const { source, forwarded, interrupts, run } = setUp();
  run();
  for (const name of forwardedSignals) source.emit(name);
  assert.deepEqual(forwarded, forwardedSignals);
  assert.equal(interrupts.signal.aborted, false);
  assert.equal(interrupts.exitCode, undefined);
});

test('a second SIGINT within two seconds kills', () => {
  const { source, clock, forwarded, interrupts, run } = setUp();
  run();
  source.emit('SIGINT');
  clock.ms += 2000;
  source.emit('SIGINT');
  assert.deepEqual(forwarded, ['SIGINT']);
  assert.equal(interrupts.exitCode, 137);
  assert.equal(interrupts.signal.aborted, true);
});

test('a SIGINT after two seconds is a first one again', () => {
  const { source, clock, forwarded, interrupts, run } = setUp();
  run();
  source.emit('SIGINT');
  clock.ms += 2001;
  source.emit('SIGINT');
  assert.equal(interrupts.signal.aborted, false);
  clock.ms += 1;
  source.emit('SIGINT');
  assert.equal(interrupts.signal.aborted, true);
  assert.deepEqual(forwarded, ['SIGINT', 'SIGINT']);
});

test('two quick SIGTERM are forwarded twice', () => {
  const { source, forwarded, interrupts, run } = setUp();
  run();
  source.emit('SIGTERM');
  source.emit('SIGTERM');
  assert.deepEqual(forwarded, ['SIGTERM', 'SIGTERM']);
  assert.equal(interrupts.signal.aborted, false);
});

test('a signal while output is still written ends the run', () => {
  const { source, interrupts, run } = setUp();
  run();
  interrupts.drain();
  source.emit('SIGTERM');
  assert.equal(interrupts.exitCode, 143);
});

test('signals during clean-up change nothing, but are still caught', () => {
  const { source, interrupts } = setUp();
  interrupts.close();
  source.emit('SIGINT');
  source.emit('SIGINT');
  assert.equal(interrupts.signal.aborted, false);
  assert.equal(source.listenerCount('SIGINT'), 1);
});

test('a reader that is gone gives its own exit code', () => {
  const { interrupts } = setUp();
  interrupts.end(141);
  assert.equal(interrupts.exitCode, 141);
  assert.equal(interrupts.signal.aborted, true);
});

test('disposing gives the signals back', () => {
  const { source, interrupts } = setUp();
  interrupts.dispose();
  assert.deepEqual(source.eventNames(), []);
});
