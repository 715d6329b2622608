// Every call of the agent's service as the host makes it, for tests that go through all of them: a new one needs its line here.
import type { Agent, CallOptions } from '../host/agent/agent.js';
import type { Agent as AgentService } from '../wire/gen/agent_pb.js';

type AgentCall = (agent: Agent, options: CallOptions) => Promise<unknown>;

const init = { containerId: 'web', processId: '' };
const exec = { containerId: 'web', processId: 'sh' };

export const agentCalls: { readonly [K in keyof (typeof AgentService)['method']]: AgentCall } = {
  handshake: (agent, options) => agent.ping(options),
  personalize: (agent, options) =>
    agent.personalize({ hostname: 'h', machineId: 'a'.repeat(32) }, options),
  quiesce: (agent, options) => agent.quiesce(options),
  online: (agent, options) => agent.online({ cpus: 2, memoryMiB: 1024 }, options),
  createContainer: (agent, options) =>
    agent.createContainer(
      {
        containerId: 'web',
        specJson: '{"ociVersion":"1.0.2"}',
        root: {
          kind: 'directory',
          source: { tag: 'virtc-ro', cached: true, path: 'r0' },
          discardWrites: true,
        },
        sharedMounts: [{ tag: 'virtc-rw', cached: false, path: 'm0' }],
        stdin: true,
        terminalSize: { columns: 80, rows: 24 },
      },
      options,
    ),
  startContainer: (agent, options) => agent.startContainer('web', options),
  exec: (agent, options) =>
    agent.exec(
      { ...exec, processJson: '{"args":["sh"]}', stdin: false, terminalSize: null },
      options,
    ),
  signal: (agent, options) => agent.signal(init, 15, options),
  wait: (agent, options) => agent.wait(exec, options),
  release: (agent, options) => agent.release(exec, options),
  readOutput: (agent, options) =>
    agent.readOutput(
      exec,
      { stream: 'stderr', offset: 7n, acknowledged: 5n, maxBytes: 100 },
      options,
    ),
  writeInput: (agent, options) =>
    agent.writeInput(exec, { offset: 5n, data: Buffer.from('hello'), end: true }, options),
  resizeTerminal: (agent, options) => agent.resizeTerminal(exec, { columns: 1, rows: 2 }, options),
  destroyContainer: (agent, options) => agent.destroyContainer('web', options),
  pauseContainer: (agent, options) => agent.pauseContainer('web', options),
  resumeContainer: (agent, options) => agent.resumeContainer('web', options),
  listProcesses: (agent, options) => agent.listProcesses('web', options),
  stats: (agent, options) => agent.stats({ containerIds: ['web', 'db'], machine: true }, options),
  trace: (agent, options) => agent.trace(options),
};
