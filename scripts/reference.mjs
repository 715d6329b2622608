// Writes docs/api from the public library's types and comments. With --check it fails if what is committed is not that.
// @ts-check
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Failure, nodeModule, readIfThere, root, run, runScript } from './project.mjs';

const check = process.argv.includes('--check');
const page = 'README.md';
const committed = path.join(root, 'docs/api');

await runScript(async () => {
  const out = check ? mkdtempSync(path.join(tmpdir(), 'virtc-reference-')) : committed;
  try {
    const { code, output } = await run(
      process.execPath,
      [nodeModule('typedoc/bin/typedoc'), '--out', out, '--logLevel', 'Warn'],
      { output: 'keep' },
    );
    if (code !== 0) throw new Failure(`cannot write the reference:\n${output}`);
    if (check && readIfThere(path.join(out, page)) !== readIfThere(path.join(committed, page))) {
      throw new Failure('docs/api is not what the sources give: run npm run reference');
    }
  } finally {
    if (check) rmSync(out, { recursive: true, force: true });
  }
});
