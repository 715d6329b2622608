// What pods could leave on the host, found by the name of the run root that was theirs alone.
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';

/** Everything of ours on the host, each as a line that names it. */
export type HostSnapshot = ReadonlySet<string>;

/** Takes note of the host before a test file makes its first pod, and after its last. */
export function hostSnapshot(roots: {
  readonly runRoot: string;
  readonly libRoot: string;
}): HostSnapshot {
  const { runRoot, libRoot } = roots;
  return new Set([
    ...processesOf(runRoot),
    ...hostMountsWith(runRoot).map((line) => `mount: ${line}`),
    ...stateBelow(runRoot).map((file) => `state: ${file}`),
    ...names('/sys/class/net').map((name) => `interface: ${name}`),
    ...ourCgroups(pidsOf(runRoot)).map((directory) => `cgroup: ${directory}`),
    ...names(path.join(libRoot, 'logs')).map((name) => `log: ${name}`),
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

/** Everything below the run root but the directories that hold pods and names. */
function stateBelow(runRoot: string): readonly string[] {
  return names(runRoot, true)
    .filter((name) => name !== 'pods' && name !== 'containers')
    .map((name) => path.join(runRoot, name));
}

/** Directories of the cgroup file systems that carry the project's name, those in use by others' processes apart. */
function ourCgroups(ourPids: ReadonlySet<string>): readonly string[] {
  const found: string[] = [];
  const walk = (directory: string, ours: boolean, depth: number): void => {
    if (depth > 10) return;
    for (const name of names(directory)) {
      const file = path.join(directory, name);
      if (!isDirectory(file)) continue;
      const pids = ours ? content(path.join(file, 'cgroup.procs')).split('\n').filter(Boolean) : [];
      const isOthers = pids.some((pid) => !ourPids.has(pid));
      if (ours && !isOthers) found.push(file);
      // The parent of all pods' cgroups may stay.
      if (!isOthers) walk(file, ours || name === 'virtcontainers', depth + 1);
    }
  };
  walk('/sys/fs/cgroup', false, 0);
  return found;
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
