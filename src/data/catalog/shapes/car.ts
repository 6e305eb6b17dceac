/** Cars, vans and lorries, from the side or from behind; on roads, sometimes parked by a house. */
import { type Colour, hex, type Ring } from './canvas.ts';
import { CAR } from './classes.ts';
import { ellipse, paintFace, rectangle, type Thing } from './draw.ts';
import { type Place, varied, type World, weighted } from './world.ts';

const PAINTS: readonly number[] = [0xb02a24, 0xd8d8d8, 0x2a2c30, 0x27508c, 0x8a8e94, 0xc8a428, 0x3a6648, 0xe8e4da, 0x6a2438];

export function car(world: World, place: Place, fromBehind: boolean): Thing {
  const { random } = world;
  const { kind } = weighted(random, [
    { kind: 'car' as const, weight: 0.64 },
    { kind: 'van' as const, weight: 0.22 },
    { kind: 'lorry' as const, weight: 0.14 },
  ]);
  const paint = varied(random, hex(random.pick(PAINTS)), 0.12);
  // a little larger than life, so that a rare class covers enough pixels to be learnt
  const size = 1.6;
  const height = size * (kind === 'car' ? random.uniform(1.4, 1.65) : kind === 'van' ? random.uniform(2, 2.4) : random.uniform(2.6, 3.2));
  const length = size * (fromBehind ? (kind === 'car' ? 1.8 : 2.1) : kind === 'car' ? random.uniform(3.9, 4.7) : kind === 'van' ? 4.9 : 7);
  const half = length / 2;
  const turn = random.chance(0.5) ? 1 : -1;
  const glass = hex(0x181d22);
  const black = hex(0x16171a);
  const flip = (ring: Ring): number[] => ring.map((value, i) => (i % 2 === 0 ? turn * value : value));
  const panel = (ring: Ring, colour: Colour, up = 0.15, toward = 0.9, grain = 0.05): void =>
    paintFace(world, place, flip(ring), { colour, label: CAR, up, toward, right: 0.25, grain, size: 1 });
  const foot = 0.16 * height;
  const waist = kind === 'car' ? 0.56 * height : 0.6 * height;
  const cabin: Ring =
    kind === 'car'
      ? [-half * 0.82, waist, half * 0.5, waist, half * 0.2, height, -half * 0.6, height]
      : [-half, foot, half * 0.72, foot, half * 0.66, waist, half * 0.5, height, -half, height];
  const body: Ring = [-half, foot, half, foot, half * 0.99, waist * 0.82, half * 0.55, waist, -half * 0.97, waist];
  const drawSide = (): void => {
    panel(body, paint, 0.1);
    panel(cabin, kind === 'lorry' ? varied(random, hex(0xd6d2c8), 0.15) : paint, 0.3);
    panel(rectangle(-half * 0.9, waist * 0.98, half * 1.3, 0.1), paint, 0.7);
    if (kind === 'car') {
      panel([-half * 0.72, waist * 1.03, -half * 0.2, waist * 1.03, -half * 0.22, height * 0.94, -half * 0.55, height * 0.94], glass);
      panel([-half * 0.12, waist * 1.03, half * 0.38, waist * 1.03, half * 0.16, height * 0.94, -half * 0.14, height * 0.94], glass);
    } else panel([half * 0.3, waist, half * 0.64, waist, half * 0.5, height * 0.9, half * 0.3, height * 0.9], glass);
    for (const at of [-0.6, 0.6]) {
      panel(ellipse(half * at, foot * 1.25, 0.23 * height, foot * 1.45, 16), black);
      panel(ellipse(half * at, foot * 1.25, 0.1 * height, foot * 0.6, 12), hex(0x8a8c90));
    }
  };
  const drawBehind = (): void => {
    for (const at of [-0.72, 0.72]) panel(rectangle(half * at - 0.16 * half, 0, 0.32 * half, foot * 2), black);
    panel([-half, foot, half, foot, half, waist, -half, waist], paint, 0.1);
    panel(
      kind === 'car'
        ? [-half * 0.92, waist, half * 0.92, waist, half * 0.72, height, -half * 0.72, height]
        : [-half, waist, half, waist, half * 0.96, height, -half * 0.96, height],
      paint,
      0.35,
    );
    if (kind !== 'lorry')
      panel([-half * 0.8, waist * 1.04, half * 0.8, waist * 1.04, half * 0.64, height * 0.93, -half * 0.64, height * 0.93], glass);
    for (const at of [-0.84, 0.84]) panel(rectangle(half * at - 0.13 * half, waist * 0.62, 0.26 * half, waist * 0.26), hex(0xc0281c), 0.1);
    panel(rectangle(-half * 0.3, foot * 1.6, half * 0.6, waist * 0.2), hex(0xdcdcd0), 0.1);
    panel(rectangle(-half, foot * 0.8, 2 * half, foot * 0.5), black);
  };
  return {
    place,
    outline: flip([-half, 0, half, 0, half, waist, half * 0.3, height, -half * 0.8, height]),
    draw: () => (fromBehind ? drawBehind() : drawSide()),
  };
}
