// Tests of undoing a sequence of steps.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isVirtcontainersError, VirtcontainersError } from './errors.js';
import { Undo } from './undo.js';

test('nothing is undone where every step succeeds', async () => {
  const ran: string[] = [];
  const result = await Undo.run(async (undo) => {
    undo.add('one', () => {
      ran.push('one');
    });
    return 7;
  });
  assert.equal(result, 7);
  assert.deepEqual(ran, []);
});

test('a failure undoes the steps in reverse and keeps the error', async () => {
  const ran: string[] = [];
  const failure = new VirtcontainersError('timeout', 'too late');
  await assert.rejects(
    Undo.run(async (undo) => {
      undo.add('one', () => {
        ran.push('one');
      });
      undo.add('two', async () => {
        ran.push('two');
      });
      throw failure;
    }),
    (error) => error === failure,
  );
  assert.deepEqual(ran, ['two', 'one']);
});

test('a failed clean-up does not stop the others and is attached to the error', async () => {
  const ran: string[] = [];
  await assert.rejects(
    Undo.run(async (undo) => {
      undo.add('one', () => {
        ran.push('one');
      });
      undo.add('two', () => {
        throw new Error('busy');
      });
      throw new VirtcontainersError('timeout', 'too late');
    }),
    (error) => {
      assert.ok(isVirtcontainersError(error));
      assert.equal(error.code, 'timeout');
      assert.deepEqual(error.details['failedCleanups'], ['two: busy']);
      return true;
    },
  );
  assert.deepEqual(ran, ['one']);
});

test('what an inner sequence could not undo is told beside what the outer one could not', async () => {
  const fail = (reason: string) => (): never => {
    throw new Error(reason);
  };
  await assert.rejects(
    Undo.run((outer) => {
      outer.add('lock', fail('held'));
      return Undo.run(async (inner) => {
        inner.add('mount', fail('busy'));
        throw new Error('no');
      });
    }),
    (error) => {
      assert.ok(isVirtcontainersError(error));
      assert.equal(error.message, 'no');
      assert.deepEqual(error.details['failedCleanups'], ['mount: busy', 'lock: held']);
      return true;
    },
  );
});

test('unwinding twice runs each step once', async () => {
  let count = 0;
  const undo = new Undo();
  undo.add('one', () => {
    count += 1;
  });
  await undo.unwind();
  await undo.unwind();
  assert.equal(count, 1);
});
