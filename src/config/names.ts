/** Words that the configuration and the command line both know. Imports nothing, so that `--help` is instant. */
export const methods = ['supervised', 'st', 'stpp', 'fixmatch', 'unimatch', 'dssn'] as const;
export const backbones = ['resnet10', 'resnet18', 'resnet34', 'resnet50', 'resnet101', 'xception'] as const;
/** What of a validation image the network sees. */
export const evalModes = ['original', 'center_crop', 'sliding_window'] as const;
/** What `--weights` takes beside a file. */
export const weightsChoices = ['teacher-best', 'best', 'teacher-latest', 'latest'] as const;
/** What `dssn runs` sorts by. */
export const runSortKeys = [
  ...(['name', 'method', 'seed', 'status', 'iterations', 'started', 'time'] as const),
  ...(['student-last', 'student-best', 'teacher-last', 'teacher-best'] as const),
] as const;
