// Makes a test what an attacker is who has taken over a VM's QEMU: a process in its jail, with its rights or with more.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileCapabilities } from '../../src/base/namespaces/launcher.js';

/** `qemu` is what QEMU itself may do; `all` adds every capability of its user namespace, which it has dropped. */
export type JailRights = 'qemu' | 'all';

export interface JailScript {
  readonly rights: JailRights;
  /** For a shell; QEMU's number in its jail is `$QEMU`. */
  readonly script: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A descriptor of this process that the script has as number 3. */
  readonly inherited: number;
}

/** Runs a shell script in the jail of a QEMU; all that it prints. */
export function inJail(qemuPid: number, options: JailScript): string {
  const { rights, script, env, inherited } = options;
  const bounding = ['-all', ...fileCapabilities.map((name) => `+${name}`)].join(',');
  const dropping =
    rights === 'all' ? [] : ['--no-new-privs', '--inh-caps=-all', `--bounding-set=${bounding}`];
  const args = [
    ...['--target', String(qemuPid), '--mount', '--pid', '--net', '--ipc', '--uts', '--user'],
    ...['--root', '--wd', '--setuid=0', '--setgid=0', '--'],
    ...['/usr/bin/setpriv', '--clear-groups', ...dropping, '--', '/usr/bin/sh', '-c'],
    findQemu + script,
  ];
  const { stdout, stderr, status } = spawnSync('/usr/bin/nsenter', args, {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/usr/sbin', ...env },
    stdio: ['ignore', 'pipe', 'pipe', inherited],
    timeout: 60_000,
  });
  assert.match(stdout, /^in the jail$/m, `status ${status}: ${stdout}${stderr}`);
  return stdout + stderr;
}

const findQemu = `
  for dir in /proc/[0-9]*; do
    case $(cat $dir/comm) in qemu-system*) QEMU=\${dir#/proc/};; esac
  done
  [ -n "$QEMU" ] && echo in the jail
`;
