// Finds out QEMU's version, which costs a process: only asked once something has failed.
import { execFile } from 'node:child_process';

/** Where Debian has it. */
export const qemuProgram = '/usr/bin/qemu-system-x86_64';

/** The oldest QEMU whose options are those of our command line. */
export const oldestQemu = '7.2';

const versionMs = 5000;

/** The version that a program says it has, as `7.2.22`; null if it says none. */
export function qemuVersion(program: string): Promise<string | null> {
  return new Promise((resolve) => {
    const bounds = { timeout: versionMs, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 } as const;
    execFile(program, ['--version'], { env: {}, ...bounds }, (error, stdout) => {
      resolve(error === null ? parseQemuVersion(stdout) : null);
    });
  });
}

export function parseQemuVersion(text: string): string | null {
  return /^QEMU emulator version (\d{1,4}\.\d{1,4}(?:\.\d{1,4})?)/.exec(text)?.[1] ?? null;
}

/** Whether a version is older than `oldestQemu`. */
export function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldestQemu.split('.').map(Number);
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}
