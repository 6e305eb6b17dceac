/**
 * Which part of a checkpoint are the network's weights. A file is a state dict itself, or holds one beside the optimiser, the
 * epoch and scores: `{'model': {...}, 'optimizer': {...}, 'epoch': 12, 'previous_best': 71.25}`.
 */
import { shown } from '../base/shown.ts';
import { fail, type PickleDict, type PickleValue } from './pth-pickle.ts';
import { TensorView } from './pth-tensor.ts';

/** Entries that hold the weights by custom of the field, the first that is there. */
const usual = ['model', 'state_dict'];
/** Names of entries that may hold them; taken only where there is one. */
const likely = /teacher|student|model|net|ema|weights/i;
/** What DistributedDataParallel puts before every name. */
const parallelPrefix = 'module.';

export interface ChosenWeights {
  /** The entry they were found under; null where the file is the state dict itself. */
  readonly entry: string | null;
  readonly tensors: ReadonlyMap<string, TensorView>;
  /** The other entries: plain numbers with their value. */
  readonly others: ReadonlyMap<string, number | null>;
}

/** A dictionary of tensors by name. @throws CheckpointError that names what else is in it. */
function stateDict(dict: PickleDict, what: string): Map<string, TensorView> {
  const tensors = new Map<string, TensorView>();
  for (const [name, value] of dict) {
    if (typeof name !== 'string' || !(value instanceof TensorView))
      return fail(`${what} '${shown(String(name))}' is no tensor: ${kindOf(value)}`);
    tensors.set(name, value);
  }
  if (![...tensors.keys()].every((name) => name.startsWith(parallelPrefix))) return tensors;
  return new Map([...tensors].map(([name, tensor]) => [name.slice(parallelPrefix.length), tensor]));
}

function kindOf(value: PickleValue): string {
  if (value instanceof TensorView) return `a tensor [${value.shape.join(', ')}]`;
  if (value instanceof Map) return holdsTensors(value) ? `${value.size} tensors` : `a dictionary of ${value.size} entries`;
  if (typeof value === 'string') return 'a text';
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  return Array.isArray(value) ? `a list of ${value.length}` : 'something else';
}

/** A dictionary may stand under many names: it is looked through once. */
const judged = new WeakMap<PickleDict, boolean>();

/** Whether a dictionary is a state dict: not empty, and of tensors alone. */
function holdsTensors(dict: PickleDict): boolean {
  const known = judged.get(dict);
  if (known !== undefined) return known;
  let all = dict.size > 0;
  for (const value of dict.values()) {
    all &&= value instanceof TensorView;
    if (!all) break;
  }
  judged.set(dict, all);
  return all;
}

function listed(root: PickleDict): string {
  const most = 20;
  const entries = [...root].slice(0, most).map(([name, value]) => `${shown(String(name))} (${kindOf(value)})`);
  return entries.join(', ') + (root.size > most ? ` and ${root.size - most} more` : '');
}

function entryOf(root: PickleDict): string | null {
  const custom = usual.find((name) => root.get(name) instanceof Map);
  if (custom !== undefined) return custom;
  if ([...root.values()].some((value) => value instanceof TensorView)) return null;
  const found = [...root].filter(
    ([name, value]) => typeof name === 'string' && likely.test(name) && value instanceof Map && holdsTensors(value),
  );
  const [only, ...more] = found.map(([name]) => String(name));
  if (only !== undefined && more.length === 0) return only;
  return fail(
    `${only === undefined ? 'no entry holds' : `${found.length} entries may hold`} the weights of the network; its entries: ${listed(root) || 'none'}; allowed: a state dict, or one under ${usual.join(' or ')}, or under one other name such as teacher or student`,
  );
}

/** The network's weights of a checkpoint; `module.` is taken off where all names have it. */
export function chooseWeights(root: PickleValue): ChosenWeights {
  if (!(root instanceof Map)) return fail(`it holds ${kindOf(root)}; allowed: a dictionary of tensors, or of entries one of which is that`);
  const entry = entryOf(root);
  if (entry === null) return { entry, tensors: stateDict(root, 'its entry'), others: new Map() };
  const others = [...root].filter(([name]) => name !== entry);
  return {
    entry,
    tensors: stateDict(root.get(entry) as PickleDict, `entry '${entry}':`),
    others: new Map(others.map(([name, value]) => [String(name), typeof value === 'number' ? value : null])),
  };
}
