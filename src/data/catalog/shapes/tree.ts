/** Trees: broad crowns, conifers, poplars, bushes, bare winter crowns; leaves are coarse noise lit as a round body. */
import { type Colour, hex, type Ring } from './canvas.ts';
import { TREE } from './classes.ts';
import { bar, paintFace, placed, type Thing } from './draw.ts';
import { type Place, varied, type World, weighted } from './world.ts';

type Kind = 'broad' | 'conifer' | 'poplar' | 'bush';

const LEAVES: Readonly<Record<World['season'], readonly number[]>> = {
  summer: [0x3f5f28, 0x4a6b2c, 0x35562a, 0x5a7434],
  spring: [0x6d8f3c, 0x5a8038, 0x7f9a48, 0xc8b0b4],
  autumn: [0xa8702c, 0xb8893a, 0x8c5a2c, 0x6f7434, 0xa04a2c],
  winter: [0x6a6258, 0x5d564e, 0x7a746c],
};
const NEEDLES: readonly number[] = [0x2c4a30, 0x34523a, 0x28423a];

/** A closed outline around (0, up) whose radius is roughened by noise. */
function roughRing(world: World, right: number, up: number, radiusRight: number, radiusUp: number, rough: number, shift: number): number[] {
  const ring: number[] = [];
  const corners = 30;
  for (let i = 0; i < corners; i++) {
    const angle = (2 * Math.PI * i) / corners;
    const radius = 1 + rough * world.noise.octaves(shift + 2.6 * Math.cos(angle), shift + 2.6 * Math.sin(angle), 2);
    ring.push(right + radius * radiusRight * Math.cos(angle), up + radius * radiusUp * Math.sin(angle));
  }
  return ring;
}

function coniferRing(world: World, height: number, width: number, foot: number): number[] {
  const { random } = world;
  const tiers = random.integer(4, 7);
  const left: number[] = [];
  const right: number[] = [];
  for (let tier = 0; tier < tiers; tier++) {
    const low = foot + ((height - foot) * tier) / tiers;
    const reach = (width / 2) * (1 - tier / tiers) * random.uniform(0.85, 1.1);
    right.push(reach, low, reach * 0.55, low + ((height - foot) / tiers) * 0.9);
    left.unshift(-reach * 0.55, low + ((height - foot) / tiers) * 0.9, -reach * random.uniform(0.9, 1.1), low);
  }
  return [...right, 0, height, ...left];
}

interface Crown {
  readonly ring: Ring;
  readonly right: number;
  readonly up: number;
  readonly radiusRight: number;
  readonly radiusUp: number;
}

/** Paints one crown as a round body: normals of an ellipsoid, leaves as noise of about half a metre. */
function paintCrown(world: World, place: Place, crown: Crown, colour: Colour, depth: number): void {
  const { noise, canvas } = world;
  const shift = place.x * 0.37 + place.y * 0.91 + crown.right;
  const size = Math.max(0.55, 2.4 / place.scale);
  const pixel = 1 / (place.scale * size);
  canvas.paint(placed(place, crown.ring), TREE, (x, y, out) => {
    const right = (x - place.x) / place.scale;
    const up = (place.y - y) / place.scale;
    const across = Math.min(1, Math.max(-1, (right - crown.right) / crown.radiusRight));
    const along = Math.min(1, Math.max(-1, (up - crown.up) / crown.radiusUp));
    const toward = Math.sqrt(Math.max(0.05, 1 - across * across - along * along));
    const leaves = noise.octaves(shift + right / size, up / size, 3, pixel, 0.6);
    world.surface(colour, 0.8 * across, 0.8 * along + 0.2, toward, place.distance, out, Math.max(0.12, 0.85 + depth * leaves));
  });
}

const KINDS = [
  { kind: 'broad' as Kind, weight: 0.5 },
  { kind: 'conifer' as Kind, weight: 0.24 },
  { kind: 'poplar' as Kind, weight: 0.1 },
  { kind: 'bush' as Kind, weight: 0.16 },
];

/** One kind and one leaf colour of a wood; trees of a wood vary around it. */
export interface Species {
  readonly kind: Kind;
  readonly leaves: Colour;
}

export function drawSpecies(world: World): Species {
  const { kind } = weighted(world.random, KINDS);
  const pool = kind === 'conifer' ? NEEDLES : LEAVES[world.season];
  return { kind, leaves: varied(world.random, hex(world.random.pick(pool)), 0.16) };
}

/** Crowns, and the trunk's height and thickness in metres (0: none shows). */
interface Growth {
  readonly crowns: readonly Crown[];
  readonly trunk: number;
  readonly thick: number;
}

function growConifer(world: World): Growth {
  const height = world.random.uniform(6, 13);
  const width = height * world.random.uniform(0.36, 0.5);
  const trunk = height * 0.12;
  const ring = coniferRing(world, height, width, trunk * 0.8);
  return { crowns: [{ ring, right: 0, up: height * 0.35, radiusRight: width * 0.5, radiusUp: height * 0.7 }], trunk, thick: 0.3 };
}

function growBush(world: World): Growth {
  const radiusRight = world.random.uniform(0.9, 2.2);
  const radiusUp = radiusRight * world.random.uniform(0.5, 0.8);
  const up = radiusUp * 0.75;
  const ring = roughRing(world, 0, up, radiusRight, radiusUp, 0.25, world.random.uniform(0, 90));
  return { crowns: [{ ring, right: 0, up, radiusRight, radiusUp }], trunk: 0, thick: 0 };
}

function growBroad(world: World, slim: boolean): Growth {
  const { random } = world;
  const height = slim ? random.uniform(8, 13) : random.uniform(5, 10);
  const width = height * (slim ? 0.13 : random.uniform(0.3, 0.46));
  const trunk = height * (slim ? 0.14 : random.uniform(0.22, 0.34));
  const shift = random.uniform(0, 90);
  const parts = slim ? 1 : random.integer(1, 3);
  const crowns = Array.from({ length: parts }, (_, part): Crown => {
    const first = part === 0;
    const share = first ? 1 : random.uniform(0.5, 0.7);
    const right = first ? 0 : random.uniform(-0.7, 0.7) * width;
    const up = trunk + (height - trunk) * (0.48 + (first ? 0 : random.uniform(-0.25, 0.3)));
    const radiusRight = width * share;
    const radiusUp = (height - trunk) * 0.54 * share;
    return { ring: roughRing(world, right, up, radiusRight, radiusUp, slim ? 0.16 : 0.26, shift + part), right, up, radiusRight, radiusUp };
  });
  return { crowns, trunk, thick: height * 0.055 };
}

function grow(world: World, kind: Kind): Growth {
  if (kind === 'conifer') return growConifer(world);
  return kind === 'bush' ? growBush(world) : growBroad(world, kind === 'poplar');
}

export function tree(world: World, place: Place, species: Species): Thing {
  const { random, season } = world;
  const leaves = varied(random, species.leaves, 0.12);
  const bark = varied(random, hex(0x5c4a3a), 0.2);
  const bare = season === 'winter' && species.kind !== 'conifer';
  const depth = bare ? 0.95 : random.uniform(0.55, 0.85);
  const { crowns, trunk, thick } = grow(world, species.kind);
  return {
    place,
    outline: crowns[0]!.ring,
    draw() {
      if (trunk > 0) paintFace(world, place, bar(0, -0.1, 0, trunk * 1.4, thick), { colour: bark, label: TREE, grain: 0.3, size: 0.3 });
      for (const crown of crowns) paintCrown(world, place, crown, leaves, depth);
    },
  };
}
