// Tests of what the verbs of `virtc template` ask of the library, print and exit with.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { VirtcontainersError } from '../../../base/errors.js';
import type { RuntimeTemplates, TemplateInfo } from '../../../model/template.js';
import { sampleTemplate as template } from '../../../testing/sample-template.js';
import { StepProgress } from '../step-progress.js';
import { type BuildFlags, buildTemplate } from './build.js';
import { listTemplates } from './list.js';
import { type PruneFlags, pruneTemplates } from './prune.js';
import { removeTemplates } from './remove.js';

const other: TemplateInfo = { ...template, id: 'f'.repeat(32), current: false };

/** A library whose calls are these, and what was printed. */
function makeContext(calls: Partial<RuntimeTemplates>, mode: 'plain' | 'none' = 'plain') {
  const printed = { stdout: '', stderr: '' };
  const write = (name: keyof typeof printed) => (text: string) => {
    printed[name] += text;
  };
  const unasked = (): never => assert.fail('it was called');
  const templates = { list: unasked, build: unasked, remove: unasked, prune: unasked, ...calls };
  const streams = { stdout: { write: write('stdout') }, stderr: { write: write('stderr') } };
  const settings = { log: 'off', progress: mode, color: 'auto' } as const;
  const progress = new StepProgress(streams.stderr, {}, mode);
  return { context: { templates, streams, settings, progress }, printed };
}

const lists: readonly [string, Parameters<typeof listTemplates>[0], string][] = [
  ['ids', { quiet: true }, '0123456789ab\nffffffffffff\n'],
  ['whole ids', { quiet: true, trunc: false }, `${template.id}\n${other.id}\n`],
  ['JSON', { format: 'json' }, `${JSON.stringify([template, other], null, 2)}\n`],
  [
    'whole ids as JSON',
    { format: 'json', quiet: true },
    `${JSON.stringify([template.id, other.id], null, 2)}\n`,
  ],
];
for (const [title, flags, stdout] of lists) {
  test(`virtc template ls prints ${title}`, async () => {
    const { context, printed } = makeContext({ list: async () => [template, other] });
    assert.equal(await listTemplates(flags, context), 0);
    assert.deepEqual(printed, { stdout, stderr: '' });
  });
}

test('virtc template ls prints a table', async () => {
  const { context, printed } = makeContext({ list: async () => [template] });
  await listTemplates({}, context, Date.parse('2025-03-01T12:00:00Z'));
  assert.match(printed.stdout, /^ID .*STATE\n0123456789ab {3}9 days ago .* current\n$/);
});

test('what an id of a table says acts on no terminal', async () => {
  const bad = { ...template, id: '\u001b[31m' };
  const { context, printed } = makeContext({ list: async () => [bad] });
  await listTemplates({ quiet: true }, context);
  assert.equal(printed.stdout, '\\x1b[31m\n');
});

const steps = [
  { step: 'template', phase: 'begin', podId: '' },
  { step: 'vm-boot', phase: 'begin', podId: '' },
  { step: 'vm-boot', phase: 'end', podId: '', durationMs: 12.5 },
] as const;

function startBuild(flags: BuildFlags, mode?: 'none') {
  const asked: unknown[] = [];
  const { context, printed } = makeContext(
    {
      build: async ({ rebuild, onProgress } = {}) => {
        asked.push(rebuild);
        for (const event of steps) onProgress?.(event);
        return template;
      },
    },
    mode,
  );
  const signals = new EventEmitter();
  return { building: buildTemplate(flags, { ...context, signals }), printed, signals, asked };
}

test('virtc template build tells its steps and prints the id', async () => {
  const { building, printed, signals, asked } = startBuild({});
  assert.equal(await building, 0);
  assert.deepEqual(printed, {
    stdout: `${template.id}\n`,
    stderr: 'preparing the template of virtual machines\nbooting the virtual machine\n',
  });
  assert.deepEqual([asked, signals.eventNames()], [[false], []]);
});

test('virtc template build --rebuild asks for a new one, and tells nothing if asked', async () => {
  const { building, printed, asked } = startBuild({ rebuild: true }, 'none');
  assert.equal(await building, 0);
  assert.deepEqual([printed.stderr, asked], ['', [true]]);
});

test('virtc template build --format json prints the template, and steps as events', async () => {
  const { building, printed } = startBuild({ format: 'json' });
  assert.equal(await building, 0);
  assert.deepEqual(JSON.parse(printed.stdout), template);
  assert.deepEqual(
    printed.stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
    steps.map(({ podId: _, ...rest }) => ({ event: 'progress', ...rest })),
  );
  const quiet = startBuild({ format: 'json' }, 'none');
  await quiet.building;
  assert.equal(quiet.printed.stderr, '');
});

/** A build that waits until it is aborted, and then rejects so. */
function startEndless(error: VirtcontainersError) {
  const { context, printed } = makeContext({
    build: ({ signal } = {}) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(error))),
  });
  const signals = new EventEmitter();
  return { building: buildTemplate({}, { ...context, signals }), printed, signals };
}

test('a signal ends a build quietly, with its code', async () => {
  const error = new VirtcontainersError('cancelled', 'cannot build template: aborted');
  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const { building, printed, signals } = startEndless(error);
    signals.emit(name);
    assert.equal(await building, code);
    assert.deepEqual([printed, signals.eventNames()], [{ stdout: '', stderr: '' }, []]);
  }
});

test('what a build that was ended has left behind is told', async () => {
  const error = new VirtcontainersError('cancelled', 'cannot build template: aborted', {
    details: { failedCleanups: ['VM: EBUSY'] },
  });
  const { building, signals } = startEndless(error);
  signals.emit('SIGINT');
  await assert.rejects(building, error);
});

test('a build that fails is told by its error', async () => {
  const failure = new VirtcontainersError('unavailable', 'cannot build template: no');
  const { context } = makeContext({ build: () => Promise.reject(failure) });
  const signals = new EventEmitter();
  await assert.rejects(buildTemplate({}, { ...context, signals }), failure);
  assert.deepEqual(signals.eventNames(), []);
});

function removing(missing: readonly string[]) {
  const asked: string[] = [];
  const remove = async (id: string): Promise<void> => {
    asked.push(id);
    if (!missing.includes(id)) return;
    throw new VirtcontainersError('not-found', `cannot remove template ${id}: there is none`);
  };
  return { ...makeContext({ remove }), asked };
}

test('virtc template rm prints what it has removed', async () => {
  const { context, printed } = removing([]);
  assert.equal(await removeTemplates(['ab', 'cd'], {}, context), 0);
  assert.deepEqual(printed, { stdout: 'ab\ncd\n', stderr: '' });
});

test('virtc template rm goes on where one is not there, and exits with 1', async () => {
  const { context, printed, asked } = removing(['\u001b']);
  assert.equal(await removeTemplates(['\u001b', 'cd'], {}, context), 1);
  assert.deepEqual(printed, {
    stdout: 'cd\n',
    stderr: 'virtc: cannot remove template \\x1b: there is none\n',
  });
  assert.deepEqual(asked, ['\u001b', 'cd']);
});

test('virtc template rm --format json tells both', async () => {
  const { context, printed } = removing(['ab']);
  assert.equal(await removeTemplates(['ab', 'cd'], { format: 'json' }, context), 1);
  assert.deepEqual(JSON.parse(printed.stdout), {
    removed: ['cd'],
    failed: [{ id: 'ab', error: 'cannot remove template ab: there is none' }],
  });
  assert.equal(printed.stderr, '');
});

test('what no id can help is an error of its own', async () => {
  const failure = new VirtcontainersError('unsupported', 'cannot use pods: not root');
  const { context, printed } = makeContext({ remove: () => Promise.reject(failure) });
  await assert.rejects(removeTemplates(['ab', 'cd'], {}, context), failure);
  assert.deepEqual(printed, { stdout: '', stderr: '' });
});

const asks: readonly [string, PruneFlags, unknown][] = [
  ['nothing', {}, {}],
  ['all', { all: true }, { all: true }],
  [
    'a time and a size',
    { unusedFor: '720h', maxSize: '4g' },
    { unusedForMs: 2_592_000_000, maxBytes: 4 * 1024 ** 3 },
  ],
  ['no time at all', { unusedFor: '0s', all: false }, { unusedForMs: 0 }],
];
for (const [title, flags, expected] of asks) {
  test(`virtc template prune asks for ${title}`, async () => {
    const asked: unknown[] = [];
    const { context, printed } = makeContext({
      prune: async (options) => {
        asked.push(options);
        return { removed: ['ab', 'cd'], freedBytes: 145_961_779, failed: [] };
      },
    });
    assert.equal(await pruneTemplates(flags, context), 0);
    assert.deepEqual(asked, [expected]);
    const stdout = 'ab\ncd\nTotal reclaimed space: 139.2MiB\n';
    assert.deepEqual(printed, { stdout, stderr: '' });
  });
}

test('virtc template prune tells what it could not remove, and exits with 1', async () => {
  const report = { removed: [], freedBytes: 0, failed: [{ id: 'ab', error: 'EBUSY' }] };
  const { context, printed } = makeContext({ prune: async () => report });
  assert.equal(await pruneTemplates({}, context), 1);
  assert.deepEqual(printed, {
    stdout: 'Total reclaimed space: 0B\n',
    stderr: 'virtc: cannot remove template ab: EBUSY\n',
  });
  const json = makeContext({ prune: async () => report });
  assert.equal(await pruneTemplates({ format: 'json' }, json.context), 1);
  assert.deepEqual([JSON.parse(json.printed.stdout), json.printed.stderr], [report, '']);
});

const refused: readonly [PruneFlags, RegExp][] = [
  [{ unusedFor: '30d' }, /^cannot use --unused-for "30d": it must be a duration up to ten years$/],
  [{ unusedFor: '100000h' }, /--unused-for "100000h"/],
  [{ maxSize: 'big' }, /^cannot use --max-size "big": it must be a size above 0$/],
  [{ maxSize: '0' }, /--max-size "0"/],
  [{ format: 'yaml' }, /--format "yaml"/],
];
for (const [flags, message] of refused) {
  test(`virtc template prune refuses ${JSON.stringify(flags)} before anything is removed`, async () => {
    const { context } = makeContext({});
    await assert.rejects(pruneTemplates(flags, context), { code: 'invalid-argument', message });
  });
}
