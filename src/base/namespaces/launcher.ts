// The command line that turns a freshly forked child into a jailed process: which programs drop what, in which order.

/** Where the jail's root holds the file of the user namespace that `nsenter` enters. */
export const userNamespaceFile = '/user-namespace';

/** Serving a tree with files of all users needs these and no more (QEMU's 9p server, `security_model=none`). */
export const fileCapabilities = ['chown', 'dac_override', 'fowner', 'fsetid'];

export interface LaunchPlan {
  readonly argv: readonly string[];
  readonly userNamespace: boolean;
  readonly needsFileCapabilities: boolean;
  /** The host's user id where there is neither user namespace nor need of capabilities. */
  readonly userId: number;
}

/**
 * `nsenter` enters the user namespace, which gives every capability in it and clears the parent-death signal; so
 * `setpriv` comes after it, drops the capabilities and sets the signal again. Each replaces itself by the next.
 */
export function planLauncher(plan: LaunchPlan): readonly string[] {
  const kept = plan.needsFileCapabilities ? fileCapabilities.map((name) => `+${name}`) : [];
  const unprivileged = !plan.userNamespace && !plan.needsFileCapabilities;
  return [
    ...(plan.userNamespace
      ? ['/usr/bin/nsenter', `--user=${userNamespaceFile}`, '--setuid=0', '--setgid=0', '--']
      : []),
    '/usr/bin/setpriv',
    '--pdeathsig=KILL',
    '--clear-groups',
    '--no-new-privs',
    '--inh-caps=-all',
    `--bounding-set=${['-all', ...kept].join(',')}`,
    ...(unprivileged ? [`--reuid=${plan.userId}`, `--regid=${plan.userId}`] : []),
    '--',
    ...plan.argv,
  ];
}
