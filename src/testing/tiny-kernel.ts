// A kernel of 8 KiB for tests of VMs without a guest image: it writes a text on the first serial port and ends or halts.

/** What it does after its text. */
export type TinyKernelEnd = 'halt' | 'reset' | 'repeat';

/*
 * Real-mode code at the entry that the Linux boot protocol 2.0 gives (offset 0x200 of the file):
 *   0x268  mov si, text; mov dx, 0x3f8
 *   0x26e  lodsb; test al, al; jz end; out dx, al; jmp 0x26e
 *   0x276  end: mov al, kind; cmp al, 1; je reset; cmp al, 2; je 0x268
 *   0x280  hlt; jmp 0x280
 *   0x283  reset: mov al, 6; mov dx, 0xcf9; out dx, al; jmp 0x280
 */
const code = 'be9002baf803ac84c07403eeebf8b0003c0174073c0274e8f4ebfdb006baf90ceeebf5';
const textAt = 0x290;

/** The file's bytes; the text has at most 360 bytes. */
export function tinyKernel(text: string, end: TinyKernelEnd): Buffer {
  if (text.length > 360) throw new RangeError('the text does not fit');
  const kernel = Buffer.alloc(8192);
  kernel[0x1f1] = 1;
  kernel.writeUInt16LE(0xaa55, 0x1fe);
  kernel.write('eb66', 0x200, 'hex');
  kernel.write('HdrS', 0x202, 'latin1');
  kernel.writeUInt16LE(0x200, 0x206);
  // Loaded high, as every kernel since 1995.
  kernel[0x211] = 1;
  kernel.write(code, 0x268, 'hex');
  kernel[0x277] = { halt: 0, reset: 1, repeat: 2 }[end];
  kernel.write(`${text}\0`, textAt, 'latin1');
  return kernel;
}
