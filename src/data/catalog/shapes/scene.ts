/**
 * One picture of a small landscape: sky, hills, fields, water, roads; woods and single trees, houses, and, seldom, boats,
 * cars and animals. A pure function of (seed, index, size): `random(seed, index, 'day')` draws hour, weather and season,
 * `random(seed, index, 'scene')` all else.
 *
 * What tells the classes apart lives in brightness, structure, size and place, so that the strong views of SPEC section 3
 * (colour jitter, blur, grayscale, solarize ...) keep it; colours help, but vary with hour, weather, season and thing.
 */
import { type Random, random } from '../../../base/random.ts';
import type { LabelMap, Rgb } from '../../types.ts';
import { animal, drawHerd } from './animal.ts';
import { boat } from './boat.ts';
import { expose } from './camera.ts';
import { Canvas, hex, NO_LABEL } from './canvas.ts';
import { car } from './car.ts';
import { LAND, ROAD, WATER } from './classes.ts';
import { bar, castShadow, ellipse, paintFace, type Thing } from './draw.ts';
import { paintGround, paintHills, paintSky, skyOf } from './ground.ts';
import { drawHouseStyle, house } from './house.ts';
import { drawSpecies, tree } from './tree.ts';
import { type Day, drawDay, isSunnySummer, type Place, varied, World } from './world.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Shares of pictures (of those with the right ground) that hold a thing. */
const SHARES = { wood: 0.6, trees: 0.75, village: 0.66, boats: 0.75, cars: 0.8, herd: 0.55, clutter: 0.5 };

/** A place on ground of that label between two rows (shares of the way from horizon to bottom), or undefined after 40 tries. */
function findPlace(world: World, label: number, from: number, to: number): Place | undefined {
  const { canvas, random, horizon } = world;
  for (let attempt = 0; attempt < 40; attempt++) {
    const x = random.uniform(-0.02, 1.02) * canvas.width;
    const y = horizon + (canvas.height - horizon) * random.uniform(from, to);
    if (canvas.labelAt(Math.min(canvas.width - 1, Math.max(0, x)), Math.min(canvas.height - 1, y)) === label) return world.placeAt(x, y);
  }
  return undefined;
}

/** A band of many trees along a far line. */
function wood(world: World): Thing[] {
  const { random, canvas, horizon } = world;
  const species = [drawSpecies(world), drawSpecies(world)];
  const from = random.uniform(-0.3, 0.7) * canvas.width;
  const to = from + random.uniform(0.35, 1) * canvas.width;
  const row = horizon + (canvas.height - horizon) * random.uniform(0.07, 0.17);
  const things: Thing[] = [];
  for (let x = from; x < to; x += world.scaleAt(row) * random.uniform(1.6, 4.5)) {
    const y = row + random.uniform(-1.2, 1.2);
    if (canvas.labelAt(Math.min(canvas.width - 1, Math.max(0, x)), y) !== LAND) continue;
    things.push(tree(world, world.placeAt(x, y), random.pick(species)));
  }
  return things;
}

function singleTrees(world: World): Thing[] {
  const { random } = world;
  const species = [drawSpecies(world), drawSpecies(world)];
  const things: Thing[] = [];
  for (let i = random.integer(1, 5); i > 0; i--) {
    const place = findPlace(world, LAND, 0.12, random.chance(0.2) ? 0.9 : 0.5);
    if (place) things.push(tree(world, place, random.pick(species)));
  }
  return things;
}

function village(world: World): Thing[] {
  const { random } = world;
  const style = drawHouseStyle(world);
  const other = drawHouseStyle(world);
  const things: Thing[] = [];
  const crowded = random.chance(0.35);
  for (let i = crowded ? random.integer(3, 6) : random.integer(1, 2); i > 0; i--) {
    const place = findPlace(world, LAND, 0.14, crowded ? 0.34 : 0.5);
    if (place) things.push(house(world, place, random.chance(0.65) ? style : other));
  }
  return things;
}

function fleet(world: World): Thing[] {
  const { random } = world;
  const things: Thing[] = [];
  for (let i = random.integer(1, 2); i > 0; i--) {
    const place = findPlace(world, WATER, 0.2, 0.5);
    if (place) things.push(boat(world, place));
  }
  return things;
}

function traffic(world: World): Thing[] {
  const { random } = world;
  const behind = random.chance(0.5);
  const things: Thing[] = [];
  for (let i = random.integer(1, 2); i > 0; i--) {
    const place = findPlace(world, ROAD, 0.25, 0.65);
    if (place) things.push(car(world, place, behind !== random.chance(0.2)));
  }
  return things;
}

function herd(world: World): Thing[] {
  const { random, canvas } = world;
  const kind = drawHerd(world);
  const first = findPlace(world, LAND, 0.32, 0.7);
  if (!first) return [];
  const things: Thing[] = [animal(world, first, kind)];
  for (let i = random.integer(0, 2); i > 0; i--) {
    const x = first.x + random.uniform(-9, 9) * first.scale;
    const y = first.y + random.uniform(-0.22, 0.22) * (first.y - world.horizon);
    if (canvas.labelAt(x, y) === LAND) things.push(animal(world, world.placeAt(x, y), kind));
  }
  return things;
}

/** Posts, boulders and buoys: things that have no class of their own and could be taken for one that has. */
function clutter(world: World): Thing[] {
  const { random } = world;
  const things: Thing[] = [];
  const grey = varied(random, hex(0x7d7a74), 0.25);
  const red = hex(0xb03a28);
  for (let i = random.integer(1, 5); i > 0; i--) {
    const afloat = random.chance(0.3);
    const place = findPlace(world, afloat ? WATER : LAND, 0.2, 0.9);
    if (!place) continue;
    const width = random.uniform(0.3, 0.9);
    const stone = !afloat && random.chance(0.5);
    const outline = stone ? ellipse(0, width * 0.35, width, width * 0.6, 9) : bar(0, 0, 0, afloat ? 1 : 1.6, 0.22);
    const face = { colour: afloat ? red : grey, label: NO_LABEL, up: 0.5, toward: 0.7, grain: 0.35, size: 0.4 };
    things.push({ place, outline, draw: () => paintFace(world, place, outline, face) });
  }
  return things;
}

/** A few birds: dark strokes in the sky, part of it. */
function birds(world: World): void {
  const { random, canvas, horizon } = world;
  const x0 = random.uniform(0.1, 0.9) * canvas.width;
  const y0 = random.uniform(0.15, 0.8) * horizon;
  for (let i = random.integer(2, 7); i > 0; i--) {
    const x = x0 + random.normal() * 14;
    const y = y0 + random.normal() * 6;
    const span = random.uniform(1.6, 3.2);
    const dark = (_x: number, _y: number, out: Float64Array): void => void out.fill(0.05);
    canvas.paint(bar(x, y, x - span, y - span * 0.45, 0.8), NO_LABEL, dark);
    canvas.paint(bar(x, y, x + span, y - span * 0.45, 0.8), NO_LABEL, dark);
  }
}

function gather(world: World, water: boolean, road: boolean): Thing[] {
  const { random } = world;
  return [
    ...(random.chance(SHARES.wood) ? wood(world) : []),
    ...(random.chance(SHARES.trees) ? singleTrees(world) : []),
    ...(random.chance(SHARES.village) ? village(world) : []),
    ...(water && random.chance(SHARES.boats) ? fleet(world) : []),
    ...(road && random.chance(SHARES.cars) ? traffic(world) : []),
    ...(random.chance(SHARES.herd) ? herd(world) : []),
    ...(random.chance(SHARES.clutter) ? clutter(world) : []),
  ];
}

const dayOf = (seed: number, index: number): Day => drawDay(random(seed, index, 'day'));

/** Whether a picture is taken on a summer day in the sun. */
export const isOfSunnySummer = (seed: number, index: number): boolean => isSunnySummer(dayOf(seed, index));

/**
 * Draws one picture and its label map (values: the indices of SHAPES_CLASSES).
 * The same (seed, index, size) gives the same bytes; another size gives another picture.
 */
export function drawScene(seed: number, index: number, size: Size): { image: Rgb; labels: LabelMap } {
  const source: Random = random(seed, index, 'scene');
  const canvas = new Canvas(size.width, size.height);
  const world = new World(source, canvas, dayOf(seed, index));
  const sky = skyOf(world);
  paintSky(world, sky);
  paintHills(world);
  if (source.chance(0.25)) birds(world);
  const { water, road } = paintGround(world, sky);
  const things = gather(world, water, road).sort((a, b) => a.place.y - b.place.y);
  for (const thing of things) castShadow(world, thing);
  for (const thing of things) thing.draw();
  return { image: expose(canvas, random(seed, index, 'camera')), labels: { ...size, data: canvas.labels } };
}
