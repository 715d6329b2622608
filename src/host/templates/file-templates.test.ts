// Tests of templates as files: modes, damage, dead builders, races, full disks, links and foreign things.
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { FileTemplates } from './file-templates.js';
import type { TemplateBuild } from './templates.js';
import { testTemplates } from './templates.suite.js';

const scratch = fs.mkdtempSync(path.join(tmpdir(), 'virtc-templates-'));
after(() => fs.rmSync(scratch, { recursive: true }));
let count = 0;
const freshRoot = (): string => path.join(scratch, String(count++));

async function fill({ files, scratch }: TemplateBuild): Promise<void> {
  fs.writeFileSync(path.join(scratch, 'console.log'), 'booted');
  fs.writeFileSync(files.memory, 'the memory', { mode: 0o644 });
  fs.truncateSync(files.memory, 8 * 1024 * 1024);
  fs.writeFileSync(files.state, Buffer.alloc(300_000, 'state'), { mode: 0o644 });
}

testTemplates('FileTemplates', async () => {
  const root = freshRoot();
  return {
    templates: new FileTemplates({ root }),
    other: new FileTemplates({ root }),
    fill,
    damage: async ({ state }) => fs.truncateSync(state, 10),
    dispose: async () => {
      // Nothing is left by any of the tests.
      if (fs.existsSync(root)) assert.deepEqual(fs.readdirSync(root), []);
    },
  };
});
