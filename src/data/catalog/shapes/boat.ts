/** Boats: sailing boats, motor boats with a cabin, barges; always on water, with a reflection. */
import { type Colour, hex, type Ring } from './canvas.ts';
import { BOAT } from './classes.ts';
import { bar, paintFace, rectangle, reflect, type Thing } from './draw.ts';
import { type Place, varied, type World, weighted } from './world.ts';

const HULLS: readonly number[] = [0xe4e4e0, 0xd8d4c8, 0x9c2f2a, 0x24405c, 0x7a5436, 0x2f5a4c, 0xc8a040];

const SAILS: readonly number[] = [0xa8402c, 0xc8b078, 0x3a5a80];
const LOADS: readonly number[] = [0x8a4a34, 0x3a5a6c, 0x77705c, 0xb08c3c];
const GLASS = hex(0x1c2228);
const KINDS = [
  { kind: 'sail', weight: 0.42 },
  { kind: 'cabin', weight: 0.38 },
  { kind: 'barge', weight: 0.2 },
] as const;

/** A side view of a hull: bow to the right before mirroring. */
function hullRing(length: number, height: number, rake: number): number[] {
  const half = length / 2;
  return [
    -half * 0.92,
    -0.12,
    half * 0.62,
    -0.12,
    half * 0.86,
    height * 0.45,
    half + rake,
    height * 1.15,
    half * 0.3,
    height * 0.92,
    -half,
    height,
  ];
}

function mirrored(ring: Ring, turn: number): number[] {
  return ring.map((value, i) => (i % 2 === 0 ? turn * value : value));
}

/** What boats of every kind have: lengths in metres, `side` paints a face of the side that shows, bow to the right. */
interface Hull {
  readonly world: World;
  readonly half: number;
  readonly height: number;
  readonly white: Colour;
  side(ring: Ring, colour: Colour, up?: number, grain?: number): void;
}

/** Mast, main sail and jib, or the sail furled on its boom. */
function paintRig({ world, half, height, white, side }: Hull, mast: number, furled: boolean): void {
  const { random } = world;
  side(bar(0.1 * half, height * 0.8, 0.1 * half, mast, 0.16), hex(0x9a8a70));
  const cloth = random.chance(0.75) ? white : varied(random, hex(random.pick(SAILS)), 0.1);
  if (furled) side(bar(0.1 * half, height * 1.6, -half * 0.85, height * 1.5, 0.4), cloth);
  else {
    side([0.08 * half, height * 1.3, 0.08 * half, mast * 0.97, -half * 0.9, height * 1.45], cloth, 0.15, 0.12);
    side([0.12 * half, height * 1.2, 0.12 * half, mast * 0.86, half * 0.92, height * 1.3], cloth, 0.2, 0.12);
  }
  side(rectangle(-half * 0.45, height * 0.9, half * 0.6, 0.5), white);
}

/** A cabin with three windows, and a mast or a load. */
function paintCabin({ world, half, height, white, side }: Hull, barge: boolean): void {
  const { random } = world;
  const from = barge ? -half * 0.9 : -half * random.uniform(0.3, 0.55);
  const wide = half * (barge ? 0.5 : random.uniform(0.65, 0.95));
  const deck = height * 0.85;
  const tall = random.uniform(1.3, 1.9);
  side([from, deck, from + wide * 1.15, deck, from + wide, deck + tall, from, deck + tall], white);
  for (let i = 0; i < 3; i++)
    side(rectangle(from + (wide * (i + 0.2)) / 3, deck + tall * 0.48, (wide * 0.62) / 3, tall * 0.34), GLASS, 0, 0);
  if (!barge) side(bar(from + wide * 0.5, height + tall * 0.8, from + wide * 0.5, height + tall * 2, 0.12), hex(0x50545a));
  for (let i = 0; barge && i < 4; i++) {
    const load = varied(random, hex(random.pick(LOADS)), 0.15);
    side(rectangle(-half * 0.3 + half * 0.27 * i, deck, half * 0.25, random.uniform(0.8, 1.9)), load, 0.1, 0.2);
  }
}

export function boat(world: World, place: Place): Thing {
  const { random } = world;
  const turn = random.chance(0.5) ? 1 : -1;
  const { kind } = weighted(random, KINDS);
  const barge = kind === 'barge';
  const length = barge ? random.uniform(10, 15) : random.uniform(5, 8.5);
  const half = length / 2;
  const height = barge ? random.uniform(1.2, 1.6) : random.uniform(0.8, 1.3);
  const colour = varied(random, hex(random.pick(HULLS)), 0.12);
  const white = varied(random, hex(0xe6e4de), 0.06);
  const mast = random.uniform(1.05, 1.45) * length;
  const furled = random.chance(0.25);
  const sails = kind === 'sail' && !furled;
  const side = (ring: Ring, face: Colour, up = 0.1, grain = 0.06): void =>
    paintFace(world, place, mirrored(ring, turn), { colour: face, label: BOAT, up, right: 0.3 * turn, toward: 0.85, grain, size: 1.2 });
  const above = sails ? [0.1 * half, mast] : [half * 0.2, height * 2.4, -half * 0.6, height * 2.2];
  const thing: Thing = {
    place,
    outline: mirrored([-half, 0, half, 0, half, height, ...above, -half, height], turn),
    draw() {
      reflect(world, thing, sails ? white : colour);
      side(hullRing(length, height, 0.25), colour, 0, 0.1);
      const rail = [-half * 0.95, height * 0.72, half * 0.98, height * 0.86, half * 0.98, height * 0.98, -half * 0.97, height * 0.86];
      side(rail, random.chance(0.5) ? white : hex(0x30343a));
      const hull: Hull = { world, half, height, white, side };
      if (kind === 'sail') paintRig(hull, mast, furled);
      else paintCabin(hull, barge);
    },
  };
  return thing;
}
