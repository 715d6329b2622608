// Tests of connecting to a socket whose directory the other side can write.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { dialSocket } from '../../../base/sockets/dial-socket.js';
import { dialWhenThere } from './dial.js';

const what = 'cannot reach it';
let directory = '';
let accepted = 0;
const servers: Server[] = [];
before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'virtc-dial-'));
});
after(async () => {
  for (const server of servers) server.close();
  await rm(directory, { recursive: true, force: true });
});

function listen(file: string): Promise<void> {
  const server = createServer((socket) => {
    accepted += 1;
    socket.on('error', () => {}).end();
  });
  servers.push(server);
  return new Promise((resolve) => server.listen(file, resolve));
}

test('a link to another socket, and what is no socket, is refused', async () => {
  await listen(path.join(directory, 'other.sock'));
  await symlink(path.join(directory, 'other.sock'), path.join(directory, 'link.sock'));
  await writeFile(path.join(directory, 'file.sock'), '');
  for (const name of ['link.sock', 'file.sock']) {
    const dialling = dialSocket(path.join(directory, name), { what });
    await assert.rejects(dialling, { code: 'unavailable', message: /is not a socket$/ }, name);
  }
  assert.equal(accepted, 0);
});

test('a path longer than a socket’s name is reached', async () => {
  const deep = path.join(directory, 'd'.repeat(200));
  await mkdir(deep);
  await symlink(deep, path.join(directory, 'short'));
  await listen(path.join(directory, 'short', 's.sock'));
  (await dialSocket(path.join(deep, 's.sock'), { what })).destroy();
});

test('waiting connects once the socket is there, and ends by its signal', async () => {
  const file = path.join(directory, 'late.sock');
  const dialling = dialWhenThere(file, { what });
  await new Promise((resolve) => setTimeout(resolve, 20));
  await listen(file);
  (await dialling).destroy();
  const signal = AbortSignal.timeout(20);
  await assert.rejects(dialWhenThere(path.join(directory, 'never'), { what, signal }), {
    name: 'AbortError',
  });
  await assert.rejects(dialSocket(file, { what, signal }), { name: 'AbortError' });
});
