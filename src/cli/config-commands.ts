import { applyTables } from '../checks/apply.js';
import type { CheckReport } from '../checks/codes.js';
import { describeConfig } from '../config/describe.js';
import { checkConfig } from '../config/load-config.js';
import { formatMistake } from '../config/mistakes.js';
import type { Config } from '../config/types.js';
import type { Command, Invocation } from './command.js';
import { text } from './command.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { toJson } from './output.js';

const fileOption = {
  file: {
    type: 'string',
    value: 'PATH',
    doc: 'The file; by default pipeline.yaml, or app setting PIPELINE_FILE.',
  },
} as const;

interface Read {
  readonly config?: Config;
  readonly path: string;
  readonly mistakes: readonly string[];
  readonly warnings: readonly string[];
  readonly settingsMissing: boolean;
}

function read({ deps, values }: Invocation): Read {
  const source = deps.readConfig(text(values, 'file'));
  const { config, mistakes, warnings } = checkConfig(source);
  const lines = mistakes.map((mistake) => formatMistake(source.path, mistake));
  const settingsMissing = mistakes.some(({ missingSetting }) => missingSetting !== undefined);
  return {
    path: source.path,
    settingsMissing,
    mistakes: lines,
    warnings,
    ...(config === undefined ? {} : { config }),
  };
}

function tellMistakes({ deps }: Invocation, { path, mistakes, settingsMissing }: Read): void {
  deps.output.err(
    mistakes.length === 1 ? `1 mistake in ${path}:` : `${mistakes.length} mistakes in ${path}:`,
  );
  for (const line of mistakes) {
    deps.output.err(`  ${line}`);
  }
  if (settingsMissing) {
    deps.output.err(
      'On a laptop, local.settings.json holds the app settings; copy local.settings.sample.json to begin.',
    );
  }
}

async function check(invocation: Invocation): Promise<ExitCode> {
  const { deps, json } = invocation;
  const found = read(invocation);
  const { config, mistakes, warnings } = found;
  if (json) {
    const described = config === undefined ? undefined : describeConfig(config);
    deps.output.out(toJson({ ok: config !== undefined, mistakes, warnings, config: described }));
    return config === undefined ? exitCodes.usage : exitCodes.ok;
  }
  if (config === undefined) {
    tellMistakes(invocation, found);
    return exitCodes.usage;
  }
  deps.output.out(`${found.path} is right.`);
  deps.output.out(`  cluster  ${config.kusto.engineUrl} (data goes to ${config.kusto.ingestUrl})`);
  for (const { name, eventHub, route } of config.sources) {
    const target = `${route.database}.${route.table}`;
    deps.output.out(
      `  source   ${name}: event hub ${eventHub.name} → ${target} (${route.format}, ${route.delivery})`,
    );
  }
  deps.output.out(`  http     ${config.http.tables.join(', ') || 'no tables'}`);
  for (const warning of warnings) {
    deps.output.out(`  warning  ${warning}`);
  }
  return exitCodes.ok;
}

export const checkCommand: Command = {
  name: 'check',
  usage: 'check [--file PATH]',
  summary: 'Read pipeline.yaml and the app settings, and list every mistake.',
  details: [
    'Asks nobody: it needs neither the app nor the cluster. App settings come from the environment and, on a laptop,',
    'from local.settings.json. Secrets are not printed.',
  ],
  options: fileOption,
  positionals: { min: 0, max: 0 },
  run: check,
};

async function apply(invocation: Invocation): Promise<ExitCode> {
  const { deps, json } = invocation;
  const found = read(invocation);
  if (found.config === undefined) {
    tellMistakes(invocation, found);
    return exitCodes.usage;
  }
  const { config } = found;
  const client = await deps.openKusto(config);
  const result = await applyTables(client, config, (step) => {
    if (!json) {
      deps.output.out(`${step.outcome.padEnd(9)}  ${step.table}  ${step.what}  ${step.message}`);
    }
  });
  if (json) {
    deps.output.out(toJson(result));
  } else if (result.steps.length === 0) {
    deps.output.out(`${found.path} defines no tables; there is nothing to do.`);
  }
  return result.ok ? exitCodes.ok : exitCodes.failed;
}

export const applyCommand: Command = {
  name: 'apply',
  usage: 'apply [--file PATH]',
  summary: 'Create the tables, mappings and policies of pipeline.yaml, or bring them up to date.',
  details: [
    'Talks to the cluster directly, with `kusto.auth`. Adds columns, replaces mappings, sets the named policies;',
    'drops nothing and changes no type. A repeat changes nothing.',
  ],
  options: fileOption,
  positionals: { min: 0, max: 0 },
  run: apply,
};

function tellReport({ deps, json }: Invocation, report: CheckReport): ExitCode {
  if (json) {
    deps.output.out(toJson(report));
  } else {
    for (const { name, ok, warning, message, code, fix } of report.checks) {
      const state = ok ? 'ok  ' : warning === true ? 'warn' : 'FAIL';
      deps.output.out(`${state}  ${name}: ${message}${ok ? '' : ` (${code})`}`);
      if (!ok) {
        deps.output.out(`        → ${fix}`);
      }
    }
    deps.output.out(report.ok ? 'Ready.' : 'Not ready: mend what failed, then run doctor again.');
  }
  return report.ok ? exitCodes.ok : exitCodes.failed;
}

async function doctor(invocation: Invocation): Promise<ExitCode> {
  const { deps, values, api } = invocation;
  if (values['local'] !== true) {
    const { json } = await api.call({ method: 'GET', path: '/doctor' });
    return tellReport(invocation, json as CheckReport);
  }
  const found = read(invocation);
  if (found.config === undefined) {
    tellMistakes(invocation, found);
    return exitCodes.usage;
  }
  return tellReport(invocation, await deps.runChecks(found.config));
}

export const doctorCommand: Command = {
  name: 'doctor',
  usage: 'doctor [--local [--file PATH]]',
  summary: 'Check everything ingestion needs, and name what mends each failure.',
  details: [
    'Asks the running app to run its start-up checks again. With --local they run here, with the pipeline.yaml and the',
    'app settings of this machine, which helps while no app is running yet.',
  ],
  options: {
    local: { type: 'boolean', doc: 'Run the checks here instead of in the app.' },
    ...fileOption,
  },
  positionals: { min: 0, max: 0 },
  run: doctor,
};
