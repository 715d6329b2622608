// A guest of 168 bytes that shows whether an accelerator really executes guests: it needs interrupts, not only instructions.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { printable } from '../../../base/untrusted-text.js';
import { option } from './option.js';

/*
 * From the reset vector, as a firmware image:
 *   lgdt, lidt, cr0.PE = 1, far jump           32-bit protected mode with flat segments
 *   [0xfee000f0] = 0x1ff, [0xfee00350] = 0x700  local APIC on, its LINT0 takes the PIC's interrupts
 *   PIC: base 0x20, only line 0; timer: channel 0, every 1193 ticks (1 ms)
 *   sti; hlt until the handler has counted 3 interrupts
 *   out 0xf4, 0x2a                              QEMU ends with (0x2a << 1) | 1
 * Handler: count, end of interrupt, return. Tables for it follow the code.
 */
const code =
  'fa2e660f011690002e660f011e96000f20c00c010f22c066ea1f000f000800b8' +
  '100000008ed88ed0bc00800000c705f000e0feff010000c7055003e0fe000700' +
  '00b011e620b020e621b004e621b001e621b0fee621b034e643b0a9e640b004e6' +
  '4031dbfbf480fb0372fab02ae6f4f4ebfd43b020e620cf900000000000000000' +
  'ffff0000009acf00ffff00000092cf00170078000f000701a0ff0e008db40000' +
  '71000800008e0f00';
const jumpToCode = 'ea000000f0';
const firmwareBytes = 65_536;
const exitCode = (0x2a << 1) | 1;

export interface ProbeGuestOptions {
  readonly program: string;
  readonly accelerator: 'kvm' | 'tcg';
  /** After this it counts as hanging, in milliseconds. */
  readonly timeoutMs: number;
}

/** The firmware image. */
export function probeFirmware(): Buffer {
  const image = Buffer.alloc(firmwareBytes);
  image.write(code, 0, 'hex');
  image.write(jumpToCode, firmwareBytes - 16, 'hex');
  return image;
}

/**
 * Runs the guest in a QEMU of its own.
 * @returns null if it worked, else why not
 */
export async function runProbeGuest(options: ProbeGuestOptions): Promise<string | null> {
  const directory = await mkdtemp(path.join(tmpdir(), 'virtc-probe-'));
  try {
    const firmware = path.join(directory, 'firmware');
    await writeFile(firmware, probeFirmware(), { mode: 0o600 });
    return await runQemu(options, firmware);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function runQemu(options: ProbeGuestOptions, firmware: string): Promise<string | null> {
  const { program, accelerator, timeoutMs } = options;
  const args = [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-m', '16M'],
    ...[
      '-machine',
      option('q35', { accel: accelerator }),
      '-cpu',
      accelerator === 'kvm' ? 'host' : 'max',
    ],
    ...['-device', option('isa-debug-exit', { iobase: 0xf4, iosize: 1 })],
    ...['-bios', firmware],
  ];
  return new Promise((resolve) => {
    execFile(
      program,
      args,
      { env: {}, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 },
      (error, _stdout, stderr) => {
        const code = error?.code;
        if (code === exitCode) resolve(null);
        else if (code === 'ENOENT') resolve(`${program} is not there`);
        else if (error?.killed) resolve(`a test guest did not run within ${timeoutMs} ms`);
        else
          resolve(`a test guest failed: ${printable(stderr.trim() || `code ${code ?? 0}`, 300)}`);
      },
    );
  });
}
