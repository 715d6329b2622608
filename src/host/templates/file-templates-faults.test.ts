// Tests of templates as files with a failing system call at every step.
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { VirtcontainersError } from '../../base/errors.js';
import { type Files, nodeFiles } from '../../base/files/files.js';
import { failingFiles } from '../../testing/failing-files.js';
import { FileTemplates } from './file-templates.js';
import type { Template, TemplateBuild } from './templates.js';
import { begin, sampleFacts, sampleKey } from './templates.suite.js';

/** In memory, where it can be: a thousand templates are made. */
const base = fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const scratch = fs.mkdtempSync(path.join(base, 'virtc-templates-'));
after(() => fs.rmSync(scratch, { recursive: true }));
let count = 0;
const freshRoot = (): string => path.join(scratch, String(count++));
const key = sampleKey();

async function fill({ files, scratch }: TemplateBuild): Promise<void> {
  fs.writeFileSync(path.join(scratch, 'console.log'), 'booted');
  for (const file of [files.memory, files.state]) fs.writeFileSync(file, 'content');
}

interface Step {
  readonly verb: string;
  /** Whether a template is there before. */
  readonly old: boolean;
  /** Whether a build has begun before. */
  readonly begun: boolean;
  readonly run: (templates: FileTemplates, build: TemplateBuild | null) => Promise<unknown>;
}

const make = async (templates: FileTemplates) => {
  const build = await begin(templates, key);
  await fill(build);
  return build.commit({ ...sampleFacts, qemuVersion: 'old' });
};

const beginAndAbandon: Step['run'] = async (templates) => (await begin(templates, key)).abandon();
const commit: Step['run'] = async (_, build) => build?.commit(sampleFacts);
/** What the only template of a test is noted by. */
function placeOf(templates: FileTemplates): Pick<Template, 'id' | 'directory'> {
  const { id } = key;
  const place = path.join(roots.get(templates) ?? assert.fail(), id);
  const name = fs.readdirSync(place).find((entry) => entry.startsWith('gen-'));
  return { id, directory: path.join(place, name ?? assert.fail()) };
}

const roots = new WeakMap<FileTemplates, string>();

const steps: Readonly<Record<string, Step>> = {
  'beginning the first build': { verb: 'build', old: false, begun: false, run: beginAndAbandon },
  'beginning another build': { verb: 'build', old: true, begun: false, run: beginAndAbandon },
  'saving the first': { verb: 'save', old: false, begun: true, run: commit },
  'saving another': { verb: 'save', old: true, begun: true, run: commit },
  abandoning: {
    verb: 'abandon',
    old: false,
    begun: true,
    run: async (_, build) => build?.abandon(),
  },
  removing: {
    verb: 'remove',
    old: true,
    begun: false,
    run: (templates) => templates.remove(key.id),
  },
  listing: { verb: 'list', old: true, begun: false, run: (templates) => templates.list() },
  'noting a failed clone': {
    verb: 'note a clone of',
    old: true,
    begun: false,
    run: (templates) => templates.noteClone(placeOf(templates), 'failed'),
  },
  'noting a clone that works': {
    verb: 'note a clone of',
    old: true,
    begun: false,
    run: async (templates) => {
      const { id, directory } = placeOf(templates);
      const note = path.join(path.dirname(directory), `failed-${path.basename(directory)}`);
      fs.writeFileSync(note, '');
      await templates.noteClone({ id, directory }, 'works');
      assert.ok(!fs.existsSync(note));
    },
  },
  finding: { verb: 'find', old: true, begun: false, run: (templates) => templates.find(key) },
};

/** What a step fails with whose `failing`-th call fails; undefined where it has not so many. */
async function runStep(step: Step, root: string, failing: number, code: string) {
  const prepare = async (at: number) => {
    const { files, calls } = failingFiles(at, code);
    const templates = new FileTemplates({ root, files });
    roots.set(templates, root);
    if (step.old) await make(templates);
    const build = step.begun ? await begin(templates, key) : null;
    if (build !== null) await fill(build);
    return { templates, build, calls };
  };
  const probe = await prepare(Number.POSITIVE_INFINITY);
  const offset = probe.calls().length;
  await probe.build?.abandon();
  fs.rmSync(root, { recursive: true, force: true });
  const { templates, build, calls } = await prepare(offset + failing);
  assert.equal(calls().length, offset);
  const error: VirtcontainersError | null = await step.run(templates, build).then(
    () => null,
    (reason) => reason,
  );
  await build?.abandon();
  return calls().length < offset + failing ? undefined : error;
}

for (const code of ['ENOSPC', 'EIO']) {
  for (const [what, step] of Object.entries(steps)) {
    test(`${code} at any step of ${what} leaves what can be found or made anew, and nothing else`, async () => {
      for (let failing = 1; ; failing++) {
        const root = freshRoot();
        const before = fs.readdirSync('/proc/self/fd').length;
        const error = await runStep(step, root, failing, code);
        if (error === undefined) {
          assert.ok(failing > 3);
          return;
        }
        const at = `call ${failing}: ${error?.message}`;
        if (error !== null) {
          assert.equal(error.code, 'internal', at);
          const what = step.verb === 'list' ? 'templates in .*' : 'template a+';
          const message = `^cannot (${step.verb}|abandon) ${what}: ${code}: injected`;
          assert.match(error.message, new RegExp(message));
        }
        const templates = new FileTemplates({ root });
        await templates.waitForBuilder(key, AbortSignal.timeout(1000));
        const reasons: string[] = [];
        const found = await templates.find(key, (reason) => reasons.push(reason));
        assert.deepEqual(reasons, [], at);
        if (step.run === beginAndAbandon && step.old) assert.equal(found?.qemuVersion, 'old', at);
        await templates.remove(key.id);
        await templates.list();
        if (fs.existsSync(root)) assert.deepEqual(fs.readdirSync(root), [], at);
        await make(templates);
        assert.equal(fs.readdirSync('/proc/self/fd').length, before, `${at}: a descriptor is open`);
      }
    });
  }
}

test('what is on disk before the manifest names it: files, their directory, then the manifest', async () => {
  const order: string[] = [];
  const files: Files = {
    ...nodeFiles,
    fsync: (async (fd: number) => {
      order.push(`fsync ${path.basename(fs.readlinkSync(`/proc/self/fd/${fd}`))}`);
      return nodeFiles.fsync(fd);
    }) as Files['fsync'],
    renameSync: (from, to) => {
      if (String(to).endsWith('manifest.json')) order.push('switch');
      nodeFiles.renameSync(from, to);
    },
  };
  const root = freshRoot();
  const { directory } = await make(new FileTemplates({ root, files }));
  assert.deepEqual(order, [
    `fsync ${path.basename(directory)}`,
    'fsync memory',
    'fsync state',
    'fsync manifest.json.new',
    'switch',
    `fsync ${key.id}`,
    `fsync ${path.basename(root)}`,
  ]);
});
