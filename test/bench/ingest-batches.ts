import { decode } from "../../collector/receive/decode.ts";
import { ByteWriter } from "../../collector/record/byte-writer.ts";
import { traceRequest, writeSpan } from "../../collector/record/otlp-encode.ts";
import { toSpans } from "../../collector/record/to-span.ts";
import { draft } from "../unit/audit/drafts.ts";

/** One request's spans, as OTLP and as the block that the store gets. */
export interface IngestBatch {
  readonly name: string;
  readonly spans: number;
  readonly otlp: Buffer;
  readonly native: Buffer;
}

const LIMITS = { maxBodyBytes: 64 << 20, maxDecompressedBytes: 64 << 20, maxInFlight: 16 };

/** Batches as the spool's exporter cuts them, of records with every field of a governed call, two spans each. */
export function ingestBatches(plan: { producer: string; firstSeq: number; batches: number; spans: number }): IngestBatch[] {
  const { producer } = plan;
  const records = plan.spans / 2;
  const resource = {
    attributes: [["service.name", "signalbox-proxy"], ["service.instance.id", producer], ["service.version", "0.1.0"]] as const,
    scopeName: "mcp-signalbox",
    scopeVersion: "0.1.0",
  };
  return Array.from({ length: plan.batches }, (_, i) => {
    const first = plan.firstSeq + i * records;
    const out = new ByteWriter(1 << 20);
    for (let seq = first; seq < first + records; seq++) {
      const varied = { agent: `agent-${seq % 17}`, tool: `tool-${seq % 40}`, server: `server-${seq % 12}`, taskId: `task-${seq >> 5}` };
      const hash = (seq * 2654435761).toString(16).padStart(64, "0");
      for (const span of toSpans({ ...draft(seq, varied), producer, seq, prevHash: hash, hash })) writeSpan(out, span);
    }
    const otlp = Buffer.concat(traceRequest(resource, [out.written()]));
    return { name: `${producer}:${first}-${first + records - 1}`, spans: plan.spans, otlp, native: Buffer.concat(decode(otlp, "protobuf", LIMITS).native()) };
  });
}
