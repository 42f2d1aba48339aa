#!/usr/bin/env node
// Exits with 0 where the URL answers with a success within three seconds: the images have no curl.
try {
  const { ok } = await fetch(process.argv[2], { signal: AbortSignal.timeout(3_000) });
  process.exitCode = ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
