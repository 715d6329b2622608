// What the kernel says of a process on the host.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The QEMU among a process and its descendants. */
export function qemuBelow(pid: number): number {
  const found = [pid, ...descendants(pid)].find((candidate) =>
    readFileSync(`/proc/${candidate}/comm`, 'utf8').startsWith('qemu-system'),
  );
  if (found === undefined) throw new Error(`there is no QEMU at or below process ${pid}`);
  return found;
}

/** The processes below a process, the nearest first. */
export function descendants(pid: number): readonly number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number),
  );
  return [...children, ...children.flatMap(descendants)];
}

/** The fields of /proc/<pid>/status. */
export function statusOf(pid: number): ReadonlyMap<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').trimEnd().split('\n');
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
}

/** What a namespace of a process is, for example `mnt:[4026531841]`. */
export function namespaceOf(pid: number | 'self', kind: string): string {
  return readlinkSync(`/proc/${pid}/ns/${kind}`);
}

export interface MountLine {
  readonly point: string;
  readonly options: readonly string[];
  readonly type: string;
}

/** The mounts that a process sees (proc(5), mountinfo). */
export function mountsOf(pid: number): readonly MountLine[] {
  const lines = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const [before = '', behind = ''] = line.split(' - ');
    const fields = before.split(' ');
    return {
      point: unescapeOctal(fields[4] ?? ''),
      options: (fields[5] ?? '').split(','),
      type: behind.split(' ')[0] ?? '',
    };
  });
}

/** mountinfo writes spaces, tabs, newlines and backslashes as octal numbers. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_match, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** What the descriptors of a process are, by their number. */
export function descriptorsOf(pid: number): ReadonlyMap<number, string> {
  return new Map(
    readdirSync(`/proc/${pid}/fd`).map((fd) => [Number(fd), readlinkSync(`/proc/${pid}/fd/${fd}`)]),
  );
}

/** Names of the variables in a process' environment. */
export function environmentOf(pid: number): readonly string[] {
  return readFileSync(`/proc/${pid}/environ`, 'utf8')
    .split('\0')
    .filter(Boolean)
    .map((entry) => entry.slice(0, entry.indexOf('=')));
}

export function argumentsOf(pid: number): readonly string[] {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
}
