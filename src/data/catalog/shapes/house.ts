/** Houses: gabled cottages seen at a corner, barns, and blocks of flats; bricks, boards or plaster, tiles, windows, doors. */
import { blend, type Colour, hex, type Ring } from './canvas.ts';
import { HOUSE } from './classes.ts';
import type { Thing } from './draw.ts';
import { type Place, varied, type World, weighted } from './world.ts';

const WALLS: readonly number[] = [0xd8cdb8, 0xe6dfd2, 0xb8846a, 0xa45a44, 0xc9b48a, 0x9aa0a6, 0xd9b98c, 0x8a5c40, 0xcfd4d6];
const ROOFS: readonly number[] = [0x8c4a38, 0x6f4038, 0x55504e, 0x44484e, 0x9c6a4c, 0x7a7468];

const DOORS: readonly number[] = [0x4a3426, 0x2f4a3a, 0x6a2c24, 0x33404e];
const FRAMES: readonly number[] = [0xe8e6e0, 0x5a4a3c, 0xd8d2c4];
const GLASS = hex(0x20262c);
const SNOW = hex(0xd4dae0);
/** Metres into the depth for each metre along the front; metres by which the roof stands out. */
const FRONT_SKEW = 0.15;
const EAVE = 0.35;

type Texture = 'plaster' | 'brick' | 'boards' | 'tiles' | 'none';

/** A face of the body: u, v run over it from 0 to 1 (v up); its normal's right and towards part. */
interface Wall {
  at(u: number, v: number): [number, number];
  readonly right: number;
  readonly toward: number;
}

/** Dark and light joints between bricks, boards or rows of tiles, in metres over the face; 0 in the middle of one. */
function joints(texture: Texture, across: number, up: number, pixel: number): number {
  const spacing = texture === 'brick' ? 0.5 : texture === 'boards' ? 0.55 : 0.6;
  if (texture === 'plaster' || texture === 'none') return 0;
  const seen = Math.max(0, 1 - (1.1 * pixel) / spacing);
  const along = texture === 'boards' ? across : up;
  const wave = Math.cos((2 * Math.PI * along) / spacing);
  return 0.3 * seen * (wave > 0.2 ? -wave : 0.25);
}

class Builder {
  readonly outline: number[] = [];

  constructor(
    private readonly world: World,
    private readonly place: Place,
    /** How much a metre of depth draws things together towards the horizon. */
    private readonly shrink: number,
  ) {}

  /** Pixel of a point `across` metres right of the foot, `up` above it, `deep` metres behind. */
  point(across: number, up: number, deep: number): [number, number] {
    const { world, place } = this;
    const near = 1 / (1 + this.shrink * deep);
    const x = place.x + across * place.scale * near;
    const y = place.y - up * place.scale;
    return [x, world.horizon + (y - world.horizon) * near];
  }

  /** Paints a face given by the pixels of its corners; `normal` is (right, up, toward). */
  face(corners: readonly (readonly [number, number])[], colour: Colour, normal: Colour, texture: Texture, grain = 0.1): void {
    const { world, place } = this;
    const ring: Ring = corners.flat();
    const size = 1 / place.scale;
    const slope =
      corners.length > 1 && corners[1]![0] !== corners[0]![0] ? (corners[1]![1] - corners[0]![1]) / (corners[1]![0] - corners[0]![0]) : 0;
    const tilt = Math.min(0.8, Math.max(-0.8, slope));
    world.canvas.paint(ring, HOUSE, (x, y, out) => {
      const across = (x - place.x) * size;
      const up = (place.y - y) * size + tilt * across;
      const stain = world.noise.octaves(place.x + across * 0.7, place.y + up * 0.7, 3, size * 0.7);
      const shade = 1 + grain * stain + joints(texture, across, up, size);
      world.surface(colour, normal[0], normal[1], normal[2], place.distance, out, shade);
    });
  }

  /** Rows and columns of windows on a wall. */
  windows(wall: Wall, columns: number, rows: number, frame: Colour, dark: Colour, from = 0.14): void {
    const { world } = this;
    const glass = blend(dark, world.light.horizon, 0.18 + 0.25 * world.random.uniform());
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        const u0 = (column + 0.26) / columns;
        const u1 = (column + 0.74) / columns;
        const v0 = from + ((1 - from) * (row + 0.2)) / rows;
        const v1 = from + ((1 - from) * (row + 0.72)) / rows;
        const inset = 0.06;
        this.face([wall.at(u0, v0), wall.at(u1, v0), wall.at(u1, v1), wall.at(u0, v1)], frame, [wall.right, 0.1, wall.toward], 'none', 0);
        const du = (u1 - u0) * inset * 2;
        const dv = (v1 - v0) * inset * 2;
        this.face(
          [wall.at(u0 + du, v0 + dv), wall.at(u1 - du, v0 + dv), wall.at(u1 - du, v1 - dv), wall.at(u0 + du, v1 - dv)],
          glass,
          [wall.right, 0.1, wall.toward],
          'none',
          0.1,
        );
      }
  }
}

interface Style {
  readonly kind: 'cottage' | 'barn' | 'block';
  readonly wall: Colour;
  readonly roof: Colour;
  readonly texture: Texture;
}

/** The style of a village; its houses vary around it. */
export function drawHouseStyle(world: World): Style {
  const { random } = world;
  const { kind } = weighted(random, [
    { kind: 'cottage' as const, weight: 0.6 },
    { kind: 'barn' as const, weight: 0.17 },
    { kind: 'block' as const, weight: 0.23 },
  ]);
  const wall = hex(kind === 'barn' ? random.pick([0x8c3a30, 0x7a6048, 0x9a8a74]) : random.pick(WALLS));
  const texture = kind === 'barn' ? 'boards' : random.pick(['plaster', 'plaster', 'brick', 'boards'] as const);
  return { kind, wall: varied(random, wall, 0.14), roof: varied(random, hex(random.pick(ROOFS)), 0.14), texture };
}

/** Everything drawn of one house before it is painted; lengths in metres, `turn` 1 where its side shows to the right. */
interface Plan {
  readonly style: Style;
  readonly turn: 1 | -1;
  readonly front: number;
  /** Metres of side into the depth, and how many metres of the picture's breadth it shows. */
  readonly side: number;
  readonly shown: number;
  readonly height: number;
  readonly top: number;
  readonly storeys: number;
  readonly gableFront: boolean;
  readonly wall: Colour;
  readonly roof: Colour;
  readonly frame: Colour;
}

function drawPlan(world: World, place: Place, style: Style): Plan {
  const { random, season } = world;
  const block = style.kind === 'block';
  const storeys = block ? random.integer(3, 6) : random.integer(1, 2);
  const height = block ? storeys * 2.9 : 2.4 + (storeys - 1) * 2.3;
  const side = random.uniform(3.5, 8);
  const roof = varied(random, style.roof, 0.1);
  return {
    style,
    turn: place.x > world.centre ? -1 : 1,
    front: block ? random.uniform(7, 13) : random.uniform(4.5, 9),
    side,
    shown: side * random.uniform(0.35, 0.8),
    height,
    top: height + (block ? 0.4 : random.uniform(1.6, 3.2)),
    storeys,
    gableFront: random.chance(0.5),
    wall: varied(random, style.wall, 0.1),
    roof: season === 'winter' && random.chance(0.6) ? SNOW : roof,
    frame: varied(random, hex(random.pick(FRAMES)), 0.1),
  };
}

/** The two walls that show: the front runs from the near corner one way, the side the other way and into the depth. */
function wallsOf(builder: Builder, plan: Plan): { front: Wall; side: Wall } {
  const { turn, front, side, shown, height } = plan;
  return {
    front: {
      at: (u, v) => builder.point(turn * -front * u, v * height, FRONT_SKEW * front * u),
      right: -0.25 * turn,
      toward: 0.9,
    },
    side: { at: (u, v) => builder.point(turn * shown * u, v * height, side * u), right: 0.85 * turn, toward: 0.45 },
  };
}

function paintWalls(world: World, builder: Builder, plan: Plan): void {
  const { random } = world;
  const { style, front, shown, height, wall, frame, storeys } = plan;
  const walls = wallsOf(builder, plan);
  const barn = style.kind === 'barn';
  const columns = {
    front: Math.max(2, Math.round(front / (style.kind === 'block' ? 2.1 : 2.4))),
    side: Math.max(1, Math.round(shown / 2.2)),
  };
  for (const name of ['front', 'side'] as const) {
    const { at, right, toward } = walls[name];
    builder.face([at(0, 0), at(1, 0), at(1, 1), at(0, 1)], wall, [right, 0.05, toward], style.texture);
    if (!barn) builder.windows(walls[name], columns[name], storeys, frame, GLASS);
  }
  const { at, right } = walls.front;
  const from = 0.12 + 0.6 * random.uniform();
  const to = from + (barn ? 2.6 : 1.1) / front;
  const up = (barn ? 2.2 : 2) / height;
  const leaf = varied(random, hex(random.pick(DOORS)), 0.15);
  builder.face([at(from, 0), at(to, 0), at(to, up), at(from, up)], leaf, [right, 0, 0.9], 'boards');
}

function paintFlatRoof(builder: Builder, plan: Plan): void {
  const { turn, front, side, shown, height, roof } = plan;
  const walls = wallsOf(builder, plan);
  const behind = builder.point(turn * (shown - front), height, side + FRONT_SKEW * front);
  builder.face([walls.front.at(0, 1), walls.front.at(1, 1), behind, walls.side.at(1, 1)], roof, [0, 1, 0], 'none');
}

/** A ridge over the front's middle that runs into the depth, or over the side's middle that runs along the front. */
function paintGabledRoof(builder: Builder, plan: Plan): void {
  const { turn, front, side, shown, height, top, gableFront, wall, roof, style } = plan;
  const walls = wallsOf(builder, plan);
  const depth = (across: number): number => FRONT_SKEW * front * across;
  const frontPeak = builder.point(turn * -front * 0.5, top, depth(0.5));
  const frontBack = builder.point(turn * (shown - front * 0.5), top, side + depth(0.5));
  const sidePeak = builder.point(turn * shown * 0.5, top, side * 0.5);
  const sideBack = builder.point(turn * (shown * 0.5 - front), top, side * 0.5 + depth(1));
  const ridge = gableFront ? [frontPeak, frontBack] : [sideBack, sidePeak];
  // one piece below all of it, so that no seam between faces lets the sky through
  const whole = [walls.front.at(1, 0.97), ...ridge, walls.side.at(1, 0.97), walls.front.at(0, 0.97)];
  builder.face(whole, roof, [0, 0.7, 0.4], 'none');
  const gable = gableFront ? walls.front : walls.side;
  const peak = gableFront ? frontPeak : sidePeak;
  builder.face([gable.at(0, 0.94), gable.at(1, 0.94), peak], wall, [gable.right, 0.05, gable.toward], style.texture);
  const near = builder.point(turn * EAVE, height - 0.2, -0.2);
  const far = gableFront
    ? builder.point(turn * (shown + EAVE), height - 0.2, side)
    : builder.point(turn * (-front - EAVE), height - 0.2, depth(1));
  const slope: Colour = gableFront ? [0.6 * turn, 0.75, 0.25] : [-0.15 * turn, 0.75, 0.6];
  builder.face([near, far, gableFront ? frontBack : sideBack, peak], roof, slope, 'tiles', 0.14);
}

function paintChimney(world: World, place: Place, builder: Builder, plan: Plan): void {
  const { turn, front, side, top } = plan;
  const [x, y] = builder.point(turn * -front * 0.3, top - 0.5, 0.3 * side);
  const half = 0.35 * place.scale;
  const brick = varied(world.random, hex(0x8a5444), 0.15);
  const corners = [[x - half, y] as const, [x + half, y] as const, [x + half, y - 4 * half] as const, [x - half, y - 4 * half] as const];
  builder.face(corners, brick, [0.3 * turn, 0.1, 0.8], 'brick');
}

export function house(world: World, place: Place, style: Style): Thing {
  const plan = drawPlan(world, place, style);
  const { turn, front, shown, height, top } = plan;
  const left = turn > 0 ? -front : -shown;
  const right = turn > 0 ? shown : front;
  return {
    place,
    outline: [left, 0, right, 0, right, height, (left + right) / 2, top, left, height],
    draw() {
      const builder = new Builder(world, place, 0.5 / Math.max(8, place.distance * 0.5));
      paintWalls(world, builder, plan);
      if (style.kind === 'block') return paintFlatRoof(builder, plan);
      paintGabledRoof(builder, plan);
      if (world.random.chance(0.5)) paintChimney(world, place, builder, plan);
    },
  };
}
