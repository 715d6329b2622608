// Finds who `user[:group]` is by a container's own passwd and group files.
import { VirtcontainersError } from '../../base/errors.js';
import { readInRoot } from './in-root.js';

/** Who a process runs as. */
export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** Its home directory; `/` where the container's files name none. */
  readonly home: string;
}

/** Longest passwd or group file that is read, in bytes. */
const maxFileBytes = 1024 * 1024;
/** The kernel's own bound of supplementary groups. */
const maxGroups = 65536;
const maxId = 0xffff_fffe;

/** @throws VirtcontainersError with the reason `no-such-user` */
export function lookUpUser(rootFd: number, text: string): User {
  const read = (path: string): string =>
    readInRoot(rootFd, path, maxFileBytes)?.toString('utf8') ?? '';
  return findUser(text, { passwd: () => read('/etc/passwd'), group: () => read('/etc/group') });
}

/** `lookUpUser` over the text of the two files. */
export function findUser(
  text: string,
  files: { readonly passwd: () => string; readonly group: () => string },
): User {
  const colon = text.indexOf(':');
  const name = colon === -1 ? text : text.slice(0, colon);
  const groupName = colon === -1 ? null : text.slice(colon + 1);
  const entry = findPasswd(files.passwd(), name === '' ? '0' : name);
  if (entry === null) throw noSuch('user', name);
  const groups = toGroups(files.group());
  if (groupName === null || groupName === '') {
    const additionalGids = groups
      .filter((group) => entry.name !== null && group.members.includes(entry.name))
      .map((group) => group.gid)
      .slice(0, maxGroups);
    return { uid: entry.uid, gid: entry.gid, home: entry.home, additionalGids };
  }
  // As with docker: who names a group gets that one alone.
  const gid = groups.find((group) => group.name === groupName)?.gid ?? toId(groupName);
  if (gid === null) throw noSuch('group', groupName);
  return { uid: entry.uid, gid, home: entry.home, additionalGids: [] };
}

interface PasswdEntry {
  readonly name: string | null;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** An entry by name, by number, or one made up for a number that has none. */
function findPasswd(file: string, wanted: string): PasswdEntry | null {
  const id = toId(wanted);
  let byId: PasswdEntry | null = null;
  for (const line of file.split('\n')) {
    const [name, , uidText = '', gidText = '', , home = ''] = line.split(':');
    const uid = toId(uidText);
    const gid = toId(gidText);
    if (name === undefined || name === '' || uid === null || gid === null) continue;
    const entry = { name, uid, gid, home: home.startsWith('/') ? home : '/' };
    if (name === wanted) return entry;
    if (uid === id) byId ??= entry;
  }
  if (byId !== null || id === null) return byId;
  return { name: null, uid: id, gid: 0, home: '/' };
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

function toGroups(file: string): readonly GroupEntry[] {
  return file.split('\n').flatMap((line) => {
    const [name, , gidText = '', members = ''] = line.split(':');
    const gid = toId(gidText);
    if (name === undefined || name === '' || gid === null) return [];
    return [{ name, gid, members: members.split(',') }];
  });
}

function toId(text: string): number | null {
  if (!/^\d{1,10}$/.test(text)) return null;
  const id = Number(text);
  return id <= maxId ? id : null;
}

function noSuch(kind: 'user' | 'group', name: string): VirtcontainersError {
  const shown = JSON.stringify(name.slice(0, 256));
  return new VirtcontainersError(
    'invalid-argument',
    `cannot find ${kind} ${shown}: the container's files do not name it`,
    { details: { reason: 'no-such-user' } },
  );
}
