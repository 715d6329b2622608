// What pods could leave on the host, found by the name of the run root that was theirs alone.
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { scopeOf } from '../../src/host/hypervisor/qemu/vm-shape.js';

/** Everything of ours on the host, each as a line that names it. */
export type HostSnapshot = ReadonlySet<string>;

/** Takes note of the host before a test file makes its first pod, and after its last. */
export function hostSnapshot(roots: {
  readonly runRoot: string;
  readonly libRoot: string;
  /** Run roots below it that a test has made. */
  readonly moreRoots?: readonly string[];
}): HostSnapshot {
  const { runRoot, libRoot, moreRoots = [] } = roots;
  return new Set([
    ...processesOf(runRoot),
    ...hostMountsWith(runRoot).map((line) => `mount: ${line}`),
    ...stateBelow(runRoot).map((file) => `state: ${file}`),
    ...names('/sys/class/net').map((name) => `interface: ${name}`),
    ...cgroupsOf([runRoot, ...moreRoots]).map((directory) => `cgroup: ${directory}`),
    ...names(path.join(libRoot, 'logs')).map((name) => `log: ${name}`),
    ...halfTemplates(path.join(libRoot, 'templates')).map((name) => `template: ${name}`),
  ]);
}

/** Lines of this process' mountinfo that hold a text. */
export function hostMountsWith(part: string): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(part));
}

/** Processes that have to do with a run root, as lines with their commands. */
export function processesOf(runRoot: string): readonly string[] {
  return [...pidsOf(runRoot)].map((pid) => {
    const command = content(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').slice(0, 200);
    return `process: ${pid} ${command}`;
  });
}

/** Processes that know the run root by argument, environment, working directory or mount. */
function pidsOf(runRoot: string): ReadonlySet<string> {
  const pids = names('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return new Set(
    pids.filter((pid) =>
      [
        content(`/proc/${pid}/cmdline`),
        content(`/proc/${pid}/environ`),
        content(`/proc/${pid}/mountinfo`),
        link(`/proc/${pid}/cwd`),
      ].some((where) => where.includes(runRoot)),
    ),
  );
}

/** What stays in a run root: the directories that hold pods and names, and what the KVM probe said. */
const lasting = ['pods', 'containers', 'cache', 'cache/kvm-probe.json'];

/** Everything else below the run root. */
function stateBelow(runRoot: string): readonly string[] {
  return names(runRoot, true)
    .filter((name) => !lasting.includes(name))
    .map((name) => path.join(runRoot, name));
}

/** Cgroups of pods of these run roots, wherever an owner has made them; those of other run roots are not looked at. */
function cgroupsOf(runRoots: readonly string[]): readonly string[] {
  const scopes = runRoots.map((runRoot) => `.${scopeOf(runRoot)}`);
  const found: string[] = [];
  const walk = (directory: string, depth: number): void => {
    if (depth > 10) return;
    for (const name of names(directory)) {
      const file = path.join(directory, name);
      if (!isDirectory(file)) continue;
      if (scopes.some((scope) => name.endsWith(scope))) found.push(file);
      else walk(file, depth + 1);
    }
  };
  walk('/sys/fs/cgroup', 0);
  return found;
}

/** What the builder of a template, or who removes one, works with. */
function halfTemplates(root: string): readonly string[] {
  return names(root, true).filter((name) =>
    /^(\.gone-|scratch-|.*\.new$)/.test(path.basename(name)),
  );
}

function isDirectory(file: string): boolean {
  try {
    return lstatSync(file).isDirectory();
  } catch {
    return false;
  }
}

// What is being looked at may vanish in the same moment: then it is not left.
function names(directory: string, recursive = false): readonly string[] {
  try {
    return readdirSync(directory, { recursive, encoding: 'utf8' });
  } catch {
    return [];
  }
}

function content(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function link(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}
