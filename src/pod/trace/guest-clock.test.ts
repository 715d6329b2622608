// Tests of putting a guest's clock beside ours.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { alignClocks, type ClockSample } from './guest-clock.js';

const sample = (
  askedMs: number,
  answeredMs: number,
  guestAskedMs: number,
  guestAnsweredMs: number,
): ClockSample => ({ askedMs, answeredMs, guestAskedMs, guestAnsweredMs });

const cases: readonly {
  readonly title: string;
  readonly samples: readonly ClockSample[];
  readonly beganMs?: number;
  readonly errorMs: number;
  readonly places: readonly (readonly [guestMs: number, hostMs: number])[];
}[] = [
  {
    title: 'the guest answered in the middle of the question',
    samples: [sample(1000, 1010, 500, 500)],
    errorMs: 5,
    places: [
      [500, 1005],
      [0, 505],
      [600, 1105],
    ],
  },
  {
    title: 'the time that the guest itself took makes nothing less exact',
    samples: [sample(1000, 1100, 500, 596)],
    errorMs: 2,
    places: [[548, 1050]],
  },
  {
    title: 'a guest that claims to have taken longer than the question is not believed',
    samples: [sample(1000, 1010, 500, 900)],
    errorMs: 5,
    places: [[700, 1005]],
  },
  {
    title: 'between two questions a clock may be faster than ours, outside of them it is not',
    samples: [sample(1000, 1000, 100, 100), sample(1100, 1102, 302, 302)],
    errorMs: 1,
    places: [
      [50, 950],
      [100, 1000],
      [201, 1050.5],
      [302, 1101],
      [402, 1201],
    ],
  },
  {
    title: 'a clock that would have begun before its VM has run too fast since then',
    samples: [sample(1000, 1002, 500, 500)],
    beganMs: 801,
    errorMs: 300,
    places: [
      [0, 801],
      [250, 901],
      [500, 1001],
      [600, 1101],
    ],
  },
  {
    title: 'a clock that has begun after its VM is left as it is',
    samples: [sample(1000, 1002, 500, 500)],
    beganMs: 400,
    errorMs: 1,
    places: [[0, 501]],
  },
  {
    title: 'a clock that may have begun at any time is left as it is',
    samples: [sample(1000, 1002, 50_000, 50_000)],
    beganMs: Number.NEGATIVE_INFINITY,
    errorMs: 1,
    places: [
      [49_900, 901],
      [50_100, 1101],
    ],
  },
  {
    title: 'a clock that goes back has nothing to tell',
    samples: [sample(1000, 1010, 500, 500), sample(2000, 2010, 100, 100)],
    errorMs: 5,
    places: [
      [100, 605],
      [500, 1005],
    ],
  },
];

for (const { title, samples, beganMs = -1e9, errorMs, places } of cases) {
  test(title, () => {
    const clock = alignClocks(samples, beganMs);
    assert.equal(clock.errorMs, errorMs);
    for (const [guestMs, hostMs] of places) {
      assert.ok(Math.abs(clock.toHostMs(guestMs) - hostMs) < 1e-9, `at ${guestMs}`);
    }
  });
}

test('a true time lies within the error, wherever in the question the answer was', () => {
  const way = fc.double({ min: 0, max: 50, noNaN: true });
  fc.assert(
    fc.property(way, way, way, (there, work, back) => {
      const truth = 777;
      const asked = 1000 + there;
      const answered = sample(1000, asked + work + back, asked - truth, asked + work - truth);
      const clock = alignClocks([answered], 0);
      assert.ok(Math.abs(clock.toHostMs(asked - truth) - asked) <= clock.errorMs + 1e-6);
    }),
  );
});

test('a later time of the guest is never put before an earlier one, whatever it answered', () => {
  const time = fc.double({ min: 0, max: 1e6, noNaN: true });
  const question = fc.tuple(time, time, time, time);
  fc.assert(
    fc.property(
      fc.array(question, { minLength: 1, maxLength: 4 }),
      time,
      time,
      time,
      (all, beganMs, a, b) => {
        let last = beganMs;
        const samples = all.map(([gap, took, ga, gb]) => {
          const askedMs = last + gap;
          last = askedMs + took;
          return sample(askedMs, last, Math.min(ga, gb), Math.max(ga, gb));
        });
        const clock = alignClocks(samples, beganMs);
        const [early, late] = [Math.min(a, b), Math.max(a, b)];
        assert.ok(clock.toHostMs(early) <= clock.toHostMs(late) + 1e-6);
        assert.ok(clock.errorMs >= 0);
      },
    ),
  );
});
