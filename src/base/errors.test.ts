// Tests of the error class and its companions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  abortError,
  errnoOf,
  isVirtcontainersError,
  reasonOf,
  throwIfAborted,
  VirtcontainersError,
  withDetails,
} from './errors.js';

test('an error carries code, hint, details and cause', () => {
  const cause = new Error('below');
  const error = new VirtcontainersError('not-found', 'cannot open pod a: it does not exist', {
    cause,
    hint: 'list pods',
    details: { id: 'a' },
  });
  assert.equal(error.name, 'VirtcontainersError');
  assert.equal(error.cause, cause);
  assert.equal(error.hint, 'list pods');
  assert.deepEqual(error.details, { id: 'a' });
});

test('an error without options has no own cause', () => {
  assert.equal(Object.hasOwn(new VirtcontainersError('internal', 'x'), 'cause'), false);
});

test('errors of another copy of the library are recognized, other errors are not', () => {
  const foreign = Object.assign(new Error('x'), { code: 'timeout', details: {} });
  assert.equal(isVirtcontainersError(foreign), true);
  assert.equal(isVirtcontainersError(Object.assign(new Error('x'), { code: 'ENOENT' })), false);
  assert.equal(isVirtcontainersError({ code: 'timeout', details: {} }), false);
});

test('an aborted operation rejects with an AbortError whose cause is the reason', () => {
  const reason = new Error('enough');
  const controller = new AbortController();
  controller.abort(reason);
  const error = abortError(controller.signal, 'cannot start pod a');
  assert.equal(error.name, 'AbortError');
  assert.equal(error.code, 'cancelled');
  assert.equal(error.cause, reason);
  assert.throws(() => throwIfAborted(controller.signal, 'cannot start pod a'), {
    name: 'AbortError',
  });
});

test('details are added without losing code, hint, cause or stack', () => {
  const error = new VirtcontainersError('timeout', 'm', { hint: 'h', details: { a: 1 }, cause: 2 });
  const more = withDetails(error, { b: 2 });
  assert.deepEqual(more.details, { a: 1, b: 2 });
  assert.deepEqual(
    [more.code, more.message, more.hint, more.cause, more.stack],
    ['timeout', 'm', 'h', 2, error.stack],
  );
  assert.equal(withDetails('text', {}).message, 'text');
});

test('the errno name and the reason of anything thrown can be read', () => {
  assert.equal(errnoOf(Object.assign(new Error('x'), { code: 'ENOENT' })), 'ENOENT');
  assert.equal(errnoOf(new Error('x')), undefined);
  assert.equal(reasonOf(new Error('x')), 'x');
  assert.equal(reasonOf(7), '7');
});
