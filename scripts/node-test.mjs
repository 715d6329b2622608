// Runs test files under node:test and counts what passed.
// @ts-check
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { root, run } from './project.mjs';

/**
 * Test files of the build whose path contains `filter`, relative to the checkout.
 * @param {readonly string[]} folders relative to dist
 * @param {string} [filter]
 */
export function testFiles(folders, filter = '') {
  return folders
    .map((folder) => path.join('dist', folder))
    .filter((folder) => existsSync(path.join(root, folder)))
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.test.js'))
        .map((name) => path.join(folder, name)),
    )
    .filter((file) => file.includes(filter))
    .sort();
}

/**
 * Runs test files. No test, and a test that was skipped, is a failure.
 * @param {readonly string[]} files
 * @param {{ concurrency: number, testTimeoutMs: number, timeoutMs: number, output: 'both' | 'keep' }} options
 */
export async function runTests(files, options) {
  const { concurrency, testTimeoutMs, timeoutMs, output } = options;
  if (files.length === 0)
    return { passed: 0, failed: 1, output: 'there is no test file: run npm run build' };
  const args = [
    '--test',
    `--test-concurrency=${concurrency}`,
    // A test that hangs is told by its name instead of holding up all others.
    `--test-timeout=${testTimeoutMs}`,
    '--test-reporter=spec',
    ...files,
  ];
  // Colours would hide the counts.
  const env = { NO_COLOR: '1', FORCE_COLOR: '0' };
  const result = await run(process.execPath, args, { output, timeoutMs, env });
  const passed = count(result.output, 'pass');
  let failed = ['fail', 'cancelled', 'skipped', 'todo'].reduce(
    (sum, kind) => sum + count(result.output, kind),
    0,
  );
  if (failed === 0 && (result.code !== 0 || passed === 0)) failed = 1;
  return { passed, failed, output: result.output };
}

/** @param {string} output @param {string} kind */
function count(output, kind) {
  return Number(new RegExp(`^ℹ ${kind} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
}
