// A path and a mapping in; the file's content, its rows, and the plan of what each of them becomes, out.
import { systemClock as clock } from "./clock.ts";
import { condor as contract } from "./endpoint/condor.ts";
import type { EncodingName } from "./open/encoding.ts";
import { openSource, type Source } from "./open/source.ts";
import { openReader } from "./parse/reader.ts";
import type { Reader } from "./parse/row.ts";
import { type MappedPlan, makePlan } from "./plan/make-plan.ts";
import type { MappingSettings } from "./plan/plan.ts";

export interface InputRequest {
  /** A path; `-` for standard input. */
  readonly file: string;
  readonly mapping: MappingSettings;
  readonly settings: { readonly dataDir: string; readonly encoding?: EncodingName | null };
  /** Throws where the content is not what was expected: before anything else is found wrong with it. */
  accept?(source: Source): void;
}

export interface Input {
  readonly source: Source;
  readonly reader: Reader;
  readonly plan: MappedPlan;
}

/** Opens a file of rows and makes the plan of what each of them becomes. The caller closes `source`. */
export async function openInput(request: InputRequest): Promise<Input> {
  const source = await openSource(request.file, request.settings);
  try {
    request.accept?.(source);
    const reader = await openReader(source);
    const { columns } = reader;
    const { format, name: fileName } = source;
    const today = new Date(clock.wall()).toISOString().slice(0, 10);
    return {
      source,
      reader,
      plan: makePlan({ columns, format, settings: request.mapping, contract, today, fileName }),
    };
  } catch (error) {
    await source.close();
    throw error;
  }
}
