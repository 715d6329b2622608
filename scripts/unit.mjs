// Runs the unit tests, which need no VM. Usage: node scripts/unit.mjs [part of a path]
// @ts-check
import { availableParallelism } from 'node:os';
import { ensureBuild } from './ensure-build.mjs';
import { runTests, testFiles } from './node-test.mjs';
import { runScript } from './project.mjs';

await runScript(async () => {
  await ensureBuild({ declarations: false });
  const files = testFiles(['src', 'guest-image', 'test/bench'], process.argv[2]);
  const result = await runTests(files, {
    concurrency: availableParallelism(),
    testTimeoutMs: 60_000,
    timeoutMs: 300_000,
    output: 'both',
  });
  if (result.failed > 0) process.exitCode = 1;
  console.log(`\n${result.passed} passed, ${result.failed} failed`);
});
