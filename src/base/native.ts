// The only door to foreign functions: the system calls that Node has no name for, each with Node-shaped errors.
import { closeSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import koffi from 'koffi';

// Numbers and flags are those of Linux on x86-64 (include/uapi/linux, asm-generic/unistd.h).
const SYS_clock_settime = 227;
const SYS_openat2 = 437;
const SYS_open_tree = 428;
const SYS_move_mount = 429;
const SYS_mount_setattr = 442;
const SYS_pivot_root = 155;
const SYS_fcntl = 72;
const SYS_pidfd_open = 434;
const SYS_close_range = 436;
const SYS_keyctl = 250;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;

export const CLONE_NEWNS = 0x0002_0000;
export const CLONE_FS = 0x0000_0200;
export const CLONE_NEWUTS = 0x0400_0000;
export const CLONE_NEWIPC = 0x0800_0000;
export const CLONE_NEWPID = 0x2000_0000;
export const CLONE_NEWNET = 0x4000_0000;

export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_BIND = 4096;
export const MS_REC = 16384;
export const MS_PRIVATE = 1 << 18;

export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

export const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
export const AT_RECURSIVE = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;

export const MOUNT_ATTR_RDONLY = 0x01;
export const MOUNT_ATTR_NOSUID = 0x02;
export const MOUNT_ATTR_NODEV = 0x04;
export const MOUNT_ATTR_NOEXEC = 0x08;
export const MOUNT_ATTR_IDMAP = 0x0010_0000;

export const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
/** openat2(2) refuses to cross into another mount, bind mounts of the same file system included. */
export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const RESOLVE_IN_ROOT = 0x10;

const S_IFCHR = 0o020000;

const libc = koffi.load('libc.so.6');
const syscall = libc.func('long syscall(long, ...)');
const c = {
  flock: libc.func('int flock(int, int)'),
  unshare: libc.func('int unshare(int)'),
  setns: libc.func('int setns(int, int)'),
  fchdir: libc.func('int fchdir(int)'),
  chroot: libc.func('int chroot(const char *)'),
  mount: libc.func(
    'int mount(const char *, const char *, const char *, unsigned long, const char *)',
  ),
  umount2: libc.func('int umount2(const char *, int)'),
  mknod: libc.func('int mknod(const char *, uint, unsigned long)'),
  sethostname: libc.func('int sethostname(const char *, size_t)'),
  ioctl: libc.func('int ioctl(int, unsigned long, void *)'),
  waitpid: libc.func('int waitpid(int, void *, int)'),
  socket: libc.func('int socket(int, int, int)'),
  bind: libc.func('int bind(int, void *, uint)'),
  listen: libc.func('int listen(int, int)'),
  accept4: libc.func('int accept4(int, void *, void *, int)'),
  recvmsg: libc.func('long recvmsg(int, void *, int)'),
  prctl: libc.func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)'),
  _exit: libc.func('void _exit(int)'),
  poll: libc.func('int poll(void *, unsigned long, int)'),
  pipe2: libc.func('int pipe2(void *, int)'),
  posix_spawn: libc.func(
    'int posix_spawn(_Out_ int *, const char *, void *, void *, const char **, const char **)',
  ),
  posix_spawn_file_actions_init: libc.func('int posix_spawn_file_actions_init(void *)'),
  posix_spawn_file_actions_adddup2: libc.func(
    'int posix_spawn_file_actions_adddup2(void *, int, int)',
  ),
  posix_spawn_file_actions_destroy: libc.func('int posix_spawn_file_actions_destroy(void *)'),
};

/** A failed system call, shaped like Node's own: `code` is the errno's name, `syscall` the call. */
export class SystemError extends Error {
  readonly errno: number;
  readonly code: string;
  readonly syscall: string;

  constructor(name: string, errno: number, subject: string) {
    const [code, text] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, `error ${errno}`];
    super(`${code}: ${text}, ${name}${subject === '' ? '' : ` '${subject}'`}`);
    this.name = 'SystemError';
    this.errno = errno;
    this.code = code;
    this.syscall = name;
  }
}

function check(result: number | bigint, name: string, subject = ''): number {
  const value = Number(result);
  if (value < 0) throw new SystemError(name, koffi.errno(), subject);
  return value;
}

/** C strings end at the first zero byte: a path that holds one would silently name another file. */
function cString(value: string): string {
  if (value.includes('\0')) throw new TypeError('a path must not contain a zero byte');
  return value;
}

/**
 * Takes or drops an advisory lock on an open file.
 * @returns false if another open file holds it
 */
export function tryLock(fd: number, mode: 'exclusive' | 'shared' | 'unlock'): boolean {
  const LOCK_NB = 4;
  const operation = { shared: 1, exclusive: 2, unlock: 8 }[mode];
  if (c.flock(fd, operation | LOCK_NB) === 0) return true;
  const errno = koffi.errno();
  if (errno === 11) return false;
  throw new SystemError('flock', errno, '');
}

/** Moves the calling thread (or, for pid namespaces, its children) into new namespaces. */
export function unshare(flags: number): void {
  check(c.unshare(flags), 'unshare');
}

/**
 * Moves the calling thread into the namespace that `fd` names; `type` 0 accepts any.
 * Where `fd` names a process, `type` holds the CLONE_NEW bits of those of its namespaces that are entered.
 */
export function setNamespace(fd: number, type: number): void {
  check(c.setns(fd, type), 'setns');
}

/** Changes the calling thread's working directory (it must have unshared CLONE_FS to be alone in that). */
export function changeDirectory(fd: number): void {
  check(c.fchdir(fd), 'fchdir');
}

/** Makes `path` the calling thread's root directory (it must have unshared CLONE_FS to be alone in that). */
export function changeRoot(path: string): void {
  check(c.chroot(cString(path)), 'chroot', path);
}

/** A descriptor that names the process `pid`, close-on-exec; the caller closes it. */
export function openProcess(pid: number): number {
  return check(syscall(SYS_pidfd_open, 'int', pid, 'uint', 0), 'pidfd_open', String(pid));
}

/** Sets close-on-exec on every descriptor of the process from 3 on: what its parent left open goes no further. */
export function closeOnExecAll(): void {
  const CLOSE_RANGE_CLOEXEC = 4;
  check(
    syscall(SYS_close_range, 'uint', 3, 'uint', 0xffff_ffff, 'uint', CLOSE_RANGE_CLOEXEC),
    'close_range',
  );
}

/**
 * Gives the calling thread, and so what it spawns, an empty session keyring instead of the one it came with.
 * @returns its serial number; null where the kernel has no keyrings, or a filter keeps everybody from them
 */
export function joinNewSessionKeyring(): number | null {
  const KEYCTL_JOIN_SESSION_KEYRING = 1;
  const serial = Number(syscall(SYS_keyctl, 'int', KEYCTL_JOIN_SESSION_KEYRING, 'size_t', 0));
  if (serial >= 0) return serial;
  const error = new SystemError('keyctl', koffi.errno(), '');
  if (['ENOSYS', 'EPERM', 'EOPNOTSUPP'].includes(error.code)) return null;
  throw error;
}

/** Another descriptor, close-on-exec, of the same open file; the caller closes it. */
export function duplicateDescriptor(fd: number): number {
  const F_DUPFD_CLOEXEC = 1030;
  return check(syscall(SYS_fcntl, 'int', fd, 'int', F_DUPFD_CLOEXEC, 'int', 0), 'fcntl');
}

/** A pipe, both ends close-on-exec; the caller closes them. */
export function makePipe(): { readonly readFd: number; readonly writeFd: number } {
  const ends = Buffer.alloc(8);
  check(c.pipe2(ends, O_CLOEXEC), 'pipe2');
  return { readFd: ends.readInt32LE(0), writeFd: ends.readInt32LE(4) };
}

export interface MountOptions {
  readonly source: string;
  readonly target: string;
  /** File system type; null for binds, remounts and changes of propagation. */
  readonly type: string | null;
  readonly flags?: number;
  readonly data?: string | null;
}

/** mount(2) in the calling thread's mount namespace. */
export function mount(options: MountOptions): void {
  const { source, target, type, flags = 0, data = null } = options;
  check(c.mount(cString(source), cString(target), type, flags, data), 'mount', target);
}

/** umount2(2). Give UMOUNT_NOFOLLOW where the path may lead through what a guest wrote. */
export function unmount(target: string, flags = 0): void {
  check(c.umount2(cString(target), flags), 'umount2', target);
}

export function pivotRoot(newRoot: string, putOld: string): void {
  check(
    syscall(SYS_pivot_root, 'str', cString(newRoot), 'str', cString(putOld)),
    'pivot_root',
    newRoot,
  );
}

/** Makes a character device node. */
export function makeCharacterDevice(
  file: string,
  mode: number,
  device: { major: number; minor: number },
): void {
  // The kernel's encoding of a device number as user space passes it.
  const number =
    ((device.major & 0xfff) << 8) | (device.minor & 0xff) | ((device.minor & 0xfff00) << 12);
  check(c.mknod(cString(file), S_IFCHR | mode, number), 'mknod', file);
}

/**
 * open_tree(2): with OPEN_TREE_CLONE a detached copy of the mount at `path`; links in `path` are followed.
 * @returns a descriptor with close-on-exec set; the caller closes it
 */
export function openTree(path: string, flags: number): number {
  const all = flags | OPEN_TREE_CLOEXEC;
  return check(
    syscall(SYS_open_tree, 'int', AT_FDCWD, 'str', cString(path), 'uint', all),
    'open_tree',
    path,
  );
}

export interface MountAttributes {
  /** MOUNT_ATTR_ bits to set. */
  readonly set: number;
  readonly clear?: number;
  /** MS_PRIVATE, or 0 to leave it. */
  readonly propagation?: number;
  /** Descriptor of the user namespace whose map MOUNT_ATTR_IDMAP applies. */
  readonly userNamespaceFd?: number;
  readonly recursive?: boolean;
}

/** mount_setattr(2) on the mount that `fd` names. */
export function setMountAttributes(fd: number, attributes: MountAttributes): void {
  const buffer = Buffer.alloc(32);
  buffer.writeBigUInt64LE(BigInt(attributes.set), 0);
  buffer.writeBigUInt64LE(BigInt(attributes.clear ?? 0), 8);
  buffer.writeBigUInt64LE(BigInt(attributes.propagation ?? 0), 16);
  buffer.writeBigUInt64LE(BigInt(attributes.userNamespaceFd ?? 0), 24);
  const flags = AT_EMPTY_PATH | (attributes.recursive === true ? AT_RECURSIVE : 0);
  const size = buffer.length;
  check(
    syscall(
      SYS_mount_setattr,
      'int',
      fd,
      'str',
      '',
      'uint',
      flags,
      'void *',
      buffer,
      'size_t',
      size,
    ),
    'mount_setattr',
  );
}

/** move_mount(2): puts the detached mount `fromFd` on what `toFd` (opened O_PATH) names. */
export function moveMount(fromFd: number, toFd: number): void {
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  check(
    syscall(SYS_move_mount, 'int', fromFd, 'str', '', 'int', toFd, 'str', '', 'uint', flags),
    'move_mount',
  );
}

/**
 * openat2(2) below `directoryFd`, which may be relative only.
 * @param resolve RESOLVE_ bits, for example RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS
 */
export function openBeneath(
  directoryFd: number,
  path: string,
  options: { flags: number; resolve: number; mode?: number },
): number {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(options.flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(options.mode ?? 0), 8);
  how.writeBigUInt64LE(BigInt(options.resolve), 16);
  return check(
    syscall(
      SYS_openat2,
      'int',
      directoryFd,
      'str',
      cString(path),
      'void *',
      how,
      'size_t',
      how.length,
    ),
    'openat2',
    path,
  );
}

export function setHostname(name: string): void {
  check(c.sethostname(name, Buffer.byteLength(name)), 'sethostname', name);
}

/** Sets the system's real-time clock, in nanoseconds since the epoch. */
export function setClock(timeNs: bigint): void {
  const timespec = Buffer.alloc(16);
  timespec.writeBigInt64LE(timeNs / 1_000_000_000n, 0);
  timespec.writeBigInt64LE(timeNs % 1_000_000_000n, 8);
  check(syscall(SYS_clock_settime, 'int', 0, 'void *', timespec), 'clock_settime');
}

/** Adds bytes to the kernel's random generator, credits them, and reseeds it; `fd` is an open /dev/random. */
export function addEntropy(fd: number, entropy: Uint8Array): void {
  const RNDADDENTROPY = 0x40085203;
  const RNDRESEEDCRNG = 0x5207;
  const request = Buffer.alloc(8 + entropy.length);
  request.writeInt32LE(entropy.length * 8, 0);
  request.writeInt32LE(entropy.length, 4);
  request.set(entropy, 8);
  check(c.ioctl(fd, RNDADDENTROPY, request), 'ioctl', 'RNDADDENTROPY');
  check(c.ioctl(fd, RNDRESEEDCRNG, null), 'ioctl', 'RNDRESEEDCRNG');
}

/** Sets a terminal's size; `fd` is its master or slave. */
export function setTerminalSize(
  fd: number,
  size: { readonly columns: number; readonly rows: number },
): void {
  const TIOCSWINSZ = 0x5414;
  const winsize = Buffer.alloc(8);
  winsize.writeUInt16LE(Math.min(size.rows, 0xffff), 0);
  winsize.writeUInt16LE(Math.min(size.columns, 0xffff), 2);
  check(c.ioctl(fd, TIOCSWINSZ, winsize), 'ioctl', 'TIOCSWINSZ');
}

/** How a child ended: its code, or the number of the signal that ended it. */
export interface ChildExit {
  readonly code: number;
  readonly signal: number;
}

/**
 * waitpid(2) with WNOHANG for one child.
 * @returns null while it runs
 */
export function reap(pid: number): ChildExit | null {
  const WNOHANG = 1;
  const status = Buffer.alloc(4);
  if (check(c.waitpid(pid, status, WNOHANG), 'waitpid', String(pid)) === 0) return null;
  return toChildExit(status.readInt32LE(0));
}

/**
 * Reaps any one child that has ended. Only for a process whose children are none of Node's own: it would steal
 * their exits from Node.
 * @returns null if none has ended (or there is none)
 */
export function reapAny(): (ChildExit & { readonly pid: number }) | null {
  const WNOHANG = 1;
  const ECHILD = 10;
  const status = Buffer.alloc(4);
  const pid = c.waitpid(-1, status, WNOHANG) as number;
  if (pid < 0 && koffi.errno() !== ECHILD) throw new SystemError('waitpid', koffi.errno(), '');
  return pid <= 0 ? null : { pid, ...toChildExit(status.readInt32LE(0)) };
}

function toChildExit(status: number): ChildExit {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff, signal: 0 } : { code: 0, signal };
}

/** Whether poll(2) says that a write would not wait; false also where the other side is gone. */
export function isWritable(fd: number): boolean {
  const POLLOUT = 4;
  const POLLHUP = 16;
  const request = Buffer.alloc(8);
  request.writeInt32LE(fd, 0);
  request.writeInt16LE(POLLOUT, 4);
  if (check(c.poll(request, 1, 0), 'poll') === 0) return false;
  return (request.readInt16LE(6) & (POLLOUT | POLLHUP)) === POLLOUT;
}

export interface SpawnOptions {
  /** Absolute path of the program. */
  readonly file: string;
  /** All arguments, the program's name first. */
  readonly argv: readonly string[];
  /** `NAME=value` entries: all that the child has. */
  readonly env: readonly string[];
  /** The child's standard input, output and error; nothing else is inherited that has close-on-exec set. */
  readonly stdio: readonly [number, number, number];
}

/**
 * posix_spawn(3): a child that Node does not know of, with every signal as a new program expects it.
 * It shares the caller's memory until it executes, so it costs no copy of a large process, and it is the caller's to reap.
 */
export function spawnChild(options: SpawnOptions): number {
  const POSIX_SPAWN_SETSIGDEF = 0x04;
  const POSIX_SPAWN_SETSIGMASK = 0x08;
  // glibc's sizes on x86-64: posix_spawnattr_t 336 (flags, pgrp, default set, mask, …), file actions 80, sigset_t 128.
  const attributes = Buffer.alloc(336);
  attributes.writeInt16LE(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK, 0);
  // Node ignores SIGPIPE, and an ignored signal would stay ignored in the child.
  attributes.fill(0xff, 8, 8 + 128);
  const actions = Buffer.alloc(80);
  checkErrno(c.posix_spawn_file_actions_init(actions), 'posix_spawn_file_actions_init');
  try {
    for (const [target, fd] of options.stdio.entries()) {
      const errno = c.posix_spawn_file_actions_adddup2(actions, fd, target);
      checkErrno(errno, 'posix_spawn_file_actions_adddup2');
    }
    const pid: [number] = [0];
    const argv = [...options.argv.map(cString), null];
    const env = [...options.env.map(cString), null];
    const errno = c.posix_spawn(pid, cString(options.file), actions, attributes, argv, env);
    checkErrno(errno, 'posix_spawn', options.file);
    return pid[0];
  } finally {
    c.posix_spawn_file_actions_destroy(actions);
  }
}

/** For calls that return the errno itself. */
function checkErrno(errno: number, name: string, subject = ''): void {
  if (errno !== 0) throw new SystemError(name, errno, subject);
}

/** Ends the process at once: Node's own exit waits for its threads, one of which may wait in a call for ever. */
export function exitNow(code: number): never {
  c._exit(code);
  throw new Error('unreachable');
}

/** Makes the calling process the parent of its descendants' orphans. */
export function becomeSubreaper(): void {
  const PR_SET_CHILD_SUBREAPER = 36;
  check(c.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 'prctl');
}

/** A listening Unix socket over which a peer can send one descriptor (crun's --console-socket). */
export class DescriptorSocket {
  readonly #fd: number;

  /** @param path at most 107 bytes */
  constructor(path: string) {
    const AF_UNIX = 1;
    const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000;
    const address = Buffer.alloc(110);
    address.writeUInt16LE(AF_UNIX, 0);
    if (Buffer.byteLength(path) > 107)
      throw new RangeError(`a socket's path has at most 107 bytes: ${path}`);
    address.write(cString(path), 2);
    this.#fd = check(c.socket(AF_UNIX, SOCK_STREAM_NONBLOCK_CLOEXEC, 0), 'socket');
    try {
      check(c.bind(this.#fd, address, address.length), 'bind', path);
      check(c.listen(this.#fd, 1), 'listen', path);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  /** The descriptor that a peer has sent; null if none has yet. It has close-on-exec set; the caller closes it. */
  receive(): number | null {
    const SOCK_CLOEXEC = 0o2000000;
    const MSG_CMSG_CLOEXEC = 0x4000_0000;
    const EAGAIN = 11;
    const connection = c.accept4(this.#fd, null, null, SOCK_CLOEXEC) as number;
    if (connection < 0) {
      const errno = koffi.errno();
      if (errno === EAGAIN) return null;
      throw new SystemError('accept4', errno, '');
    }
    try {
      const data = Buffer.alloc(4096);
      const control = Buffer.alloc(24);
      const vector = Buffer.alloc(16);
      vector.writeBigUInt64LE(koffi.address(data), 0);
      vector.writeBigUInt64LE(BigInt(data.length), 8);
      const message = Buffer.alloc(56);
      message.writeBigUInt64LE(koffi.address(vector), 16);
      message.writeBigUInt64LE(1n, 24);
      message.writeBigUInt64LE(koffi.address(control), 32);
      message.writeBigUInt64LE(BigInt(control.length), 40);
      check(c.recvmsg(connection, message, MSG_CMSG_CLOEXEC), 'recvmsg');
      const SOL_SOCKET = 1;
      const SCM_RIGHTS = 1;
      const carriesDescriptor =
        message.readBigUInt64LE(40) >= 20n &&
        control.readInt32LE(8) === SOL_SOCKET &&
        control.readInt32LE(12) === SCM_RIGHTS;
      if (!carriesDescriptor) throw new Error('the peer sent no descriptor');
      return control.readInt32LE(16);
    } finally {
      closeSync(connection);
    }
  }

  /** Closes the socket; removing its file is the caller's. */
  close(): void {
    closeSync(this.#fd);
  }
}

/** Bytes of the kernel's `struct termios` on x86-64: four words of flags, the discipline, 19 control characters. */
const termiosBytes = 36;

/** The mode of the terminal that `fd` names, as the kernel's `struct termios`. */
export function getTerminalMode(fd: number): Uint8Array {
  const TCGETS = 0x5401;
  const mode = Buffer.alloc(termiosBytes);
  check(c.ioctl(fd, TCGETS, mode), 'ioctl', 'TCGETS');
  return mode;
}

/** Sets a terminal's mode as `getTerminalMode` gave it. Never waits for output: the other side may have stopped it. */
export function setTerminalMode(fd: number, mode: Uint8Array): void {
  const TCSETS = 0x5402;
  if (mode.length !== termiosBytes) throw new RangeError(`a mode has ${termiosBytes} bytes`);
  check(c.ioctl(fd, TCSETS, mode), 'ioctl', 'TCSETS');
}
