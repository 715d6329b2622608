// Tests of a traced run around work that is no container: its file, what it says, and that its code is the work's.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { span } from '../../../base/trace/span.js';
import { styleFor, traceRun } from './trace-run.js';

function surroundings(t: TestContext) {
  const cwd = mkdtempSync(path.join(tmpdir(), 'virtc-trace-'));
  t.after(() => rmSync(cwd, { recursive: true, force: true }));
  const said: string[] = [];
  const around = { cwd: () => cwd, env: {}, stderr: { write: (text: string) => said.push(text) } };
  return { around, cwd, said: () => said.join('') };
}

const work = () => span('step', async () => 3);

test('the code is the work’s, the waterfall and the path of the file are said after it', async (t) => {
  const { around, cwd, said } = surroundings(t);
  const code = await traceRun(
    true,
    async () => {
      assert.equal(said(), '', 'nothing is said before the work is done');
      return await work();
    },
    around,
  );
  assert.equal(code, 3);
  const file = path.join(cwd, 'virtc-trace.json');
  assert.match(said(), /^host {3}step /m);
  assert.ok(said().endsWith(`trace written to ${file}; https://ui.perfetto.dev opens it\n`));
  const { traceEvents } = JSON.parse(readFileSync(file, 'utf8')) as {
    traceEvents: readonly { ph: string; name: string; ts: number; dur: number }[];
  };
  const spans = traceEvents.filter(({ ph }) => ph === 'X');
  assert.deepEqual(
    spans.map(({ name }) => name),
    ['start-node', 'load-virtc', 'step'],
  );
  assert.equal(spans[0]?.ts, 0, 'the trace begins with the process');
  assert.equal((spans[0]?.ts ?? 0) + (spans[0]?.dur ?? 0), spans[1]?.ts);
});

test('a longer file from before is replaced as a whole', async (t) => {
  const { around, cwd } = surroundings(t);
  const file = path.join(cwd, 'mine.json');
  writeFileSync(file, 'x'.repeat(100_000));
  assert.equal(await traceRun('mine.json', work, around), 3);
  JSON.parse(readFileSync(file, 'utf8'));
});

test("a word that may be the command's is refused before anything runs", async (t) => {
  const { around, cwd, said } = surroundings(t);
  await assert.rejects(
    traceRun('echo', () => assert.fail('it ran'), around),
    {
      code: 'invalid-argument',
      message: 'cannot use --trace "echo": the file\'s name must end in .json',
      hint: 'to run "echo", put -- before the command: --trace -- echo',
    },
  );
  // Whoever called it tells, in the form that is wanted.
  assert.equal(said(), '');
  assert.equal(existsSync(path.join(cwd, 'echo')), false);
});

test('a file that cannot be written is said before anything runs', async (t) => {
  const { around, cwd } = surroundings(t);
  const file = path.join(cwd, 'no/such/dir.json');
  await assert.rejects(
    traceRun('no/such/dir.json', () => assert.fail('it ran'), around),
    { code: 'unavailable', message: `cannot write trace ${file}: ENOENT` },
  );
});

/** What somebody may have put where root then traces. */
const traps: readonly [string, (target: string, file: string) => unknown, RegExp][] = [
  ['a link', symlinkSync, /virtc-trace\.json: it is a link$/],
  ['a link to nothing', (target, file) => symlinkSync(`${target}-gone`, file), /it is a link$/],
  ['another name of a file', linkSync, /it is not a regular file of one name$/],
  ['a fifo', (_, file) => execFileSync('mkfifo', [file]), /virtc-trace\.json: ENXIO$/],
];
for (const [what, set, message] of traps) {
  test(`${what} is neither followed nor written nor waited for`, async (t) => {
    const { around, cwd } = surroundings(t);
    const target = path.join(cwd, 'precious');
    writeFileSync(target, 'precious');
    set(target, path.join(cwd, 'virtc-trace.json'));
    await assert.rejects(
      traceRun(true, () => assert.fail('it ran'), around),
      { message },
    );
    assert.equal(readFileSync(target, 'utf8'), 'precious');
    assert.deepEqual(readdirSync(cwd).sort(), ['precious', 'virtc-trace.json']);
  });
}

test('a file that cannot be written at the end changes nothing of how the command ended', async (t) => {
  const { around, said } = surroundings(t);
  const close = (): number => {
    const fd = readdirSync('/proc/self/fd').find((name) => {
      try {
        return readlinkSync(`/proc/self/fd/${name}`).endsWith('/full.json');
      } catch {
        return false;
      }
    });
    closeSync(Number(fd));
    return 3;
  };
  assert.equal(await traceRun('full.json', async () => close(), around), 3);
  assert.match(said(), /cannot write trace .*full\.json: EBADF\n$/);
});

test('work that is refused is not traced, and the file from before is kept', async (t) => {
  const { around, cwd, said } = surroundings(t);
  const refusal = new Error('no');
  const refuse = () => Promise.reject(refusal);
  await assert.rejects(traceRun('new.json', refuse, around), refusal);
  assert.equal(existsSync(path.join(cwd, 'new.json')), false);
  writeFileSync(path.join(cwd, 'old.json'), 'before');
  await assert.rejects(traceRun('old.json', refuse, around), refusal);
  assert.equal(readFileSync(path.join(cwd, 'old.json'), 'utf8'), 'before');
  writeFileSync(path.join(cwd, 'empty.json'), '');
  await assert.rejects(traceRun('empty.json', refuse, around), refusal);
  assert.ok(existsSync(path.join(cwd, 'empty.json')));
  assert.equal(said(), '');
});

const terminal = { isTTY: true, columns: 132, write: () => {} };
const styles = [
  [terminal, { LANG: 'en_GB.UTF-8' }, [132, true, true]],
  [terminal, { LANG: 'en_GB.UTF-8', LC_ALL: 'C' }, [132, false, true]],
  [terminal, { LC_CTYPE: 'C.utf8', NO_COLOR: '1' }, [132, true, false]],
  [terminal, {}, [132, false, true]],
  [terminal, { TERM: 'dumb', LANG: 'C.UTF-8' }, [100, false, false]],
  [{ write: () => {} }, { LANG: 'C.UTF-8' }, [100, false, false]],
] as const;
for (const [stderr, env, expected] of styles) {
  test(`the style for ${JSON.stringify(env)} on ${'isTTY' in stderr ? 'a terminal' : 'a pipe'}`, () => {
    const { columns, unicode, colors } = styleFor(stderr, env);
    assert.deepEqual([columns, unicode, colors], expected);
  });
}
