// Runs the tests of pods' lives, faults and troubles once more, over pods that are clones.
import { PodWorld } from '../testing/pod-world.js';

PodWorld.origin = 'clone';
await import('./lifecycle.test.js');
await import('./trouble.test.js');
