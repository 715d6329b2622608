import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { errorCodes, VirtcontainersError } from '../base/errors.js';
import { ErrorDetail_Reason, ErrorDetailSchema } from '../wire/gen/agent_pb.js';
import { RpcError } from '../wire/ttrpc/index.js';
import { toRpcError } from './agent-error.js';
import { failureReasons } from './doors.js';

test('every code of ours has one of the wire', () => {
  const codes = errorCodes.map((code) => toRpcError(new VirtcontainersError(code, 'x')).code);
  assert.equal(new Set(codes).size, errorCodes.length);
});

test('every reason is told apart on the wire, by the number of its name', () => {
  for (const reason of failureReasons) {
    const error = new VirtcontainersError('invalid-argument', 'x', { details: { reason } });
    const [detail] = toRpcError(error).details;
    assert.ok(detail);
    const name = ErrorDetail_Reason[fromBinary(ErrorDetailSchema, detail.value).reason];
    assert.equal(name, reason.toUpperCase().replaceAll('-', '_'));
  }
});

test('a reason that is not known is left out', () => {
  for (const reason of ['toString', 'other', 3]) {
    const error = new VirtcontainersError('internal', 'x', { details: { reason } });
    assert.deepEqual(toRpcError(error).details, []);
  }
});

test('what could not be undone is said, and no text is longer than its bound', () => {
  const details = { failedCleanups: ['remove container c: busy'] };
  const error = toRpcError(new VirtcontainersError('internal', 'cannot create', { details }));
  assert.equal(error.message, 'cannot create; not undone: remove container c: busy');
  assert.ok(toRpcError(new Error('x'.repeat(1_000_000))).message.length < 5000);
});

test('a status stays as it is, and what is no error at all becomes one', () => {
  const status = new RpcError('aborted', 'x');
  assert.equal(toRpcError(status), status);
  assert.equal(toRpcError('text').message, 'text');
});
