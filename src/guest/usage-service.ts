// The calls about what runs and what it uses: pause, resume, processes, statistics.
import type { GenService } from '@bufbuild/protobuf/codegenv2';
import type { Agent } from '../wire/gen/agent_pb.js';
import type { Handlers } from '../wire/ttrpc/index.js';
import type { System } from './doors.js';
import type { Sandbox } from './sandbox.js';
import { toContainerStats, toMachineStats, toProcessEntry } from './usage.js';

type AgentHandlers = Handlers<typeof Agent extends GenService<infer M> ? M : never>;

export function usageHandlers(
  sandbox: Sandbox,
  system: System,
): Pick<AgentHandlers, 'pauseContainer' | 'resumeContainer' | 'listProcesses' | 'stats'> {
  return {
    async pauseContainer({ containerId }) {
      await sandbox.container(containerId).pause();
      return {};
    },
    async resumeContainer({ containerId }) {
      await sandbox.container(containerId).resume();
      return {};
    },
    async listProcesses({ containerId }) {
      const { processes, total } = await sandbox.container(containerId).listProcesses();
      return { total, processes: processes.map(([one, id]) => toProcessEntry(one, id)) };
    },
    async stats({ containerIds, machine }) {
      const found = containerIds.flatMap((id) => sandbox.find(id) ?? []);
      return {
        containers: found.map((container) => toContainerStats(container.id, container.usage())),
        ...(machine ? { machine: toMachineStats(system.usage()) } : {}),
      };
    },
  };
}
