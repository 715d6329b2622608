// What everything that keeps templates must do, to be run on each implementation.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Template, TemplateBuild, TemplateKey, Templates } from './templates.js';

export interface TemplatesUnderTest {
  readonly templates: Templates;
  /** The same templates as another process sees them. */
  readonly other: Templates;
  /** Writes what a builder writes. */
  fill(build: TemplateBuild): Promise<void>;
  /** Makes a template differ from what was built. */
  damage(template: Template): Promise<void>;
  dispose(): Promise<void>;
}

export function sampleKey(digit = 'a', more: Partial<TemplateKey> = {}): TemplateKey {
  return {
    id: digit.repeat(32),
    guestImage: '0123456789abcdef',
    accelerator: 'tcg',
    cpus: 1,
    memoryMiB: 512,
    ...more,
  };
}

export const sampleFacts = { qemuVersion: '7.2.22', buildMs: 8123.5 };

/** Begins what nobody else builds. */
export async function begin(templates: Templates, key: TemplateKey): Promise<TemplateBuild> {
  const build = await templates.begin(key);
  assert.ok(build !== null, 'somebody else builds it');
  return build;
}

/** Declares the tests; `open` makes an empty one. */
export function testTemplates(name: string, open: () => Promise<TemplatesUnderTest>): void {
  const check = (title: string, run: (under: TemplatesUnderTest) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      const under = await open();
      try {
        await run(under);
      } finally {
        await under.dispose();
      }
    });
  };
  const make = async ({ templates, fill }: TemplatesUnderTest, key: TemplateKey) => {
    const build = await begin(templates, key);
    await fill(build);
    return build.commit(sampleFacts);
  };
  const noReason = (reason: string): void => assert.fail(`it counts as damaged: ${reason}`);
  const key = sampleKey();

  check('where there is none, none is found, listed or waited for', async ({ templates }) => {
    assert.equal(await templates.find(key, noReason), null);
    assert.deepEqual(await templates.list(), []);
    await templates.waitForBuilder(key, AbortSignal.timeout(10_000));
    await templates.remove(key.id);
    assert.deepEqual(await templates.list(), []);
  });

  check('one that is committed is found, here and elsewhere', async (under) => {
    const before = Date.now();
    const made = await make(under, key);
    assert.equal(made.id, key.id);
    assert.equal(made.qemuVersion, sampleFacts.qemuVersion);
    for (const place of [made.memory, made.state])
      assert.ok(place.startsWith(`${made.directory}/`));
    for (const templates of [under.templates, under.other]) {
      assert.deepEqual(await templates.find(key, noReason), made);
      const [listed, ...more] = await templates.list();
      assert.deepEqual(more, []);
      assert.ok(listed !== undefined);
      const { createdAt, lastUsedAt, sizeBytes, ...rest } = listed;
      assert.deepEqual(rest, { ...key, ...sampleFacts, problem: null });
      for (const time of [createdAt, lastUsedAt]) {
        const ms = Date.parse(time ?? '');
        assert.ok(ms >= before - 5 && ms <= Date.now() + 5, `${time}`);
        assert.equal(new Date(ms).toISOString(), time);
      }
      assert.ok(sizeBytes > 0);
    }
    await under.templates.remove(key.id);
  });

  check(
    'until it is committed it is neither found nor listed',
    async ({ templates, other, fill }) => {
      const build = await begin(templates, key);
      await fill(build);
      for (const view of [templates, other]) {
        assert.equal(await view.find(key, noReason), null);
        assert.deepEqual(await view.list(), []);
      }
      await build.abandon();
    },
  );

  check('one at a time builds it', async ({ templates, other }) => {
    const build = await begin(templates, key);
    for (const view of [templates, other]) assert.equal(await view.begin(key), null);
    const unlike = await begin(other, sampleKey('b'));
    await unlike.abandon();
    assert.equal(await other.begin(key), null);
    await build.abandon();
    await (await begin(other, key)).abandon();
  });

  check('of many who begin at once one wins', async ({ templates, other }) => {
    const attempts = await Promise.all(
      Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? templates : other).begin(key)),
    );
    const won = attempts.filter((build) => build !== null);
    assert.equal(won.length, 1);
    await won[0]?.abandon();
  });

  check('what is abandoned leaves nothing, however often', async ({ templates, other, fill }) => {
    const build = await begin(templates, key);
    await fill(build);
    await Promise.all([build.abandon(), build.abandon()]);
    await build.abandon();
    const next = await begin(other, key);
    await build.abandon();
    assert.equal(await templates.begin(key), null);
    await assert.rejects(build.commit(sampleFacts), {
      code: 'invalid-state',
      message: `cannot save template ${key.id}: it is saved or abandoned already`,
    });
    await next.abandon();
    assert.deepEqual(await templates.list(), []);
  });

  check('what is committed is not taken back', async ({ templates, fill }) => {
    const build = await begin(templates, key);
    await fill(build);
    const [made] = await Promise.all([build.commit(sampleFacts), build.abandon()]);
    await build.abandon();
    assert.deepEqual(await templates.find(key, noReason), made);
    await assert.rejects(build.commit(sampleFacts), { code: 'invalid-state' });
    await templates.remove(key.id);
  });

  check('one that is made anew replaces the old at the commit', async (under) => {
    const { templates, other } = under;
    const old = await make(under, key);
    const build = await begin(other, key);
    await under.fill(build);
    assert.deepEqual(await templates.find(key, noReason), old);
    const made = await build.commit({ qemuVersion: '9.0.0', buildMs: 1 });
    assert.notEqual(made.memory, old.memory);
    assert.deepEqual(await templates.find(key, noReason), made);
    assert.deepEqual(
      (await templates.list()).map(({ qemuVersion }) => qemuVersion),
      ['9.0.0'],
    );
    const given = await begin(other, key);
    await given.abandon();
    assert.deepEqual(await templates.find(key, noReason), made);
    await templates.remove(key.id);
  });

  check('who waits for a builder is told when it has ended', async (under) => {
    const { templates, other } = under;
    for (const end of ['commit', 'abandon'] as const) {
      const build = await begin(templates, key);
      let ended = false;
      const waits = [templates, other].map(async (view) => {
        await view.waitForBuilder(key, AbortSignal.timeout(10_000));
        assert.ok(ended);
      });
      await under.fill(build);
      await new Promise((resolve) => setTimeout(resolve, 60));
      ended = true;
      await (end === 'commit' ? build.commit(sampleFacts) : build.abandon());
      await Promise.all(waits);
    }
    await templates.remove(key.id);
  });

  check('who waits no longer is told so', async ({ templates, other }) => {
    const build = await begin(templates, key);
    const controller = new AbortController();
    const waiting = other.waitForBuilder(key, controller.signal);
    setTimeout(() => controller.abort(new Error('enough')), 20);
    await assert.rejects(waiting, {
      name: 'AbortError',
      code: 'cancelled',
      message: `cannot wait for template ${key.id}: aborted`,
    });
    await assert.rejects(other.waitForBuilder(key, AbortSignal.abort()), { code: 'cancelled' });
    await build.abandon();
  });

  check('one that is damaged counts as none, says why, and can be made anew', async (under) => {
    const { templates, other } = under;
    await under.damage(await make(under, key));
    for (const view of [templates, other]) {
      const reasons: string[] = [];
      assert.equal(await view.find(key, (reason) => reasons.push(reason)), null);
      assert.equal(await view.find(key), null);
      assert.equal(reasons.length, 1);
      const [listed] = await view.list();
      assert.equal(listed?.problem, reasons[0]);
    }
    const made = await make(under, key);
    assert.deepEqual(await other.find(key, noReason), made);
    assert.equal((await other.list())[0]?.problem, null);
    await templates.remove(key.id);
  });

  check('one that is removed is gone, also a damaged one, however often', async (under) => {
    const { templates, other } = under;
    await make(under, key);
    await under.damage(await make(under, sampleKey('b')));
    await Promise.all([templates.remove(key.id), other.remove(key.id)]);
    assert.equal(await templates.find(key, noReason), null);
    assert.deepEqual(
      (await templates.list()).map(({ id }) => id),
      [sampleKey('b').id],
    );
    await other.remove(sampleKey('b').id);
    await other.remove(sampleKey('b').id);
    assert.deepEqual(await templates.list(), []);
  });

  check('whose clones fail is known everywhere, once each, until one works', async (under) => {
    const { templates, other } = under;
    assert.deepEqual(await templates.failedClones(key), []);
    const first = await make(under, key);
    await templates.noteClone(first, 'works');
    await Promise.all([templates, other, other].map((view) => view.noteClone(first, 'failed')));
    const second = await make(under, key);
    for (const view of [templates, other]) {
      assert.deepEqual(await view.failedClones(key), [first.directory]);
      assert.deepEqual(await view.failedClones(sampleKey('b')), []);
    }
    await other.noteClone(second, 'failed');
    const both = [first.directory, second.directory].sort();
    assert.deepEqual([...(await templates.failedClones(key))].sort(), both);
    assert.deepEqual(await other.find(key, noReason), second);
    await templates.noteClone(second, 'works');
    assert.deepEqual(await other.failedClones(key), []);
    await other.noteClone(second, 'failed');
    await templates.forgetFailedClones(key);
    assert.deepEqual(await other.failedClones(key), []);
    await templates.remove(key.id);
  });

  check('a clone of one that was replaced or removed says nothing of the next', async (under) => {
    const { templates } = under;
    const first = await make(under, key);
    const second = await make(under, key);
    await templates.noteClone(first, 'failed');
    assert.deepEqual(await templates.failedClones(key), []);
    await templates.noteClone(second, 'failed');
    await templates.noteClone(first, 'works');
    assert.deepEqual(await templates.failedClones(key), [second.directory]);
    await templates.remove(key.id);
    await templates.noteClone(second, 'failed');
    await templates.forgetFailedClones(key);
    assert.deepEqual(await templates.failedClones(key), []);
    assert.deepEqual(await templates.list(), []);
  });

  check('one that is being built is not removed', async (under) => {
    const { templates, other } = under;
    const refused = {
      code: 'invalid-state',
      message: `cannot remove template ${key.id}: it is being built`,
    };
    const build = await begin(templates, key);
    for (const view of [templates, other]) await assert.rejects(view.remove(key.id), refused);
    await under.fill(build);
    await build.commit(sampleFacts);
    const again = await begin(other, key);
    await assert.rejects(templates.remove(key.id), refused);
    await again.abandon();
    assert.notEqual(await templates.find(key, noReason), null);
    await templates.remove(key.id);
  });

  check('templates of several keys stand side by side', async (under) => {
    for (const digit of ['c', 'a', 'b']) await make(under, sampleKey(digit));
    const ids = async () => (await under.other.list()).map(({ id }) => id);
    assert.deepEqual(
      await ids(),
      ['a', 'b', 'c'].map((digit) => digit.repeat(32)),
    );
    await under.templates.remove(sampleKey('b').id);
    assert.deepEqual(
      await ids(),
      ['a', 'c'].map((digit) => digit.repeat(32)),
    );
    for (const digit of ['a', 'c']) await under.templates.remove(sampleKey(digit).id);
  });

  const noIds = ['', '.', '..', `../${'a'.repeat(29)}`, 'a'.repeat(31), 'A'.repeat(32), 'a\n'];
  for (const id of noIds) {
    check(
      `the id ${JSON.stringify(id.slice(0, 10))} never becomes a path`,
      async ({ templates }) => {
        const wrong = sampleKey('a', { id });
        for (const attempt of [
          templates.find(wrong),
          templates.begin(wrong),
          templates.failedClones(wrong),
          templates.noteClone({ id, directory: '/' }, 'failed'),
          templates.noteClone({ id, directory: '/' }, 'works'),
          templates.forgetFailedClones(wrong),
          templates.waitForBuilder(wrong, AbortSignal.timeout(10_000)),
          templates.remove(id),
        ]) {
          await assert.rejects(attempt, {
            code: 'invalid-argument',
            message: /^cannot [a-z ]+ template ".*": an id is 32 hexadecimal digits$/,
          });
        }
      },
    );
  }
}
