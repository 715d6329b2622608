// Tests of the progress line.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { ProgressLine } from './progress-line.js';

const erase = '\r\u001b[K';

function setUp(isTTY: boolean, term = 'xterm') {
  const written: string[] = [];
  const line = new ProgressLine(
    { isTTY, columns: 20, write: (text: string) => written.push(text) },
    { TERM: term },
  );
  return { line, written };
}

test('a short step shows nothing, a long one its text cut to the terminal, the end erases it', (t) => {
  t.after(() => mock.timers.reset());
  mock.timers.enable({ apis: ['setTimeout'] });
  const { line, written } = setUp(true);
  line.show('short');
  mock.timers.tick(299);
  line.show('a text that is longer than the line');
  mock.timers.tick(300);
  line.show('next');
  line.close();
  assert.deepEqual(written, [`${erase}a text that is long`, `${erase}next`, erase]);
  line.show('late');
  mock.timers.tick(1000);
  assert.equal(written.length, 3);
});

for (const [title, isTTY, term] of [
  ['a pipe', false, 'xterm'],
  ['a dumb terminal', true, 'dumb'],
] as const) {
  test(`${title} gets no progress`, (t) => {
    t.after(() => mock.timers.reset());
    mock.timers.enable({ apis: ['setTimeout'] });
    const { line, written } = setUp(isTTY, term);
    line.show('booting');
    mock.timers.tick(1000);
    line.close();
    assert.deepEqual(written, []);
  });
}
