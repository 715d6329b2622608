// `virtc run` as a person or a script calls it: real processes, real VMs.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { checkout, debian, E2e, installedLibRoot, until, untilText } from './harness.js';

const e2e = new E2e('virtc-run');

test('flags, limits, volumes, output and the exit code are those of the command line', async () => {
  const volumes = path.join(e2e.scratch, 'comma, space\nand newline');
  mkdirSync(path.join(volumes, 'ro'), { recursive: true });
  mkdirSync(path.join(volumes, 'rw'));
  writeFileSync(path.join(volumes, 'ro/file'), 'from the host');
  writeFileSync(path.join(volumes, 'single file'), 'alone');
  const script = `
    echo "env=$GIVEN/$PASSED/\${UNSET-unset}"; echo "cwd=$(pwd)"; echo "user=$(id -u):$(id -g)"
    echo "stdin=$(wc -c)"; echo "hostname=$(hostname)"; echo "tty=$(tty)"
    echo "memory=$(cat /sys/fs/cgroup/memory.max)"; echo "cpu=$(cat /sys/fs/cgroup/cpu.max)"
    echo "online=$(nproc)"; echo "read=$(cat /ro/file) $(cat '/with, comma
')"
    echo written > /rw/file; (echo no > /ro/file) 2>/dev/null || echo refused=write
    rm /ro/file 2>/dev/null || echo refused=remove
    echo to stderr >&2; echo reopened > /dev/stderr; echo discarded > /var/tmp/x && exit 3`;
  const { code, stdout, stderr } = await e2e.run(
    [
      ...[
        '-e',
        'GIVEN=a=b c',
        '-e',
        'PASSED',
        '-e',
        'UNSET',
        '-w',
        '/var/tmp',
        '-u',
        'root:daemon',
      ],
      ...['-m', '700m', '--cpus', '1.5', '--name', 'flags.test-1'],
      ...['-v', `${volumes}/ro:/ro:ro`, '-v', `${volumes}/rw:/rw`],
      ...['-v', `${volumes}/single file:/with, comma\n:ro`],
      ...['--', 'sh', '-c', script],
    ],
    { env: { PASSED: 'from here' }, input: 'not for the container' },
  );
  assert.equal(stderr, 'to stderr\nreopened\n');
  assert.equal(
    stdout.toString(),
    [
      'env=a=b c/from here/unset',
      'cwd=/var/tmp',
      'user=0:1',
      'stdin=0',
      'hostname=flags.test-1',
      'tty=not a tty',
      'memory=734003200',
      'cpu=150000 100000',
      'online=2',
      'read=from the host alone',
      'refused=write',
      'refused=remove',
      '',
    ].join('\n'),
  );
  assert.equal(code, 3);
  assert.equal(readFileSync(path.join(volumes, 'rw/file'), 'utf8'), 'written\n');
  assert.equal(readFileSync(path.join(volumes, 'ro/file'), 'utf8'), 'from the host');
  assert.equal(existsSync(path.join(debian, 'var/tmp/x')), false);
  await e2e.assertNothingLeft();
});

test('a root path and a run root with a comma, a space and a newline work, and long ones', async () => {
  const odd = path.join(e2e.scratch, 'root, "of" a=b\nfs');
  symlinkSync(debian, odd);
  const runRoot = path.join(e2e.runRoot, `long, and odd\n${'x'.repeat(120)}`);
  mkdirSync(runRoot);
  const { code, stdout, stderr } = await e2e.virtc(['run', '--rootfs', odd, 'echo', 'hi'], {
    env: { VIRTC_RUN_ROOT: runRoot },
  });
  assert.deepEqual([stdout.toString(), stderr, code], ['hi\n', '', 0]);
  assert.deepEqual(readdirSync(path.join(runRoot, 'pods')), []);
  await e2e.assertNothingLeft([runRoot]);
  rmSync(runRoot, { recursive: true });
});

test('input passes byte by byte with its end, and output comes back exact', async () => {
  const input = randomBytes(1_500_000);
  const { code, stdout, stderr } = await e2e.run(['-i', 'sh', '-c', 'cat; echo -n end'], { input });
  assert.equal(stderr, '');
  assert.equal(code, 0);
  assert.equal(stdout.subarray(-3).toString(), 'end');
  assert.equal(sha256(stdout.subarray(0, -3)), sha256(input));
});

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

test('a command that does not exist gives 127, one that cannot be executed 126, an unknown user 125', async () => {
  const missing = await e2e.run(['no-such-command', 'arg']);
  assert.equal(missing.code, 127, missing.stderr);
  assert.match(missing.stderr, /^virtc: cannot .*no-such-command/);
  assert.equal(missing.stdout.length, 0);
  const notExecutable = await e2e.run(['/etc/passwd']);
  assert.equal(notExecutable.code, 126, notExecutable.stderr);
  assert.match(notExecutable.stderr, /^virtc: cannot .*\/etc\/passwd/);
  const directory = await e2e.run(['-u', 'nobody', '/etc']);
  assert.equal(directory.code, 126);
  assert.match(directory.stderr, /^virtc: cannot .*"\/etc": it is not a regular file/);
  const user = await e2e.run(['-u', 'no-such-user', 'true']);
  assert.equal(user.code, 125);
  assert.match(user.stderr, /^virtc: cannot .*cannot find user "no-such-user"/);
  await e2e.assertNothingLeft();
});

test('a command that a signal ends gives 128 + n, and nothing else is printed', async () => {
  const crash = 'import ctypes; ctypes.string_at(0)';
  const { code, stdout, stderr } = await e2e.run(['python3', '-c', crash]);
  assert.deepEqual([code, stdout.toString(), stderr], [139, '', '']);
});

test('--debug prints log lines and the timing of each step on standard error', async () => {
  const { code, stdout, stderr } = await e2e.run(['--debug', 'true']);
  assert.equal(code, 0);
  assert.equal(stdout.length, 0);
  assert.match(stderr, /^debug run pod=\S+: vm-boot begins$/m);
  for (const step of ['vm-spawn', 'vm-boot', 'container-create', 'container-start', 'total']) {
    assert.match(stderr, new RegExp(`^timing ${step} +[0-9.]+ ms$`, 'm'));
  }
});

test('a reader that leaves early ends the run quietly', async () => {
  const script = `"$0" run --rootfs "$1" yes | head -1; echo "code \${PIPESTATUS[0]}"`;
  const { stdout, stderr } = await e2e.start('bash', [
    '-c',
    script,
    path.join(checkout, 'bin/virtc'),
    debian,
  ]).finished;
  assert.deepEqual([stdout.toString(), stderr], ['y\ncode 141\n', '']);
  await e2e.assertNothingLeft();
});

const refusals: readonly [string, readonly string[], RegExp][] = [
  [
    'an unknown option',
    ['run', '--rotfs', '/x', 'true'],
    /unknown option '--rotfs'\nhint: did you mean --rootfs\?/,
  ],
  ['an unknown verb', ['rnu'], /unknown command 'rnu'\nhint: did you mean run\?/],
  [
    'an image',
    ['run', 'alpine', 'true'],
    /^virtc: cannot run image "alpine": .*\nhint: .*--rootfs DIR/,
  ],
  ['no command', ['run', '--rootfs', debian], /no command given/],
  [
    'a missing root',
    ['run', '--rootfs', '/no/such', 'true'],
    /^virtc: cannot .*"\/no\/such": there is no such path/,
  ],
  [
    'a root that is a file',
    ['run', '--rootfs', '/etc/passwd', 'true'],
    /^virtc: cannot .*it is not a directory/,
  ],
  [
    'a missing volume',
    ['run', '--rootfs', debian, '-v', '/no/such:/x', 'true'],
    /^virtc: cannot bind volume "\/no\/such"/,
  ],
  ['a volume name', ['run', '--rootfs', debian, '-v', 'data:/x', 'true'], /no named volumes yet/],
  [
    'an escaping name',
    ['run', '--rootfs', debian, '--name', '../../x', 'true'],
    /cannot use container id "\.\.\/\.\.\/x"/,
  ],
  ['a bad size', ['run', '--rootfs', debian, '-m', 'much', 'true'], /cannot use --memory "much"/],
  [
    'a relative working directory',
    ['run', '--rootfs', debian, '-w', 'x', 'true'],
    /cannot use --workdir: it must be an absolute path/,
  ],
  [
    '-it without a terminal',
    ['run', '--rootfs', debian, '-it', 'true'],
    /the input device is not a TTY/,
  ],
];
for (const [title, args, message] of refusals) {
  test(`${title} is refused at once with 125`, async () => {
    const started = performance.now();
    const { code, stdout, stderr } = await e2e.virtc(args);
    assert.equal(code, 125);
    assert.equal(stdout.length, 0);
    assert.match(stderr, message);
    assert.ok(performance.now() - started < 5000, 'no VM was booted for it');
  });
}

test('a guest image that is not there says what to run', async () => {
  const libRoot = path.join(e2e.scratch, 'empty');
  mkdirSync(libRoot);
  const { code, stderr } = await e2e.run(['true'], { env: { VIRTC_LIB_ROOT: libRoot } });
  assert.equal(code, 125);
  assert.match(stderr, /^virtc: cannot .*guest image.*\nhint: .*virtc setup/);
});

test('a guest image that is damaged says which file, and what to run', async () => {
  const image = path.join(e2e.scratch, 'image');
  cpSync(
    path.join(realpathSync(path.join(installedLibRoot, 'guest/current')), 'manifest.json'),
    path.join(image, 'manifest.json'),
  );
  const { code, stderr } = await e2e.run(['true'], { env: { VIRTC_GUEST_IMAGE: image } });
  assert.equal(code, 125);
  assert.match(
    stderr,
    /^virtc: cannot .*guest image .*\/image: it is damaged: (vmlinux|initrd|root)\S*: ENOENT.*\nhint: .*virtc setup/,
  );
});

test('a second container of the same name is refused, and a killed owner leaves nothing that gc does not find', async () => {
  const first = e2e.startVirtc([
    ...['run', '--rootfs', debian, '--name', 'twin', '--', 'sh', '-c'],
    'echo ready; exec sleep 1000',
  ]);
  await untilText(first.child.stdout, 'ready');
  const second = await e2e.run(['--name', 'twin', 'true']);
  assert.equal(second.code, 125);
  assert.match(second.stderr, /^virtc: cannot create pod twin: .*exists/);

  const vmPid = e2e.vmPid('twin');
  first.child.kill('SIGKILL');
  await first.finished;
  await until('the VM is gone with its owner', () => !existsSync(`/proc/${vmPid}`), 5000);
  const report = await e2e.runtime().gc();
  assert.deepEqual([report.removed, report.failed], [['twin'], []]);
  await e2e.assertNothingLeft();
});
