// Checks of what is installed: Node, QEMU, the programs that make a jail.
import { accessSync, constants } from 'node:fs';
import { isTooOld, oldestQemu } from '../host/hypervisor/qemu/qemu-version.js';
import { type Finding, fail, ok } from './check.js';

/** The same as `engines` in package.json. */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const fits = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  if (fits) return ok(`Node ${version}`);
  return fail(`Node ${version} is too old or of an odd line`, {
    hint: 'use Node 20.19 or newer, or 22.12 or newer',
  });
}

export function checkPlatform(platform: string, architecture: string): Finding {
  if (platform === 'linux' && architecture === 'x64') return ok('Linux on x86-64');
  return fail(`${platform} on ${architecture} is not supported`, { hint: 'use Linux on x86-64' });
}

export function checkRoot(userId: number | undefined): Finding {
  if (userId === 0) return ok('this process is root');
  return fail('this process is not root', {
    hint: 'run it as root: the jail of a VM is made with namespaces, mounts and another user',
  });
}

/** @param version what the program says; null where it is missing or says nothing */
export function checkQemu(program: string, version: string | null): Finding {
  const hint = 'apt-get install qemu-system-x86, or virtc setup';
  if (version === null) {
    return fail(`${program} is not there or does not run`, { hint, fixedBySetup: true });
  }
  if (!isTooOld(version)) return ok(`QEMU ${version}`);
  return fail(`QEMU ${version} is too old`, { hint: `install QEMU ${oldestQemu} or newer` });
}

const packageOf: Readonly<Record<string, string>> = {
  '/usr/bin/mount': 'mount',
  '/usr/bin/unshare': 'util-linux',
  '/usr/bin/nsenter': 'util-linux',
  '/usr/bin/setpriv': 'util-linux',
  '/usr/bin/cat': 'coreutils',
};

/** The programs that a jail is made with. */
export function checkTools(isExecutable: (file: string) => boolean = canExecute): Finding {
  const tools = Object.keys(packageOf);
  const names = (files: readonly string[]): string =>
    files.map((file) => file.replace('/usr/bin/', '')).join(', ');
  const missing = tools.filter((file) => !isExecutable(file));
  if (missing.length === 0) return ok(`${names(tools)} are in /usr/bin`);
  const packages = [...new Set(missing.map((file) => packageOf[file]))].join(' ');
  return fail(`/usr/bin lacks ${names(missing)}`, {
    hint: `apt-get install ${packages}, or virtc setup`,
    fixedBySetup: true,
  });
}

function canExecute(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
