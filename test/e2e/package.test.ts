// The package as users get it: packed, checked, installed in an empty directory, and the README's program run from there.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { checkout, debian, E2e, type Finished, type RunOptions } from './harness.js';

const e2e = new E2e('package');
const project = path.join(e2e.scratch, 'project');
let tarball = '';

async function succeed(program: string, args: readonly string[], options: RunOptions = {}) {
  const finished = await e2e.start(program, args, { cwd: project, ...options }).finished;
  assert.equal(finished.code, 0, said(finished));
  return finished;
}

function said({ stdout, stderr }: Finished): string {
  return `${stdout}${stderr}`;
}

/** A program that this project's own tools bring. */
function tool(file: string): string {
  return path.join(checkout, 'node_modules', file);
}

/** The first program of the README, for this machine's root file system. */
function readmeProgram(): string {
  const readme = readFileSync(path.join(checkout, 'README.md'), 'utf8');
  const [, program = ''] = /```ts\n(.*?)```/s.exec(readme) ?? [];
  assert.ok(program.includes("'/srv/debian'"), 'it can be run here');
  return program.replace("'/srv/debian'", JSON.stringify(debian));
}

before(async () => {
  mkdirSync(project);
  await succeed('npm', ['pack', '--pack-destination', e2e.scratch], { cwd: checkout });
  const [name] = readdirSync(e2e.scratch).filter((file) => file.endsWith('.tgz'));
  assert.ok(name !== undefined);
  tarball = path.join(e2e.scratch, name);
  writeFileSync(
    path.join(project, 'package.json'),
    JSON.stringify({ name: 'a-program', private: true, type: 'module' }),
  );
  await succeed('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball]);
});

test('publint and are-the-types-wrong have nothing to say', async () => {
  await succeed(process.execPath, [tool('publint/src/cli.js'), 'run', '--strict', tarball]);
  const attw = tool('@arethetypeswrong/cli/dist/index.js');
  await succeed(process.execPath, [attw, '--profile', 'esm-only', tarball]);
});

test('it brings no tests and nothing that it does not need', () => {
  const files = readdirSync(path.join(project, 'node_modules/virtcontainers'), {
    recursive: true,
    encoding: 'utf8',
  });
  assert.deepEqual(
    files.filter((file) => /\.test\.|\.suite\.|testing|^(dist\/)?(test|examples)|^src/.test(file)),
    [],
  );
  const packages = readdirSync(path.join(project, 'node_modules'))
    .filter((name) => !name.startsWith('.'))
    .sort();
  // koffi's native part is a package of its own.
  assert.deepEqual(
    packages.filter((name) => name !== '@koromix'),
    ['@bufbuild', 'commander', 'koffi', 'smol-toml', 'virtcontainers', 'zod'],
  );
});

test('the README’s program passes a strict compiler and runs', async () => {
  writeFileSync(path.join(project, 'program.ts'), readmeProgram());
  // Its one requirement beyond the package, as for every program that uses Node's types.
  const types = ['--typeRoots', path.join(checkout, 'node_modules/@types'), '--types', 'node'];
  await succeed(process.execPath, [
    tool('typescript/bin/tsc'),
    ...['--strict', '--skipLibCheck', 'false', '--target', 'es2022', '--module', 'nodenext'],
    ...['--lib', 'es2023,esnext.disposable', ...types, 'program.ts'],
  ]);
  const { stdout } = await succeed(process.execPath, ['program.js']);
  assert.match(stdout.toString(), /^0 \d+\.\d+\.\d+\S*\n\n$/);
});

test('programs that are CommonJS can require it', async () => {
  writeFileSync(
    path.join(project, 'old.cjs'),
    "console.log(typeof require('virtcontainers').createPod)",
  );
  const { stdout } = await succeed(process.execPath, ['old.cjs']);
  assert.equal(stdout.toString(), 'function\n');
});

test('the command line runs from where it was installed', async () => {
  const { stdout } = await succeed('npx', [
    'virtc',
    'run',
    '--rootfs',
    debian,
    '--',
    'uname',
    '-s',
  ]);
  assert.equal(stdout.toString(), 'Linux\n');
});
