import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createContext, Script } from 'node:vm';

/** The few members of Microsoft's bridge-compiled parser that the adapter touches. */
export interface BridgeNode {
  readonly Kind: number;
  readonly Text?: string;
  readonly TextStart: number;
  readonly NameInParent: string | null;
  readonly ChildCount?: number;
  readonly Value?: unknown;
  GetChild?(index: number): BridgeNode | null;
}

export interface BridgeDiagnostic {
  readonly Code: string;
  readonly Severity: string;
  readonly Message: string;
  readonly Start: number;
}

export interface BridgeParser {
  parse(text: string): { readonly root: BridgeNode; readonly diagnostics: readonly BridgeDiagnostic[] };
  kindName(kind: number): string;
  /** Whether a name is a word of the query language that must stand in brackets to mean a column or table. */
  needsBrackets(name: string): boolean;
  /** Names of every built-in scalar function, aggregate and plug-in that real Kusto has. */
  builtInNames(): ReadonlySet<string>;
}

interface BridgeGlobals {
  readonly Kusto: {
    readonly Language: {
      readonly KustoCode: { Parse(text: string): { Syntax: BridgeNode; GetDiagnostics(): unknown } };
      readonly KustoFacts: { CanBeIdentifier(text: string): boolean };
      readonly Syntax: { readonly SyntaxKind: Record<string, number> };
      readonly Functions: { readonly All: unknown };
      readonly Aggregates: { readonly All: unknown };
    };
  };
  readonly Bridge: { toArray(list: unknown): unknown[] };
}

const PACKAGE = '@kusto/language-service-next/package.json';
const SCRIPTS = ['bridge.min.js', 'Kusto.Language.Bridge.min.js'];

function runScripts(): BridgeGlobals {
  const folder = dirname(createRequire(import.meta.url).resolve(PACKAGE));
  // A context of its own: the runtime defines globals and extends Object, which must stay in here.
  const context = createContext({ console, setTimeout, clearTimeout });
  for (const name of SCRIPTS) {
    const path = join(folder, name);
    new Script(readFileSync(path, 'utf8'), { filename: path }).runInContext(context);
  }
  return context as unknown as BridgeGlobals;
}

let loaded: BridgeParser | undefined;

/** Loads the parser at the first call (about 0.2 s; the first parse costs about 0.9 s more). */
export function bridgeParser(): BridgeParser {
  loaded ??= createParser(runScripts());
  return loaded;
}

function createParser(globals: BridgeGlobals): BridgeParser {
  const language = globals.Kusto.Language;
  const kinds = new Map<number, string>();
  for (const [name, value] of Object.entries(language.Syntax.SyntaxKind)) {
    if (typeof value === 'number') kinds.set(value, name);
  }
  let names: ReadonlySet<string> | undefined;
  return {
    parse(text) {
      const code = language.KustoCode.Parse(text);
      const diagnostics = globals.Bridge.toArray(code.GetDiagnostics()) as BridgeDiagnostic[];
      return { root: code.Syntax, diagnostics };
    },
    kindName: (kind) => kinds.get(kind) ?? String(kind),
    needsBrackets: (name) => !language.KustoFacts.CanBeIdentifier(name),
    builtInNames() {
      names ??= new Set(
        [language.Functions.All, language.Aggregates.All]
          .flatMap((all) => globals.Bridge.toArray(all) as { Name: string }[])
          .map((symbol) => symbol.Name),
      );
      return names;
    },
  };
}
