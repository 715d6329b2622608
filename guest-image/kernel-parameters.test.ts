// Tests of what the guest's kernel is told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kernelParameters } from './kernel-parameters.js';

test('the kernel goes on checking its clock, which it may have measured wrong on a busy host', () => {
  const names = kernelParameters.map((parameter) => parameter.replace(/=.*/, ''));
  for (const name of ['tsc', 'notsc', 'clocksource']) assert.equal(names.includes(name), false);
});
