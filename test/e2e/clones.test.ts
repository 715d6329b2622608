// Pods as clones of one template: each is its own, none changes or reads what they share, and they grow and shrink as pods that have booted.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { before, test } from 'node:test';
import { sleep } from '../../src/base/deadline.js';
import type { Container, Pod } from '../../src/model/pod.js';
import type { Warning } from '../../src/model/warning.js';
import { clockErrorMs, clockProgram } from './guest-clock.js';
import { asGuestRoot, powerful } from './guest-root.js';
import { debian, E2e, shOk, until } from './harness.js';
import { descriptorsOf, qemuBelow } from './host-process.js';
import { fingerprint, storedTemplate, textsIn } from './template-files.js';

const e2e = new E2e('clones');
const warnings: Warning[] = [];
const runtime = e2e.runtime({ onWarning: (warning) => warnings.push(warning) });

const clones = 20;
/** As many as small machines can hold and answer in time. */
const atOnce = 5;
/** What pods have written in their memory: none of it may ever be in a template. */
const markers: string[] = [];

/** A clock that is set right is off by less. */
const maxClockErrorMs = 50;

const idle = ['sleep', 'infinity'];

before(async () => {
  await runtime.templates.build();
});

test(`${clones} clones have nothing in common that is random, their own names and the right time, and leave the template as it was`, async () => {
  const template = storedTemplate(e2e.libRoot);
  const before = await fingerprint(template);
  for (const directory of template.directories) {
    const { mode, uid } = statSync(directory);
    assert.deepEqual([(mode & 0o777).toString(8), uid], ['700', 0], directory);
  }
  for (const line of before) assert.match(line, / 100600 /);

  const ids = Array.from({ length: clones }, (_, index) => `own-${index}`);
  const identities: Readonly<Record<string, string>>[] = [];
  while (ids.length > 0) {
    identities.push(...(await Promise.all(ids.splice(0, atOnce).map(lookAtClone))));
  }
  const names = Object.keys(identities[0] ?? {});
  assert.equal(names.length, 11);
  for (const name of names) {
    const values = identities.map((identity) => identity[name] ?? '');
    assert.ok(
      values.every((value) => value.length >= 5),
      `${name}: ${values.join()}`,
    );
    assert.equal(new Set(values).size, clones, `${name}: ${values.join()}`);
  }
  assert.deepEqual(await fingerprint(template), before);
  assert.deepEqual(warnings, []);
  await e2e.assertNothingLeft();
});

/** Makes a clone, checks its clock, and tells what makes it its own. */
async function lookAtClone(id: string): Promise<Readonly<Record<string, string>>> {
  const marker = freshMarker();
  await using pod = await runtime.createPod({ id });
  assert.equal((await pod.status()).origin, 'clone');
  const box = await pod.createContainer({
    rootfs: debian,
    command: ['python3', '-c', identityProgram],
    env: { MARKER: marker },
    capabilities: powerful,
    stdin: true,
  });
  await box.start();
  const lines = box.lines();
  const { value } = await lines.next();
  const inside = JSON.parse(String(value)) as Readonly<Record<string, string>>;
  assert.equal(inside['hostname'], id);
  const clock = await clockErrorMs(box, lines);
  assert.ok(clock.errorMs < maxClockErrorMs, `${id}: its clock is off: ${JSON.stringify(clock)}`);
  if (Number(id.split('-')[1]) % atOnce === 0) {
    await pod.pause();
    await sleep(1000);
    await pod.resume();
    const later = await clockErrorMs(box, lines);
    assert.ok(later.errorMs < maxClockErrorMs, `${id} after a pause: ${JSON.stringify(later)}`);
  }
  const seen = await asGuestRoot(box, 'cat /etc/machine-id /etc/hostname; hostname');
  const [machineId = '', ...hostnames] = seen.trim().split('\n');
  assert.match(machineId, /^[0-9a-f]{32}$/);
  assert.deepEqual(hostnames, [id, id]);
  return { ...inside, machineId };
}

function freshMarker(): string {
  const marker = `marker-${randomBytes(16).toString('hex')}`;
  markers.push(marker);
  return marker;
}

/** Prints what is the machine's own and what programs make of it, keeps the marker in memory, then answers with the time. */
const identityProgram = `
import json, os, random, secrets, socket, time, uuid
def text(path):
  with open(path) as file: return file.read().strip()
with open('/dev/urandom', 'rb') as file: urandom = file.read(32).hex()
kept = [os.environ['MARKER'] + str(index) for index in range(1000)]
with open('/marker', 'w') as file: file.write('\\n'.join(kept))
print(json.dumps({
  'urandom': urandom,
  'bootId': text('/proc/sys/kernel/random/boot_id'),
  'kernelUuid': text('/proc/sys/kernel/random/uuid'),
  'uuid4': str(uuid.uuid4()),
  'random': str(random.random()),
  'secret': secrets.token_hex(),
  'getrandom': os.urandom(32).hex(),
  'hashSeed': str(hash('the same text')),
  'stack': hex(id(object())),
  'hostname': socket.gethostname(),
}), flush=True)
${clockProgram}`;

test('the template holds nothing of any pod, not after it is made anew either', async () => {
  assert.equal(markers.length, clones);
  const known = 'Linux version 6.';
  const first = storedTemplate(e2e.libRoot);
  assert.deepEqual(await textsIn(first.memory, [known, ...markers]), [known]);
  assert.deepEqual(await textsIn(first.state, markers), []);
  await runtime.templates.build({ rebuild: true });
  const second = storedTemplate(e2e.libRoot);
  assert.notEqual(second.memory, first.memory);
  assert.deepEqual(await textsIn(second.memory, [known, ...markers]), [known]);
});
