// Tests of the 9p share with a jailed process in the VM's place: what it sees, may write, and leaves.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { type JailedProcess, spawnInJail } from '../../base/namespaces/jail.js';
import { SystemFaults } from '../../testing/system-faults.js';
import { NinePShare } from './ninep-share.js';
import type { PodShare, ShareBinding, ShareTree } from './share.js';
import { type SuiteVm, shareSuite } from './share.suite.js';

const share = new NinePShare();
// A jailed process does not keep this one alive.
const awake = setInterval(() => {}, 1000);
after(() => clearInterval(awake));

function startJail(
  trees: readonly ShareTree[],
  script: string,
  options: { readonly go?: string; readonly sources?: readonly string[] } = {},
): Promise<JailedProcess> {
  return spawnInJail({
    argv: ['/usr/bin/sh', '-c', script, 'sh', options.go ?? ''],
    env: { PATH: '/usr/bin' },
    readOnlyPaths: options.go === undefined ? [] : [options.go],
    writablePaths: [],
    exports: trees.map((tree) => tree.directory),
    devices: ['null'],
    needsFileCapabilities: true,
    sources: options.sources ?? ['/'],
  });
}

async function startSleeper(trees: readonly ShareTree[]): Promise<SuiteVm> {
  const jailed = await startJail(trees, 'exec sleep 60');
  const end = async (): Promise<void> => {
    jailed.kill('SIGKILL');
    await jailed.exited;
  };
  return { mountNamespacePid: jailed.pid, end };
}

shareSuite({ name: '9p share of a jailed VM', share, startVm: startSleeper });
shareSuite({
  name: '9p share of a VM without a mount namespace',
  share,
  startVm: async () => ({ mountNamespacePid: null, end: async () => {} }),
});

test('whatever fails while a share is made is told with its place, and nothing of it is left', async () => {
  const runDirectory = mkdtempSync(path.join(tmpdir(), 'ninep-faults-'));
  const faults = new SystemFaults([runDirectory]);
  faults.install();
  try {
    for (let failing = 1; ; failing++) {
      faults.arm(failing, 'EROFS', 'once');
      const failure: unknown = await share.create({ podId: 'pod', runDirectory }).then(
        () => null,
        (error) => error,
      );
      faults.disarm();
      if (failure === null) {
        assert.ok(failing > 4, `${failing} calls`);
        break;
      }
      assert.match(String(failure), /cannot create share of pod pod: EROFS: .*ninep-faults-/);
      assert.deepEqual(readdirSync(runDirectory), [], faults.met.at(-1));
    }
  } finally {
    faults.remove();
    rmSync(runDirectory, { recursive: true });
  }
});

let directory = '';
let source = '';
before(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'ninep-test-'));
  chmodSync(directory, 0o755);
});
after(() => rmSync(directory, { recursive: true, force: true }));

interface Scene {
  readonly pod: PodShare;
  readonly jailed: JailedProcess;
  /** The place of a binding, as the jail sees it. */
  at(binding: ShareBinding): string;
  /** Lets the jailed shell run a line and gives its output. */
  run(line: string): Promise<string>;
}

/** A share, and a jailed shell that waits until it is told what to do. */
async function withScene(
  use: (scene: Scene) => Promise<void>,
  sources?: readonly string[],
): Promise<void> {
  const runDirectory = mkdtempSync(path.join(directory, 'run-'));
  const go = path.join(runDirectory, 'go');
  source = mkdtempSync(path.join(directory, 'source-'));
  mkdirSync(go);
  chmodSync(go, 0o755);
  const pod = await share.create({ podId: 'pod', runDirectory });
  const script = 'until test -e "$1/line"; do sleep 0.01; done; . "$1/line"';
  const jailed = await startJail(pod.trees, script, {
    go,
    ...(sources === undefined ? {} : { sources }),
  });
  const at = ({ tag, path: place }: ShareBinding): string =>
    path.join(pod.trees.find((tree) => tree.tag === tag)?.directory ?? '', place);
  const run = (line: string): Promise<string> => {
    const output = text(jailed.stderr);
    writeFileSync(path.join(go, 'new'), `exec 2>&1\n${line}\n`);
    // Whole at once: the shell must not read a half.
    renameSync(path.join(go, 'new'), path.join(go, 'line'));
    return output;
  };
  try {
    pod.attach(jailed.pid);
    await use({ pod, jailed, at, run });
  } finally {
    jailed.kill('SIGKILL');
    await jailed.exited;
    await pod.close();
  }
  assert.deepEqual(readdirSync(runDirectory), ['go']);
}

const hostMounts = (): string => readFileSync('/proc/self/mountinfo', 'utf8');

test('the jail reads root’s files, writes as root, and only where it may; the host sees no mount', async () => {
  await withScene(async ({ pod, at, run }) => {
    writeFileSync(path.join(source, 'secret'), 'of root', { mode: 0o600 });
    const before = hostMounts();
    const readOnly = at(await pod.bind({ source, readOnly: true, cached: true }));
    const coherent = at(await pod.bind({ source, readOnly: true, cached: false }));
    const writable = at(await pod.bind({ source, readOnly: false, cached: false }));
    const output = await run(
      `cat ${readOnly}/secret ${coherent}/secret
      for at in ${readOnly} ${coherent} ${writable}; do (cd $at; echo written > new) && echo wrote; done 2>&-
      chmod 4755 ${writable}/new; stat -c ' %u:%g %a' ${writable}/new`,
    );
    assert.equal(output, 'of rootof rootwrote\n 0:0 4755\n');
    assert.equal(hostMounts(), before);
    const [made] = spawnSync('stat', ['-c', '%u:%g', path.join(source, 'new')])
      .stdout.toString()
      .split('\n');
    assert.equal(made, '0:0');
  });
});

test('mount points cannot be changed from inside, and nothing can be made beside them', async () => {
  await withScene(async ({ pod, at, run }) => {
    const place = at(await pod.bind({ source, readOnly: false, cached: false }));
    const attempts = [
      `mkdir ${place}x`,
      `mv ${place} ${place}x`,
      `rmdir ${place}`,
      `ln -s / ${place}x`,
      `chmod 777 ${path.dirname(place)}`,
      `rm -rf ${place}`,
    ];
    const output = await run(attempts.map((line) => `(${line}) 2>&- && echo "${line}"`).join('; '));
    assert.equal(output, '');
  });
});

test('links that the guest leaves lead nowhere on the host, neither at unbind nor at release', async () => {
  const victim = path.join(directory, 'victim');
  mkdirSync(victim);
  writeFileSync(path.join(victim, '0'), '');
  await withScene(async ({ pod, at, run }) => {
    const binding = await pod.bind({ source, readOnly: false, cached: false });
    const place = at(binding);
    const output = await run(
      `cd ${place} && ln -s ${victim} link; ln -s / 0; ln -s ../../../.. up; mkfifo fifo; ls`,
    );
    await pod.unbind(binding);
    assert.equal(output, '0\nfifo\nlink\nup\n');
    assert.ok(readdirSync(source).includes('link'));
    assert.deepEqual(readdirSync(victim), ['0']);
  });
});

test('a mount point or tree that was replaced by a link is removed itself, its target untouched', async () => {
  const victim = mkdtempSync(path.join(directory, 'victim-'));
  for (const name of ['0', '1', 'ro']) writeFileSync(path.join(victim, name), '');
  const runDirectory = mkdtempSync(path.join(directory, 'run-'));
  const { handle } = await share.create({ podId: 'pod', runDirectory });
  rmSync(path.join(handle.directory, 'ro'), { recursive: true });
  symlinkSync(victim, path.join(handle.directory, 'ro'));
  symlinkSync(victim, path.join(handle.directory, 'rw', '0'));
  await share.release(handle);
  assert.deepEqual(readdirSync(runDirectory), []);
  symlinkSync(victim, path.join(runDirectory, 'share'));
  await share.release(handle);
  assert.deepEqual(readdirSync(victim), ['0', '1', 'ro']);
});

test('release deletes nothing but empty mount points, whatever a record says', async () => {
  const runDirectory = mkdtempSync(path.join(directory, 'run-'));
  const { handle } = await share.create({ podId: 'pod', runDirectory });
  const foreign = path.join(handle.directory, 'rw', '7', 'file');
  mkdirSync(path.dirname(foreign));
  writeFileSync(foreign, 'precious');
  await assert.rejects(share.release(handle), { code: 'internal', message: /does not belong/ });
  assert.equal(readFileSync(foreign, 'utf8'), 'precious');
  for (const wrong of ['/', directory, 'share', '']) {
    const damaged = { kind: 'share', directory: wrong } as const;
    await assert.rejects(share.release(damaged), { code: 'invalid-argument' }, wrong);
  }
  assert.ok(existsSync(foreign));
});

test('another process releases what a dead owner left', async () => {
  const runDirectory = mkdtempSync(path.join(directory, 'run-'));
  const url = new URL('./ninep-share.js', import.meta.url).href;
  const pod = await share.create({ podId: 'pod', runDirectory });
  const vm = await startSleeper(pod.trees);
  pod.attach(vm.mountNamespacePid);
  await pod.bind({ source: directory, readOnly: true, cached: true });
  await pod.bind({ source: new URL(import.meta.url).pathname, readOnly: false, cached: false });
  const script = `import { NinePShare } from ${JSON.stringify(url)};
    const release = () => new NinePShare().release(${JSON.stringify(pod.handle)});
    await release(); await release();`;
  // Also while the VM's process still lives, with the mounts in it.
  const args = ['--input-type=module', '-e', script];
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  assert.deepEqual(readdirSync(runDirectory), []);
  assert.ok(existsSync(new URL(import.meta.url).pathname));
  await vm.end();
});

test('a mount inside the source comes along; one that cannot be mapped is named', async (context) => {
  // Outside of what is removed recursively: a removal would go through a mount that was left.
  const mounted = mkdtempSync(path.join(tmpdir(), 'ninep-mounts-'));
  const inner = path.join(mounted, 'in ner');
  mkdirSync(inner);
  const isMounted = (): boolean => hostMounts().includes(path.basename(mounted));
  context.after(() => {
    for (let round = 0; round < 5 && isMounted(); round += 1) spawnSync('umount', [inner]);
    assert.equal(isMounted(), false);
    rmdirSync(inner);
    rmdirSync(mounted);
  });
  const mount = (...args: string[]): void => {
    const { status, stderr } = spawnSync('mount', args);
    assert.equal(status, 0, stderr.toString());
  };
  const other = mkdtempSync(path.join(directory, 'other-'));
  writeFileSync(path.join(other, 'file'), 'mounted');
  mount('--bind', '-o', 'ro', other, inner);
  await withScene(async ({ pod, at, run }) => {
    const binding = await pod.bind({ source: mounted, readOnly: true, cached: true });
    mount('-t', 'proc', 'proc', inner);
    await assert.rejects(pod.bind({ source: mounted, readOnly: true, cached: false }), {
      code: 'unsupported',
      message: `cannot bind ${mounted}: ${inner} is mounted in it, and this kernel cannot map the ids of that file system (proc)`,
      hint: `unmount ${inner}, or bind the directories beside it one by one`,
    });
    await assert.rejects(pod.bind({ source: '/proc', readOnly: true, cached: true }), {
      code: 'unsupported',
      message: 'cannot bind /proc: this kernel cannot map the ids of its file system (proc)',
    });
    assert.equal(await run(`cat "${at(binding)}/in ner/file"`), 'mounted');
  });
});

test('a jail without user namespace gets its binds without a map, and serves root’s files as well', async () => {
  await withScene(
    async ({ pod, at, run }) => {
      writeFileSync(path.join(source, 'secret'), 'of root', { mode: 0o600 });
      const writable = at(await pod.bind({ source, readOnly: false, cached: false }));
      const readOnly = at(await pod.bind({ source, readOnly: true, cached: true }));
      const output = await run(
        `cat ${writable}/secret; chown 5 ${writable}/secret && echo ok; (echo > ${readOnly}/x) 2>&- || echo no`,
      );
      assert.equal(output, 'of rootok\nno\n');
    },
    ['/proc'],
  );
});
