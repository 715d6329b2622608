// Tests of what people see of a run beside its output.
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { TextReport } from './run-report.js';

function makeReport(
  options: {
    readonly progress?: 'auto' | 'plain' | 'none';
    readonly log?: 'off' | 'debug';
    readonly isTTY?: boolean;
    readonly debug?: boolean;
    readonly sharesTerminal?: boolean;
  } = {},
) {
  const { progress = 'auto', log = 'off', isTTY = true, debug = false } = options;
  const stderr = Object.assign(new PassThrough(), { isTTY });
  const report = new TextReport({
    stderr,
    environment: { TERM: 'xterm' },
    settings: { log, progress, color: 'auto' },
    paint: (_color, word) => word,
    debug,
    sharesTerminal: options.sharesTerminal === true,
  });
  const printed = async (): Promise<string> => {
    stderr.end();
    return await text(stderr);
  };
  return { report, printed };
}

function boot(t: TestContext, { report }: ReturnType<typeof makeReport>): void {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  report.progress({ step: 'vm-boot', phase: 'begin', podId: 'web' });
  t.mock.timers.tick(1000);
  report.progress({ step: 'vm-boot', phase: 'end', podId: 'web', durationMs: 1000 });
  report.started();
}

const erase = '\r\u001b[K';
const shown: readonly [string, Parameters<typeof makeReport>[0], string][] = [
  ['a line on a terminal', {}, `${erase}booting the virtual machine…${erase}`],
  ['nothing on a pipe', { isTTY: false }, ''],
  ['a line a step if asked', { progress: 'plain' }, 'booting the virtual machine\n'],
  [
    'a line a step on a pipe too',
    { progress: 'plain', isTTY: false },
    'booting the virtual machine\n',
  ],
  ['nothing if asked', { progress: 'none' }, ''],
  ['no line among those of --debug', { debug: true }, ''],
];
for (const [title, options, expected] of shown) {
  test(`progress is ${title}`, async (t) => {
    const made = makeReport(options);
    boot(t, made);
    assert.equal(await made.printed(), expected);
  });
}

test('an error goes to a line of its own where the command shares the terminal', async (t) => {
  const made = makeReport({ progress: 'none', sharesTerminal: true });
  boot(t, made);
  assert.equal(made.report.failed(new Error('it broke')), 125);
  assert.equal(await made.printed(), '\nvirtc: it broke\n');
});

test('before the command runs an error is its line alone', async () => {
  const { report, printed } = makeReport({ sharesTerminal: true });
  report.failed(new Error('it broke'));
  assert.equal(await printed(), 'virtc: it broke\n');
});

test('a warning is a line of its own, and progress goes on after it', async (t) => {
  const { report, printed } = makeReport();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  report.progress({ step: 'template', phase: 'begin', podId: 'web' });
  t.mock.timers.tick(1000);
  report.warned({ code: 'template-failed', message: 'no\u001b room', podId: 'web' });
  report.progress({ step: 'vm-boot', phase: 'begin', podId: 'web' });
  t.mock.timers.tick(1000);
  report.started();
  const lines = [
    `${erase}preparing the template of virtual machines…${erase}`,
    'virtc: warning: no\\x1b room\n',
    `${erase}booting the virtual machine…${erase}`,
  ];
  assert.equal(await printed(), lines.join(''));
});

test('--debug tells timings and log', async () => {
  const { report, printed } = makeReport({ debug: true, log: 'debug' });
  report.logger.debug({ subsystem: 'run' }, 'x');
  report.timings([{ step: 'vm-boot', durationMs: 12.34 }]);
  assert.equal(
    await printed(),
    'debug run: x\ntiming vm-boot               12.3 ms\ntiming total                 12.3 ms\n',
  );
});
