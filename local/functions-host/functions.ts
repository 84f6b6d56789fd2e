import { HostError } from './errors.js';
import type { BindingInfo, FunctionMetadata } from './protocol.js';
import type { Settings } from './settings.js';

/** One function with its trigger found and its settings filled in. */
export interface FunctionDefinition {
  readonly name: string;
  readonly metadata: FunctionMetadata;
  /** The trigger binding, every `%SETTING%` replaced. */
  readonly trigger: BindingInfo;
  /** Name under which the trigger's data is sent. */
  readonly triggerName: string;
  /** Binding type in lower case, for example `eventhubtrigger`. */
  readonly triggerType: string;
  /** Further input bindings, their types in lower case. */
  readonly inputs: readonly { name: string; type: string }[];
}

/** Output bindings: only the answer of an HTTP function. */
const SUPPORTED_OUTPUTS = new Set(['http']);
/** Input bindings: the client of Durable Functions, under its present and its former name. */
const SUPPORTED_INPUTS = new Set(['durableclient', 'orchestrationclient']);

function resolveStrings(value: unknown, settings: Settings): unknown {
  if (typeof value === 'string') return settings.resolve(value);
  if (Array.isArray(value)) return value.map((item) => resolveStrings(item, settings));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, resolveStrings(item, settings)]),
    );
  }
  return value;
}

function isTrigger(binding: BindingInfo): boolean {
  return /trigger$/i.test(binding.type ?? '');
}

/**
 * Finds the trigger of a registered function and checks its other bindings.
 * @throws HostError `binding-unsupported`, `binding-invalid` or `setting-missing`, naming the function
 */
export function defineFunction(
  metadata: FunctionMetadata,
  settings: Settings,
  supportedTriggers: ReadonlySet<string>,
): FunctionDefinition {
  const entries = Object.entries(metadata.bindings);
  for (const [, binding] of entries) {
    const type = binding.type ?? '';
    const supported = isTrigger(binding)
      ? supportedTriggers.has(type.toLowerCase())
      : (binding.direction === 'out' ? SUPPORTED_OUTPUTS : SUPPORTED_INPUTS).has(type.toLowerCase());
    if (!supported) {
      throw new HostError(
        'binding-unsupported',
        `function "${metadata.name}": binding type "${type}" (${binding.direction ?? 'in'}) is not supported by the local host`,
      );
    }
  }
  const [triggerName, binding] = entries.find(([, candidate]) => isTrigger(candidate)) ?? [];
  if (!triggerName || !binding) {
    throw new HostError('binding-invalid', `function "${metadata.name}" has no trigger binding`);
  }
  try {
    return {
      name: metadata.name,
      metadata,
      trigger: resolveStrings(binding, settings) as BindingInfo,
      triggerName,
      triggerType: (binding.type ?? '').toLowerCase(),
      inputs: entries
        .filter(([, candidate]) => !isTrigger(candidate) && candidate.direction !== 'out')
        .map(([name, candidate]) => ({ name, type: (candidate.type ?? '').toLowerCase() })),
    };
  } catch (error) {
    throw inFunction(metadata.name, error);
  }
}

/** Puts the function's name in front of a host error; other errors pass unchanged. */
export function inFunction(name: string, error: unknown): unknown {
  if (!(error instanceof HostError)) return error;
  return new HostError(error.code, `function "${name}": ${error.message}`, { cause: error });
}

/** True when `AzureWebJobs.<name>.Disabled` switches the function off. */
export function isDisabled(name: string, settings: Settings): boolean {
  const value =
    settings.get(`AzureWebJobs.${name}.Disabled`) ?? settings.get(`AzureWebJobs__${name}__Disabled`);
  return value !== undefined && /^(true|1)$/i.test(value.trim());
}
