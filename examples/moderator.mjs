// Refuses links and stars out bad words (policy admit). NATS_URL says where NATS is.
import { connect } from '@nats-io/transport-node';

const nc = await connect({ servers: process.env.NATS_URL ?? 'nats://127.0.0.1:4222' });
for await (const msg of nc.subscribe('goim.admit.*', { queue: 'moderators' })) {
  const { body = '' } = msg.json();
  const refusal = { code: 403, reason: 'no_links', message: 'no links here' };
  const passed = body ? { body: body.replaceAll('damn', '****') } : {};
  msg.respond(JSON.stringify(body.includes('http') ? { error: refusal } : passed));
}
