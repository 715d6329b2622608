// Runs the tests with real VMs. Usage: node scripts/e2e.mjs [part of a path]
// @ts-check
import { ensureDebianRootfs } from './debian-rootfs.mjs';
import { ensureBuild } from './ensure-build.mjs';
import { runTests, testFiles } from './node-test.mjs';
import { runScript } from './project.mjs';

/** The whole of `npm test` ends within an hour, also on a busy machine; on a quiet one this takes a quarter of it. */
const timeoutMs = 40 * 60_000;

await runScript(async () => {
  await ensureBuild({ declarations: false });
  await ensureDebianRootfs();
  const files = testFiles(['test/e2e'], process.argv[2]);
  // One file at a time: VMs that share two processors would be measured against each other.
  const result = await runTests(files, {
    concurrency: 1,
    testTimeoutMs: 10 * 60_000,
    timeoutMs,
    output: 'both',
  });
  if (result.failed > 0) process.exitCode = 1;
  console.log(`\n${result.passed} passed, ${result.failed} failed`);
});
