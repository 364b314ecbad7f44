// A tap on Callbus with the JavaScript client of NATS, for the tests in test/peers. It prints one line of JSON for each
// thing that it sees.
//
//   node tap.mjs read URL CREDS NAME COUNT        events, through the consumer that "callbus tap add NAME" has made
//   node tap.mjs live URL SUBJECT COUNT           as a guest: {"listening"}, then the messages of a subject
//   node tap.mjs try URL CREDS|guest ACK-SUBJECT  everything that guests and taps must not do: {"what", "denied" | "answer"}
//   node tap.mjs stranger URL                     connects with a key that nobody has given out: {"refused"}

import { readFile } from "node:fs/promises";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";
import { jetstream } from "@nats-io/jetstream";
import { createUser } from "@nats-io/nkeys";

const say = (line) => console.log(JSON.stringify(line));

// credentials takes the seed out of its decoration, as in
//   -----BEGIN USER NKEY SEED-----
//   SU…
//   ------END USER NKEY SEED------
async function credentials(file) {
  const text = await readFile(file, "utf8");
  const seed = text.match(/-----BEGIN USER NKEY SEED-----\s+(\S+)\s+-+END USER NKEY SEED-+/)[1];
  return { authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)) };
}

const open = async (url, creds) => connect({ servers: url, reconnect: false, ...(creds === "guest" ? {} : await credentials(creds)) });

const headers = (m) => Object.fromEntries([...(m.headers ?? [])].map(([name, values]) => [name, values[0]]));

async function read(url, creds, name, count) {
  const nc = await open(url, creds);
  const consumer = await jetstream(nc).consumers.get("CALLS", "tap-" + name);
  for await (const m of await consumer.fetch({ max_messages: Number(count), expires: 10_000 })) {
    say({ subject: m.subject, sequence: m.seq, headers: headers(m), event: m.json() });
    await m.ackAck();
  }
  await nc.close();
}

async function live(url, subject, count) {
  const nc = await open(url, "guest");
  const messages = nc.subscribe(subject, { max: Number(count) });
  await nc.flush();
  say({ listening: subject });
  for await (const m of messages) {
    say({ subject: m.subject, headers: headers(m), event: m.json() });
  }
  await nc.close();
}

// Subjects that a guest may not hear. What he may is tried beside them, so that "denied" is not all that he ever gets.
const secrets = [">", "*.incoming", "$JS.>", "$JS.ACK.>", "_INBOX.>", "$KV.>", "onec.>", "again.>", "hits.>", "phones.>"];
const open_to_all = ["calls.>", "calls.incoming", "lines.>", "lines.101.>"];

// What a guest may not say. Where the server answers, the answer comes to lines.answer.*, which guests may hear. The
// order lets each of them work for somebody who may.
const deeds = (ack) => [
  ["acknowledge somebody's message", ack, "+ACK"],
  ["publish an event", "calls.incoming", "{}"],
  ["publish a live copy", "lines.101.incoming", "{}"],
  ["send again to a target", "again.main.incoming", "{}"],
  ["write to the registry", "$KV.TARGETS.main", "{}"],
  ["publish to an inbox", "_INBOX.somebody", "{}"],
  ["read a message", "$JS.API.STREAM.MSG.GET.CALLS", { seq: 1 }],
  ["read a message directly", "$JS.API.DIRECT.GET.CALLS", { seq: 1 }],
  ["list the streams", "$JS.API.STREAM.NAMES", ""],
  ["delete a message", "$JS.API.STREAM.MSG.DELETE.CALLS", { seq: 1 }],
  ["create a stream", "$JS.API.STREAM.CREATE.EVIL", { name: "EVIL", subjects: ["evil.>"], storage: "memory", retention: "limits", max_consumers: -1, max_msgs: -1, max_bytes: 1024, num_replicas: 1 }],
  ["create a durable consumer", "$JS.API.CONSUMER.DURABLE.CREATE.CALLS.evil", { stream_name: "CALLS", config: { durable_name: "evil", ack_policy: "explicit", deliver_policy: "all" } }],
  ["have a stream played to a subject", "$JS.API.CONSUMER.CREATE.CALLS.player", { stream_name: "CALLS", config: { name: "player", deliver_subject: "lines.player", ack_policy: "none", deliver_policy: "all" } }],
  ["pull from a consumer", "$JS.API.CONSUMER.MSG.NEXT.CALLS.evil", { batch: 1, no_wait: true }],
  ["delete a consumer", "$JS.API.CONSUMER.DELETE.CALLS.evil", ""],
  ["purge a stream", "$JS.API.STREAM.PURGE.CALLS", ""],
  ["delete a stream", "$JS.API.STREAM.DELETE.CALLS", ""],
];

// violations collects what the server complains of.
function violations(nc) {
  const seen = [];
  (async () => {
    for await (const s of nc.status()) {
      if (s.type === "error") {
        seen.push(String(s.error.message));
      }
    }
  })();
  return seen;
}

// The server answers in order: its complaint about a message comes before the PONG of the flush that followed it. The
// status reaches our loop a turn of the event loop later.
async function settled(nc) {
  await nc.flush();
  await new Promise((resume) => setImmediate(resume));
}

async function tryAll(url, creds, ack) {
  const nc = await open(url, creds);
  const seen = violations(nc);
  for (const subject of [...secrets, ...open_to_all]) {
    const before = seen.length;
    nc.subscribe(subject, { callback: () => {} });
    await settled(nc);
    say({ what: "hear " + subject, denied: seen.slice(before).join("; ") || undefined });
  }
  for (const [number, [what, subject, payload]] of deeds(ack).entries()) {
    const before = seen.length;
    let answer;
    nc.subscribe("lines.answer." + number, { callback: (_, m) => { answer = m.string() || "headers " + JSON.stringify(headers(m)); } });
    nc.publish(subject, typeof payload === "string" ? payload : JSON.stringify(payload), { reply: "lines.answer." + number });
    await settled(nc);
    for (let waited = 0; waited < 500 && answer === undefined && seen.length === before; waited += 5) {
      await new Promise((resume) => setTimeout(resume, 5));
    }
    say({ what, denied: seen.slice(before).join("; ") || undefined, answer });
  }
  await nc.close();
}

async function stranger(url) {
  try {
    const nc = await connect({ servers: url, reconnect: false, authenticator: nkeyAuthenticator(createUser().getSeed()) });
    await nc.close();
    say({ refused: "" });
  } catch (err) {
    say({ refused: String(err.message) });
  }
}

const [mode, ...rest] = process.argv.slice(2);
await { read, live, try: tryAll, stranger }[mode](...rest);
