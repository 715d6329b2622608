// Tests of templates as files with builders in several processes: at once, killed, on a full disk.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf } from '../../base/errors.js';
import { FileTemplates } from './file-templates.js';
import { begin, sampleKey } from './templates.suite.js';

const scratch = fs.mkdtempSync(path.join(tmpdir(), 'virtc-templates-'));
after(() => fs.rmSync(scratch, { recursive: true }));
let count = 0;
const freshRoot = (): string => path.join(scratch, String(count++));
const key = sampleKey();
const noReason = (reason: string): void => assert.fail(`it counts as damaged: ${reason}`);
const moduleUrl = JSON.stringify(new URL('./file-templates.js', import.meta.url).href);

/** Begins a module: a builder whose files hold its number from the first byte to the last, written piece by piece. */
const prelude = (root: string): string => `
  import fs from 'node:fs';
  import { setImmediate as turn } from 'node:timers/promises';
  const { FileTemplates } = await import(${moduleUrl});
  const root = ${JSON.stringify(root)};
  const key = ${JSON.stringify(key)};
  const templates = new FileTemplates({ root });
  async function fill({ files, scratch }, number) {
    for (const file of [files.memory, files.state, scratch + '/console.log']) {
      for (let piece = 0; piece < 8; piece++) {
        fs.appendFileSync(file, String(number).padEnd(8192, '.'));
        await turn();
      }
    }
  }`;

function startProcess(code: string) {
  return spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

/** Asserts that all that was written is of one builder. */
function requireOneBuilder(files: { readonly memory: string; readonly state: string }): void {
  const [memory, state] = [fs.readFileSync(files.memory), fs.readFileSync(files.state)];
  assert.equal(memory.length, 8 * 8192);
  assert.ok(memory.equals(Buffer.concat(Array(8).fill(memory.subarray(0, 8192)))));
  assert.ok(memory.equals(state));
}

test('a builder that is killed at any moment leaves the old template or the new one, and the next builder its right', async () => {
  const root = freshRoot();
  const templates = new FileTemplates({ root });
  const place = path.join(root, key.id);
  const start = () => {
    const builder = startProcess(`${prelude(root)}
      console.log('ready');
      await new Promise((resolve) => process.stdin.once('data', resolve));
      for (let number = 0; ; number++) {
        const build = await templates.begin(key);
        if (build === null) throw new Error('nobody else builds it');
        await fill(build, number);
        if (number % 5 === 4) await build.abandon();
        else await build.commit({ qemuVersion: '7.2', buildMs: number });
        if (number % 7 === 6) await templates.remove(key.id);
      }`);
    const exited = new Promise((resolve) => builder.once('exit', resolve));
    const ready = new Promise((resolve) => builder.stdout.once('data', resolve));
    return { builder, exited, ready };
  };
  let found = 0;
  let next = start();
  for (let round = 0; round < 20; round++) {
    const { builder, exited, ready } = next;
    // Most of the time goes into starting a process: the next one does so meanwhile.
    next = start();
    await ready;
    builder.stdin.write('go');
    // Longer where the machine is so busy that none has come to its end yet.
    await sleep(Math.random() * 60 * (found === 0 ? round + 1 : 1));
    builder.kill('SIGKILL');
    await exited;
    await templates.waitForBuilder(key, AbortSignal.timeout(1000));
    const template = await templates.find(key, noReason);
    if (template !== null) {
      found++;
      requireOneBuilder(template);
    }
    if (round % 2 === 0) {
      const listed = await templates.list();
      assert.deepEqual(
        listed.map(({ problem }) => problem),
        template === null ? [] : [null],
      );
    }
    await (await begin(templates, key)).abandon();
    // The second generation is one that may have been given out within the last minute.
    const expected = /^(gen-\w+,){1,2}lock,manifest\.json$/;
    if (template === null) assert.deepEqual(fs.readdirSync(root), []);
    else assert.match(fs.readdirSync(place).sort().join(), expected);
  }
  next.builder.kill('SIGKILL');
  await next.exited;
  assert.ok(found > 0, 'no builder ever came to its end');
  await templates.remove(key.id);
  assert.deepEqual(fs.readdirSync(root), []);
});

test('builders in several processes never build together, and what is found meanwhile is whole', async () => {
  const root = freshRoot();
  const builders = [1, 2, 3].map((builder) =>
    startProcess(`${prelude(root)}
      let built = 0;
      for (let round = 0; round < 40; round++) {
        const build = await templates.begin(key);
        if (build === null) {
          await templates.waitForBuilder(key, AbortSignal.timeout(30_000));
          continue;
        }
        // Fails if another one is between these two lines.
        fs.writeFileSync(root + '/alone', '', { flag: 'wx' });
        await fill(build, ${builder} * 1000 + round);
        await templates.list();
        fs.unlinkSync(root + '/alone');
        await (round % 5 === 4 ? build.abandon() : build.commit({ qemuVersion: '7.2', buildMs: 1 }));
        built++;
      }
      console.log(built);`),
  );
  let running = builders.length;
  const counts = builders.map(async (builder) => {
    let output = '';
    builder.stdout.on('data', (chunk) => {
      output += String(chunk);
    });
    const code = await new Promise((resolve) => builder.once('close', resolve));
    running--;
    assert.equal(code, 0);
    return Number(output);
  });
  const templates = new FileTemplates({ root });
  let looks = 0;
  while (running > 0) {
    const template = await templates.find(key, noReason);
    await sleep(1);
    if (template === null) continue;
    try {
      requireOneBuilder(template);
      looks++;
    } catch (error) {
      // Two builds later it is gone: real ones take seconds.
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
  const built = await Promise.all(counts);
  assert.ok(built.every((count) => count > 0) && looks > 0, `${built} built, ${looks} looked`);
  await templates.remove(key.id);
  assert.deepEqual(fs.readdirSync(root), []);
});

test('a child of a builder does not keep the right', async () => {
  const root = freshRoot();
  const templates = new FileTemplates({ root });
  const build = await begin(templates, key);
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  await build.abandon();
  await (await begin(templates, key)).abandon();
  child.kill('SIGKILL');
});

test('looking for the builder disturbs nobody', async () => {
  const root = freshRoot();
  const templates = new FileTemplates({ root });
  await (await begin(templates, key)).abandon();
  const other = startProcess(`${prelude(root)}
    console.log('ready');
    const end = Date.now() + 1000;
    while (Date.now() < end) await templates.waitForBuilder(key, AbortSignal.timeout(1000));`);
  const exited = new Promise((resolve) => other.once('exit', resolve));
  await new Promise((resolve) => other.stdout.once('data', resolve));
  for (let round = 0; round < 30; round++) await (await begin(templates, key)).abandon();
  other.kill('SIGKILL');
  await exited;
});

/** A file system of its own with little room, in a mount namespace of its own; prints what came of each attempt. */
const fullDisk = (directory: string): string => `${prelude(path.join(directory, 'templates'))}
  import { spawnSync } from 'node:child_process';
  const directory = ${JSON.stringify(directory)};
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m,nr_inodes=100', 'tmpfs', directory]);
  if (mounted.status !== 0) throw new Error(String(mounted.stderr));
  const filler = directory + '/filler';
  const shortages = {
    space() {
      const fd = fs.openSync(filler, 'w');
      try {
        for (;;) fs.writeSync(fd, Buffer.alloc(4096));
      } catch {
        fs.closeSync(fd);
      }
    },
    inodes() {
      fs.mkdirSync(filler);
      try {
        for (let index = 0; ; index++) fs.mkdirSync(filler + '/' + index);
      } catch {}
    },
  };
  const attempts = [];
  for (const [shortage, take] of Object.entries(shortages)) {
    for (const moment of ['begin', 'commit']) {
      for (const old of [false, true]) {
        if (old) {
          const build = await templates.begin(key);
          await fill(build, 1);
          await build.commit({ qemuVersion: 'old', buildMs: 1 });
        }
        const attempt = { shortage, moment, old, reason: null };
        let build = null;
        try {
          if (moment === 'begin') take();
          build = await templates.begin(key);
          await fill(build, 2);
          if (moment === 'commit') take();
          await build.commit({ qemuVersion: 'new', buildMs: 1 });
        } catch ({ code, message, hint }) {
          attempt.error = { code, message, hint };
        }
        await build?.abandon();
        const template = await templates.find(key, (reason) => { attempt.reason = reason; });
        attempt.found = template?.qemuVersion ?? null;
        attempt.listed = (await templates.list()).map(({ problem }) => problem);
        await templates.waitForBuilder(key, AbortSignal.timeout(1000));
        await templates.remove(key.id);
        fs.rmSync(filler, { recursive: true });
        attempt.left = fs.existsSync(root) ? fs.readdirSync(root) : [];
        attempts.push(attempt);
      }
    }
  }
  console.log(JSON.stringify(attempts));`;

test('a disk that is full while a template is made or saved leaves the old one or none, and says so', () => {
  const directory = freshRoot();
  fs.mkdirSync(directory);
  const asRoot = process.geteuid?.() === 0;
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [asRoot ? '-m' : '-rm', process.execPath, '--input-type=module', '-e', fullDisk(directory)],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  const attempts = JSON.parse(stdout) as (Readonly<Record<string, unknown>> & {
    readonly error: Readonly<Record<string, string>>;
  })[];
  assert.equal(attempts.length, 8);
  for (const attempt of attempts) {
    const { shortage, moment, old, error, ...outcome } = attempt;
    const what = JSON.stringify(attempt);
    const listed = old === true ? [null] : [];
    const found = old === true ? 'old' : null;
    assert.deepEqual(outcome, { found, listed, reason: null, left: [] }, what);
    // Where the builder itself had no room, the message is its own.
    if (shortage === 'space' && moment === 'begin') assert.equal(error['code'], 'ENOSPC', what);
    else {
      const verb = moment === 'begin' ? 'build' : 'save';
      const message = new RegExp(`^cannot ${verb} template a+: ENOSPC: no space left on device`);
      assert.match(error['message'] ?? '', message);
      assert.match(error['hint'] ?? '', /^free some space there/);
    }
  }
});
