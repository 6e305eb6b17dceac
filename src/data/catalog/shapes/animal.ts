/** Cows, sheep and horses, grazing in herds. */
import { type Colour, hex, type Ring } from './canvas.ts';
import { ANIMAL } from './classes.ts';
import { bar, ellipse, paintFace, placed, type Thing } from './draw.ts';
import { type Place, varied, type World, weighted } from './world.ts';

type Kind = 'cow' | 'sheep' | 'horse';

const COATS: Readonly<Record<Kind, readonly number[]>> = {
  cow: [0x5a3a28, 0x2c2826, 0x9a6a44, 0xd8cdbc],
  sheep: [0xe2dccc, 0xd4ccb8, 0xc8c0b0],
  horse: [0x5c3a24, 0x3a2a22, 0x8a6240, 0xb8a890],
};

/** One kind and coat of a herd. */
export interface Herd {
  readonly kind: Kind;
  readonly coat: Colour;
  readonly spots: Colour | undefined;
}

export function drawHerd(world: World): Herd {
  const { random } = world;
  const { kind } = weighted(random, [
    { kind: 'cow' as Kind, weight: 0.45 },
    { kind: 'sheep' as Kind, weight: 0.33 },
    { kind: 'horse' as Kind, weight: 0.22 },
  ]);
  const coat = varied(random, hex(random.pick(COATS[kind])), 0.12);
  const light = coat[1] > 0.3;
  return { kind, coat, spots: kind === 'cow' && random.chance(0.7) ? hex(light ? 0x2c2624 : 0xe0d8cc) : undefined };
}

export function animal(world: World, place: Place, herd: Herd): Thing {
  const { random, noise, canvas } = world;
  const turn = random.chance(0.5) ? 1 : -1;
  const { kind } = herd;
  // larger than life, as cars are
  const size = 1.75 * (kind === 'sheep' ? 0.78 : kind === 'horse' ? 1.12 : 1) * random.uniform(0.85, 1.1);
  const coat = varied(random, herd.coat, 0.1);
  const dark: Colour = [coat[0] * 0.45, coat[1] * 0.45, coat[2] * 0.45];
  const grazing = random.chance(0.55);
  const leg = kind === 'sheep' ? 0.38 : kind === 'horse' ? 0.85 : 0.6;
  const body = { right: 0, up: leg + 0.42, radiusRight: kind === 'horse' ? 0.95 : 1.08, radiusUp: kind === 'sheep' ? 0.5 : 0.45 };
  const flip = (ring: Ring): number[] => ring.map((value, i) => size * (i % 2 === 0 ? turn * value : value));
  const part = (ring: Ring, colour: Colour): void => paintFace(world, place, flip(ring), { colour, label: ANIMAL, grain: 0.15, size: 0.5 });
  const shift = random.uniform(0, 90);
  const round = (ring: Ring, right: number, up: number, radiusRight: number, radiusUp: number): void =>
    canvas.paint(placed(place, flip(ring)), ANIMAL, (x, y, out) => {
      const across = Math.min(1, Math.max(-1, (turn * (x - place.x)) / (place.scale * size) / radiusRight - right / radiusRight));
      const along = Math.min(1, Math.max(-1, ((place.y - y) / (place.scale * size) - up) / radiusUp));
      const fleck = noise.at(shift + across * 2.2, shift + along * 1.5);
      const colour = herd.spots && fleck > 0.08 ? herd.spots : coat;
      const wool = kind === 'sheep' ? 0.25 * noise.octaves(shift + across * 5, along * 3, 2) : 0.05 * fleck;
      const toward = Math.sqrt(Math.max(0.05, 1 - along * along));
      world.surface(colour, 0.4 * across * turn, 0.85 * along + 0.1, toward, place.distance, out, 1 + wool);
    });
  const headUp = grazing ? 0.28 : body.up + (kind === 'horse' ? 0.85 : 0.38);
  const headRight = grazing ? 1.45 : 1.42;
  return {
    place,
    outline: flip([-1.05, 0, 1, 0, 1.1, body.up, headRight, headUp + 0.15, 0.9, body.up + 0.42, -1.05, body.up + 0.42]),
    draw() {
      for (const at of [-0.78, -0.55, 0.5, 0.76])
        part(
          bar(at, 0, at * 0.98, body.up, kind === 'sheep' ? 0.16 : 0.2),
          at === -0.55 || at === 0.5 ? dark : kind === 'sheep' ? dark : coat,
        );
      part(bar(-1, body.up + 0.2, -1.14, leg * 0.7, 0.1), dark);
      part(bar(0.75, body.up + 0.15, headRight - 0.1, headUp, kind === 'horse' ? 0.42 : 0.36), coat);
      round(ellipse(body.right, body.up, body.radiusRight, body.radiusUp, 24), body.right, body.up, body.radiusRight, body.radiusUp);
      part(ellipse(headRight, headUp, 0.32, 0.2, 14), kind === 'sheep' ? dark : coat);
      if (kind === 'cow') part(bar(headRight - 0.18, headUp + 0.18, headRight + 0.02, headUp + 0.3, 0.08), hex(0xd8d0c0));
      if (kind === 'horse') part(bar(0.8, body.up + 0.4, headRight - 0.15, headUp + 0.15, 0.14), dark);
    },
  };
}
