// Compiled, never run: what the public types accept, and what they refuse.
import {
  type BuildTemplateOptions,
  type CommandRun,
  type Container,
  type ContainerOptions,
  createPod,
  createRuntime,
  type Duration,
  type ExitStatus,
  isVirtcontainersError,
  type MountOptions,
  type Pod,
  type PodListEntry,
  type Process,
  type ProcessResult,
  type RunInput,
  type Runtime,
  type Size,
  type TemplateInfo,
  templates,
  type VirtcontainersError,
  type Warning,
  type WarningCode,
} from './index.js';

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>(): void => {};

export async function accepted(): Promise<void> {
  const runtime: Runtime = createRuntime({
    accelerator: 'tcg',
    warm: 2,
    onWarning: (warning) => holds<Equal<typeof warning, Warning>>(),
  });
  await using pod: Pod = await runtime.createPod({
    memoryMiB: '1GiB',
    signal: AbortSignal.timeout(1),
    template: false,
  });
  holds<Equal<WarningCode, 'template-damaged' | 'template-failed' | 'clone-failed'>>();
  const build = {
    rebuild: true,
    onProgress: ({ step }) => step,
  } as const satisfies BuildTemplateOptions;
  const made: TemplateInfo = await runtime.templates.build(build);
  await templates.remove(made.id);
  await templates.prune({ unusedForMs: '720h', maxBytes: '4GiB' });
  const origin = (await pod.status()).origin;
  holds<Equal<typeof origin, 'boot' | 'clone' | null>>();
  const options = {
    rootfs: { kind: 'directory', path: '/root', writes: 'host' },
    command: ['sh'],
    mounts: [{ kind: 'tmpfs', destination: '/scratch', sizeBytes: '1MiB' }],
    terminal: { columns: 80, rows: 24 },
    stopSignal: 'SIGINT',
  } as const satisfies ContainerOptions;
  await using container: Container = await pod.createContainer(options);
  const process: Process = await container.exec(['ls', '-l'], {
    env: { ...globalThis.process.env, A: '1' },
  });
  const exit = await process.wait();
  holds<Equal<typeof exit, ExitStatus>>();
  holds<Equal<ExitStatus['reason'], 'exited' | 'signaled' | 'oom'>>();
  for await (const chunk of process.stdout) void chunk;
  process.stdin.end('input');
  const run: CommandRun = container.run(['cat'], {
    input: process.stdout,
    timeoutMs: '30s',
    killSignal: 'SIGINT',
    killGraceMs: 0,
    maxBufferBytes: '1MiB',
  });
  for await (const line of run) holds<Equal<typeof line, string>>();
  const result = await run;
  holds<Equal<typeof result, ProcessResult>>();
  const inputs: readonly RunInput[] = ['', new Uint8Array(), ReadableStream.from(['x']), run];
  for await (const line of process.lines({ stream: 'stderr' })) void [line, inputs];
  const output: ExitStatus = await container.output({ maxBufferBytes: 10 });
  const once = await pod.run({ rootfs: '/root', command: ['true'], input: 'x', timeoutMs: 1 });
  void [output, once.stdoutBytes.length, once.command];
  await container.stop({ graceMs: '5s' });
  const sizes: readonly Size[] = [512, '512MiB', '1.5GB'];
  const durations: readonly Duration[] = [10, '10ms', '1.5h'];
  void [sizes, durations, createPod()];
  const entry: PodListEntry | undefined = (await runtime.listPods())[0];
  if (entry !== undefined && !('error' in entry)) void entry.ownerAlive;
  try {
    await pod.delete();
  } catch (error) {
    if (isVirtcontainersError(error)) {
      holds<Equal<typeof error, VirtcontainersError>>();
      if (error.code === 'invalid-state') void error.hint;
    }
  }
}

export async function refused(pod: Pod, container: Container): Promise<void> {
  // @ts-expect-error an unknown option
  await createPod({ memory: 1 });
  // @ts-expect-error a size without a unit
  await createPod({ memoryMiB: '512' });
  // @ts-expect-error a root is needed
  await pod.createContainer({ command: ['sh'] });
  // @ts-expect-error a command is a list
  await pod.createContainer({ rootfs: '/root', command: 'sh' });
  // @ts-expect-error a command line is a list of arguments
  await container.exec('ls -l');
  // @ts-expect-error the timeout states its unit
  await container.run(['ls'], { timeout: 1 });
  // @ts-expect-error whether it has an input is told by `input`
  await container.run(['ls'], { stdin: true });
  // @ts-expect-error an input is text or bytes
  await container.run(['ls'], { input: [1] });
  // @ts-expect-error a container's stop signal ends it
  await pod.run({ rootfs: '/root', command: ['sh'], killSignal: 'SIGINT' });
  // @ts-expect-error a duration without a unit
  await container.stop({ graceMs: '5' });
  // @ts-expect-error there is no such signal
  await pod.createContainer({ rootfs: '/root', command: ['sh'], stopSignal: 'SIGNOPE' });
  // @ts-expect-error a tmpfs has no source
  const mount: MountOptions = { kind: 'tmpfs', destination: '/x', source: '/y' };
  void mount;
  // @ts-expect-error what is told is read only
  pod.id = 'other';
  // @ts-expect-error an exit status always says why
  const exit: ExitStatus = { code: 0, signal: null };
  void exit;
  // @ts-expect-error codes are a closed set
  const known = (error: VirtcontainersError): boolean => error.code === 'no-such-code';
  void known;
}
