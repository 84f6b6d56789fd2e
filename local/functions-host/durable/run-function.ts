import type { FunctionDefinition } from '../functions.js';
import type { TypedData } from '../protocol.js';
import type { InvocationResult } from '../supervisor.js';
import { TransientError } from './episode.js';
import type { HubParts } from './parts.js';
import type { FailureDetails } from './types.js';

type Done = { value: unknown; error?: undefined } | { error: { message: string; stack?: string } };

/** The value a function returned. */
function returned(data: TypedData | null | undefined): unknown {
  if (!data) return undefined;
  if (data.json !== undefined) return JSON.parse(data.json);
  if (data.bytes !== undefined) return Buffer.from(data.bytes).toString('base64');
  return data.string ?? data.int ?? data.double;
}

function settle(result: InvocationResult): Done {
  if (result.ok) return { value: returned(result.returnValue) };
  if (result.reason === 'workerExited' || result.reason === 'unavailable') {
    throw new TransientError(result.error.message);
  }
  return { error: result.error };
}

/**
 * Runs one durable function.
 * @param json input as JSON text
 * @throws TransientError when the worker went away: the call says nothing about the function
 */
export async function runFunction(
  parts: HubParts,
  fn: FunctionDefinition,
  call: { json: string; reason: string; instanceId: string },
): Promise<Done> {
  const result = await parts.invoker.invoke(fn, {
    reason: call.reason,
    input: { json: call.json },
    triggerMetadata: { instanceId: { string: call.instanceId } },
  });
  return settle(result);
}

interface StructuredError {
  errorType?: unknown;
  errorMessage?: unknown;
  stackTrace?: string;
  isNonRetriable?: boolean;
  properties?: Record<string, unknown>;
  innerFailure?: StructuredError;
}

function toDetails(source: StructuredError): FailureDetails | undefined {
  if (typeof source.errorType !== 'string' || typeof source.errorMessage !== 'string') return undefined;
  return {
    ErrorType: source.errorType,
    ErrorMessage: source.errorMessage,
    StackTrace: source.stackTrace,
    IsNonRetriable: source.isNonRetriable ?? false,
    Properties: source.properties,
    InnerFailure: source.innerFailure && toDetails(source.innerFailure),
  };
}

/** Failure details an app with an exception properties provider puts into the message of what it throws. */
export function readFailureDetails(message: string): FailureDetails | undefined {
  if (!message.startsWith('{')) return undefined;
  try {
    return toDetails(JSON.parse(message) as StructuredError);
  } catch {
    return undefined;
  }
}
