// A template as the library tells of one: for tests of what is made of it.
import type { TemplateInfo } from '../model/template.js';

export const sampleTemplate: TemplateInfo = {
  id: '0123456789abcdef0123456789abcdef',
  createdAt: '2025-02-20T12:00:00.000Z',
  lastUsedAt: '2025-03-01T11:59:59.500Z',
  current: true,
  guestImage: 'fedcba9876543210',
  qemuVersion: '7.2.22',
  accelerator: 'tcg',
  cpus: 1,
  memoryMiB: 512,
  sizeBytes: 145_961_779,
  buildMs: 8123.4,
  problem: null,
};
