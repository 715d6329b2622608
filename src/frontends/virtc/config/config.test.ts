// Tests of `virtc config`: what it prints is read back by the strict reader.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { allKeys, toCliConfig, toRuntimeConfig } from '../../../config.js';
import { parseConfig } from '../../../config-file/parse.js';
import { defaults } from '../../../model/defaults.js';
import { parseContainerOptions } from '../../../model/parse/container-options.js';
import { parsePodOptions, parseStopOptions } from '../../../model/parse/pod-options.js';
import { config } from './config.js';

const none = { VIRTC_CONFIG: '' };

function fileOf(t: TestContext, text: string, name = 'config.toml'): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtc-config-verb-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, name);
  writeFileSync(file, text);
  chmodSync(file, 0o600);
  return file;
}

test('the file of defaults changes nothing as it is', async () => {
  const text = await config({ defaults: true }, none);
  assert.deepEqual(await parseConfig(text, '/f'), {});
});

test('each default in that file is what the model has', async () => {
  const text = (await config({ defaults: true }, none)).replace(/^# (\w+ = )/gm, '$1');
  const values = await parseConfig(text, '/f');
  assert.deepEqual(Object.keys(values).sort(), Object.keys(allKeys).sort());
  const { guest_image: _example, ...others } = values;
  const place = { environment: {}, isRoot: process.getuid?.() === 0 };
  const files = [{ path: '/f', values: others }];
  assert.deepEqual(toRuntimeConfig({ ...place, files }), toRuntimeConfig(place));
  const read = toRuntimeConfig({ ...place, files }).defaults;
  const pod = await parsePodOptions({});
  const container = await parseContainerOptions({ rootfs: '/x', command: ['x'] });
  const { graceMs } = await parseStopOptions('x', {});
  assert.deepEqual(read, {
    cpus: pod.cpus,
    memoryMiB: pod.memoryMiB,
    template: defaults.template,
    pidsLimit: container.resources.pids,
    stopGraceMs: graceMs,
    writes: container.rootfs.writes,
  });
  assert.deepEqual(read, defaults);
  const shown = toCliConfig({ ...place, files });
  assert.deepEqual(
    Object.values(shown).map(({ value }) => value),
    Object.values(toCliConfig(place)).map(({ value }) => value),
  );
});

test('the file of defaults shows those, whatever the environment and files say', async (t) => {
  const file = fileOf(t, 'accelerator = "tcg"');
  const environment = { VIRTC_CONFIG: file, VIRTC_RUN_ROOT: '/x', FORCE_COLOR: '1' };
  assert.equal(
    await config({ defaults: true }, environment),
    await config({ defaults: true }, none),
  );
});

test('what holds is told with its source, as a file that says the same', async (t) => {
  const file = fileOf(t, '[pod]\ncpus = 4\nmemory = "2GiB"\n[container]\nwrites = "host"\n');
  const environment = { VIRTC_RUN_ROOT: '/run/it "quoted"', VIRTC_LOG: 'warn', NO_COLOR: '1' };
  const text = await config({ config: file, progress: 'plain', writes: 'discard' }, environment);
  for (const line of [
    `# Configuration files: ${file}`,
    'run_root = "/run/it \\"quoted\\"" # VIRTC_RUN_ROOT',
    '# guest_image is not set (default)',
    'accelerator = "auto" # default',
    `memory = "2GiB" # ${file}`,
    `cpus = 4 # ${file}`,
    'writes = "discard" # --writes',
    'log = "warn" # VIRTC_LOG',
    'progress = "plain" # --progress',
    'color = "never" # NO_COLOR',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line} is in ${text}`);
  }
  const values = await parseConfig(text, '/f');
  assert.equal(values['pod.memory'], '2GiB');
  assert.equal(values.run_root, '/run/it "quoted"');
});

test('a path with a line end in it stays in its comment', async (t) => {
  const file = fileOf(t, 'accelerator = "tcg"', 'x\naccelerator = 1');
  const text = await config({ config: file }, {});
  assert.equal((await parseConfig(text, '/f')).accelerator, 'tcg');
});

test('the documentation has every key, word, variable and flag', () => {
  const page = readFileSync(
    new URL('../../../../../docs/configuration.md', import.meta.url),
    'utf8',
  );
  const rows = page.split('\n').filter((line) => line.startsWith('|'));
  for (const [name, { words = [], variable = '', flag, option }] of Object.entries(allKeys)) {
    const row = rows.find((line) => line.startsWith(`| \`${name.replace(/^.*\./, '')}\``));
    assert.ok(row, name);
    const parts = [...words, ...variable.split(', '), flag ?? '', option ?? ''];
    for (const part of parts) assert.ok(row.includes(part), `${part} stands in ${row}`);
  }
  for (const table of ['pod', 'container', 'cli']) assert.ok(page.includes(`**\`[${table}]\`**`));
});

test('as JSON it is the same', async (t) => {
  const file = fileOf(t, 'accelerator = "tcg"');
  const { files, values } = JSON.parse(await config({ config: file, format: 'json' }, {}));
  assert.deepEqual(files, [file]);
  assert.deepEqual(Object.keys(values), Object.keys(allKeys));
  assert.deepEqual(values.accelerator, { value: 'tcg', source: { kind: 'file', path: file } });
  assert.deepEqual(values.guest_image, { value: null, source: { kind: 'default' } });
});

test('a flag that is wrong is refused, as is a file', async (t) => {
  await assert.rejects(config({ format: 'yaml' }, none), { message: /--format "yaml"/ });
  await assert.rejects(config({ hypervisor: 'xen' }, none), { message: /--hypervisor "xen"/ });
  await assert.rejects(config({ config: fileOf(t, 'x = 1') }, {}), { message: /unknown key `x`/ });
});
