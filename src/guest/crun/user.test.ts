import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { VirtcontainersError } from '../../base/errors.js';
import { findUser } from './user.js';

const passwd = [
  'root:x:0:0:root:/root:/bin/sh',
  '# a comment',
  'broken:x:one:1::/:',
  'web:x:33:33:web:/var/www:/bin/false',
  'homeless:x:40:41',
  '1000:x:50:50:a name of digits:/fifty:',
  'user:x:1000:1000::/home/user:',
  'huge:x:4294967295:0::/:',
].join('\n');
const group = ['root:x:0:', 'web:x:33:', 'audio:x:29:web,user', 'bad', 'video:x:44:user'].join(
  '\n',
);

const find = (text: string) => findUser(text, { passwd: () => passwd, group: () => group });

const table: readonly (readonly [string, number, number, readonly number[], string])[] = [
  ['root', 0, 0, [], '/root'],
  ['0', 0, 0, [], '/root'],
  ['web', 33, 33, [29], '/var/www'],
  ['33', 33, 33, [29], '/var/www'],
  ['user', 1000, 1000, [29, 44], '/home/user'],
  ['user:', 1000, 1000, [29, 44], '/home/user'],
  ['user:audio', 1000, 29, [], '/home/user'],
  ['user:7', 1000, 7, [], '/home/user'],
  ['1000', 50, 50, [], '/fifty'],
  ['homeless', 40, 41, [], '/'],
  ['4000', 4000, 0, [], '/'],
  ['4000:video', 4000, 44, [], '/'],
  [':audio', 0, 29, [], '/root'],
];

for (const [text, uid, gid, additionalGids, home] of table) {
  test(`"${text}" is ${uid}:${gid}`, () => {
    assert.deepEqual(find(text), { uid, gid, additionalGids, home });
  });
}

for (const text of [
  'ghost',
  'broken',
  'huge',
  '4294967295',
  '-1',
  'user:ghost',
  'user:-1',
  '../x',
]) {
  test(`"${text}" is refused by name`, () => {
    assert.throws(
      () => find(text),
      (error) => error instanceof VirtcontainersError && error.details['reason'] === 'no-such-user',
    );
  });
}

test('whatever a container writes into its files, the ids are in range or the user is refused', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (text, passwdFile, groupFile) => {
      try {
        const user = findUser(text, { passwd: () => passwdFile, group: () => groupFile });
        for (const id of [user.uid, user.gid, ...user.additionalGids]) {
          assert.ok(Number.isInteger(id) && id >= 0 && id < 2 ** 32 - 1);
        }
        assert.ok(user.home.startsWith('/'));
      } catch (error) {
        assert.ok(error instanceof VirtcontainersError, String(error));
      }
    }),
  );
});
