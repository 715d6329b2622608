// Finds QEMUs by the name in their arguments, for a pod whose record is lost.
import { readdir, readFile, stat } from 'node:fs/promises';
import { jailUserId } from '../../../base/namespaces/jail.js';
import { type ProcessHandle, processHandle } from '../../../base/process-handle.js';

/**
 * Processes that run (or are about to execute) a QEMU called `name`. Only those of this user or of the jail's count:
 * anybody can start a program with such arguments.
 */
export async function findQemus(name: string): Promise<readonly ProcessHandle[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number);
  const found = await Promise.all(pids.map((pid) => qemuHandle(pid, name)));
  return found.filter((handle) => handle !== null);
}

async function qemuHandle(pid: number, name: string): Promise<ProcessHandle | null> {
  // Taken first: a pid that is recycled after this has another start time.
  const handle = processHandle(pid);
  try {
    const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    if (!isNamed(argv, name)) return null;
    const { uid } = await stat(`/proc/${pid}`);
    return uid === process.geteuid?.() || uid === jailUserId ? handle : null;
  } catch {
    // It has ended meanwhile.
    return null;
  }
}

/** Whether arguments, those of the programs that lead to QEMU included, name a VM. */
export function isNamed(argv: readonly string[], name: string): boolean {
  return argv.some((argument, index) => argument === '-name' && argv[index + 1] === name);
}
