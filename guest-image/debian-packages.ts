// The Debian packages that virtcontainers needs on the host, and their installation.
import { existsSync } from 'node:fs';
import { VirtcontainersError } from '../src/base/errors.js';
import { runProgram } from './run-program.js';

/** What running VMs takes: QEMU, and for its jail `mount`, `unshare`, `nsenter` and `setpriv`. */
export const runPackages: readonly string[] = ['mount', 'qemu-system-x86', 'util-linux'];

/** What building a guest image takes. */
export const buildPackages: readonly string[] = [
  // unpacking and packing
  'debian-archive-keyring',
  'dpkg-dev',
  'erofs-utils',
  'kmod',
  'xz-utils',
  // crun, as its own build asks for them
  'autoconf',
  'automake',
  'gcc',
  'gperf',
  'libc6-dev',
  'libcap-dev',
  'libgcrypt20-dev',
  'libseccomp-dev',
  'libtool',
  'libyajl-dev',
  'make',
  'pkg-config',
  'python3',
];

/** What making a Debian root file system for containers takes. */
export const rootfsPackages: readonly string[] = ['debian-archive-keyring', 'mmdebstrap'];

export interface EnsurePackagesOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onInstall?: (missing: readonly string[]) => void;
}

/**
 * Installs those of the packages that are missing.
 * @returns what it has installed
 * @throws VirtcontainersError `unsupported` where that cannot be done, naming the packages
 */
export async function ensureDebianPackages(
  packages: readonly string[],
  options: EnsurePackagesOptions = {},
): Promise<readonly string[]> {
  const { signal, onInstall } = options;
  const missing = await missingPackages(packages, signal);
  if (missing.length === 0) return [];
  const what = `cannot install Debian packages ${missing.join(' ')}`;
  if (process.getuid?.() !== 0) {
    throw new VirtcontainersError('unsupported', `${what}: this needs root`, {
      hint: `run as root: apt-get install ${missing.join(' ')}`,
    });
  }
  onInstall?.(missing);
  const quiet = { what, signal, env: { DEBIAN_FRONTEND: 'noninteractive' } };
  // Another apt-get may be at work: it is waited for.
  const wait = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3'];
  await runProgram('apt-get', [...wait, '--quiet', 'update'], quiet);
  await runProgram(
    'apt-get',
    [...wait, '--quiet', '--yes', '--no-install-recommends', 'install', ...missing],
    quiet,
  );
  return missing;
}

async function missingPackages(
  packages: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  if (!existsSync('/usr/bin/dpkg-query')) {
    throw new VirtcontainersError(
      'unsupported',
      `cannot find Debian packages ${packages.join(' ')}: this is not a Debian system`,
      {
        hint: 'install what these packages hold by other means, and use a guest image built elsewhere',
      },
    );
  }
  // All packages rather than these: asked for one that it does not know, dpkg-query fails.
  const known = await runProgram(
    '/usr/bin/dpkg-query',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: these are dpkg-query's own placeholders
    ['--show', '--showformat', '${Package} ${db:Status-Status}\\n'],
    { what: 'cannot list Debian packages', signal },
  );
  const installed = new Set(known.split('\n').filter((line) => line.endsWith(' installed')));
  return packages.filter((name) => !installed.has(`${name} installed`));
}
