// Generates src/wire/gen from src/wire/proto. With --check it fails if the committed code is not what the definitions give.
// @ts-check
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readIfThere, root } from './project.mjs';

const committed = path.join(root, 'src/wire/gen');
const check = process.argv.includes('--check');
const out = check ? mkdtempSync(path.join(tmpdir(), 'virtc-gen-')) : committed;

try {
  const buf = spawnSync(
    path.join(root, 'node_modules/.bin/buf'),
    ['generate', '--output', check ? path.join(out, 'x', 'y') : '.'],
    {
      cwd: path.join(root, 'src/wire/proto'),
      stdio: 'inherit',
      env: {
        ...process.env,
        PATH: `${path.join(root, 'node_modules/.bin')}:${process.env['PATH']}`,
      },
    },
  );
  if (buf.status !== 0) process.exit(buf.status ?? 1);
  if (check) {
    const fresh = path.join(out, 'x', 'gen');
    const names = new Set([...readdirSync(fresh), ...readdirSync(committed)]);
    const stale = [...names].filter(
      (name) => readIfThere(path.join(fresh, name)) !== readIfThere(path.join(committed, name)),
    );
    if (stale.length > 0) {
      console.error(
        `src/wire/gen is not what src/wire/proto gives (${stale.join(', ')}): run npm run generate`,
      );
      process.exitCode = 1;
    }
  }
} finally {
  if (check) rmSync(out, { recursive: true, force: true });
}
