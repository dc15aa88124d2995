// Server-sent events over fetch: a browser's EventSource cannot send a key.

import { problem, request } from "./door.js";

// Calls `onEvent(name, data)` for each event, and returns when the stream ends; throws what the server says against it.
export async function follow(path, signal, onOpen, onEvent) {
  const response = await request(path, { signal });
  if (!response.ok) throw await problem(response);
  onOpen();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (text + value).split(/\r?\n\r?\n/);
    text = parts.pop();
    for (const part of parts) tell(part, onEvent);
  }
}

function tell(part, onEvent) {
  const fields = part.split(/\r?\n/).map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
  const of = (name) => fields.filter(([field]) => field === name).map(([, value]) => value).join("\n");
  if (of("data")) onEvent(of("event"), JSON.parse(of("data")));
}
