// Tests of the library that QEMU opens a template's memory with, by a program that does what QEMU does.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { buildMemoryPreload } from './memory-preload.js';
import { packageRoot } from './package-root.js';

const run = promisify(execFile);
const base = mkdtempSync(path.join(tmpdir(), 'virtc-preload-'));
after(() => rmSync(base, { recursive: true, force: true }));

const source = readFileSync(path.join(packageRoot(), 'guest-image/read-only-memory.c'), 'utf8');
await buildMemoryPreload(base, { source, scratch: base });
const library = path.join(base, 'read-only-memory.so');

// Its arguments are a call, a path and flags; it tells how the open went, and then what the descriptor allows.
const program = `
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void told(const char *what, int result) {
  printf("%s %s\\n", what, result < 0 ? strerrorname_np(errno) : "ok");
}

int main(int count, char **words) {
  if (count != 4) return 2;
  const char *call = words[1], *path = words[2];
  int flags = strtol(words[3], NULL, 0), fd = -2;
  if (strcmp(call, "open") == 0) fd = open(path, flags);
  if (strcmp(call, "open with a mode") == 0) fd = open(path, flags, 0640);
  if (strcmp(call, "openat") == 0) fd = openat(AT_FDCWD, path, flags);
  if (strcmp(call, "openat with a mode") == 0) fd = openat(AT_FDCWD, path, flags, 0640);
  told("open", fd);
  if (fd < 0) return 0;
  const int twin = dup(fd);
  close(fd);
  told("write", pwrite(twin, "x", 1, 0));
  told("hole", fallocate(twin, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
  told("grow", fallocate(twin, 0, 0, 16384));
  char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, twin, 0);
  told("map", memory == MAP_FAILED ? -1 : 0);
  if (memory == MAP_FAILED) return 0;
  memory[0] = 'y';
  told("drop", madvise(memory, 4096, MADV_DONTNEED));
  printf("reads %c\\n", memory[0] == 0 ? '0' : memory[0]);
  return 0;
}
`;

// As QEMU may be compiled: with large offsets, with checked arguments, with neither.
const builds = {
  plain: [],
  'large offsets': ['-D_FILE_OFFSET_BITS=64'],
  checked: ['-O2', '-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2'],
  'checked, large offsets': [
    ...['-O2', '-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2'],
    '-D_FILE_OFFSET_BITS=64',
  ],
} as const;
writeFileSync(path.join(base, 'program.c'), program);
const compiled = (build: string): string => path.join(base, build.replaceAll(/\W/g, '-'));
for (const [build, flags] of Object.entries(builds)) {
  await run('gcc', [...flags, '-o', compiled(build), path.join(base, 'program.c')]);
}

const [readWrite, create, truncate, append, writeOnly] = [0o2, 0o100, 0o1000, 0o2000, 0o1];
const memory = path.join(base, 'memory');
const content = Buffer.alloc(8192, 'm');

interface Attempt {
  readonly build?: keyof typeof builds;
  readonly call: string;
  readonly file?: string;
  readonly flags?: number;
  /** What the variable says. Default: the memory file. */
  readonly named?: string | null;
}

async function attempt({ build = 'checked', ...rest }: Attempt): Promise<readonly string[]> {
  const { call, file = memory, flags = readWrite, named = memory } = rest;
  writeFileSync(memory, content);
  const env = {
    LD_PRELOAD: library,
    ...(named === null ? {} : { VIRTC_MEMORY_FILE: named }),
  };
  const { stdout, stderr } = await run(compiled(build), [call, file, String(flags)], {
    env,
    cwd: base,
  });
  assert.equal(stderr, '');
  return stdout.trimEnd().split('\n');
}

const calls = ['open', 'open with a mode', 'openat', 'openat with a mode'];
const onlyRead = [
  'open ok',
  'write EBADF',
  'hole ok',
  'grow EBADF',
  'map ok',
  'drop ok',
  'reads m',
];

for (const build of Object.keys(builds) as (keyof typeof builds)[]) {
  test(`a program compiled ${build} cannot write the memory file, and drops its pages all the same`, async () => {
    for (const call of calls) {
      assert.deepEqual(await attempt({ build, call }), onlyRead, call);
      assert.deepEqual(readFileSync(memory), content, call);
    }
  });

  test(`a program compiled ${build} opens every other file as it asks`, async () => {
    for (const call of calls) {
      const other = path.join(base, 'other');
      writeFileSync(other, content);
      const lines = await attempt({ build, call, file: other });
      assert.deepEqual(lines.slice(1, 4), ['write ok', 'hole ok', 'grow ok'], call);
      assert.equal(lines.at(-1), 'reads 0', call);
    }
  });
}

test('the file is known by exactly its name', async () => {
  symlinkSync(memory, path.join(base, 'link'));
  const others = ['memory', './memory', `${base}//memory`, path.join(base, 'link')];
  for (const file of others) {
    assert.equal((await attempt({ call: 'open', file }))[1], 'write ok', file);
  }
  // And only if that is absolute, and there.
  for (const named of [null, '', 'memory', `${memory}2`]) {
    const lines = await attempt({ call: 'open', file: named === 'memory' ? named : memory, named });
    assert.equal(lines[1], 'write ok', String(named));
  }
});

test('what would make, cut or append to the file is not changed into reading', async () => {
  for (const more of [create, truncate, append]) {
    const lines = await attempt({ call: 'open with a mode', flags: readWrite | more });
    assert.equal(lines[1], 'write ok', more.toString(8));
  }
  assert.equal((await attempt({ call: 'open', flags: writeOnly }))[1], 'write ok');
});

test('errors and the modes of new files are the kernel’s', async () => {
  const nowhere = path.join(base, 'nowhere');
  assert.deepEqual(await attempt({ call: 'open', file: nowhere, named: nowhere }), ['open ENOENT']);
  for (const call of ['open with a mode', 'openat with a mode']) {
    const fresh = path.join(base, 'fresh');
    const umask = process.umask(0o022);
    try {
      assert.equal(
        (await attempt({ call, file: fresh, flags: readWrite | create, named: fresh }))[1],
        'write ok',
      );
      const { stdout } = await run('stat', ['--format=%a', fresh]);
      assert.equal(stdout, '640\n', call);
    } finally {
      process.umask(umask);
      rmSync(fresh);
    }
  }
});

test('a file that its reader may not write is enough', async (t) => {
  // Root may write whatever the mode says.
  if (process.getuid?.() === 0) {
    chmodSync(base, 0o755);
    writeFileSync(memory, content);
    chmodSync(memory, 0o444);
    const asNobody = (environment: readonly string[]) =>
      run('setpriv', [
        ...['--reuid=65534', '--regid=65534', '--clear-groups', 'env', ...environment],
        ...[compiled('checked'), 'open', memory, String(readWrite)],
      ]);
    assert.equal((await asNobody([])).stdout, 'open EACCES\n');
    const { stdout } = await asNobody([`LD_PRELOAD=${library}`, `VIRTC_MEMORY_FILE=${memory}`]);
    assert.deepEqual(stdout.trimEnd().split('\n'), onlyRead);
    return;
  }
  t.diagnostic('not root: only what root is for was left out');
});
