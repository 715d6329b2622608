// Checks all that needs no VM: format, lint, types, layers, generated code, unit tests. Prints what fails.
// @ts-check
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { ensureBuild } from './ensure-build.mjs';
import { runTests, testFiles } from './node-test.mjs';
import { nodeModule, root, run, runScript, secondsSince } from './project.mjs';

/** @typedef {{ passed: number, failed: number, output: string }} Result */

/** A step that is a program of node_modules. @param {string} file @param {string[]} args @returns {() => Promise<Result>} */
const program =
  (file, ...args) =>
  async () => {
    const { code, output } = await run(process.execPath, [file, ...args], {
      output: 'keep',
      timeoutMs: 120_000,
    });
    return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, output };
  };

const tsc = nodeModule('typescript-native/bin/tsc');
/** @type {Record<string, () => Promise<Result>>} */
const steps = {
  'unit tests': () =>
    runTests(testFiles(['src', 'guest-image', 'test/bench']), {
      concurrency: availableParallelism(),
      testTimeoutMs: 120_000,
      timeoutMs: 600_000,
      output: 'keep',
    }),
  'format and lint': program(
    nodeModule('@biomejs/biome/bin/biome'),
    'check',
    '--error-on-warnings',
  ),
  types: program(tsc, '--noEmit'),
  'types of the scripts': program(tsc, '--noEmit', '--project', 'scripts'),
  layers: program(
    nodeModule('dependency-cruiser/bin/dependency-cruise.mjs'),
    '--config',
    '.dependency-cruiser.mjs',
    ...['src', 'guest-image', 'test', 'examples'].filter((folder) =>
      existsSync(`${root}/${folder}`),
    ),
  ),
  'generated code': program('scripts/generate.mjs', '--check'),
  reference: program('scripts/reference.mjs', '--check'),
};

await runScript(async () => {
  await ensureBuild({ declarations: false });
  let passed = 0;
  let failed = 0;
  const waiting = Object.entries(steps);
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [name, step] = next;
      const begin = performance.now();
      const result = await step();
      passed += result.passed;
      failed += result.failed;
      if (result.failed > 0) console.log(result.output.trimEnd());
      console.log(`${result.failed === 0 ? 'ok' : 'FAILED'}: ${name}, ${secondsSince(begin)} s`);
    }
  };
  // Two at a time: the unit tests alone fill more than one processor only now and then.
  await Promise.all([work(), work()]);
  if (failed > 0) process.exitCode = 1;
  console.log(`\n${passed} passed, ${failed} failed`);
});
