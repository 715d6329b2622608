// Runs everything: setup, check, the tests with real VMs. What continuous integration runs.
// @ts-check
import { run, runScript, secondsSince } from './project.mjs';

await runScript(async () => {
  const begin = performance.now();
  let passed = 0;
  let failed = 0;
  const { code } = await run(process.execPath, ['scripts/setup.mjs']);
  if (code !== 0) failed += 1;
  // Without a guest image nothing is worth trying.
  const scripts = failed > 0 ? [] : ['scripts/check.mjs', 'scripts/e2e.mjs'];
  for (const script of scripts) {
    console.log(`\n${script}`);
    const result = await run(process.execPath, [script], { output: 'both' });
    const counts = /^(\d+) passed, (\d+) failed\s*$/m.exec(
      result.output.slice(result.output.lastIndexOf('\n\n')),
    );
    passed += Number(counts?.[1] ?? 0);
    failed += Number(counts?.[2] ?? 1);
    if (result.code !== 0 && counts?.[2] === '0') failed += 1;
  }
  if (failed > 0) process.exitCode = 1;
  console.log(`\nall tests: ${secondsSince(begin)} s\n${passed} passed, ${failed} failed`);
});
