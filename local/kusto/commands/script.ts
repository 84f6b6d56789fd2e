import { randomUUID } from 'node:crypto';
import { KustoError } from '../errors.js';
import type { Cell } from '../store/types.js';
import { onDatabase } from './entities.js';
import { withoutSecrets } from './lexer.js';
import { columns, resultTable } from './results.js';
import { booleanProperty, checkProperties } from './schema.js';
import type { CommandContext, CommandDefinition, CommandPlan } from './types.js';

const RESULTS = columns('OperationId:guid, CommandType, CommandText, Result, Reason');
/** Commands of one script. */
const MAX_COMMANDS = 10_000;

/**
 * The commands of a script: each begins on a line of its own with a dot, and goes on until the next such line.
 * Lines of a fenced literal do not count.
 */
export function splitScript(script: string): readonly string[] {
  const commands: string[] = [];
  let isFenced = false;
  for (const line of script.split('\n')) {
    const isStart = !isFenced && line.trimStart().startsWith('.');
    if (isStart || commands.length === 0) {
      commands.push(line);
    } else {
      commands[commands.length - 1] += `\n${line}`;
    }
    const fences = line.split(/```|~~~/).length - 1;
    isFenced = fences % 2 === 1 ? !isFenced : isFenced;
  }
  return commands.map(withoutComments).filter((command) => command !== '');
}

/** Comment lines before and after a command belong to no command. */
function withoutComments(command: string): string {
  const lines = command.split('\n');
  const isIdle = (line: string | undefined) => line !== undefined && /^\s*(\/\/.*)?$/.test(line);
  while (isIdle(lines[0])) {
    lines.shift();
  }
  while (isIdle(lines.at(-1))) {
    lines.pop();
  }
  return lines.join('\n').trim().replace(/;$/, '');
}

type Row = readonly Cell[];

async function runOne(context: CommandContext, text: string): Promise<Row> {
  const id = randomUUID();
  if (/^\.\s*show\b/i.test(text)) {
    return [id, 'Show', text, 'Skipped', 'A .show command is not run in a script'];
  }
  try {
    const { kind } = await context.command(text);
    return [id, kind, text, 'Completed', ''];
  } catch (error) {
    return [id, 'Unknown', text, 'Failed', error instanceof Error ? error.message : String(error)];
  }
}

async function runScript(
  context: CommandContext,
  commands: readonly string[],
  mode: { readonly continues: boolean; readonly throws: boolean },
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let hasFailed = false;
  for (const text of commands) {
    if (hasFailed && !mode.continues) {
      rows.push([randomUUID(), 'Unknown', text, 'Skipped', 'An earlier command failed']);
      continue;
    }
    const row = await runOne(context, text);
    rows.push(row);
    hasFailed ||= row[3] === 'Failed';
  }
  if (hasFailed && mode.throws) {
    const failed = rows.find((row) => row[3] === 'Failed') as Row;
    throw new KustoError(
      `The script failed at '${withoutSecrets(String(failed[2])).slice(0, 200)}': ${failed[4]}`,
      {
        status: 400,
        code: 'BadRequest_DatabaseScript',
      },
    );
  }
  return rows;
}

const execute: CommandDefinition = {
  pattern: 'execute [database] script',
  kind: 'DatabaseScriptExecute',
  parse(reader, _matched, request): CommandPlan {
    const properties = reader.properties();
    checkProperties(properties, ['continueonerrors', 'throwonerrors'], '.execute database script');
    const continues = booleanProperty(properties, 'continueonerrors') === true;
    const throws = booleanProperty(properties, 'throwonerrors') === true;
    reader.symbol('<|');
    const commands = splitScript(reader.takeRest());
    if (commands.length > MAX_COMMANDS) {
      throw reader.error(`a script has at most ${MAX_COMMANDS} commands`);
    }
    return {
      access: onDatabase('user', request),
      run: async (context) => resultTable(RESULTS, await runScript(context, commands, { continues, throws })),
    };
  },
};

/** Several commands in one, not transactional. */
export const SCRIPT_COMMANDS: readonly CommandDefinition[] = [execute];
